//! Sockets. Nothing here knows what an event means beyond whose it is.

mod api;
mod child;
mod cli;
mod client;
mod config;
mod directory;
mod executable;
mod first_start;
mod health;
mod http;
mod hub;
mod implicit;
mod loopback;
mod messages;
mod private;
mod probe;
mod settle;
mod socket_owner;
#[cfg(windows)]
mod windows_user;

pub use api::Api;
pub use cli::{AcpChild, Program, RunChild, end, exit_of};
pub use client::ready as ready_clients;
pub use directory::{no_folder, require_folder};
pub use executable::Identity;
pub use first_start::{TRIES, Turn as FirstStart, is_database_busy, is_port_taken, pause};
pub use health::health;
pub use http::{CallError, Server};
pub use hub::{Connection, Delivery};
pub use implicit::implicit;
pub use loopback::random_id;
pub use private::{Holdings, Running};
pub use probe::{Known, identify};
pub use settle::{Prompted, ambiguous_send};
