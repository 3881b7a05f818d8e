//! A server that writes parts, a connection that breaks, a client that fetches: the bytes say what
//! happens next. However it goes, each character of each part is told once, in order.
//!
//! This is the statement the transcript lives by: the loss of any contiguous run of events that a gap
//! marks, any repetition of snapshots, and a fetch at any moment end in the same text.

use std::collections::{HashSet, VecDeque};

use crate::protocol::dialect::{decode, stored_messages};
use crate::protocol::event::BusEvent;
use crate::protocol::stream_event::StreamEvent;
use crate::protocol::text::Text;
use crate::protocol::transcript::{Source, Transcript};

/// Tokens as JSON writes them: repeated, empty, split in the middle of a character.
const TOKENS: [&str; 8] = ["ha", "ha", "größe ", r"\ud83d", r"\ude00", r"\n\n", "日本", ""];
const MESSAGE: &str = r#""id":"msg_2","sessionID":"ses_1","role":"assistant","parentID":"msg_1""#;

struct Part {
    /// What was written, as JSON writes it.
    text: String,
    kind: &'static str,
    ended: bool,
}

struct Story {
    /// To 1.1.65: every event has the whole text so far, and so has the store.
    old: bool,
    parts: Vec<Part>,
    /// Events under way to the client.
    wire: VecDeque<String>,
    /// The list a fetch was answered with, while that answer is under way.
    list: Option<String>,
    broken: bool,
    transcript: Transcript,
    told: Vec<StreamEvent>,
}

/// Bit 0 of the first byte is the dialect; each byte after it is one step.
pub fn transcript(data: &[u8]) {
    let [first, steps @ ..] = data else { return };
    let mut story = Story::new(first & 1 == 1);
    for &step in steps.iter().take(200) {
        story.step(step);
    }
    story.end();
}

impl Story {
    fn new(old: bool) -> Self {
        let mut story = Self {
            old,
            parts: Vec::new(),
            wire: VecDeque::new(),
            list: None,
            broken: false,
            transcript: Transcript::new("ses_1", HashSet::new()),
            told: Vec::new(),
        };
        story.send(format!(r#"{{"type":"message.updated","properties":{{"info":{{{MESSAGE}}}}}}}"#));
        story.deliver(1);
        story
    }

    fn step(&mut self, step: u8) {
        let what = usize::from(step >> 4);
        match step & 15 {
            0 if self.parts.len() < 5 => self.begin(["text", "text", "reasoning"][what % 3]),
            1..=5 => self.write(what, TOKENS[(usize::from(step & 15) + what) & 7]),
            6 => self.finish(what),
            7 => self.repeat(what),
            8..=11 => self.deliver(1 + what),
            12 => self.break_off(),
            13 if !self.broken => self.list = Some(self.stored()),
            14 => self.reconcile(Source::Fetched),
            15 if self.broken => self.broken = false,
            _ => {}
        }
    }

    fn begin(&mut self, kind: &'static str) {
        self.parts.push(Part { text: String::new(), kind, ended: false });
        if !self.old {
            self.repeat(self.parts.len() - 1);
        }
    }

    fn write(&mut self, part: usize, token: &str) {
        let Some(at) = part.checked_rem(self.parts.len()) else { return };
        if self.parts[at].ended {
            return;
        }
        self.parts[at].text.push_str(token);
        let event = if self.old {
            format!(
                r#"{{"type":"message.part.updated","properties":{{"part":{},"delta":"{token}"}}}}"#,
                self.object(at, true)
            )
        } else {
            format!(
                r#"{{"type":"message.part.delta","properties":{{"sessionID":"ses_1","messageID":"msg_2","partID":"prt_{at}","field":"text","delta":"{token}"}}}}"#
            )
        };
        self.send(event);
    }

    fn finish(&mut self, part: usize) {
        let Some(at) = part.checked_rem(self.parts.len()) else { return };
        if !std::mem::replace(&mut self.parts[at].ended, true) {
            self.repeat(at);
        }
    }

    /// The snapshot of a part, as often as you like. The later dialect has none while a part is written:
    /// it is announced empty, before its first token.
    fn repeat(&mut self, part: usize) {
        let Some(at) = part.checked_rem(self.parts.len()) else { return };
        if !self.old && !self.parts[at].ended && !self.parts[at].text.is_empty() {
            return;
        }
        let object = self.object(at, self.old || self.parts[at].ended);
        self.send(format!(r#"{{"type":"message.part.updated","properties":{{"part":{object}}}}}"#));
    }

    fn object(&self, at: usize, whole: bool) -> String {
        let Part { text, kind, ended } = &self.parts[at];
        let text = if whole { text } else { "" };
        let end = if *ended { r#","end":2"# } else { "" };
        format!(
            r#"{{"id":"prt_{at}","sessionID":"ses_1","messageID":"msg_2","type":"{kind}","text":"{text}","time":{{"start":1{end}}}}}"#
        )
    }

    fn stored(&self) -> String {
        let parts: Vec<String> =
            (0..self.parts.len()).map(|at| self.object(at, self.old || self.parts[at].ended)).collect();
        format!(r#"[{{"info":{{{MESSAGE}}},"parts":[{}]}}]"#, parts.join(","))
    }

    fn send(&mut self, event: String) {
        if !self.broken {
            self.wire.push_back(event);
        }
    }

    fn deliver(&mut self, count: usize) {
        for _ in 0..count {
            let Some(event) = self.wire.pop_front() else { return };
            let told = match decode(event.as_bytes()).expect("what OpenCode says").expect("an event of ours")
            {
                BusEvent::Message(info) => self.transcript.message(&info, &mut self.told),
                BusEvent::Part(part) => self.transcript.part(&part, Source::Live, &mut self.told),
                BusEvent::Delta(delta) => {
                    self.transcript.delta(&delta, &mut self.told);
                    Ok(())
                }
                other => panic!("{other:?}"),
            };
            told.expect("nothing contradicts");
        }
    }

    /// What was under way is lost; a list fetched before is of no use.
    fn break_off(&mut self) {
        self.broken = true;
        self.wire.clear();
        self.list = None;
        self.transcript.gap();
    }

    fn reconcile(&mut self, source: Source) {
        let Some(list) = self.list.take() else { return };
        let stored = stored_messages(list.as_bytes()).expect("a list");
        self.transcript.reconcile(&stored, source, &mut self.told).expect("nothing contradicts");
    }

    fn end(mut self) {
        self.broken = false;
        for at in 0..self.parts.len() {
            self.finish(at);
        }
        self.deliver(usize::MAX);
        self.list = Some(self.stored());
        self.reconcile(Source::Settled);
        self.transcript.close(&mut self.told);

        let mut told = vec![String::new(); self.parts.len()];
        let mut order = Vec::new();
        for event in &self.told {
            let (StreamEvent::TextDelta { place, delta, .. } | StreamEvent::ReasoningDelta { place, delta }) =
                event
            else {
                continue;
            };
            let at: usize = place.part_id["prt_".len()..].parse().expect("an id of ours");
            told[at].push_str(delta);
            if matches!(event, StreamEvent::TextDelta { .. }) && order.last() != Some(&at) {
                order.push(at);
            }
        }
        for (part, told) in self.parts.iter().zip(&told) {
            let text: Text = serde_json::from_str(&format!("\"{}\"", part.text)).expect("JSON");
            assert_eq!(*told, text.decode(0, text.len()));
        }
        let answer: Vec<&str> = self
            .parts
            .iter()
            .zip(&told)
            .filter(|(part, told)| part.kind == "text" && !told.is_empty())
            .map(|(_, told)| told.as_str())
            .collect();
        assert_eq!(self.transcript.text(), answer.join("\n\n"));
    }
}
