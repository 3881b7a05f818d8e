//! One record of a shared connection: read as far as need be, and given to the turn it belongs to.

use super::{Delivery, Shared, Source};
use crate::error::{Code, Failure};
use crate::framing::sse::Record;
use crate::protocol::dialect::{DeltaAtAGlance, Malformed, decode_record, glance, v2};
use crate::protocol::event::BusEvent;

/// A record of this many bytes is read on another thread: on the one of all turns it would hold them up.
pub const LARGE: usize = 256 * 1024;

/// What one connection has shown so far.
#[derive(Default)]
pub struct Seen {
    /// `server.connected`.
    pub connected: bool,
    pub announced: bool,
    /// The alarm is set for silence.
    pub listens: bool,
    /// For which opening an event of a session came.
    proven: u64,
}

/// A record that outlives the chunk it came in.
pub struct OwnedRecord {
    event: Option<Vec<u8>>,
    data: Vec<u8>,
}

impl From<&Record<'_>> for OwnedRecord {
    fn from(record: &Record<'_>) -> Self {
        Self { event: record.event.map(<[u8]>::to_vec), data: record.data.to_vec() }
    }
}

/// Takes one record: to the turn it belongs to, or nowhere.
pub fn take(shared: &Shared, record: &Record<'_>, seen: &mut Seen, opened: u64) {
    if !is_done_at_a_glance(shared, record.data, seen, opened) {
        let events = events_of(is_second(shared), record.event, record.data);
        deliver(shared, record.data, events, seen, opened);
    }
}

/// Takes a record whose reading may last.
pub async fn take_large(shared: &Shared, record: OwnedRecord, seen: &mut Seen, opened: u64) {
    if is_done_at_a_glance(shared, &record.data, seen, opened) {
        return;
    }
    let is_second = is_second(shared);
    let read = tokio::task::spawn_blocking(move || {
        let events = events_of(is_second, record.event.as_deref(), &record.data);
        (record.data, events)
    });
    // It fails only if reading panics, which would have ended the task of the connection here too.
    if let Ok((data, events)) = read.await {
        deliver(shared, &data, events, seen, opened);
    }
}

/// Delivers a delta, and passes over what no turn wants: neither needs all of the record to be read.
fn is_done_at_a_glance(shared: &Shared, record: &[u8], seen: &mut Seen, opened: u64) -> bool {
    if is_second(shared) {
        if let Some(peek) = v2::peek(record)
            && !shared.lock_router().wants(peek.session_id, peek.may_join(), record)
        {
            prove(shared, seen, opened);
            return true;
        }
    } else if let Some(glance) = glance(record) {
        let mut router = shared.lock_router();
        let delta = DeltaAtAGlance::read(&glance);
        if let Some(delta) = &delta {
            router.deliver_delta(delta, record);
        }
        if delta.is_some() || !router.wants(glance.session_id, glance.may_join(), record) {
            drop(router);
            prove(shared, seen, opened);
            return true;
        }
    }
    false
}

fn deliver(
    shared: &Shared,
    record: &[u8],
    events: Result<Vec<BusEvent>, Malformed>,
    seen: &mut Seen,
    opened: u64,
) {
    match events {
        Ok(events) => {
            // The bytes are told once, however much they say.
            let mut raw = Some(record);
            for event in events {
                seen.connected |= event == BusEvent::Connected;
                if event.proves_the_bus() {
                    prove(shared, seen, opened);
                }
                shared.lock_router().deliver(event, record.len(), raw.take());
            }
        }
        Err(malformed) => {
            let failure = Failure::new(Code::Protocol, malformed.to_string())
                .hint("this release may have changed its events: report it, with the release's version");
            shared.lock_router().tell_named(record, &Delivery::Lost(failure));
        }
    }
}

fn is_second(shared: &Shared) -> bool {
    *shared.source.borrow() == Source::Api
}

pub fn session_of<'a>(shared: &Shared, record: &'a [u8]) -> Option<&'a str> {
    if is_second(shared) {
        return v2::peek(record).map(|peek| peek.session_id);
    }
    glance(record).map(|glance| glance.session_id)
}

fn events_of(is_second: bool, name: Option<&[u8]>, record: &[u8]) -> Result<Vec<BusEvent>, Malformed> {
    if !is_second {
        return decode_record(name, record);
    }
    let mut events = Vec::new();
    v2::decode(record, &mut |event| events.push(event))?;
    Ok(events)
}

fn prove(shared: &Shared, seen: &mut Seen, opened: u64) {
    if std::mem::replace(&mut seen.proven, opened) != opened {
        shared.prove(opened);
    }
}
