//! The task behind a shared connection: opens the stream, reads it, opens it again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, sleep_until};

use super::record::{LARGE, OwnedRecord, Seen, session_of, take, take_large};
use super::{Delivery, Shared, Source, State};
use crate::error::{Code, Failure};
use crate::framing::sse::{Framed, SseFramer};
use crate::let_others_run::let_others_run;
use crate::protocol::dialect::decode_record;
use crate::protocol::event::BusEvent;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);
/// How long a stream must have lasted for the next one to be tried at once.
const LIVED: Duration = Duration::from_secs(1);

/// How many rounds of the runtime pass before turns are woken: what is at hand comes along.
const ROUNDS: usize = 8;

/// How a stream came to its end.
enum End {
    /// It broke, or said nothing for too long; another one may do better.
    Broken(Failure),
    /// Another stream of the same server was asked for.
    Moved,
    /// No use in trying again.
    Hopeless(Failure),
}

/// Reads until nobody needs it.
pub async fn run(shared: Arc<Shared>) {
    tokio::select! {
        biased;
        () = shared.unneeded.notified() => {}
        () = read_for_ever(&shared) => {}
    }
}

async fn read_for_ever(shared: &Shared) {
    let mut opened = 0;
    let mut attempt = 0;
    loop {
        let before = opened;
        let began = Instant::now();
        match read_once(shared, &mut opened, attempt).await {
            End::Hopeless(failure) => return shared.fail(failure),
            End::Broken(failure) if opened == 0 && failure.code == Code::Timeout => continue,
            End::Broken(failure) if opened == 0 => return shared.fail(failure),
            End::Broken(failure) => {
                if opened > before {
                    shared.break_off(failure);
                } else {
                    shared.tell_still_broken(failure);
                }
                // A stream that breaks off at once is no better than one that does not open.
                let lived = opened > before && began.elapsed() > LIVED;
                attempt = if lived { 1 } else { attempt + 1 };
                shared.try_the_other_source();
            }
            End::Moved => {
                attempt = 1;
                shared.break_off(broken("another stream is read instead"));
            }
        }
        if attempt > 1 {
            tokio::time::sleep(backoff(attempt)).await;
        }
    }
}

/// Doubles up to its bound, each wait shortened by up to a half so that many clients do not come at once.
fn backoff(attempt: u32) -> Duration {
    let full = FIRST_BACKOFF.saturating_mul(1 << attempt.min(10)).min(LAST_BACKOFF);
    let jitter =
        f64::from(std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.subsec_nanos()) % 1000);
    full.mul_f64(0.5 + jitter / 2000.0)
}

async fn read_once(shared: &Shared, opened: &mut u64, attempt: u32) -> End {
    let mut source = shared.source.subscribe();
    let from = *source.borrow_and_update();
    *shared.lock_waits_for() = held_back(shared.server.connect);
    let _ = shared.stream_since.set(Instant::now());
    let greeted_by = Instant::now() + shared.server.connect;
    match open(shared, from).await {
        Ok(stream) => tokio::select! {
            end = read(shared, stream, greeted_by, opened, attempt) => end,
            _ = source.changed() => End::Moved,
        },
        Err(failure) => match failure.code {
            Code::Unauthorized | Code::UnsupportedVersion => End::Hopeless(failure),
            _ => End::Broken(failure),
        },
    }
}

async fn open(shared: &Shared, source: Source) -> Result<Response, Failure> {
    let path = match source {
        Source::Directory => "/event",
        Source::Global => "/global/event",
        Source::Api => "/api/event",
    };
    let stream = shared.server.open_stream(path).await.map_err(|error| error.failure)?;
    match shared.server.head(&stream).stream_refusal() {
        Some(refusal) => Err(refusal),
        None => Ok(stream),
    }
}

/// Whether a source greets. It is closed again.
pub async fn greets(shared: &Shared, source: Source) -> bool {
    let Ok(mut stream) = open(shared, source).await else { return false };
    let mut framer = SseFramer::new(shared.record_limit.load(Ordering::Relaxed));
    let mut greets = false;
    while !greets {
        let Ok(Some(chunk)) = stream.chunk().await else { return false };
        framer.feed_all(&chunk, |framed| {
            if let Framed::Record(record) = framed {
                let events = decode_record(record.event, record.data).unwrap_or_default();
                greets |= events.contains(&BusEvent::Connected);
            }
        });
    }
    true
}

async fn read(
    shared: &Shared,
    mut stream: Response,
    greeted_by: Instant,
    opened: &mut u64,
    attempt: u32,
) -> End {
    let idle = shared.server.idle;
    let mut framer = SseFramer::new(shared.record_limit.load(Ordering::Relaxed));
    let mut seen = Seen::default();
    let mut heard = Instant::now();
    // Moved when it rings too early, and not at each chunk: there are many.
    let mut alarm = std::pin::pin!(sleep_until(greeted_by));
    let mut pending = false;
    loop {
        let read = tokio::select! {
            biased;
            read = stream.chunk() => read,
            () = let_others_run(ROUNDS), if pending => {
                shared.lock_router().flush();
                pending = false;
                continue;
            }
            () = &mut alarm => {
                if !seen.connected {
                    return End::Broken(held_back(shared.server.connect));
                }
                if heard.elapsed() >= idle {
                    return End::Broken(silent(idle));
                }
                alarm.as_mut().reset(heard + idle);
                continue;
            }
        };
        let chunk = match read {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return End::Broken(broken("the server closed it")),
            Err(error) => return End::Broken(broken(&error.without_url().to_string())),
        };
        heard = Instant::now();
        let mut stranger = false;
        // A large record, and what came behind it in the same chunk.
        let mut later: Vec<OwnedRecord> = Vec::new();
        framer.set_limit(shared.record_limit.load(Ordering::Relaxed));
        framer.feed_all(&chunk, |framed| match framed {
            Framed::Record(record) if !later.is_empty() || record.data.len() >= LARGE => {
                later.push(OwnedRecord::from(&record));
            }
            Framed::Record(record) => {
                take(shared, &record, &mut seen, *opened);
                greet(shared, &mut seen, opened, attempt);
            }
            Framed::TooLong(beginning) => {
                let session = session_of(shared, beginning);
                stranger |= !shared.lock_router().lose_record(beginning, session);
            }
        });
        for record in later {
            take_large(shared, record, &mut seen, *opened).await;
            greet(shared, &mut seen, opened, attempt);
        }
        if seen.announced && !std::mem::replace(&mut seen.listens, true) {
            alarm.as_mut().reset(heard + idle);
        }
        if stranger {
            // What it said may concern anybody here: all ask the server.
            return End::Broken(broken("a server-sent event is longer than limits.record"));
        }
        // A stream that always has more, of comments alone, is not to outlast its greeting.
        if !seen.connected && heard >= greeted_by {
            return End::Broken(held_back(shared.server.connect));
        }
        let mut router = shared.lock_router();
        if router.is_full() {
            router.flush();
        }
        pending = router.has_pending();
    }
}

/// Tells, once, that the server greeted: events come from here on.
fn greet(shared: &Shared, seen: &mut Seen, opened: &mut u64, attempt: u32) {
    if !seen.connected || std::mem::replace(&mut seen.announced, true) {
        return;
    }
    *opened += 1;
    let mut router = shared.lock_router();
    shared.state.send_replace(State::Open(*opened));
    if *opened > 1 {
        router.tell_all(&Delivery::Restored(attempt.max(1)));
    }
}

fn broken(why: &str) -> Failure {
    Failure::new(Code::StreamLost, "the event connection to OpenCode broke").cause(why)
}

/// The stream was opened and its first record, which OpenCode sends at once, does not come.
fn held_back(patience: Duration) -> Failure {
    let ms = patience.as_millis();
    Failure::new(Code::Timeout, format!("the event stream was opened and carried nothing for {ms} ms"))
        .data(serde_json::json!({ "phase": "connect" }))
        .hint("a proxy in between may hold event streams back: let it pass text/event-stream on unbuffered")
}

fn silent(patience: Duration) -> Failure {
    let ms = patience.as_millis();
    Failure::new(Code::StreamLost, format!("the event connection to OpenCode said nothing for {ms} ms"))
}
