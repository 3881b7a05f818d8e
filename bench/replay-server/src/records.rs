//! Records in the words and the key order of OpenCode 1.18.33.

pub const HEARTBEAT: &str =
    r#"{"id":"evt_20468913b001heartbeat0000000","type":"server.heartbeat","properties":{}}"#;
pub const CONNECTED: &str =
    r#"{"id":"evt_20468856b001r56SAVg0ez9hDc","type":"server.connected","properties":{}}"#;

/// One record as one chunk of HTTP.
pub fn framed(record: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(record.len() + 24);
    chunk(&mut bytes, format!("data: {record}\n\n").as_bytes());
    bytes
}

pub fn chunk(bytes: &mut Vec<u8>, body: &[u8]) {
    bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(b"\r\n");
}

/// Ids of a session's messages and parts are made of its own.
fn own(session: &str) -> &str {
    &session[4..]
}

fn event(kind: &str, properties: &str) -> String {
    format!(r#"{{"id":"evt_204688f3001h5Qf06YoRzYhH2","type":"{kind}","properties":{properties}}}"#)
}

pub fn session_info(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","slug":"gentle-rocket","projectID":"33cb149cc8495932bcc1f48c3b9db50b7df6f4e0","directory":"/home/user/project","path":"","title":"New session - 2026-11-22T17:58:08.447Z","agent":"build","model":{{"id":"some-model","providerID":"some-provider","variant":"default"}},"version":"1.18.33","summary":{{"additions":0,"deletions":0,"files":0}},"cost":0,"tokens":{{"input":0,"output":0,"reasoning":0,"cache":{{"read":0,"write":0}}}},"time":{{"created":1795370288447,"updated":1795370289270}}}}"#
    )
}

pub fn session(kind: &str, id: &str) -> String {
    event(kind, &format!(r#"{{"sessionID":"{id}","info":{}}}"#, session_info(id)))
}

pub fn user(session: &str) -> String {
    let id = own(session);
    event(
        "message.updated",
        &format!(
            r#"{{"sessionID":"{session}","info":{{"id":"msg_0{id}","role":"user","sessionID":"{session}","time":{{"created":1795370289270}},"agent":"build","model":{{"providerID":"some-provider","modelID":"some-model"}}}}}}"#
        ),
    )
}

pub fn answer(session: &str, completed: bool) -> String {
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

pub enum Part<'a> {
    Prompt,
    StepStart,
    Text { text: &'a str, ended: bool },
    StepFinish,
}

pub fn part(session: &str, part: &Part) -> String {
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

pub fn delta(session: &str, text: &str) -> String {
    let id = own(session);
    event(
        "message.part.delta",
        &format!(
            r#"{{"sessionID":"{session}","messageID":"msg_1{id}","partID":"prt_2{id}","field":"text","delta":"{text}"}}"#
        ),
    )
}

/// A call of a tool: running with some of its output, or completed with all of it.
pub fn tool(session: &str, call: usize, completed: bool, bytes: usize) -> String {
    const LINE: &str = r#"src/framing/sse.rs:42:    /// a line of \"output\", as grep prints it\n"#;
    let id = own(session);
    let output = LINE.repeat(bytes / LINE.len() + 1);
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

pub fn status(session: &str, status: &str) -> String {
    event("session.status", &format!(r#"{{"sessionID":"{session}","status":{{"type":"{status}"}}}}"#))
}

pub fn idle(session: &str) -> String {
    event("session.idle", &format!(r#"{{"sessionID":"{session}"}}"#))
}
