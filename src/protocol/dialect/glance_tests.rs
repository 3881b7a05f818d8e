use proptest::prelude::*;
use serde_json::{Value, json};

use super::glance;
use crate::framing::sse::SseFramer;
use crate::protocol::dialect::{decode, decode_whole};

fn seen(record: &str) -> Option<(&str, &str)> {
    glance(record.as_bytes()).map(|glance| (glance.kind, glance.session_id))
}

#[test]
fn each_shape_that_opencode_writes_is_known_at_a_glance() {
    let delta = Some(("message.part.delta", "ses_1"));
    for (record, expected) in [
        (
            r#"{"id":"evt_1","type":"message.part.delta","properties":{"sessionID":"ses_1","messageID":"m"}}"#,
            delta,
        ),
        (
            r#"{"directory":"/a","project":"p","payload":{"type":"message.part.delta","properties":{"sessionID":"ses_1"}}}"#,
            delta,
        ),
        (
            r#"{"type":"message.part.updated","properties":{"part":{"id":"prt_1","sessionID":"ses_1","type":"tool"}}}"#,
            Some(("message.part.updated", "ses_1")),
        ),
        (
            r#"{"type":"message.updated","properties":{"info":{"id":"msg_1","sessionID":"ses_1","role":"user"}}}"#,
            Some(("message.updated", "ses_1")),
        ),
        (
            r#"{"type":"permission.asked","properties":{"id":"per_1","sessionID":"ses_1","permission":"bash"}}"#,
            Some(("permission.asked", "ses_1")),
        ),
    ] {
        assert_eq!(seen(record), expected, "{record}");
    }
}

#[test]
fn what_is_written_otherwise_is_read_as_a_whole() {
    for record in [
        r#"{"properties":{"sessionID":"ses_1"},"type":"session.idle"}"#,
        r#"{"type":"session\u002eidle","properties":{"sessionID":"ses_1"}}"#,
        r#"{"type":"session.idle","properties":{"sessionID":"ses\u005f1"}}"#,
        r#"{"type":"session.idle","properties":{"time":1,"sessionID":"ses_1"}}"#,
        r#"{"type":"session.idle","payload":{"type":"session.idle","properties":{"sessionID":"ses_1"}}}"#,
        r#"{"payload":{"payload":{"type":"session.idle","properties":{"sessionID":"ses_1"}}}}"#,
        r#"{"type":"session.idle","properties":{"sessionID":7}}"#,
        r#"{"type":"server.heartbeat","properties":{}}"#,
        r#"{"type":"session.idle","properties":{"sessionID":"ses_1"#,
        "<html>",
        "",
    ] {
        assert_eq!(seen(record), None, "{record}");
    }
}

#[test]
fn a_long_record_costs_no_more_than_its_first_bytes() {
    // Broken behind the session's id: who would notice has not read that far.
    let mut record =
        br#"{"type":"message.part.updated","properties":{"part":{"id":"p","sessionID":"ses_1","text":"#
            .to_vec();
    record.extend([0xFF; 1000]);
    assert_eq!(glance(&record).unwrap().session_id, "ses_1");
}

#[test]
fn a_glance_agrees_with_reading_on_every_capture() {
    let (mut records, mut glances) = (0, 0);
    for version in ["1.1.31", "1.2.27", "1.18.33"] {
        let folder = format!("{}/__test__/fixtures/{version}", env!("CARGO_MANIFEST_DIR"));
        for file in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let mut framer = SseFramer::new(bytes.len());
            framer
                .feed(&bytes, |record| {
                    let whole = decode_whole(record.data).unwrap();
                    assert_eq!(decode(record.data).unwrap(), whole);
                    records += 1;
                    if let Some(glance) = glance(record.data) {
                        glances += 1;
                        assert_eq!(whole.unwrap().session_id(), Some(glance.session_id));
                    } else if let Some(event) = whole {
                        let text = String::from_utf8_lossy(record.data);
                        let session = event.session_id().is_some() && !text.contains("\"type\":\"session.");
                        assert!(!session, "not known at a glance: {text}");
                    }
                })
                .unwrap();
        }
    }
    assert!(records > 1000 && glances > 500, "{glances} of {records}");
}

/// An object in the given order, with white space where JSON allows it, and some characters escaped.
fn written(value: &Value, order: usize, space: &str, escape: bool) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| {
                    format!("{}{space}:{space}{}", string(name, false), written(value, order, space, escape))
                })
                .collect();
            let by = order % fields.len().max(1);
            fields.rotate_left(by);
            format!("{{{space}{}{space}}}", fields.join(&format!("{space},{space}")))
        }
        Value::String(text) => string(text, escape),
        other => other.to_string(),
    }
}

fn string(text: &str, escape: bool) -> String {
    let json = Value::from(text).to_string();
    if escape { json.replace('_', "\\u005f").replace('a', "\\u0061") } else { json }
}

fn session_event() -> impl Strategy<Value = Value> {
    let word = "[a-z_\"\\\\é😀 ]{0,12}";
    (word, "ses_[a-z0-9]{1,6}", word, any::<bool>(), 0..6usize).prop_map(|(text, session, other, flag, which)| match which {
        0 => json!({ "type": "message.part.delta", "properties": { "sessionID": session, "messageID": other, "partID": "p", "field": if flag { "text" } else { "raw" }, "delta": text } }),
        1 => json!({ "type": "message.part.updated", "properties": { "part": { "id": "p", "type": "text", "sessionID": session, "messageID": other, "text": text, "metadata": { "type": "x", "sessionID": "ses_wrong" } } } }),
        2 => json!({ "id": other, "type": "message.part.updated", "properties": { "sessionID": session, "part": { "id": "p", "sessionID": session, "messageID": "m", "type": "tool", "state": { "type": "session.idle" } } } }),
        3 => json!({ "type": "message.updated", "properties": { "info": { "id": "m", "sessionID": session, "role": "user", "summary": { "title": text } } } }),
        4 => json!({ "type": "session.idle", "properties": { "sessionID": session, "type": "other" } }),
        _ => json!({ "type": other, "properties": { "info": text, "sessionID": session } }),
    })
}

proptest! {
    /// Whatever the order, the spacing and the escapes: a glance is right, or it is none.
    #[test]
    fn a_glance_never_disagrees_with_reading(
        event in session_event(),
        wrapped in any::<bool>(),
        order in 0..7usize,
        space in prop_oneof![Just(""), Just(" "), Just("\n\t ")],
        escape in any::<bool>(),
        broken in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let event = if wrapped { json!({ "directory": "/a", "payload": event }) } else { event };
        let mut record = written(&event, order, space, escape).into_bytes();
        if let Some(at) = broken {
            let at = at.index(record.len());
            record[at] = 0xFF;
        }
        let whole = decode_whole(&record);
        match (decode(&record), &whole) {
            (Ok(quick), Ok(whole)) => prop_assert_eq!(&quick, whole),
            (quick, whole) => prop_assert_eq!(quick.is_err(), whole.is_err()),
        }
        // A broken byte may make the two places that name the session differ.
        if let (None, Some(glance), Ok(Some(event))) = (broken, glance(&record), whole) {
            prop_assert_eq!(event.session_id(), Some(glance.session_id));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = glance(&bytes);
    }
}
