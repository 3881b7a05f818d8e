//! Which prompt of a session has these words: it waits in the inbox, or is among the messages.

use serde::Deserialize;
use serde_json::Value;

use super::wire::{data, read};
use crate::error::Failure;
use crate::protocol::answer::Answer;
use crate::protocol::dialect::v2::Cursor;
use crate::protocol::json::Bounded;

/// A prompt as OpenCode has stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenPrompt {
    pub id: String,
    pub text: String,
}

/// The prompts of one answer, the newest first.
#[derive(Debug, Default)]
pub struct WrittenPrompts {
    pub prompts: Vec<WrittenPrompt>,
    /// Where those before them can be asked for.
    pub older: Option<String>,
}

/// The prompts of a page of messages.
///
/// # Errors
/// When it is no such page.
pub fn read_written(answer: &Answer) -> Result<WrittenPrompts, Failure> {
    #[derive(Deserialize)]
    struct Page {
        data: Vec<Bounded>,
        #[serde(default)]
        cursor: Cursor,
    }
    let Page { data, cursor } = read(answer)?;
    let prompts = data.iter().filter_map(|Bounded(message)| written(message, &message["text"])).collect();
    Ok(WrittenPrompts { prompts, older: cursor.next })
}

/// The prompts that wait.
///
/// # Errors
/// When it is no inbox.
pub fn read_waiting(answer: &Answer) -> Result<WrittenPrompts, Failure> {
    let items: Vec<Bounded> = data(answer)?;
    let prompts =
        items.iter().rev().filter_map(|Bounded(item)| written(item, &item["payload"]["text"])).collect();
    Ok(WrittenPrompts { prompts, older: None })
}

fn written(item: &Value, text: &Value) -> Option<WrittenPrompt> {
    let is_prompt = item["type"] == "user";
    let (id, text) = (item["id"].as_str()?.to_owned(), text.as_str()?.to_owned());
    is_prompt.then_some(WrittenPrompt { id, text })
}

/// The newest with the words of a prompt's `texts`, which OpenCode 2 stores as one. Behind them may stand how the answer
/// is to be written as JSON.
pub fn with_words<'a>(prompts: &'a [WrittenPrompt], texts: &[&str]) -> Option<&'a WrittenPrompt> {
    let words = texts.join("\n\n");
    let begins = |prompt: &&WrittenPrompt| {
        prompt.text.strip_prefix(words.as_str()).is_some_and(|rest| rest.starts_with("\n\n"))
    };
    let is_it = |prompt: &&WrittenPrompt| prompt.text == words;
    prompts.iter().find(is_it).or_else(|| prompts.iter().find(begins)).filter(|_| !texts.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: 200,
            content_type: "application/json".to_owned(),
            encoding: String::new(),
            body: body.as_bytes().to_vec(),
            credentials_sent: true,
        }
    }

    #[test]
    fn a_prompt_is_read_from_messages_and_from_the_inbox() {
        let page = r#"{"data":[{"id":"msg_3","type":"user","text":"newer"},{"id":"msg_2","type":"assistant","content":[]},
            {"id":"msg_1","type":"user","text":"older"}],"cursor":{"previous":null,"next":"c"}}"#;
        let WrittenPrompts { prompts, older } = read_written(&answer(page)).unwrap();
        let ids = |prompts: &[WrittenPrompt]| -> Vec<String> {
            prompts.iter().map(|prompt| prompt.id.clone()).collect()
        };
        assert_eq!((ids(&prompts), older.as_deref()), (vec!["msg_3".into(), "msg_1".into()], Some("c")));
        let inbox = r#"{"data":[{"id":"msg_4","type":"user","payload":{"text":"a"},"delivery":"queue"},
            {"id":"msg_5","type":"synthetic","payload":{"text":"b"}},{"id":"msg_6","type":"user","payload":{"text":"c"}}]}"#;
        assert_eq!(ids(&read_waiting(&answer(inbox)).unwrap().prompts), ["msg_6", "msg_4"]);
        assert!(read_written(&answer("[]")).is_err() && read_waiting(&answer("[]")).is_err());
    }

    #[test]
    fn the_newest_with_all_the_words_is_the_prompt() {
        let prompts = ["one\n\ntwo\n\nAs JSON.", "one", "one\n\ntwo", "onetwo", "one\n\ntwo"];
        let prompts: Vec<WrittenPrompt> = prompts
            .iter()
            .enumerate()
            .map(|(at, text)| WrittenPrompt { id: at.to_string(), text: (*text).to_owned() })
            .collect();
        let found = |texts: &[&str]| with_words(&prompts, texts).map(|prompt| prompt.id.as_str());
        assert_eq!(found(&["one", "two"]), Some("2"));
        assert_eq!(found(&["one"]), Some("1"));
        assert_eq!(with_words(&prompts[..1], &["one", "two"]).map(|prompt| prompt.id.as_str()), Some("0"));
        assert_eq!(found(&["two"]), None);
        assert_eq!(found(&[]), None);
    }
}
