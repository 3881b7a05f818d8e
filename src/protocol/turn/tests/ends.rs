//! How a turn can end, as a table: what the wire says, and what comes of it.

use super::*;

const USER: &str =
    r#"{"type":"message.updated","properties":{"info":{"id":"msg_1","sessionID":"ses_1","role":"user"}}}"#;
const IDLE: &str = r#"{"type":"session.idle","properties":{"sessionID":"ses_1"}}"#;

fn event(json: &str) -> BusEvent {
    decode(json.as_bytes()).unwrap().unwrap_or_else(|| panic!("{json}"))
}

/// A message of the answer; `rest`: how it stands.
fn message(id: &str, rest: &str) -> String {
    format!(
        r#"{{"type":"message.updated","properties":{{"info":{{"id":"{id}","sessionID":"ses_1","role":"assistant","parentID":"msg_1"{rest}}}}}}}"#
    )
}

fn done(id: &str, finish: &str) -> String {
    message(id, &format!(r#","time":{{"completed":1}},"finish":"{finish}""#))
}

fn part(id: &str, message: &str, rest: &str) -> String {
    format!(
        r#"{{"type":"message.part.updated","properties":{{"part":{{"id":"{id}","sessionID":"ses_1","messageID":"{message}",{rest}}}}}}}"#
    )
}

fn text(message: &str) -> String {
    part("prt_text", message, r#""type":"text","text":"so far","time":{"start":1,"end":2}"#)
}

fn tool(message: &str, status: &str) -> String {
    part(
        "prt_tool",
        message,
        &format!(r#""type":"tool","callID":"c","tool":"bash","state":{{"status":"{status}","input":{{}}}}"#),
    )
}

fn error(error: &str) -> String {
    format!(r#"{{"type":"session.error","properties":{{"sessionID":"ses_1"{error}}}}}"#)
}

const API: &str = r#","error":{"name":"APIError","data":{"message":"quota","statusCode":429}}"#;

/// A step with text and a tool, complete.
fn step() -> Vec<String> {
    vec![message("msg_2", ""), text("msg_2"), tool("msg_2", "completed"), done("msg_2", "tool-calls")]
}

/// What `records` come to: the reason, or the code; and the text.
fn end(records: &[String]) -> (String, String) {
    end_of(records, |_| {})
}

fn end_of(records: &[String], after: impl FnOnce(&mut Replay)) -> (String, String) {
    let mut replay = Replay::new("ses_1", &[]);
    replay.event(&event(USER));
    for record in records {
        replay.event(&event(record));
    }
    after(&mut replay);
    replay.server.busy = false;
    let story = replay.rest();
    match story.verdict.expect("it ends") {
        Ok(result) => {
            let said = |name: &str| result[name].as_str().unwrap().to_owned();
            (said("finishReason"), said("text"))
        }
        Err(failure) => {
            let code = serde_json::to_value(failure.code).unwrap();
            let text = failure.data.as_ref().and_then(|data| data["text"].as_str()).unwrap_or_default();
            (code.as_str().unwrap().replace("ERR_OPENCODE_", ""), text.to_owned())
        }
    }
}

fn idle() -> Vec<String> {
    vec![IDLE.to_owned()]
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn how_a_turn_can_end() {
    let first = || vec![message("msg_2", ""), text("msg_2")];
    let next = || vec![message("msg_3", "")];
    let aborted = r#","error":{"name":"MessageAbortedError","data":{"message":"aborted"}}"#;
    let failed = |rest: &str| message("msg_2", &format!(r#","time":{{"completed":1}}{rest}"#));
    for (what, records, expected) in [
        ("ended well", [first(), vec![done("msg_2", "stop")], idle()], ("stop", "so far")),
        ("cut by length", [first(), vec![done("msg_2", "length")], idle()], ("length", "so far")),
        (
            "cut by a filter",
            [first(), vec![done("msg_2", "content-filter")], idle()],
            ("content-filter", "so far"),
        ),
        (
            "an output limit as an error",
            [first(), vec![failed(r#","error":{"name":"MessageOutputLengthError","data":{}}"#)], idle()],
            ("length", "so far"),
        ),
        ("an unknown reason", [first(), vec![done("msg_2", "unknown")], idle()], ("unknown", "so far")),
        ("failed before the first step", [vec![error(API)], idle(), vec![]], ("PROVIDER", "")),
        ("failed in a step", [first(), vec![error(API), failed(API)], idle()], ("PROVIDER", "so far")),
        (
            "failed in a step, and its message stays open",
            [first(), vec![error(API)], idle()],
            ("PROVIDER", "so far"),
        ),
        ("failed between two steps", [step(), vec![error(API)], idle()], ("PROVIDER", "so far")),
        ("stopped between two steps, without an error", [step(), idle(), vec![]], ("EMPTY", "so far")),
        (
            "failed between two steps, told after the idle",
            [step(), idle(), vec![error(API)]],
            ("PROVIDER", "so far"),
        ),
        (
            "failed between two steps, without words",
            [step(), vec![error("")], idle()],
            ("PROVIDER", "so far"),
        ),
        ("failed with a string", [step(), vec![error(r#","error":"boom""#)], idle()], ("PROVIDER", "so far")),
        ("failed with a list", [step(), vec![error(r#","error":["boom"]"#)], idle()], ("PROVIDER", "so far")),
        (
            "failed in the second step",
            [step(), next(), [vec![error(API)], idle()].concat()],
            ("PROVIDER", "so far"),
        ),
        (
            "the model is not found for the second step",
            [
                step(),
                vec![error(
                    r#","error":{"name":"ProviderModelNotFoundError","data":{"message":"Model not found: a/b"}}"#,
                )],
                idle(),
            ],
            ("MODEL_NOT_FOUND", "so far"),
        ),
        (
            "failed after the answer",
            [first(), vec![done("msg_2", "stop"), error(API)], idle()],
            ("stop", "so far"),
        ),
        (
            "an error that a new step follows",
            [step(), vec![error(API)], [next(), vec![done("msg_3", "stop")], idle()].concat()],
            ("stop", "so far"),
        ),
        (
            "the provider's own `error`",
            [first(), vec![done("msg_2", "error")], idle()],
            ("PROVIDER", "so far"),
        ),
        ("aborted", [first(), vec![failed(aborted)], idle()], ("ABORTED_ELSEWHERE", "so far")),
        (
            "aborted between two steps",
            [step(), vec![error(aborted)], idle()],
            ("ABORTED_ELSEWHERE", "so far"),
        ),
        (
            "aborted while it waits to try again",
            [first(), vec![failed("")], idle()],
            ("ABORTED_ELSEWHERE", "so far"),
        ),
        ("stopped in a step without a word", [first(), idle(), vec![]], ("ABORTED_ELSEWHERE", "so far")),
        ("empty", [idle(), vec![], vec![]], ("EMPTY", "")),
        (
            "an empty answer",
            [vec![message("msg_2", ""), done("msg_2", "stop")], idle(), vec![]],
            ("EMPTY", ""),
        ),
        (
            "the session was deleted",
            [
                first(),
                vec![r#"{"type":"session.deleted","properties":{"info":{"id":"ses_1"}}}"#.into()],
                vec![],
            ],
            ("SESSION_NOT_FOUND", "so far"),
        ),
        (
            "the session was deleted before the first step",
            [
                vec![
                    r#"{"type":"session.deleted","properties":{"sessionID":"ses_1","info":{"id":"ses_1"}}}"#
                        .into(),
                ],
                vec![],
                vec![],
            ],
            ("SESSION_NOT_FOUND", ""),
        ),
    ] {
        let (end, text) = end(&records.concat());
        assert_eq!((end.as_str(), text.as_str()), expected, "{what}");
    }
}

#[test]
fn a_rejected_ask_is_a_result_unless_something_failed_behind_it() {
    let ask =
        r#"{"type":"permission.asked","properties":{"id":"per_1","sessionID":"ses_1","permission":"bash"}}"#;
    let begun = [
        vec![message("msg_2", ""), text("msg_2"), ask.to_owned()],
        vec![tool("msg_2", "error"), done("msg_2", "tool-calls")],
    ]
    .concat();
    let (reason, _) = end(&[begun.clone(), idle()].concat());
    assert_eq!(reason, "rejected");
    let (code, text) = end(&[begun, vec![error(API)], idle()].concat());
    assert_eq!((code.as_str(), text.as_str()), ("PROVIDER", "so far"));
}

#[test]
fn a_turn_that_was_left_is_a_result_however_it_ends() {
    for last in [
        message("msg_2", r#","time":{"completed":1},"error":{"name":"MessageAbortedError","data":{}}"#),
        error(API),
        r#"{"type":"session.deleted","properties":{"info":{"id":"ses_1"}}}"#.to_owned(),
    ] {
        let (reason, text) = end_of(&[message("msg_2", ""), text("msg_2")], |replay| {
            replay.turn.leave();
            replay.event(&event(&last));
            replay.event(&event(IDLE));
        });
        assert_eq!((reason.as_str(), text.as_str()), ("abort", "so far"), "{last}");
    }
}

#[test]
fn a_server_that_was_restarted_between_two_steps_is_a_failure() {
    let restart = |replay: &mut Replay| {
        replay.turn.on_gap();
        replay.server.busy = false;
        replay.turn.on_restored(1, replay.now);
    };
    assert_eq!(end_of(&step(), restart).0, "STREAM_LOST");
    let rejected = [message("msg_2", ""), tool("msg_2", "error"), done("msg_2", "tool-calls")];
    assert_eq!(end_of(&rejected, restart).0, "tool-calls", "another client rejected it, unheard");
}

#[test]
fn a_session_that_the_server_no_longer_knows_was_deleted() {
    let (code, text) = end_of(&[message("msg_2", ""), text("msg_2")], |replay| {
        let gone = Failure::new(Code::BadRequest, "no such session").status(404);
        replay.turn.on_fetch_failed(&gone, replay.now);
    });
    assert_eq!((code.as_str(), text.as_str()), ("SESSION_NOT_FOUND", "so far"));
}

fn certain() -> Replay {
    let mut replay = Replay::new("ses_1", &[]);
    replay.turn = Turn::new(TurnConfig {
        route: "server",
        granularity: "token",
        wire: Wire::Bus,
        session_id: "ses_1".into(),
        version: None,
        generation: crate::protocol::release::Generation::V1,
        policies: Policies { permission: PermissionPolicy::Reject, question: QuestionPolicy::Reject },
        accept: Duration::from_secs(30),
        texts: vec!["mine".into()],
        before: HashSet::new(),
    });
    replay.turn.on_accepted(replay.now);
    replay
}

#[test]
fn a_prompt_of_another_client_while_our_tool_runs_is_answered_together_with_ours() {
    let ours = exchange("msg_1", "mine", "msg_2", "Wait.");
    let theirs = exchange("msg_3", "theirs", "msg_4", "to both");
    let tool_step = [event(&tool("msg_2", "completed")), event(&done("msg_2", "tool-calls"))];
    let end = [event(IDLE)];
    let later = exchange("msg_5", "more", "msg_6", "not ours");
    // Whether it is heard, or hidden by a gap.
    for hidden in [false, true] {
        let mut replay = certain();
        for event in [&ours[..5], &tool_step, &theirs[..2]].concat() {
            replay.event(&event);
        }
        if hidden {
            replay.turn.on_gap();
            for event in &theirs[2..] {
                replay.server.on_event(event, "ses_1");
            }
            replay.server.busy = false;
            replay.turn.on_restored(1, replay.now);
        } else {
            for event in [&theirs[2..], &later[..2], &later[2..], &end].concat() {
                replay.event(&event);
            }
        }
        replay.server.busy = false;
        let story = replay.rest();
        assert_eq!(story.result()["text"], "Wait.\n\nto both", "hidden: {hidden}");
    }
}

#[test]
fn a_prompt_of_another_client_that_took_ours_over_is_said_to_have() {
    let ours = exchange("msg_1", "mine", "msg_2", "");
    let theirs = exchange("msg_3", "theirs", "msg_4", "to both");
    let mut replay = certain();
    for event in [&ours[..2], &theirs[..], &[event(IDLE)]].concat() {
        replay.event(&event);
    }
    replay.server.busy = false;
    let story = replay.rest();
    assert_eq!(story.failure().code, Code::SessionBusy);
    assert_eq!(story.failure().accepted, Accepted::Yes);
}
