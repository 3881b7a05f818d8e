//! What generation 2 prints otherwise.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Accepted, Code, Failure};
use crate::protocol::fault::{Fault, fault_of_turn};
use crate::protocol::json as bounded;

/// All that tells an unknown agent from other failures of type `unknown` (2.0.15).
const NO_AGENT: &str = "Agent not found";

/// Why it did not begin, in an error before any part; `None` for a failure of the turn.
pub fn refusal(error: &Value, session: &str) -> Option<Failure> {
    let fault = Fault::deserialize(error).ok()?;
    // There is no session to name.
    if session.is_empty() {
        return Some(
            Failure::new(Code::SessionNotFound, format!("`opencode run` did not begin: {}", fault.message))
                .hint("`opencode session list` shows a project's sessions"),
        );
    }
    if fault.kind == "unknown" && fault.message.starts_with(NO_AGENT) {
        return Some(
            Failure::new(Code::AgentNotFound, fault.message)
                .hint("list the agents of this project with `opencode agent list`"),
        );
    }
    let failure = fault_of_turn(&fault);
    (failure.code == Code::ModelNotFound).then_some(failure)
}

/// It looks for its prompt among the stored messages before it ends with exit code 0. Then it prints the parts that it
/// has not printed yet, and no steps: of a model that said nothing, nothing is left to print (2.0.15).
pub fn unprinted(failure: Failure) -> Failure {
    failure.accepted(Accepted::Yes).hint(
        "read the session's messages: the model may have said nothing, or may have failed. `mode: 'server'` with \
         `autostart: true` tells which",
    )
}

/// A tool's part, with its ids where generation 1 has them.
pub fn as_first(part: &str) -> Option<String> {
    let mut part = bounded::value(part.as_bytes())?;
    let object = part.as_object_mut().filter(|part| part.contains_key("partID"))?;
    let id = object.remove("partID")?;
    let call = object.insert("id".to_owned(), id)?;
    object.insert("callID".to_owned(), call);
    Some(part.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::event::BusEvent;
    use crate::protocol::release::Generation;
    use crate::protocol::run::{Exit, RunDialect};

    /// As 2.0.15 writes them, by their captures, shortened.
    fn line(kind: &str, part: &str) -> String {
        format!(
            r#"{{"type":"{kind}","timestamp":1,"sessionID":"ses_1","part":{{"sessionID":"ses_1","messageID":"msg_1",{part}}}}}"#
        )
    }

    fn dialect(lines: &[String]) -> RunDialect {
        let mut dialect = RunDialect::new(false, Generation::V2);
        for line in lines {
            dialect.line(line.as_bytes()).unwrap();
        }
        dialect
    }

    #[test]
    fn an_exit_code_of_0_ends_a_step_whose_end_was_not_printed() {
        let start = line("step_start", r#""id":"prt_1","type":"step-start""#);
        let text = line("text", r#""id":"prt_2","type":"text","text":"done","time":{"start":1,"end":2}"#);
        let mut dialect = dialect(&[start, text]);
        let events = dialect.close(Exit::Code(0));
        assert!(matches!(&events[..], [BusEvent::Message(last)] if last.completed && last.finish.is_none()));
        assert!(dialect.end(Exit::Code(0), "").is_ok());
    }

    #[test]
    fn a_turn_of_which_nothing_was_printed_was_taken_and_is_no_success() {
        let mut dialect = dialect(&[]);
        assert!(dialect.close(Exit::Code(0)).is_empty());
        let failure = dialect.end(Exit::Code(0), "").unwrap_err();
        assert_eq!((failure.code, failure.accepted), (Code::CliExit, Accepted::Yes));
        let failure = dialect.end(Exit::Code(1), "").unwrap_err();
        assert_eq!((failure.code, failure.accepted), (Code::CliExit, Accepted::No), "it may not have begun");
    }

    #[test]
    fn behind_a_tool_call_an_answer_is_missing() {
        let tool = r#""partID":"prt_3","type":"tool","id":"call_1","tool":"read","state":{"status":"completed","input":{},"output":"x"}"#;
        let mut dialect = dialect(&[line("tool_use", tool)]);
        assert!(dialect.close(Exit::Code(0)).is_empty());
        assert!(dialect.end(Exit::Code(0), "").is_err());
        for exit in [Exit::Code(1), Exit::Signal] {
            assert!(dialect.close(exit).is_empty());
            assert!(dialect.end(exit, "").is_err());
        }
    }

    #[test]
    fn a_tools_part_has_its_ids_where_generation_1_has_them() {
        let renamed = as_first(r#"{"partID":"prt_3","id":"call_1","type":"tool"}"#).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&renamed).unwrap(),
            json!({ "id": "prt_3", "callID": "call_1", "type": "tool" })
        );
        assert_eq!(as_first(r#"{"id":"prt_3","type":"text"}"#), None);
    }

    #[test]
    fn what_it_could_not_begin_with_is_told_by_type_and_session() {
        let code = |error: Value, session: &str| refusal(&error, session).map(|failure| failure.code);
        let unknown = |message: &str| json!({ "type": "unknown", "message": message });
        assert_eq!(code(unknown("Session not found"), ""), Some(Code::SessionNotFound));
        assert_eq!(code(unknown("Agent not found: \"x\""), "ses_1"), Some(Code::AgentNotFound));
        assert_eq!(code(unknown("anything else"), "ses_1"), None);
        let route = json!({ "type": "provider.no-route", "message": "Model unavailable: a/b" });
        assert_eq!(code(route, "ses_1"), Some(Code::ModelNotFound));
        assert_eq!(code(json!({ "type": "provider.auth", "message": "no", "status": 401 }), "ses_1"), None);
    }
}
