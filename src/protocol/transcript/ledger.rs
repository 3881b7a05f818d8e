//! The text of one part: what is known of it, what has been given out, what cannot be placed yet.

use crate::protocol::text::Text;

/// What OpenCode stored does not begin with what it had streamed: a gap cannot be filled from it.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch;

/// How a snapshot reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// On the event stream, in order with the deltas.
    Live,
    /// From a message list, while the event stream goes on: it may be ahead of deltas still under way.
    Fetched,
    /// From a message list after the turn: nothing more will come.
    Settled,
}

#[derive(Debug, Default)]
pub struct Ledger {
    /// The text from its first character on, without a hole.
    text: Text,
    /// How many bytes of `text` have been given out.
    given: usize,
    /// Deltas whose offset is unknown: they came behind a gap, or before their part.
    held: Text,
    /// The next delta continues `text`.
    sure: bool,
    /// Some of `text` came as deltas: then a final snapshot says nothing new.
    streamed: bool,
    /// No more text will come.
    ended: bool,
    /// What OpenCode has stored, where deltas were lost in the middle of what was given out.
    stored: Option<Text>,
}

impl Ledger {
    pub fn is_sure(&self) -> bool {
        self.sure || self.ended
    }

    pub fn ended(&self) -> bool {
        self.ended
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.held.is_empty()
    }

    /// How many bytes are kept.
    pub fn len(&self) -> usize {
        self.text.len() + self.held.len() + self.stored.as_ref().map_or(0, Text::len)
    }

    /// The first snapshot of this part came in order: whatever follows continues it.
    pub fn begin(&mut self) {
        self.sure = self.is_empty();
    }

    /// A piece without an offset (from 1.2.1).
    pub fn delta(&mut self, piece: &Text) {
        if self.ended {
            return;
        }
        if self.sure {
            self.text.push(piece.as_bytes());
            self.streamed = true;
        } else {
            self.held.push(piece.as_bytes());
        }
    }

    /// A piece together with the whole text so far (to 1.1.65): what a gap hid comes with it.
    pub fn growing(&mut self, full: &Text, piece: &Text) -> Result<(), Mismatch> {
        if self.ended {
            return Ok(());
        }
        // Half a character at the end of an older event is a whole one in a newer list.
        let older = &full.as_bytes()[..full.settled()];
        if !self.extend_to(full) && !self.text.as_bytes().starts_with(older) {
            if !self.sure {
                return Err(Mismatch);
            }
            self.text.push(piece.as_bytes());
        }
        self.sure = true;
        self.streamed = true;
        self.held.clear();
        Ok(())
    }

    /// The part as OpenCode has it; `ended` when it says that no more will come.
    pub fn snapshot(&mut self, full: &Text, ended: bool, source: Source) -> Result<(), Mismatch> {
        if self.ended {
            return Ok(());
        }
        if !self.sure {
            return self.snapshot_behind_a_gap(full, ended || source == Source::Settled, source);
        }
        // Deltas under way will bring what a list already has.
        if source == Source::Fetched {
            return Ok(());
        }
        let last = ended || source == Source::Settled;
        if (!self.streamed || last) && !self.extend_to(full) && last {
            self.find_what_was_lost(full);
        }
        self.ended = last;
        Ok(())
    }

    /// Deltas that never came, in the middle of others that did: what was given out cannot be taken back, but
    /// the answer is what was stored. A text that a plugin wrote anew stays as it was streamed.
    fn find_what_was_lost(&mut self, full: &Text) {
        let mut whole = full.as_bytes().iter();
        let known = &self.text.as_bytes()[..self.text.settled()];
        if known.len() < full.len() && known.iter().all(|byte| whole.any(|other| other == byte)) {
            self.stored = Some(full.clone());
        }
    }

    fn snapshot_behind_a_gap(&mut self, full: &Text, ended: bool, source: Source) -> Result<(), Mismatch> {
        if !ended {
            if source == Source::Live && full.is_empty() && self.is_empty() {
                self.sure = true;
            } else {
                self.extend_to(full);
            }
            return Ok(());
        }
        if full.is_empty() && source == Source::Settled {
            // From 1.2.1 the text of a part that never ended is not stored: what we have is all there is.
            self.ended = true;
            return Ok(());
        }
        self.fill_from(full, source)?;
        self.ended = true;
        Ok(())
    }

    /// Completes `text` from the final snapshot. To 1.3.2 that lacks its trailing white space, of which
    /// the deltas behind the gap still have what they carried; a list may be ahead of them.
    fn fill_from(&mut self, full: &Text, source: Source) -> Result<(), Mismatch> {
        let held = std::mem::take(&mut self.held);
        let (stored, held) = (full.as_bytes(), held.as_bytes());
        let tail = if source == Source::Live && !stored.ends_with(held) { trailing_space(held) } else { &[] };
        if self.text.as_bytes().starts_with(stored) {
            if !is_space(&self.text.as_bytes()[stored.len()..]) {
                return Err(Mismatch);
            }
            if is_space(held) {
                self.text.push(tail);
            }
        } else if self.extend_to(full) {
            self.text.push(tail);
        } else {
            return Err(Mismatch);
        }
        Ok(())
    }

    /// Makes `full` the text if it only adds to it. Says whether it did.
    fn extend_to(&mut self, full: &Text) -> bool {
        let known = &self.text.as_bytes()[..self.text.settled()];
        let adds = full.len() >= self.text.len() && full.as_bytes().starts_with(known);
        if adds {
            self.text = full.clone();
        }
        adds
    }

    /// The stream broke off: from here on deltas have unknown offsets.
    pub fn gap(&mut self) {
        self.sure = false;
        // What was held so far is no longer what the part ends with.
        self.held.clear();
    }

    /// No more will come, and what is held stays unplaced.
    pub fn close(&mut self) {
        self.ended = true;
    }

    /// What can be given out and has not been; empty most of the time a part changes without text.
    pub fn take(&mut self) -> String {
        let to = if self.ended { self.text.len() } else { self.text.settled() };
        let from = self.given;
        self.given = to.max(from);
        if from < to { self.text.decode(from, to) } else { String::new() }
    }

    /// All that has been given out.
    pub fn given(&self) -> String {
        self.text.decode(0, self.given)
    }

    /// What the part comes to.
    pub fn answer(&self) -> String {
        self.stored.as_ref().map_or_else(|| self.given(), |stored| stored.decode(0, stored.len()))
    }

    /// How many characters were given out that are not what the part comes to.
    pub fn strayed(&self) -> usize {
        let Some(stored) = &self.stored else { return 0 };
        let (given, stored) = (self.given(), stored.decode(0, stored.len()));
        let common = given.chars().zip(stored.chars()).take_while(|(one, other)| one == other).count();
        given.chars().count() - common
    }

    /// Whether anything has been given out.
    pub fn has_given(&self) -> bool {
        self.given > 0
    }
}

fn is_space(bytes: &[u8]) -> bool {
    trailing_space(bytes).len() == bytes.len()
}

/// The white space at the end, as JavaScript's `trimEnd` sees it.
fn trailing_space(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let kept = text.trim_end_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
            &bytes[kept..]
        }
        Err(_) => &[],
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
