//! A whole turn over any bytes: framing, dialect, turn. It ends, and what it told is its result.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::framing::sse::SseFramer;
use crate::protocol::dialect::{decode, stored_messages};
use crate::protocol::event::{BusEvent, Role};
use crate::protocol::stream_event::StreamEvent;
use crate::protocol::turn::{Output, Policies, Snapshot, Turn, TurnConfig, Wire};

/// The first two bytes say after which record the connection breaks and how long it is away, the third
/// what the server then says; the rest is the wire. A message list in it is what the server has stored.
pub fn turn(data: &[u8]) {
    let [at, lost, state, wire @ ..] = data else { return };
    let mut events = Vec::new();
    let mut list = None;
    let mut framer = SseFramer::new(1 << 20);
    let _ = framer.feed(wire, |record| {
        if let Ok(Some(event)) = decode(record.data) {
            events.push(event);
        }
        if stored_messages(record.data).is_ok() {
            list = Some(record.data.to_vec());
        }
    });
    let session = prompted(&events);
    let mut ride = Ride::new(&session, state & 1 == 1, list);
    let (at, lost) = (usize::from(*at), usize::from(*lost));
    for (number, event) in events.iter().enumerate() {
        if number == at && lost > 0 {
            ride.turn.on_gap();
        }
        if number == at + lost && lost > 0 {
            ride.turn.on_restored(1, ride.now);
        }
        if number < at || number >= at + lost {
            ride.now += Duration::from_millis(1);
            ride.turn.on_event(event, ride.now);
        }
        ride.drain();
    }
    ride.turn.on_restored(1, ride.now);
    ride.rest();
}

fn prompted(events: &[BusEvent]) -> String {
    let user = events.iter().find_map(|event| match event {
        BusEvent::Message(info) if info.role == Role::User => Some(info.session_id.clone()),
        _ => None,
    });
    user.unwrap_or_else(|| "ses_1".to_owned())
}

struct Ride {
    turn: Turn,
    now: Instant,
    busy: bool,
    list: Option<Vec<u8>>,
    told: Vec<(String, String)>,
    ended: bool,
}

impl Ride {
    fn new(session: &str, busy: bool, list: Option<Vec<u8>>) -> Self {
        let now = Instant::now();
        let mut turn = Turn::new(TurnConfig {
            route: "server",
            granularity: "token",
            session_id: session.to_owned(),
            version: None,
            generation: crate::protocol::release::Generation::V1,
            policies: Policies::default(),
            accept: Duration::from_secs(30),
            texts: Vec::new(),
            before: HashSet::new(),
            wire: Wire::Bus,
        });
        turn.on_accepted(now);
        Self { turn, now, busy, list, told: Vec::new(), ended: false }
    }

    fn drain(&mut self) {
        while let Some(output) = self.turn.poll_output() {
            assert!(!self.ended, "something came after the end: {output:?}");
            match output {
                Output::Emit(StreamEvent::TextDelta { place, delta, answer: true }) => {
                    match self.told.iter_mut().find(|(id, _)| *id == place.part_id) {
                        Some((_, text)) => text.push_str(&delta),
                        None => self.told.push((place.part_id.clone(), delta)),
                    }
                }
                Output::Fetch => {
                    let stored = self.list.as_deref().and_then(|list| stored_messages(list).ok());
                    let messages = stored.unwrap_or_default();
                    self.turn
                        .on_snapshot(Snapshot { busy: self.busy, messages, ..Snapshot::default() }, self.now);
                }
                Output::Abort => self.turn.on_aborted(self.now),
                Output::Finish(verdict) => {
                    self.ended = true;
                    if let Ok(result) = *verdict {
                        self.compare(&result);
                    }
                }
                Output::Emit(_)
                | Output::Reply(_)
                | Output::Silent
                | Output::Resend
                | Output::Ask(_)
                | Output::AskClosed(_) => {}
            }
        }
    }

    /// Unless an attempt was abandoned, the result has exactly what was streamed.
    fn compare(&self, result: &serde_json::Value) {
        if result["discarded"] == 0 {
            let mut told: Vec<&str> = self.told.iter().map(|(_, text)| text.as_str()).collect();
            let text = result["text"].as_str().expect("a text");
            let streamed: usize = told.iter().map(|text| text.len()).sum();
            assert_eq!(text.len(), streamed + 2 * told.len().saturating_sub(1), "characters were lost");
            told.retain(|told| !text.contains(told));
            assert!(told.is_empty(), "streamed and not in the result: {told:?}");
        }
    }

    /// The server goes idle at last: every turn ends.
    fn rest(mut self) {
        self.drain();
        for look in 0..100 {
            if self.ended {
                return;
            }
            self.busy &= look < 10;
            let Some(deadline) = self.turn.deadline() else { panic!("nothing will ever end it") };
            self.now = self.now.max(deadline);
            self.turn.on_deadline(self.now);
            self.drain();
        }
        panic!("it does not end");
    }
}
