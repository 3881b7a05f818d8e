//! One HTTP connection: requests are read one after another; an event stream is its last.

use std::io::Result;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::{Generation, answer_bench};
use crate::bus::{Bus, Piece};
use crate::http::{Answer, read};
use crate::pace;
use crate::wire::framed;

pub async fn serve(mut socket: TcpStream, bus: Bus, generation: Generation) {
    // A client that goes away in the middle is no news.
    let _ = answer_all(&mut socket, &bus, generation).await;
}

async fn answer_all(socket: &mut TcpStream, bus: &Bus, generation: Generation) -> Result<()> {
    let mut unread = Vec::new();
    while let Some(request) = read(socket, &mut unread).await? {
        let answer = match answer_bench(bus, &request) {
            Some(answer) => answer,
            None if !generation.lets_in(&request) => Answer::empty(401),
            None if request.path == generation.event_stream() => return stream(socket, bus).await,
            None => generation.answer(bus, &request),
        };
        socket.write_all(&answer.to_bytes()).await?;
    }
    Ok(())
}

async fn stream(socket: &mut TcpStream, bus: &Bus) -> Result<()> {
    let mut pieces = bus.listen();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(&framed(&bus.dialect.connected())).await?;
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
                let (plan, turns) = &*answer;
                let socket = writer.as_ref();
                let said = tokio::task::block_in_place(|| pace::stream(socket, &*bus.dialect, plan, turns))?;
                bus.answered(turns, said);
            }
            None => return Ok(()),
        }
    }
}
