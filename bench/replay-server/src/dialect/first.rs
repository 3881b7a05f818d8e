//! Records in the words and the key order of OpenCode 1.18.33.

use super::{Dialect, Turn, output, own};

pub struct First;

impl Dialect for First {
    fn connected(&self) -> String {
        record(r#"{"id":"evt_20468856b001r56SAVg0ez9hDc","type":"server.connected","properties":{}}"#)
    }

    fn heartbeat(&self) -> String {
        record(r#"{"id":"evt_20468913b001heartbeat0000000","type":"server.heartbeat","properties":{}}"#)
    }

    fn session_info(&self, session: &str) -> String {
        session_info(session)
    }

    fn session_created(&self, id: &str) -> String {
        session("session.created", id)
    }

    fn prompted(&self, _: &Turn, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn opening(&self, Turn { session, .. }: &Turn) -> Vec<String> {
        vec![
            user(session),
            part(session, &Part::Prompt),
            status(session, "busy"),
            answer(session, false),
            part(session, &Part::StepStart),
            part(session, &Part::Text { text: "", ended: false }),
        ]
    }

    fn token(&self, session: &str, text: &str) -> String {
        delta(session, text)
    }

    /// Each repeats what its tool has written so far, which grows to 4 KB.
    fn tool_runs(&self, session: &str, n: usize) -> String {
        tool(session, n / 40, false, 100 * (n % 40 + 1))
    }

    fn tool_done(&self, session: &str, call: usize, bytes: usize) -> String {
        tool(session, call / 4, true, bytes)
    }

    fn long(&self, session: &str, bytes: usize) -> String {
        tool(session, 9999, true, bytes)
    }

    fn totals(&self, id: &str) -> String {
        session("session.updated", id)
    }

    fn other(&self, session: &str, _: usize) -> String {
        answer(session, false)
    }

    fn ending(&self, session: &str, text: &str) -> Vec<String> {
        vec![
            part(session, &Part::Text { text, ended: true }),
            part(session, &Part::StepFinish),
            answer(session, true),
            status(session, "idle"),
            idle(session),
        ]
    }
}

fn record(json: &str) -> String {
    format!("data: {json}\n\n")
}

fn event(kind: &str, properties: &str) -> String {
    record(&format!(r#"{{"id":"evt_204688f3001h5Qf06YoRzYhH2","type":"{kind}","properties":{properties}}}"#))
}

fn session_info(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","slug":"gentle-rocket","projectID":"33cb149cc8495932bcc1f48c3b9db50b7df6f4e0","directory":"/home/user/project","path":"","title":"New session - 2026-11-22T17:58:08.447Z","agent":"build","model":{{"id":"some-model","providerID":"some-provider","variant":"default"}},"version":"1.18.33","summary":{{"additions":0,"deletions":0,"files":0}},"cost":0,"tokens":{{"input":0,"output":0,"reasoning":0,"cache":{{"read":0,"write":0}}}},"time":{{"created":1795370288447,"updated":1795370289270}}}}"#
    )
}

fn session(kind: &str, id: &str) -> String {
    event(kind, &format!(r#"{{"sessionID":"{id}","info":{}}}"#, session_info(id)))
}

fn user(session: &str) -> String {
    let id = own(session);
    event(
        "message.updated",
        &format!(
            r#"{{"sessionID":"{session}","info":{{"id":"msg_0{id}","role":"user","sessionID":"{session}","time":{{"created":1795370289270}},"agent":"build","model":{{"providerID":"some-provider","modelID":"some-model"}}}}}}"#
        ),
    )
}

fn answer(session: &str, completed: bool) -> String {
    let id = own(session);
    let (time, finish) =
        if completed { (r#","completed":1795370291789"#, r#","finish":"stop""#) } else { ("", "") };
    event(
        "message.updated",
        &format!(
            r#"{{"sessionID":"{session}","info":{{"id":"msg_1{id}","parentID":"msg_0{id}","role":"assistant","mode":"build","agent":"build","path":{{"cwd":"/home/user/project","root":"/home/user/project"}},"cost":0,"tokens":{{"input":0,"output":0,"reasoning":0,"cache":{{"read":0,"write":0}}}},"modelID":"some-model","providerID":"some-provider","time":{{"created":1795370289519{time}}},"sessionID":"{session}"{finish}}}}}"#
        ),
    )
}

enum Part<'a> {
    Prompt,
    StepStart,
    Text { text: &'a str, ended: bool },
    StepFinish,
}

fn part(session: &str, part: &Part) -> String {
    let id = own(session);
    let (n, message, rest) = match part {
        Part::Prompt => ("0", "0", r#""type":"text","text":"bench""#.to_owned()),
        Part::StepStart => ("1", "1", r#""snapshot":"38a5c83c515017434fcb207bbd131faca74d88a9","type":"step-start""#.to_owned()),
        Part::Text { text, ended } => {
            let end = if *ended { r#","end":1795370291513"# } else { "" };
            ("2", "1", format!(r#""type":"text","text":"{text}","time":{{"start":1795370290921{end}}}"#))
        }
        Part::StepFinish => (
            "3",
            "1",
            r#""reason":"stop","type":"step-finish","tokens":{"total":30,"input":10,"output":20,"reasoning":0,"cache":{"write":0,"read":0}},"cost":0"#.to_owned(),
        ),
    };
    event(
        "message.part.updated",
        &format!(
            r#"{{"sessionID":"{session}","part":{{"id":"prt_{n}{id}","messageID":"msg_{message}{id}","sessionID":"{session}",{rest}}},"time":1795370290921}}"#
        ),
    )
}

fn delta(session: &str, text: &str) -> String {
    let id = own(session);
    event(
        "message.part.delta",
        &format!(
            r#"{{"sessionID":"{session}","messageID":"msg_1{id}","partID":"prt_2{id}","field":"text","delta":"{text}"}}"#
        ),
    )
}

/// A call of a tool: running with some of its output, or completed with all of it.
fn tool(session: &str, call: usize, completed: bool, bytes: usize) -> String {
    let id = own(session);
    let output = output(bytes);
    let state = if completed {
        format!(
            r#""status":"completed","input":{{"command":"grep -rn output src"}},"output":"{output}","title":"grep","metadata":{{"exit":0}},"time":{{"start":1,"end":2}}"#
        )
    } else {
        format!(
            r#""status":"running","input":{{"command":"grep -rn output src"}},"title":"grep","metadata":{{"output":"{output}"}},"time":{{"start":1}}"#
        )
    };
    event(
        "message.part.updated",
        &format!(
            r#"{{"sessionID":"{session}","part":{{"id":"prt_t{call}{id}","messageID":"msg_1{id}","sessionID":"{session}","type":"tool","callID":"call_{call}","tool":"bash","state":{{{state}}}}},"time":1795370290921}}"#
        ),
    )
}

fn status(session: &str, status: &str) -> String {
    event("session.status", &format!(r#"{{"sessionID":"{session}","status":{{"type":"{status}"}}}}"#))
}

fn idle(session: &str) -> String {
    event("session.idle", &format!(r#"{{"sessionID":"{session}"}}"#))
}
