//! Records on a pipe that others write to. A plugin's output may be glued to a JSON record: before it, behind it, or
//! in colour in the middle of it. The record is found, or reported as torn; nothing is dropped in silence.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::value::RawValue;

/// How many times the bytes of a line may be scanned for records. Noise that begins like a record again and again
/// must not cost the square of its length.
const SCANS: usize = 8;
/// How much of a torn record an error shows, in characters.
const SHOWN: usize = 200;

/// One stretch of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// A JSON object that begins as a record does.
    Record(String),
    /// Somebody else's words.
    Noise(String),
    /// The beginning of a record that cannot be read.
    Torn(String),
}

/// Takes a line apart. `starts`: how a record begins, in any of these ways.
pub fn pieces(line: &str, starts: &[&str]) -> Vec<Piece> {
    let line = without_controls(line, starts);
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    let mut budget = line.len().saturating_mul(SCANS);
    let mut torn = false;
    while let Some(start) = next_start(&line[at..], starts).map(|start| at + start) {
        let mut values = serde_json::Deserializer::from_str(&line[start..]).into_iter::<&RawValue>();
        let (end, scanned) = match values.next() {
            Some(Ok(record)) => (Some(start + record.get().len()), record.get().len()),
            Some(Err(error)) => (None, error.column().max(1)),
            None => (None, 1),
        };
        let Some(left) = budget.checked_sub(scanned) else {
            torn = true;
            break;
        };
        budget = left;
        match end {
            Some(end) => {
                rest(&line[from..start], torn, &mut pieces);
                pieces.push(Piece::Record(line[start..end].to_owned()));
                (from, at, torn) = (end, end, false);
            }
            None => (at, torn) = (start + 1, true),
        }
    }
    rest(&line[from..], torn, &mut pieces);
    pieces
}

fn rest(words: &str, torn: bool, pieces: &mut Vec<Piece>) {
    if !words.trim().is_empty() {
        pieces.push(if torn { Piece::Torn(words.to_owned()) } else { Piece::Noise(words.to_owned()) });
    }
}

fn next_start(line: &str, starts: &[&str]) -> Option<usize> {
    let bytes = line.as_bytes();
    let begins = |at: &usize| starts.iter().any(|start| bytes[*at..].starts_with(start.as_bytes()));
    memmem::find_iter(bytes, b"{\"").find(begins)
}

/// JSON has no control characters: those in a line are of a terminal. `keep`: what no escape sequence contains.
fn without_controls<'a>(line: &'a str, keep: &[&str]) -> Cow<'a, str> {
    let is_control = |byte: &u8| *byte < 0x20;
    if !line.as_bytes().iter().any(is_control) {
        return Cow::Borrowed(line);
    }
    let mut plain = String::with_capacity(line.len());
    let mut left = line;
    // A command that nothing ends is looked for once.
    let mut has_ends = true;
    while let Some(at) = left.as_bytes().iter().position(is_control) {
        plain.push_str(&left[..at]);
        let (sequence, control) = (&left[at + 1..], left.as_bytes()[at]);
        let skipped = match (control, sequence.as_bytes().first()) {
            (0x1B, Some(b'[')) => control_sequence(sequence),
            (0x1B, Some(b']' | b'P' | b'X' | b'^' | b'_')) if has_ends => {
                let end = command(sequence, keep);
                has_ends = end.is_some();
                end.unwrap_or(1)
            }
            (0x1B, Some(0x20..=0x7A | 0x7C..=0x7E)) => 1,
            _ => 0,
        };
        left = &sequence[skipped..];
    }
    plain.push_str(left);
    Cow::Owned(plain)
}

/// The length of `[…m` and the like.
fn control_sequence(sequence: &str) -> usize {
    let parameters = sequence.bytes().skip(1).take_while(|byte| (0x20..=0x3F).contains(byte)).count();
    let end = sequence.as_bytes().get(1 + parameters).filter(|byte| (0x40..=0x7E).contains(*byte));
    1 + parameters + usize::from(end.is_some())
}

/// The length of `]…` up to a bell or another escape, unless a record stands before it.
fn command(sequence: &str, keep: &[&str]) -> Option<usize> {
    let end = sequence.bytes().position(|byte| matches!(byte, 0x07 | 0x1B))?;
    if next_start(&sequence[..end], keep).is_some() {
        return Some(1);
    }
    // The escape that ends it has a backslash of its own.
    Some(if sequence.as_bytes()[end] == 0x07 { end + 1 } else { end })
}

/// Words from outside, fit for a message: bounded, and harmless in a terminal.
pub fn shown(words: &str) -> String {
    let harmless = |letter: char| {
        let hidden = matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
        if letter.is_control() || hidden { '\u{FFFD}' } else { letter }
    };
    let mut shown: String = words.trim().chars().take(SHOWN).map(harmless).collect();
    if words.trim().chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTS: &[&str] = &[r#"{"type":"text""#];
    const RECORD: &str = r#"{"type":"text","part":{"text":"a {\"type\":\"text\" b"}}"#;

    fn record() -> Piece {
        Piece::Record(RECORD.into())
    }

    fn noise(words: &str) -> Piece {
        Piece::Noise(words.into())
    }

    #[test]
    fn a_record_is_found_before_behind_and_between_noise() {
        let line = format!("one {RECORD}two{RECORD}{RECORD} three");
        assert_eq!(
            pieces(&line, STARTS),
            [noise("one "), record(), noise("two"), record(), record(), noise(" three")]
        );
        assert_eq!(pieces("just words", STARTS), [noise("just words")]);
        assert_eq!(pieces(" ", STARTS), []);
    }

    #[test]
    fn colours_titles_and_returns_are_taken_out_wherever_they_stand() {
        let (head, tail) = RECORD.split_at(10);
        for noise in
            ["\x1b[31m", "\x1b]0;a title\x07", "\x1b]8;;x\x1b\\", "\r", "\x1b[2K\r", "\x1b]0;no end", "\x1b"]
        {
            let line = format!("{noise}{RECORD}{noise}");
            assert!(pieces(&line, STARTS).contains(&record()), "{noise:?} around");
        }
        for noise in ["\x1b[31m", "\x1b]0;a title\x07", "\x1b]8;;x\x1b\\", "\r"] {
            let line = format!("{head}{noise}{tail}");
            assert_eq!(pieces(&line, STARTS), [record()], "{noise:?} in the middle");
        }
    }

    #[test]
    fn what_begins_like_a_record_and_is_none_is_torn() {
        let (head, tail) = RECORD.split_at(RECORD.len() - 2);
        assert_eq!(pieces(head, STARTS), [Piece::Torn(head.into())]);
        let line = format!("{head}words{tail}{RECORD}");
        let found = pieces(&line, STARTS);
        assert!(matches!(found[..], [Piece::Torn(_), Piece::Record(_)]), "{found:?}");
    }

    #[test]
    fn noise_that_begins_like_a_record_is_scanned_a_bounded_number_of_times() {
        let open = r#"{"type":"text","a":"#.repeat(20_000);
        let found = pieces(&open, STARTS);
        assert!(matches!(found[..], [Piece::Torn(_)]));
        let titles = "\x1b]0;".repeat(200_000);
        pieces(&titles, STARTS);
    }

    #[test]
    fn what_is_shown_is_bounded_and_harmless() {
        assert_eq!(shown("\x1b[31mred\u{202e}\u{9b}x\r"), "\u{fffd}[31mred\u{fffd}\u{fffd}x");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), SHOWN + 1);
    }
}
