//! Wakes JavaScript, and keeps Node alive until it is put away.

use std::sync::{Mutex, PoisonError};

use napi::Result;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

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
