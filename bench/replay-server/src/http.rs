//! Requests off a socket, and answers as bytes.

use std::io::Result;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    pub body: String,
}

impl Request {
    /// The path, cut at its slashes.
    pub fn segments(&self) -> Vec<&str> {
        self.path.trim_matches('/').split('/').collect()
    }
}

pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Answer {
    pub fn json(body: impl Into<String>) -> Self {
        Self { status: 200, content_type: "application/json", body: body.into() }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, content_type: "application/json", body: String::new() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { status, content_type, body } = self;
        let challenge = if *status == 401 { "www-authenticate: Basic realm=\"Secure Area\"\r\n" } else { "" };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} OK\r\n{challenge}content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
        );
        (head + body).into_bytes()
    }
}

/// The next request of a connection; `None` when the client closed it.
pub async fn read(socket: &mut TcpStream, unread: &mut Vec<u8>) -> Result<Option<Request>> {
    loop {
        if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&unread[..end]).into_owned();
            let length = header(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
            let whole = end + 4 + length;
            if unread.len() >= whole {
                let body = String::from_utf8_lossy(&unread[end + 4..whole]).into_owned();
                unread.drain(..whole);
                return Ok(Some(request(&head, body)));
            }
        }
        if socket.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn request(head: &str, body: String) -> Request {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let mut next = || words.next().unwrap_or_default();
    let (method, target) = (next(), next());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        authorization: header(head, "authorization").map(str::to_owned),
        body,
    }
}
