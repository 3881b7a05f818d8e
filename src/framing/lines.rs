//! Lines: bytes in any chunking to whole lines, in linear time and bounded memory. What a child process
//! writes, one JSON document a line; broken UTF-8 is passed on as it came.

use memchr::memchr;

/// A line grew past the limit before it ended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than the limit of {limit} bytes")]
pub struct LineTooLong {
    pub limit: usize,
}

/// Splits a byte stream into lines.
pub struct LineFramer {
    /// The bytes of a line whose end has not come yet.
    line: Vec<u8>,
    limit: usize,
}

impl LineFramer {
    /// `limit`: the most bytes one line may have.
    pub fn new(limit: usize) -> Self {
        Self { line: Vec::new(), limit }
    }

    /// Takes the next bytes and hands every line they complete to `sink`, in order, without its end.
    ///
    /// # Errors
    /// When a line passes the limit; the framer is then of no further use.
    pub fn feed(&mut self, mut chunk: &[u8], mut sink: impl FnMut(&[u8])) -> Result<(), LineTooLong> {
        while let Some(end) = memchr(b'\n', chunk) {
            self.check(end)?;
            if self.line.is_empty() {
                sink(without_return(&chunk[..end]));
            } else {
                self.line.extend_from_slice(&chunk[..end]);
                sink(without_return(&self.line));
                self.line.clear();
            }
            chunk = &chunk[end + 1..];
        }
        self.check(chunk.len())?;
        self.line.extend_from_slice(chunk);
        Ok(())
    }

    /// The stream is over: what it did not end is a line too.
    pub fn finish(&mut self, mut sink: impl FnMut(&[u8])) {
        if !self.line.is_empty() {
            sink(without_return(&self.line));
            self.line.clear();
        }
    }

    fn check(&self, more: usize) -> Result<(), LineTooLong> {
        if self.line.len() + more > self.limit { Err(LineTooLong { limit: self.limit }) } else { Ok(()) }
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut framer = LineFramer::new(1 << 20);
        let mut lines = Vec::new();
        let mut keep = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        for chunk in chunks {
            framer.feed(chunk, &mut keep).unwrap();
        }
        framer.finish(&mut keep);
        lines
    }

    #[test]
    fn every_split_gives_the_same_lines() {
        let bytes = "{\"a\":1}\r\n\n{\"b\":\"ünï😀\"}\nthe last has no end".as_bytes();
        let whole = lines(&[bytes]);
        assert_eq!(whole, ["{\"a\":1}", "", "{\"b\":\"ünï😀\"}", "the last has no end"]);
        for at in 0..=bytes.len() {
            assert_eq!(lines(&[&bytes[..at], &bytes[at..]]), whole, "split at {at}");
        }
        assert_eq!(lines(&bytes.chunks(1).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn a_line_past_the_limit_is_an_error_and_one_at_it_is_none() {
        let mut framer = LineFramer::new(4);
        assert_eq!(framer.feed(b"1234\n12", |_| {}), Ok(()));
        assert_eq!(framer.feed(b"345", |_| {}), Err(LineTooLong { limit: 4 }));
        assert_eq!(LineFramer::new(4).feed(b"12345\n", |_| {}), Err(LineTooLong { limit: 4 }));
    }

    #[test]
    fn a_line_of_megabytes_is_put_together_once() {
        let long = vec![b'x'; 10 << 20];
        let mut framer = LineFramer::new(64 << 20);
        let mut length = 0;
        for chunk in long.chunks(4096) {
            framer.feed(chunk, |_| unreachable!()).unwrap();
        }
        framer.feed(b"\n", |line| length = line.len()).unwrap();
        assert_eq!(length, long.len());
    }
}
