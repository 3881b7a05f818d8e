//! What a busy server sends while it answers, rendered before it is needed.

use crate::records::{self, Part};

/// How one run goes.
#[derive(Clone)]
pub struct Plan {
    /// How many prompts are waited for.
    pub turns: usize,
    /// Records, over all turns; nine in ten carry a token.
    pub events: usize,
    /// One HTTP chunk for each record, or chunks of 64 KiB whatever they cut.
    pub chunk_per_event: bool,
    /// Microseconds from token to token; 0: as fast as the socket takes them.
    pub pace: u64,
    /// Tools and their output belong to the prompted sessions, and not to somebody else's.
    pub own_tools: bool,
    /// Bytes of one long record in the middle; 0: there is none.
    pub long: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { turns: 1, events: 1000, chunk_per_event: true, pace: 0, own_tools: false, long: 0 }
    }
}

impl Plan {
    /// From a query: `turns=1&events=1000&chunking=event&pace=0&tools=foreign&long=0`.
    pub fn parse(query: &str) -> Self {
        let mut plan = Self::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let number = || value.parse().unwrap_or(0);
            match name {
                "turns" => plan.turns = number(),
                "events" => plan.events = number(),
                "chunking" => plan.chunk_per_event = value == "event",
                "pace" => plan.pace = number() as u64,
                "tools" => plan.own_tools = value == "own",
                "long" => plan.long = number(),
                _ => {}
            }
        }
        plan
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Token,
    /// A running tool whose output grows to 4 KB.
    Growing,
    Session,
    /// A tool's output of 50 KB.
    Output,
    Heartbeat,
    Message,
}

/// A thousand records in their order: the rare ones spread evenly among the tokens.
fn schedule() -> Vec<Kind> {
    let mut kinds = vec![Kind::Token; 1000];
    let rare = [
        (Kind::Growing, 40),
        (Kind::Session, 30),
        (Kind::Output, 4),
        (Kind::Heartbeat, 5),
        (Kind::Message, 21),
    ];
    for (offset, (kind, count)) in rare.into_iter().enumerate() {
        for n in 0..count {
            let mut at = n * 1000 / count + 3 * offset + 2;
            while kinds[at % 1000] != Kind::Token {
                at += 1;
            }
            kinds[at % 1000] = kind;
        }
    }
    kinds
}

/// The whole of all turns, framed for the wire.
pub fn render(plan: &Plan, sessions: &[String]) -> Vec<u8> {
    let mut wire = Wire::new(plan.chunk_per_event);
    for session in sessions {
        opening(session).iter().for_each(|record| wire.push(record));
    }
    let mut tokens = vec![0usize; sessions.len()];
    let schedule = schedule();
    let stranger = "ses_somebodyelse00000000000000".to_owned();
    for n in 0..plan.events {
        let turn = n % sessions.len();
        let session = &sessions[turn];
        let tool_session = if plan.own_tools { session } else { &stranger };
        if plan.long > 0 && n == plan.events / 2 {
            wire.push(&records::tool(tool_session, 9999, true, plan.long));
        }
        match schedule[n % 1000] {
            Kind::Token => {
                wire.push(&records::delta(session, &token(tokens[turn])));
                tokens[turn] += 1;
            }
            Kind::Growing => {
                wire.push(&records::tool(tool_session, n / 1000, false, 100 * (n % 1000 / 25 + 1)))
            }
            Kind::Output => wire.push(&records::tool(tool_session, n / 1000, true, 50_000)),
            Kind::Session => wire.push(&records::session("session.updated", session)),
            Kind::Heartbeat => wire.push(records::HEARTBEAT),
            Kind::Message => wire.push(&records::answer(session, false)),
        }
    }
    for (session, tokens) in sessions.iter().zip(&tokens) {
        let text: String = (0..*tokens).map(token).collect();
        ending(session, &text).iter().for_each(|record| wire.push(record));
    }
    wire.finish()
}

/// Five bytes, and no two neighbours alike.
fn token(n: usize) -> String {
    format!("{:04} ", n % 10_000)
}

/// What comes before the first token.
pub fn opening(session: &str) -> Vec<String> {
    vec![
        records::user(session),
        records::part(session, &Part::Prompt),
        records::status(session, "busy"),
        records::answer(session, false),
        records::part(session, &Part::StepStart),
        records::part(session, &Part::Text { text: "", ended: false }),
    ]
}

/// What comes after the last one.
pub fn ending(session: &str, text: &str) -> Vec<String> {
    vec![
        records::part(session, &Part::Text { text, ended: true }),
        records::part(session, &Part::StepFinish),
        records::answer(session, true),
        records::status(session, "idle"),
        records::idle(session),
    ]
}

/// Records to chunks of HTTP.
struct Wire {
    chunk_per_event: bool,
    bytes: Vec<u8>,
    pending: Vec<u8>,
}

impl Wire {
    fn new(chunk_per_event: bool) -> Self {
        Self { chunk_per_event, bytes: Vec::new(), pending: Vec::new() }
    }

    fn push(&mut self, record: &str) {
        if self.chunk_per_event {
            self.bytes.extend_from_slice(&records::framed(record));
            return;
        }
        self.pending.extend_from_slice(format!("data: {record}\n\n").as_bytes());
        while self.pending.len() >= 65_536 {
            let rest = self.pending.split_off(65_536);
            records::chunk(&mut self.bytes, &self.pending);
            self.pending = rest;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if !self.pending.is_empty() {
            records::chunk(&mut self.bytes, &self.pending);
        }
        self.bytes
    }
}
