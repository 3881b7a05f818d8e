//! Streams a prompt's answer from OpenCode into Node.
//!
//! Bytes come in at one edge (`transport`), a pure core decides what they mean (`framing`, `protocol`),
//! JavaScript takes text out at the other edge (`binding`). `docs/design.md` walks the whole way.

pub mod error;
pub mod framing;
pub mod mailbox;
pub mod prompt;
pub mod protocol;
pub mod request;

#[cfg(feature = "addon")]
pub mod binding;
#[cfg(feature = "addon")]
mod let_others_run;
#[cfg(feature = "addon")]
mod transport;
#[cfg(feature = "addon")]
mod turn_driver;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod fuzz_tests;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod linear_tests;
