//! What a generation of OpenCode sends, as whole records of server-sent events.

mod first;
mod second;

pub use first::First;
pub use second::{Second, answer_id};

/// One prompt of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub session: String,
    /// The id of the prompt, where clients choose it.
    pub prompt: String,
}

pub trait Dialect: Send + Sync {
    /// Greets whoever opens the event stream.
    fn connected(&self) -> String;
    fn heartbeat(&self) -> String;
    /// A session as the server answers with it.
    fn session_info(&self, session: &str) -> String;
    fn session_created(&self, session: &str) -> String;
    /// What follows a prompt at once, before the model answers.
    fn prompted(&self, turn: &Turn, text: &str) -> Vec<String>;
    /// What comes before the first token.
    fn opening(&self, turn: &Turn) -> Vec<String>;
    fn token(&self, session: &str, text: &str) -> String;
    /// The `n`th sign of life of tools that run; forty in a thousand records.
    fn tool_runs(&self, session: &str, n: usize) -> String;
    /// The `call`th tool is done, with so many bytes of output; four in a thousand records.
    fn tool_done(&self, session: &str, call: usize, bytes: usize) -> String;
    /// A record of so many bytes, for what has no other limit.
    fn long(&self, session: &str, bytes: usize) -> String;
    /// The session's totals changed.
    fn totals(&self, session: &str) -> String;
    /// What else goes on: the `n`th of it.
    fn other(&self, session: &str, n: usize) -> String;
    /// What comes after the last token.
    fn ending(&self, session: &str, text: &str) -> Vec<String>;
}

/// Ids of a session's messages and parts are made of its own.
fn own(session: &str) -> &str {
    session.get(4..).unwrap_or(session)
}

/// At least so many bytes of what `grep` prints, as it stands in JSON.
fn output(bytes: usize) -> String {
    const LINE: &str = r#"src/framing/sse.rs:42:    /// a line of \"output\", as grep prints it\n"#;
    LINE.repeat(bytes / LINE.len() + 1)
}
