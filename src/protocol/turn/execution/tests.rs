//! What a look at the server says of a prompt, where no capture has it.

use super::{End, Execution, Look, Sign, Standing};
use crate::protocol::event::{InboxEvent, InboxStep, Interruption, MessageInfo};
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

#[test]
fn a_prompt_in_neither_list_was_never_accepted() {
    assert_eq!(look(true, &["msg_other"], vec![prompt("msg_other")]), Standing::NeverAccepted);
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
    let delivered =
        InboxEvent { session_id: "ses_1".into(), prompt: OURS.into(), step: InboxStep::Delivered };
    assert_eq!(execution.on_inbox(&delivered), Sign::Began);
    let old = Look { active: true, inbox: vec![OURS.to_owned()], messages: Vec::new() };
    assert_eq!(execution.on_look(&old), Standing::Running);
    assert!(execution.is_running());
}

#[test]
fn the_words_that_opencode_puts_in_are_no_other_prompt() {
    let mut execution = Execution::new(OURS);
    let event = |prompt: &str, step| InboxEvent { session_id: "ses_1".into(), prompt: prompt.into(), step };
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
    let rejected = vec![prompt(OURS), step(None, Some("aborted"))];
    assert_eq!(look(false, &[], rejected), Standing::Ended(End::Interrupted(Interruption::Shutdown)));
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
