//! A slow answer. Sleeps on a thread of its own: the runtime's timers are coarser than a token is apart.

use std::io::{Error, ErrorKind, Result};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::dialect::{Dialect, Turn};
use crate::feed::Plan;
use crate::wire::framed;

/// Writes it; what each turn said.
pub fn stream(socket: &TcpStream, dialect: &dyn Dialect, plan: &Plan, turns: &[Turn]) -> Result<Vec<String>> {
    for record in turns.iter().flat_map(|turn| dialect.opening(turn)) {
        write(socket, &framed(&record))?;
    }
    let mut texts = vec![String::new(); turns.len()];
    let began = Instant::now();
    for n in 0..plan.events {
        let at = began + Duration::from_micros(plan.pace * (n as u64 + 1));
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let turn = n % turns.len();
        let token = format!("@{} ", monotonic_ns());
        texts[turn].push_str(&token);
        write(socket, &framed(&dialect.token(&turns[turn].session, &token)))?;
    }
    for (turn, text) in turns.iter().zip(&texts) {
        for record in dialect.ending(&turn.session, text) {
            write(socket, &framed(&record))?;
        }
    }
    Ok(texts)
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
