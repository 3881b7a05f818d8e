//! The ledger of parts: deltas and snapshots come in any mixture and repetition, each character of each
//! part goes out exactly once, in order. All de-duplication lives here and nowhere else.

mod entry;
mod ledger;
mod messages;
mod outcome;
mod part_object;
mod weight;

use std::collections::{HashMap, HashSet};

use self::entry::Entry;
pub use self::ledger::Source;
use self::messages::Messages;
use self::weight::{EACH, Weight};
use super::dialect::Stored;
use super::event::{MessageInfo, PartDelta, PartKind, PartUpdate, Role};
use super::stream_event::{Place, StreamEvent};
pub use outcome::Totals;

/// A gap cannot be filled: what OpenCode stored does not begin with what it had streamed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text OpenCode stored for part {part_id} does not begin with the text it had streamed")]
pub struct Contradiction {
    pub part_id: String,
}

#[derive(Debug)]
struct Orphan {
    part: PartUpdate,
    source: Source,
    /// The stream broke off behind it.
    before_gap: bool,
}

impl Orphan {
    fn weight(&self) -> usize {
        let delta = self.part.delta.as_ref().map_or(0, crate::protocol::text::Text::len);
        let detail = self.part.detail.size();
        self.part.raw.len() + self.part.text.len() + detail + delta + self.part.message_id.len() + EACH
    }
}

#[derive(Debug, Default)]
pub struct Transcript {
    root: String,
    /// Every session of the tree by its parent; the root has none.
    parents: HashMap<String, Option<String>>,
    /// Messages that were there before the prompt: nothing of them is of this turn.
    before: HashSet<String>,
    messages: Messages,
    /// Parts in order of creation.
    parts: Vec<Entry>,
    index: HashMap<String, usize>,
    /// By their message, which has not been seen, so that nobody knows whose words they are.
    orphans: HashMap<String, Vec<Orphan>>,
    /// What the current attempt at each message's step has written so far, by place in `parts`.
    attempts: HashMap<String, Vec<usize>>,
    weight: Weight,
    /// A gap was reported and not yet reconciled: parts may be missing, so nothing of the answer goes out.
    settling: bool,
    /// How many messages and parts were known when the gap began: what came since may be newer than any list.
    before_gap: Option<(usize, usize)>,
    /// Some part of the answer holds up those behind it.
    held_up: bool,
    /// It is this one, or one behind it: all before have been told.
    told_to: usize,
}

impl Transcript {
    /// `before`: the ids of the messages the session had before the prompt.
    pub fn new(root: &str, before: HashSet<String>) -> Self {
        let parents = HashMap::from([(root.to_owned(), None)]);
        Self { root: root.to_owned(), parents, before, ..Self::default() }
    }

    /// A session of a subagent joins the tree if its parent is of it. Says whether it did.
    pub fn session(&mut self, id: &str, parent: Option<&str>) -> bool {
        let Some(parent) = parent else { return false };
        if !self.parents.contains_key(parent) || self.parents.contains_key(id) {
            return false;
        }
        self.weight.keeps(id.len() + parent.len() + EACH);
        self.parents.insert(id.to_owned(), Some(parent.to_owned()));
        true
    }

    /// The parent of a session of the tree; `None` for the root and for strangers.
    pub fn parent_of(&self, session: &str) -> Option<String> {
        self.parents.get(session).cloned().flatten()
    }

    /// A message of this turn's time that is none of its business.
    pub fn ignore(&mut self, message: &str) {
        if self.before.insert(message.to_owned()) {
            self.weight.keeps(message.len() + EACH);
        }
        for orphan in self.orphans.remove(message).into_iter().flatten() {
            self.weight.waits_no_more(orphan.weight());
        }
    }

    /// Whether a message of this turn's time is a user's.
    pub fn is_user(&self, message: &str) -> bool {
        self.messages.get(message).is_some_and(|info| info.role == Role::User)
    }

    pub fn is_known_before(&self, message: &str) -> bool {
        self.before.contains(message)
    }

    pub fn descendants(&self) -> impl Iterator<Item = &String> {
        self.parents.iter().filter(|(_, parent)| parent.is_some()).map(|(id, _)| id)
    }

    /// The messages of the answer so far, in order.
    pub fn answers(&self) -> impl DoubleEndedIterator<Item = &MessageInfo> {
        self.messages.answers()
    }

    /// Whether a message is known to be one of the answer.
    pub fn is_answer(&self, message: &str) -> bool {
        self.messages.is_answer(message)
    }

    /// How many bytes wait for something that has not come.
    pub fn waiting(&self) -> usize {
        self.weight.waiting
    }

    /// How many bytes are kept until the turn is over.
    pub fn kept(&self) -> usize {
        self.weight.kept
    }

    /// # Errors
    /// When a part that waited for this message contradicts what was streamed of it.
    pub fn message(&mut self, info: &MessageInfo, out: &mut Vec<StreamEvent>) -> Result<(), Contradiction> {
        if self.before.contains(&info.id) {
            return Ok(());
        }
        self.messages.take(info, &self.root, &mut self.weight);
        match self.orphans.remove(&info.id) {
            Some(orphans) => self.bring_home(orphans, out),
            None => Ok(()),
        }
    }

    fn bring_home(&mut self, orphans: Vec<Orphan>, out: &mut Vec<StreamEvent>) -> Result<(), Contradiction> {
        for orphan in orphans {
            self.weight.waits_no_more(orphan.weight());
            let Orphan { part, source, before_gap } = orphan;
            self.part(&part, source, out)?;
            if let Some(at) = self.index.get(&part.id).filter(|_| before_gap) {
                self.parts[*at].ledger.gap();
                self.told_to = self.told_to.min(*at);
            }
        }
        Ok(())
    }

    /// # Errors
    /// When the part contradicts what was streamed of it and a gap must be filled from it.
    pub fn part(
        &mut self,
        part: &PartUpdate,
        source: Source,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), Contradiction> {
        let Some(message) = self.messages.get(&part.message_id) else {
            if !self.before.contains(&part.message_id) {
                // It keeps its place, whenever its message comes.
                self.entry(&part.session_id, &part.message_id, &part.id);
                let orphan = Orphan { part: part.clone(), source, before_gap: false };
                self.weight.waits(orphan.weight());
                self.orphans.entry(part.message_id.clone()).or_default().push(orphan);
            }
            return Ok(());
        };
        if message.role == Role::User || message.summary {
            return Ok(());
        }
        let begins_a_step = part.kind == PartKind::StepStart && !self.index.contains_key(&part.id);
        if begins_a_step && source == Source::Live {
            self.abandon_attempt(&part.message_id);
        }
        let at = self.entry(&part.session_id, &part.message_id, &part.id);
        self.write(at, part, source).map_err(|_| Contradiction { part_id: part.id.clone() })?;
        self.tell(at, out);
        Ok(())
    }

    fn write(&mut self, at: usize, part: &PartUpdate, source: Source) -> Result<(), ledger::Mismatch> {
        // A piece without an offset may be the first we see of a part that began in a gap.
        let begins = source == Source::Live && !(part.is_bare() && self.settling);
        let entry = &mut self.parts[at];
        let before = entry.weight();
        if entry.kind.is_none() {
            match part.kind {
                PartKind::StepStart | PartKind::StepFinish => drop(self.attempts.remove(&part.message_id)),
                PartKind::Text | PartKind::Reasoning => match self.attempts.get_mut(&part.message_id) {
                    Some(attempt) => attempt.push(at),
                    None => drop(self.attempts.insert(part.message_id.clone(), vec![at])),
                },
                _ => {}
            }
            // What came of it waited to be told what it is.
            self.weight.waits_no_more(entry.ledger.len());
            self.weight.keeps(entry.ledger.len());
            entry.kind = Some(part.kind);
            entry.answer = part.kind == PartKind::Text && !part.synthetic && part.session_id == self.root;
            entry.raw = part.raw.clone();
            if begins {
                entry.ledger.begin();
            }
        }
        if part.delta.is_none() {
            entry.raw = part.raw.clone();
        }
        entry.learn(&part.detail);
        if entry.has_text() {
            match &part.delta {
                Some(piece) if part.is_bare() => entry.ledger.delta(piece),
                Some(piece) => entry.ledger.growing(&part.text, piece)?,
                None => entry.ledger.snapshot(&part.text, part.ended, source)?,
            }
        }
        self.weight.grows(before, entry.weight());
        Ok(())
    }

    pub fn delta(&mut self, delta: &PartDelta, out: &mut Vec<StreamEvent>) {
        if self.before.contains(&delta.message_id) {
            return;
        }
        let at = self.entry(&delta.session_id, &delta.message_id, &delta.part_id);
        let entry = &mut self.parts[at];
        entry.ledger.delta(&delta.text);
        if entry.kind.is_some() {
            self.weight.keeps(delta.text.len());
        } else {
            self.weight.waits(delta.text.len());
        }
        self.tell(at, out);
    }

    fn entry(&mut self, session: &str, message: &str, part: &str) -> usize {
        if let Some(at) = self.index.get(part) {
            return *at;
        }
        let place = Place {
            session_id: session.to_owned(),
            message_id: message.to_owned(),
            part_id: part.to_owned(),
            parent_session_id: self.parent_of(session),
        };
        let parent = place.parent_session_id.as_ref().map_or(0, String::len);
        self.weight.keeps(session.len() + message.len() + 2 * part.len() + parent + EACH);
        self.parts.push(Entry::new(place));
        self.index.insert(part.to_owned(), self.parts.len() - 1);
        self.parts.len() - 1
    }

    /// Gives out what the change of one part makes ready: of the answer only what no earlier part of it
    /// holds up.
    fn tell(&mut self, at: usize, out: &mut Vec<StreamEvent>) {
        let entry = &mut self.parts[at];
        if entry.kind.is_none() {
            return;
        }
        if !entry.answer || !(self.settling || self.held_up) {
            entry.tell(out);
        } else if !self.settling {
            if at < self.told_to {
                entry.tell(out);
                if entry.holds_up() {
                    self.told_to = at;
                }
            }
            self.tell_answer(out);
        }
    }

    /// Goes on where the last time something held it up.
    fn tell_answer(&mut self, out: &mut Vec<StreamEvent>) {
        while let Some(entry) = self.parts.get_mut(self.told_to) {
            if entry.answer {
                entry.tell(out);
                if entry.holds_up() {
                    return;
                }
            }
            self.told_to += 1;
        }
        self.held_up = false;
    }

    /// The stream broke off. Until [`Self::reconcile`], the answer is withheld.
    pub fn gap(&mut self) {
        self.settling = true;
        self.before_gap.get_or_insert((self.messages.len(), self.parts.len()));
        self.told_to = 0;
        for entry in &mut self.parts {
            entry.ledger.gap();
        }
        for orphan in self.orphans.values_mut().flatten() {
            orphan.before_gap = true;
        }
    }

    /// Takes what OpenCode has stored, fills what a gap hid, and lets the answer go on.
    ///
    /// # Errors
    /// When what was stored contradicts what was streamed.
    pub fn reconcile(
        &mut self,
        stored: &[Stored],
        source: Source,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), Contradiction> {
        // Parts that a gap hid are older than those that came behind it, so nothing is told before all
        // are in their places.
        self.settling = true;
        for message in stored {
            self.message(&message.info, out)?;
            for part in &message.parts {
                self.part(part, source, out)?;
            }
        }
        self.put_in_order(stored);
        self.abandon_attempts();
        self.settling = false;
        self.held_up = true;
        self.told_to = 0;
        self.tell_answer(out);
        Ok(())
    }

    /// What a gap hid is older than what came behind it, though it was learnt of later.
    fn put_in_order(&mut self, stored: &[Stored]) {
        let messages: HashMap<&str, usize> =
            stored.iter().enumerate().map(|(at, message)| (message.info.id.as_str(), at)).collect();
        let (old_messages, old_parts) = self.before_gap.take().unwrap_or((usize::MAX, usize::MAX));
        self.messages.sort(|known| {
            sort_by_place(known, old_messages, |known| messages.get(known.id.as_str()).copied());
        });
        let place: HashMap<&str, usize> = stored
            .iter()
            .flat_map(|message| &message.parts)
            .enumerate()
            .map(|(at, part)| (part.id.as_str(), at))
            .collect();
        sort_by_place(&mut self.parts, old_parts, |entry| place.get(entry.place.part_id.as_str()).copied());
        self.index =
            self.parts.iter().enumerate().map(|(at, entry)| (entry.place.part_id.clone(), at)).collect();
    }

    /// OpenCode makes the current step again: what the failed attempt wrote is no part of the answer.
    /// Returns the ids of its parts.
    pub fn retry(&mut self) -> Vec<String> {
        let current = self.answers().next_back().map(|info| info.id.clone());
        current.map(|message| self.abandon_attempt(&message)).unwrap_or_default()
    }

    /// As [`Self::retry`], where a gap hid the retries: a step that began anew before it finished.
    fn abandon_attempts(&mut self) {
        let mut begun: HashMap<String, Vec<usize>> = HashMap::new();
        for at in 0..self.parts.len() {
            let entry = &self.parts[at];
            let message = entry.place.message_id.clone();
            match entry.kind {
                Some(PartKind::StepStart) => {
                    for failed in begun.insert(message, Vec::new()).unwrap_or_default() {
                        self.parts[failed].discarded = true;
                    }
                }
                Some(PartKind::StepFinish) => drop(begun.remove(&message)),
                Some(PartKind::Text | PartKind::Reasoning) => begun.entry(message).or_default().push(at),
                _ => {}
            }
        }
        self.attempts = begun;
    }

    /// OpenCode has not kept a stretch of a part, in bytes.
    pub fn abandon(&mut self, part: &str, range: std::ops::Range<usize>) {
        if let Some(at) = self.index.get(part) {
            self.parts[*at].abandoned = Some(range);
        }
    }

    fn abandon_attempt(&mut self, message: &str) -> Vec<String> {
        let mut abandoned = Vec::new();
        for at in self.attempts.remove(message).unwrap_or_default() {
            let entry = &mut self.parts[at];
            if !std::mem::replace(&mut entry.discarded, true) && !entry.ledger.is_empty() {
                abandoned.push(entry.place.part_id.clone());
            }
        }
        abandoned
    }

    /// The turn is over: whatever is still open ends as it is.
    pub fn close(&mut self, out: &mut Vec<StreamEvent>) {
        self.settling = false;
        self.held_up = false;
        for entry in &mut self.parts {
            entry.ledger.close();
            entry.tell(out);
        }
    }
}

/// Sorts what is listed by its place in the list. A list holds the newest only: what is not listed stays
/// in front if it is one of the `old` first items and stood before all that is, and comes last otherwise.
fn sort_by_place<T>(items: &mut [T], old: usize, place: impl Fn(&T) -> Option<usize>) {
    let older = items.iter().position(|item| place(item).is_some()).unwrap_or(items.len()).min(old);
    items[older..].sort_by_key(|item| place(item).unwrap_or(usize::MAX));
}

#[cfg(test)]
mod tests;
