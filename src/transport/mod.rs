//! Sockets. Nothing here knows what an event means beyond whose it is.

mod api;
mod child;
mod http;
mod hub;
mod listener;
mod messages;
mod private;
mod probe;
mod settle;

pub use api::Api;
pub use http::{CallError, Server};
pub use hub::{Connection, Delivery};
pub use private::{Holdings, Running};
pub use probe::{health, implicit_url, version};
pub use settle::ambiguous_send;
