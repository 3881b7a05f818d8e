//! What 2.0.15 sent: `__test__/fixtures/2.0.15/<scenario>.sse` is the stream, `<scenario>.messages.ndjson`
//! the lists of messages that it gave afterwards, one session a line.

use std::collections::HashMap;

use serde_json::Value;

use super::{decode, stored_messages};
use crate::framing::sse::SseFramer;
use crate::protocol::event::BusEvent;
use crate::protocol::history::History;
use crate::protocol::text::read;

fn path(name: &str) -> String {
    format!("{}/__test__/fixtures/2.0.15/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The names of all scenarios.
pub fn scenarios() -> Vec<String> {
    let files = std::fs::read_dir(path("")).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<String> =
        files.filter_map(|file| file.to_str()?.strip_suffix(".sse").map(str::to_owned)).collect();
    names.sort();
    names
}

/// Half a character at the end of a text costs that character.
fn json(bytes: &[u8]) -> Value {
    read(std::str::from_utf8(bytes).unwrap()).unwrap()
}

/// The records of a capture, as JSON.
pub fn records(scenario: &str) -> Vec<Value> {
    let mut records = Vec::new();
    raw_records(scenario, |record| records.push(json(record)));
    records
}

/// The events of a capture.
pub fn capture(scenario: &str) -> Vec<BusEvent> {
    let mut events = Vec::new();
    raw_records(scenario, |record| decode(record, &mut |event| events.push(event)).unwrap());
    events
}

/// The bytes of each record of a capture.
pub fn raw_records(scenario: &str, mut take: impl FnMut(&[u8])) {
    let path = path(&format!("{scenario}.sse"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    SseFramer::new(bytes.len()).feed(&bytes, |record| take(record.data)).unwrap();
}

/// The lists of messages, by session.
pub fn bodies(scenario: &str) -> HashMap<String, Value> {
    let Ok(lines) = std::fs::read_to_string(path(&format!("{scenario}.messages.ndjson"))) else {
        return HashMap::new();
    };
    let lists = lines.lines().map(|line| {
        let mut line = json(line.as_bytes());
        (line["session"].as_str().unwrap().to_owned(), line["body"].take())
    });
    lists.collect()
}

/// The messages of one session, as it was after the scenario.
pub fn history(scenario: &str, session: &str) -> Option<History> {
    let lines = std::fs::read_to_string(path(&format!("{scenario}.messages.ndjson"))).ok()?;
    let line = lines.lines().find(|line| line.contains(&format!(r#"{{"session":"{session}""#)))?;
    // The body as it came.
    let (_, body) = line.strip_suffix('}')?.split_once(r#""body":"#)?;
    Some(stored_messages(session, body.as_bytes()).unwrap())
}
