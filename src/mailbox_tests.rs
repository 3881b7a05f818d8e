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
