//! Records in the words and the key order of OpenCode 2.0.15.

use super::{Dialect, Turn, output, own};

const DIRECTORY: &str = "/home/user/project";

pub struct Second;

impl Dialect for Second {
    fn connected(&self) -> String {
        let greeting = r#"data: {"id":"evt_2149f3b1e001ZnkK278ffboM4p","type":"server.connected","data":{}}"#;
        format!("{greeting}\n\n: heartbeat\n\n")
    }

    fn heartbeat(&self) -> String {
        ": heartbeat\n\n".to_owned()
    }

    fn session_info(&self, session: &str) -> String {
        format!(
            r#"{{"data":{{"id":"{session}","projectID":"global","cost":0,"tokens":{{"input":0,"output":0,"reasoning":0,"cache":{{"read":0,"write":0}}}},"time":{{"created":1795642309489,"updated":1795642309489}},"location":{{"directory":"{DIRECTORY}"}}}}}}"#
        )
    }

    fn session_created(&self, session: &str) -> String {
        let data = format!(
            r#"{{"sessionID":"{session}","slug":"lucky-panda","version":"2.0.15","projectID":"global","location":{{"directory":"{DIRECTORY}"}},"subpath":""}}"#
        );
        durable("session.created", session, 0, &data)
    }

    fn prompted(&self, Turn { session, prompt }: &Turn, text: &str) -> Vec<String> {
        let enqueued = format!(
            r#"{{"inboxID":"{prompt}","sessionID":"{session}","item":{{"type":"user","payload":{{"text":"{text}"}},"delivery":"queue"}}}}"#
        );
        let instructions = format!(
            r#"{{"sessionID":"{session}","delta":{{"core/environment":"{0}","core/date":"{0}","core/codemode":"{0}","core/skill-guidance":"{0}"}}}}"#,
            "b3a121d2c467916484ada552cfc41ef60c00ee8b4bfc3661bbc85a254f520dcf"
        );
        let delivered = format!(r#"{{"sessionID":"{session}","inboxID":"{prompt}"}}"#);
        vec![
            durable("session.inbox.enqueued", session, 1, &enqueued),
            execution("session.execution.started", session, 2),
            durable("session.instructions.updated", session, 3, &instructions),
            durable("session.inbox.delivered", session, 4, &delivered),
        ]
    }

    fn opening(&self, Turn { session, .. }: &Turn) -> Vec<String> {
        let renamed = format!(r#"{{"sessionID":"{session}","title":"bench"}}"#);
        let step = format!(
            r#"{{"sessionID":"{session}","agent":"build","model":{{"id":"some-model","providerID":"some-provider"}},"assistantMessageID":"{}","snapshot":"64453990326a766fa93cbf1e3f96d8a576a8620f","started":1795642309982}}"#,
            answer_id(session)
        );
        vec![
            durable("session.renamed", session, 6, &renamed),
            durable("session.step.started", session, 7, &step),
            durable("session.text.started", session, 8, &of_answer(session, r#","ordinal":0"#)),
        ]
    }

    fn token(&self, session: &str, text: &str) -> String {
        let data = of_answer(session, &format!(r#","ordinal":0,"delta":"{text}""#));
        fleeting("session.text.delta", &data)
    }

    /// A call takes ten: what it is to do, that it runs, that it goes on. Output comes with its end alone.
    fn tool_runs(&self, session: &str, n: usize) -> String {
        // The first call is over with the second record of a feed, and has one.
        let (call, phase) = if n == 0 { (0, 0) } else { (n.div_ceil(10), (n + 9) % 10) };
        match phase {
            0 => durable(
                "session.tool.input.started",
                session,
                20,
                &of_call(session, call, r#","name":"shell""#),
            ),
            1 => durable(
                "session.tool.input.ended",
                session,
                21,
                &of_call(session, call, r#","text":"{\"command\":\"grep -rn output src\"}""#),
            ),
            2 => called(session, call, "grep -rn output src"),
            _ => fleeting(
                "session.tool.progress",
                &of_call(session, call, r#","metadata":{"shellID":"sh_214b2778f001GVNaz8xUj4K8Uf"}"#),
            ),
        }
    }

    fn tool_done(&self, session: &str, call: usize, bytes: usize) -> String {
        let rest = format!(
            r#","content":[{{"type":"text","text":"{}"}}],"metadata":{{"status":"completed","truncated":false,"exit":0}},"executed":false"#,
            output(bytes)
        );
        durable("session.tool.success", session, 23, &of_call(session, call, &rest))
    }

    /// Output is cut at 50 KB; what a tool is called with is not.
    fn long(&self, session: &str, bytes: usize) -> String {
        called(session, 9999, &output(bytes))
    }

    fn totals(&self, session: &str) -> String {
        without_place(
            "session.usage.updated",
            &format!(
                r#"{{"sessionID":"{session}","cost":0,"tokens":{{"input":10,"output":1,"reasoning":0,"cache":{{"read":0,"write":0}}}}}}"#
            ),
        )
    }

    /// A shell begins and ends: records that name no session where others do.
    fn other(&self, session: &str, n: usize) -> String {
        if n % 2 == 1 {
            let ended = r#"{"id":"sh_214b2778f001GVNaz8xUj4K8Uf","exit":0,"status":"exited"}"#;
            return fleeting("shell.exited", ended);
        }
        fleeting(
            "shell.created",
            &format!(
                r#"{{"info":{{"id":"sh_214b2778f001GVNaz8xUj4K8Uf","status":"running","command":"grep -rn output src","cwd":"{DIRECTORY}","shell":"/usr/bin/bash","file":"/home/user/.local/share/opencode/shell/global/sh_214b2778f001GVNaz8xUj4K8Uf.out","metadata":{{"sessionID":"{session}"}},"time":{{"started":1795643570063}}}}}}"#
            ),
        )
    }

    fn ending(&self, session: &str, text: &str) -> Vec<String> {
        let ended = format!(r#","ordinal":0,"text":"{text}""#);
        let step = r#","finish":"stop","rawFinish":"stop","cost":0,"tokens":{"input":10,"output":20,"reasoning":0,"cache":{"read":0,"write":0}},"snapshot":"64453990326a766fa93cbf1e3f96d8a576a8620f","files":[]"#;
        vec![
            durable("session.text.ended", session, 90, &of_answer(session, &ended)),
            durable("session.step.streamed", session, 91, &of_answer(session, "")),
            durable("session.step.ended", session, 92, &of_answer(session, step)),
            self.totals(session),
            execution("session.execution.succeeded", session, 93),
        ]
    }
}

/// The id of the answer's message.
pub fn answer_id(session: &str) -> String {
    format!("msg_{}", own(session))
}

fn called(session: &str, call: usize, command: &str) -> String {
    let rest = format!(r#","input":{{"command":"{command}"}},"executed":false"#);
    durable("session.tool.called", session, 22, &of_call(session, call, &rest))
}

fn of_answer(session: &str, rest: &str) -> String {
    format!(r#"{{"sessionID":"{session}","assistantMessageID":"{}"{rest}}}"#, answer_id(session))
}

fn of_call(session: &str, call: usize, rest: &str) -> String {
    of_answer(session, &format!(r#","id":"call_{call}"{rest}"#))
}

const HEAD: &str = r#"data: {"id":"evt_2149f3dd8001WzBXAjAnzmoD70","created":1795642310105,"#;

/// A record that OpenCode keeps.
fn durable(kind: &str, session: &str, seq: usize, data: &str) -> String {
    format!(
        "{HEAD}\"type\":\"{kind}\",\"location\":{{\"directory\":\"{DIRECTORY}\"}},\"data\":{data},\"durable\":{{\"aggregateID\":\"{session}\",\"seq\":{seq},\"version\":1}}}}\n\n"
    )
}

fn fleeting(kind: &str, data: &str) -> String {
    format!("{HEAD}\"type\":\"{kind}\",\"location\":{{\"directory\":\"{DIRECTORY}\"}},\"data\":{data}}}\n\n")
}

fn without_place(kind: &str, data: &str) -> String {
    format!("{HEAD}\"type\":\"{kind}\",\"data\":{data}}}\n\n")
}

fn execution(kind: &str, session: &str, seq: usize) -> String {
    format!(
        "{HEAD}\"type\":\"{kind}\",\"data\":{{\"sessionID\":\"{session}\"}},\"durable\":{{\"aggregateID\":\"{session}\",\"seq\":{seq},\"version\":1}}}}\n\n"
    )
}
