//! What a session has stored, whatever the generation.

use super::event::{MessageInfo, PartUpdate};

/// One message of a list, with its parts.
#[derive(Clone, Debug)]
pub struct Stored {
    pub info: MessageInfo,
    pub parts: Vec<PartUpdate>,
}

/// How an execution ended, as a session remembers it. One that a rejected ask ended is not remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    Failed,
    Interrupted,
}

/// One entry of a session's history.
#[derive(Debug)]
pub enum StoredMessage {
    /// A prompt, by its id.
    Prompt(String),
    /// A step of an answer.
    Answer(Box<Stored>),
    /// The session went idle.
    Idle(Outcome),
    /// A compaction, a switch of model or agent, or words that OpenCode put in.
    Other,
}

/// A session's messages, oldest first.
#[derive(Debug, Default)]
pub struct History {
    pub messages: Vec<StoredMessage>,
    /// Where the messages before these can be asked for; there need not be any.
    pub older: Option<String>,
}
