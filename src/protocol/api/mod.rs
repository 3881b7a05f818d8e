//! What is asked of a server: an intent becomes a [`crate::protocol::call::Request`], its answer a typed value.
//! One folder per generation; nothing else knows a path or the shape of a body.

pub mod v2;
