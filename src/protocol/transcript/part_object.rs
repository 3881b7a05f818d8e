//! The objects of `result.parts` where OpenCode's wire has changes instead of objects: what is known of a
//! part, in the fields that the parts of generation 1 have, so that a reader needs to know one shape.

use serde_json::{Map, Value, json};

use crate::protocol::event::{Detail, PartKind, StepTotals, ToolChange};
use crate::protocol::stream_event::Place;

/// `None` for a part that has nothing to show.
pub fn part_object(place: &Place, kind: PartKind, text: &str, detail: &Detail) -> Option<Value> {
    let mut part = json!({
        "id": place.part_id,
        "sessionID": place.session_id,
        "messageID": place.message_id,
        "type": type_of(kind)?,
    });
    match (kind, detail) {
        (PartKind::Text | PartKind::Reasoning, _) => part["text"] = Value::from(text),
        (PartKind::Tool, Detail::Tool(call)) => {
            part["callID"] = Value::from(call.call_id.clone());
            part["tool"] = Value::from(call.tool.clone().unwrap_or_default());
            part["state"] = state(call);
        }
        (PartKind::StepFinish, Detail::Step(step)) => write_step(&mut part, step),
        _ => {}
    }
    Some(part)
}

fn type_of(kind: PartKind) -> Option<&'static str> {
    match kind {
        PartKind::Text => Some("text"),
        PartKind::Reasoning => Some("reasoning"),
        PartKind::Tool => Some("tool"),
        PartKind::StepStart => Some("step-start"),
        PartKind::StepFinish => Some("step-finish"),
        PartKind::Other => None,
    }
}

fn state(call: &ToolChange) -> Value {
    let fields = [
        ("status", Some(Value::from(call.status.name()))),
        ("input", call.input.clone()),
        ("output", call.output.clone().map(Value::from)),
        ("error", call.error.clone().map(Value::from)),
        ("metadata", call.metadata.clone()),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn write_step(part: &mut Value, step: &StepTotals) {
    if let Some(reason) = &step.reason {
        part["reason"] = Value::from(reason.clone());
    }
    part["cost"] = Value::from(step.cost);
    let usage = step.usage;
    part["tokens"] = json!({
        "input": usage.input,
        "output": usage.output,
        "reasoning": usage.reasoning,
        "cache": { "read": usage.cache_read, "write": usage.cache_write },
    });
}
