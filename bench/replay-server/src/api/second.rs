//! As OpenCode 2.0.15 answers.

use crate::bus::{Bus, Stored};
use crate::dialect::{Turn, answer_id};
use crate::http::{Answer, Request};

/// Of the user `opencode`, with the password `bench`.
pub const CREDENTIALS: &str = "Basic b3BlbmNvZGU6YmVuY2g=";
const TIME: &str = r#""time":{"created":1795642309507}"#;

pub fn answer(bus: &Bus, request: &Request) -> Answer {
    let segments = request.segments();
    let Some((&"api", route)) = segments.split_first() else {
        // Whatever is no route of its API is answered with its web page, or not at all.
        return page(&request.method);
    };
    match (request.method.as_str(), route) {
        ("GET", ["info"]) => Answer::json(
            r#"{"version":"2.0.15","pid":7607,"urls":["http://127.0.0.1:38583"],"paths":{"tmp":"/tmp/opencode"}}"#,
        ),
        ("GET", ["location"]) => Answer::json(
            r#"{"directory":"/home/user/project","project":{"id":"global","directory":"/home/user/project","canonical":"/home/user/project"}}"#,
        ),
        ("POST", ["session"]) => Answer::json(bus.dialect.session_info(&bus.create_session())),
        ("GET", ["session", "active"]) => Answer::json(active(bus)),
        // There are no other sessions, nothing is asked, and no prompt waits.
        (
            "GET",
            ["session"]
            | ["form"]
            | ["permission", "request"]
            | ["session", _, "inbox" | "form" | "permission"],
        ) => Answer::json(r#"{"data":[]}"#),
        ("POST", ["session", id, "prompt"]) => prompt(bus, id, &request.body),
        ("GET", ["session", id, "message"]) => {
            let messages = bus.stored(id).map(|stored| messages(id, &stored)).unwrap_or_default();
            Answer::json(format!(r#"{{"data":[{messages}],"cursor":{{}}}}"#))
        }
        ("POST", ["session", _, "interrupt"]) => Answer::json(r#"{"interrupted":true}"#),
        ("GET", ["session", id]) => Answer::json(bus.dialect.session_info(id)),
        ("DELETE" | "PATCH", ["session", ..]) => Answer::empty(204),
        _ => Answer::empty(404),
    }
}

fn page(method: &str) -> Answer {
    match method {
        "GET" => Answer { status: 200, content_type: "text/html", body: "<!doctype html>".into() },
        _ => Answer::empty(405),
    }
}

fn active(bus: &Bus) -> String {
    let running: Vec<_> = bus.running().iter().map(|id| format!(r#""{id}":{{"type":"running"}}"#)).collect();
    format!(r#"{{"data":{{{}}}}}"#, running.join(","))
}

/// Stores a prompt once, whatever follows with the same id.
fn prompt(bus: &Bus, session: &str, body: &str) -> Answer {
    let id = string(body, "id").unwrap_or("msg_chosenbytheserver00000000").to_owned();
    let text = string(body, "text").unwrap_or_default();
    let is_new = bus.stored(session).is_none_or(|stored| stored.prompt != id);
    if is_new {
        bus.prompt(Turn { session: session.to_owned(), prompt: id.clone() }, text);
    }
    Answer::json(format!(
        r#"{{"data":{{"id":"{id}","sessionID":"{session}",{TIME},"type":"user","payload":{{"text":"{text}"}},"delivery":"queue"}}}}"#
    ))
}

/// A string of a flat object; those of the benchmark have no escapes.
fn string<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!(r#""{name}":""#))?;
    rest.split('"').next()
}

/// The newest first.
fn messages(session: &str, Stored { prompt, text, answer }: &Stored) -> String {
    let user = format!(r#"{{"id":"{prompt}",{TIME},"text":"{text}","type":"user"}}"#);
    let Some(answer) = answer else { return user };
    let tokens = r#""tokens":{"input":10,"output":20,"reasoning":0,"cache":{"read":0,"write":0}}"#;
    let id = answer_id(session);
    let assistant = format!(
        r#"{{"id":"{id}","time":{{"created":1795642309982,"streamed":1795642310600,"completed":1795642310630}},"type":"assistant","agent":"build","model":{{"id":"some-model","providerID":"some-provider"}},"content":[{{"type":"text","text":"{answer}"}}],"finish":"stop","rawFinish":"stop","cost":0,{tokens}}}"#
    );
    let idle = format!(r#"{{"id":"msg_idle{}",{TIME},"type":"idle","outcome":"succeeded"}}"#, &id[4..]);
    [idle, assistant, user].join(",")
}
