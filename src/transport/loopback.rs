//! A place on loopback for a server of ours: a port that is free, and a password that only we know.

use std::net::TcpListener;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

use crate::error::{Code, Failure};

pub const USERNAME: &str = "opencode";

/// Not port 0: OpenCode then takes 4096 if it is free, where others look for an open server.
///
/// # Errors
/// When the system has none.
pub fn free_port() -> std::io::Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr().map(|address| address.port())
}

/// # Errors
/// When the system gives no random numbers.
pub fn password() -> Result<String, Failure> {
    random::<32>().map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// An id that nobody else has or guesses, of letters and digits.
///
/// # Errors
/// When the system gives no random numbers.
pub fn random_id() -> Result<String, Failure> {
    random::<16>().map(|bytes| format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Failure> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(Code::ServerStart, "the system gives no random numbers").cause(error.to_string())
    })?;
    Ok(bytes)
}
