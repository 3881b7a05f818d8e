//! Sockets. Nothing here knows what an event means beyond whose it is.

mod api;
mod child;
mod cli;
mod config;
mod directory;
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
pub use directory::require_folder;
pub use first_start::{TRIES, Turn as FirstStart, is_database_busy, is_port_taken, pause};
pub use http::{CallError, Server};
pub use hub::{Connection, Delivery};
pub use private::{Holdings, Running};
pub use probe::{health, implicit_url, version};
pub use settle::ambiguous_send;
