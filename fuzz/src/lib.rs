//! What is fuzzed: each target takes any bytes and panics where something is wrong. `tests/fuzz.rs` of
//! the crate runs the same functions over mutated captures, so that every `cargo test` fuzzes a little.

mod bytes;
mod story;
mod wire;

pub use bytes::{dialect, framing};
pub use story::transcript;
pub use wire::turn;
