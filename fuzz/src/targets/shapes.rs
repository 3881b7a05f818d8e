//! JSON as deep and as wide as its bytes ask for: each two of them say what comes next, and how often. Whatever
//! it is put in place of, a call that runs is told, and nothing is deeper than it may be.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::mailbox::Mailbox;
use crate::protocol::dialect::{decode_record, pending_asks, stored_messages};
use crate::protocol::json;
use crate::protocol::stream_event::StreamEvent;
use crate::protocol::turn::{Output, Policies, Turn, TurnConfig, Wire};

/// How much JSON is made of a few bytes.
const LONGEST: usize = 1 << 17;

/// What an object may begin with; `1` fills what is left open.
const OPENINGS: [&str; 12] = [
    "[",
    r#"{"a":"#,
    r#"{"text":"#,
    r#"{"delta":"#,
    r#"{"payload":"#,
    r#"{"type":"session.idle","payload":"#,
    r#"{"data":"#,
    r#"{"parts":["#,
    r#"{"part":"#,
    r#"{"info":"#,
    r#"{"properties":"#,
    r#"{"sessionID":"ses_1","messageID":"msg_2","id":"prt_1","type":"tool","state":"#,
];
const FILLINGS: [&str; 6] = ["1,", r#""\ud83d","#, "{},", "[],", "null,", r#"{"id":"prt_x","type":"text"},"#];

/// One value, whole.
pub fn shaped(steps: &[u8]) -> String {
    let mut json = String::new();
    let mut open = Vec::new();
    for step in steps.chunks_exact(2) {
        let (what, often) = (usize::from(step[0]), 1_usize << (step[1] & 15));
        for _ in 0..often {
            if json.len() > LONGEST {
                break;
            }
            if what & 1 == 0 {
                let opening = OPENINGS[(what >> 1) % OPENINGS.len()];
                json.push_str(opening);
                open.extend(opening.bytes().filter(|byte| matches!(byte, b'{' | b'[')));
            } else if open.last() == Some(&b'[') {
                json.push_str(FILLINGS[(what >> 1) % FILLINGS.len()]);
            }
        }
    }
    json.push('1');
    json.extend(open.iter().rev().map(|byte| if *byte == b'{' { '}' } else { ']' }));
    json
}

/// The first byte says where the value stands; the rest is the value.
pub fn shapes(data: &[u8]) {
    let [place, steps @ ..] = data else { return };
    let value = shaped(steps);
    if let Some(read) = json::value(value.as_bytes()) {
        assert!(json::depth(&read.to_string()) <= json::DEPTH);
    }
    let _ = (stored_messages(value.as_bytes()), pending_asks(value.as_bytes()));
    tell(*place, &value);
}

/// A turn in which something holds the value.
fn tell(place: u8, value: &str) {
    let in_session = r#""id":"x","sessionID":"ses_1","messageID":"msg_2""#;
    let tool = |state: &str| {
        format!(
            r#"{{"type":"message.part.updated","properties":{{"part":{{{in_session},"type":"tool","callID":"c","tool":"bash","state":{state}}}}}}}"#
        )
    };
    let record = match place % 10 {
        0 => tool(&format!(r#"{{"status":"completed","input":{value},"output":"x"}}"#)),
        1 => tool(&format!(r#"{{"status":"running","metadata":{value},"title":{value}}}"#)),
        2 => format!(
            r#"{{"type":"permission.asked","properties":{{{in_session},"permission":"bash","metadata":{value}}}}}"#
        ),
        3 => format!(r#"{{"type":"question.asked","properties":{{{in_session},"questions":{value}}}}}"#),
        4 => format!(r#"{{"type":"session.error","properties":{{"sessionID":"ses_1","error":{value}}}}}"#),
        5 => format!(
            r#"{{"type":"session.status","properties":{{"sessionID":"ses_1","status":{{"type":"retry","attempt":1,"x":{value}}}}}}}"#
        ),
        6 => format!(
            r#"{{"type":"message.updated","properties":{{"info":{{"id":"msg_2","sessionID":"ses_1","role":"assistant","error":{value},"time":{{"completed":1}}}}}}}}"#
        ),
        7 => format!(
            r#"{{"type":"message.part.delta","properties":{{"sessionID":"ses_1","messageID":"msg_2","partID":"p","delta":{value}}}}}"#
        ),
        8 => format!(
            r#"{{"type":"message.part.updated","properties":{{"sessionID":"ses_1","messageID":"msg_2","text":"x","parts":{value}}}}}"#
        ),
        _ => value.to_owned(),
    };
    let events = decode_record(None, record.as_bytes());
    // What is ours but for the depth of a value in it is understood.
    assert!(place % 10 > 6 || events.as_ref().is_ok_and(|events| events.len() == 1), "{record:.300}");
    let (mut turn, mailbox) = (turn(), Mailbox::new(usize::MAX, || {}));
    let begin = r#"{"type":"message.updated","properties":{"info":{"id":"msg_2","sessionID":"ses_1","role":"assistant"}}}"#;
    for event in decode_record(None, begin.as_bytes()).into_iter().chain(events).flatten() {
        turn.on_event(&event, Instant::now());
    }
    turn.conclude_left();
    let (mut told, mut result) = (0, None);
    while let Some(output) = turn.poll_output() {
        match output {
            Output::Emit(event) => {
                told += usize::from(matches!(
                    event,
                    StreamEvent::Tool(_) | StreamEvent::Permission { .. } | StreamEvent::Question { .. }
                ));
                mailbox.push(event).expect("there is room");
            }
            Output::Finish(verdict) => result = Some(*verdict),
            _ => {}
        }
    }
    assert!(place % 10 > 3 || told > 0, "a call or an ask was hidden: {record:.300}");
    mailbox.finish(&result.expect("it was left"));
    for json in std::iter::from_fn(|| mailbox.take_events()) {
        assert!(json::depth(&json) <= json::DEPTH + 8, "deeper than it may be");
    }
    assert!(json::depth(&mailbox.outcome().expect("it is over")) <= json::DEPTH + 8);
}

fn turn() -> Turn {
    let mut turn = Turn::new(TurnConfig {
        route: "server",
        granularity: "token",
        session_id: "ses_1".to_owned(),
        version: None,
        generation: crate::protocol::release::Generation::V1,
        policies: Policies::default(),
        accept: Duration::from_secs(30),
        texts: Vec::new(),
        before: HashSet::new(),
        wire: Wire::Bus,
    });
    turn.on_accepted(Instant::now());
    turn
}
