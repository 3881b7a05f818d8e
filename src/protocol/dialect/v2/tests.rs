//! What the dialect reads that no turn of a capture shows.

use super::captures::{capture, raw_records, scenarios};
use super::*;
use crate::protocol::event::{AskKind, Detail, ExecutionEvent, InboxStep, Interruption, ToolStatus};
use crate::protocol::history::{History, StoredMessage};
use crate::protocol::reply::Reply;

fn events(kind: &str, data: &str) -> Result<Vec<BusEvent>, Malformed> {
    let mut events = Vec::new();
    let record = format!(r#"{{"id":"evt_1","created":1,"type":"{kind}","data":{data}}}"#);
    decode(record.as_bytes(), &mut |event| events.push(event))?;
    Ok(events)
}

fn event(kind: &str, data: &str) -> BusEvent {
    events(kind, data).unwrap().remove(0)
}

#[test]
fn every_captured_record_is_read() {
    for scenario in scenarios() {
        raw_records(&scenario, |record| decode(record, &mut drop).unwrap());
        assert!(capture(&scenario).first().is_some_and(|event| *event == BusEvent::Connected), "{scenario}");
    }
}

#[test]
fn a_known_event_without_what_matters_is_malformed_and_an_unknown_one_is_not() {
    let of = |kind, data| events(kind, data).map(|events| events.len());
    for kind in [
        "session.text.delta",
        "session.text.ended",
        "session.step.started",
        "session.tool.called",
        "session.inbox.delivered",
        "session.execution.succeeded",
        "permission.asked",
        "form.created",
        "session.retry.scheduled",
        "session.created",
    ] {
        assert!(of(kind, "{}").is_err(), "{kind}");
    }
    let bare = r#"{"sessionID":"s","assistantMessageID":"m","ordinal":0}"#;
    assert!(of("session.text.delta", bare).is_err());
    assert!(of("session.text.ended", bare).is_err());
    assert_eq!(of("session.brand.new", r#"{"sessionID":"s"}"#).unwrap(), 1);
    assert!(decode(b"not json", &mut drop).is_err());
    assert_eq!(event("config.updated", "{}"), BusEvent::Other { session_id: None });
}

#[test]
fn parts_are_told_apart_by_message_kind_and_ordinal() {
    let id = |kind: &str, ordinal| {
        let data = format!(r#"{{"sessionID":"s","assistantMessageID":"m","ordinal":{ordinal},"delta":"x"}}"#);
        match event(kind, &data) {
            BusEvent::Delta(delta) => delta.part_id,
            other => panic!("{other:?}"),
        }
    };
    let ids = [id("session.text.delta", 0), id("session.text.delta", 1), id("session.reasoning.delta", 0)];
    assert_eq!(ids, ["m:text:0", "m:text:1", "m:reasoning:0"]);
}

#[test]
fn half_a_character_at_the_end_of_a_batch_survives() {
    let data = r#"{"sessionID":"s","assistantMessageID":"m","ordinal":0,"delta":"a\ud83d"}"#;
    let BusEvent::Delta(mut delta) = event("session.text.delta", data) else { panic!() };
    delta.text.push("\u{fffd}".as_bytes());
    assert_eq!(delta.text.decode(0, 1), "a");
}

#[test]
fn lone_surrogates_in_other_texts_cost_one_character() {
    let data =
        r#"{"sessionID":"s","assistantMessageID":"m","id":"c","content":[{"type":"text","text":"\ud83d"}]}"#;
    let BusEvent::Part(part) = event("session.tool.success", data) else { panic!() };
    let Detail::Tool(call) = part.detail else { panic!() };
    assert_eq!((call.status, call.output.as_deref()), (ToolStatus::Completed, Some("\u{fffd}")));
}

#[test]
fn executions_end_for_named_reasons() {
    let ended = |kind: &str, more: &str| match event(kind, &format!(r#"{{"sessionID":"s"{more}}}"#)) {
        BusEvent::Execution { event, .. } => event,
        other => panic!("{other:?}"),
    };
    let interrupted = |reason: &str| ended("session.execution.interrupted", reason);
    assert_eq!(interrupted(r#","reason":"user""#), ExecutionEvent::Interrupted(Interruption::User));
    assert_eq!(interrupted(r#","reason":"shutdown""#), ExecutionEvent::Interrupted(Interruption::Shutdown));
    let other = Interruption::Other("inactivity".into());
    assert_eq!(interrupted(r#","reason":"inactivity""#), ExecutionEvent::Interrupted(other));
    assert!(matches!(ended("session.execution.failed", ""), ExecutionEvent::Failed(_)));
    let cancelled = event("session.inbox.cancelled", r#"{"sessionID":"s","inboxID":"m"}"#);
    assert!(matches!(cancelled, BusEvent::Inbox(inbox) if inbox.step == InboxStep::Cancelled));
}

#[test]
fn a_form_is_shown_as_questions_and_keeps_its_keys() {
    let asks: Vec<_> = capture("question")
        .into_iter()
        .filter_map(|event| match event {
            BusEvent::Asked(ask) => Some(ask),
            _ => None,
        })
        .collect();
    let AskKind::Question { questions, fields } = &asks[0].kind else { panic!() };
    assert_eq!(questions[0]["header"], "Colour");
    assert_eq!(questions[0]["question"], "Which colour?");
    assert_eq!(questions[0]["options"][0]["label"], "Blue");
    assert_eq!(fields[0].key, "q0");
    assert!(asks[0].tool.is_some());
}

#[test]
fn forms_are_closed_with_answers_or_rejected() {
    let closed = |kind: &str, more: &str| match event(kind, &format!(r#"{{"sessionID":"s","id":"f"{more}}}"#))
    {
        BusEvent::AskClosed { reply, .. } => reply,
        other => panic!("{other:?}"),
    };
    let answers = closed("form.replied", r#","answer":{"q0":"Blue","q1":["X","own"]}"#);
    assert_eq!(answers, Reply::Answers(vec![vec!["Blue".into()], vec!["X".into(), "own".into()]]));
    assert_eq!(closed("form.cancelled", ""), Reply::Reject { message: None });
}

#[test]
fn lists_of_pending_asks_are_read() {
    let permissions = br#"{"data":[{"id":"per_1","sessionID":"ses_1","action":"shell","resources":["ls"],"source":{"type":"tool","messageID":"m","id":"c"}}]}"#;
    let asks = pending_permissions(permissions).unwrap();
    assert_eq!((asks[0].id.as_str(), asks[0].tool.is_some()), ("per_1", true));
    let forms =
        br#"{"data":[{"id":"frm_1","sessionID":"ses_1","fields":[{"key":"q0","type":"multiselect"}]}]}"#;
    let AskKind::Question { fields, .. } = &pending_forms(forms).unwrap()[0].kind else { panic!() };
    assert!(fields[0].multiple);
    assert!(pending_forms(b"<html>").is_err());
}

#[test]
fn a_stored_part_without_text_has_not_ended_while_its_message_is_written() {
    let list = |time: &str| {
        let body = format!(
            r#"{{"data":[{{"id":"m","type":"assistant","time":{time},"content":[{{"type":"text","text":""}},{{"type":"reasoning","text":"r"}},{{"type":"tool","id":"c","name":"read","state":{{"status":"streaming","input":"{{"}}}}]}},{{"id":"p","type":"user"}}],"cursor":{{"next":"n"}}}}"#
        );
        stored_messages("s", body.as_bytes()).unwrap()
    };
    let ended = |history: &History| match &history.messages[1] {
        StoredMessage::Answer(stored) => stored.parts.iter().map(|part| part.ended).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    // Of the step's begin, the text, the reasoning and the tool call.
    assert_eq!(ended(&list(r#"{"created":1}"#)), [false, false, true, false]);
    assert_eq!(ended(&list(r#"{"created":1,"streamed":2}"#)), [false, true, true, false]);
    assert_eq!(list(r#"{"created":1}"#).older.as_deref(), Some("n"));
}

#[test]
fn what_is_nested_deep_hides_no_call_and_no_ask() {
    let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    let call = event(
        "session.tool.called",
        &format!(
            r#"{{"sessionID":"s","assistantMessageID":"m","id":"c","name":"t","input":{{"a":{deep}}},"metadata":{{"a":{deep}}}}}"#
        ),
    );
    let BusEvent::Part(part) = call else { panic!("{call:?}") };
    let Detail::Tool(change) = part.detail else { panic!("{part:?}") };
    assert!(change.input.unwrap()["a"].is_array() && change.metadata.is_some());
    let ask = event(
        "permission.asked",
        &format!(
            r#"{{"id":"per_1","sessionID":"s","action":"shell","resources":["x"],"metadata":{{"a":{deep}}}}}"#
        ),
    );
    assert!(matches!(ask, BusEvent::Asked(_)));
}
