//! Shapes that no release of OpenCode writes: they say what OpenCode's own would.

use super::*;
use crate::protocol::text::Text;

const PART: &str = r#"{"id":"prt_1","sessionID":"ses_1","messageID":"msg_1","type":"text","text":"ab"}"#;
const INFO: &str = r#"{"id":"msg_1","sessionID":"ses_1","role":"assistant"}"#;
const PLACE: &str = r#""sessionID":"ses_1","messageID":"msg_1","partID":"prt_1""#;

fn read(record: &str) -> Vec<BusEvent> {
    decode_record(None, record.as_bytes()).unwrap()
}

/// The same events, but for the bytes of a part, which are kept as they came.
fn same(one: Vec<BusEvent>, other: Vec<BusEvent>) {
    let plain = |event| match event {
        BusEvent::Part(part) => BusEvent::Part(crate::protocol::event::PartUpdate { raw: "".into(), ..part }),
        event => event,
    };
    assert_eq!(
        one.into_iter().map(plain).collect::<Vec<_>>(),
        other.into_iter().map(plain).collect::<Vec<_>>()
    );
}

#[test]
fn an_event_is_the_same_with_properties_as_data_without_either_and_in_an_envelope() {
    for (kind, properties) in [
        ("message.part.delta", format!(r#"{PLACE},"field":"text","delta":"\ud83d""#)),
        ("message.part.updated", format!(r#""part":{PART},"delta":"b""#)),
        ("message.updated", format!(r#""info":{INFO}"#)),
        ("session.status", r#""sessionID":"ses_1","status":{"type":"busy"}"#.to_owned()),
        ("session.idle", r#""sessionID":"ses_1""#.to_owned()),
        ("session.error", r#""sessionID":"ses_1","error":{"name":"X"}"#.to_owned()),
        ("session.updated", r#""info":{"id":"ses_1"}"#.to_owned()),
    ] {
        let usual = format!(r#"{{"type":"{kind}","properties":{{{properties}}}}}"#);
        let expected = read(&usual);
        assert_eq!(expected.len(), 1, "{usual}");
        for record in [
            format!(r#"{{"type":"{kind}","data":{{{properties}}}}}"#),
            format!(r#"{{"id":"evt_1","type":"{kind}",{properties}}}"#),
            format!(r#"{{"payload":{usual}}}"#),
            format!(r#"{{"data":{usual}}}"#),
            format!(r#"{{"payload":{{"type":"{kind}",{properties}}}}}"#),
            format!(r#"{{"type":"event","payload":{{"payload":{usual}}}}}"#),
        ] {
            same(read(&record), expected.clone());
        }
        let named = format!("{{{properties}}}");
        same(decode_record(Some(kind.as_bytes()), named.as_bytes()).unwrap(), expected);
    }
}

#[test]
fn what_is_new_may_be_called_delta_or_text_and_be_an_object() {
    let usual = read(&format!(
        r#"{{"type":"message.part.delta","properties":{{{PLACE},"field":"text","delta":"b"}}}}"#
    ));
    for news in [r#""delta":"b""#, r#""text":"b""#, r#""delta":{"type":"text","text":"b"}"#] {
        same(
            read(&format!(r#"{{"type":"message.part.delta","properties":{{{PLACE},{news}}}}}"#)),
            usual.clone(),
        );
    }
}

#[test]
fn a_delta_may_come_with_its_part_and_without_the_text_so_far() {
    let part = r#"{"id":"prt_1","sessionID":"ses_1","messageID":"msg_1","type":"text"}"#;
    for record in [
        format!(r#"{{"type":"message.part.updated","properties":{{"part":{part},"delta":"b"}}}}"#),
        format!(r#"{{"type":"message.part.delta","properties":{{"part":{part},"delta":"b"}}}}"#),
        format!(r#"{{"type":"message.part.delta","part":{part},"text":"b"}}"#),
    ] {
        let events = read(&record);
        let [BusEvent::Part(part)] = &events[..] else { panic!("{events:?}") };
        assert!(part.is_bare());
        assert_eq!((part.delta.as_ref(), part.text.is_empty()), (Some(&Text::from("b")), true));
    }
}

#[test]
fn parts_may_come_in_a_list_or_beside_their_message() {
    let usual = read(&format!(r#"{{"type":"message.part.updated","properties":{{"part":{PART}}}}}"#));
    let homeless = r#"{"id":"prt_1","type":"text","text":"ab"}"#;
    let around = r#""sessionID":"ses_1","messageID":"msg_1""#;
    for record in [
        format!(r#"{{"type":"message.part.updated","properties":{{"parts":[{PART}]}}}}"#),
        format!(r#"{{"type":"message.part.updated","parts":[{homeless}],{around}}}"#),
        format!(r#"{{"type":"message.part.updated","data":{PART}}}"#),
        format!(
            r#"{{"type":"message.part.updated",{around},"part":{{"id":"prt_1","type":"text"}},"text":"ab"}}"#
        ),
    ] {
        same(read(&record), usual.clone());
    }
    let message = read(&format!(r#"{{"type":"message.updated","properties":{{"info":{INFO}}}}}"#));
    let both = [message, usual].concat();
    for record in [
        format!(r#"{{"type":"message.updated","properties":{{"info":{INFO},"parts":[{homeless}]}}}}"#),
        format!(r#"{{"type":"message.updated","data":{{"message":{INFO},"parts":[{PART}]}}}}"#),
    ] {
        same(read(&record), both.clone());
    }
}

#[test]
fn what_names_no_session_message_and_part_is_nobodys_text() {
    for record in [
        r#"{"type":"text","text":"hello"}"#,
        r#"{"delta":"hello"}"#,
        r#"{"parts":[{"type":"text","text":"hello"}]}"#,
        r#"{"type":"server.heartbeat"}"#,
        r#"{"directory":"/a","payload":{"type":"sync","syncEvent":{"type":"message.part.updated.1"}}}"#,
    ] {
        assert_eq!(read(record), [], "{record}");
    }
    for record in [
        r#"{"type":"message.part.delta","properties":{"delta":"hello"}}"#,
        r#"{"type":"message.part.updated","properties":{"part":{"type":"text","text":"hello"}}}"#,
    ] {
        assert!(decode_record(None, record.as_bytes()).is_err(), "{record}");
    }
}
