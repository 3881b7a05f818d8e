//! The first answer of the session answers other words than ours, which have not shown yet: whose is it?

use super::*;

const MINE: &str = "the words of our prompt";

fn replay() -> Replay {
    let mut replay = Replay::new("ses_1", &[]);
    let config = TurnConfig { texts: vec![MINE.into()], ..replay.turn.config.clone() };
    replay.turn = Turn::new(config);
    replay.turn.on_accepted(replay.now);
    replay
}

fn idle() -> BusEvent {
    BusEvent::Idle { session_id: "ses_1".into() }
}

fn ask(id: &str) -> BusEvent {
    let json = format!(
        r#"{{"type":"permission.asked","properties":{{"id":"{id}","sessionID":"ses_1","permission":"bash","patterns":["ls"],"metadata":{{}},"always":[]}}}}"#
    );
    decode(json.as_bytes()).unwrap().unwrap()
}

fn all(replay: &mut Replay, events: &[BusEvent]) {
    for event in events {
        replay.event(event);
    }
}

/// Deadlines pass until it is settled whose the answer is.
fn wait(replay: &mut Replay) {
    while replay.turn.doubt.is_some() && replay.story.verdict.is_none() {
        replay.now = replay.turn.deadline().expect("it is settled by itself");
        replay.turn.on_deadline(replay.now);
        replay.drain();
    }
}

#[test]
fn an_answer_to_another_client_that_comes_before_our_prompt_shows_is_not_ours() {
    let theirs = exchange("msg_1", "theirs", "msg_2", "their answer");
    let ours = exchange("msg_3", MINE, "msg_4", "my answer");
    // The idle behind theirs came, or our prompt came first.
    for idles in [vec![idle()], Vec::new()] {
        let mut replay = replay();
        all(&mut replay, &[&theirs[..4], &[ask("per_1")], &theirs[4..], &idles].concat());
        assert_eq!((replay.story.streamed().as_str(), replay.story.verdict.is_none()), ("", true));
        all(&mut replay, &[&ours[..], &[idle()]].concat());
        assert!(replay.story.replies.is_empty(), "the ask was theirs");
        replay.server.busy = false;
        let story = replay.rest();
        assert_eq!((&story.result()["text"], story.streamed().as_str()), (&"my answer".into(), "my answer"));
    }
}

#[test]
fn one_that_a_gap_hid_is_not_ours_either() {
    let theirs = exchange("msg_1", "theirs", "msg_2", "their answer");
    let ours = exchange("msg_3", MINE, "msg_4", "my answer");
    for hidden in 0..=theirs.len() {
        let mut replay = replay();
        all(&mut replay, &theirs[..theirs.len() - hidden]);
        replay.turn.on_gap();
        for event in &theirs[theirs.len() - hidden..] {
            replay.server.on_event(event, "ses_1");
        }
        replay.turn.on_restored(1, replay.now);
        replay.drain();
        all(&mut replay, &[&ours[..], &[idle()]].concat());
        replay.server.busy = false;
        let story = replay.rest();
        assert_eq!((&story.result()["text"], story.streamed().as_str()), (&"my answer".into(), "my answer"));
    }
}

#[test]
fn a_prompt_that_a_plugin_rewrote_is_ours_if_no_other_one_shows() {
    let rewritten = exchange("msg_1", "in other words", "msg_2", "the answer");
    // Withheld until our words would have shown, and streamed from there on; or until the end.
    for behind in [5, rewritten.len(), rewritten.len() + 1] {
        let events = [&rewritten[..4], &[ask("per_1")], &rewritten[4..], &[idle()]].concat();
        let mut replay = replay();
        all(&mut replay, &events[..behind]);
        assert_eq!((replay.story.streamed().as_str(), replay.story.replies.len()), ("", 0));
        let began = replay.now;
        replay.server.busy = behind < events.len();
        wait(&mut replay);
        // A session that works may wait for an answer to what it asks.
        let waited = replay.now - began;
        assert_eq!(waited > Duration::from_secs(20), replay.server.busy, "{waited:?}");
        assert_eq!(replay.story.replies.len(), 1, "it asks for our turn");
        if behind > 5 {
            assert_eq!(replay.story.streamed(), "the answer");
        }
        all(&mut replay, &events[behind..]);
        replay.server.busy = false;
        let story = replay.rest();
        assert_eq!(
            (story.result()["text"].as_str(), story.streamed().as_str()),
            (Some("the answer"), "the answer")
        );
    }
}

#[test]
fn a_gap_in_the_answer_to_a_rewritten_prompt_loses_nothing() {
    let rewritten = exchange("msg_1", "in other words", "msg_2", "the answer");
    for heard in 0..=rewritten.len() {
        let mut replay = replay();
        all(&mut replay, &rewritten[..heard]);
        replay.turn.on_gap();
        for event in &rewritten[heard..] {
            replay.server.on_event(event, "ses_1");
        }
        replay.server.busy = false;
        replay.turn.on_restored(1, replay.now);
        let story = replay.rest();
        assert_eq!(story.result()["text"], "the answer", "{heard}");
    }
}

#[test]
fn a_prompt_that_a_plugin_put_words_around_is_ours_at_once() {
    let extended = exchange("msg_1", &format!("Be brief. {MINE}"), "msg_2", "the answer");
    let mut replay = replay();
    all(&mut replay, &extended[..5]);
    assert_eq!(replay.story.streamed(), "the answer");
}

#[test]
fn of_two_prompts_without_our_words_nobody_knows_which_is_ours() {
    let one = exchange("msg_1", "one", "msg_2", "an answer");
    let other = exchange("msg_3", "other", "msg_4", "another");
    let mut replay = replay();
    all(&mut replay, &[&one[..], &other[..2]].concat());
    wait(&mut replay);
    let failure = replay.story.failure();
    assert_eq!((failure.code, failure.accepted), (Code::SessionBusy, Accepted::Yes));
    assert_eq!(replay.story.streamed(), "");
}

#[test]
fn what_is_withheld_is_bounded() {
    let theirs = exchange("msg_1", "theirs", "msg_2", &"x".repeat(2000));
    let mut replay = replay();
    replay.turn.let_wait(1000);
    all(&mut replay, &theirs);
    assert_eq!(replay.story.failure().code, Code::Limit);
}
