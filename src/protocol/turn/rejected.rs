//! The error of a turn whose ask was rejected because the caller chose no answer.

use serde_json::{Value, json};

use crate::error::{Code, Failure};

/// How many characters of an ask an error shows.
const LONGEST: usize = 300;

/// `ask` as an event shows it, with its reply.
pub fn rejected(ask: &Value) -> Failure {
    let (asked, hint) = match ask["permission"].as_str() {
        Some(permission) => (
            format!("permission for {permission} ({})", joined(&ask["patterns"], |pattern| pattern)),
            "pass `permission: 'allow'`, a function, or 'event' and `stream.reply()`, to answer; \
             `permission: 'reject'`, if a rejected ask is no failure",
        ),
        None => (
            format!("an answer ({})", joined(&ask["questions"], |question| &question["question"])),
            "pass `question` as a function, or 'event' and `stream.reply()`, to answer; \
             `question: 'reject'`, if a rejected ask is no failure",
        ),
    };
    Failure::new(Code::Rejected, format!("the agent asked for {asked}, and no option said how to answer"))
        .data(json!({ "ask": ask }))
        .hint(hint)
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
    fn a_long_ask_is_shortened_between_characters() {
        let failure = rejected(&json!({ "permission": "bash", "patterns": ["é".repeat(10_000)] }));
        assert!(failure.message.len() < 1_000);
    }
}
