//! Requests as 2.0.15 takes them, answers as it gives them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::error::Code;
use crate::protocol::answer::Answer;
use crate::protocol::call::{Method, Request};
use crate::protocol::event::{Ask, AskKind, Fault, FormField};
use crate::protocol::fault::{fault_of_start, fault_of_turn};
use crate::protocol::reply::Reply;

fn answer(status: u16, body: &str) -> Answer {
    typed(status, "application/json", body)
}

fn typed(status: u16, content_type: &str, body: &str) -> Answer {
    Answer {
        status,
        content_type: content_type.into(),
        encoding: String::new(),
        body: body.as_bytes().to_vec(),
        credentials_sent: true,
    }
}

fn shown(request: &Request) -> (Method, &str, Option<&Value>) {
    (request.method, &request.path, request.body.as_ref())
}

#[test]
fn ids_from_outside_stay_one_segment_of_a_path() {
    for id in ["../../x", "a/b", "a?b#c", "%2e", "ä b", ""] {
        let request = find(id);
        let rest = request.path.strip_prefix("/api/session/").unwrap();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-%".contains(&byte);
        assert!(rest.bytes().all(is_plain), "{rest}");
    }
    assert_eq!(withdraw("ses_1", "msg/../1").path, "/api/session/ses_1/inbox/msg%2F%2E%2E%2F1");
    // URLs would take these for steps along the path, escaped once or not at all.
    assert_eq!(withdraw("ses_1", "..").path, "/api/session/ses_1/inbox/%252E%252E");
    assert_eq!(
        delete_instruction("ses_1", "a/b").path,
        "/api/experimental/session/ses_1/instructions/entries/a%2Fb"
    );
}

#[test]
fn a_session_is_made_with_what_was_given_and_no_more() {
    let bare = NewSession { directory: "/w p".into(), ..NewSession::default() };
    assert_eq!(
        shown(&create(&bare)),
        (Method::Post, "/api/session", Some(&json!({ "location": { "directory": "/w p" } })))
    );
    let model = ModelRef { provider_id: "p".into(), model_id: "m".into(), variant: Some("high".into()) };
    let rules = of_tools(&BTreeMap::from([("bash".into(), false)])).unwrap();
    let whole =
        NewSession { title: Some("T".into()), agent: Some("a".into()), model: Some(model), rules, ..bare };
    assert_eq!(
        create(&whole).body.unwrap(),
        json!({
            "location": { "directory": "/w p" },
            "title": "T",
            "agent": "a",
            "model": { "providerID": "p", "id": "m", "variant": "high" },
            "permissions": [{ "action": "shell", "resource": "*", "effect": "deny" }],
        })
    );
}

#[test]
fn what_is_lasting_can_be_put_back() {
    let body = r#"{"data":{"id":"ses_1","location":{"directory":"/w"},"agent":"build","model":{"id":"m","providerID":"p"},"permissions":[{"action":"*","resource":"*","effect":"ask"}],"time":{}}}"#;
    let record = read_session(&answer(200, body)).unwrap();
    let restored = update("ses_1", &Change { rules: record.rules, title: None });
    assert_eq!(
        shown(&restored),
        (
            Method::Patch,
            "/api/session/ses_1",
            Some(&json!({ "permissions": [{ "action": "*", "resource": "*", "effect": "ask" }] }))
        )
    );
    let model = select_model("ses_1", &record.model.unwrap());
    assert_eq!(model.body.unwrap(), json!({ "model": { "providerID": "p", "id": "m" } }));
    assert_eq!(select_agent("ses_1", "build").path, "/api/session/ses_1/agent");
}

fn session(own: &str) -> SessionRecord {
    let body = format!(r#"{{"data":{{"id":"ses_1","location":{{"directory":"/w"}}{own}}}}}"#);
    read_session(&answer(200, &body)).unwrap()
}

#[test]
fn a_turn_puts_back_what_it_changes_last_change_first() {
    let own = session(
        r#","agent":"build","model":{"id":"m","providerID":"p"},"permissions":[{"action":"*","resource":"*","effect":"ask"}]"#,
    );
    let model = ModelRef { provider_id: "p".into(), model_id: "n".into(), variant: None };
    let settings = Settings {
        agent: Some("plan".into()),
        model: Some(model),
        rules: of_tools(&BTreeMap::from([("bash".into(), false)])).unwrap(),
        system: Some("Be brief.".into()),
    };
    let Around { before, after } = around(&own, &settings, &Defaults::default());
    let paths = |requests: &[Request]| {
        let last = |request: &Request| request.path.rsplit('/').next().unwrap().to_owned();
        requests.iter().map(last).collect::<Vec<_>>()
    };
    assert_eq!(paths(&before), ["agent", "model", "ses_1", INSTRUCTION]);
    assert_eq!(paths(&after), [INSTRUCTION, "ses_1", "model", "agent"]);
    assert_eq!(before[2].body.as_ref().unwrap()["permissions"].as_array().unwrap().len(), 2);
    assert_eq!(after[1].body.as_ref().unwrap()["permissions"].as_array().unwrap().len(), 1);
    assert_eq!(after[2].body.as_ref().unwrap()["model"]["id"], "m");
    assert_eq!(after[3].body.as_ref().unwrap()["agent"], "build");
}

#[test]
fn what_the_session_has_already_is_not_set_and_what_it_never_had_goes_back_to_the_default() {
    let settings = Settings { agent: Some("plan".into()), ..Settings::default() };
    let same = around(&session(r#","agent":"plan""#), &settings, &Defaults::default());
    assert_eq!(same, Around::default());
    let defaults = Defaults { agent: Some("build".into()), model: None };
    let bare = around(&session(""), &settings, &defaults);
    assert_eq!(bare.after[0].body.as_ref().unwrap()["agent"], "build");
    let rules = Settings {
        rules: of_tools(&BTreeMap::from([("bash".into(), false)])).unwrap(),
        ..Settings::default()
    };
    let cleared = around(&session(""), &rules, &defaults);
    assert_eq!(cleared.after[0].body.as_ref().unwrap()["permissions"], json!([]));
}

#[test]
fn parts_become_one_text_and_files() {
    let file = json!({ "type": "file", "mime": "text/plain", "filename": "a.txt", "url": "data:text/plain;base64,eA==" });
    let parts = [json!({ "type": "text", "text": "one" }), file, json!({ "type": "text", "text": "two" })];
    let (text, files) = of_parts(&parts, Some("Answer in JSON.")).unwrap();
    assert_eq!(text, "one\n\ntwo\n\nAnswer in JSON.");
    assert_eq!(files[0].name.as_deref(), Some("a.txt"));
}

#[test]
fn what_the_model_would_not_see_is_refused() {
    let file = |url: &str| json!({ "type": "file", "filename": "a.bin", "url": url });
    let large = format!("data:text/plain;base64,{}", "YWFh".repeat(20_971_520 / 3 + 1));
    for part in [
        json!({ "type": "agent", "name": "x" }),
        json!({ "type": "snapshot" }),
        // Bytes that are no text.
        file("data:application/octet-stream;base64,/w=="),
        file("data:text/plain;base64,not base64"),
        file("file:///etc/passwd"),
        file("https://example.test/x"),
        file(&large),
    ] {
        let failure = of_parts(&[part], None).unwrap_err();
        assert_eq!(failure.code, Code::UnsupportedOption);
    }
    assert!(of_parts(&[file("data:image/png;base64,/w==")], None).is_ok());
}

#[test]
fn the_newest_session_and_children_are_asked_for_by_query() {
    let newest = newest("/w & p");
    assert_eq!(
        newest.query,
        [("directory", "/w & p".into()), ("parentID", "null".into()), ("limit", "1".into())]
    );
    assert_eq!(latest(50).query, [("parentID", "null".into()), ("limit", "50".into())]);
    assert_eq!(children("ses_1").query, [("parentID", "ses_1".into())]);
    assert_eq!(models("/w").query, [("location[directory]", "/w".into())]);
    let list = r#"{"data":[{"id":"ses_1","location":{"directory":"/w"}},{"strange":1}],"cursor":{}}"#;
    assert_eq!(read_sessions(&answer(200, list)).unwrap().len(), 1);
}

#[test]
fn a_prompt_queues_under_an_id_of_ours() {
    let file = Attachment { uri: "data:text/plain;base64,eA==".into(), name: Some("a.txt".into()) };
    let prompt = Prompt { id: "msg_1".into(), text: "hi".into(), files: vec![file], steers: false };
    let sent = send("ses_1", &prompt, false);
    assert_eq!(
        shown(&sent),
        (
            Method::Post,
            "/api/session/ses_1/prompt",
            Some(&json!({
                "id": "msg_1",
                "text": "hi",
                "delivery": "queue",
                "files": [{ "uri": "data:text/plain;base64,eA==", "name": "a.txt" }],
            }))
        )
    );
    assert_eq!(send("ses_1", &prompt, true).body.unwrap()["resume"], false);
    let stored = r#"{"data":{"id":"msg_1","sessionID":"ses_1","type":"user","payload":{"text":"first"},"delivery":"queue"}}"#;
    let stored = read_stored(&answer(200, stored)).unwrap();
    assert_eq!((stored.id.as_str(), stored.text.as_str()), ("msg_1", "first"));
}

#[test]
fn stopping_is_interrupting_or_withdrawing() {
    assert_eq!(shown(&interrupt("ses_1")), (Method::Post, "/api/session/ses_1/interrupt", None));
    assert_eq!(shown(&withdraw("ses_1", "msg_1")), (Method::Delete, "/api/session/ses_1/inbox/msg_1", None));
    assert!(was_interrupted(&answer(200, r#"{"interrupted":true}"#)).unwrap());
}

#[test]
fn asks_are_answered_under_the_session_that_asks() {
    let permission = Ask {
        id: "per_1".into(),
        session_id: "ses_child".into(),
        kind: AskKind::Permission {
            permission: "shell".into(),
            patterns: Vec::new(),
            metadata: Value::Null,
            old_route: false,
        },
        tool: None,
    };
    let reject = Reply::Reject { message: Some("use ls".into()) };
    let request = reply(&permission, &reject).unwrap();
    assert_eq!(
        shown(&request),
        (
            Method::Post,
            "/api/session/ses_child/permission/per_1/reply",
            Some(&json!({ "decision": "reject", "message": "use ls" }))
        )
    );
    assert_eq!(reply(&permission, &Reply::Always).unwrap().body.unwrap(), json!({ "decision": "always" }));
    assert_eq!(reply(&permission, &Reply::Leave), None);
}

#[test]
fn a_form_is_answered_by_field_with_values_or_own_words() {
    let field = |key: &str, multiple| FormField {
        key: key.into(),
        multiple,
        options: vec![("Blue".into(), "blue-1".into())],
    };
    let fields = vec![field("q0", false), field("q1", true), field("q2", false)];
    let form = Ask {
        id: "frm_1".into(),
        session_id: "ses_1".into(),
        kind: AskKind::Question { questions: Value::Null, fields },
        tool: None,
    };
    let answers = Reply::Answers(vec![vec!["Blue".into()], vec!["Blue".into(), "own".into()], Vec::new()]);
    let request = reply(&form, &answers).unwrap();
    assert_eq!(request.path, "/api/session/ses_1/form/frm_1/reply");
    assert_eq!(request.body.unwrap(), json!({ "answer": { "q0": "blue-1", "q1": ["blue-1", "own"] } }));
    let refused = reply(&form, &Reply::Reject { message: None }).unwrap();
    assert_eq!(shown(&refused), (Method::Delete, "/api/session/ses_1/form/frm_1", None));
}

#[test]
fn tools_become_rules_or_are_refused() {
    let tools = |names: &[(&str, bool)]| {
        of_tools(&names.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect())
    };
    let rules = tools(&[("*", false), ("bash", true), ("task", false)]).unwrap();
    let shown: Vec<_> = rules.iter().map(|rule| (rule.action.as_str(), rule.effect)).collect();
    assert_eq!(shown, [("*", Effect::Deny), ("shell", Effect::Allow), ("subagent", Effect::Deny)]);
    for (name, hint) in [("write", "edit"), ("todowrite", "shell"), ("nope", "shell")] {
        let failure = tools(&[(name, false)]).unwrap_err();
        assert_eq!(failure.code, Code::UnsupportedOption, "{name}");
        assert!(failure.hint.unwrap().contains(hint), "{name}");
    }
}

#[test]
fn the_catalogue_is_typed() {
    let body = r#"{"location":{},"data":[{"id":"m","providerID":"p","enabled":true,"variants":[{"id":"low","settings":{}}]},{"id":"n","providerID":"p","variants":[]}]}"#;
    let models = read_models(&answer(200, body)).unwrap();
    assert!(models[0].has_variant("low") && !models[1].has_variant("low"));
    let agents =
        read_agents(&answer(200, r#"{"data":[{"id":"build","name":"Build","mode":"primary"}]}"#)).unwrap();
    assert_eq!((agents[0].id.as_str(), agents[0].mode.as_deref()), ("build", Some("primary")));
}

#[test]
fn what_is_named_and_not_there_is_told_with_what_is_there() {
    let body = r#"{"data":[{"id":"m","providerID":"p","variants":[{"id":"low"}]},{"id":"off","providerID":"p","enabled":false,"variants":[]}]}"#;
    let models = read_models(&answer(200, body)).unwrap();
    let wanted = |provider: &str, model: &str, variant: Option<&str>| ModelRef {
        provider_id: provider.into(),
        model_id: model.into(),
        variant: variant.map(str::to_owned),
    };
    assert!(check_model(&models, &wanted("p", "m", Some("low"))).is_ok());
    for (model, hint) in [
        (wanted("q", "m", None), "p;"),
        (wanted("p", "n", None), "m, off"),
        (wanted("p", "m", Some("high")), "low"),
        (wanted("p", "off", None), "disables"),
    ] {
        let failure = check_model(&models, &model).unwrap_err();
        assert_eq!(failure.code, Code::ModelNotFound);
        assert!(failure.hint.unwrap().contains(hint), "{hint}");
    }
    let agents = read_agents(&answer(200, r#"{"data":[{"id":"build"}]}"#)).unwrap();
    assert!(check_agent(&agents, "build").is_ok());
    let failure = check_agent(&agents, "nope").unwrap_err();
    assert_eq!(
        (failure.code, failure.hint.unwrap().as_str()),
        (Code::AgentNotFound, "this project has build")
    );
    assert_eq!(read_default_model(&answer(200, r#"{"data":null}"#)).unwrap(), None);
}

#[test]
fn what_is_looked_at_is_typed() {
    let active = r#"{"data":{"ses_1":{"type":"running"}}}"#;
    assert_eq!(read_active(&answer(200, active)).unwrap(), ["ses_1"]);
    let inbox = r#"{"data":[{"id":"msg_1","type":"user","payload":{}}]}"#;
    assert_eq!(read_inbox(&answer(200, inbox)).unwrap(), ["msg_1"]);
    assert_eq!(messages("ses_1", 200, Some("c")).query, [("limit", "200".into()), ("cursor", "c".into())]);
}

#[test]
fn refusals_are_told_by_their_tags() {
    let code = |status, body| refusal(&answer(status, body)).map(|failure| (failure.code, failure.status));
    let missing =
        r#"{"_tag":"SessionNotFoundError","sessionID":"ses_x","message":"Session not found: ses_x"}"#;
    assert_eq!(code(404, missing), Some((Code::SessionNotFound, Some(404))));
    let malformed = r#"{"_tag":"InvalidRequestError","message":"Invalid session ID","field":"sessionID"}"#;
    assert_eq!(code(400, malformed), Some((Code::SessionNotFound, Some(400))));
    let field = r#"{"_tag":"InvalidRequestError","message":"Missing key\n  at [\"text\"]","kind":"Payload"}"#;
    assert_eq!(code(400, field), Some((Code::BadRequest, Some(400))));
    let words = refusal(&answer(400, field)).unwrap().message;
    assert!(words.ends_with("Missing key"), "{words}");
    assert_eq!(refusal(&typed(500, "", "")).map(|failure| failure.code), Some(Code::BadRequest));
    assert_eq!(refusal(&typed(401, "", "")).map(|failure| failure.code), Some(Code::Unauthorized));
    assert_eq!(
        refusal(&typed(200, "text/html", "<html>")).map(|failure| failure.code),
        Some(Code::NotAServer)
    );
    assert_eq!(refusal(&typed(204, "", "")).map(|failure| failure.code), None);
    let lacking = read_session(&answer(200, r#"{"data":{}}"#)).unwrap_err();
    assert_eq!(lacking.code, Code::Protocol);
}

#[test]
fn a_failed_turn_is_told_by_its_type() {
    let of = |kind: &str, status| {
        fault_of_turn(&Fault { kind: kind.into(), message: "words\nand a stack".into(), status })
    };
    assert_eq!(of("provider.no-route", None).code, Code::ModelNotFound);
    assert_eq!(of("aborted", None).code, Code::AbortedElsewhere);
    let auth = of("provider.auth", Some(401));
    assert_eq!((auth.code, auth.status), (Code::Provider, Some(401)));
    assert!(auth.message.ends_with("words"), "{}", auth.message);
    // It broke in mid-answer.
    assert_eq!(of("provider.transport", Some(200)).status, None);
    let begun =
        fault_of_start(&Fault { kind: "unknown".into(), message: "Agent not found".into(), status: None });
    assert_eq!(begun.code, Code::AgentNotFound);
}

#[test]
fn the_generation_is_told_by_api_info_alone() {
    let info = r#"{"version":"2.0.15","pid":1,"urls":[]}"#;
    let two = Probe::V2 { version: "2.0.15".into() };
    assert_eq!(probe(&answer(200, info)), two);
    assert_eq!(probe(&answer(503, info)), Probe::NotReady);
    let next = r#"{"version":"0.0.0-next-16350","pid":1}"#;
    assert_eq!(probe(&answer(200, next)), Probe::Unknown { version: "0.0.0-next-16350".into() });
    // 1.x answers any path that it does not know with its page.
    assert_eq!(probe(&typed(200, "text/html;charset=utf-8", "<!doctype html>")), Probe::MaybeV1);
    assert_eq!(probe(&typed(404, "text/plain", "")), Probe::MaybeV1);
    assert_eq!(probe(&typed(401, "", "")), Probe::Unauthorized { credentials_sent: true });
    assert_eq!(probe(&answer(200, r#"{"version":"1"}"#)), Probe::NotAServer);
    assert_eq!(probe(&typed(502, "text/html", "")), Probe::NotAServer);
}
