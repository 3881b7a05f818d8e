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
    dialect.stderr_line("permission requested: bash (ls); auto-rejecting").unwrap();
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
    assert_eq!(dialect.line(b"{\"type\":\"text\"").unwrap(), []);
    let failure = dialect.end(Exit::Code(0), "").unwrap_err();
    assert_eq!((failure.code, failure.exit_code), (Code::CliExit, Some(0)));
    assert!(failure.message.contains("plugin broke"), "{}", failure.message);
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
    let line = "\u{1b}[93m\u{1b}[1m! \u{1b}[0mpermission requested: bash (echo permitted); auto-rejecting";
    let Some(BusEvent::Asked(ask)) = dialect.stderr_line(line) else { panic!() };
    let AskKind::Permission { permission, patterns, .. } = ask.kind else { panic!() };
    assert_eq!((permission.as_str(), patterns), ("bash", vec!["echo permitted".to_owned()]));
    assert_eq!(dialect.stderr_line("something else"), None);
}

#[test]
fn a_flag_that_the_release_lacks_is_an_error_and_values_may_begin_with_a_dash() {
    let old = Flags::new("--format  format\n -s, --session  session\n --title  title\n");
    let options = RunOptions { session: Some("ses_1"), title: Some("-x"), ..RunOptions::default() };
    assert_eq!(
        arguments(&options, &old).unwrap(),
        ["run", "--format", "json", "--session=ses_1", "--title=-x"]
    );
    let fork = RunOptions { fork: true, ..options };
    assert_eq!(arguments(&fork, &old).unwrap_err().code, Code::UnsupportedVersion);
    let new = Flags::new("--format --session --title --fork --thinking --auto");
    let allow = RunOptions { allow: true, ..fork };
    assert_eq!(
        arguments(&allow, &new).unwrap()[3..],
        ["--session=ses_1", "--title=-x", "--fork", "--auto", "--thinking"]
    );
}
