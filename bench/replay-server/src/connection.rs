//! One HTTP connection: requests are read one after another; an event stream is its last.

use std::io::Result;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bus::{Bus, Piece};
use crate::feed::Plan;
use crate::{pace, records};

pub async fn serve(mut socket: TcpStream, bus: Bus) {
    // A client that goes away in the middle is no news.
    let _ = answer_all(&mut socket, &bus).await;
}

async fn answer_all(socket: &mut TcpStream, bus: &Bus) -> Result<()> {
    let mut unread = Vec::new();
    while let Some(request) = read(socket, &mut unread).await? {
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path == "/event" {
            return stream(socket, bus).await;
        }
        let (status, body) = answer(bus, method, path, query);
        let head = format!(
            "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).await?;
    }
    Ok(())
}

/// The first line of the next request; its body is read over.
async fn read(socket: &mut TcpStream, unread: &mut Vec<u8>) -> Result<Option<String>> {
    loop {
        if let Some(head) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&unread[..head]).into_owned();
            let length = text
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if unread.len() >= head + 4 + length {
                unread.drain(..head + 4 + length);
                return Ok(text.lines().next().map(str::to_owned));
            }
        }
        if socket.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
}

fn answer(bus: &Bus, method: &str, path: &str, query: &str) -> (u16, String) {
    let words: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, words.as_slice()) {
        ("POST", ["bench"]) => {
            bus.plan(Plan::parse(query));
            (200, "true".into())
        }
        ("GET", ["bench"]) => (200, bus.prompted().to_string()),
        ("GET", ["bench", "began"]) => (200, bus.began().to_string()),
        ("GET", ["global", "health"]) => (200, r#"{"healthy":true,"version":"1.18.33"}"#.into()),
        ("POST", ["session"]) => (200, records::session_info(&bus.create_session())),
        ("GET", ["session", "status"]) => (200, "{}".into()),
        ("POST", ["session", id, "prompt_async"]) => {
            bus.prompt(id);
            (204, String::new())
        }
        ("GET", ["session", _, "message" | "children"] | ["permission" | "question"]) => (200, "[]".into()),
        ("GET" | "PATCH", ["session", id]) => (200, records::session_info(id)),
        _ => (200, "true".into()),
    }
}

async fn stream(socket: &mut TcpStream, bus: &Bus) -> Result<()> {
    let mut pieces = bus.listen();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(&records::framed(records::CONNECTED)).await?;
    let (mut reader, mut writer) = socket.split();
    let mut nothing = [0; 64];
    loop {
        let piece = tokio::select! {
            piece = pieces.recv() => piece,
            read = reader.read(&mut nothing) => if read? == 0 { return Ok(()) } else { continue },
        };
        match piece {
            Some(Piece::Bytes(bytes)) => writer.write_all(&bytes).await?,
            Some(Piece::Paced(answer)) => {
                let socket = writer.as_ref();
                tokio::task::block_in_place(|| pace::stream(socket, &answer.0, &answer.1))?;
            }
            None => return Ok(()),
        }
    }
}
