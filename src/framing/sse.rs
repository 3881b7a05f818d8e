//! Server-Sent Events: bytes in any chunking to whole records, in linear time and bounded memory.
//!
//! The whole of the WHATWG grammar that carries data is here: LF, CRLF and CR line ends, a byte order
//! mark, comments, several `data:` lines, `event:`. `id:` and `retry:` are read over, since OpenCode
//! replays nothing. Broken UTF-8 is passed on as it came; the reader of a record repairs it.

use memchr::memchr2;

/// One dispatched record.
#[derive(Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The `event:` field; `None` where the wire has none, as OpenCode's has.
    pub event: Option<&'a [u8]>,
    /// The `data:` lines, joined by LF.
    pub data: &'a [u8],
}

/// A record grew past the limit before it ended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event is longer than the limit of {limit} bytes")]
pub struct RecordTooLong {
    pub limit: usize,
}

/// What a stream held next.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    Record(Record<'a>),
    /// The first bytes of a record beyond the limit. The rest of it is skipped.
    TooLong(&'a [u8]),
}

/// Splits a byte stream into records.
pub struct SseFramer {
    /// The bytes of a line whose end has not come yet.
    line: Vec<u8>,
    /// `data:` lines of a record whose end has not come yet.
    data: Vec<u8>,
    has_data: bool,
    event: Vec<u8>,
    /// The last line ended in CR: a LF right behind it belongs to the same line end.
    after_cr: bool,
    /// No line has been read yet, so the next one may begin with a byte order mark.
    at_start: bool,
    /// The rest of a record beyond the limit is being skipped.
    skips: bool,
    /// A line that is being skipped has begun, so its end is no blank line.
    skips_line: bool,
    limit: usize,
}

impl SseFramer {
    /// `limit`: the most bytes one record may have.
    pub fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            event: Vec::new(),
            after_cr: false,
            at_start: true,
            skips: false,
            skips_line: false,
            limit,
        }
    }

    /// Changes the limit for the records to come.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes the next bytes and hands every record they complete to `sink`, in order.
    ///
    /// # Errors
    /// When a record passes the limit; the records around it reach `sink` all the same.
    pub fn feed(&mut self, chunk: &[u8], mut sink: impl FnMut(Record<'_>)) -> Result<(), RecordTooLong> {
        let mut is_too_long = false;
        self.feed_all(chunk, |framed| match framed {
            Framed::Record(record) => sink(record),
            Framed::TooLong(_) => is_too_long = true,
        });
        if is_too_long { Err(RecordTooLong { limit: self.limit }) } else { Ok(()) }
    }

    /// Takes the next bytes and hands `sink` what they complete, in order. A record beyond the limit costs
    /// only itself.
    pub fn feed_all(&mut self, mut chunk: &[u8], mut sink: impl FnMut(Framed<'_>)) {
        while !chunk.is_empty() {
            if std::mem::take(&mut self.after_cr) && chunk[0] == b'\n' {
                chunk = &chunk[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', chunk) else {
                if self.skips {
                    self.skips_line = true;
                } else {
                    self.line.extend_from_slice(chunk);
                    self.skips_line = self.check(&mut sink);
                }
                return;
            };
            self.after_cr = chunk[end] == b'\r';
            let rest = &chunk[end + 1..];
            if self.skips {
                let is_blank = end == 0 && !std::mem::take(&mut self.skips_line);
                self.skips = !is_blank;
                self.skips_line = false;
            } else if self.line.is_empty() {
                // OpenCode's own form, one `data:` line and a blank one, needs no copy at all.
                if !self.has_data
                    && rest.first() == Some(&b'\n')
                    && !self.after_cr
                    && !self.at_start
                    && let Some(data) = value_of(&chunk[..end], b"data")
                {
                    sink(if data.len() > self.limit {
                        Framed::TooLong(head(data))
                    } else {
                        Framed::Record(Record { event: some_unless_empty(&self.event), data })
                    });
                    self.event.clear();
                    chunk = &rest[1..];
                    continue;
                }
                self.end_line(&chunk[..end], &mut sink);
                self.check(&mut sink);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&chunk[..end]);
                self.end_line(&line, &mut sink);
                line.clear();
                self.line = line;
                self.check(&mut sink);
            }
            chunk = rest;
        }
    }

    fn end_line(&mut self, line: &[u8], sink: &mut impl FnMut(Framed<'_>)) {
        let line = if std::mem::take(&mut self.at_start) {
            line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                sink(Framed::Record(Record { event: some_unless_empty(&self.event), data: &self.data }));
            }
            self.data.clear();
            self.event.clear();
        } else if let Some(value) = value_of(line, b"data") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.has_data = true;
            self.data.extend_from_slice(value);
        } else if let Some(value) = value_of(line, b"event") {
            self.event.clear();
            self.event.extend_from_slice(value);
        }
    }

    /// Gives up a record that has grown beyond the limit. Returns `true` if one had.
    fn check(&mut self, sink: &mut impl FnMut(Framed<'_>)) -> bool {
        if self.line.len() + self.data.len() <= self.limit {
            return false;
        }
        let begun = if self.has_data { &self.data } else { &self.line };
        sink(Framed::TooLong(head(begun)));
        (self.line, self.data, self.has_data) = (Vec::new(), Vec::new(), false);
        self.event.clear();
        self.skips = true;
        true
    }
}

/// As much of a record beyond the limit as tells whose it is.
fn head(record: &[u8]) -> &[u8] {
    const ENOUGH: usize = 4096;
    let record = value_of(record, b"data").unwrap_or(record);
    &record[..record.len().min(ENOUGH)]
}

/// The value of a `name:` line, less the one space that may follow the colon.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest.strip_prefix(b":") {
        Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        None => rest.is_empty().then_some(rest),
    }
}

fn some_unless_empty(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.is_empty() { None } else { Some(bytes) }
}

#[cfg(test)]
#[path = "sse_tests.rs"]
mod tests;
