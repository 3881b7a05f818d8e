//! What a busy server sends while it answers, rendered before it is needed.

use crate::dialect::{Dialect, Turn};
use crate::wire::Wire;

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
    ToolRuns,
    /// With an output of 50 KB.
    ToolDone,
    Totals,
    Heartbeat,
    Other,
}

/// A thousand records in their order: the rare ones spread evenly among the tokens.
fn schedule() -> Vec<Kind> {
    let mut kinds = vec![Kind::Token; 1000];
    let rare = [
        (Kind::ToolRuns, 40),
        (Kind::Totals, 30),
        (Kind::ToolDone, 4),
        (Kind::Heartbeat, 5),
        (Kind::Other, 21),
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

/// An answer that is ready to be sent.
pub struct Answer {
    pub wire: Vec<u8>,
    /// What each turn says.
    pub texts: Vec<String>,
}

/// The whole of all turns, framed for the wire.
pub fn render(dialect: &dyn Dialect, plan: &Plan, turns: &[Turn]) -> Answer {
    let mut wire = Wire::new(plan.chunk_per_event);
    for turn in turns {
        dialect.opening(turn).iter().for_each(|record| wire.push(record));
    }
    let mut texts = vec![String::new(); turns.len()];
    let mut tokens = vec![0usize; turns.len()];
    let (mut runs, mut done, mut others) = (Count(0), Count(0), Count(0));
    let schedule = schedule();
    for n in 0..plan.events {
        let turn = n % turns.len();
        let session = turns[turn].session.as_str();
        let tool_session = if plan.own_tools { session } else { "ses_somebodyelse00000000000000" };
        if plan.long > 0 && n == plan.events / 2 {
            wire.push(&dialect.long(tool_session, plan.long));
        }
        let record = match schedule[n % 1000] {
            Kind::Token => {
                let text = token(tokens[turn]);
                tokens[turn] += 1;
                texts[turn].push_str(&text);
                dialect.token(session, &text)
            }
            Kind::ToolRuns => dialect.tool_runs(tool_session, runs.next()),
            Kind::ToolDone => dialect.tool_done(tool_session, done.next(), 50_000),
            Kind::Totals => dialect.totals(session),
            Kind::Heartbeat => dialect.heartbeat(),
            Kind::Other => dialect.other(session, others.next()),
        };
        wire.push(&record);
    }
    for (turn, text) in turns.iter().zip(&texts) {
        dialect.ending(&turn.session, text).iter().for_each(|record| wire.push(record));
    }
    Answer { wire: wire.finish(), texts }
}

struct Count(usize);

impl Count {
    fn next(&mut self) -> usize {
        self.0 += 1;
        self.0 - 1
    }
}

/// Five bytes, and no two neighbours alike.
fn token(n: usize) -> String {
    format!("{:04} ", n % 10_000)
}
