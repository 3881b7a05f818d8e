//! Sockets. Nothing here knows what an event means beyond whose it is.

mod api;
mod child;
mod cli;
mod config;
mod executable;
mod first_start;
mod http;
mod hub;
mod listener;
mod loopback;
mod messages;
mod private;
mod probe;
mod settle;

pub use api::Api;
pub use cli::{AcpChild, Identity, Program, RunChild, end, exit_of};
pub use first_start::{FirstStart, TRIES, is_database_busy, may_start_again, pause};
pub use http::{CallError, Server};
pub use hub::{Connection, Delivery};
pub use private::{Holdings, Running};
pub use probe::{health, implicit_url, version};
pub use settle::ambiguous_send;
