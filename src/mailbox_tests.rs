use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::protocol::stream_event::ToolEvent;

fn place(part: &str) -> Arc<Place> {
    Arc::new(Place {
        session_id: "ses_1".into(),
        message_id: "msg_1".into(),
        part_id: part.into(),
        parent_session_id: None,
    })
}

fn delta(part: &str, delta: &str) -> StreamEvent {
    StreamEvent::TextDelta { place: place(part), delta: delta.into(), answer: true }
}

fn tool(status: &str) -> StreamEvent {
    StreamEvent::Tool(Box::new(ToolEvent {
        place: place("prt_tool"),
        call_id: "call_1".into(),
        tool: "bash".into(),
        status: status.into(),
        input: None,
        output: None,
        error: None,
        title: None,
        metadata: None,
    }))
}

fn mailbox() -> (Mailbox, Arc<AtomicUsize>) {
    let rings = Arc::new(AtomicUsize::new(0));
    let counter = rings.clone();
    let bell = move || {
        counter.fetch_add(1, Ordering::SeqCst);
    };
    (Mailbox::new(1000, bell), rings)
}

#[test]
fn unread_text_is_one_chunk_with_a_blank_line_between_parts() {
    let (mailbox, _) = mailbox();
    assert_eq!(mailbox.take_text(), None);
    for event in [delta("a", "one "), delta("a", "two"), tool("running"), delta("b", "three")] {
        mailbox.push(event).unwrap();
    }
    assert_eq!(mailbox.take_text().unwrap(), "one two\n\nthree");
    assert_eq!(mailbox.take_text(), None);
}

#[test]
fn a_reader_that_comes_late_gets_everything() {
    let (mailbox, _) = mailbox();
    mailbox.push(delta("a", "one ")).unwrap();
    mailbox.push(delta("b", "two")).unwrap();
    assert_eq!(mailbox.take_text().unwrap(), "one \n\ntwo");
}

#[test]
fn adjacent_deltas_merge_and_an_unread_tool_update_is_replaced() {
    let (mailbox, _) = mailbox();
    for event in [delta("a", "1"), delta("a", "2"), tool("pending"), delta("b", "3"), tool("completed")] {
        mailbox.push(event).unwrap();
    }
    let events: Vec<Value> = serde_json::from_str(&mailbox.take_events().unwrap()).unwrap();
    let told: Vec<&str> =
        events.iter().map(|event| event["delta"].as_str().or(event["status"].as_str()).unwrap()).collect();
    assert_eq!(told, ["12", "completed", "3"]);
}

#[test]
fn the_bell_rings_once_for_a_reader_that_waits() {
    let (mailbox, rings) = mailbox();
    mailbox.push(delta("a", "1")).unwrap();
    assert_eq!(rings.load(Ordering::SeqCst), 0, "nobody waits");
    mailbox.take_text().unwrap();
    mailbox.take_text();
    mailbox.push(delta("a", "2")).unwrap();
    mailbox.push(delta("a", "3")).unwrap();
    assert_eq!(rings.load(Ordering::SeqCst), 1);
    mailbox.take_text().unwrap();
    assert!(mailbox.outcome().is_none());
    mailbox.finish(Ok(Value::Null));
    assert_eq!(rings.load(Ordering::SeqCst), 2);
}

#[test]
fn what_a_text_reader_does_not_read_takes_no_room() {
    let (mailbox, _) = mailbox();
    mailbox.take_text();
    for _ in 0..100 {
        mailbox.push(tool("running")).unwrap();
    }
    assert!(mailbox.push(delta("a", &"x".repeat(999))).is_ok());
    assert_eq!(mailbox.push(delta("a", "xx")), Err(Full));
}

fn large(part: &str, size: usize) -> StreamEvent {
    delta(part, &"x".repeat(size))
}

/// No string that goes to JavaScript is longer than JavaScript can hold, whatever the limits are.
#[test]
fn what_is_unread_is_taken_in_pieces() {
    let size = PIECE + PIECE / 2;
    let mailbox = Mailbox::new(usize::MAX, || {});
    mailbox.take_text();
    mailbox.push(large("a", size)).unwrap();
    mailbox.push(delta("a", "é".repeat(10).as_str())).unwrap();
    let pieces: Vec<usize> = std::iter::from_fn(|| mailbox.take_text()).map(|text| text.len()).collect();
    assert_eq!(pieces, [PIECE, size - PIECE + 20]);

    let mailbox = Mailbox::new(usize::MAX, || {});
    for part in ["a", "a", "b", "c"] {
        mailbox.push(large(part, PIECE / 2 + 1)).unwrap();
    }
    mailbox.push(tool("running")).unwrap();
    let first = mailbox.take_events().unwrap();
    assert!(first.len() < 2 * PIECE);
    mailbox.push(tool("completed")).unwrap();
    let rest: Vec<Value> = std::iter::from_fn(|| mailbox.take_events())
        .flat_map(|json| serde_json::from_str::<Vec<Value>>(&json).unwrap())
        .collect();
    assert_eq!(rest.iter().filter(|event| event["type"] == "tool").count(), 1);
    assert_eq!(rest.last().unwrap()["status"], "completed");
}

#[test]
fn many_small_events_count_for_what_they_cost() {
    let mailbox = Mailbox::new(100_000, || {});
    let full = (0..2_000).find(|at| mailbox.push(delta(["a", "b"][at % 2], "x")).is_err());
    assert!(full.is_some_and(|at| at < 500), "{full:?}");
}

#[test]
fn an_outcome_that_no_string_can_hold_is_an_error() {
    let mailbox = Mailbox::new(usize::MAX, || {});
    mailbox.finish(Ok(serde_json::json!({ "text": "\u{1}".repeat(LARGEST / 6 + 1) })));
    let outcome: Value = serde_json::from_str(&mailbox.outcome().unwrap()).unwrap();
    assert_eq!(outcome["error"]["code"], "ERR_OPENCODE_LIMIT");
    assert_eq!(outcome["error"]["accepted"], true);
}
