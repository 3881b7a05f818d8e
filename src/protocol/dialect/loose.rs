//! Events in other shapes than OpenCode writes, as what stands between it and us, or speaks for it, may
//! give them: without `properties`, as the `data` of an envelope, named by the `event:` line alone; parts
//! in a list, or beside their message; what is new under `delta` or `text`. They are put into OpenCode's
//! own shape and read as such. What names no session, message and part is nobody's text.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

use super::{parse, usual};
use crate::protocol::event::BusEvent;

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The events that may come in another shape. Not the `sync` copies, which repeat what has come.
const KNOWN: [&str; 9] = [
    "message.part.updated",
    "message.part.delta",
    "message.updated",
    "session.status",
    "session.idle",
    "session.error",
    "session.created",
    "session.updated",
    "server.connected",
];

/// How many envelopes are opened: each is read anew, so that more would cost the square of their number.
const ENVELOPES: usize = 4;
/// How long an id may be, as JSON, to be written into each part of a list.
const LONGEST_ID: usize = 1000;

/// `None` where nothing of ours can be made out.
pub fn decode(name: Option<&str>, json: &str) -> Option<Vec<BusEvent>> {
    let mut fields = fields(json)?;
    for _ in 0..ENVELOPES {
        let Some(inner) = envelope(&fields) else { break };
        fields = inner;
    }
    let kind = string(&fields, "type")
        .filter(|kind| KNOWN.contains(&kind.as_str()))
        .or_else(|| name.filter(|name| KNOWN.contains(name)).map(str::to_owned))?;
    if let Some(inner) = ["properties", "data"].iter().find_map(|name| object(&fields, name)) {
        fields = inner;
    }
    let records = match kind.as_str() {
        "message.part.updated" | "message.part.delta" => parts(&kind, &fields)?,
        "message.updated" => message(&fields),
        _ => vec![(kind, written(&fields))],
    };
    records.iter().map(|(kind, properties)| usual(kind, properties).ok()).collect()
}

/// What a record without a type of its own wraps.
fn envelope<'a>(fields: &Fields<'a>) -> Option<Fields<'a>> {
    let inner = object(fields, "payload").or_else(|| object(fields, "data"))?;
    let typed = |fields: &Fields<'_>| fields.contains_key("type");
    let wraps = typed(&inner) || inner.contains_key("payload");
    (wraps && (!typed(fields) || fields.contains_key("payload"))).then_some(inner)
}

type Records = Vec<(String, String)>;

fn parts(kind: &str, fields: &Fields<'_>) -> Option<Records> {
    let piece = text(fields, "delta");
    let whole = text(fields, "text");
    let listed = list(fields);
    if listed.is_empty() {
        let mut delta = fields.clone();
        let piece = piece.or_else(|| whole.filter(|_| kind == "message.part.delta"))?;
        delta.insert("delta".into(), piece);
        let is_text = constant("\"text\"");
        delta.entry("field".into()).or_insert(&is_text);
        return Some(vec![("message.part.delta".into(), written(&delta))]);
    }
    // A text beside the part is what is new, or all there is, as the event has it.
    let is_delta = kind == "message.part.delta";
    let piece = piece.or_else(|| whole.filter(|_| is_delta));
    // Of several parts it would be the text of none; nor may it be written down once for each.
    let is_one = listed.len() == 1;
    let records = listed.into_iter().map(|part| {
        let mut part = at_home(part, fields);
        if let Some(whole) = whole.filter(|_| !is_delta && is_one) {
            part.entry("text".into()).or_insert(whole);
        }
        part_record(&part, piece.filter(|_| is_one))
    });
    Some(records.collect())
}

fn part_record(part: &Fields<'_>, piece: Option<&RawValue>) -> (String, String) {
    let piece = piece.or_else(|| text(part, "delta"));
    let delta = piece.map_or_else(String::new, |piece| format!(r#","delta":{}"#, piece.get()));
    ("message.part.updated".into(), format!(r#"{{"part":{}{delta}}}"#, written(part)))
}

fn message(fields: &Fields<'_>) -> Records {
    let info = object(fields, "info").or_else(|| object(fields, "message"));
    let info = info.unwrap_or_else(|| fields.clone());
    let mut place = Fields::new();
    place.extend(info.get("sessionID").map(|session| ("sessionID".to_owned(), *session)));
    place.extend(info.get("id").map(|id| ("messageID".to_owned(), *id)));
    let mut records = vec![("message.updated".into(), format!(r#"{{"info":{}}}"#, written(&info)))];
    records.extend(list(fields).into_iter().map(|part| part_record(&at_home(part, &place), None)));
    records
}

/// The part, or the parts, that an event has; or the event is one.
fn list<'a>(fields: &Fields<'a>) -> Vec<Fields<'a>> {
    if let Some(parts) = fields.get("parts") {
        let parts: Vec<&RawValue> = parse("parts", parts.get()).unwrap_or_default();
        return parts.into_iter().filter_map(|part| self::fields(part.get())).collect();
    }
    let is_part = fields.contains_key("id")
        && fields.contains_key("messageID")
        && string(fields, "type").is_some_and(|kind| !KNOWN.contains(&kind.as_str()));
    object(fields, "part").or_else(|| is_part.then(|| fields.clone())).into_iter().collect()
}

/// A part with the session and the message that are named around it.
fn at_home<'a>(mut part: Fields<'a>, around: &Fields<'a>) -> Fields<'a> {
    for name in ["sessionID", "messageID"] {
        if let Some(id) = around.get(name).filter(|id| id.get().len() <= LONGEST_ID) {
            part.entry(name.into()).or_insert(id);
        }
    }
    part
}

fn fields(json: &str) -> Option<Fields<'_>> {
    parse("record", json).ok()
}

fn object<'a>(fields: &Fields<'a>, name: &str) -> Option<Fields<'a>> {
    self::fields(fields.get(name)?.get())
}

fn string(fields: &Fields<'_>, name: &str) -> Option<String> {
    parse(name, fields.get(name)?.get()).ok()
}

/// A string as JSON writes it, half characters and all; or the `text` of an object.
fn text<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a RawValue> {
    let is_text = |value: &&RawValue| value.get().starts_with('"');
    let value = *fields.get(name)?;
    if is_text(&value) { Some(value) } else { object(fields, name)?.get("text").copied().filter(is_text) }
}

fn constant(json: &'static str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap_or_default()
}

fn written(fields: &Fields<'_>) -> String {
    to_raw_value(fields).map(|raw| raw.get().to_owned()).unwrap_or_default()
}
