//! Bytes to records. Knows nothing of OpenCode, sockets or JSON.

pub mod lines;
pub mod sse;
