use super::*;

/// What 1.18.33 and 1.1.31 wrote, by their captures, shortened.
fn part(kind: &str, message: &str, rest: &str) -> String {
    let wire = kind.replace('-', "_");
    format!(
        r#"{{"type":"{wire}","timestamp":1,"sessionID":"ses_1","part":{{"id":"prt_{kind}{message}","messageID":"{message}","sessionID":"ses_1","type":"{kind}"{rest}}}}}"#
    )
}

fn feed(dialect: &mut RunDialect, lines: &[String]) -> Vec<BusEvent> {
    lines.iter().flat_map(|line| dialect.line(line.as_bytes()).unwrap()).collect()
}

#[test]
fn a_step_is_a_message_that_its_finish_completes() {
    let mut dialect = RunDialect::default();
    let events = feed(
        &mut dialect,
        &[
            part("step-start", "msg_1", ""),
            part("text", "msg_1", r#","text":" kept as it is ","time":{"start":1,"end":2}"#),
            part("step-finish", "msg_1", r#","reason":"stop","cost":0"#),
        ],
    );
    assert_eq!(dialect.session(), Some("ses_1"));
    let BusEvent::Part(text) = &events[2] else { panic!("{events:?}") };
    assert_eq!((text.text.as_bytes(), text.ended), (&b" kept as it is "[..], true));
    let BusEvent::Message(last) = events.last().unwrap() else { panic!("{events:?}") };
    assert_eq!((last.completed, last.finish.as_deref()), (true, Some("stop")));
    assert!(dialect.end(Exit::Code(0), "").is_ok());
}

#[test]
fn an_end_behind_a_tool_call_is_none() {
    let mut dialect = RunDialect::default();
    let line = |kind: &str, part: &str| {
        format!(
            r#"{{"type":"{kind}","sessionID":"ses_1","part":{{"id":"prt_{kind}","messageID":"msg_1","sessionID":"ses_1",{part}}}}}"#
        )
    };
    dialect.line(line("text", r#""type":"text","text":"Looking.""#).as_bytes()).unwrap();
    let finish = r#""type":"step-finish","reason":"tool-calls","cost":0,"tokens":{"input":1,"output":1,"reasoning":0,"cache":{"read":0,"write":0}}"#;
    dialect.line(line("step_finish", finish).as_bytes()).unwrap();
    let failure = dialect.end(Exit::Code(0), "").unwrap_err();
    assert!(failure.message.contains("printed not all"), "{}", failure.message);
    // What was rejected ends the turn there.
    dialect.rejected("bash (ls)").unwrap();
    assert!(dialect.end(Exit::Code(0), "").is_ok());
}

#[test]
fn a_release_that_prints_nothing_is_said_to() {
    let migrated = "Performing one time database migration\nDatabase migration complete.\n";
    let failure = RunDialect::default().end(Exit::Code(0), migrated).unwrap_err();
    assert!(failure.message.contains("printed nothing"), "{}", failure.message);
}

#[test]
fn lines_that_are_no_json_are_read_over_and_serve_the_error() {
    let mut dialect = RunDialect::default();
    assert_eq!(dialect.line(b"Error: plugin broke").unwrap(), []);
    assert_eq!(dialect.line(b"{\"type\":\"text of mine\"").unwrap(), []);
    let failure = dialect.end(Exit::Code(0), "").unwrap_err();
    assert_eq!((failure.code, failure.exit_code), (Code::CliExit, Some(0)));
    assert!(failure.message.contains("plugin broke"), "{}", failure.message);
}

#[test]
fn a_record_that_noise_is_glued_to_is_found_and_one_that_is_torn_is_an_error() {
    let text = part("text", "msg_1", r#","text":"Hello","time":{"start":1,"end":2}"#);
    let lines = [
        part("step-start", "msg_1", ""),
        format!("loading plugin... \u{1b}]0;title\u{7}{text}\u{1b}[0m done"),
        part("step-finish", "msg_1", r#","reason":"stop","cost":0"#),
    ];
    let mut dialect = RunDialect::default();
    let events = feed(&mut dialect, &lines);
    let is_text =
        |event: &BusEvent| matches!(event, BusEvent::Part(part) if part.text.as_bytes() == b"Hello");
    assert_eq!(events.iter().filter(|event| is_text(event)).count(), 1, "{events:?}");
    assert!(dialect.end(Exit::Code(0), "").is_ok());

    let mut dialect = RunDialect::default();
    let (head, tail) = text.split_at(text.len() - 2);
    feed(&mut dialect, &[lines[0].clone(), format!("{head}\u{1b}[31mnoise{tail}"), lines[2].clone()]);
    let failure = dialect.end(Exit::Code(0), "").unwrap_err();
    assert_eq!(failure.code, Code::Protocol);
    assert!(
        failure.message.contains(r#"{"type":"text""#) && !failure.message.contains('\u{1b}'),
        "{}",
        failure.message
    );
    // How the process ended says more, and so does its own error.
    assert_eq!(dialect.end(Exit::Signal, "").unwrap_err().code, Code::CliExit);
    dialect.line(br#"{"type":"error","sessionID":"ses_1","error":{"name":"APIError"}}"#).unwrap();
    assert!(dialect.end(Exit::Code(1), "").is_ok());
}

#[test]
fn an_error_that_is_nested_deeply_is_an_error() {
    let deep = "[".repeat(300) + &"]".repeat(300);
    let line = format!(r#"{{"type":"error","sessionID":"ses_1","error":{{"a":{deep}}}}}"#);
    let events = RunDialect::default().line(line.as_bytes()).unwrap();
    assert!(matches!(&events[0], BusEvent::Error { error, .. } if error["a"].is_array()));
}

#[test]
fn what_ended_before_it_began_is_told_from_what_may_have_begun() {
    assert!(never_began("Error: Unexpected error\n\nFailed query: \n        CREATE TABLE `workspace` (\n"));
    assert!(never_began("database is locked\n"));
    assert!(!never_began("Failed query: insert into message"));
    assert!(!never_began("Error: Unexpected error"));
}

#[test]
fn what_is_held_as_a_summary_comes_before_an_error() {
    let mut dialect = RunDialect::new(true, Generation::V1);
    let text = part("text", "msg_1", r#","text":"Half","time":{"start":1,"end":2}"#);
    assert_eq!(feed(&mut dialect, &[part("step-start", "msg_1", ""), text]), []);
    assert!(dialect.waits());
    let line = r#"{"type":"error","sessionID":"ses_1","error":{"name":"APIError"}}"#;
    let events = dialect.line(line.as_bytes()).unwrap();
    assert!(matches!(
        events[..],
        [BusEvent::Message(_), BusEvent::Part(_), BusEvent::Part(_), BusEvent::Error { .. }]
    ));
}

#[test]
fn a_part_that_cannot_be_read_is_an_error_and_no_silence() {
    let line = r#"{"type":"text","timestamp":1,"sessionID":"ses_1","part":{"type":"text"}}"#;
    assert_eq!(RunDialect::default().line(line.as_bytes()).unwrap_err().code, Code::Protocol);
}

#[test]
fn an_end_in_the_middle_of_a_step_is_an_error_whatever_the_exit_code() {
    let mut dialect = RunDialect::default();
    feed(&mut dialect, &[part("step-start", "msg_1", "")]);
    assert_eq!(dialect.end(Exit::Code(0), "").unwrap_err().code, Code::CliExit);
    assert_eq!(dialect.end(Exit::Signal, "").unwrap_err().exit_code, None);
}

#[test]
fn the_error_it_told_is_the_error() {
    let mut dialect = RunDialect::default();
    let line = r#"{"type":"error","timestamp":1,"sessionID":"ses_1","error":{"name":"APIError","data":{"message":"bad key","statusCode":401}}}"#;
    let events = dialect.line(line.as_bytes()).unwrap();
    assert!(matches!(&events[0], BusEvent::Error { error, .. } if error["data"]["statusCode"] == 401));
    assert!(dialect.end(Exit::Code(1), "").is_ok());
}

#[test]
fn a_menu_that_waits_for_a_key_is_an_error_and_no_wait() {
    for menu in [
        // As 1.1.31 wrote it, and as 1.0.142 and 1.0.185 do.
        "\u{1b}[?25l│\n◆  Permission required: bash (echo permitted)",
        "\u{1b}[?25l│\n◆  Permission required to run: echo permitted",
    ] {
        let mut dialect = RunDialect::default();
        let failure = menu.lines().find_map(|line| dialect.line(line.as_bytes()).err()).unwrap();
        assert_eq!(failure.code, Code::UnsupportedVersion);
        assert!(failure.data.unwrap()["ask"].as_str().unwrap().contains("echo permitted"));
    }
}

#[test]
fn a_permission_it_rejected_by_itself_is_told() {
    let mut dialect = RunDialect::default();
    feed(&mut dialect, &[part("step-start", "msg_1", "")]);
    // As 1.18.33 wrote it to standard error.
    let mut complaints = Complaints::default();
    complaints.feed(b"\x1b[93m\x1b[1m! \x1b[0mpermission requested: bash (echo permitted); auto-rejecting\n");
    let asked = complaints.take().unwrap();
    let Some(BusEvent::Asked(ask)) = dialect.rejected(&asked) else { panic!() };
    let AskKind::Permission { permission, patterns, .. } = ask.kind else { panic!() };
    assert_eq!((permission.as_str(), patterns), ("bash", vec!["echo permitted".to_owned()]));
    complaints.feed(b"something else\n");
    assert_eq!(complaints.take(), None);
}

#[test]
fn a_flag_that_the_release_lacks_is_an_error_and_values_may_begin_with_a_dash() {
    let old = Flags::new("--format  format\n -s, --session  session\n --title  title\n");
    let options = RunOptions { session: Some("ses_1"), title: Some("-x"), ..RunOptions::default() };
    assert_eq!(
        arguments(&options, &old).unwrap(),
        ["run", "--format", "json", "--session=ses_1", "--title=-x"]
    );
    for (title, word) in
        [("\"a\"", "--title=\"\"a\"\""), ("'a'", "--title=\"'a'\""), ("a \"b\"", "--title=a \"b\"")]
    {
        let options = RunOptions { title: Some(title), ..RunOptions::default() };
        assert_eq!(arguments(&options, &old).unwrap()[3], word);
    }
    let fork = RunOptions { fork: true, ..options };
    assert_eq!(arguments(&fork, &old).unwrap_err().code, Code::UnsupportedVersion);
    let new = Flags::new("--format --session --title --fork --thinking --auto");
    let allow = RunOptions { allow: true, ..fork };
    assert_eq!(
        arguments(&allow, &new).unwrap()[3..],
        ["--session=ses_1", "--title=-x", "--fork", "--auto", "--thinking"]
    );
}

#[test]
fn objects_that_a_plugin_logs_are_no_records() {
    let mut dialect = RunDialect::default();
    let logged = |kind: &str, session: &str| {
        format!(
            r#"{{"type":"{kind}","sessionID":"{session}","part":{{"id":"p","messageID":"m","sessionID":"{session}","type":"text","text":"NOISE"}}}}"#
        )
    };
    let events = feed(
        &mut dialect,
        &[
            logged("message.part.updated", "ses_plugin"),
            part("step-start", "msg_1", ""),
            logged("message.part.updated", "ses_1"),
            logged("text", "ses_plugin"),
            part("text", "msg_1", r#","text":"ours""#) + &logged("text", "ses_plugin"),
            part("step-finish", "msg_1", r#","reason":"stop","cost":0"#),
        ],
    );
    assert_eq!(dialect.session(), Some("ses_1"));
    assert!(!format!("{events:?}").contains("NOISE"));
    assert!(dialect.end(Exit::Code(0), "").is_ok());
}

#[test]
fn an_error_is_told_whatever_stands_in_it() {
    for words in [r#""\ud83d""#, "1e999"] {
        let mut dialect = RunDialect::default();
        let line = format!(r#"{{"type":"error","sessionID":"ses_1","error":{{"name":"x","data":{words}}}}}"#);
        let events = dialect.line(line.as_bytes()).unwrap();
        assert!(matches!(events.last(), Some(BusEvent::Error { .. })), "{words}: {events:?}");
    }
}
