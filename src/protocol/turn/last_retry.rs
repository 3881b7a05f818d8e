//! What OpenCode said last of a provider that fails and is tried again.

use serde_json::{Value, json};

use crate::error::{Code, Failure};

#[derive(Clone, Debug)]
pub struct LastRetry {
    pub attempt: u32,
    /// The provider's words, as OpenCode has them.
    pub message: String,
    /// Of the provider's answer; generation 1 does not say.
    pub status: Option<u16>,
}

impl LastRetry {
    /// Says of a turn that ended meanwhile what it was waiting for.
    #[must_use]
    pub fn explain(&self, mut failure: Failure) -> Failure {
        if !matches!(failure.code, Code::Timeout | Code::StreamLost | Code::AbortedElsewhere | Code::Limit) {
            return failure;
        }
        let first_line = self.message.lines().next().unwrap_or_default();
        failure.message = format!(
            "{}, while OpenCode was retrying the model provider, which had failed {} times: {first_line}",
            failure.message, self.attempt
        );
        let mut data = match failure.data.take() {
            Some(Value::Object(data)) => data,
            _ => serde_json::Map::default(),
        };
        let mut last_retry = json!({ "attempt": self.attempt, "message": self.message });
        if let Some(status) = self.status {
            last_retry["status"] = json!(status);
        }
        data.insert("lastRetry".to_owned(), last_retry);
        if failure.code == Code::Timeout {
            failure.hint = Some(
                "check the model provider, or choose another model; error.data.lastRetry has its last failure"
                    .to_owned(),
            );
        }
        failure.data = Some(Value::Object(data));
        failure
    }
}
