//! Sockets. Nothing here knows what an event means beyond whose it is.

mod api;
mod child;
mod cli;
mod config;
mod executable;
mod http;
mod hub;
mod loopback;
mod messages;
mod private;
mod probe;
mod settle;
mod socket_owner;
#[cfg(windows)]
mod windows_user;

pub use api::Api;
pub use cli::{AcpChild, Identity, Program, RunChild, end, exit_of};
pub use http::{CallError, Server};
pub use hub::{Connection, Delivery};
pub use private::{Holdings, Running};
pub use probe::{health, implicit_url, version};
pub use settle::ambiguous_send;
