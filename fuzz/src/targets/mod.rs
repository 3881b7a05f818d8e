//! What is fuzzed: each target takes any bytes and panics where something is wrong. `src/fuzz_tests.rs` of
//! the addon runs the same functions over mutated captures, so that every `cargo test` fuzzes a little.

mod bytes;
mod crowd;
mod execution;
mod shapes;
mod story;
mod wire;

pub use bytes::{dialect, framing};
pub use crowd::crowd;
pub use execution::execution;
pub use shapes::shapes;
pub use story::transcript;
pub use wire::turn;
