//! The requests of a turn over HTTP that are under way.

use std::pin::Pin;

use futures::stream::FuturesUnordered;

use super::api_client::View;
use crate::error::Failure;
use crate::protocol::answer::Answer;
use crate::transport::CallError;

pub type Jobs = FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>;

/// A request of the turn, answered.
pub enum Done {
    Posted(Result<Answer, CallError>),
    /// An ambiguous send was looked into.
    Settled(Result<(), Failure>),
    Fetched(Result<View, Failure>),
    Replied(String, Result<(), Failure>),
    Aborted,
    /// Another event stream was tried, or the prompt sent again.
    Tried,
}

impl Done {
    /// It changed the session: until then the session's next turn waits.
    pub fn is_effect(&self) -> bool {
        matches!(self, Self::Replied(..) | Self::Aborted)
    }
}
