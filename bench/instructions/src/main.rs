//! A capture, two thousand tokens long, through the whole of the pure core: framing, glance, transcript,
//! turn, mailbox. `bench/instructions/check.mjs` counts the instructions of [`replay`].

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
use protocol::dialect::{decode, glance};
use protocol::turn::{Output, Turn, TurnConfig};

const CAPTURE: &[u8] = include_bytes!("../../../__test__/fixtures/1.18.33/text.sse");
const TOKENS: usize = 2000;

fn main() {
    let wire = capture();
    let text = replay(black_box(&wire), Instant::now());
    assert_eq!(text.len(), expected().len());
    println!("{} bytes, {} characters", wire.len(), text.len());
}

/// The capture, with each token a hundred times, and as many records of a session that nobody listens to.
fn capture() -> Vec<u8> {
    let text = String::from_utf8_lossy(CAPTURE);
    let mut wire = String::new();
    for record in text.split_inclusive("\n\n") {
        let times = if record.contains("\"message.part.delta\"") { TOKENS / 20 } else { 1 };
        let foreign = record.replace("ses_", "ses_x");
        for _ in 0..times {
            wire.push_str(record);
            wire.push_str(&foreign);
        }
    }
    wire.into_bytes()
}

fn expected() -> String {
    (0..20).map(|n| format!("tok{n} ").repeat(TOKENS / 20)).collect()
}

// SAFETY: no other function of this program, or of a library it links, has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn replay(wire: &[u8], now: Instant) -> String {
    let mut framer = SseFramer::new(wire.len());
    let mailbox = Mailbox::new(wire.len(), || {});
    let session = "ses_dfb977ac2ffeZbb39v9d42NZtl";
    let mut turn = Turn::new(config(session));
    turn.on_accepted(now);
    let mut text = String::new();
    for chunk in wire.chunks(1400) {
        let fed = framer.feed(chunk, |record| {
            if glance(record.data).is_some_and(|glance| glance.session_id != session) {
                return;
            }
            if let Ok(Some(event)) = decode(record.data) {
                turn.on_event(&event, now);
            }
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

fn config(session: &str) -> TurnConfig {
    TurnConfig {
        route: "server",
        granularity: "token",
        generation: protocol::release::Generation::V1,
        session_id: session.to_owned(),
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
