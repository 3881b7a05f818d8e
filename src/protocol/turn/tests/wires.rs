//! Each capture as other wires would carry it: the bytes cut anywhere, the other framing, other shapes.

use super::*;
use crate::protocol::dialect::decode_record;

/// Each capture, by the name of its file.
fn captures() -> Vec<(String, Vec<u8>)> {
    let mut captures = Vec::new();
    for version in VERSIONS {
        let folder = format!("{}/__test__/fixtures/{version}", env!("CARGO_MANIFEST_DIR"));
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sse") {
                captures.push((path.display().to_string(), std::fs::read(path).unwrap()));
            }
        }
    }
    assert!(captures.len() > 70);
    captures
}

type Records = Vec<(Option<String>, String)>;

fn records<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Records {
    let mut framer = SseFramer::new(1 << 20);
    let mut records = Vec::new();
    for chunk in chunks {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        framer.feed(chunk, |record| records.push((record.event.map(text), text(record.data)))).unwrap();
    }
    records
}

fn event_name(data: &str) -> &str {
    data.split_once(r#""type":""#)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("message", |(name, _)| name)
}

/// The same records in the other framing: named, numbered, in several lines, with comments and other line
/// ends.
fn named(wire: &[u8]) -> Vec<u8> {
    let mut named = b"\xEF\xBB\xBFretry: 3000\n: hello\n\n".to_vec();
    for (at, (_, data)) in records([wire]).iter().enumerate() {
        let end = ["\n", "\r", "\r\n"][at % 3];
        // Between two tokens of JSON a line may end.
        let lines = data.replacen('{', &format!("{{{end}data: "), 1);
        let name = event_name(data);
        named.extend(format!("event: {name}{end}id: {at}{end}: note{end}data:{lines}{end}{end}").as_bytes());
    }
    named
}

#[test]
fn each_capture_is_the_same_at_every_byte_split_in_both_framings() {
    std::thread::scope(|scope| {
        for (file, wire) in captures() {
            scope.spawn(move || {
                for wire in [named(&wire), wire] {
                    // What was before a record cannot change it: one at a time.
                    let ends = (1..wire.len()).filter(|at| ends_a_record(&wire[..*at])).chain([wire.len()]);
                    let mut from = 0;
                    for to in ends {
                        let window = &wire[std::mem::replace(&mut from, to)..to];
                        let whole = records([window]);
                        for at in 0..=window.len() {
                            assert_eq!(records([&window[..at], &window[at..]]), whole, "{file}, {at}");
                        }
                    }
                    assert_eq!(records(wire.chunks(1)), records([&wire[..]]), "{file} byte by byte");
                }
            });
        }
    });
}

fn ends_a_record(wire: &[u8]) -> bool {
    wire.ends_with(b"\n\n") || wire.ends_with(b"\r\r") || wire.ends_with(b"\r\n\r\n")
}

fn events(records: Records) -> Vec<BusEvent> {
    let decode = |(name, data): (Option<String>, String)| {
        decode_record(name.as_ref().map(String::as_bytes), data.as_bytes()).unwrap()
    };
    records.into_iter().flat_map(decode).collect()
}

/// What a reader would have seen, and how it ended.
fn outcome(events: &[BusEvent]) -> (Vec<String>, String, Option<Value>, Option<Code>) {
    let story = Replay::new(&prompted(events), &[]).play(events);
    let verdict = story.verdict.as_ref().expect("it ends");
    let result = verdict.as_ref().ok().map(|result| {
        let mut result = result.clone();
        // OpenCode's own objects, as they came.
        result["parts"] = Value::Null;
        result
    });
    (parts_told(&story), story.streamed(), result, verdict.as_ref().err().map(|failure| failure.code))
}

/// Captures hold one turn each, but for a few that hold what no turn made.
fn is_a_turn(wire: &[u8]) -> bool {
    memchr::memmem::find(wire, br#""role":"user""#).is_some()
}

#[test]
fn each_capture_is_the_same_turn_in_the_other_framing() {
    for (file, wire) in captures().into_iter().filter(|(_, wire)| is_a_turn(wire)) {
        assert_eq!(
            outcome(&events(records([&named(&wire)[..]]))),
            outcome(&events(records([&wire[..]]))),
            "{file}"
        );
    }
}

#[test]
fn each_capture_is_the_same_turn_in_other_shapes() {
    let flat = |kind: &str, properties: &str| {
        let inside = &properties[1..];
        let comma = if inside == "}" { "" } else { "," };
        (None, format!(r#"{{"type":"{kind}"{comma}{inside}"#))
    };
    let as_data = |kind: &str, properties: &str| {
        (None, format!(r#"{{"id":"evt_1","data":{{"type":"{kind}","data":{properties}}}}}"#))
    };
    let by_name = |kind: &str, properties: &str| (Some(kind.to_owned()), properties.to_owned());
    let wrapped = |kind: &str, properties: &str| {
        (None, format!(r#"{{"directory":"/","payload":{{"type":"{kind}","properties":{properties}}}}}"#))
    };
    let shapes: [&dyn Fn(&str, &str) -> (Option<String>, String); 4] = [&flat, &as_data, &by_name, &wrapped];
    for (file, wire) in captures().into_iter().filter(|(_, wire)| is_a_turn(wire)) {
        let usual = records([&wire[..]]);
        let expected = outcome(&events(usual.clone()));
        for (number, shape) in shapes.iter().enumerate() {
            let reshaped = usual.iter().map(|record| reshaped(record, shape)).collect();
            assert_eq!(outcome(&events(reshaped)), expected, "{file}, shape {number}");
        }
    }
}

/// The events a turn is told by; asks and what nobody reads stay as they are.
fn reshaped(
    record: &(Option<String>, String),
    shape: &dyn Fn(&str, &str) -> (Option<String>, String),
) -> (Option<String>, String) {
    #[derive(serde::Deserialize)]
    struct Usual<'a> {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(borrow, default)]
        properties: Option<&'a serde_json::value::RawValue>,
    }
    let usual: Usual<'_> = serde_json::from_str(&record.1).unwrap();
    match usual.properties {
        Some(properties) if usual.kind.starts_with("message.") || usual.kind.starts_with("session.s") => {
            shape(&usual.kind, properties.get())
        }
        _ => record.clone(),
    }
}
