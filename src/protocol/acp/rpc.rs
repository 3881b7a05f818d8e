//! JSON-RPC 2.0, as far as the protocol uses it.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::protocol::json as bounded;

/// How a message begins.
pub const STARTS: &[&str] = &[r#"{"jsonrpc""#, r#"{"id""#, r#"{"method""#];

/// One JSON-RPC message.
#[derive(Deserialize)]
pub struct Message<'a> {
    #[serde(borrow, default)]
    pub id: Option<&'a RawValue>,
    #[serde(default)]
    pub method: Option<String>,
    #[serde(borrow, default)]
    pub params: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "bounded::optional")]
    pub result: Option<Value>,
    #[serde(default)]
    pub error: Option<RpcError>,
}

#[derive(Debug, Deserialize)]
pub struct RpcError {
    #[serde(default)]
    pub code: i64,
    #[serde(default)]
    pub message: String,
    #[serde(default, deserialize_with = "bounded::field")]
    pub data: Value,
}

impl RpcError {
    pub fn words(&self) -> &str {
        self.message.strip_prefix("Internal error: ").unwrap_or(&self.message)
    }

    /// The session that was loaded is not there for a prompt (1.0.142).
    pub fn is_of_no_session(&self) -> bool {
        self.code == -32602 && self.data.to_string().contains("Session not found")
    }

    /// OpenCode asked itself for a fork with a body that it refuses (1.14.48).
    pub fn is_of_its_own_request(&self) -> bool {
        self.code == -32603 && self.data["details"] == "Expected object, got null"
    }

    /// As OpenCode would have told it on its bus.
    pub fn as_opencode(&self) -> Value {
        let name = self.data["errorName"].as_str().unwrap_or("UnknownError");
        json!({ "name": name, "data": { "message": self.words() } })
    }
}
