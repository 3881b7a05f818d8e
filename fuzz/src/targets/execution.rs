//! A whole turn of generation 2 over any bytes: framing, dialect, execution, turn. It ends, and what it told
//! is its result.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::framing::sse::SseFramer;
use crate::protocol::dialect::v2::{decode, peek, stored_messages};
use crate::protocol::event::{BusEvent, InboxStep};
use crate::protocol::history::{Outcome, StoredMessage};
use crate::protocol::stream_event::StreamEvent;
use crate::protocol::turn::{Look, Output, Policies, Turn, TurnConfig, Wire};

/// As [`super::turn`]: where the connection breaks, for how many events, and what the server then says.
pub fn execution(data: &[u8]) {
    let [at, lost, state, wire @ ..] = data else { return };
    let mut events = Vec::new();
    let _ = SseFramer::new(1 << 20).feed(wire, |record| {
        let begin = events.len();
        if decode(record.data, &mut |event| events.push(event)).is_err() {
            events.truncate(begin);
        }
        let session = events.get(begin).and_then(BusEvent::session_id);
        if let (Some(peek), Some(session)) = (peek(record.data), session) {
            assert_eq!(peek.session_id, session);
        }
        let _ = stored_messages("ses_1", record.data);
    });
    let (session, prompt) = prompted(&events);
    let mut ride = Ride::new(&session, &prompt, *state);
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

fn prompted(events: &[BusEvent]) -> (String, String) {
    let ours = events.iter().find_map(|event| match event {
        BusEvent::Inbox(inbox) if inbox.step == InboxStep::Enqueued => {
            Some((inbox.session_id.clone(), inbox.prompt.clone()))
        }
        _ => None,
    });
    ours.unwrap_or_else(|| ("ses_1".to_owned(), "msg_1".to_owned()))
}

struct Ride {
    turn: Turn,
    now: Instant,
    prompt: String,
    state: u8,
    active: bool,
    told: Vec<(String, String)>,
    ended: bool,
}

impl Ride {
    fn new(session: &str, prompt: &str, state: u8) -> Self {
        let config = TurnConfig {
            route: "server",
            granularity: "token",
            wire: Wire::Bus,
            session_id: session.to_owned(),
            version: None,
            generation: crate::protocol::release::Generation::V2,
            policies: Policies::default(),
            accept: Duration::from_secs(30),
            texts: Vec::new(),
            before: HashSet::new(),
        };
        let now = Instant::now();
        let mut turn = Turn::new(config).of_prompt(prompt);
        turn.on_stored(now);
        let prompt = prompt.to_owned();
        Self { turn, now, prompt, state, active: state & 1 == 1, told: Vec::new(), ended: false }
    }

    fn look(&self) -> Look {
        let ours = || StoredMessage::Prompt(self.prompt.clone());
        let idle = || StoredMessage::Idle(Outcome::Succeeded);
        let (inbox, messages) = match self.state >> 1 & 3 {
            0 => (vec![self.prompt.clone()], Vec::new()),
            1 => (Vec::new(), Vec::new()),
            2 if !self.active => (Vec::new(), vec![ours(), idle()]),
            _ => (Vec::new(), vec![ours()]),
        };
        Look { active: self.active, inbox, messages }
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
                Output::Fetch => self.turn.on_look(&self.look(), Vec::new(), &[], self.now),
                Output::Finish(verdict) => {
                    self.ended = true;
                    if let Ok(result) = *verdict {
                        self.compare(&result);
                    }
                }
                _ => {}
            }
        }
    }

    /// Unless deltas were lost in the middle of a part, the result has exactly what was streamed.
    fn compare(&self, result: &serde_json::Value) {
        if result["discarded"] != 0 {
            return;
        }
        let text = result["text"].as_str().expect("a text");
        let streamed: usize = self.told.iter().map(|(_, text)| text.len()).sum();
        assert_eq!(text.len(), streamed + 2 * self.told.len().saturating_sub(1), "characters were lost");
    }

    /// The server goes idle at last: every turn ends.
    fn rest(mut self) {
        self.drain();
        for look in 0..100 {
            if self.ended {
                return;
            }
            self.active &= look < 10;
            let Some(deadline) = self.turn.deadline() else { panic!("nothing will ever end it") };
            self.now = self.now.max(deadline);
            self.turn.on_deadline(self.now);
            self.drain();
        }
        panic!("it does not end");
    }
}
