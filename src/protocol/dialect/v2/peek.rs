//! What a record is about, from its first bytes, as a glance does for generation
//! 1: one stream carries every session of a server, and most are nobody's here.
//!
//! Before `data` stand numbers and objects, which are stepped over. Where anything else than 2.0.15 writes is
//! met, there is no peek, and the record is read as a whole.

use memchr::{memchr2, memchr3};

/// How deep an object may be that is stepped over.
const DEPTH: usize = 16;

/// The type and the session of a record, and where its data begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Peek<'a> {
    pub kind: &'a str,
    pub session_id: &'a str,
    /// From the `{` of the data to the end of the record.
    pub data: &'a [u8],
}

impl Peek<'_> {
    /// The event says where a session stands in the tree: it may be a subagent's.
    pub fn may_join(&self) -> bool {
        self.kind == "session.created"
    }
}

/// `None`: the record has to be read to know.
pub fn peek(record: &[u8]) -> Option<Peek<'_>> {
    let mut at = Cursor(record);
    let mut kind = None;
    at.expect(b'{')?;
    loop {
        let name = at.string()?;
        at.expect(b':')?;
        match name {
            b"type" => kind = Some(at.string()?),
            b"data" => break,
            _ => at.skip_value()?,
        }
        at.expect(b',')?;
    }
    let kind = std::str::from_utf8(kind?).ok()?;
    let data = at.0;
    let session_id = session_of(at)?;
    Some(Peek { kind, session_id, data })
}

/// The session's id in `data`, or in the form in it.
fn session_of(mut at: Cursor<'_>) -> Option<&str> {
    for _ in 0..2 {
        at.expect(b'{')?;
        loop {
            let name = at.string()?;
            at.expect(b':')?;
            match name {
                b"sessionID" => return std::str::from_utf8(at.string()?).ok(),
                b"form" => break,
                _ => at.skip_value()?,
            }
            at.expect(b',')?;
        }
    }
    None
}

/// The rest of the record.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn next(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        let rest = self.0.strip_prefix(&[byte])?;
        self.0 = rest;
        Some(())
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let end = memchr2(b'"', b'\\', self.0)?;
        let (string, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\"")?;
        Some(string)
    }

    /// Any string.
    fn skip_string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            let end = memchr2(b'"', b'\\', self.0)?;
            let step = if self.0[end] == b'"' { 1 } else { 2 };
            self.0 = self.0.get(end + step..)?;
            if step == 1 {
                return Some(());
            }
        }
    }

    fn skip_value(&mut self) -> Option<()> {
        match self.next()? {
            b'"' => self.skip_string(),
            b'{' | b'[' => self.skip_nested(),
            _ => {
                let end = memchr3(b',', b'}', b']', self.0)?;
                self.0 = &self.0[end..];
                Some(())
            }
        }
    }

    /// An object or an array, whatever is in it.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0;
        loop {
            match self.next()? {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'{' | b'[' if depth == DEPTH => return None,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.0 = &self.0[1..];
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::peek;
    use crate::protocol::dialect::v2::captures::{raw_records, scenarios};
    use crate::protocol::text::read;

    #[test]
    fn a_peek_and_reading_agree_on_every_captured_record() {
        let mut peeked = 0;
        for scenario in scenarios() {
            raw_records(&scenario, |record| {
                let whole: Value = read(std::str::from_utf8(record).unwrap()).unwrap();
                let data = &whole["data"];
                let session = data["sessionID"].as_str().or(data["form"]["sessionID"].as_str());
                let Some(peek) = peek(record) else {
                    return assert_eq!(session, None, "{whole}");
                };
                assert_eq!((peek.kind, Some(peek.session_id)), (whole["type"].as_str().unwrap(), session));
                peeked += 1;
            });
        }
        assert!(peeked > 1000, "{peeked}");
    }

    #[test]
    fn what_is_written_otherwise_is_read_as_a_whole() {
        let deep =
            format!(r#"{{"a":{}1{},"type":"x","data":{{"sessionID":"s"}}}}"#, "[".repeat(99), "]".repeat(99));
        for record in [
            "",
            "{",
            "{}",
            "[]",
            r#"{"data":{"sessionID":"s"},"type":"x"}"#,
            r#"{"type":"x","data":{}}"#,
            r#"{"type":"x","data":{"a":"\"#,
            r#"{"ty\u0070e":"x","data":{"sessionID":"s"}}"#,
            r#"{"type":"x","data":{"sessionID":"a\u0062"}}"#,
            r#"{"type":"x","data":"s"}"#,
            &deep,
        ] {
            assert!(peek(record.as_bytes()).is_none(), "{record}");
        }
    }

    #[test]
    fn a_session_named_in_a_text_or_deeper_is_not_the_records() {
        let record = br#"{"id":"e","created":1,"metadata":{"sessionID":"no","a":["]}\"",{}]},"type":"t","data":{"x":"\"sessionID\":\"no\"","y":{"sessionID":"no"},"sessionID":"yes"}}"#;
        assert_eq!(peek(record).map(|peek| (peek.kind, peek.session_id)), Some(("t", "yes")));
    }
}
