//! What OpenCode's wire means. Pure: bytes and events in, events and requests out; time is an argument.
//!
//! A record becomes an [`event::BusEvent`] in `dialect`, gains its place in the answer in
//! `transcript`, and moves one prompt's life along in `turn`.

pub mod acp;
pub mod answer;
pub mod api;
pub mod call;
pub mod dialect;
pub mod event;
pub mod execution_event;
pub mod fault;
pub mod history;
pub mod json;
pub mod noise;
pub mod part_detail;
pub mod reading;
pub mod release;
pub mod reply;
pub mod run;
pub mod segment;
pub mod stream_event;
pub mod text;
pub mod transcript;
pub mod turn;
