//! The rules of a turn, each replayed from bytes captured from real OpenCode binaries
//! (`__test__/fixtures/<version>/<scenario>.sse`: a single turn, as `/event` carried it).

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::framing::sse::SseFramer;
use crate::protocol::dialect::Stored;
use crate::protocol::dialect::decode;
use crate::protocol::event::{PartDelta, PartUpdate};
use crate::protocol::reply::{AskReply, Reply};
use crate::protocol::text::Text;

const VERSIONS: [&str; 3] = ["1.1.31", "1.2.27", "1.18.33"];

/// The events of a capture.
fn capture(version: &str, scenario: &str) -> Vec<BusEvent> {
    let path = format!("{}/__test__/fixtures/{version}/{scenario}.sse", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut events = Vec::new();
    let mut framer = SseFramer::new(bytes.len());
    framer.feed(&bytes, |record| events.extend(decode(record.data).unwrap())).unwrap();
    events
}

/// The session that was prompted: the first that has a user message.
fn prompted(events: &[BusEvent]) -> String {
    let user = events.iter().find_map(|event| match event {
        BusEvent::Message(info) if info.role == Role::User => Some(info.session_id.clone()),
        _ => None,
    });
    user.expect("a capture of a turn has a user message")
}

/// What the server would answer when asked, as its own events tell.
#[derive(Default)]
struct Server {
    busy: bool,
    messages: Vec<(MessageInfo, Vec<PartUpdate>)>,
}

impl Server {
    fn on_event(&mut self, event: &BusEvent, session: &str) {
        if event.session_id() != Some(session) {
            return;
        }
        match event {
            BusEvent::Status { status, .. } => self.busy = *status != Status::Idle,
            BusEvent::Message(info) => {
                match self.messages.iter_mut().find(|(known, _)| known.id == info.id) {
                    Some((known, _)) => *known = info.clone(),
                    None => self.messages.push((info.clone(), Vec::new())),
                }
            }
            BusEvent::Part(part) => {
                let parts = self.messages.iter_mut().find(|(info, _)| info.id == part.message_id);
                let parts = &mut parts.expect("a part comes after its message").1;
                let part = PartUpdate { delta: None, ..part.clone() };
                match parts.iter_mut().find(|known| known.id == part.id) {
                    Some(known) => *known = part,
                    None => parts.push(part),
                }
            }
            _ => {}
        }
    }

    fn snapshot(&self) -> Snapshot {
        let stored = |(info, parts): &(MessageInfo, Vec<PartUpdate>)| Stored {
            info: info.clone(),
            parts: parts.clone(),
        };
        let messages = self.messages.iter().map(stored).collect();
        Snapshot { busy: self.busy, messages, ..Snapshot::default() }
    }
}

/// All that came out of a turn.
#[derive(Default)]
struct Story {
    events: Vec<StreamEvent>,
    replies: Vec<AskReply>,
    asked: Vec<StreamEvent>,
    closed: Vec<String>,
    fetches: usize,
    aborts: usize,
    silent: usize,
    verdict: Option<Result<Value, Failure>>,
    /// How many events of the capture had not been looked at when the turn ended.
    unread: usize,
}

impl Story {
    fn result(&self) -> &Value {
        self.verdict.as_ref().expect("the turn ended").as_ref().expect("with a result")
    }

    fn failure(&self) -> &Failure {
        self.verdict.as_ref().expect("the turn ended").as_ref().expect_err("with an error")
    }

    /// What plain iteration yields, less the blank lines between parts.
    fn streamed(&self) -> String {
        let answer = |event: &StreamEvent| match event {
            StreamEvent::TextDelta { delta, answer: true, .. } => Some(delta.clone()),
            _ => None,
        };
        self.events.iter().filter_map(answer).collect()
    }

    fn types(&self) -> Vec<String> {
        self.events
            .iter()
            .map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned())
            .collect()
    }

    fn count(&self, kind: &str) -> usize {
        self.types().iter().filter(|known| *known == kind).count()
    }
}

struct Replay {
    turn: Turn,
    server: Server,
    session: String,
    story: Story,
    now: Instant,
    /// The server's answers are slow: they are given by hand.
    slow: bool,
}

impl Replay {
    fn new(session: &str, before: &[&str]) -> Self {
        let now = Instant::now();
        let mut turn = Turn::new(TurnConfig {
            route: "server",
            granularity: "token",
            wire: Wire::Bus,
            session_id: session.to_owned(),
            version: Some("test".into()),
            generation: crate::protocol::release::Generation::V1,
            policies: Policies { permission: PermissionPolicy::Reject, question: QuestionPolicy::Reject },
            accept: Duration::from_secs(30),
            texts: Vec::new(),
            before: before.iter().map(|&id| id.to_owned()).collect(),
        });
        turn.on_accepted(now);
        Self {
            turn,
            server: Server::default(),
            session: session.into(),
            story: Story::default(),
            now,
            slow: false,
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.turn.poll_output() {
            match output {
                Output::Emit(event) => self.story.events.push(event),
                Output::Reply(reply) => self.story.replies.push(reply),
                Output::Ask(ask) => self.story.asked.push(ask),
                Output::AskClosed(id) => self.story.closed.push(id),
                Output::Fetch => {
                    self.story.fetches += 1;
                    if self.slow {
                        continue;
                    }
                    self.turn.on_snapshot(self.server.snapshot(), self.now);
                }
                Output::Silent => self.story.silent += 1,
                Output::Resend => panic!("of generation 2"),
                Output::Abort => {
                    self.story.aborts += 1;
                    self.turn.on_aborted(self.now);
                }
                Output::Finish(verdict) => self.story.verdict = Some(*verdict),
            }
        }
    }

    fn event(&mut self, event: &BusEvent) {
        self.now += Duration::from_millis(1);
        self.server.on_event(event, &self.session);
        self.turn.on_event(event, self.now);
        self.drain();
    }

    /// Nothing comes any more: deadlines pass until the turn ends.
    fn rest(mut self) -> Story {
        for _ in 0..60 {
            self.drain();
            let Some(deadline) = self.turn.deadline() else { break };
            self.now = deadline;
            self.turn.on_deadline(self.now);
        }
        self.story
    }

    /// As [`Self::rest`], and no longer than `until`.
    fn rest_until(mut self, until: Instant) -> Story {
        self.drain();
        while let Some(deadline) = self.turn.deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline;
            self.turn.on_deadline(self.now);
            self.drain();
        }
        self.story
    }

    fn play(mut self, events: &[BusEvent]) -> Story {
        for (at, event) in events.iter().enumerate() {
            self.event(event);
            if self.story.verdict.is_some() {
                self.story.unread = events.len() - at - 1;
                return self.story;
            }
        }
        self.rest()
    }
}

fn same_message(one: &BusEvent, other: &BusEvent) -> bool {
    matches!((one, other), (BusEvent::Message(one), BusEvent::Message(other)) if one.id == other.id)
}

fn replay(version: &str, scenario: &str) -> Story {
    let events = capture(version, scenario);
    Replay::new(&prompted(&events), &[]).play(&events)
}

fn tokens(count: usize) -> String {
    (0..count).map(|n| ["tok", &n.to_string(), " "].concat()).collect()
}

#[test]
fn a_plain_answer_streams_every_token_once_and_ends_at_its_idle() {
    for version in VERSIONS {
        for scenario in ["text", "text_global"] {
            let story = replay(version, scenario);
            assert_eq!(story.streamed(), tokens(20), "{version} {scenario}");
            assert_eq!(story.count("text-delta"), 20, "{version}: one delta a token");
            assert_eq!(story.result()["text"], tokens(20));
            assert_eq!(story.result()["finishReason"], "stop");
            assert_eq!(story.fetches, 0, "{version}: a healthy turn asks the server nothing");
        }
    }
}

#[test]
fn the_echo_of_the_prompt_is_no_answer() {
    for version in VERSIONS {
        assert!(!replay(version, "text").streamed().contains("say"), "{version}");
    }
}

#[test]
fn a_turn_begins_with_start_and_ends_with_finish() {
    for version in VERSIONS {
        let types = replay(version, "text").types();
        assert_eq!((types[0].as_str(), types[types.len() - 1].as_str()), ("start", "finish"), "{version}");
        let body: Vec<&str> = types
            .iter()
            .map(String::as_str)
            .filter(|kind| !["text-delta", "session"].contains(kind))
            .collect();
        assert_eq!(body, ["start", "step-start", "text-start", "text-end", "step-finish", "finish"]);
    }
}

#[test]
fn reasoning_is_told_apart_from_text_though_its_deltas_look_the_same() {
    for version in VERSIONS {
        let story = replay(version, "reason");
        assert!(story.count("reasoning-delta") > 0, "{version}");
        assert!(!story.streamed().contains("think"), "{version}: {}", story.streamed());
        assert_eq!(story.result()["text"], story.streamed());
    }
}

#[test]
fn a_turn_of_several_steps_ends_after_the_last_and_not_between() {
    for version in VERSIONS {
        for scenario in ["tools", "parallel"] {
            let story = replay(version, scenario);
            assert!(story.count("step-start") >= 2, "{version} {scenario}");
            assert_eq!(story.count("step-start"), story.count("step-finish"));
            assert_eq!(story.result()["finishReason"], "stop");
            assert!(!story.streamed().is_empty());
        }
    }
}

#[test]
fn a_tool_call_goes_through_its_states_and_never_back() {
    for version in VERSIONS {
        let story = replay(version, "tools");
        let states: Vec<String> = story
            .events
            .iter()
            .filter_map(|event| match event {
                StreamEvent::Tool(tool) => Some(tool.status.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(states.first().map(String::as_str), Some("pending"), "{version}");
        assert_eq!(states.last().map(String::as_str), Some("completed"), "{version}");
    }
}

#[test]
fn usage_is_summed_over_the_steps() {
    for version in VERSIONS {
        let story = replay(version, "tools");
        let steps = story.count("step-finish") as f64;
        assert_eq!(story.result()["usage"]["input"], 10.0 * steps, "{version}");
    }
}

#[test]
fn a_provider_error_ends_the_turn_once_its_message_is_complete() {
    for version in VERSIONS {
        for (scenario, status) in [("401", 401), ("400", 400)] {
            let story = replay(version, scenario);
            let failure = story.failure();
            assert_eq!(
                (failure.code, failure.status),
                (Code::Provider, Some(status)),
                "{version} {scenario}"
            );
            assert_eq!(failure.accepted, Accepted::Yes);
            assert_eq!(failure.data.as_ref().unwrap()["isRetryable"], false);
        }
    }
}

#[test]
fn an_idle_before_the_completed_message_waits_for_it() {
    // 1.2.27 and 1.18.33: error, idle, completed, idle. The next prompt is lost before `completed`.
    for version in ["1.2.27", "1.18.33"] {
        let events = capture(version, "401");
        let mut replay = Replay::new(&prompted(&events), &[]);
        let mut completed = false;
        for event in &events {
            completed |= matches!(event, BusEvent::Message(info) if info.completed);
            replay.event(event);
            assert!(replay.story.verdict.is_none() || completed, "{version}: ended before it was complete");
        }
        assert!(replay.story.verdict.is_some(), "{version}");
    }
}

#[test]
fn a_provider_that_recovers_is_a_retry_event_and_an_answer() {
    for version in VERSIONS {
        let story = replay(version, "500_recover");
        assert!(story.count("retry") > 0, "{version}");
        assert_eq!(story.result()["finishReason"], "stop");
        assert_eq!(story.result()["text"], story.streamed());
    }
}

#[test]
fn a_provider_that_never_recovers_is_an_error_once_opencode_gives_up() {
    let events = capture("1.18.33", "500_long");
    // The capture begins in the tail of another session.
    let busy = events.iter().find(|event| matches!(event, BusEvent::Status { status: Status::Busy, .. }));
    let session = busy.and_then(BusEvent::session_id).unwrap();
    let story = Replay::new(session, &[]).play(&events);
    assert_eq!(story.count("retry"), 5);
    assert_eq!((story.failure().code, story.failure().status), (Code::Provider, Some(500)));
    assert_eq!(story.failure().data.as_ref().unwrap()["isRetryable"], true);
}

#[test]
fn a_retry_names_the_parts_of_the_attempt_it_discards() {
    for version in VERSIONS {
        let story = replay(version, "cut");
        let discards: Vec<usize> = story
            .events
            .iter()
            .filter_map(|event| match event {
                StreamEvent::Retry { discards, .. } => Some(discards.len()),
                _ => None,
            })
            .collect();
        assert_eq!(discards, [1, 1, 1], "{version}: each attempt wrote one part");
    }
}

#[test]
fn an_output_limit_is_a_finish_reason_and_no_error() {
    for version in VERSIONS {
        assert_eq!(replay(version, "length").result()["finishReason"], "length", "{version}");
    }
}

#[test]
fn a_context_overflow_is_told_as_the_providers_error() {
    for version in ["1.1.31", "1.18.33"] {
        assert_eq!(replay(version, "ctx").failure().code, Code::Provider, "{version}");
    }
}

#[test]
fn a_compaction_is_not_the_end_and_its_summary_is_not_the_answer() {
    let events = capture("1.2.27", "ctx");
    assert!(events.iter().any(|event| matches!(event, BusEvent::Message(info) if info.summary)));
    let story = Replay::new(&prompted(&events), &[]).play(&events);
    assert_eq!(story.result()["finishReason"], "stop");
    let messages: HashSet<&str> = story.result()["parts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|part| part["messageID"].as_str())
        .collect();
    for event in &events {
        if let BusEvent::Message(info) = event {
            assert!(!info.summary || !messages.contains(info.id.as_str()));
        }
    }
}

#[test]
fn an_abort_by_another_client_is_an_error_that_keeps_the_text() {
    for version in VERSIONS {
        for scenario in ["abort", "abort_tool"] {
            let story = replay(version, scenario);
            assert_eq!(story.failure().code, Code::AbortedElsewhere, "{version} {scenario}");
            let text =
                story.failure().data.as_ref().and_then(|data| data["text"].as_str()).unwrap_or_default();
            assert_eq!(text, story.streamed(), "{version} {scenario}");
        }
    }
}

#[test]
fn our_own_abort_is_a_result_with_the_text_so_far() {
    for version in VERSIONS {
        let events = capture(version, "abort");
        let mut replay = Replay::new(&prompted(&events), &[]);
        for event in &events {
            replay.event(event);
            if replay.story.count("text-delta") == 1 {
                replay.turn.leave();
            }
        }
        let story = replay.rest();
        assert_eq!(story.result()["finishReason"], "abort", "{version}");
        assert_eq!(story.result()["text"], story.streamed());
        assert_eq!(story.aborts, 1);
    }
}

#[test]
fn leaving_before_the_prompt_runs_aborts_again_once_it_does() {
    for version in VERSIONS {
        let events = capture(version, "abort");
        let mut replay = Replay::new(&prompted(&events), &[]);
        replay.turn.leave();
        replay.drain();
        assert_eq!(replay.story.aborts, 1);
        let story = replay.play(&events);
        assert_eq!(story.aborts, 2, "{version}: the first one stopped nothing");
        assert_eq!(story.result()["finishReason"], "abort");
    }
}

#[test]
fn a_rejected_permission_ends_the_turn_without_an_error() {
    for version in VERSIONS {
        // In the second capture somebody permitted what we reject, and was faster.
        for (scenario, taken) in [("perm_reject", "reject"), ("external", "once")] {
            let story = replay(version, scenario);
            assert_eq!(story.replies.len(), 1, "{version} {scenario}");
            let (path, body) = story.replies[0].request().unwrap();
            assert_eq!(body["reply"], "reject");
            assert!(path.starts_with("/permission/per_"));
            assert_eq!(story.count("permission"), 2, "asked and replied");
            assert_eq!(story.result()["asks"][0]["reply"], taken);
        }
        assert_eq!(replay(version, "perm_reject").result()["finishReason"], "rejected", "{version}");
    }
}

#[test]
fn a_rejected_question_ends_the_turn_without_an_error() {
    for version in VERSIONS {
        let story = replay(version, "question_reject");
        let (path, _) = story.replies[0].request().unwrap();
        assert!(path.ends_with("/reject") && path.starts_with("/question/"));
        assert_eq!(story.count("question"), 2, "{version}: asked and replied");
        assert_eq!(story.result()["finishReason"], "rejected");
    }
}

#[test]
fn asks_of_a_subagent_are_answered_and_its_words_are_not_the_answer() {
    for version in VERSIONS {
        let events = capture(version, "task_perm");
        let root = prompted(&events);
        let story = Replay::new(&root, &[]).play(&events);
        assert_eq!(story.replies.len(), 1, "{version}");
        assert_eq!(story.result()["asks"][0]["parentSessionID"], root);
        assert_eq!(story.result()["text"], "tok0 tok1 ");
        let child = story.events.iter().filter(|event| {
            matches!(event, StreamEvent::TextDelta { place, answer: false, .. } if place.parent_session_id.is_some())
        });
        assert_eq!(child.count(), 2, "{version}: told as events of the child");
    }
}

#[test]
fn the_idle_of_a_subagent_does_not_end_the_turn() {
    for version in VERSIONS {
        let story = replay(version, "task");
        assert_eq!(story.result()["finishReason"], "stop", "{version}");
        assert!(story.count("step-finish") >= 2);
    }
}

#[test]
fn an_unknown_model_ends_with_the_code_or_as_an_empty_turn() {
    // 1.1.31 says busy, idle and nothing else.
    let codes = [Code::Empty, Code::ModelNotFound, Code::ModelNotFound];
    for (version, code) in VERSIONS.into_iter().zip(codes) {
        let events = capture(version, "errors");
        let users = |event: &BusEvent| matches!(event, BusEvent::Message(info) if info.role == Role::User);
        // The capture goes on with other prompts.
        let ids: Vec<&BusEvent> = events.iter().filter(|event| users(event)).collect();
        let next = ids.iter().position(|event| !same_message(event, ids[0])).unwrap();
        let until = events.iter().position(|event| same_message(event, ids[next])).unwrap();
        let story = Replay::new(&prompted(&events), &[]).play(&events[..until]);
        assert_eq!(story.failure().code, code, "{version}");
    }
}

#[test]
fn split_surrogates_and_control_characters_arrive_intact() {
    for version in VERSIONS {
        let story = replay(version, "unicode");
        assert!(story.streamed().contains("😀😀 line1\nline2\r\n\u{2028}"), "{version}");
        assert!(story.streamed().contains("\0\u{7} end"), "{version}");
        assert!(!story.streamed().contains('\u{fffd}'), "{version}");
        assert_eq!(story.result()["text"], story.streamed());
    }
}

#[test]
fn stale_idles_of_the_turn_before_do_not_end_this_one() {
    // The second prompt was posted at the first idle of an aborted one, whose tail then came on top.
    for version in VERSIONS {
        let events = capture(version, "race_abort");
        let user: Vec<&MessageInfo> = events
            .iter()
            .filter_map(|event| match event {
                BusEvent::Message(info) if info.role == Role::User => Some(info),
                _ => None,
            })
            .collect();
        let first = &user[0].id;
        let second = user.iter().position(|info| info.id != *first).map(|at| &user[at].id).unwrap();
        let from = events
            .iter()
            .position(|event| matches!(event, BusEvent::Message(info) if info.id == *second))
            .unwrap();
        let before: Vec<&str> = events[..from]
            .iter()
            .filter_map(|event| match event {
                BusEvent::Message(info) => Some(info.id.as_str()),
                _ => None,
            })
            .collect();
        let story = Replay::new(&prompted(&events), &before).play(&events[from..]);
        match version {
            "1.18.33" => assert_eq!(story.result()["finishReason"], "stop"),
            // These releases kill the second prompt with the abort of the first: told, not hung.
            _ => assert_eq!(story.failure().code, Code::AbortedElsewhere, "{version}"),
        }
    }
}

#[test]
fn a_prompt_that_never_runs_ends_at_the_accept_deadline() {
    let mut replay = Replay::new("ses_1", &[]);
    replay.turn.on_event(&BusEvent::Heartbeat, replay.now);
    let story = replay.rest();
    assert_eq!(story.failure().code, Code::Timeout);
    assert_eq!(story.failure().data.as_ref().unwrap()["phase"], "accept");
    assert_eq!(story.silent, 0);
}

#[test]
fn a_session_that_runs_unheard_is_a_silent_bus() {
    let mut replay = Replay::new("ses_1", &[]);
    replay.server.busy = true;
    replay.now = replay.turn.deadline().unwrap();
    replay.turn.on_deadline(replay.now);
    replay.drain();
    assert_eq!(replay.story.silent, 1);
}

#[test]
fn a_thinking_model_is_never_a_timeout() {
    let mut replay = Replay::new("ses_1", &[]);
    replay.server.busy = true;
    replay.event(&BusEvent::Status { session_id: "ses_1".into(), status: Status::Busy });
    for _ in 0..100 {
        replay.now = replay.turn.deadline().unwrap();
        replay.turn.on_deadline(replay.now);
        replay.drain();
    }
    assert!(replay.story.verdict.is_none(), "50 minutes of silence are not an end");
    replay.server.busy = false;
    assert!(replay.rest().verdict.is_some(), "but a session that stopped unheard is");
}

#[test]
fn a_gap_is_filled_from_what_the_server_stored() {
    for version in VERSIONS {
        let events = capture(version, "text");
        let mut replay = Replay::new(&prompted(&events), &[]);
        let mut heard = 0;
        for event in &events {
            let is_token = matches!(event, BusEvent::Delta(_))
                || matches!(event, BusEvent::Part(PartUpdate { delta: Some(_), .. }));
            heard += usize::from(is_token);
            if is_token && (5..12).contains(&heard) {
                // Lost with the connection.
                if heard == 5 {
                    replay.turn.on_gap();
                }
                replay.server.on_event(event, &replay.session.clone());
                if heard == 11 {
                    replay.turn.on_restored(1, replay.now);
                    replay.drain();
                }
                continue;
            }
            replay.event(event);
        }
        let story = replay.rest();
        assert_eq!(story.streamed(), tokens(20), "{version}");
        assert_eq!(story.result()["reconnects"], 1);
    }
}

#[test]
fn an_end_that_comes_before_the_gap_is_filled_waits_for_it() {
    for version in VERSIONS {
        let events = capture(version, "text");
        let session = prompted(&events);
        let (head, rest) = events.split_at(events.len() / 2);
        let (lost, tail) = rest.split_at(4);
        // The server's answer is as old as the connection, or as new as the end.
        for answered_at_once in [true, false] {
            let mut replay = Replay::new(&session, &[]);
            for event in head {
                replay.event(event);
            }
            replay.turn.on_gap();
            for event in lost {
                replay.server.on_event(event, &session);
            }
            replay.slow = true;
            replay.turn.on_restored(1, replay.now);
            let old = replay.server.snapshot();
            for event in tail {
                replay.event(event);
            }
            assert!(replay.story.verdict.is_none(), "{version}: ended with a hole");
            replay.slow = false;
            let answer = if answered_at_once { old } else { replay.server.snapshot() };
            replay.turn.on_snapshot(answer, replay.now);
            let story = replay.rest();
            assert_eq!(story.streamed().trim_end(), tokens(20).trim_end(), "{version} {answered_at_once}");
            assert_eq!(story.result()["finishReason"], "stop");
        }
    }
}

#[test]
fn an_end_behind_a_gap_that_hid_the_prompt_is_the_end() {
    for version in VERSIONS {
        let events = capture(version, "text");
        let session = prompted(&events);
        let end = events.iter().rposition(|event| matches!(event, BusEvent::Idle { .. })).unwrap();
        // The idle is heard on the new connection, or lost with the old one, or between the two.
        for heard in [true, false] {
            let mut replay = Replay::new(&session, &[]);
            replay.turn.on_gap();
            for event in &events[..end] {
                replay.server.on_event(event, &session);
            }
            replay.slow = true;
            replay.turn.on_restored(1, replay.now);
            replay.drain();
            let mut old = replay.server.snapshot();
            old.busy = true;
            replay.server.busy = false;
            if heard {
                replay.event(&events[end]);
            }
            replay.slow = false;
            let restored = replay.now;
            replay.turn.on_snapshot(old, replay.now);
            let story = replay.rest_until(restored + QUIET / 2);
            assert_eq!(story.result()["finishReason"], "stop", "{version} {heard}");
            assert_eq!(story.streamed().trim_end(), tokens(20).trim_end(), "{version} {heard}");
        }
    }
}

#[test]
fn what_comes_before_start_is_told_after_it() {
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
        texts: Vec::new(),
        before: HashSet::new(),
    });
    let asks = crate::protocol::dialect::pending_asks(
        br#"[{"id":"per_1","sessionID":"ses_1","permission":"bash","patterns":[],"metadata":{}}]"#,
    );
    let answered = AskReply { ask: asks[0].clone(), reply: Reply::Reject { message: None } };
    replay.turn.on_answered(&answered);
    replay.drain();
    assert!(replay.story.events.is_empty());
    replay.turn.on_accepted(replay.now);
    replay.drain();
    assert_eq!(replay.story.types(), ["start", "permission", "permission"]);
}

#[test]
fn a_state_request_that_fails_behind_a_gap_is_made_again() {
    let events = capture("1.18.33", "text");
    let session = prompted(&events);
    let mut replay = Replay::new(&session, &[]);
    let (head, tail) = events.split_at(events.len() - 20);
    for event in head {
        replay.event(event);
    }
    replay.turn.on_gap();
    for event in tail {
        replay.server.on_event(event, &session);
    }
    replay.slow = true;
    replay.turn.on_restored(1, replay.now);
    replay.drain();
    replay.turn.on_fetch_failed(&Failure::new(Code::BadRequest, "502"), replay.now);
    // The bus goes on, and says that there is work; that the connection listens is asked about too.
    for _ in 0..2 {
        replay.event(&BusEvent::Status { session_id: session.clone(), status: Status::Busy });
        replay.turn.on_fetch_failed(&Failure::new(Code::BadRequest, "502"), replay.now);
    }
    replay.server.busy = false;
    replay.slow = false;
    assert_eq!(replay.rest().streamed(), tokens(20));
}

#[test]
fn a_session_that_failed_and_cannot_be_listed_ends_with_its_error() {
    let mut replay = Replay::new("ses_1", &[]);
    replay.slow = true;
    replay.turn.on_accepted(replay.now);
    let error = serde_json::json!({ "name": "UnknownError", "data": { "message": "out of order" } });
    replay.event(&BusEvent::Error { session_id: Some("ses_1".into()), error });
    replay.event(&BusEvent::Idle { session_id: "ses_1".into() });
    for _ in 0..3 {
        replay.turn.on_deadline(replay.now + TAIL);
        replay.now += TAIL;
        replay.turn.on_fetch_failed(&Failure::new(Code::BadRequest, "400").status(400), replay.now);
    }
    replay.drain();
    let failure = replay.story.verdict.as_ref().unwrap().as_ref().unwrap_err();
    assert_eq!(failure.code, Code::Provider);
    assert!(failure.message.contains("out of order"));
}

/// What a user's message and an answer to it look like on the bus.
fn exchange(user: &str, prompt: &str, answer: &str, text: &str) -> Vec<BusEvent> {
    let json = |json: String| decode(json.as_bytes()).unwrap().unwrap();
    let message = |id: &str, rest: &str| {
        json(format!(
            r#"{{"type":"message.updated","properties":{{"info":{{"id":"{id}","sessionID":"ses_1",{rest}}}}}}}"#
        ))
    };
    let part = |id: &str, message: &str, text: &str| {
        json(format!(
            r#"{{"type":"message.part.updated","properties":{{"part":{{"id":"{id}","sessionID":"ses_1","messageID":"{message}","type":"text","text":"{text}","time":{{"start":1,"end":2}}}}}}}}"#
        ))
    };
    vec![
        message(user, r#""role":"user""#),
        part(&format!("prt_{user}"), user, prompt),
        json(
            r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"busy"}}}"#.into(),
        ),
        message(answer, &format!(r#""role":"assistant","parentID":"{user}""#)),
        part(&format!("prt_{answer}"), answer, text),
        message(
            answer,
            &format!(r#""role":"assistant","parentID":"{user}","finish":"stop","time":{{"completed":1}}"#),
        ),
    ]
}

#[test]
fn the_answer_to_another_clients_prompt_is_not_ours() {
    let ours = exchange("msg_1", "mine", "msg_2", "my answer");
    let theirs = exchange("msg_3", "theirs", "msg_4", "their answer");
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
    // Both prompts came before either answer; one idle at the very end.
    let mut events: Vec<BusEvent> = [&ours[..2], &theirs[..2], &ours[2..], &theirs[2..]].concat();
    events.push(BusEvent::Idle { session_id: "ses_1".into() });
    let story = replay.play(&events);
    assert_eq!(story.result()["text"], "my answer");
    assert_eq!(story.result()["messageID"], "msg_2");
}

#[test]
fn a_turn_that_ended_during_a_gap_ends() {
    for version in VERSIONS {
        let events = capture(version, "text");
        let mut replay = Replay::new(&prompted(&events), &[]);
        let (head, tail) = events.split_at(events.len() / 2);
        for event in head {
            replay.event(event);
        }
        replay.turn.on_gap();
        let session = replay.session.clone();
        for event in tail {
            replay.server.on_event(event, &session);
        }
        replay.turn.on_restored(2, replay.now);
        let story = replay.rest();
        assert_eq!(story.result()["finishReason"], "stop", "{version}");
        assert_eq!(story.streamed().trim_end(), tokens(20).trim_end(), "{version}");
    }
}

#[test]
fn a_delta_for_a_part_nobody_announced_waits_for_the_part() {
    let mut replay = Replay::new("ses_1", &[]);
    replay.event(&BusEvent::Delta(PartDelta {
        session_id: "ses_1".into(),
        message_id: "msg_1".into(),
        part_id: "prt_1".into(),
        text: Text::from("is this an answer?"),
    }));
    assert_eq!(replay.story.streamed(), "");
}

/// What was told of each part of the answer, in order.
fn parts_told(story: &Story) -> Vec<String> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for event in &story.events {
        if let StreamEvent::TextDelta { place, delta, answer: true } = event {
            match parts.iter_mut().find(|(id, _)| *id == place.part_id) {
                Some((_, text)) => text.push_str(delta),
                None => parts.push((place.part_id.clone(), delta.clone())),
            }
        }
    }
    parts.into_iter().map(|(_, text)| text).collect()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

    /// However much a broken connection hides, and however late the server's answer comes: each part ends
    /// as it would have without the gap, each character once and in order.
    #[test]
    fn any_gap_ends_in_the_same_text(
        version in proptest::sample::select(&VERSIONS[..]),
        scenario in proptest::sample::select(&["text", "tools", "reason", "unicode", "task_perm"][..]),
        from in 0.0..1.0f64,
        lost in 0.0..1.0f64,
        late in 0usize..12,
    ) {
        let events = capture(version, scenario);
        let session = prompted(&events);
        let whole = parts_told(&Replay::new(&session, &[]).play(&events));
        // The prompt is sent on an open connection: it breaks after that.
        let sent = events.iter().position(|event| matches!(event, BusEvent::Message(_))).unwrap() + 1;
        let from = sent + ((events.len() - sent) as f64 * from) as usize;
        let until = from + ((events.len() - from) as f64 * lost) as usize;

        let mut replay = Replay::new(&session, &[]);
        for event in &events[..from] {
            replay.event(event);
        }
        replay.turn.on_gap();
        for event in &events[from..until] {
            replay.server.on_event(event, &session);
        }
        replay.slow = true;
        replay.turn.on_restored(1, replay.now);
        replay.drain();
        let mut answer = Some(replay.server.snapshot());
        for (at, event) in events[until..].iter().enumerate() {
            if at == late {
                replay.slow = false;
                replay.turn.on_snapshot(answer.take().unwrap(), replay.now);
            }
            replay.event(event);
        }
        replay.slow = false;
        if let Some(answer) = answer {
            replay.turn.on_snapshot(answer, replay.now);
        }
        let story = replay.rest();
        let told = parts_told(&story);
        // Up to 1.3.2 a part is stored without the white space at its end.
        let stored = |parts: &[String]| -> Vec<String> {
            let exact = version == "1.18.33";
            parts.iter().map(|text| if exact { text.clone() } else { text.trim_end().to_owned() }).collect()
        };
        proptest::prop_assert_eq!(stored(&told), stored(&whole));
        proptest::prop_assert_eq!(&story.result()["finishReason"], "stop");
        proptest::prop_assert_eq!(story.result()["text"].as_str().unwrap(), told.join("\n\n"));
    }
}

mod doubt;
mod ends;
mod faults;
mod wires;
