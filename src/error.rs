//! One failure type for the whole crate: what happened, whether the prompt left, what to do next.

use serde::Serialize;
use serde_json::Value;

/// Stable names a caller may match on; `lib/opencode-error.js` throws them unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Code {
    #[serde(rename = "ERR_OPENCODE_INVALID_OPTION")]
    InvalidOption,
    #[serde(rename = "ERR_OPENCODE_UNSUPPORTED_OPTION")]
    UnsupportedOption,
    #[serde(rename = "ERR_OPENCODE_UNSUPPORTED_VERSION")]
    UnsupportedVersion,
    #[serde(rename = "ERR_OPENCODE_UNREACHABLE")]
    Unreachable,
    #[serde(rename = "ERR_OPENCODE_NOT_A_SERVER")]
    NotAServer,
    #[serde(rename = "ERR_OPENCODE_UNAUTHORIZED")]
    Unauthorized,
    #[serde(rename = "ERR_OPENCODE_BAD_REQUEST")]
    BadRequest,
    #[serde(rename = "ERR_OPENCODE_SESSION_NOT_FOUND")]
    SessionNotFound,
    #[serde(rename = "ERR_OPENCODE_MODEL_NOT_FOUND")]
    ModelNotFound,
    #[serde(rename = "ERR_OPENCODE_AGENT_NOT_FOUND")]
    AgentNotFound,
    #[serde(rename = "ERR_OPENCODE_SESSION_BUSY")]
    SessionBusy,
    #[serde(rename = "ERR_OPENCODE_PROVIDER")]
    Provider,
    #[serde(rename = "ERR_OPENCODE_ABORTED_ELSEWHERE")]
    AbortedElsewhere,
    #[serde(rename = "ERR_OPENCODE_EMPTY")]
    Empty,
    #[serde(rename = "ERR_OPENCODE_REJECTED")]
    Rejected,
    #[serde(rename = "ERR_OPENCODE_CLI_NOT_FOUND")]
    CliNotFound,
    #[serde(rename = "ERR_OPENCODE_CLI_EXIT")]
    CliExit,
    #[serde(rename = "ERR_OPENCODE_SERVER_START")]
    ServerStart,
    #[serde(rename = "ERR_OPENCODE_STREAM_LOST")]
    StreamLost,
    #[serde(rename = "ERR_OPENCODE_PROTOCOL")]
    Protocol,
    #[serde(rename = "ERR_OPENCODE_LIMIT")]
    Limit,
    #[serde(rename = "ERR_OPENCODE_TIMEOUT")]
    Timeout,
}

impl Code {
    /// Whether trying the same call again could go differently, provided the prompt never left.
    fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::Timeout
                | Self::SessionBusy
                | Self::StreamLost
                | Self::ServerStart
                | Self::CliExit
                | Self::NotAServer
                | Self::Protocol
        )
    }
}

/// Whether OpenCode took the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    Yes,
    No,
    Unknown,
}

/// What went wrong, in words for a tired reader. Never holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
    /// The chain of lower causes, outermost first, each printing only itself.
    pub cause: Option<String>,
    pub accepted: Accepted,
    pub session_id: Option<String>,
    /// The HTTP status behind the failure, OpenCode's or its provider's.
    pub status: Option<u16>,
    pub data: Option<Value>,
    /// Of a child process: the end of what it wrote to standard error, and how it exited.
    pub stderr: Option<String>,
    pub exit_code: Option<i32>,
    /// What the turn had cost by then: `{ usage, cost }`.
    pub spent: Option<Box<Value>>,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            cause: None,
            accepted: Accepted::No,
            session_id: None,
            status: None,
            data: None,
            stderr: None,
            exit_code: None,
            spent: None,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    #[must_use]
    pub fn data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    #[must_use]
    pub fn accepted(mut self, accepted: Accepted) -> Self {
        self.accepted = accepted;
        self
    }

    #[must_use]
    pub fn session(mut self, session_id: &str) -> Self {
        self.session_id = Some(session_id.to_owned());
        self
    }

    /// Takes secrets out of all it says: a server may echo what it was sent. The text of an answer stays as it
    /// is.
    #[must_use]
    pub fn redact(mut self, secrets: &[String]) -> Self {
        if secrets.is_empty() {
            return self;
        }
        let redact = |text: &mut String| {
            for secret in secrets {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), "[redacted]");
                }
            }
        };
        redact(&mut self.message);
        [&mut self.hint, &mut self.cause, &mut self.stderr].into_iter().flatten().for_each(redact);
        if let Some(Value::Object(data)) = &mut self.data {
            let fields = data.iter_mut().filter(|(name, _)| *name != "text");
            let mut open: Vec<&mut Value> = fields.map(|(_, value)| value).collect();
            while let Some(value) = open.pop() {
                match value {
                    Value::String(text) => redact(text),
                    Value::Array(values) => open.extend(values),
                    Value::Object(fields) => open.extend(fields.values_mut()),
                    _ => {}
                }
            }
        }
        self
    }

    /// The object that `lib/opencode-error.js` turns into an `OpenCodeError`.
    pub fn to_json(&self) -> Value {
        let accepted = match self.accepted {
            Accepted::Yes => Value::Bool(true),
            Accepted::No => Value::Bool(false),
            Accepted::Unknown => Value::from("unknown"),
        };
        let spent = |name: &str| self.spent.as_ref().map(|spent| spent[name].clone());
        serde_json::json!({
            "code": self.code,
            "message": sentence(&self.message),
            "hint": self.hint.as_deref().and_then(|hint| self.hint_at_what_is_there(hint)),
            "cause": self.cause,
            "accepted": accepted,
            "retryable": self.accepted == Accepted::No && self.code.is_transient(),
            "sessionID": self.session_id,
            "status": self.status,
            "data": self.data,
            "stderr": self.stderr,
            "exitCode": self.exit_code,
            "usage": spent("usage"),
            "cost": spent("cost"),
        })
    }

    /// The hint without its clauses about fields of the error that are not there.
    fn hint_at_what_is_there(&self, hint: &str) -> Option<String> {
        let has = |field: &str| match field {
            "error.stderr" => self.stderr.as_ref().is_some_and(|stderr| !stderr.trim().is_empty()),
            "error.data.text" => self.data.as_ref().is_some_and(|data| !data["text"].is_null()),
            _ => self.data.is_some(),
        };
        let fields = ["error.stderr", "error.data.text", "error.data"];
        let named = |clause: &str| fields.into_iter().find(|field| clause.contains(field));
        let clauses: Vec<&str> = hint.split("; ").filter(|clause| named(clause).is_none_or(has)).collect();
        (!clauses.is_empty()).then(|| sentence(&clauses.join("; ")))
    }
}

/// JavaScript's messages begin with a capital; Rust's, which are chained, do not.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_no_field_that_is_not_there() {
        let mut failure = Failure::new(Code::CliExit, "it ended")
            .hint("the end of what it wrote is in error.stderr; see the log; the text is in error.data.text");
        assert_eq!(failure.to_json()["hint"], "See the log");
        failure.stderr = Some("oh".to_owned());
        failure.data = Some(serde_json::json!({ "text": "" }));
        assert_eq!(failure.to_json()["hint"].as_str().unwrap().matches("error.").count(), 2);
        let only = Failure::new(Code::CliExit, "it ended").hint("its words are in error.stderr");
        assert!(only.to_json()["hint"].is_null());
    }

    #[test]
    fn what_a_server_echoes_is_redacted_wherever_it_stands() {
        let failure = Failure::new(Code::BadRequest, "no hunter22 here")
            .hint("hunter22?")
            .cause("Basic b3BlbmNvZGU6aHVudGVyMjI=")
            .data(serde_json::json!({ "text": "hunter22", "body": [{ "deep": "a hunter22 b" }] }));
        let secrets = ["hunter22".to_owned(), "b3BlbmNvZGU6aHVudGVyMjI=".to_owned()];
        let json = failure.redact(&secrets).to_json().to_string();
        assert_eq!(json.matches("hunter22").count(), 1, "{json}");
        assert!(!json.contains("b3Blbm"), "{json}");
    }
}
