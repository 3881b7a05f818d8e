//! A server that says much of what belongs to nothing: parts without messages, deltas without parts, asks, sessions,
//! other clients' prompts, retries and gaps, each as often as its bytes ask for. The turn ends, holds no more than it may, and has answered or given up each ask.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::mailbox::Mailbox;
use crate::protocol::dialect::decode_record;
use crate::protocol::reply::Reply;
use crate::protocol::turn::{
    Output, PermissionPolicy, Policies, QuestionPolicy, Snapshot, Turn, TurnConfig, Wire,
};

/// The most records of one run.
const MOST: usize = 4_000;
/// The most gaps: each takes a new connection, and costs a look at all there is.
const GAPS: usize = 20;
/// What may wait, in bytes.
const WAITING: usize = 1 << 20;

struct Crowd {
    turn: Turn,
    mailbox: Mailbox,
    now: Instant,
    /// The asks that the caller's code has not answered, and how many have been answered.
    open: Vec<String>,
    replied: HashSet<String>,
    under_way: Vec<String>,
    said: usize,
    gaps: usize,
    ended: bool,
}

/// Each two bytes: what is said, of which of its kind; and how often.
pub fn crowd(data: &[u8]) {
    let mut crowd = Crowd::new();
    for step in data.chunks_exact(2) {
        let (what, which) = (step[0] & 15, usize::from(step[0] >> 4));
        for at in 0..1_usize << (step[1] & 12) {
            if crowd.ended || crowd.said > MOST {
                break;
            }
            crowd.said += 1;
            crowd.step(what, which, at);
        }
    }
    crowd.rest();
}

impl Crowd {
    fn new() -> Self {
        let policies = Policies { permission: PermissionPolicy::Call, question: QuestionPolicy::Call };
        let now = Instant::now();
        let mut turn = Turn::new(TurnConfig {
            route: "server",
            granularity: "token",
            session_id: "ses_1".to_owned(),
            version: None,
            generation: crate::protocol::release::Generation::V1,
            policies,
            accept: Duration::from_secs(30),
            texts: vec!["mine".to_owned()],
            before: HashSet::new(),
            wire: Wire::Bus,
        });
        turn.let_wait(WAITING);
        turn.on_accepted(now);
        Self {
            turn,
            mailbox: Mailbox::new(usize::MAX, || {}),
            now,
            open: Vec::new(),
            replied: HashSet::new(),
            under_way: Vec::new(),
            said: 0,
            gaps: 0,
            ended: false,
        }
    }

    fn step(&mut self, what: u8, which: usize, at: usize) {
        let n = self.said;
        let session = ["ses_1", "ses_child"][which & 1];
        let part = |id: usize, message: usize, rest: &str| {
            format!(
                r#"{{"type":"message.part.updated","properties":{{"part":{{"id":"prt_{id}","sessionID":"{session}","messageID":"msg_{message}",{rest}}}}}}}"#
            )
        };
        let message = |id: usize, rest: &str| {
            format!(
                r#"{{"type":"message.updated","properties":{{"info":{{"id":"msg_{id}","sessionID":"{session}",{rest}}}}}}}"#
            )
        };
        let text = r#""type":"text","text":"theirs","time":{"start":1}"#;
        let record = match what {
            0 => message(n, r#""role":"assistant""#),
            1 => message(which, r#""role":"assistant","parentID":"msg_0","time":{"completed":1},"finish":"tool-calls""#),
            2 => message(n, r#""role":"user""#),
            3 => part(n, which, text),
            // Of messages that never come.
            4 => part(n, 1_000_000 + n, &text.replace("theirs", &"x".repeat(1000))),
            5 => part(n, which, r#""type":"step-start""#),
            6 => part(n, which, r#""type":"tool","state":{"status":"running"}"#),
            7 => format!(r#"{{"type":"message.part.delta","properties":{{"sessionID":"{session}","messageID":"msg_{which}","partID":"prt_{n}","field":"text","delta":"x"}}}}"#),
            8 => r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"retry","attempt":1}}}"#.to_owned(),
            9 => format!(r#"{{"type":"permission.asked","properties":{{"id":"per_{n}","sessionID":"{session}","permission":"bash"}}}}"#),
            10 => format!(r#"{{"type":"permission.replied","properties":{{"requestID":"per_{}","sessionID":"{session}","reply":"reject"}}}}"#, n.saturating_sub(at)),
            11 => format!(r#"{{"type":"session.created","properties":{{"info":{{"id":"ses_{}","parentID":"{session}"}}}}}}"#, if which & 2 == 0 { "child".to_owned() } else { n.to_string() }),
            12 => return self.answer(which),
            13 if self.gaps >= GAPS => return,
            13 => {
                self.gaps += 1;
                self.turn.on_gap();
                self.turn.on_restored(1, self.now);
                return self.drain();
            }
            14 => r#"{"type":"session.idle","properties":{"sessionID":"ses_1"}}"#.to_owned(),
            _ => format!(r#"{{"type":"session.error","properties":{{"sessionID":"{session}","error":["x"]}}}}"#),
        };
        self.now += Duration::from_millis(1);
        for event in decode_record(None, record.as_bytes()).expect("what OpenCode says") {
            self.turn.on_event(&event, self.now);
        }
        self.drain();
    }

    fn answer(&mut self, which: usize) {
        let Some(id) = self.open.pop() else { return };
        let reply =
            [Reply::Once, Reply::Reject { message: None }, Reply::Always, Reply::Leave][which & 3].clone();
        self.turn.on_answer(&id, reply);
        self.drain();
        for id in std::mem::take(&mut self.under_way) {
            self.turn.on_replied(&id);
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.turn.poll_output() {
            assert!(!self.ended, "something came after the end: {output:?}");
            match output {
                Output::Emit(event) => drop(self.mailbox.push(event)),
                Output::Ask(ask) => {
                    let ask = serde_json::to_value(ask).expect("an event");
                    self.open.push(ask["id"].as_str().expect("an id").to_owned());
                }
                Output::AskClosed(id) => self.open.retain(|open| *open != id),
                Output::Reply(answered) => {
                    let id = answered.ask.id;
                    assert!(self.replied.insert(id.clone()), "{id} was answered twice");
                    self.under_way.push(id);
                }
                Output::Fetch => {
                    self.turn.on_snapshot(Snapshot { busy: true, ..Snapshot::default() }, self.now)
                }
                Output::Abort => self.turn.on_aborted(self.now),
                Output::Finish(verdict) => {
                    self.ended = true;
                    self.mailbox.finish(&verdict);
                }
                Output::Silent | Output::Resend => {}
            }
        }
    }

    /// The reader leaves at last: what waits to be answered is given up.
    fn rest(mut self) {
        if !self.ended {
            self.turn.leave();
            let given_up = self.turn.give_up_asks();
            assert!(given_up.iter().all(|answered| !self.replied.contains(&answered.ask.id)));
            self.turn.conclude_left();
            self.drain();
        }
        assert!(self.ended && self.mailbox.outcome().is_some(), "it does not end");
        while self.mailbox.take_events().is_some() {}
    }
}
