//! The rules of a turn of generation 2, each replayed from bytes that 2.0.15 sent.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::execution::{Look, Stop};
use super::{Output, PermissionPolicy, Policies, QuestionPolicy, Turn, TurnConfig, Wire};
use crate::error::{Code, Failure};
use crate::protocol::dialect::v2::captures::{bodies, capture, history, records, scenarios};
use crate::protocol::event::{BusEvent, Detail, InboxStep, PartKind};
use crate::protocol::history::StoredMessage;
use crate::protocol::reply::{AskReply, Reply};
use crate::protocol::stream_event::StreamEvent;

/// One prompt of a capture.
#[derive(Clone, Debug)]
struct Prompted {
    session: String,
    prompt: String,
}

/// All prompts of a capture that users sent, in order.
fn prompts(scenario: &str) -> Vec<Prompted> {
    let enqueued = records(scenario).into_iter().filter(|record| {
        record["type"] == "session.inbox.enqueued" && record["data"]["item"]["type"] == "user"
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let prompts = enqueued.map(|record| Prompted {
        session: text(&record["data"]["sessionID"]),
        prompt: text(&record["data"]["inboxID"]),
    });
    // A parked prompt is enqueued once and stays so.
    let mut seen = HashSet::new();
    prompts.filter(|one| seen.insert(one.prompt.clone())).collect()
}

fn first(scenario: &str) -> Prompted {
    prompts(scenario).remove(0)
}

/// Another client answers the asks, as one did when the capture was taken.
const LEFT: Policies = Policies { permission: PermissionPolicy::Leave, question: QuestionPolicy::Leave };

fn turn(prompted: &Prompted, policies: Policies) -> Turn {
    let config = TurnConfig {
        route: "server",
        granularity: "token",
        wire: Wire::Bus,
        session_id: prompted.session.clone(),
        version: Some("2.0.15".to_owned()),
        generation: crate::protocol::release::Generation::V2,
        policies,
        accept: Duration::from_secs(30),
        texts: Vec::new(),
        before: HashSet::new(),
    };
    Turn::new(config).of_prompt(&prompted.prompt)
}

/// A turn, and all that has come out of it.
struct Replay {
    turn: Turn,
    now: Instant,
    events: Vec<StreamEvent>,
    replies: Vec<AskReply>,
    asked: Vec<StreamEvent>,
    aborts: usize,
    fetches: usize,
    resends: usize,
    verdict: Option<Result<Value, Failure>>,
}

impl Replay {
    fn new(prompted: &Prompted, policies: Policies) -> Self {
        Self {
            turn: turn(prompted, policies),
            now: Instant::now(),
            events: Vec::new(),
            replies: Vec::new(),
            asked: Vec::new(),
            aborts: 0,
            fetches: 0,
            resends: 0,
            verdict: None,
        }
    }

    fn feed<'a>(&mut self, events: impl IntoIterator<Item = &'a BusEvent>) -> &mut Self {
        for event in events {
            self.turn.on_event(event, self.now);
            self.drain();
        }
        self
    }

    fn drain(&mut self) {
        while let Some(output) = self.turn.poll_output() {
            match output {
                Output::Emit(event) => self.events.push(event),
                Output::Reply(reply) => self.replies.push(reply),
                Output::Ask(ask) => self.asked.push(ask),
                Output::Abort => self.aborts += 1,
                Output::Fetch => self.fetches += 1,
                Output::Resend => self.resends += 1,
                Output::AskClosed(_) => {}
                Output::Finish(verdict) => self.verdict = Some(*verdict),
                other @ Output::Silent => panic!("{other:?}"),
            }
        }
    }

    fn result(&self) -> &Value {
        self.verdict.as_ref().expect("the turn is over").as_ref().expect("it is no failure")
    }

    fn failure(&self) -> &Failure {
        self.verdict.as_ref().expect("the turn is over").as_ref().expect_err("it is a failure")
    }

    /// What a reader of plain text got.
    fn streamed(&self) -> String {
        let mut parts: Vec<(&str, String)> = Vec::new();
        for event in &self.events {
            if let StreamEvent::TextDelta { place, delta, answer: true } = event {
                match parts.last_mut() {
                    Some((part, text)) if *part == place.part_id => text.push_str(delta),
                    _ => parts.push((&place.part_id, delta.clone())),
                }
            }
        }
        parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n\n")
    }
}

fn replay(scenario: &str, prompted: &Prompted) -> Replay {
    let mut replay = Replay::new(prompted, LEFT);
    replay.feed(&capture(scenario));
    replay
}

/// What the server itself stored of a turn: the independent witness.
#[derive(Debug, Default, PartialEq)]
struct Witness {
    texts: Vec<String>,
    finish: Option<String>,
    input: f64,
    output: f64,
    is_over: bool,
}

fn witness(scenario: &str, prompted: &Prompted) -> Option<Witness> {
    let body = bodies(scenario).remove(&prompted.session)?;
    let mut newest_first: Vec<Value> = body["data"].as_array()?.clone();
    newest_first.reverse();
    let at = newest_first.iter().position(|message| message["id"] == prompted.prompt.as_str())?;
    let mut witness = Witness::default();
    for message in &newest_first[at + 1..] {
        match message["type"].as_str()? {
            "assistant" => {
                let content = message["content"].as_array()?;
                let texts = content.iter().filter(|part| part["type"] == "text");
                witness.texts.extend(texts.filter_map(|part| part["text"].as_str().map(str::to_owned)));
                witness.finish = message["finish"].as_str().map(str::to_owned);
                witness.input += message["tokens"]["input"].as_f64().unwrap_or_default();
                witness.output += message["tokens"]["output"].as_f64().unwrap_or_default();
            }
            "idle" => {
                witness.is_over = true;
                break;
            }
            // The next prompt: in the same execution, or behind a turn that left no mark.
            "user" if witness.finish.as_deref() != Some("tool-calls") && witness.finish.is_some() => {
                witness.is_over = true;
                break;
            }
            _ => {}
        }
    }
    Some(witness)
}

#[test]
fn every_captured_turn_comes_to_what_the_server_stored() {
    let mut compared = 0;
    for scenario in scenarios() {
        for prompted in prompts(&scenario) {
            let Some(witness) = witness(&scenario, &prompted) else { continue };
            let replay = replay(&scenario, &prompted);
            let Some(verdict) = &replay.verdict else {
                assert!(!witness.is_over, "{scenario}: {prompted:?} {witness:?}");
                continue;
            };
            let (text, usage) = match verdict {
                Ok(result) => (result["text"].clone(), Some(result["usage"].clone())),
                Err(failure) => (failure.data.as_ref().unwrap()["text"].clone(), None),
            };
            let texts: Vec<&str> =
                witness.texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
            assert_eq!(text, texts.join("\n\n"), "{scenario} {prompted:?}");
            assert_eq!(replay.streamed(), texts.join("\n\n"), "{scenario} {prompted:?}");
            if let Some(usage) = usage {
                assert_eq!(usage["input"].as_f64(), Some(witness.input), "{scenario} {prompted:?}");
                assert_eq!(usage["output"].as_f64(), Some(witness.output), "{scenario} {prompted:?}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 55, "{compared} turns were compared");
}

/// What each turn of each capture comes to, written down once and looked at.
#[test]
fn what_every_captured_turn_comes_to() {
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for scenario in scenarios() {
        for prompted in prompts(&scenario) {
            let replay = replay(&scenario, &prompted);
            let came_to = match &replay.verdict {
                None => "open".to_owned(),
                Some(Ok(result)) => {
                    let asks = result["asks"].as_array().unwrap();
                    let asks: Vec<_> = asks.iter().map(|ask| ask["reply"].to_string()).collect();
                    let asks = if asks.is_empty() { String::new() } else { format!(" {}", asks.join(" ")) };
                    format!("{}{asks}", result["finishReason"].as_str().unwrap())
                }
                Some(Err(failure)) => format!("{:?}", failure.code),
            };
            table.entry(scenario.clone()).or_default().push(came_to);
        }
    }
    let lines: Vec<String> =
        table.iter().map(|(scenario, turns)| format!("{scenario}: {}", turns.join(" | "))).collect();
    assert_eq!(lines.join("\n") + "\n", include_str!("by_execution_table.txt"));
}

/// The events of a capture, up to the first one that `is_last` accepts, and the rest.
fn split(events: Vec<BusEvent>, is_last: impl Fn(&BusEvent) -> bool) -> (Vec<BusEvent>, Vec<BusEvent>) {
    let at = events.iter().position(is_last).expect("the capture has such an event") + 1;
    let mut before = events;
    let after = before.split_off(at);
    (before, after)
}

fn delivered(prompt: &str) -> impl Fn(&BusEvent) -> bool {
    move |event| {
        matches!(event, BusEvent::Inbox(inbox)
            if inbox.step == InboxStep::Delivered && inbox.prompt == prompt)
    }
}

fn is_end(event: &BusEvent) -> bool {
    matches!(event, BusEvent::Execution { event, .. } if event.is_end())
}

#[test]
fn rule_1_one_event_ends_a_turn_and_nothing_of_it_follows() {
    for scenario in ["text", "reason_tool", "parallel", "empty", "length", "compaction_midturn"] {
        let prompted = first(scenario);
        let (before, after) = split(capture(scenario), is_end);
        let mut replay = Replay::new(&prompted, LEFT);
        replay.feed(&before[..before.len() - 1]);
        assert!(replay.verdict.is_none(), "{scenario}");
        replay.feed(&before[before.len() - 1..]);
        assert!(replay.verdict.is_some(), "{scenario}");
        let so_far = replay.events.len();
        replay.feed(&after);
        assert_eq!(replay.events.len(), so_far, "{scenario}");
    }
}

#[test]
fn rule_2_an_end_before_the_prompt_is_delivered_is_anothers() {
    // The same id sent again wakes an execution that does nothing.
    let prompted = first("idempotent");
    let events = capture("idempotent");
    assert!(events.iter().filter(|event| is_end(event)).count() > 1);
    // The second prompt waits while the first one's turn ends.
    let second = prompts("second_queue").remove(1);
    let (before, _) = split(capture("second_queue"), delivered(&second.prompt));
    let mut replay = Replay::new(&second, LEFT);
    replay.feed(&before);
    assert!(replay.verdict.is_none() && replay.streamed().is_empty());
    assert_eq!(self::replay("idempotent", &prompted).result()["finishReason"], "stop");
}

#[test]
fn rule_3_a_failure_between_enqueued_and_delivered_is_ours_if_it_was_woken_by_ours() {
    let prompted = prompts("unknown_model").remove(1);
    let replay = replay("unknown_model", &prompted);
    assert_eq!(replay.failure().code, Code::AgentNotFound);
    // It stays in the inbox, and would go along with the next prompt.
    assert_eq!((replay.aborts, replay.turn.stop()), (1, Some(Stop::Withdraw)));
    let model = self::replay("unknown_model", &first("unknown_model"));
    assert_eq!((model.failure().code, model.aborts), (Code::ModelNotFound, 0));
}

#[test]
fn rule_3_a_failure_while_another_prompt_waits_leaves_it_open() {
    let [ours, other] = ["msg_ours", "msg_other"];
    let session = "ses_1";
    let inbox = |prompt: &str, step| {
        BusEvent::Inbox(crate::protocol::event::InboxEvent {
            session_id: session.into(),
            prompt: prompt.into(),
            step,
        })
    };
    let execution = |event| BusEvent::Execution { session_id: session.into(), event };
    let failed = crate::protocol::event::Fault { kind: "unknown".into(), message: "x".into(), status: None };
    let mut replay = Replay::new(&Prompted { session: session.into(), prompt: ours.into() }, LEFT);
    replay.feed(&[
        inbox(other, InboxStep::Enqueued),
        inbox(ours, InboxStep::Enqueued),
        execution(crate::protocol::event::ExecutionEvent::Started),
        execution(crate::protocol::event::ExecutionEvent::Failed(failed)),
    ]);
    assert!(replay.verdict.is_none());
}

/// The gap hides the delivery, and the look is answered with what there was before the rest came.
#[test]
fn what_comes_while_a_look_is_under_way_is_looked_for() {
    let prompted = first("text");
    let whole = replay("text", &prompted).streamed();
    let (_, after) = split(capture("text"), delivered(&prompted.prompt));
    let stored = |messages| Look { active: true, inbox: Vec::new(), messages };
    let early = || stored(vec![StoredMessage::Prompt(prompted.prompt.clone())]);
    let all = || history("text", &prompted.session).unwrap().messages;
    for answered_at in 0..=after.len() {
        let mut replay = Replay::new(&prompted, LEFT);
        replay.turn.on_stored(replay.now);
        replay.turn.on_gap();
        replay.turn.on_restored(1, replay.now);
        replay.drain();
        replay.feed(&after[..answered_at]);
        replay.turn.on_look(&early(), Vec::new(), &[], replay.now);
        replay.drain();
        replay.feed(&after[answered_at..]);
        // Each look from here on is answered with all there is.
        for _ in 0..4 {
            if replay.verdict.is_none() {
                let look = Look { active: false, inbox: Vec::new(), messages: all() };
                replay.turn.on_look(&look, Vec::new(), &[], replay.now);
                replay.drain();
            }
        }
        assert_eq!(replay.streamed(), whole, "answered behind {answered_at} events");
        assert_eq!(replay.result()["text"], whole.as_str(), "{answered_at}");
    }
}

#[test]
fn a_look_that_the_stream_overtook_is_taken_again() {
    let prompted = first("text");
    let (before, after) = split(capture("text"), delivered(&prompted.prompt));
    let mut replay = Replay::new(&prompted, LEFT);
    replay.turn.on_stored(replay.now);
    replay.turn.on_gap();
    replay.turn.on_restored(1, replay.now);
    replay.drain();
    assert_eq!(replay.fetches, 1);
    // The prompt is delivered while the answer, of the time before, is under way.
    replay.feed(&before[..]);
    let old = Look { active: true, inbox: vec![prompted.prompt.clone()], messages: Vec::new() };
    replay.turn.on_look(&old, Vec::new(), &[], replay.now);
    replay.drain();
    assert_eq!(replay.fetches, 2);
    assert!(replay.turn.deadline().is_none(), "it waits for the second one");
    replay.feed(&after[..]);
    assert!(replay.verdict.is_none(), "what the gap hid is not known yet");
    // The end, too, overtook the look that was under way.
    for _ in 0..2 {
        let messages = history("text", &prompted.session).unwrap().messages;
        let look = Look { active: false, inbox: Vec::new(), messages };
        replay.turn.on_look(&look, Vec::new(), &[], replay.now);
        replay.drain();
    }
    assert_eq!(replay.result()["text"], self::replay("text", &prompted).result()["text"]);
}

#[test]
fn rule_4_a_foreign_delivery_behind_a_complete_answer_ends_the_turn() {
    for scenario in ["second_queue", "second_steer", "queue"] {
        let turns = prompts(scenario);
        let (before, _) = split(capture(scenario), delivered(&turns[1].prompt));
        let mut replay = Replay::new(&turns[0], LEFT);
        replay.feed(&before[..before.len() - 1]);
        assert!(replay.verdict.is_none(), "{scenario}");
        replay.feed(&before[before.len() - 1..]);
        assert_eq!(replay.result()["finishReason"], "stop", "{scenario}");
        // The second one ends with the execution.
        let second = self::replay(scenario, &turns[1]);
        assert_eq!(second.result()["finishReason"], "stop", "{scenario}");
        assert_ne!(second.streamed(), replay.streamed(), "{scenario}");
    }
}

#[test]
fn rule_5_two_prompts_that_are_delivered_together_get_one_answer() {
    let turns = prompts("two_clients");
    let [one, other] = [&turns[0], &turns[1]].map(|prompted| replay("two_clients", prompted));
    assert!(!one.streamed().is_empty());
    assert_eq!(one.streamed(), other.streamed());
    assert_eq!(one.result()["text"], other.result()["text"]);
}

#[test]
fn rule_6_a_prompt_steered_between_two_steps_becomes_part_of_the_turn() {
    let steered = &prompts("queue")[2..4];
    let whole = replay("queue", &steered[0]);
    assert!(whole.streamed().ends_with("after tool; users AAA+BBB"), "{}", whole.streamed());
    assert_eq!(whole.result()["finishReason"], "stop");
    assert!(whole.streamed().ends_with(&replay("queue", &steered[1]).streamed()));
}

#[test]
fn rule_7_neither_a_finished_step_nor_a_failed_one_is_the_end() {
    for (scenario, type_) in [("text", "session.step.ended"), ("cut", "session.step.failed")] {
        let at = records(scenario).iter().position(|record| record["type"] == type_).unwrap();
        let mut replay = Replay::new(&first(scenario), LEFT);
        let mut events = Vec::new();
        for record in &records(scenario)[..=at] {
            let json = record.to_string();
            crate::protocol::dialect::v2::decode(json.as_bytes(), &mut |event| events.push(event)).unwrap();
        }
        replay.feed(&events);
        assert!(replay.verdict.is_none(), "{scenario}");
    }
}

#[test]
fn rule_8_an_empty_answer_is_an_answer() {
    let replay = replay("empty", &first("empty"));
    let result = replay.result();
    assert_eq!((&result["text"], &result["finishReason"]), (&"".into(), &"stop".into()));
}

#[test]
fn rule_9_length_and_a_content_filter_are_reasons_and_no_failures() {
    assert_eq!(replay("length", &first("length")).result()["finishReason"], "length");
    let filtered = replay("nothing", &prompts("nothing")[3]);
    assert_eq!(filtered.result()["finishReason"], "content-filter");
    assert!(!filtered.streamed().is_empty());
}

#[test]
fn rule_10_turns_of_one_session_follow_each_other_at_once() {
    for prompted in &prompts("switches")[..2] {
        assert_eq!(replay("switches", prompted).result()["finishReason"], "stop");
    }
}

#[test]
fn a_retry_before_anything_came_and_one_that_continues_lose_nothing() {
    let before = replay("500_recover", &first("500_recover"));
    let retries = |replay: &Replay| {
        let is_retry = |event: &&StreamEvent| matches!(event, StreamEvent::Retry { .. });
        replay.events.iter().filter(is_retry).cloned().collect::<Vec<_>>()
    };
    assert!(!retries(&before).is_empty());
    let cut = replay("cut", &first("cut"));
    assert_eq!(cut.result()["discarded"], 0);
    assert!(cut.result()["text"].as_str().unwrap().contains("\n\n"), "both halves: {}", cut.result()["text"]);
    for event in retries(&cut) {
        let StreamEvent::Retry { attempt, message, discards, next, .. } = event else { unreachable!() };
        assert_eq!((attempt, discards.len()), (1, 0));
        assert!(next > 0.0 && !message.is_empty());
    }
    let forever = replay("500_forever", &first("500_forever"));
    assert_eq!((forever.failure().code, forever.failure().status), (Code::Provider, Some(500)));
    assert_eq!(retries(&forever).len(), 10);
}

#[test]
fn a_turn_that_ends_while_the_provider_is_tried_again_says_how_that_failed() {
    let prompted = first("500_recover");
    let (before, _) = split(capture("500_recover"), |event| matches!(event, BusEvent::Retry { .. }));
    let mut replay = Replay::new(&prompted, LEFT);
    replay.feed(&before);
    replay.turn.fail(Failure::new(Code::Timeout, "timed out"));
    replay.drain();
    let data = replay.failure().data.as_ref().unwrap();
    assert_eq!(data["lastRetry"], serde_json::json!({ "attempt": 1, "message": "boom", "status": 500 }));
}

#[test]
fn a_left_turn_is_withdrawn_before_its_delivery_and_interrupted_after_it() {
    let prompted = first("abort");
    let mut replay = Replay::new(&prompted, LEFT);
    assert_eq!(replay.turn.stop(), Some(Stop::Withdraw));
    let (before, after) = split(capture("abort"), |event| matches!(event, BusEvent::Delta(_)));
    replay.feed(&before);
    replay.turn.leave();
    replay.drain();
    assert_eq!((replay.aborts, replay.turn.stop()), (1, Some(Stop::Interrupt)));
    replay.feed(&after);
    assert_eq!(replay.result()["finishReason"], "abort");
    assert!(!replay.streamed().is_empty());
}

#[test]
fn a_prompt_that_is_withdrawn_never_ran() {
    let prompted = prompts("withdrawn").remove(1);
    let replay = replay("withdrawn", &prompted);
    assert_eq!(replay.failure().code, Code::AbortedElsewhere);
    assert!(replay.streamed().is_empty());
    let mut left = Replay::new(&prompted, LEFT);
    left.turn.on_stored(left.now);
    left.turn.leave();
    left.feed(&capture("withdrawn"));
    assert_eq!((&left.result()["finishReason"], left.aborts), (&"abort".into(), 1));
}

#[test]
fn a_prompt_behind_an_interrupted_turn_is_looked_for() {
    let replay = replay("abort_queued", &prompts("abort_queued")[1]);
    assert!(replay.verdict.is_none());
    assert_eq!(replay.fetches, 1);
}

#[test]
fn a_prompt_parked_behind_an_interrupted_turn_is_sent_again_and_runs() {
    let prompted = prompts("resent").remove(1);
    let (before, after) = split(capture("resent"), is_end);
    let mut replay = Replay::new(&prompted, LEFT);
    replay.turn.on_stored(replay.now);
    replay.feed(&before);
    assert_eq!((replay.fetches, replay.resends), (1, 0));
    let look = || Look { active: false, inbox: vec![prompted.prompt.clone()], messages: Vec::new() };
    replay.turn.on_look(&look(), Vec::new(), &[], replay.now);
    replay.drain();
    assert_eq!(replay.resends, 1);
    replay.feed(&after);
    assert_eq!((&replay.result()["text"], replay.streamed().as_str()), (&"second".into(), "second"));
}

#[test]
fn a_prompt_that_sending_again_does_not_run_is_given_up() {
    let prompted = prompts("resent").remove(1);
    let mut replay = Replay::new(&prompted, LEFT);
    replay.turn.on_stored(replay.now);
    let began = replay.now;
    while replay.verdict.is_none() {
        replay.now = replay.turn.deadline().unwrap();
        replay.turn.on_deadline(replay.now);
        let look = Look { active: false, inbox: vec![prompted.prompt.clone()], messages: Vec::new() };
        replay.turn.on_look(&look, Vec::new(), &[], replay.now);
        replay.drain();
    }
    assert_eq!(replay.failure().code, Code::Timeout);
    // A server that is slow has `timeouts.accept` to run it.
    assert!(replay.now - began >= Duration::from_secs(30) && replay.resends > 10);
}

/// Seen at 1000 turns under random cuts: the connection broke and came back while the prompt was posted, so the
/// look, which does not have the prompt, was answered behind the answer to the prompt.
#[test]
fn a_look_that_began_before_the_prompt_was_stored_says_nothing_of_it() {
    let prompted = first("text");
    let mut replay = Replay::new(&prompted, LEFT);
    replay.turn.on_gap();
    replay.turn.on_restored(1, replay.now);
    replay.drain();
    assert_eq!(replay.fetches, 1);
    replay.turn.on_stored(replay.now);
    replay.turn.on_look(&Look::default(), Vec::new(), &[], replay.now);
    replay.drain();
    assert_eq!((replay.fetches, replay.verdict.is_none()), (2, true));
    // The next one looked for it in the inbox before it was there, and no event told: it is looked for again.
    replay.turn.on_look(&Look::default(), Vec::new(), &[], replay.now);
    replay.drain();
    assert!(replay.verdict.is_none());
    replay.now = replay.turn.deadline().expect("it looks again by itself");
    replay.turn.on_deadline(replay.now);
    let messages = history("text", &prompted.session).unwrap().messages;
    replay.turn.on_look(&Look { active: false, inbox: Vec::new(), messages }, Vec::new(), &[], replay.now);
    replay.drain();
    assert_eq!(replay.result()["text"], self::replay("text", &prompted).result()["text"]);
}

#[test]
fn a_prompt_that_two_looks_do_not_have_is_gone() {
    let mut replay = Replay::new(&first("text"), LEFT);
    replay.turn.on_stored(replay.now);
    for _ in 0..2 {
        assert!(replay.verdict.is_none());
        replay.now = replay.turn.deadline().unwrap();
        replay.turn.on_deadline(replay.now);
        replay.turn.on_look(&Look::default(), Vec::new(), &[], replay.now);
        replay.drain();
    }
    assert_eq!(replay.failure().code, Code::StreamLost);
}

/// The look found the delivered prompt of a session that was not active yet: its answer comes on the stream.
#[test]
fn what_comes_behind_an_unclear_look_is_of_the_answer() {
    let prompted = first("text");
    let (_, after) = split(capture("text"), delivered(&prompted.prompt));
    let mut replay = Replay::new(&prompted, LEFT);
    replay.turn.on_stored(replay.now);
    replay.turn.on_gap();
    replay.turn.on_restored(1, replay.now);
    let messages = vec![StoredMessage::Prompt(prompted.prompt.clone())];
    replay.turn.on_look(&Look { active: false, inbox: Vec::new(), messages }, Vec::new(), &[], replay.now);
    replay.feed(&after);
    assert_eq!(replay.streamed(), self::replay("text", &prompted).streamed());
    assert_eq!(replay.result()["text"], self::replay("text", &prompted).result()["text"]);
}

#[test]
fn a_prompt_behind_a_failed_turn_is_run_without_us() {
    let turns = prompts("behind_failed");
    assert_eq!(replay("behind_failed", &turns[0]).failure().code, Code::Provider);
    let second = replay("behind_failed", &turns[1]);
    assert_eq!((&second.result()["text"], second.fetches), (&"second".into(), 0));
}

#[test]
fn a_parked_prompt_runs_once_when_it_is_sent_again() {
    let replay = replay("parked", &first("parked"));
    assert_eq!((&replay.result()["text"], replay.streamed().as_str()), (&"ran".into(), "ran"));
}

#[test]
fn a_character_split_over_two_batches_is_joined_and_half_a_one_costs_one() {
    let replay = replay("split_emoji", &first("split_emoji"));
    assert_eq!(replay.streamed(), "a😀b c\u{fffd}");
    assert_eq!(replay.result()["text"], "a😀b c\u{fffd}");
}

#[test]
fn a_form_of_several_kinds_is_answered_in_one_reply() {
    let call = Policies { question: QuestionPolicy::Call, ..LEFT };
    let prompted = first("form");
    let mut replay = Replay::new(&prompted, call);
    let (before, after) = split(capture("form"), |event| matches!(event, BusEvent::Asked(_)));
    replay.feed(&before);
    let Some(StreamEvent::Question { id, questions, .. }) = replay.asked.pop() else { panic!() };
    assert_eq!((questions.as_array().unwrap().len(), &questions[1]["multiple"]), (2, &true.into()));
    let answers = vec![vec!["A".to_owned()], vec!["X".to_owned(), "my own".to_owned()]];
    replay.turn.on_answer(&id, Reply::Answers(answers.clone()));
    replay.drain();
    // As the capture's client answered.
    let answered = &replay.replies[0];
    let request = crate::protocol::api::v2::reply(&answered.ask, &answered.reply).unwrap();
    let body = serde_json::json!({ "answer": { "q0": "A", "q1": ["X", "my own"] } });
    assert_eq!(request.body.unwrap(), body);
    replay.feed(&after);
    assert_eq!(replay.result()["text"], "answered");
    assert_eq!(replay.result()["asks"][0]["reply"], serde_json::json!(answers));
}

#[test]
fn a_rejected_ask_ends_the_turn_and_one_of_a_child_does_not() {
    let reject = Policies { permission: PermissionPolicy::Reject, question: QuestionPolicy::Reject };
    for (scenario, finish) in
        [("perm_reject", "rejected"), ("question_cancel", "rejected"), ("perm_reject_msg", "stop")]
    {
        assert_eq!(replay(scenario, &first(scenario)).result()["finishReason"], finish, "{scenario}");
    }
    let parent = prompts("child_asks")
        .into_iter()
        .find(|prompted| {
            let run = replay("child_asks", prompted);
            let rejected = |ask: &Value| ask["parentSessionID"].is_string();
            run.result()["asks"].as_array().unwrap().iter().any(rejected)
                && run.result()["finishReason"] == "stop"
        })
        .expect("a parent whose child asked");
    let mut run = Replay::new(&parent, reject);
    run.feed(&capture("child_asks"));
    assert_eq!(run.result()["finishReason"], "stop");
    // Answered under the session that asked.
    let asked = &run.replies[0];
    assert_ne!(asked.ask.session_id, parent.session);
    assert_eq!(asked.reply, Reply::Reject { message: None });
    let request = crate::protocol::api::v2::reply(&asked.ask, &asked.reply).unwrap();
    assert!(request.path.contains(&asked.ask.session_id), "{}", request.path);
}

#[test]
fn a_child_is_told_of_under_its_own_session_and_is_not_the_answer() {
    let prompted = first("subagent");
    let replay = replay("subagent", &prompted);
    let of_child = replay.events.iter().any(|event| {
        matches!(event, StreamEvent::TextDelta { place, answer: false, .. }
            if place.parent_session_id.as_deref() == Some(&prompted.session))
    });
    assert!(of_child);
    let interrupted = self::replay("child_interrupt", &first("child_interrupt"));
    assert_eq!(interrupted.result()["finishReason"], "stop");
}

#[test]
fn tool_calls_show_their_states_and_parts_are_one_shape() {
    let replay = replay("reason_tool", &first("reason_tool"));
    let statuses: Vec<_> = replay
        .events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::Tool(tool) => {
                Some((tool.tool.as_str(), tool.status.as_str(), tool.output.is_some()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        statuses,
        [("read", "pending", false), ("read", "running", false), ("read", "completed", true)]
    );
    let parts = replay.result()["parts"].as_array().unwrap();
    let types: Vec<_> = parts.iter().filter_map(|part| part["type"].as_str()).collect();
    assert_eq!(
        types,
        [
            "step-start",
            "reasoning",
            "text",
            "tool",
            "step-finish",
            "step-start",
            "reasoning",
            "text",
            "step-finish"
        ]
    );
    let tool = parts.iter().find(|part| part["type"] == "tool").unwrap();
    assert_eq!(tool["state"]["status"], "completed");
    assert_eq!(tool["state"]["input"]["path"], "a.txt");
}

#[test]
fn the_events_of_a_turn_are_in_order_and_start_names_the_prompt() {
    let prompted = first("text");
    let replay = replay("text", &prompted);
    let names: Vec<_> = replay
        .events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned())
        .filter(|name| name != "text-delta" && name != "session")
        .collect();
    assert_eq!(names, ["start", "step-start", "text-start", "text-end", "step-finish", "finish"]);
    let StreamEvent::Start { user_message_id, .. } = &replay.events[0] else { panic!() };
    assert_eq!(user_message_id.as_deref(), Some(prompted.prompt.as_str()));
}

/// After a gap, whatever it hid: the look at the server fills it.
#[test]
fn a_gap_anywhere_loses_nothing() {
    for scenario in ["text", "reason_tool", "cut", "parallel", "compaction_midturn", "unicode", "split_emoji"]
    {
        let prompted = first(scenario);
        let whole = replay(scenario, &prompted);
        let events = capture(scenario);
        for at in 0..=events.len() {
            let mut replay = Replay::new(&prompted, LEFT);
            replay.turn.on_stored(replay.now);
            replay.feed(&events[..at]);
            if replay.verdict.is_some() {
                continue;
            }
            replay.turn.on_gap();
            replay.turn.on_restored(1, replay.now);
            replay.drain();
            assert_eq!(replay.fetches, 1, "{scenario} {at}");
            let look = Look {
                active: false,
                inbox: Vec::new(),
                messages: history(scenario, &prompted.session).unwrap().messages,
            };
            replay.turn.on_look(&look, Vec::new(), &[], replay.now);
            replay.drain();
            assert_eq!(replay.streamed(), whole.streamed(), "{scenario} {at}");
            for field in ["text", "finishReason", "usage"] {
                assert_eq!(replay.result()[field], whole.result()[field], "{scenario} {at} {field}");
            }
        }
    }
}

/// As [`a_gap_anywhere_loses_nothing`], where the stream goes on behind it: what was fetched has an open
/// part as empty, and its deltas have no offset.
#[test]
fn deltas_behind_a_gap_are_held_until_their_part_ends() {
    for scenario in ["text", "reason_tool", "cut", "interleaved", "split_emoji"] {
        let prompted = first(scenario);
        let whole = replay(scenario, &prompted);
        let events = capture(scenario);
        let begin = events.iter().position(delivered(&prompted.prompt)).unwrap() + 1;
        let end = events.iter().position(is_end).unwrap();
        for from in begin..end {
            for to in from..end {
                let mut replay = Replay::new(&prompted, LEFT);
                replay.turn.on_stored(replay.now);
                replay.feed(&events[..from]);
                replay.turn.on_gap();
                replay.turn.on_restored(1, replay.now);
                let look =
                    Look { active: true, inbox: Vec::new(), messages: stored_at(&events[..to], &prompted) };
                replay.turn.on_look(&look, Vec::new(), &[], replay.now);
                replay.feed(&events[to..]);
                assert_eq!(replay.streamed(), whole.streamed(), "{scenario} {from}..{to}");
                assert_eq!(replay.result()["text"], whole.result()["text"], "{scenario} {from}..{to}");
                assert_eq!(replay.result()["usage"], whole.result()["usage"], "{scenario} {from}..{to}");
            }
        }
    }
}

/// What the server stores after `events`, as `j01_snapshots` was measured: the text of a part that has not
/// ended is empty.
fn stored_at(events: &[BusEvent], prompted: &Prompted) -> Vec<StoredMessage> {
    use crate::protocol::history::Stored;
    use crate::protocol::history::StoredMessage;
    let mut messages: Vec<Stored> = Vec::new();
    for event in events.iter().filter(|event| event.session_id() == Some(&prompted.session)) {
        match event {
            BusEvent::Message(info) => match messages.iter_mut().find(|known| known.info.id == info.id) {
                Some(known) => known.info = info.clone(),
                None => messages.push(Stored { info: info.clone(), parts: Vec::new() }),
            },
            BusEvent::Part(part) => {
                let message = messages.iter_mut().find(|known| known.info.id == part.message_id).unwrap();
                match message.parts.iter_mut().find(|known| known.id == part.id) {
                    Some(known) => *known = part.clone(),
                    None => message.parts.push(part.clone()),
                }
            }
            _ => {}
        }
    }
    let prompt = StoredMessage::Prompt(prompted.prompt.clone());
    std::iter::once(prompt)
        .chain(messages.into_iter().map(|stored| StoredMessage::Answer(Box::new(stored))))
        .collect()
}

/// A server that says without end what belongs to no message.
#[test]
fn parts_whose_message_never_comes_are_bounded() {
    let prompted = first("parallel");
    let mut replay = Replay::new(&prompted, LEFT);
    replay.turn.let_wait(1 << 20);
    let of_tool = |event: &&BusEvent| matches!(event, BusEvent::Part(part) if part.kind == PartKind::Tool);
    let events = capture("parallel");
    let at = events.iter().position(|event| of_tool(&event)).unwrap();
    replay.feed(&events[..at]);
    let tool = &events[at];
    for call in 0.. {
        if replay.verdict.is_some() {
            break;
        }
        assert!(call < 100, "nothing bounds what is kept");
        let BusEvent::Part(mut part) = tool.clone() else { unreachable!() };
        part.message_id = format!("msg_{call}");
        let Detail::Tool(change) = &mut part.detail else { unreachable!() };
        change.input = Some(Value::from("x".repeat(50_000)));
        replay.feed([&BusEvent::Part(part)]);
    }
    assert_eq!(replay.failure().code, Code::Limit);
}
