//! As OpenCode 1.18.33 answers.

use crate::bus::Bus;
use crate::dialect::Turn;
use crate::http::{Answer, Request};

pub fn answer(bus: &Bus, request: &Request) -> Answer {
    match (request.method.as_str(), request.segments().as_slice()) {
        ("GET", ["global", "health"]) => Answer::json(r#"{"healthy":true,"version":"1.18.33"}"#),
        ("POST", ["session"]) => Answer::json(bus.dialect.session_info(&bus.create_session())),
        ("GET", ["session", "status"]) => Answer::json("{}"),
        ("POST", ["session", id, "prompt_async"]) => {
            bus.prompt(Turn { session: (*id).to_owned(), prompt: String::new() }, "bench");
            Answer::empty(204)
        }
        ("GET", ["session", _, "message" | "children"] | ["permission" | "question"]) => Answer::json("[]"),
        ("GET" | "PATCH", ["session", id]) => Answer::json(bus.dialect.session_info(id)),
        _ => Answer::json("true"),
    }
}
