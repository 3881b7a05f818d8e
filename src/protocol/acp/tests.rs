//! Conversations replayed from what real `opencode acp` processes wrote
//! (`__test__/fixtures/<version>/acp_<scenario>.ndjson`: one turn, from `initialize` to its answer).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::*;
use crate::protocol::dialect::stored_messages;
use crate::protocol::reply::Reply;
use crate::protocol::stream_event::StreamEvent;
use crate::protocol::turn::{
    Output as TurnOutput, PermissionPolicy, Policies, QuestionPolicy, Turn, TurnConfig, Wire,
};

const VERSIONS: [&str; 2] = ["1.1.31", "1.18.33"];

fn fixture(version: &str, scenario: &str) -> Vec<u8> {
    let path = format!("{}/__test__/fixtures/{version}/acp_{scenario}.ndjson", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn config(session: SessionChoice, wanted: Wanted) -> AcpConfig {
    AcpConfig { directory: "/home/user/oc/ws/a".into(), session, wanted, first_id: 0 }
}

/// A conversation, the turn it tells, and what came of both.
struct Replay {
    conversation: Conversation,
    turn: Option<Turn>,
    sent: Vec<Value>,
    events: Vec<StreamEvent>,
    answered: bool,
    failed: Option<Failure>,
    verdict: Option<Result<Value, Failure>>,
}

impl Replay {
    fn new(config: AcpConfig) -> Self {
        Self {
            conversation: Conversation::new(config),
            turn: None,
            sent: Vec::new(),
            events: Vec::new(),
            answered: false,
            failed: None,
            verdict: None,
        }
    }

    /// Feeds what the child wrote, as the driver would.
    fn run(mut self, bytes: &[u8]) -> Self {
        self.drain();
        for line in bytes.split(|byte| *byte == b'\n') {
            self.conversation.line(line);
            self.drain();
        }
        self
    }

    fn end(mut self, stored: &[Stored]) -> Self {
        self.conversation.end(stored);
        self.drain();
        if let Some(turn) = &mut self.turn {
            turn.on_record(stored);
            turn.on_ended(Ok(()));
        }
        self.drain();
        self
    }

    fn drain(&mut self) {
        let now = Instant::now();
        while let Some(output) = self.conversation.poll_output() {
            match output {
                Output::Send(line) => self.sent.push(serde_json::from_str(&line).unwrap()),
                Output::Open { session_id } => {
                    self.turn = Some(turn(&session_id));
                    self.conversation.prompt(&[json!({ "type": "text", "text": "go" })], false);
                }
                Output::Event(event) => {
                    let turn = self.turn.as_mut().unwrap();
                    turn.on_accepted(now);
                    turn.on_event(&event, now);
                }
                Output::Answered => self.answered = true,
                Output::Look { .. } => panic!("nothing can be looked at"),
                Output::Failed(failure) | Output::Lost(failure) => self.failed = Some(failure),
            }
        }
        while let Some(output) = self.turn.as_mut().and_then(Turn::poll_output) {
            match output {
                TurnOutput::Emit(event) => self.events.push(event),
                TurnOutput::Finish(verdict) => self.verdict = Some(*verdict),
                _ => {}
            }
        }
    }

    fn methods(&self) -> Vec<&str> {
        self.sent.iter().filter_map(|line| line["method"].as_str()).collect()
    }

    fn result(&self) -> &Value {
        self.verdict.as_ref().unwrap().as_ref().unwrap()
    }

    fn text(&self) -> String {
        let delta = |event: &StreamEvent| match event {
            StreamEvent::TextDelta { delta, .. } => Some(delta.clone()),
            _ => None,
        };
        self.events.iter().filter_map(delta).collect()
    }
}

fn turn(session: &str) -> Turn {
    Turn::new(TurnConfig {
        route: "acp",
        granularity: "token",
        wire: Wire::Child,
        session_id: session.to_owned(),
        version: None,
        generation: crate::protocol::release::Generation::V1,
        policies: Policies { permission: PermissionPolicy::Reject, question: QuestionPolicy::Reject },
        accept: Duration::from_secs(30),
        texts: Vec::new(),
        before: HashSet::new(),
    })
}

fn replay(version: &str, scenario: &str) -> Replay {
    Replay::new(config(SessionChoice::New, Wanted::default())).run(&fixture(version, scenario)).end(&[])
}

fn tokens(count: usize) -> String {
    (0..count).fold(String::new(), |text, n| text + &format!("tok{n} "))
}

#[test]
fn a_new_session_takes_three_requests_and_each_chunk_is_a_delta() {
    for version in VERSIONS {
        let replay = replay(version, "text");
        assert_eq!(replay.methods(), ["initialize", "session/new", "session/prompt"], "{version}");
        assert!(replay.answered);
        assert_eq!(replay.text(), tokens(20), "{version}");
        let deltas = replay.events.iter().filter(|event| matches!(event, StreamEvent::TextDelta { .. }));
        assert_eq!(deltas.count(), 20, "{version}");
        assert_eq!(replay.result()["text"], tokens(20));
        assert_eq!(replay.result()["finishReason"], "stop");
        assert_eq!(replay.conversation.version().as_deref(), Some(version));
    }
}

#[test]
fn thoughts_are_reasoning_and_no_part_of_the_answer() {
    for version in VERSIONS {
        let replay = replay(version, "reason");
        assert_eq!(replay.text(), tokens(5), "{version}");
        let thoughts =
            replay.events.iter().filter(|event| matches!(event, StreamEvent::ReasoningDelta { .. }));
        assert_eq!(thoughts.count(), 5, "{version}");
    }
}

#[test]
fn a_tool_call_goes_from_pending_to_completed_and_parts_the_text() {
    for version in VERSIONS {
        let replay = replay(version, "tools");
        let tools: Vec<_> = replay
            .events
            .iter()
            .filter_map(|event| match event {
                StreamEvent::Tool(tool) if tool.tool == "bash" => Some(tool),
                _ => None,
            })
            .collect();
        let mut statuses: Vec<&str> = tools.iter().map(|tool| tool.status.as_str()).collect();
        statuses.dedup();
        assert_eq!(statuses, ["pending", "running", "completed"], "{version}");
        let last = tools.last().unwrap();
        assert_eq!(last.output.as_deref(), Some("hi-from-bash\n"), "{version}");
        assert_eq!(last.input.as_ref().unwrap()["command"], "echo hi-from-bash");
        let text = replay.result()["text"].as_str().unwrap();
        assert_eq!(text.split("\n\n").count(), 3, "{version}: {text}");
    }
}

#[test]
fn an_ask_is_told_by_name_and_answered_under_its_own_id() {
    for version in VERSIONS {
        let replay =
            Replay::new(config(SessionChoice::New, Wanted::default())).run(&fixture(version, "perm"));
        let asked = replay.events.iter().find_map(|event| match event {
            StreamEvent::Permission { id, permission, reply, status: "replied", .. } => {
                Some((id.clone(), permission.clone(), reply.as_ref().map(Reply::name)))
            }
            _ => None,
        });
        assert_eq!(asked, Some(("acp_ask_0".into(), "bash".into(), Some("reject"))), "{version}");
        let mut conversation = replay.conversation;
        assert!(conversation.answer("acp_ask_0", "once"));
        assert!(!conversation.answer("acp_ask_0", "once"), "an ask is answered once");
        let Some(Output::Send(line)) = conversation.poll_output() else { panic!() };
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["id"], &line["result"]["outcome"]["optionId"]), (&json!(0), &json!("once")));
    }
}

#[test]
fn a_providers_error_is_the_error_of_the_turn_where_the_release_tells_it() {
    let told = replay("1.18.33", "401");
    let failure = told.verdict.unwrap().unwrap_err();
    assert_eq!(failure.code, Code::Provider);
    assert!(failure.message.ends_with("bad key"), "{}", failure.message);
    // 1.1.31 answers as if all were well, and what it has stored is not known here.
    assert_eq!(replay("1.1.31", "401").verdict.unwrap().unwrap_err().code, Code::Empty);
}

#[test]
fn a_cancelled_turn_says_so() {
    assert!(replay("1.18.33", "cancel").conversation.was_cancelled());
}

fn stored(texts: &[&str]) -> Vec<Stored> {
    let parts: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            json!({ "id": format!("prt_{at}"), "sessionID": "s", "messageID": "msg_1", "type": "text", "text": text })
        })
        .collect();
    let info = json!({ "id": "msg_1", "sessionID": "s", "role": "assistant", "time": { "completed": 1 } });
    stored_messages(json!([{ "info": info, "parts": parts }]).to_string().as_bytes()).unwrap()
}

#[test]
fn what_comes_behind_the_answer_to_the_prompt_is_waited_for_or_filled_in() {
    // 1.1.31 answers the prompt before it has sent the last chunks; here they never come.
    let whole = fixture("1.1.31", "text");
    let lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
    let kept: Vec<&[u8]> =
        lines[..lines.len() - 5].iter().chain([&lines[lines.len() - 2]]).copied().collect();
    let replay = Replay::new(config(SessionChoice::New, Wanted::default())).run(&kept.join(&b'\n'));
    let record = stored(&[tokens(20).trim_end()]);
    assert!(replay.answered && replay.conversation.lacks(&record));
    let replay = replay.end(&record);
    assert_eq!(replay.text().trim_end(), tokens(20).trim_end());
    assert_eq!(replay.result()["text"], replay.text());
}

#[test]
fn a_part_that_never_came_at_all_is_a_part_of_its_own() {
    let replay = Replay::new(config(SessionChoice::New, Wanted::default())).run(&fixture("1.18.33", "text"));
    assert!(!replay.conversation.lacks(&stored(&[&tokens(20)])));
    let replay = replay.end(&stored(&[&tokens(20), "more"]));
    assert_eq!(replay.result()["text"], format!("{}\n\nmore", tokens(20)));
}

/// A turn of 1.18.33 whose updates are `updates`.
fn told(updates: &[Value]) -> Replay {
    let whole = fixture("1.18.33", "text");
    let lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
    let opened: Value = serde_json::from_slice(lines[1]).unwrap();
    let mut replay = opening("1.18.33", Wanted::default());
    for update in updates {
        let params = json!({ "sessionId": opened["result"]["sessionId"], "update": update });
        let line = json!({ "jsonrpc": "2.0", "method": "session/update", "params": params }).to_string();
        // Half a character is written as the child writes it.
        replay.conversation.line(line.replace("HALF", "\\ud83d").replace("OTHER", "\\ude00").as_bytes());
        replay.drain();
    }
    replay
}

fn chunk(kind: &str, text: &str) -> Value {
    json!({ "sessionUpdate": format!("agent_{kind}_chunk"), "content": { "type": "text", "text": text } })
}

#[test]
fn an_answer_that_is_whole_is_not_filled_in_whatever_came_behind_it() {
    let replay = told(&[chunk("message", "All. "), chunk("thought", "hm")]).end(&stored(&["All. "]));
    assert_eq!(replay.result()["text"], "All. ");
    // After a provider's failure the answer begins again: one part on the wire, two in the store.
    let replay = told(&[chunk("message", "Al"), chunk("message", "All.")]).end(&stored(&["Al", "All."]));
    assert_eq!(replay.text(), "AlAll.");
}

#[test]
fn halves_of_a_character_are_joined_in_text_and_cost_one_in_anything_else() {
    let call = json!({ "sessionUpdate": "tool_call", "toolCallId": "c", "title": "bash", "rawInput": { "a": "HALF" } });
    let replay = told(&[chunk("message", "a HALF"), chunk("message", "OTHER b"), call]).end(&[]);
    assert_eq!(replay.text(), "a \u{1f600} b");
    let tool = replay.events.iter().find_map(|event| match event {
        StreamEvent::Tool(tool) => tool.input.clone(),
        _ => None,
    });
    assert_eq!(tool.unwrap()["a"], "\u{fffd}");
}

fn opening(version: &str, wanted: Wanted) -> Replay {
    let whole = fixture(version, "text");
    let head: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').take(2).collect();
    Replay::new(config(SessionChoice::New, wanted)).run(&head.join(&b'\n'))
}

#[test]
fn what_a_session_does_not_offer_is_refused_before_the_prompt() {
    for version in VERSIONS {
        let model = Wanted { model: Some("fake/nope".into()), ..Wanted::default() };
        assert_eq!(opening(version, model).failed.unwrap().code, Code::ModelNotFound);
        let agent = Wanted { agent: Some("nope".into()), ..Wanted::default() };
        let failure = opening(version, agent).failed.unwrap();
        assert_eq!(failure.code, Code::AgentNotFound);
        assert_eq!(failure.hint.as_deref(), Some("this project has build, plan"));
    }
    let variant = || Wanted { variant: Some("high".into()), ..Wanted::default() };
    assert_eq!(opening("1.1.31", variant()).failed.unwrap().code, Code::UnsupportedOption);
    assert!(opening("1.18.33", variant()).failed.is_none());
}

#[test]
fn settings_are_sent_one_after_the_other_and_only_where_they_differ() {
    let wanted = Wanted {
        model: Some("fake/fake-model".into()),
        agent: Some("plan".into()),
        variant: Some("high".into()),
    };
    let mut replay = opening("1.18.33", wanted.clone());
    assert_eq!(replay.methods(), ["initialize", "session/new", "session/set_config_option"]);
    assert_eq!(replay.sent[2]["params"]["configId"], "effort", "the model is set already");
    replay.conversation.line(br#"{"jsonrpc":"2.0","id":2,"result":{}}"#);
    replay.drain();
    assert_eq!(replay.sent[3]["params"]["value"], "plan");
    replay.conversation.line(br#"{"jsonrpc":"2.0","id":3,"result":{}}"#);
    replay.drain();
    assert_eq!(replay.methods().last(), Some(&"session/prompt"));
    let old = opening("1.1.31", Wanted { variant: None, ..wanted });
    assert_eq!(old.methods().last(), Some(&"session/set_mode"));
}

#[test]
fn the_newest_session_of_the_directory_is_resumed_or_a_new_one_made() {
    let initialize = |replay: Replay| {
        let whole = fixture("1.18.33", "text");
        replay.run(whole.split(|byte| *byte == b'\n').next().unwrap())
    };
    let list = |sessions: Value| {
        let mut replay =
            initialize(Replay::new(config(SessionChoice::Newest { fork: false }, Wanted::default())));
        let line = json!({ "jsonrpc": "2.0", "id": 1, "result": { "sessions": sessions } });
        replay.conversation.line(line.to_string().as_bytes());
        replay.drain();
        replay.sent.pop().unwrap()
    };
    let session = |id: &str, cwd: &str, at: &str| json!({ "sessionId": id, "cwd": cwd, "updatedAt": at });
    let here = "/home/user/oc/ws/a";
    let resumed = list(json!([
        session("old", here, "2026-11-25T04:00:00.000Z"),
        session("new", here, "2026-11-25T05:00:00.000Z"),
        session("elsewhere", "/tmp", "2026-11-25T06:00:00.000Z"),
    ]));
    assert_eq!(
        (&resumed["method"], &resumed["params"]["sessionId"]),
        (&json!("session/resume"), &json!("new"))
    );
    assert_eq!(list(json!([]))["method"], "session/new");
    let fork = SessionChoice::Existing { id: "ses_1".into(), fork: true };
    let mut replay = initialize(Replay::new(config(fork, Wanted::default())));
    assert_eq!(replay.sent.pop().unwrap()["method"], "session/fork");
}

#[test]
fn a_fork_that_the_release_refuses_itself_is_told_as_what_it_cannot() {
    // As 1.14.48 answered.
    let fork = SessionChoice::Existing { id: "ses_1".into(), fork: true };
    let replay = Replay::new(config(fork, Wanted::default())).run(
        br#"{"jsonrpc":"2.0","id":0,"result":{"agentCapabilities":{"sessionCapabilities":{"fork":{}}}}}
{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Internal error","data":{"details":"Expected object, got null"}}}"#,
    );
    assert_eq!(replay.failed.unwrap().code, Code::UnsupportedVersion);
}

#[test]
fn lines_that_are_no_messages_and_requests_we_do_not_offer_change_nothing() {
    let mut replay = opening("1.18.33", Wanted::default());
    for junk in [&b"Error: a log"[..], b"{", b"[]", b"null", br#"{"jsonrpc":"2.0","id":"x","result":1}"#] {
        replay.conversation.line(junk);
    }
    replay.conversation.line(br#"{"jsonrpc":"2.0","id":7,"method":"fs/read_text_file","params":{}}"#);
    replay.drain();
    assert_eq!(
        (&replay.sent.last().unwrap()["id"], &replay.sent.last().unwrap()["error"]["code"]),
        (&json!(7), &json!(-32601))
    );
    assert!(replay.failed.is_none());
}

#[test]
fn a_file_is_a_block_with_its_content() {
    let image = json!({ "type": "file", "mime": "image/png", "url": "data:image/png;base64,aGk=", "filename": "a.png" });
    assert_eq!(
        block(&image).unwrap(),
        json!({ "type": "image", "mimeType": "image/png", "data": "aGk=", "uri": "/a.png" })
    );
    let text = json!({ "type": "file", "mime": "text/plain", "url": "data:text/plain;base64,aGk=", "filename": "a.txt" });
    assert_eq!(block(&text).unwrap()["resource"]["blob"], "aGk=");
    assert_eq!(block(&json!({ "type": "agent", "name": "general" })), None);
}

#[test]
fn a_session_that_the_prompt_does_not_find_is_told_as_what_the_release_cannot() {
    // As 1.0.142 answered; it had loaded the session.
    let session = SessionChoice::Existing { id: "ses_1".into(), fork: false };
    let replay = Replay::new(config(session, Wanted::default())).run(
        br#"{"jsonrpc":"2.0","id":0,"result":{"agentCapabilities":{"loadSession":true}}}
{"jsonrpc":"2.0","id":1,"result":{"sessionId":"ses_1"}}
{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"Invalid params","data":"{\"error\":\"Session not found: ses_1\"}"}}"#,
    );
    assert_eq!(replay.failed.unwrap().code, Code::UnsupportedVersion);
    assert!(!replay.answered);
}

#[test]
fn what_others_log_of_their_conversations_answers_none_of_ours() {
    let config = AcpConfig { first_id: 1 << 40, ..config(SessionChoice::New, Wanted::default()) };
    let mut conversation = Conversation::new(config);
    for id in 0..9 {
        for rest in [
            r#""name":"a model""#,
            r#""jsonrpc":"2.0","result":{}"#,
            r#""error":{"code":1}"#,
            r#""error":"words""#,
        ] {
            conversation.line(format!(r#"{{"id":{id},{rest}}}"#).as_bytes());
        }
    }
    let outputs: Vec<_> = std::iter::from_fn(|| conversation.poll_output()).collect();
    assert!(matches!(&outputs[..], [Output::Send(line)] if line.contains("1099511627776")), "{outputs:?}");
    conversation.line(format!(r#"{{"id":{},"result":{{}}}}"#, 1_u64 << 40).as_bytes());
    assert!(matches!(conversation.poll_output(), Some(Output::Send(line)) if line.contains("session/new")));
}

#[test]
fn an_error_behind_text_is_no_success_where_nothing_is_known_of_what_was_stored() {
    for error in
        [r#"{"code":-32603,"message":"quota"}"#, r#"{"code":-32603,"message":"quota","data":{"a":1e999}}"#]
    {
        let lines = format!(
            r#"{{"jsonrpc":"2.0","id":0,"result":{{"agentCapabilities":{{}}}}}}
{{"jsonrpc":"2.0","id":1,"result":{{"sessionId":"ses_1"}}}}
{{"jsonrpc":"2.0","method":"session/update","params":{{"sessionId":"ses_1","update":{{"sessionUpdate":"agent_message_chunk","messageId":"msg_1","content":{{"type":"text","text":"A"}}}}}}}}
{{"jsonrpc":"2.0","id":2,"error":{error}}}"#
        );
        let ended = Replay::new(config(SessionChoice::New, Wanted::default())).run(lines.as_bytes()).end(&[]);
        assert_eq!(ended.text(), "A");
        let failure = ended.verdict.unwrap().unwrap_err();
        assert_eq!(failure.code, Code::Provider);
        assert!(failure.message.ends_with("quota"), "{failure}");
    }
}
