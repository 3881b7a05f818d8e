use super::*;
use crate::protocol::event::{AskKind, PartKind, Role, Status};
use crate::protocol::text::Text;

fn event(json: &str) -> BusEvent {
    decode(json.as_bytes()).unwrap().unwrap()
}

#[test]
fn to_1_1_65_a_token_is_an_updated_part_with_a_delta() {
    let BusEvent::Part(part) = event(
        r#"{"type":"message.part.updated","properties":{"part":{"id":"prt_A","sessionID":"ses_1","messageID":"msg_1","type":"text","text":"tok0 tok1 ","time":{"start":1}},"delta":"tok1 "}}"#,
    ) else {
        panic!("not a part")
    };
    assert_eq!(part.kind, PartKind::Text);
    assert_eq!(part.text, Text::from("tok0 tok1 "));
    assert_eq!(part.delta, Some(Text::from("tok1 ")));
    assert!(!part.ended);
}

#[test]
fn from_1_2_1_a_token_is_a_part_delta() {
    let BusEvent::Delta(delta) = event(
        r#"{"id":"evt_1","type":"message.part.delta","properties":{"sessionID":"ses_1","messageID":"msg_1","partID":"prt_A","field":"text","delta":"tok0 "}}"#,
    ) else {
        panic!("not a delta")
    };
    assert_eq!((delta.part_id.as_str(), delta.text), ("prt_A", Text::from("tok0 ")));
}

#[test]
fn the_global_stream_wraps_events_and_repeats_them_as_sync() {
    let inner = r#"{"type":"session.idle","properties":{"sessionID":"ses_1"}}"#;
    let wrapped = format!(r#"{{"directory":"/a","project":"p","payload":{inner}}}"#);
    assert_eq!(event(&wrapped), BusEvent::Idle { session_id: "ses_1".into() });
    let sync =
        r#"{"directory":"/a","payload":{"type":"sync","syncEvent":{"type":"message.part.updated.1"}}}"#;
    assert_eq!(decode(sync.as_bytes()).unwrap(), None);
}

#[test]
fn a_compaction_summary_is_told_from_an_answer() {
    let message = |rest: &str| {
        event(&format!(
            r#"{{"type":"message.updated","properties":{{"info":{{"id":"msg_1","sessionID":"ses_1",{rest}}}}}}}"#
        ))
    };
    let BusEvent::Message(summary) = message(r#""role":"assistant","summary":true,"mode":"compaction""#)
    else {
        panic!()
    };
    assert!(summary.summary && summary.role == Role::Assistant);
    let BusEvent::Message(user) = message(r#""role":"user","summary":{"diffs":[]}"#) else { panic!() };
    assert!(!user.summary);
}

#[test]
fn a_retry_status_carries_its_attempt() {
    let retry = event(
        r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"retry","attempt":2,"message":"boom","next":1795370309159}}}"#,
    );
    let status = Status::Retry { attempt: 2, message: "boom".into(), next: 1_795_370_309_159.0 };
    assert_eq!(retry, BusEvent::Status { session_id: "ses_1".into(), status });
}

#[test]
fn both_vocabularies_of_permissions_are_one_ask() {
    for (json, old) in [
        (
            r#"{"type":"permission.asked","properties":{"id":"per_1","sessionID":"ses_1","permission":"bash","patterns":["echo hi"],"metadata":{},"always":["echo *"],"tool":{"messageID":"msg_1","callID":"call_1"}}}"#,
            false,
        ),
        (
            r#"{"type":"permission.updated","properties":{"id":"per_1","type":"bash","pattern":["echo hi"],"sessionID":"ses_1","messageID":"msg_1","callID":"call_1","title":"t","metadata":{},"time":{"created":1}}}"#,
            true,
        ),
    ] {
        let BusEvent::Asked(ask) = event(json) else { panic!("not an ask") };
        assert_eq!(ask.tool.unwrap().call_id, "call_1");
        let AskKind::Permission { permission, patterns, old_route, .. } = ask.kind else { panic!() };
        assert_eq!((permission.as_str(), patterns, old_route), ("bash", vec!["echo hi".to_owned()], old));
    }
}

#[test]
fn unknown_events_pass_by_and_still_prove_the_bus() {
    assert!(event(r#"{"type":"plugin.added","properties":{"id":"x"}}"#).proves_the_bus());
    assert!(!event(r#"{"type":"server.heartbeat","properties":{}}"#).proves_the_bus());
    assert_eq!(decode(b"{}").unwrap(), None);
}

#[test]
fn a_malformed_known_event_is_an_error_and_so_is_no_json() {
    assert!(decode(br#"{"type":"message.part.delta","properties":{"sessionID":"ses_1"}}"#).is_err());
    assert!(decode(b"<html>").is_err());
}

#[test]
fn lone_surrogates_and_broken_utf8_cost_a_character_and_no_event() {
    let error = event(
        r#"{"type":"session.error","properties":{"sessionID":"ses_1","error":{"name":"X","data":{"message":"\ud83d"}}}}"#,
    );
    assert_eq!(error.session_id(), Some("ses_1"));
    let delta = b"{\"type\":\"message.part.delta\",\"properties\":{\"sessionID\":\"s\",\"messageID\":\"m\",\"partID\":\"p\",\"field\":\"text\",\"delta\":\"a\xFFb\"}}";
    let Some(BusEvent::Delta(delta)) = decode(delta).unwrap() else { panic!() };
    assert_eq!(delta.text, Text::from("a\u{fffd}b"));
}

#[test]
fn pending_asks_are_read_and_anything_else_is_none() {
    let asks = pending_asks(
        br#"[{"id":"per_1","sessionID":"ses_1","permission":"bash","patterns":[],"metadata":{},"always":[]}]"#,
    );
    assert_eq!(asks.len(), 1);
    let asks = pending_asks(br#"[{"id":"que_1","sessionID":"ses_1","questions":[]}]"#);
    assert!(matches!(asks[0].kind, AskKind::Question { .. }));
    assert!(pending_asks(b"<!doctype html>").is_empty());
}
