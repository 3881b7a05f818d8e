//! What an ask is answered with, whatever the wire; and the request that says so over HTTP.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::event::{Ask, AskKind};
use super::segment::segment;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Permitted this time.
    Once,
    /// Permitted, and so is what OpenCode takes for the same.
    Always,
    /// With a message the model reads it and goes on; without one the turn ends.
    Reject { message: Option<String> },
    /// The chosen labels of each question.
    Answers(Vec<Vec<String>>),
    /// Nothing: another client answers.
    Leave,
}

impl Reply {
    /// The turn may end there.
    pub fn ends_the_turn(&self) -> bool {
        matches!(self, Self::Reject { message: None })
    }

    /// As much of it as `ask` has a place for.
    #[must_use]
    pub fn fit_for(self, ask: &Ask) -> Self {
        match (&ask.kind, self) {
            (AskKind::Permission { old_route: true, .. }, Self::Reject { .. }) => {
                Self::Reject { message: None }
            }
            (_, reply) => reply,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Always => "always",
            Self::Reject { .. } => "reject",
            Self::Answers(_) => "answers",
            Self::Leave => "leave",
        }
    }
}

/// As `reply` of an event shows it.
impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Answers(answers) => answers.serialize(serializer),
            other => serializer.serialize_str(other.name()),
        }
    }
}

/// `{ reply, message? }`, where `reply` is a word or, for a question, the answers.
impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Said {
            Word(String),
            Answers(Vec<Vec<String>>),
        }
        #[derive(Deserialize)]
        struct Wire {
            reply: Said,
            #[serde(default)]
            message: Option<String>,
        }
        let Wire { reply, message } = Wire::deserialize(deserializer)?;
        match reply {
            Said::Answers(answers) => Ok(Self::Answers(answers)),
            Said::Word(word) => match word.as_str() {
                "once" => Ok(Self::Once),
                "always" => Ok(Self::Always),
                "reject" => Ok(Self::Reject { message: message.filter(|message| !message.is_empty()) }),
                "leave" => Ok(Self::Leave),
                _ => Err(serde::de::Error::custom("no such reply")),
            },
        }
    }
}

/// An ask and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct AskReply {
    pub ask: Ask,
    pub reply: Reply,
}

impl AskReply {
    /// Path and body of the `POST` that answers; `None` where another client is to answer. The route differs
    /// by what asks and, for permissions, by age.
    pub fn request(&self) -> Option<(String, Value)> {
        let Ask { id, session_id, kind, .. } = &self.ask;
        let (id, session_id) = (segment(id), segment(session_id));
        let (path, mut body) = match (kind, &self.reply) {
            (_, Reply::Leave) => return None,
            (AskKind::Permission { old_route: true, .. }, reply) => {
                (format!("/session/{session_id}/permissions/{id}"), json!({ "response": reply.name() }))
            }
            (AskKind::Permission { .. }, reply) => {
                (format!("/permission/{id}/reply"), json!({ "reply": reply.name() }))
            }
            (AskKind::Question { .. }, Reply::Answers(answers)) => {
                (format!("/question/{id}/reply"), json!({ "answers": answers }))
            }
            (AskKind::Question { .. }, _) => (format!("/question/{id}/reject"), json!({})),
        };
        if let (AskKind::Permission { .. }, Reply::Reject { message: Some(message) }) = (kind, &self.reply) {
            body["message"] = Value::from(message.clone());
        }
        Some((path, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(old_route: bool) -> Ask {
        Ask {
            id: "per_1".into(),
            session_id: "ses_1".into(),
            kind: AskKind::Permission {
                permission: "bash".into(),
                patterns: Vec::new(),
                metadata: Value::Null,
                old_route,
            },
            tool: None,
        }
    }

    fn question() -> Ask {
        Ask {
            kind: AskKind::Question { questions: Value::Null, fields: Vec::new() },
            id: "que_1".into(),
            ..permission(false)
        }
    }

    fn request(ask: Ask, reply: &str) -> Option<(String, Value)> {
        AskReply { ask, reply: serde_json::from_str(reply).unwrap() }.request()
    }

    #[test]
    fn permissions_are_answered_on_the_route_of_their_age() {
        let new = request(permission(false), r#"{"reply":"always"}"#);
        assert_eq!(new, Some(("/permission/per_1/reply".into(), json!({ "reply": "always" }))));
        let old = request(permission(true), r#"{"reply":"once"}"#);
        assert_eq!(old, Some(("/session/ses_1/permissions/per_1".into(), json!({ "response": "once" }))));
    }

    #[test]
    fn ids_of_the_wire_stay_within_their_segment() {
        let ask = Ask { id: "../../admin#".into(), ..permission(false) };
        let (path, _) = request(ask, r#"{"reply":"once"}"#).unwrap();
        assert_eq!(path, "/permission/%2E%2E%2F%2E%2E%2Fadmin%23/reply");
    }

    #[test]
    fn a_rejection_carries_its_message() {
        let (_, body) = request(permission(false), r#"{"reply":"reject","message":"use ls"}"#).unwrap();
        assert_eq!(body, json!({ "reply": "reject", "message": "use ls" }));
    }

    #[test]
    fn questions_are_replied_to_or_rejected() {
        let answers = request(question(), r#"{"reply":[["Blue"],["A","B"]]}"#);
        let body = json!({ "answers": [["Blue"], ["A", "B"]] });
        assert_eq!(answers, Some(("/question/que_1/reply".into(), body)));
        let reject = request(question(), r#"{"reply":"reject"}"#);
        assert_eq!(reject, Some(("/question/que_1/reject".into(), json!({}))));
    }

    #[test]
    fn what_is_left_to_others_makes_no_request() {
        assert_eq!(request(permission(false), r#"{"reply":"leave"}"#), None);
    }

    #[test]
    fn an_unknown_word_is_no_reply() {
        assert!(serde_json::from_str::<Reply>(r#"{"reply":"yes"}"#).is_err());
    }
}
