//! Reading what OpenCode sends, and saying what could not be read.

use serde::Deserialize;

use super::text::repaired;

/// A record whose type we know and whose content we cannot read: something may have been lost.
#[derive(Debug, thiserror::Error)]
#[error("OpenCode sent a malformed {kind} event: {detail}")]
pub struct Malformed {
    pub kind: String,
    pub detail: String,
}

/// Reads `json` as the `kind` it is said to be.
pub fn parse<'a, T: Deserialize<'a>>(kind: &str, json: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(json).map_err(|error| Malformed { kind: kind.to_owned(), detail: error.to_string() })
}

/// As [`parse`], for owned values: what `serde_json` refuses and JavaScript reads is repaired.
pub fn parse_repaired<T: for<'a> Deserialize<'a>>(kind: &str, json: &str) -> Result<T, Malformed> {
    parse(kind, json).or_else(|error| parse(kind, &repaired(json)).map_err(|_| error))
}
