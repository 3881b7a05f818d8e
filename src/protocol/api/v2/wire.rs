//! What all routes have in common.

use serde::Deserialize;

use super::errors::refusal;
use crate::error::{Code, Failure};
use crate::protocol::answer::Answer;
use crate::protocol::call::Request;

/// Reads `{ "data": T }`.
pub(super) fn data<T: for<'a> Deserialize<'a>>(answer: &Answer) -> Result<T, Failure> {
    #[derive(Deserialize)]
    struct Wire<T> {
        data: T,
    }
    Ok(read::<Wire<T>>(answer)?.data)
}

/// Reads the JSON of a successful answer.
pub(super) fn read<T: for<'a> Deserialize<'a>>(answer: &Answer) -> Result<T, Failure> {
    if let Some(refusal) = refusal(answer) {
        return Err(refusal);
    }
    let json = String::from_utf8_lossy(&answer.body);
    crate::protocol::text::read(&json).ok_or_else(|| {
        Failure::new(Code::Protocol, "OpenCode's answer lacks what it had in 2.0.15")
            .hint("report it, with the release's version")
    })
}

/// The directory of a route that works in one.
pub(super) fn located(request: Request, directory: &str) -> Request {
    request.query("location[directory]", directory)
}
