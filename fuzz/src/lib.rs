//! The pure core and what is fuzzed of it. Its files are included, since the addon is a `cdylib` alone
//! (docs/decisions/0011-the-release-profile.md).

#![allow(dead_code, unused_imports)]

#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/framing/mod.rs"]
mod framing;
#[path = "../../src/mailbox.rs"]
mod mailbox;
#[path = "../../src/network.rs"]
mod network;
#[path = "../../src/protocol/mod.rs"]
mod protocol;
#[path = "../../src/request.rs"]
mod request;
mod targets;

pub use targets::{crowd, dialect, execution, framing as frame, shapes, transcript, turn};
