use super::*;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use proptest::prelude::*;

fn frame(chunks: &[&[u8]]) -> Vec<(Option<String>, String)> {
    let mut framer = SseFramer::new(1 << 20);
    let mut records = Vec::new();
    for chunk in chunks {
        framer
            .feed(chunk, |record| {
                records.push((
                    record.event.map(|event| String::from_utf8_lossy(event).into_owned()),
                    String::from_utf8_lossy(record.data).into_owned(),
                ));
            })
            .unwrap();
    }
    records
}

fn data(wire: &[u8]) -> Vec<String> {
    frame(&[wire]).into_iter().map(|(_, data)| data).collect()
}

/// Wire forms and the data they carry; every one is also fed at every split below.
const CASES: &[(&str, &[&str])] = &[
    ("data: a\n\n", &["a"]),
    ("data:a\n\ndata: b\n\n", &["a", "b"]),
    ("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
    ("data: a\r\rdata: b\r\r", &["a", "b"]),
    ("\u{feff}data: a\n\n", &["a"]),
    ("data: a\ndata: b\n\n", &["a\nb"]),
    ("data:  two spaces keep one\n\n", &[" two spaces keep one"]),
    (": heartbeat\n\ndata: a\n\n", &["a"]),
    ("id: 7\nretry: 10\ndata: a\n\n", &["a"]),
    ("data\n\n", &[""]),
    ("data: grüße 😀\n\n", &["grüße 😀"]),
    ("\n\n\ndata: a\n\n\n\n", &["a"]),
    ("data: no blank line at the end\n", &[]),
    ("dataset: x\n\n", &[]),
];

#[test]
fn each_form_of_the_grammar() {
    for (wire, expected) in CASES {
        assert_eq!(data(wire.as_bytes()), *expected, "{wire:?}");
    }
}

#[test]
fn the_same_records_at_every_split_and_byte_by_byte() {
    for (wire, expected) in CASES {
        let wire = wire.as_bytes();
        for at in 0..=wire.len() {
            let records = frame(&[&wire[..at], &wire[at..]]);
            assert_eq!(records.into_iter().map(|r| r.1).collect::<Vec<_>>(), *expected, "split at {at}");
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(frame(&bytes).into_iter().map(|r| r.1).collect::<Vec<_>>(), *expected);
    }
}

#[test]
fn an_event_name_belongs_to_its_own_record_only() {
    let records = frame(&[b"event: one\ndata: a\n\ndata: b\n\n"]);
    assert_eq!(records, [(Some("one".into()), "a".into()), (None, "b".into())]);
}

#[test]
fn broken_utf8_costs_no_later_record() {
    assert_eq!(data(b"data: a\xFFb\n\ndata: c\n\n"), ["a\u{fffd}b", "c"]);
}

#[test]
fn a_record_past_the_limit_is_an_error_whichever_way_it_grows() {
    let long = [b'x'; 200];
    for lines in [
        vec![&b"data: "[..], &long[..]],
        vec![&b": a\n\ndata: "[..], &long[..], &b"\n\n"[..]],
        vec![&b"data: 0123456789\n"[..]; 20],
    ] {
        let mut framer = SseFramer::new(100);
        let result = lines.iter().try_for_each(|line| framer.feed(line, |_| {}));
        assert_eq!(result, Err(RecordTooLong { limit: 100 }));
    }
}

#[test]
fn a_record_past_the_limit_costs_only_itself() {
    let long = "x".repeat(200);
    let wire =
        format!("data: a\n\ndata: {long}\ndata: tail\nevent: gone\n\ndata: b\n\ndata: {long}\n\ndata: c\n\n");
    for size in [1, 7, wire.len()] {
        let mut framer = SseFramer::new(100);
        let (mut records, mut heads) = (Vec::new(), Vec::new());
        for chunk in wire.as_bytes().chunks(size) {
            framer.feed_all(chunk, |framed| match framed {
                Framed::Record(record) => {
                    assert_eq!(record.event, None);
                    records.push(String::from_utf8_lossy(record.data).into_owned());
                }
                Framed::TooLong(head) => heads.push(head.len()),
            });
        }
        assert_eq!(records, ["a", "b", "c"], "in chunks of {size}");
        assert_eq!(heads.len(), 2, "in chunks of {size}");
    }
}

/// What eventsource-stream makes of the same bytes, given whole.
fn reference(wire: &str) -> Vec<String> {
    let chunks = futures::stream::iter([Ok::<_, std::convert::Infallible>(wire.to_owned())]);
    let events = futures::executor::block_on(chunks.eventsource().collect::<Vec<_>>());
    events.into_iter().map(|event| event.unwrap().data).collect()
}

proptest! {
    /// eventsource-stream is the reference wherever it is not known to be wrong: it panics on a byte
    /// order mark and holds back a CR at the end of a chunk (docs/decisions/0002-own-sse-framing.md).
    #[test]
    fn agrees_with_eventsource_stream(
        lines in proptest::collection::vec("(data: ?[a-zü😀:]{0,8}|: note|event: e|id: 1|)", 0..20),
        end in prop_oneof![Just("\n"), Just("\r\n")],
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let wire: String = lines.iter().flat_map(|line| [line, end]).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &wire.as_bytes()[pair[0]..pair[1]]).collect();
        let ours: Vec<String> = frame(&chunks).into_iter().map(|(_, data)| data).collect();
        prop_assert_eq!(ours, reference(&wire));
    }

    #[test]
    fn no_bytes_make_it_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..10)) {
        let mut framer = SseFramer::new(64);
        for chunk in &chunks {
            if framer.feed(chunk, |_| {}).is_err() {
                break;
            }
        }
    }
}
