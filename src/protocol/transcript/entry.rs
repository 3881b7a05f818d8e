//! One part of the transcript, and what readers have been told of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::ledger::Ledger;
use super::part_object::part_object;
use crate::protocol::event::{CallSizes, Detail, PartKind, StepTotals, ToolChange};
use crate::protocol::json;
use crate::protocol::stream_event::{Place, StreamEvent, ToolEvent, Usage};
use crate::protocol::text::read;

#[derive(Debug)]
pub struct Entry {
    pub place: Arc<Place>,
    /// `None` while only deltas of it have come, which do not say.
    pub kind: Option<PartKind>,
    /// Part of the answer's text: written by the model, in the prompted session.
    pub answer: bool,
    pub ledger: Ledger,
    /// Written by an attempt that failed and was made again.
    pub discarded: bool,
    /// Bytes that OpenCode has not kept, of a part that the wire did not divide.
    pub abandoned: Option<std::ops::Range<usize>>,
    started: bool,
    finished: bool,
    /// OpenCode's own object.
    pub raw: Arc<str>,
    /// What is known of it beyond its text, where the wire says it in typed changes.
    detail: Detail,
    sizes: CallSizes,
    /// The last state of a tool call that was told: how far it was, and a hash of it all.
    tool: Option<(u8, u64)>,
}

impl Entry {
    pub fn new(place: Place) -> Self {
        Self {
            place: Arc::new(place),
            kind: None,
            answer: false,
            ledger: Ledger::default(),
            discarded: false,
            abandoned: None,
            started: false,
            finished: false,
            raw: Arc::from("{}"),
            detail: Detail::Raw,
            sizes: CallSizes::default(),
            tool: None,
        }
    }

    /// How many bytes are kept of it.
    pub fn weight(&self) -> usize {
        self.raw.len() + self.ledger.len() + self.sizes.total()
    }

    pub fn has_text(&self) -> bool {
        matches!(self.kind, Some(PartKind::Text | PartKind::Reasoning))
    }

    /// Later parts of the answer must wait: text of this one may still be missing.
    pub fn holds_up(&self) -> bool {
        self.answer && !self.discarded && !self.ledger.is_sure()
    }

    /// Takes what an update says beyond the text.
    pub fn learn(&mut self, newer: &Detail) {
        if let Detail::Tool(newer) = newer {
            self.sizes.learn(newer);
        }
        match (&mut self.detail, newer) {
            (_, Detail::Raw) => {}
            (Detail::Tool(known), Detail::Tool(newer)) => known.merge(newer),
            (known, newer) => *known = newer.clone(),
        }
    }

    /// The text of the answer that was given out, in the pieces that OpenCode has kept.
    pub fn kept(&self) -> Vec<String> {
        let given = self.ledger.answer();
        let Some(range) = &self.abandoned else { return vec![given] };
        let pieces = [given.get(..range.start), given.get(range.end..)];
        pieces.into_iter().flatten().filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
    }

    /// How many characters were given out and are none of the answer.
    pub fn strayed(&self) -> usize {
        if self.discarded {
            return self.ledger.given().chars().count();
        }
        let abandoned =
            self.abandoned.clone().and_then(|range| self.ledger.given().get(range).map(str::to_owned));
        self.ledger.strayed() + abandoned.map_or(0, |text| text.chars().count())
    }

    /// Tells what there is to tell of this part since the last time.
    pub fn tell(&mut self, out: &mut Vec<StreamEvent>) {
        match self.kind {
            Some(PartKind::Text) => self.tell_text(
                out,
                StreamEvent::TextStart,
                |place, delta, answer| StreamEvent::TextDelta { place, delta, answer },
                StreamEvent::TextEnd,
            ),
            Some(PartKind::Reasoning) => self.tell_text(
                out,
                StreamEvent::ReasoningStart,
                |place, delta, _| StreamEvent::ReasoningDelta { place, delta },
                StreamEvent::ReasoningEnd,
            ),
            Some(PartKind::Tool) => self.tell_tool(out),
            Some(PartKind::StepStart) if !self.started => {
                out.push(StreamEvent::StepStart(self.place.clone()));
            }
            Some(PartKind::StepFinish) if !self.started => out.push(self.step_finish()),
            _ => {}
        }
        self.started = self.kind.is_some();
    }

    fn tell_text(
        &mut self,
        out: &mut Vec<StreamEvent>,
        start: fn(Arc<Place>) -> StreamEvent,
        delta: fn(Arc<Place>, String, bool) -> StreamEvent,
        end: fn(Arc<Place>) -> StreamEvent,
    ) {
        if !self.started {
            out.push(start(self.place.clone()));
        }
        let piece = self.ledger.take();
        if !piece.is_empty() {
            out.push(delta(self.place.clone(), piece, self.answer));
        }
        if self.ledger.ended() && !std::mem::replace(&mut self.finished, true) {
            out.push(end(self.place.clone()));
        }
    }

    fn tell_tool(&mut self, out: &mut Vec<StreamEvent>) {
        let event = match &self.detail {
            Detail::Tool(call) => Some(tool_of(&self.place, call)),
            _ => tool_event(&self.place, &self.raw),
        };
        let Some(event) = event else { return };
        // A list may be older than the stream: a call never goes back.
        let goes_back = self.tool.is_some_and(|(told, _)| told > rank(&event.status));
        let now = (rank(&event.status), hash(&event));
        if !goes_back && self.tool != Some(now) {
            out.push(StreamEvent::Tool(Box::new(event)));
            self.tool = Some(now);
        }
    }

    fn step_finish(&self) -> StreamEvent {
        let StepTotals { usage, cost, reason } = self.step_totals();
        StreamEvent::StepFinish { place: self.place.clone(), usage, cost, reason }
    }

    pub fn step_totals(&self) -> StepTotals {
        match &self.detail {
            Detail::Step(totals) => totals.clone(),
            _ => step_totals(&self.raw),
        }
    }

    /// The object of this part for `result.parts`: OpenCode's own, or what is known of it in the same shape.
    pub fn object(&self) -> Option<Value> {
        match (&self.detail, self.kind) {
            (Detail::Raw, _) | (_, None) => json::value(self.raw.as_bytes()),
            (detail, Some(kind)) => part_object(&self.place, kind, &self.ledger.given(), detail),
        }
    }
}

fn rank(status: &str) -> u8 {
    match status {
        "pending" => 0,
        "running" => 1,
        _ => 2,
    }
}

/// The same event twice is told once; to keep the event for that would double what a turn holds.
fn hash(event: &ToolEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    hasher.finish()
}

/// A call that runs is told, whatever else its part may hold.
fn tool_event(place: &Arc<Place>, raw: &str) -> Option<ToolEvent> {
    #[derive(Deserialize)]
    struct Tool {
        #[serde(rename = "callID", default, deserialize_with = "json::lenient")]
        call_id: Option<String>,
        #[serde(default, deserialize_with = "json::lenient")]
        tool: Option<String>,
        #[serde(default)]
        state: State,
    }
    #[derive(Default, Deserialize)]
    struct State {
        #[serde(default, deserialize_with = "json::lenient")]
        status: Option<String>,
        #[serde(default, deserialize_with = "json::optional")]
        input: Option<Value>,
        #[serde(default, deserialize_with = "json::lenient")]
        output: Option<String>,
        #[serde(default, deserialize_with = "json::lenient")]
        error: Option<String>,
        #[serde(default, deserialize_with = "json::lenient")]
        title: Option<String>,
        #[serde(default, deserialize_with = "json::optional")]
        metadata: Option<Value>,
    }
    let Tool { call_id, tool, state } = read(raw)?;
    // While a tool runs, its output so far is in its metadata.
    let growing = || state.metadata.as_ref()?.get("output")?.as_str().map(str::to_owned);
    Some(ToolEvent {
        place: place.clone(),
        call_id: call_id.unwrap_or_default(),
        tool: tool.unwrap_or_default(),
        output: state.output.clone().or_else(growing),
        status: state.status.unwrap_or_else(|| "pending".to_owned()),
        input: state.input,
        error: state.error,
        title: state.title,
        metadata: state.metadata,
    })
}

fn tool_of(place: &Arc<Place>, call: &ToolChange) -> ToolEvent {
    ToolEvent {
        place: place.clone(),
        call_id: call.call_id.clone(),
        tool: call.tool.clone().unwrap_or_default(),
        status: call.status.name().to_owned(),
        input: call.input.clone(),
        output: call.output.clone(),
        error: call.error.clone(),
        title: None,
        metadata: call.metadata.clone(),
    }
}

/// The usage, the cost and the reason of a `step-finish` part.
fn step_totals(raw: &str) -> StepTotals {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Step {
        tokens: Tokens,
        cost: f64,
        reason: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Tokens {
        input: f64,
        output: f64,
        reasoning: f64,
        cache: Cache,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Cache {
        read: f64,
        write: f64,
    }
    let Step { tokens, cost, reason } = read(raw).unwrap_or_default();
    let usage = Usage {
        input: tokens.input,
        output: tokens.output,
        reasoning: tokens.reasoning,
        cache_read: tokens.cache.read,
        cache_write: tokens.cache.write,
    };
    StepTotals { usage, cost, reason }
}
