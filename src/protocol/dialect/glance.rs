//! What a record is about, from its first bytes: on a busy server most records are of sessions that
//! nobody here listens to, and a tool's output of 50 KB need not be read to see that it is not ours.
//!
//! Only the shapes OpenCode writes are recognised. Anything else (an escape in a name, `properties`
//! before `type`, a number in the way) is no glance, and the record is read as a whole.

use memchr::memchr2;

/// How deep the way to a session's id may be: envelope, event, properties, part or info.
const DEPTH: usize = 4;

/// The type and the session of a record, and where its properties begin.
#[derive(Debug, PartialEq, Eq)]
pub struct Glance<'a> {
    pub kind: &'a str,
    pub session_id: &'a str,
    /// From the `{` of the properties to the end of the record.
    pub properties: &'a [u8],
}

impl Glance<'_> {
    /// The event says where a session stands in the tree: it may be a subagent's.
    pub fn may_join(&self) -> bool {
        matches!(self.kind, "session.created" | "session.updated")
    }
}

/// `None`: the record has to be read to know.
pub fn glance(record: &[u8]) -> Option<Glance<'_>> {
    let mut at = Cursor(record);
    let mut kind = None;
    let mut properties = None;
    let mut wrapped = false;
    for _ in 0..DEPTH {
        at.expect(b'{')?;
        loop {
            let name = at.string()?;
            at.expect(b':')?;
            match (name, properties) {
                // Nothing of the event itself may stand around a payload, which alone counts.
                (b"payload", None) if kind.is_none() && !std::mem::replace(&mut wrapped, true) => break,
                (b"type", None) if kind.is_none() => kind = Some(at.string()?),
                (b"properties" | b"data", None) if kind.is_some() => {
                    at.skip_space();
                    properties = Some(at.0);
                    break;
                }
                // A payload behind them would count instead.
                (b"type" | b"properties" | b"data" | b"payload", None) => return None,
                (b"sessionID", Some(properties)) => {
                    let (kind, session_id) = (kind?, at.string()?);
                    at.expect_end_of_value()?;
                    return Some(Glance { kind: text(kind)?, session_id: text(session_id)?, properties });
                }
                (b"part" | b"info", Some(_)) => break,
                _ => drop(at.string()?),
            }
            at.expect(b',')?;
        }
    }
    None
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The rest of the record.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == byte).then_some(())
    }

    fn expect_end_of_value(&mut self) -> Option<()> {
        self.skip_space();
        matches!(self.0, [b',' | b'}', ..]).then_some(())
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let end = memchr2(b'"', b'\\', self.0)?;
        let (string, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\"")?;
        Some(string)
    }
}

#[cfg(test)]
#[path = "glance_tests.rs"]
mod tests;
