//! Wakes JavaScript, and keeps Node alive until it is put away.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use napi::Result;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

/// How many rounds of the runtime a ring waits for more to come. What is at hand is read meanwhile, so a
/// full answer crosses in batches; with nothing at hand a round is some fifty nanoseconds.
const ROUNDS: usize = 32;

type Rung = ThreadsafeFunction<(), (), (), napi::Status, false>;

pub struct Bell(Mutex<Option<Rung>>);

impl Bell {
    pub fn new(function: Function<(), ()>) -> Result<Self> {
        let rung = function.build_threadsafe_function().callee_handled::<false>().build()?;
        Ok(Self(Mutex::new(Some(rung))))
    }

    pub fn ring(&self) {
        if let Some(rung) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            rung.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    /// Calls that are under way still arrive; Node need not wait for more.
    pub fn put_away(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Lets the runtime's other tasks run, [`ROUNDS`] times each at most.
pub async fn let_others_run() {
    let mut rounds = ROUNDS;
    poll_fn(|context| {
        if rounds == 0 {
            return Poll::Ready(());
        }
        rounds -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
