//! Errors that speak of an ask: it was rejected because the caller chose no answer, or waited when the time ran out.

use serde_json::{Value, json};

use crate::error::{Code, Failure};

/// How many characters of an ask an error shows.
const LONGEST: usize = 300;

/// `ask` as an event shows it, with its reply.
pub fn rejected(ask: &Value) -> Failure {
    let hint = if ask["permission"].is_string() {
        "pass `permission: 'allow'`, a function, or 'event' and `stream.reply()`, to answer; \
         `permission: 'reject'`, if a rejected ask is no failure"
    } else {
        "pass `question` as a function, or 'event' and `stream.reply()`, to answer; \
         `question: 'reject'`, if a rejected ask is no failure"
    };
    let message = format!("the agent asked for {}, and no option said how to answer", asked_for(ask));
    Failure::new(Code::Rejected, message).data(json!({ "ask": ask })).hint(hint)
}

/// The failure of a turn that ran out of time while `ask` waited for its reply.
pub fn unanswered(ask: &Value, mut failure: Failure) -> Failure {
    failure.message =
        format!("{}, while the agent waited for a reply: it asked for {}", failure.message, asked_for(ask));
    let mut data = failure.data.take().unwrap_or_else(|| json!({}));
    data["ask"] = ask.clone();
    failure
        .data(data)
        .hint("reply to asks in time, by `stream.reply()` or your function, or raise timeouts.total")
}

fn asked_for(ask: &Value) -> String {
    match ask["permission"].as_str() {
        Some(permission) => {
            format!("permission for {permission} ({})", joined(&ask["patterns"], |pattern| pattern))
        }
        None => format!("an answer ({})", joined(&ask["questions"], |question| &question["question"])),
    }
}

fn joined(list: &Value, words: impl Fn(&Value) -> &Value) -> String {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let all: Vec<&str> = all.iter().filter_map(|each| words(each).as_str()).collect();
    let all = all.join(", ").split_whitespace().collect::<Vec<_>>().join(" ");
    match all.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &all[..at]),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_was_asked_and_names_the_option() {
        let failure = rejected(&json!({ "permission": "bash", "patterns": ["touch a", "touch b"] }));
        assert!(failure.message.contains("bash (touch a, touch b)"), "{}", failure.message);
        assert!(failure.hint.unwrap().contains("`permission:"));
        let failure = rejected(&json!({ "questions": [{ "question": "Which?" }] }));
        assert!(failure.message.contains("(Which?)"), "{}", failure.message);
        assert!(failure.hint.unwrap().contains("`question`"));
    }

    #[test]
    fn a_turn_without_time_says_what_it_waited_for() {
        let late = Failure::new(Code::Timeout, "too long").data(json!({ "phase": "total" }));
        let failure = unanswered(&json!({ "permission": "bash", "patterns": ["touch a"] }), late);
        assert!(failure.message.starts_with("too long") && failure.message.contains("bash (touch a)"));
        let data = failure.data.unwrap();
        assert_eq!((&data["phase"], &data["ask"]["permission"]), (&json!("total"), &json!("bash")));
    }

    #[test]
    fn a_long_ask_is_shortened_between_characters() {
        let failure = rejected(&json!({ "permission": "bash", "patterns": ["é".repeat(10_000)] }));
        assert!(failure.message.len() < 1_000);
    }
}
