//! Summaries and abandoned words on the wire, as 1.18.33 (with ids) and 1.1.31 (without) sent them.

use serde_json::{Value, json};

use super::update::UpdateDialect;
use crate::protocol::dialect::{Stored, stored_messages};
use crate::protocol::event::BusEvent;

struct Wire {
    dialect: UpdateDialect,
    events: Vec<BusEvent>,
    named: bool,
}

impl Wire {
    fn new(named: bool) -> Self {
        Self { dialect: UpdateDialect::new("ses_1", true), events: Vec::new(), named }
    }

    fn text(&mut self, message: &str, text: &str) {
        let mut update =
            json!({ "sessionUpdate": "agent_message_chunk", "content": { "type": "text", "text": text } });
        if self.named {
            update["messageId"] = message.into();
        }
        self.dialect.update(&update.to_string(), &mut self.events);
    }

    fn tool(&mut self, call: &str) {
        for (kind, status) in [("tool_call", "pending"), ("tool_call_update", "completed")] {
            let update =
                json!({ "sessionUpdate": kind, "toolCallId": call, "title": "bash", "status": status });
            self.dialect.update(&update.to_string(), &mut self.events);
        }
    }

    fn look(&mut self, stored: &[Stored]) -> bool {
        self.dialect.looked(Some(stored), &mut self.events)
    }

    /// The text so far: of each message, in order.
    fn texts(&self) -> Vec<String> {
        let mut texts: Vec<(String, String)> = Vec::new();
        for event in &self.events {
            let BusEvent::Delta(delta) = event else { continue };
            let piece = delta.text.decode(0, delta.text.len());
            match texts.last_mut() {
                Some((message, text)) if *message == delta.message_id => text.push_str(&piece),
                _ => texts.push((delta.message_id.clone(), piece)),
            }
        }
        texts.into_iter().map(|(_, text)| text).collect()
    }
}

/// A stored message: its id, its text, and whether it is a summary, and complete.
fn message(id: &str, text: &str, summary: bool, completed: bool) -> Value {
    let part = |kind: &str, more: Value| {
        let mut part =
            json!({ "id": format!("prt_{kind}_{id}"), "sessionID": "ses_1", "messageID": id, "type": kind });
        part.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        part
    };
    json!({
        "info": {
            "id": id, "sessionID": "ses_1", "role": "assistant", "summary": summary,
            "time": if completed { json!({ "created": 1, "completed": 2 }) } else { json!({ "created": 1 }) },
            "finish": completed.then_some("stop"),
        },
        "parts": [part("step-start", json!({})), part("text", json!({ "text": text }))],
    })
}

fn stored(messages: &[Value]) -> Vec<Stored> {
    stored_messages(Value::from(messages.to_vec()).to_string().as_bytes()).unwrap()
}

#[test]
fn a_summary_on_the_wire_is_left_out() {
    for named in [true, false] {
        let mut wire = Wire::new(named);
        wire.text("msg_1", "Before. ");
        assert!(wire.dialect.is_holding() && wire.texts().is_empty(), "until it is known whose it is");
        let before = message("msg_1", "Before.", false, false);
        assert!(!wire.look(&stored(&[before.clone()])));
        wire.text("msg_1", "More. ");
        assert_eq!(wire.texts(), ["Before. More. "]);
        let before = message("msg_1", "Before. More.", false, true);
        wire.tool("call_1");
        wire.text("msg_2", "SUM");
        wire.text("msg_2", "MARY\n");
        let open = message("msg_2", "SUM", true, false);
        // Without ids, only a summary that is over shows where it ends.
        assert_eq!(wire.look(&stored(&[before.clone(), open])), !named);
        wire.text("msg_3", "After");
        let summary = message("msg_2", "SUMMARY", true, true);
        let after = message("msg_3", "After", false, false);
        while wire.dialect.is_holding() {
            wire.look(&stored(&[before.clone(), summary.clone(), after.clone()]));
        }
        wire.text("msg_3", ".");
        assert_eq!(wire.texts(), ["Before. More. ", "After."], "named: {named}");
    }
}

#[test]
fn what_cannot_be_looked_up_is_the_answer() {
    let mut wire = Wire::new(true);
    wire.text("msg_1", "one ");
    wire.tool("call_1");
    wire.text("msg_2", "two");
    assert!(wire.texts().is_empty());
    assert!(!wire.dialect.looked(None, &mut wire.events));
    assert_eq!(wire.texts(), ["one ", "two"]);
    assert!(!wire.dialect.is_in_a_tool());
}

#[test]
fn what_is_held_is_bounded() {
    let mut wire = Wire::new(false);
    let chunk = "x".repeat(1 << 20);
    for _ in 0..6 {
        wire.text("msg_1", &chunk);
    }
    assert!(!wire.dialect.is_holding());
    assert_eq!(wire.texts().concat().len(), 6 << 20);
}

#[test]
fn the_half_that_a_failed_attempt_wrote_is_found() {
    for named in [true, false] {
        let mut wire = Wire::new(named);
        wire.text("msg_1", "Half an ans");
        let mut answer = message("msg_1", "", false, true);
        let again = message("msg_1", "Half an answer.", false, true)["parts"].as_array().unwrap().clone();
        wire.look(&stored(&[answer.clone()]));
        wire.text("msg_1", "Half an answer.");
        answer["parts"].as_array_mut().unwrap().extend(again);
        let stored = stored(&[answer]);
        let abandoned = wire.dialect.abandoned(&stored);
        assert_eq!(abandoned.len(), 1, "named: {named}");
        assert_eq!(abandoned[0].1, 0.."Half an ans".len());
    }
}

#[test]
fn what_a_plugin_rewrote_is_not_taken_for_a_failed_attempt() {
    let mut wire = Wire::new(true);
    wire.text("msg_1", "The answer, and more.");
    let stored = stored(&[message("msg_1", "The answer,", false, true)]);
    wire.look(&stored);
    assert_eq!(wire.dialect.abandoned(&stored), []);
}
