//! Asks that go to the caller's code: out of the turn, and their answers back in.

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::protocol::event::AskKind;
use crate::protocol::reply::Reply;

const SESSION: &str = "ses_1";

fn turn() -> Turn {
    let mut turn = Turn::new(TurnConfig {
        route: "server",
        granularity: "token",
        session_id: SESSION.into(),
        version: None,
        generation: crate::protocol::release::Generation::V1,
        policies: Policies { permission: PermissionPolicy::Call, question: QuestionPolicy::Call },
        accept: Duration::from_secs(30),
        texts: Vec::new(),
        before: HashSet::new(),
        wire: Wire::Bus,
    });
    turn.on_accepted(Instant::now());
    turn
}

fn asked(session: &str) -> BusEvent {
    let kind = AskKind::Permission {
        permission: "bash".into(),
        patterns: vec!["ls".into()],
        metadata: Value::Null,
        old_route: false,
    };
    BusEvent::Asked(Ask { id: "per_1".into(), session_id: session.into(), kind, tool: None })
}

fn closed(reply: Reply) -> BusEvent {
    BusEvent::AskClosed { session_id: SESSION.into(), id: "per_1".into(), reply }
}

/// What came out since, less the beginning: asks, closings, replies, and events of permissions.
fn out(turn: &mut Turn) -> Vec<String> {
    let mut said = Vec::new();
    while let Some(output) = turn.poll_output() {
        match output {
            Output::Ask(ask) => said.push(format!("ask {}", serde_json::to_value(ask).unwrap()["id"])),
            Output::AskClosed(id) => said.push(format!("closed {id}")),
            Output::Reply(reply) => said.push(format!("reply {:?}", reply.reply)),
            Output::Emit(event @ StreamEvent::Permission { .. }) => {
                said.push(format!("event {}", serde_json::to_value(event).unwrap()["reply"]));
            }
            _ => {}
        }
    }
    said
}

/// A rejection waits for what may still be asked.
fn wait(turn: &mut Turn) {
    let deadline = turn.deadline().unwrap();
    turn.on_deadline(deadline);
}

fn asked_of(id: &str) -> BusEvent {
    match asked(SESSION) {
        BusEvent::Asked(ask) => BusEvent::Asked(Ask { id: id.into(), ..ask }),
        _ => unreachable!(),
    }
}

#[test]
fn of_parallel_asks_approvals_go_first_and_have_arrived_before_a_rejection_goes() {
    let reject = Reply::Reject { message: Some("not two".into()) };
    // Whichever the order in which the caller's code says.
    for order in [["per_1", "per_2", "per_3"], ["per_2", "per_1", "per_3"], ["per_3", "per_1", "per_2"]] {
        let mut turn = turn();
        for id in ["per_1", "per_2", "per_3"] {
            turn.on_event(&asked_of(id), Instant::now());
        }
        out(&mut turn);
        for id in order {
            turn.on_answer(id, if id == "per_2" { reject.clone() } else { Reply::Once });
        }
        assert!(out(&mut turn).iter().all(|said| !said.contains("eject")), "{order:?}");
        for id in ["per_1", "per_3"] {
            assert!(turn.asks.release_at().is_none(), "{id} has not arrived");
            turn.on_replied(id);
        }
        wait(&mut turn);
        assert_eq!(out(&mut turn).len(), 2, "the rejection, and its event");
        let told: Vec<_> = turn.asks.told.iter().map(|told| (&told["id"], &told["reply"])).collect();
        assert_eq!(told.len(), 3);
        assert!(told.contains(&(&"per_2".into(), &"reject".into())));
    }
}

#[test]
fn an_ask_that_comes_while_a_rejection_waits_is_waited_for() {
    let mut turn = turn();
    let now = Instant::now();
    turn.on_event(&asked_of("per_1"), now);
    turn.on_answer("per_1", Reply::Reject { message: None });
    let first = turn.deadline().unwrap();
    let just_before = first.checked_sub(Duration::from_millis(1)).unwrap();
    turn.on_event(&asked_of("per_2"), just_before);
    turn.on_deadline(first);
    assert!(!out(&mut turn).iter().any(|said| said.starts_with("reply")));
    turn.on_answer("per_2", Reply::Once);
    turn.on_event(
        &BusEvent::AskClosed { session_id: SESSION.into(), id: "per_2".into(), reply: Reply::Once },
        first,
    );
    wait(&mut turn);
    let replies: Vec<_> = out(&mut turn).into_iter().filter(|said| said.starts_with("reply")).collect();
    assert_eq!(replies, ["reply Once", "reply Reject { message: None }"]);
}

#[test]
fn what_a_rejection_took_with_it_is_told_as_rejected() {
    let mut turn = turn();
    turn.on_event(&asked_of("per_1"), Instant::now());
    turn.on_answer("per_1", Reply::Once);
    turn.on_event(&closed(Reply::Reject { message: None }), Instant::now());
    assert_eq!(turn.asks.told[0]["reply"], "reject");
}

#[test]
fn a_rejection_that_waits_is_given_up_or_answered_by_another_client() {
    let mut turn = turn();
    turn.on_event(&asked(SESSION), Instant::now());
    turn.on_answer("per_1", Reply::Reject { message: None });
    turn.on_event(&closed(Reply::Once), Instant::now());
    assert_eq!(turn.asks.told[0]["reply"], "once");
    turn.on_event(&asked_of("per_2"), Instant::now());
    turn.on_answer("per_2", Reply::Reject { message: None });
    turn.leave();
    assert_eq!(turn.give_up_asks().len(), 1);
}

#[test]
fn an_ask_goes_out_once_and_its_answer_becomes_the_reply() {
    let mut turn = turn();
    turn.on_event(&asked(SESSION), Instant::now());
    turn.on_event(&asked(SESSION), Instant::now());
    assert_eq!(out(&mut turn), [r#"ask "per_1""#, "event null"], "asked, and then shown");
    turn.on_answer("per_1", Reply::Always);
    turn.on_answer("per_1", Reply::Once);
    assert_eq!(out(&mut turn), ["reply Always", r#"event "always""#]);
}

#[test]
fn an_answer_that_came_too_late_is_not_in_the_result() {
    let mut turn = turn();
    turn.on_event(&asked(SESSION), Instant::now());
    turn.on_answer("per_1", Reply::Reject { message: Some("no".into()) });
    // Our reply is still under way.
    turn.on_event(&closed(Reply::Once), Instant::now());
    turn.conclude_left();
    let Some(result) = std::iter::from_fn(|| turn.poll_output()).find_map(|output| match output {
        Output::Finish(verdict) => verdict.ok(),
        _ => None,
    }) else {
        panic!("no result")
    };
    assert_eq!((&result["asks"][0]["reply"], &result["asks"][0]["message"]), (&"once".into(), &Value::Null));
}

#[test]
fn an_answer_of_another_client_closes_it_and_ours_comes_too_late() {
    let mut turn = turn();
    turn.on_event(&asked(SESSION), Instant::now());
    out(&mut turn);
    turn.on_event(&closed(Reply::Once), Instant::now());
    assert_eq!(out(&mut turn), ["closed per_1", r#"event "once""#]);
    turn.on_answer("per_1", Reply::Reject { message: None });
    assert!(out(&mut turn).is_empty());
}

/// A turn in which the caller chose nothing.
fn unset() -> Turn {
    let mut turn = turn();
    turn.asks = asks::Asks::new(Policies::default());
    turn
}

fn failure(turn: &Turn) -> Option<Failure> {
    turn.unchosen()
}

#[test]
fn an_ask_is_shown_before_its_reply_under_every_policy() {
    let mut turn = unset();
    turn.on_event(&asked(SESSION), Instant::now());
    assert_eq!(out(&mut turn), ["event null", "reply Reject { message: None }", r#"event "reject""#]);
}

#[test]
fn an_ask_that_nobody_chose_an_answer_for_is_a_failure_unless_another_client_allowed_it() {
    let mut turn = unset();
    turn.on_event(&asked(SESSION), Instant::now());
    let failed = failure(&turn).unwrap();
    assert_eq!(failed.code, Code::Rejected);
    let ask = &failed.data.unwrap()["ask"];
    assert_eq!(
        (&ask["id"], &ask["patterns"][0], &ask["reply"]),
        (&"per_1".into(), &"ls".into(), &"reject".into())
    );
    turn.on_event(&closed(Reply::Once), Instant::now());
    assert!(failure(&turn).is_none());
}

#[test]
fn who_left_or_chose_to_reject_sees_no_failure() {
    let mut left = unset();
    left.leave();
    left.on_event(&asked(SESSION), Instant::now());
    assert!(failure(&left).is_none());
    let reject = Policies { permission: PermissionPolicy::Reject, question: QuestionPolicy::Unset };
    let mut chosen = turn();
    chosen.asks = asks::Asks::new(reject);
    chosen.on_event(&asked(SESSION), Instant::now());
    assert!(chosen.asks.rejected && failure(&chosen).is_none());
}

#[test]
fn an_ask_left_to_others_shows_their_reply_and_takes_one_of_the_caller() {
    let leave = Policies { permission: PermissionPolicy::Leave, question: QuestionPolicy::Leave };
    let mut turn = turn();
    turn.asks = asks::Asks::new(leave);
    turn.on_event(&asked(SESSION), Instant::now());
    assert_eq!(out(&mut turn), [r#"ask "per_1""#, "event null"]);
    turn.on_event(&closed(Reply::Once), Instant::now());
    assert_eq!(out(&mut turn), ["closed per_1", r#"event "once""#]);
    turn.on_event(&asked_of("per_2"), Instant::now());
    out(&mut turn);
    turn.on_answer("per_2", Reply::Once);
    assert_eq!(out(&mut turn), ["reply Once", r#"event "once""#]);
}

#[test]
fn a_turn_that_ends_while_its_provider_is_retried_says_so() {
    let mut turn = turn();
    let retry = Status::Retry { attempt: 3, message: "Internal Server Error".into(), next: 0.0 };
    turn.on_event(&BusEvent::Status { session_id: SESSION.into(), status: retry }, Instant::now());
    turn.fail(Failure::new(Code::Timeout, "the turn took longer than 9 ms").hint("raise timeouts.total"));
    let Some(Output::Finish(verdict)) = std::iter::from_fn(|| turn.poll_output()).last() else { panic!() };
    let failure = verdict.unwrap_err().to_json();
    assert_eq!(failure["data"]["lastRetry"]["attempt"], 3);
    assert!(failure["message"].as_str().unwrap().contains("Internal Server Error"));
    assert!(!failure["hint"].as_str().unwrap().contains("raise"), "{failure}");
    assert!(failure["cost"] == 0.0 && failure["usage"]["output"] == 0.0, "{failure}");
}

#[test]
fn asks_of_strangers_are_not_ours() {
    let mut turn = turn();
    turn.on_event(&asked("ses_other"), Instant::now());
    assert!(out(&mut turn).is_empty());
}

#[test]
fn who_leaves_rejects_what_is_open_and_what_still_comes() {
    let mut turn = turn();
    turn.on_event(&asked(SESSION), Instant::now());
    out(&mut turn);
    turn.leave();
    let given_up = turn.give_up_asks();
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].request().unwrap().1["reply"], "reject");
    let late = BusEvent::Asked(match asked(SESSION) {
        BusEvent::Asked(ask) => Ask { id: "per_2".into(), ..ask },
        _ => unreachable!(),
    });
    turn.on_event(&late, Instant::now());
    assert!(out(&mut turn).contains(&"reply Reject { message: None }".to_owned()));
}

#[test]
fn a_message_that_has_no_place_is_not_told_as_read() {
    let mut turn = turn();
    let BusEvent::Asked(mut ask) = asked(SESSION) else { unreachable!() };
    if let AskKind::Permission { old_route, .. } = &mut ask.kind {
        *old_route = true;
    }
    turn.on_event(&BusEvent::Asked(ask), Instant::now());
    turn.on_answer("per_1", Reply::Reject { message: Some("use ls".to_owned()) });
    wait(&mut turn);
    assert!(turn.asks.rejected);
    assert!(turn.asks.told[0].get("message").is_none_or(Value::is_null));
}

#[test]
fn a_rejection_with_a_message_does_not_end_the_turn() {
    for (message, rejected) in [(Some("use ls".to_owned()), false), (None, true)] {
        let mut turn = turn();
        turn.on_event(&asked(SESSION), Instant::now());
        turn.on_answer("per_1", Reply::Reject { message });
        wait(&mut turn);
        turn.on_event(&closed(Reply::Reject { message: None }), Instant::now());
        assert_eq!(turn.asks.rejected, rejected);
    }
}

#[test]
fn a_turn_that_runs_out_of_time_says_which_ask_waited() {
    let late = || Failure::new(Code::Timeout, "too late").data(serde_json::json!({ "phase": "total" }));
    let end = |turn: &mut Turn| {
        turn.fail(late());
        while let Some(output) = turn.poll_output() {
            if let Output::Finish(verdict) = output {
                return verdict.unwrap_err();
            }
        }
        panic!("it did not end");
    };
    let mut waiting = turn();
    waiting.on_event(&asked(SESSION), Instant::now());
    let failure = end(&mut waiting);
    assert!(failure.message.contains("bash (ls)"), "{}", failure.message);
    assert_eq!(failure.data.unwrap()["ask"]["id"], "per_1");
    let mut replied = turn();
    replied.on_event(&asked(SESSION), Instant::now());
    replied.on_answer("per_1", Reply::Once);
    assert_eq!(end(&mut replied).message, "too late");
}

#[test]
fn a_turn_that_runs_on_leaves_its_asks_open_and_sends_what_was_replied() {
    let mut turn = turn();
    turn.on_event(&asked(SESSION), Instant::now());
    turn.on_answer("per_1", Reply::Reject { message: None });
    out(&mut turn);
    turn.conclude_detached();
    assert_eq!(out(&mut turn)[0], "reply Reject { message: None }");
    assert!(turn.give_up_asks().is_empty());
}
