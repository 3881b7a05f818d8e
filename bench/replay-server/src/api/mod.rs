//! What is asked of a server, by the generation of its API.

pub mod first;
pub mod second;

use crate::bus::Bus;
use crate::feed::Plan;
use crate::http::{Answer, Request};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    First,
    Second,
}

impl Generation {
    pub fn event_stream(self) -> &'static str {
        match self {
            Self::First => "/event",
            Self::Second => "/api/event",
        }
    }

    /// The second lets nobody in without its password.
    pub fn lets_in(self, request: &Request) -> bool {
        self == Self::First || request.authorization.as_deref() == Some(second::CREDENTIALS)
    }

    pub fn answer(self, bus: &Bus, request: &Request) -> Answer {
        match self {
            Self::First => first::answer(bus, request),
            Self::Second => second::answer(bus, request),
        }
    }
}

/// What the benchmark itself asks, of either generation.
pub fn answer_bench(bus: &Bus, request: &Request) -> Option<Answer> {
    let answer = match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/bench") => {
            bus.plan(Plan::parse(&request.query));
            "true".to_owned()
        }
        ("GET", "/bench") => bus.waiting().to_string(),
        ("GET", "/bench/began") => bus.began().to_string(),
        ("GET", "/bench/characters") => bus.characters().to_string(),
        _ => return None,
    };
    Some(Answer::json(answer))
}
