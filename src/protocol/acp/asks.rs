//! Requests of the child's: it asks for permissions, and offers to be asked for more than we need.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Conversation, Output};
use crate::protocol::event::{Ask, AskKind, AskedBy, BusEvent};
use crate::protocol::json as bounded;
use crate::protocol::release::Release;

impl Conversation {
    /// Answers an ask of the child: `once`, `always` or `reject`. Says whether there was one.
    pub fn answer(&mut self, ask: &str, reply: &str) -> bool {
        let Some(id) = self.asks.remove(ask) else { return false };
        let outcome = json!({ "outcome": { "outcome": "selected", "optionId": reply } });
        self.reply(&id, "result", &outcome);
        true
    }

    pub fn has_asked(&self, ask: &str) -> bool {
        self.asks.contains_key(ask)
    }

    /// A request of the child's.
    pub(super) fn asked(&mut self, method: &str, id: &RawValue, params: Option<&RawValue>) {
        let id = bounded::value(id.get().as_bytes()).unwrap_or_default();
        let params = params.and_then(|params| bounded::value(params.get().as_bytes())).unwrap_or_default();
        let Some(session) = self.session.clone().filter(|_| method == "session/request_permission") else {
            let error = json!({ "code": -32601, "message": format!("{method} is not offered") });
            return self.reply(&id, "error", &error);
        };
        let ask_id = format!("acp_ask_{id}");
        self.asks.insert(ask_id.clone(), id);
        let ask = self.permission(ask_id, session, &params);
        self.outputs.push_back(Output::Event(BusEvent::Asked(ask)));
    }

    /// The wire names neither the permission nor its patterns in all releases: they are read off the call.
    fn permission(&self, id: String, session: String, params: &Value) -> Ask {
        let call = &params["toolCall"];
        let (input, call_id) = (&call["rawInput"], call["toolCallId"].as_str().unwrap_or_default());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let known = self.dialect.as_ref().and_then(|dialect| dialect.tool(call_id));
        let outside = text(&input["parentDir"]);
        let permission = match (&outside, known) {
            (Some(_), _) => "external_directory".to_owned(),
            (None, Some((_, tool))) => tool.to_owned(),
            (None, None) => text(&call["title"]).unwrap_or_default(),
        };
        let pattern = outside.map(|folder| format!("{folder}/*")).or_else(|| text(&input["command"]));
        let message_id = known.map(|(message, _)| message.to_owned());
        Ask {
            id,
            session_id: session,
            kind: AskKind::Permission {
                permission,
                patterns: pattern.into_iter().collect(),
                metadata: input.clone(),
                old_route: Release::of(self.version.as_deref()).is_before([1, 1, 0]),
            },
            tool: message_id.map(|message_id| AskedBy { message_id, call_id: call_id.to_owned() }),
        }
    }
}
