//! What a turn came to: a `GenerateResult`, or the error that ended it.

use serde_json::{Value, json};

use super::rejected::rejected;
use super::{Turn, Wire};
use crate::error::{Code, Failure};
use crate::protocol::event::{Fault, MessageInfo};
use crate::protocol::fault::fault_of_turn;

impl Turn {
    /// The turn is over as OpenCode sees it.
    pub(super) fn conclude(&mut self) {
        if self.finished {
            return;
        }
        self.tell_held();
        let verdict = self.ending_error().map_or(Ok(()), Err);
        match verdict {
            Err(failure) => self.fail(failure),
            Ok(()) => self.succeed(),
        }
    }

    /// Ends a turn that was left: the text so far is the result.
    pub fn conclude_left(&mut self) {
        if !self.finished {
            self.leaving = true;
            self.succeed();
        }
    }

    /// Ends a turn that runs on without its reader: what was replied already still goes, and what is asked stays open.
    pub fn conclude_detached(&mut self) {
        if !self.finished {
            self.release_rejections();
            self.conclude_left();
        }
    }

    pub(super) fn succeed(&mut self) {
        self.start();
        let mut out = Vec::new();
        self.transcript.close(&mut out);
        for event in out {
            self.emit(event);
        }
        let result = self.result();
        self.emit(crate::protocol::stream_event::StreamEvent::Finish {
            session_id: Some(self.config.session_id.clone()),
            result: std::sync::Arc::new(result.clone()),
        });
        self.finish(Ok(result));
    }

    fn ending_error(&self) -> Option<Failure> {
        if self.leaving {
            return None;
        }
        let end = self.end();
        let error = match (end, self.whole().answers().next_back()) {
            (_, Some(MessageInfo { error: Some(error), .. })) => Some(error),
            (End::Answered, _) => None,
            _ => self.error.as_ref(),
        };
        if let Some(error) = error {
            let failure = match fault_in(error) {
                Some(fault) if fault.is_abort() && self.asks.rejected || fault.is_content_filter() => None,
                Some(fault) => Some(fault_of_turn(&fault)),
                None => failure_of(error),
            };
            return failure.or_else(|| self.unchosen());
        }
        if let Some(rejected) = self.unchosen() {
            return Some(rejected);
        }
        match end {
            _ if self.asks.rejected => None,
            End::Nothing => self.taken_over().or_else(|| self.is_silent().then(empty)),
            End::Open => Some(self.interrupted()),
            End::Calls if self.reconnects > 0 && !self.transcript.has_failed_tool() => {
                Some(self.interrupted())
            }
            End::Calls if self.transcript.has_failed_tool() || self.whole().has_failed_tool() => None,
            End::Calls => self.taken_over().or_else(|| Some(unanswered())),
            End::Failed => Some(failed_at_the_provider()),
            End::Answered => self.is_silent().then(empty),
        }
    }

    /// An ask was rejected because the caller chose no answer: that is no success, however the turn went on.
    pub(super) fn unchosen(&self) -> Option<Failure> {
        self.asks.unchosen().map(rejected).filter(|_| !self.leaving)
    }

    /// How the last message of the answer stands.
    fn end(&self) -> End {
        let Some(last) = self.whole().answers().next_back() else { return End::Nothing };
        if !last.completed {
            return End::Open;
        }
        if last.structured.is_some() {
            return End::Answered;
        }
        match last.finish.as_deref() {
            // An abort while OpenCode waits to try again leaves no more than this (1.18.33).
            None if self.config.wire == Wire::Bus => End::Open,
            Some("tool-calls") => End::Calls,
            Some("error") => End::Failed,
            // After this, OpenCode goes on too; and a child that names no reason has told why by its error.
            None | Some("unknown") if self.error.is_some() => End::Open,
            _ => End::Answered,
        }
    }

    fn is_silent(&self) -> bool {
        self.whole().is_empty() && self.transcript.is_empty()
    }

    /// The child said that the turn was stopped, which is an abort unless we left.
    pub fn on_cancelled(&mut self) {
        self.on_ended(Err(self.interrupted()));
    }

    fn interrupted(&self) -> Failure {
        if self.reconnects > 0 {
            return Failure::new(Code::StreamLost, "the server was restarted in the middle of the turn")
                .hint("what the agent did until then is in the session's messages; prompt again to go on");
        }
        aborted()
    }

    fn finish_reason(&self) -> &'static str {
        if self.leaving {
            return "abort";
        }
        let last = self.whole().answers().next_back();
        if last.is_some_and(|last| last.structured.is_some()) {
            // OpenCode has the model answer by a tool call.
            return "stop";
        }
        match last.and_then(|last| last.finish.as_deref()) {
            Some("stop") => "stop",
            Some("length") => "length",
            Some("tool-calls") | None if self.asks.rejected => "rejected",
            Some("tool-calls") => "tool-calls",
            Some("content-filter") => "content-filter",
            _ if self.error.as_ref().and_then(fault_in).is_some_and(|fault| fault.is_content_filter()) => {
                "content-filter"
            }
            _ => last.and_then(|last| last.error.as_ref()).and_then(as_reason).unwrap_or("unknown"),
        }
    }

    fn result(&self) -> Value {
        let totals = self.whole().totals();
        let mut result = json!({
            "text": self.transcript.text(),
            "sessionID": self.config.session_id,
            "route": self.config.route,
            "granularity": self.config.granularity,
            "generation": self.config.generation.number(),
            "finishReason": self.finish_reason(),
            "usage": totals.usage,
            "cost": totals.cost,
            "parts": self.whole().part_objects(),
            "asks": self.asks.told,
            "reconnects": self.reconnects,
            "discarded": self.transcript.discarded(),
        });
        if let Some(version) = &self.config.version {
            result["version"] = Value::from(version.clone());
        }
        if let Some(last) = self.whole().answers().next_back() {
            result["messageID"] = Value::from(last.id.clone());
            if let Some(structured) = &last.structured {
                result["structured"] = structured.clone();
            }
        }
        result
    }
}

/// How the last message of a turn stands when the turn is over.
#[derive(Clone, Copy)]
enum End {
    /// There is none.
    Nothing,
    /// It is not complete, or says no reason why it is.
    Open,
    /// It called tools, and what they said was not answered.
    Calls,
    /// The provider ended it with an error, and OpenCode tells of none.
    Failed,
    Answered,
}

/// What OpenCode tells as an error, though the text stands: why the model stopped.
fn as_reason(error: &Value) -> Option<&'static str> {
    match error["name"].as_str()? {
        "MessageOutputLengthError" => Some("length"),
        "ContentFilterError" => Some("content-filter"),
        _ => None,
    }
}

/// The failure of an error object of generation 2.
fn fault_in(error: &Value) -> Option<Fault> {
    let is_second = error.get("name").is_none() && error["type"].is_string();
    serde_json::from_value(error.clone()).ok().filter(|_| is_second)
}

/// OpenCode's error object as ours; `None` for what is no failure.
fn failure_of(error: &Value) -> Option<Failure> {
    // An answer in words where JSON was asked for is judged by who asked.
    if as_reason(error).is_some() || error["name"] == "StructuredOutputError" {
        return None;
    }
    let words = [&error["data"]["message"], &error["message"], error];
    let message = words.into_iter().find_map(Value::as_str).unwrap_or_default();
    let mut data = error.clone();
    if let Some(object) = data.as_object_mut() {
        object.insert("isRetryable".into(), error["data"]["isRetryable"].as_bool().unwrap_or(false).into());
    }
    let first_line = message.lines().next().unwrap_or_default();
    let failure = match error["name"].as_str() {
        Some("MessageAbortedError") => aborted(),
        _ if first_line.contains("Model not found") => Failure::new(Code::ModelNotFound, first_line)
            .hint("list the models of this server with `opencode models`, and pass one as 'provider/model'"),
        _ if first_line.contains("Agent not found") => Failure::new(Code::AgentNotFound, first_line)
            .hint("list the agents of this project with `opencode agent list`"),
        _ if message.contains("ENOENT") || message.contains("PlatformError") => {
            Failure::new(Code::Provider, format!("OpenCode cannot work in the directory: {first_line}"))
                .hint("does `directory` exist on the machine of the server?")
        }
        name => provider_failure(name, first_line, &error["data"]),
    };
    Some(failure.data(data))
}

fn provider_failure(name: Option<&str>, message: &str, data: &Value) -> Failure {
    let Some(name) = name else {
        let words = if message.is_empty() { "and gave no words for it" } else { message };
        return Failure::new(Code::Provider, format!("OpenCode reported an error: {words}"))
            .hint("see the server's log");
    };
    let message = if message.is_empty() { "no message" } else { message };
    let status = data["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let failure = Failure::new(Code::Provider, format!("the model provider failed with {name}: {message}"));
    let failure = match status {
        Some(401 | 403) => failure.hint("check the provider's key with `opencode auth list`"),
        Some(429) => failure.hint("the provider limits the rate of requests: try again later"),
        Some(500..) => failure.hint("OpenCode had retried already: the provider is down or overloaded"),
        _ => failure.hint("the error is the provider's own; error.data has all OpenCode knows of it"),
    };
    match status {
        Some(status) => failure.status(status),
        None => failure,
    }
}

/// The wire does not tell a client's abort from one that OpenCode makes itself, as when it is shut down.
fn aborted() -> Failure {
    Failure::new(Code::AbortedElsewhere, "the turn was aborted, and not by this client")
        .hint("another client aborted it, or OpenCode itself did; the text so far is in error.data.text")
}

fn unanswered() -> Failure {
    Failure::new(
        Code::Empty,
        "OpenCode ended the turn behind a tool call, without an answer and without an error",
    )
    .hint("see the server's log; the text so far is in error.data.text")
}

fn failed_at_the_provider() -> Failure {
    Failure::new(
        Code::Provider,
        "the model provider ended the answer with an error, and OpenCode tells of none",
    )
    .hint("see the server's log; the text so far is in error.data.text")
}

fn empty() -> Failure {
    Failure::new(Code::Empty, "OpenCode ended the turn without an answer and without an error")
        .hint("releases up to 1.1.34 say nothing when a model cannot be used; see the server's log")
}
