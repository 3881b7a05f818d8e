//! One part of the transcript, and what readers have been told of it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::ledger::Ledger;
use super::part_object::part_object;
use crate::protocol::event::{Detail, PartKind, StepTotals, ToolChange};
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
    started: bool,
    finished: bool,
    /// OpenCode's own object.
    pub raw: Arc<str>,
    /// What is known of it beyond its text, where the wire says it in typed changes.
    detail: Detail,
    /// The last state of a tool call that was told.
    tool: Option<ToolEvent>,
}

impl Entry {
    pub fn new(place: Place) -> Self {
        Self {
            place: Arc::new(place),
            kind: None,
            answer: false,
            ledger: Ledger::default(),
            discarded: false,
            started: false,
            finished: false,
            raw: Arc::from("{}"),
            detail: Detail::Raw,
            tool: None,
        }
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
        match (&mut self.detail, newer) {
            (_, Detail::Raw) => {}
            (Detail::Tool(known), Detail::Tool(newer)) => known.merge(newer),
            (known, newer) => *known = newer.clone(),
        }
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
        let goes_back = self.tool.as_ref().is_some_and(|told| rank(&told.status) > rank(&event.status));
        if !goes_back && self.tool.as_ref() != Some(&event) {
            out.push(StreamEvent::Tool(Box::new(event.clone())));
            self.tool = Some(event);
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
            (Detail::Raw, _) | (_, None) => read(&self.raw),
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

fn tool_event(place: &Arc<Place>, raw: &str) -> Option<ToolEvent> {
    #[derive(Deserialize)]
    struct Tool {
        #[serde(rename = "callID")]
        call_id: String,
        tool: String,
        state: State,
    }
    #[derive(Deserialize)]
    struct State {
        status: String,
        input: Option<Value>,
        output: Option<String>,
        error: Option<String>,
        title: Option<String>,
        metadata: Option<Value>,
    }
    let Tool { call_id, tool, state } = read(raw)?;
    // While a tool runs, its output so far is in its metadata.
    let growing = || state.metadata.as_ref()?.get("output")?.as_str().map(str::to_owned);
    Some(ToolEvent {
        place: place.clone(),
        call_id,
        tool,
        output: state.output.clone().or_else(growing),
        status: state.status,
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
