//! Bytes to records, records to events: no bytes may panic, and how they were cut may not matter.

use crate::framing::sse::SseFramer;
use crate::protocol::dialect::{decode, decode_record, pending_asks, stored_messages};

type Records = Vec<(Option<Vec<u8>>, Vec<u8>)>;

/// What `wire` says in chunks of `size` bytes; whether it was too long.
fn records(wire: &[u8], size: usize, limit: usize) -> (Records, bool) {
    let mut framer = SseFramer::new(limit);
    let mut records = Vec::new();
    for chunk in wire.chunks(size) {
        let fed = framer.feed(chunk, |record| {
            records.push((record.event.map(<[u8]>::to_vec), record.data.to_vec()));
        });
        if fed.is_err() {
            return (records, true);
        }
    }
    (records, false)
}

/// The first byte is the size of the chunks, the second the limit.
pub fn framing(data: &[u8]) {
    let [size, limit, wire @ ..] = data else { return };
    let size = usize::from(*size).max(1);
    let whole = records(wire, wire.len().max(1), usize::MAX);
    assert_eq!(records(wire, size, usize::MAX), whole, "in chunks of {size}");
    assert_eq!(records(wire, 1, usize::MAX), whole, "byte by byte");
    let limit = usize::from(*limit);
    let (short, too_long) = records(wire, size, limit);
    assert!(short.iter().all(|(_, data)| data.len() <= limit), "longer than the limit");
    assert!(too_long || short == whole.0, "records were lost to the limit in silence");
    // A record beyond the limit costs only itself: what is left stands in the order it came in.
    let mut all = whole.0.iter();
    assert!(short.iter().all(|record| all.any(|one| one == record)), "the limit changed what is around it");
}

/// A record, or the answer to a request for messages or asks.
pub fn dialect(data: &[u8]) {
    let whole = decode(data);
    let read = decode_record(None, data);
    // Other shapes are read as well, and OpenCode's own never otherwise.
    if let Ok(Some(event)) = whole {
        assert_eq!(read.expect("it was read before").first(), Some(&event));
    }
    let _ = decode_record(Some(b"message.part.updated"), data);
    let _ = stored_messages(data);
    let _ = pending_asks(data);
}
