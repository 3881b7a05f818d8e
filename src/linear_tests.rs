//! Whatever a server or a slow reader decides the number of, four times as much takes about four times as long:
//! all turns of a process share one thread. Ratios of processor time, and no clock on the wall.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::framing::lines::LineFramer;
use crate::framing::sse::SseFramer;
use crate::mailbox::Mailbox;
use crate::protocol::dialect::{decode_record, pending_asks, stored_messages};
use crate::protocol::reply::Reply;
use crate::protocol::stream_event::{Place, StreamEvent, ToolEvent};
use crate::protocol::turn::{
    Output, PermissionPolicy, Policies, QuestionPolicy, Snapshot, Turn, TurnConfig, Wire,
};

/// What a square makes 16 and a line 4.
const LIMIT: u32 = 8;

fn time(work: &dyn Fn(usize), n: usize) -> Duration {
    let began = used();
    work(n);
    used().saturating_sub(began)
}

/// How long this thread has had a processor.
#[cfg(unix)]
fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(unix))]
fn used() -> Duration {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed()
}

/// The quicker of two runs at n, and one at 4n; a machine that is busy with something else is given another chance.
fn assert_linear(what: &str, n: usize, work: impl Fn(usize)) {
    let mut seen = Vec::new();
    for _ in 0..4 {
        let small = (0..2).map(|_| time(&work, n)).min().unwrap_or_default();
        let large = time(&work, 4 * n);
        if large < LIMIT * small.max(Duration::from_micros(500)) {
            return;
        }
        seen.push((small, large));
    }
    panic!("{what}: {seen:?} at {n} and {}", 4 * n);
}

fn turn() -> Turn {
    let policies = Policies { permission: PermissionPolicy::Call, question: QuestionPolicy::Call };
    let mut turn = Turn::new(TurnConfig {
        route: "server",
        granularity: "token",
        wire: Wire::Bus,
        session_id: "ses_1".into(),
        version: None,
        generation: crate::protocol::release::Generation::V1,
        policies,
        accept: Duration::from_secs(30),
        texts: vec!["mine".into()],
        before: HashSet::new(),
    });
    turn.on_accepted(Instant::now());
    turn
}

fn say(turn: &mut Turn, record: &str) -> usize {
    for event in decode_record(None, record.as_bytes()).unwrap() {
        turn.on_event(&event, Instant::now());
    }
    drain(turn)
}

/// How many outputs there were.
fn drain(turn: &mut Turn) -> usize {
    let mut count = 0;
    while let Some(output) = turn.poll_output() {
        if let Output::Finish(verdict) = output {
            panic!("{verdict:?}");
        }
        count += 1;
    }
    count
}

fn ignore(_: usize) {}

fn message(id: &str, rest: &str) -> String {
    format!(
        r#"{{"type":"message.updated","properties":{{"info":{{"id":"{id}","sessionID":"ses_1","role":"assistant"{rest}}}}}}}"#
    )
}

fn part(id: usize, message: &str, rest: &str) -> String {
    format!(
        r#"{{"type":"message.part.updated","properties":{{"part":{{"id":"prt_{id}","sessionID":"ses_1","messageID":"{message}",{rest}}}}}}}"#
    )
}

const DONE: &str = r#""type":"text","text":"x","time":{"start":1,"end":2}"#;

#[test]
fn records_are_read_in_time_by_their_length() {
    let nested = |open: &str, n: usize| format!("{}1{}", open.repeat(n), "}".repeat(n));
    let read = |record: &str| drop(decode_record(None, record.as_bytes()));
    assert_linear("envelopes", 2_000, |n| read(&nested(r#"{"payload":"#, n)));
    assert_linear("envelopes of data", 2_000, |n| read(&nested(r#"{"data":"#, n)));
    assert_linear("a delta in deltas", 2_000, |n| {
        read(&format!(
            r#"{{"type":"message.part.delta","properties":{{"delta":{}}}}}"#,
            nested(r#"{"text":"#, n)
        ));
    });
    assert_linear("parts with a text beside them", 200, |n| {
        let parts = vec!["{}"; n].join(",");
        let (text, session) = ("x".repeat(20 * n), "s".repeat(20 * n));
        read(&format!(
            r#"{{"type":"message.part.updated","text":"{text}","delta":"{text}","sessionID":"{session}","parts":[{parts}]}}"#
        ));
    });
    assert_linear("lists of messages and asks", 200, |n| {
        let message = r#"{"info":{"id":"m","sessionID":"s","role":"user"},"parts":[]}"#;
        let list = format!("[{}]", vec![message; n].join(","));
        assert_eq!(stored_messages(list.as_bytes()).unwrap().len(), n);
        assert!(pending_asks(list.as_bytes()).is_empty());
    });
}

#[test]
fn bytes_are_framed_in_time_by_their_number_however_they_are_cut() {
    assert_linear("a record byte by byte", 10_000, |n| {
        let mut framer = SseFramer::new(1 << 30);
        for byte in format!("data: {}\n\n", "x".repeat(n)).as_bytes() {
            framer.feed(&[*byte], |_| {}).unwrap();
        }
    });
    assert_linear("a record in many lines", 5_000, |n| {
        let mut framer = SseFramer::new(1 << 30);
        framer.feed("data: x\n".repeat(n).as_bytes(), |_| {}).unwrap();
    });
    assert_linear("a line byte by byte", 10_000, |n| {
        let mut framer = LineFramer::new(1 << 30);
        for byte in format!("{}\n", "x".repeat(n)).as_bytes() {
            framer.feed(&[*byte], |_| {}).unwrap();
        }
    });
}

#[test]
fn messages_and_parts_are_found_in_time_by_their_number() {
    assert_linear("messages with a part each", 200, |n| {
        let mut turn = turn();
        for at in 0..n {
            say(&mut turn, &message(&format!("msg_{at}"), ""));
            say(&mut turn, &part(2 * at, &format!("msg_{at}"), r#""type":"step-start""#));
            say(&mut turn, &part(2 * at + 1, &format!("msg_{at}"), DONE));
        }
    });
    assert_linear("parts of one message", 400, |n| {
        let mut turn = turn();
        say(&mut turn, &message("msg_1", ""));
        (0..n).for_each(|at| ignore(say(&mut turn, &part(at, "msg_1", DONE))));
    });
    assert_linear("parts before their messages", 200, |n| {
        let mut turn = turn();
        (0..n).for_each(|at| ignore(say(&mut turn, &part(at, &format!("msg_{at}"), DONE))));
        let told: usize = (0..n).map(|at| say(&mut turn, &message(&format!("msg_{at}"), ""))).sum();
        assert!(told >= n);
    });
    assert_linear("messages of other clients", 200, |n| {
        let mut turn = turn();
        for at in 0..n {
            say(&mut turn, &message(&format!("msg_{at}"), "").replace("assistant", "user"));
            say(&mut turn, &part(at, &format!("msg_{at}"), DONE));
        }
    });
    assert_linear("summaries that turn out to be answers", 200, |n| {
        let mut turn = turn();
        for rest in [r#","summary":true"#, "", r#","summary":true"#] {
            (0..n).for_each(|at| ignore(say(&mut turn, &message(&format!("msg_{at}"), rest))));
        }
    });
}

#[test]
fn retries_and_gaps_cost_no_look_at_all_parts_each() {
    let retry = r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"retry","attempt":1}}}"#;
    assert_linear("retries behind many parts", 200, |n| {
        let mut turn = turn();
        say(&mut turn, &message("msg_1", ""));
        (0..n).for_each(|at| ignore(say(&mut turn, &part(at, "msg_1", DONE))));
        (0..n).for_each(|_| ignore(say(&mut turn, retry)));
    });
    // From 1.2.1: what comes behind a part that a gap cut waits for its end.
    assert_linear("parts behind one that is held up", 200, |n| {
        let open = r#""type":"text","text":"","time":{"start":1}"#;
        let mut turn = turn();
        say(&mut turn, &message("msg_1", ""));
        say(&mut turn, &part(0, "msg_1", open));
        turn.on_gap();
        turn.on_restored(1, Instant::now());
        drain(&mut turn);
        turn.on_snapshot(Snapshot { busy: true, ..Snapshot::default() }, Instant::now());
        (1..n).for_each(|at| ignore(say(&mut turn, &part(at, "msg_1", DONE))));
        assert!(say(&mut turn, &part(0, "msg_1", DONE)) <= 3 * n);
    });
}

#[test]
fn asks_are_found_in_time_by_their_number() {
    let ask = |at: usize| {
        format!(
            r#"{{"type":"permission.asked","properties":{{"id":"per_{at}","sessionID":"ses_1","permission":"bash"}}}}"#
        )
    };
    let closed = |at: usize| {
        format!(
            r#"{{"type":"permission.replied","properties":{{"requestID":"per_{at}","sessionID":"ses_1","reply":"once"}}}}"#
        )
    };
    assert_linear("asks that other clients answer", 200, |n| {
        let mut turn = turn();
        (0..n).for_each(|at| ignore(say(&mut turn, &ask(at))));
        (0..n).rev().for_each(|at| ignore(say(&mut turn, &closed(at))));
    });
    assert_linear("asks that the caller's code answers", 200, |n| {
        let mut turn = turn();
        (0..n).for_each(|at| ignore(say(&mut turn, &ask(at))));
        for at in (0..n).rev() {
            let reply = if at % 2 == 0 { Reply::Once } else { Reply::Reject { message: None } };
            turn.on_answer(&format!("per_{at}"), reply);
        }
        drain(&mut turn);
        (0..n).rev().for_each(|at| ignore(say(&mut turn, &closed(at))));
    });
}

fn tool(part: usize) -> StreamEvent {
    StreamEvent::Tool(Box::new(ToolEvent {
        place: Arc::new(Place {
            session_id: "ses_1".into(),
            message_id: "msg_1".into(),
            part_id: format!("prt_{part}"),
            parent_session_id: None,
        }),
        call_id: "call".into(),
        tool: "bash".into(),
        status: "running".into(),
        input: None,
        output: None,
        error: None,
        title: None,
        metadata: None,
    }))
}

#[test]
fn what_is_unread_is_found_in_time_by_its_number() {
    assert_linear("updates of many tools, twice", 200, |n| {
        let mailbox = Mailbox::new(1 << 30, || {});
        for _ in 0..2 {
            (0..n).for_each(|at| mailbox.push(tool(at)).unwrap());
        }
        let events: Vec<Value> = serde_json::from_str(&mailbox.take_events().unwrap()).unwrap();
        assert_eq!(events.len(), n);
    });
}

#[test]
fn a_long_text_is_joined_in_time_by_its_length() {
    assert_linear("the deltas of an answer, some of them half characters", 400, |n| {
        let mut turn = turn();
        say(&mut turn, &message("msg_1", ""));
        say(&mut turn, &part(1, "msg_1", r#""type":"text","text":"","time":{"start":1}"#));
        let mut whole = String::new();
        for at in 0..n {
            let delta = [r"\ud83d", r"\ude00", "x"][at % 3];
            write!(whole, "{delta}").unwrap();
            say(
                &mut turn,
                &format!(
                    r#"{{"type":"message.part.delta","properties":{{"sessionID":"ses_1","messageID":"msg_1","partID":"prt_1","field":"text","delta":"{delta}"}}}}"#
                ),
            );
        }
        let end = format!(r#""type":"text","text":"{whole}","time":{{"start":1,"end":2}}"#);
        say(&mut turn, &part(1, "msg_1", &end));
    });
}
