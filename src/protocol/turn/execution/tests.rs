//! What a look at the server says of a prompt, where no capture has it.

use super::{End, Execution, Look, Sign, Standing};
use crate::protocol::event::{ExecutionEvent, InboxEvent, InboxStep, Interruption, MessageInfo};
use crate::protocol::history::{Outcome, Stored, StoredMessage};

const OURS: &str = "msg_ours";

fn prompt(id: &str) -> StoredMessage {
    StoredMessage::Prompt(id.to_owned())
}

fn step(finish: Option<&str>, error: Option<&str>) -> StoredMessage {
    let error = error.map(|kind| serde_json::json!({ "type": kind, "message": "" }));
    let completed = finish.is_some() || error.is_some();
    let finish = finish.map(str::to_owned);
    let info = MessageInfo { completed, finish, error, ..MessageInfo::answer("msg_answer", "ses_1") };
    StoredMessage::Answer(Box::new(Stored { info, parts: Vec::new() }))
}

fn look(active: bool, inbox: &[&str], messages: Vec<StoredMessage>) -> Standing {
    Execution::new(OURS).on_look(&Look {
        active,
        inbox: inbox.iter().map(|id| (*id).to_owned()).collect(),
        messages,
    })
}

fn inbox_event(prompt: &str, step: InboxStep) -> InboxEvent {
    InboxEvent { session_id: "ses_1".into(), prompt: prompt.into(), step }
}

#[test]
fn a_prompt_in_neither_list_was_never_accepted_if_two_looks_in_a_row_say_so() {
    let nowhere =
        || Look { active: true, inbox: vec!["msg_other".to_owned()], messages: vec![prompt("msg_other")] };
    let mut execution = Execution::new(OURS);
    assert_eq!(execution.on_look(&nowhere()), Standing::Unseen);
    assert_eq!(execution.on_look(&nowhere()), Standing::NeverAccepted);
}

/// Each look is of a time before what came: between its requests the prompt was stored, or moved on.
#[test]
fn what_a_look_does_not_find_is_not_believed_once_the_stream_has_said_more() {
    let absent = [Look::default(), Look { messages: vec![prompt(OURS)], ..Look::default() }, {
        Look { messages: vec![prompt(OURS), step(None, Some("aborted"))], ..Look::default() }
    }];
    let says: [fn(&mut Execution); 5] = [
        Execution::on_stored,
        Execution::heard,
        |execution| drop(execution.on_inbox(&inbox_event("msg_other", InboxStep::Enqueued))),
        |execution| drop(execution.on_execution(&ExecutionEvent::Started)),
        |execution| {
            let found = Look { active: true, messages: vec![prompt(OURS)], ..Look::default() };
            assert_eq!(execution.on_look(&found), Standing::Running);
        },
    ];
    for look in absent {
        for say in says {
            let mut execution = Execution::new(OURS);
            let first = execution.on_look(&look);
            say(&mut execution);
            assert_eq!(execution.on_look(&look), first);
            let believed = execution.on_look(&look);
            assert!(matches!(believed, Standing::NeverAccepted | Standing::Ended(_)), "{believed:?}");
        }
    }
}

#[test]
fn two_looks_that_miss_different_things_agree_on_nothing() {
    let mut execution = Execution::new(OURS);
    assert_eq!(execution.on_look(&Look::default()), Standing::Unseen);
    let delivered = Look { messages: vec![prompt(OURS)], ..Look::default() };
    assert_eq!(execution.on_look(&delivered), Standing::Unclear);
    assert!(execution.is_running(), "what comes now is of the answer");
}

#[test]
fn a_prompt_in_the_inbox_waits_for_the_session_or_for_us() {
    assert_eq!(look(true, &[OURS], Vec::new()), Standing::Waiting);
    // Behind an interrupted turn.
    assert_eq!(look(false, &[OURS], Vec::new()), Standing::Parked);
}

#[test]
fn a_prompt_that_runs_never_waits_again() {
    let mut execution = Execution::new(OURS);
    assert_eq!(execution.on_inbox(&inbox_event(OURS, InboxStep::Delivered)), Sign::Began);
    let old = Look { active: true, inbox: vec![OURS.to_owned()], messages: Vec::new() };
    assert_eq!(execution.on_look(&old), Standing::Running);
    assert!(execution.is_running());
}

#[test]
fn the_words_that_opencode_puts_in_are_no_other_prompt() {
    let mut execution = Execution::new(OURS);
    let event = inbox_event;
    let complete = MessageInfo {
        completed: true,
        finish: Some("stop".to_owned()),
        ..MessageInfo::answer("msg_answer", "ses_1")
    };
    assert_eq!(execution.on_inbox(&event(OURS, InboxStep::Delivered)), Sign::Began);
    assert_eq!(execution.on_inbox(&event("msg_note", InboxStep::Noted)), Sign::Nothing);
    execution.on_message(&complete);
    assert_eq!(execution.on_inbox(&event("msg_note", InboxStep::Delivered)), Sign::Nothing);
    assert!(execution.is_running());
    execution.on_message(&complete);
    assert_eq!(execution.on_inbox(&event("msg_other", InboxStep::Delivered)), Sign::Ended(End::Overtaken));
}

#[test]
fn a_delivered_prompt_runs_until_an_idle_or_the_next_prompt_is_newer() {
    let steps = |last| vec![prompt(OURS), step(Some("tool-calls"), None), last];
    assert_eq!(look(true, &[], steps(step(None, None))), Standing::Running);
    let mut over = steps(step(Some("stop"), None));
    over.push(prompt("msg_other"));
    assert_eq!(look(true, &[], over), Standing::Ended(End::Overtaken));
    // Steered in between two steps.
    let mut steered = steps(prompt("msg_other"));
    assert_eq!(look(true, &[], std::mem::take(&mut steered)), Standing::Running);
    for (outcome, end) in
        [(Outcome::Succeeded, End::Succeeded), (Outcome::Interrupted, End::Interrupted(Interruption::User))]
    {
        let messages = vec![prompt(OURS), step(Some("stop"), None), StoredMessage::Idle(outcome)];
        assert_eq!(look(false, &[], messages), Standing::Ended(end));
    }
}

#[test]
fn a_failure_is_remembered_with_its_code() {
    let failed = vec![prompt(OURS), step(None, Some("provider.auth")), StoredMessage::Idle(Outcome::Failed)];
    let Standing::Ended(End::Failed(fault)) = look(false, &[], failed) else { panic!() };
    assert_eq!(fault.kind, "provider.auth");
}

#[test]
fn a_rejected_ask_leaves_no_mark_but_an_aborted_step() {
    let rejected = || vec![prompt(OURS), step(None, Some("aborted"))];
    let end = Standing::Ended(End::Interrupted(Interruption::Shutdown));
    let looks = |active, messages: &dyn Fn() -> Vec<StoredMessage>| {
        let mut execution = Execution::new(OURS);
        let look = || Look { active, inbox: Vec::new(), messages: messages() };
        [execution.on_look(&look()), execution.on_look(&look())]
    };
    assert_eq!(looks(false, &rejected), [Standing::Unclear, end.clone()]);
    // Another client's prompt runs by now, and its answer is not ours.
    let followed = || {
        let mut messages = rejected();
        messages.extend([prompt("msg_other"), step(Some("stop"), None)]);
        messages
    };
    assert_eq!(looks(true, &followed), [Standing::Unclear, end]);
    assert_eq!(Execution::new(OURS).own_answers(&followed()).count(), 1);
}

#[test]
fn a_turn_that_neither_runs_nor_ended_is_looked_at_twice() {
    let mut execution = Execution::new(OURS);
    let look = || Look { active: false, inbox: Vec::new(), messages: vec![prompt(OURS), step(None, None)] };
    assert_eq!(execution.on_look(&look()), Standing::Unclear);
    assert_eq!(execution.on_look(&look()), Standing::Ended(End::Lost));
}

#[test]
fn answers_behind_the_end_of_the_turn_are_not_its_own() {
    let messages = vec![
        step(Some("stop"), None),
        prompt(OURS),
        step(Some("stop"), None),
        StoredMessage::Idle(Outcome::Succeeded),
        prompt("msg_other"),
        step(Some("stop"), None),
    ];
    assert_eq!(Execution::new(OURS).own_answers(&messages).count(), 1);
}
