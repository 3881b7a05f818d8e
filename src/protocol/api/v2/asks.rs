//! How an ask is answered: under the session that asks, which may be a subagent's.

use serde_json::{Map, Value, json};

use super::session::of;
use super::wire::located;
use crate::protocol::call::{Method, Request};
use crate::protocol::event::{Ask, AskKind, FormField};
use crate::protocol::reply::Reply;
use crate::protocol::segment::segment;

/// `None`: another client is to answer.
pub fn reply(ask: &Ask, reply: &Reply) -> Option<Request> {
    let id = segment(&ask.id);
    let request = match (&ask.kind, reply) {
        (_, Reply::Leave) => return None,
        (AskKind::Permission { .. }, reply) => {
            let path = of(&ask.session_id, &format!("/permission/{id}/reply"));
            Request::new(Method::Post, path).body(decision(reply))
        }
        (AskKind::Question { fields, .. }, Reply::Answers(answers)) => {
            let path = of(&ask.session_id, &format!("/form/{id}/reply"));
            Request::new(Method::Post, path).body(json!({ "answer": answered(fields, answers) }))
        }
        (AskKind::Question { .. }, _) => {
            Request::new(Method::Delete, of(&ask.session_id, &format!("/form/{id}")))
        }
    };
    Some(request)
}

fn decision(reply: &Reply) -> Value {
    match reply {
        Reply::Once => json!({ "decision": "once" }),
        Reply::Always => json!({ "decision": "always" }),
        Reply::Reject { message: Some(message) } => json!({ "decision": "reject", "message": message }),
        Reply::Reject { message: None } | Reply::Answers(_) | Reply::Leave => json!({ "decision": "reject" }),
    }
}

/// A field without an answer is left out: OpenCode takes it as unanswered.
fn answered(fields: &[FormField], answers: &[Vec<String>]) -> Map<String, Value> {
    let pairs = fields.iter().zip(answers).filter(|(_, chosen)| !chosen.is_empty());
    pairs
        .map(|(field, chosen)| {
            let values: Vec<String> = chosen.iter().map(|label| value_of(field, label)).collect();
            let value = if field.multiple { json!(values) } else { json!(values.join(", ")) };
            (field.key.clone(), value)
        })
        .collect()
}

/// The value behind a label; what is no option is an answer in the user's own words.
fn value_of(field: &FormField, label: &str) -> String {
    let option = field.options.iter().find(|(known, _)| known == label);
    option.map_or_else(|| label.to_owned(), |(_, value)| value.clone())
}

/// The pending permissions of a directory, those of subagents among them.
pub fn pending_permissions(directory: &str) -> Request {
    located(Request::new(Method::Get, "/api/permission/request"), directory)
}

/// The pending forms of a directory.
pub fn pending_forms(directory: &str) -> Request {
    located(Request::new(Method::Get, "/api/form"), directory)
}
