//! What `opencode run` rejected by itself it tells on standard error, among whatever others write there: in one
//! piece or several, and over several lines where a command has them.

use std::collections::VecDeque;

use memchr::memmem;

const BEGIN: &[u8] = b"permission requested: ";
const END: &[u8] = b"; auto-rejecting";
/// The longest complaint that is looked for, in bytes.
const LONGEST: usize = 32 * 1024;
/// How many may wait to be taken.
const MOST: usize = 1000;

/// Finds the rejections in a stream of bytes.
#[derive(Debug, Default)]
pub struct Complaints {
    /// What may be the beginning of one.
    open: Vec<u8>,
    /// How much of `open` has been looked through for its end.
    searched: usize,
    found: VecDeque<String>,
}

impl Complaints {
    pub fn feed(&mut self, mut bytes: &[u8]) {
        // Bounded pieces keep what is kept bounded.
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(bytes.len().min(LONGEST));
            self.open.extend_from_slice(piece);
            self.look();
            bytes = rest;
        }
    }

    /// The next rejection: `bash (ls, pwd)`.
    pub fn next(&mut self) -> Option<String> {
        self.found.pop_front()
    }

    fn look(&mut self) {
        let mut at = 0;
        loop {
            let from = self.searched.max(at);
            let Some(begin) = memmem::find(&self.open[at..], BEGIN).map(|begin| at + begin) else {
                // Its first words may have been cut.
                at = at.max(self.open.len().saturating_sub(BEGIN.len() - 1));
                self.searched = 0;
                break;
            };
            let from = from.max(begin + BEGIN.len());
            let Some(end) = memmem::find(&self.open[from..], END).map(|end| from + end) else {
                at = begin;
                if self.open.len() - begin > LONGEST {
                    at = begin + BEGIN.len();
                    self.searched = 0;
                    continue;
                }
                self.searched = (self.open.len() - begin).saturating_sub(END.len());
                break;
            };
            // An older one that nothing ended is no part of this one.
            let words = &self.open[begin + BEGIN.len()..end];
            let words = memmem::rfind(words, BEGIN).map_or(words, |last| &words[last + BEGIN.len()..]);
            if self.found.len() < MOST {
                self.found.push_back(String::from_utf8_lossy(words).into_owned());
            }
            at = end + END.len();
            self.searched = 0;
        }
        self.open.drain(..at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> Vec<String> {
        let mut complaints = Complaints::default();
        pieces.iter().for_each(|piece| complaints.feed(piece));
        std::iter::from_fn(|| complaints.next()).collect()
    }

    #[test]
    fn a_rejection_is_found_however_it_is_written() {
        let line =
            "\u{1b}[93m! \u{1b}[0mpermission requested: bash (rm -rf \"größe\"); auto-rejecting\n".as_bytes();
        let asked = "bash (rm -rf \"größe\")";
        for at in 0..=line.len() {
            assert_eq!(found(&[&line[..at], &line[at..]]), [asked], "cut at {at}");
        }
        assert_eq!(found(&line.chunks(1).collect::<Vec<_>>()), [asked]);
        assert_eq!(found(&[&[b'x'; 80_000], line, &[b'x'; 80_000], line]), [asked, asked]);
        assert_eq!(found(&[b"permission requested: bash (one\ntwo); auto-rejecting"]), ["bash (one\ntwo)"]);
    }

    #[test]
    fn what_never_ends_is_let_go_and_hides_nothing() {
        let open = b"permission requested: bash (".as_slice();
        let whole = b"permission requested: edit (a); auto-rejecting".as_slice();
        assert_eq!(found(&[open, whole]), ["edit (a)"]);
        assert_eq!(found(&[open, &[b'x'; 3 * LONGEST], whole]), ["edit (a)"]);
        let mut complaints = Complaints::default();
        for _ in 0..10_000 {
            complaints.feed(open);
        }
        assert!(complaints.open.len() <= 3 * LONGEST, "{}", complaints.open.len());
    }
}
