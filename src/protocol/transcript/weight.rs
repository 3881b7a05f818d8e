//! How much a transcript holds, in bytes, near enough: a server decides how much it says, and we how much is kept.

/// What one more of anything costs beside its text.
pub const EACH: usize = 200;

#[derive(Debug, Default)]
pub struct Weight {
    /// Of parts whose message, or whose kind, is not known: it may never come.
    pub waiting: usize,
    /// Of everything that the result is made from.
    pub kept: usize,
}

impl Weight {
    pub fn keeps(&mut self, bytes: usize) {
        self.kept += bytes;
    }

    pub fn waits(&mut self, bytes: usize) {
        self.waiting += bytes;
    }

    pub fn waits_no_more(&mut self, bytes: usize) {
        self.waiting = self.waiting.saturating_sub(bytes);
    }

    /// Something that is kept was so large, and now is.
    pub fn grows(&mut self, before: usize, now: usize) {
        self.kept = (self.kept + now).saturating_sub(before);
    }
}
