//! Text as OpenCode sends it: JSON strings whose UTF-16 may be cut in the middle of a character.
//!
//! A provider that splits an emoji makes OpenCode send `"\ud83d"` and `"\ude00"` in two deltas. Each is
//! valid JSON and neither is valid UTF-8, so text travels as WTF-8 bytes until the halves have met.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// The bytes of a JSON string, lone surrogates kept in their three-byte WTF-8 form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<u8>);

impl Text {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends, joining a high surrogate at our end with a low one at the start of `more`.
    pub fn push(&mut self, more: &[u8]) {
        if let (Some(high), Some(low)) = (trailing_high(&self.0), leading_low(more)) {
            let code = 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
            self.0.truncate(self.0.len() - 3);
            let mut buffer = [0; 4];
            let joined = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            self.0.extend_from_slice(joined.encode_utf8(&mut buffer).as_bytes());
            self.0.extend_from_slice(&more[3..]);
        } else {
            self.0.extend_from_slice(more);
        }
    }

    /// How many bytes can be given out: all but a high surrogate that still waits for its other half.
    pub fn settled(&self) -> usize {
        self.0.len() - if trailing_high(&self.0).is_some() { 3 } else { 0 }
    }

    /// The bytes from `from` to `to` as UTF-8; each surrogate that never met its half costs one character.
    pub fn decode(&self, from: usize, to: usize) -> String {
        decode(&self.0[from..to])
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// WTF-8 to UTF-8.
pub fn decode(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        if is_surrogate(rest) {
            text.push(char::REPLACEMENT_CHARACTER);
            rest = &rest[3..];
            continue;
        }
        let valid = rest
            .iter()
            .enumerate()
            .find(|(at, _)| is_surrogate(&rest[*at..]))
            .map_or(rest.len(), |(at, _)| at);
        text.push_str(&String::from_utf8_lossy(&rest[..valid]));
        rest = &rest[valid..];
    }
    text
}

fn is_surrogate(bytes: &[u8]) -> bool {
    matches!(bytes, [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..])
}

fn trailing_high(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [.., 0xED, second @ 0xA0..=0xAF, third] => Some(surrogate(*second, *third)),
        _ => None,
    }
}

fn leading_low(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [0xED, second @ 0xB0..=0xBF, third, ..] => Some(surrogate(*second, *third)),
        _ => None,
    }
}

fn surrogate(second: u8, third: u8) -> u16 {
    0xD000 | (u16::from(second & 0x3F) << 6) | u16::from(third & 0x3F)
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(bytes.to_vec()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text::from(text))
            }
        }
        // serde_json hands out strings with lone surrogates as bytes only.
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Reads an object of OpenCode's, repaired if need be; `None` for one that is not as expected.
pub fn read<T: for<'a> Deserialize<'a>>(json: &str) -> Option<T> {
    serde_json::from_str(json).or_else(|_| serde_json::from_str(&repaired(json))).ok()
}

/// Replaces what JavaScript reads in a JSON document and `serde_json` refuses, so that the rest can be read: the
/// escape of each lone surrogate by that of U+FFFD, and each number beyond the range of numbers by `null`, as
/// JavaScript writes it again.
pub fn repaired(json: &str) -> String {
    let bytes = json.as_bytes();
    let mut repaired = String::with_capacity(json.len());
    let (mut copied, mut at, mut in_string) = (0, 0, false);
    while at < bytes.len() {
        let (length, instead) = match bytes[at] {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            b'\\' if in_string => match escape(bytes, at) {
                Some(0xD800..=0xDBFF) if matches!(escape(bytes, at + 6), Some(0xDC00..=0xDFFF)) => (12, None),
                Some(0xD800..=0xDFFF) => (6, Some("\\ufffd")),
                _ => (2, None),
            },
            b'-' | b'0'..=b'9' if !in_string => {
                let number = number(&json[at..]);
                let is_beyond = number.parse().is_ok_and(f64::is_infinite);
                (number.len(), is_beyond.then_some("null"))
            }
            _ => (1, None),
        };
        if let Some(instead) = instead {
            repaired.push_str(&json[copied..at]);
            repaired.push_str(instead);
            copied = at + length;
        }
        at += length;
    }
    repaired.push_str(&json[copied..]);
    repaired
}

/// The number that `json` begins with.
fn number(json: &str) -> &str {
    let is_of_it = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    &json[..json.bytes().take_while(is_of_it).count()]
}

/// The code unit of a `\uXXXX` escape that begins at `at`.
fn escape(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Text {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn surrogates_split_over_two_deltas_are_joined() {
        let mut whole = text(r#""a\ud83d""#);
        assert_eq!(whole.decode(0, whole.settled()), "a");
        whole.push(text(r#""\ude00b""#).as_bytes());
        assert_eq!(whole.decode(0, whole.settled()), "a😀b");
    }

    #[test]
    fn a_surrogate_that_never_meets_its_half_costs_one_character() {
        let mut whole = text(r#""a\ud83d""#);
        whole.push(b"b");
        whole.push(text(r#""\ude00""#).as_bytes());
        assert_eq!(whole.decode(0, whole.len()), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn control_characters_and_separators_arrive_intact() {
        assert_eq!(text(r#""\u0000\r\n\u2028""#).decode(0, 6), "\0\r\n\u{2028}");
    }

    #[test]
    fn only_what_cannot_be_read_is_replaced() {
        let json = r#"{"a":"\ud83d","b":"\ud83d\ude00","c":"\\ud83d","d":"\ude00"}"#;
        let replaced = repaired(json);
        assert_eq!(replaced, r#"{"a":"\ufffd","b":"\ud83d\ude00","c":"\\ud83d","d":"\ufffd"}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&replaced).is_ok());
        let json = r#"{"a":[1e999,-1E+400,1e308,-0.5e-7],"b":"1e999\"1e999","c":1e999}"#;
        let read: serde_json::Value = read(json).unwrap();
        assert_eq!(read.to_string(), r#"{"a":[null,null,1e+308,-5e-8],"b":"1e999\"1e999","c":null}"#);
    }
}
