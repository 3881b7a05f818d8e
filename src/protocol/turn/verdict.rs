//! What a turn came to: a `GenerateResult`, or the error that ended it.

use serde_json::{Value, json};

use super::Turn;
use crate::error::{Code, Failure};

impl Turn {
    /// The turn is over as OpenCode sees it.
    pub(super) fn conclude(&mut self) {
        if self.finished {
            return;
        }
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
        let last = self.whole().answers().next_back();
        if let Some(error) = last.and_then(|last| last.error.as_ref()) {
            return failure_of(error);
        }
        let answered = last.is_some_and(|last| last.completed && last.finish.is_some());
        if !answered && let Some(error) = &self.error {
            return failure_of(error);
        }
        if last.is_some_and(|last| !last.completed) && !self.asks.rejected {
            return Some(self.interrupted());
        }
        (self.whole().is_empty() && self.transcript.is_empty() && !self.asks.rejected).then(empty)
    }

    fn interrupted(&self) -> Failure {
        if self.reconnects > 0 {
            return Failure::new(Code::StreamLost, "the server was restarted in the middle of the turn")
                .hint("what the agent did until then is in the session's messages; prompt again to go on");
        }
        aborted_elsewhere()
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

/// What OpenCode tells as an error, though the text stands: why the model stopped.
fn as_reason(error: &Value) -> Option<&'static str> {
    match error["name"].as_str()? {
        "MessageOutputLengthError" => Some("length"),
        "ContentFilterError" => Some("content-filter"),
        _ => None,
    }
}

/// OpenCode's error object as ours; `None` for what is no failure.
fn failure_of(error: &Value) -> Option<Failure> {
    // An answer in words where JSON was asked for is judged by who asked.
    if as_reason(error).is_some() || error["name"] == "StructuredOutputError" {
        return None;
    }
    let message = error["data"]["message"].as_str().unwrap_or_default();
    let mut data = error.clone();
    if let Some(object) = data.as_object_mut() {
        object.insert("isRetryable".into(), error["data"]["isRetryable"].as_bool().unwrap_or(false).into());
    }
    let first_line = message.lines().next().unwrap_or_default();
    let failure = match error["name"].as_str() {
        Some("MessageAbortedError") => aborted_elsewhere(),
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
    let name = name.unwrap_or("an unnamed error");
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

fn aborted_elsewhere() -> Failure {
    Failure::new(Code::AbortedElsewhere, "another client aborted this turn")
        .hint("the text so far is in error.data.text")
}

fn empty() -> Failure {
    Failure::new(Code::Empty, "OpenCode ended the turn without an answer and without an error")
        .hint("releases up to 1.1.34 say nothing when a model cannot be used; see the server's log")
}
