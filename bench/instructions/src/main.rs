//! A capture of each generation, with two thousand deltas, through the whole of the pure core: framing,
//! glance, dialect, transcript, turn, mailbox. `instructions 1` and `instructions 2` replay one of them;
//! `bench/instructions/check.mjs` counts the instructions of [`replay`].

#![allow(dead_code, unused_imports)]

#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/framing/mod.rs"]
mod framing;
#[path = "../../../src/mailbox.rs"]
mod mailbox;
#[path = "../../../src/network.rs"]
mod network;
#[path = "../../../src/protocol/mod.rs"]
mod protocol;
#[path = "../../../src/request.rs"]
mod request;

use std::collections::HashSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use framing::sse::SseFramer;
use mailbox::Mailbox;
use protocol::dialect::{decode, glance, v2};
use protocol::release::Generation;
use protocol::turn::{Output, Turn, TurnConfig};

const DELTAS: usize = 2000;

/// One turn, as a release sent it.
struct Capture {
    generation: Generation,
    records: &'static str,
    session: &'static str,
    /// The id of the prompt, where clients choose it.
    prompt: Option<&'static str>,
    /// By which a delta is known.
    delta: &'static str,
}

const FIRST: Capture = Capture {
    generation: Generation::V1,
    records: include_str!("../../../__test__/fixtures/1.18.33/text.sse"),
    session: "ses_dfb977ac2ffeZbb39v9d42NZtl",
    prompt: None,
    delta: "\"message.part.delta\"",
};

const SECOND: Capture = Capture {
    generation: Generation::V2,
    records: include_str!("../../../__test__/fixtures/2.0.15/text.sse"),
    session: "ses_deb60c4c6ffe9Lz410UaTHpT4n",
    prompt: Some("msg_2149f3b81001WV03VMa3ZjNRyB"),
    delta: "\"session.text.delta\"",
};

fn main() {
    let capture = match std::env::args().nth(1).as_deref() {
        Some("2") => SECOND,
        _ => FIRST,
    };
    let wire = capture.wire();
    let text = replay(black_box(&wire), &capture, Instant::now());
    assert_eq!(text, capture.text());
    println!("{} bytes, {} characters", wire.len(), text.len());
}

impl Capture {
    fn records(&self) -> impl Iterator<Item = &'static str> {
        self.records.split_inclusive("\n\n")
    }

    /// How often each delta comes.
    fn times(&self) -> usize {
        DELTAS / self.records().filter(|record| record.contains(self.delta)).count()
    }

    /// The capture, with each delta many times, and as many records of a session that nobody listens to.
    fn wire(&self) -> Vec<u8> {
        let mut wire = String::new();
        for record in self.records() {
            let times = if record.contains(self.delta) { self.times() } else { 1 };
            let foreign = record.replace("ses_", "ses_x");
            for _ in 0..times {
                wire.push_str(record);
                wire.push_str(&foreign);
            }
        }
        wire.into_bytes()
    }

    /// What the deltas say.
    fn text(&self) -> String {
        let deltas = self.records().filter(|record| record.contains(self.delta));
        let said = deltas.map(|record| {
            let (_, rest) = record.split_once("\"delta\":\"").expect("a delta");
            rest.split('"').next().expect("its text").repeat(self.times())
        });
        said.collect()
    }

    fn turn(&self, now: Instant) -> Turn {
        let turn = Turn::new(config(self));
        let Some(prompt) = self.prompt else {
            let mut turn = turn;
            turn.on_accepted(now);
            return turn;
        };
        let mut turn = turn.of_prompt(prompt);
        turn.on_stored(now);
        turn
    }

    /// Hands what one record says to the turn, if it is of its session.
    fn take(&self, record: &[u8], turn: &mut Turn, now: Instant) {
        if self.generation == Generation::V2 {
            if v2::peek(record).is_none_or(|peek| peek.session_id == self.session) {
                v2::decode(record, &mut |event| turn.on_event(&event, now)).expect("a captured record");
            }
        } else if glance(record).is_none_or(|glance| glance.session_id == self.session)
            && let Some(event) = decode(record).expect("a captured record")
        {
            turn.on_event(&event, now);
        }
    }
}

// SAFETY: no other function of this program, or of a library it links, has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn replay(wire: &[u8], capture: &Capture, now: Instant) -> String {
    let mut framer = SseFramer::new(wire.len());
    let mailbox = Mailbox::new(wire.len(), || {});
    let mut turn = capture.turn(now);
    let mut text = String::new();
    for chunk in wire.chunks(1400) {
        let fed = framer.feed(chunk, |record| {
            capture.take(record.data, &mut turn, now);
            while let Some(output) = turn.poll_output() {
                match output {
                    Output::Emit(event) => mailbox.push(event).expect("the limit is the capture's length"),
                    Output::Finish(verdict) => mailbox.finish(&verdict),
                    _ => {}
                }
            }
        });
        fed.expect("no record is longer than the capture");
        text.extend(mailbox.take_text());
    }
    text
}

fn config(capture: &Capture) -> TurnConfig {
    TurnConfig {
        route: "server",
        granularity: "token",
        generation: capture.generation,
        session_id: capture.session.to_owned(),
        version: None,
        policies: protocol::turn::Policies {
            permission: protocol::turn::PermissionPolicy::Reject,
            question: protocol::turn::QuestionPolicy::Reject,
        },
        accept: Duration::from_secs(30),
        texts: Vec::new(),
        before: HashSet::new(),
        wire: protocol::turn::Wire::Bus,
    }
}
