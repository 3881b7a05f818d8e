use super::*;

fn text(text: &str) -> Text {
    Text::from(text)
}

fn begun() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.begin();
    ledger
}

#[test]
fn a_final_snapshot_adds_nothing_to_what_was_streamed() {
    let mut ledger = begun();
    ledger.delta(&text("tok0 "));
    ledger.delta(&text("tok1 "));
    ledger.snapshot(&text("tok0 tok1"), true, Source::Live).unwrap();
    assert_eq!(ledger.take(), "tok0 tok1 ");
    assert!(ledger.ended());
}

#[test]
fn a_final_text_that_a_plugin_rewrote_is_not_given_out() {
    let mut ledger = begun();
    ledger.delta(&text("the secret is 42, and more"));
    ledger.snapshot(&text("the s*****"), true, Source::Live).unwrap();
    assert_eq!(ledger.take(), "the secret is 42, and more");
    assert_eq!(ledger.answer(), ledger.given());
}

#[test]
fn what_the_last_deltas_would_have_brought_comes_with_the_final_snapshot() {
    let mut ledger = begun();
    ledger.delta(&text("one "));
    assert_eq!(ledger.take(), "one ");
    // Not before it is the last one: the deltas may still be under way.
    ledger.snapshot(&text("one two three"), false, Source::Live).unwrap();
    assert_eq!(ledger.take(), "");
    ledger.snapshot(&text("one two three"), true, Source::Live).unwrap();
    assert_eq!(ledger.take(), "two three");
    assert_eq!((ledger.answer(), ledger.strayed()), ("one two three".to_owned(), 0));

    // To 1.1.65 each event has it all, and the last one has no piece.
    let mut ledger = begun();
    ledger.growing(&text("one "), &text("one ")).unwrap();
    ledger.snapshot(&text("one two"), true, Source::Live).unwrap();
    assert_eq!(ledger.take(), "one two");
}

#[test]
fn what_was_lost_in_the_middle_is_in_the_answer_and_what_strayed_is_counted() {
    let mut ledger = begun();
    ledger.delta(&text("one "));
    ledger.delta(&text("three"));
    ledger.snapshot(&text("one two three four"), true, Source::Live).unwrap();
    assert_eq!((ledger.given(), ledger.take()), (String::new(), "one three".to_owned()));
    assert_eq!((ledger.answer(), ledger.strayed()), ("one two three four".to_owned(), 4));
}

#[test]
fn a_part_that_only_comes_whole_is_given_out_whole() {
    let mut ledger = begun();
    ledger.snapshot(&text("all at once"), true, Source::Live).unwrap();
    assert_eq!(ledger.take(), "all at once");
}

#[test]
fn a_repeated_token_is_a_token() {
    let mut ledger = begun();
    for _ in 0..3 {
        ledger.delta(&text("ha"));
    }
    assert_eq!(ledger.take(), "hahaha");
}

#[test]
fn deltas_behind_a_gap_are_held_until_the_final_snapshot() {
    let mut ledger = begun();
    ledger.delta(&text("one "));
    ledger.gap();
    ledger.delta(&text("three "));
    assert_eq!(ledger.take(), "one ");
    ledger.snapshot(&text("one two three "), true, Source::Live).unwrap();
    assert_eq!(ledger.take(), "two three ");
}

#[test]
fn a_trimmed_snapshot_gets_its_white_space_back_from_the_held_deltas() {
    let mut ledger = begun();
    ledger.delta(&text("one "));
    ledger.gap();
    ledger.delta(&text("three \n"));
    ledger.snapshot(&text("one two three"), true, Source::Live).unwrap();
    assert_eq!(ledger.take(), "one two three \n");
}

#[test]
fn a_gap_that_hid_nothing_adds_nothing() {
    let mut ledger = begun();
    ledger.delta(&text("one "));
    ledger.gap();
    ledger.snapshot(&text("one"), true, Source::Live).unwrap();
    assert_eq!(ledger.take(), "one ");
}

#[test]
fn a_stored_text_that_contradicts_the_stream_cannot_fill_a_gap() {
    let mut ledger = begun();
    ledger.delta(&text("one "));
    ledger.gap();
    assert_eq!(ledger.snapshot(&text("another"), true, Source::Live), Err(Mismatch));
}

#[test]
fn to_1_1_65_the_next_token_fills_the_gap() {
    let mut ledger = begun();
    ledger.growing(&text("one "), &text("one ")).unwrap();
    ledger.gap();
    ledger.growing(&text("one two three "), &text("three ")).unwrap();
    assert_eq!(ledger.take(), "one two three ");
    ledger.growing(&text("one two "), &text("two ")).unwrap();
    assert_eq!(ledger.take(), "", "an older event behind a newer list adds nothing");
}

#[test]
fn a_list_that_is_ahead_of_the_stream_is_not_given_out_twice() {
    let mut ledger = begun();
    ledger.delta(&text("one "));
    ledger.snapshot(&text("one two "), true, Source::Fetched).unwrap();
    ledger.delta(&text("two "));
    assert_eq!(ledger.take(), "one two ");
}

#[test]
fn a_fetched_end_closes_a_part_to_late_deltas() {
    let mut ledger = Ledger::default();
    ledger.snapshot(&text("whole"), true, Source::Fetched).unwrap();
    ledger.delta(&text("whole"));
    assert_eq!(ledger.take(), "whole");
}

#[test]
fn half_a_character_waits_for_its_other_half() {
    let surrogate = |json| serde_json::from_str::<Text>(json).unwrap();
    let mut ledger = begun();
    ledger.growing(&surrogate(r#""a\ud83d""#), &surrogate(r#""\ud83d""#)).unwrap();
    assert_eq!(ledger.take(), "a");
    ledger.growing(&surrogate(r#""a\ud83d\ude00""#), &surrogate(r#""\ude00""#)).unwrap();
    assert_eq!(ledger.take(), "😀");
}

#[test]
fn an_interrupted_part_that_was_never_stored_keeps_what_was_streamed() {
    let mut ledger = begun();
    ledger.delta(&text("so far"));
    ledger.gap();
    ledger.snapshot(&text(""), false, Source::Settled).unwrap();
    assert_eq!(ledger.take(), "so far");
    assert!(ledger.ended());
}
