//! A slow answer. Sleeps on a thread of its own: the runtime's timers are coarser than a token is apart.

use std::io::{Error, ErrorKind, Result};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::feed::{Plan, ending, opening};
use crate::records::{delta, framed};

pub fn stream(socket: &TcpStream, plan: &Plan, sessions: &[String]) -> Result<()> {
    for record in sessions.iter().flat_map(|session| opening(session)) {
        write(socket, &framed(&record))?;
    }
    let mut texts = vec![String::new(); sessions.len()];
    let began = Instant::now();
    for n in 0..plan.events {
        let at = began + Duration::from_micros(plan.pace * (n as u64 + 1));
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let turn = n % sessions.len();
        let token = format!("@{} ", monotonic_ns());
        texts[turn].push_str(&token);
        write(socket, &framed(&delta(&sessions[turn], &token)))?;
    }
    for (session, text) in sessions.iter().zip(&texts) {
        for record in ending(session, text) {
            write(socket, &framed(&record))?;
        }
    }
    Ok(())
}

/// A token always fits into an empty socket; a reader that is behind is waited for.
fn write(socket: &TcpStream, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match socket.try_write(bytes) {
            Ok(0) => return Err(Error::from(ErrorKind::WriteZero)),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_micros(50))
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The clock that `process.hrtime` reads in Node.
pub fn monotonic_ns() -> u128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u128 * 1_000_000_000 + now.tv_nsec as u128
}
