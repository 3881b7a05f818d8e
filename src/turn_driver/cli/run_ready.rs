//! Everything before the prompt on the route `run`. What would go wrong in silence is looked up by other
//! commands first: `run` falls back to another agent, and older releases wait for ever for a session that
//! is not there, or end without a word for an unknown model.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::queue::{Place, Ticket};
use super::super::route::Refused;
use super::super::validate::{check_agent, check_model};
use super::{directory, of_the_turn, place, program, require_home, usable_directory};
use crate::error::{Code, Failure};
use crate::prompt;
use crate::protocol::json as bounded;
use crate::protocol::release::Generation;
use crate::protocol::run::{Flags, RunOptions, arguments};
use crate::protocol::turn::PermissionPolicy;
use crate::request::{LaunchRequest, Model, TurnRequest};
use crate::transport::{FirstStart, Program};

pub struct RunReady {
    pub program: Program,
    /// The words of the command.
    pub words: Vec<String>,
    pub prompt: String,
    pub generation: Generation,
    /// The messages the session had.
    pub before: HashSet<String>,
    /// Held until the first line.
    pub first: Option<FirstStart>,
    /// No other turn of this process has the session.
    pub _place: Option<Place>,
}

pub async fn run_ready(
    request: &TurnRequest,
    launch: &LaunchRequest,
    ticket: &mut Option<Ticket>,
) -> Result<RunReady, Refused> {
    usable_directory(request)?;
    let program = program(request, launch)?;
    let place = place(request, ticket).await;
    let first = program.first_start().await;
    let (flags, newest) = known(request, &program).await.map_err(of_the_turn)?;
    let generation = flags.generation();
    let options = RunOptions {
        session: request.session.id.as_deref().or(newest.as_deref()),
        newest: request.session.newest && newest.is_none(),
        fork: request.session.fork,
        title: request.session.title.as_deref(),
        model: request.model.as_ref().map(Model::name),
        agent: request.agent.as_deref(),
        variant: request.variant.as_deref(),
        allow: request.policies().permission == PermissionPolicy::Allow,
    };
    let words = arguments(&options, &flags).map_err(of_the_turn)?;
    let before = match generation {
        Generation::V1 => looked_up(request, &program).await.map_err(of_the_turn)?,
        // It tells what is not there itself, before it sends the prompt; its other commands would start the
        // background service, and leave it running.
        Generation::V2 => HashSet::new(),
    };
    let prompt = as_input(prompt::text(request));
    Ok(RunReady { program, words, prompt, generation, before, first, _place: place })
}

/// The release's flags, and the session to go on with, where that can be told.
async fn known(request: &TurnRequest, program: &Program) -> Result<(Flags, Option<String>), Failure> {
    let flags = program.flags().await?;
    let newest = match flags.generation() {
        Generation::V1 => newest(request, program).await?,
        Generation::V2 => None,
    };
    Ok((flags, newest))
}

async fn looked_up(request: &TurnRequest, program: &Program) -> Result<HashSet<String>, Failure> {
    let checks = futures::try_join!(model(request, program), agent(request, program), past(request, program));
    checks.map(|((), (), before)| before)
}

/// OpenCode drops a byte order mark at the head of its standard input, so one of the prompt's own comes second.
fn as_input(prompt: String) -> String {
    if prompt.starts_with('\u{FEFF}') { format!("\u{FEFF}{prompt}") } else { prompt }
}

/// The newest session of the directory, where `opencode session list` tells: what `--continue` takes is the oldest
/// one in 1.2.1.
async fn newest(request: &TurnRequest, program: &Program) -> Result<Option<String>, Failure> {
    if !request.session.newest {
        return Ok(None);
    }
    let listed = program.output(&["session", "list", "--format", "json"]).await?;
    Ok(listed.ok().and_then(|list| newest_of(&list, directory(request))))
}

fn newest_of(list: &str, directory: &str) -> Option<String> {
    let sessions = bounded::value(list.as_bytes())?;
    let here = sessions.as_array()?.iter().filter(|session| session["directory"] == directory);
    let newest = here.max_by_key(|session| session["updated"].as_u64())?;
    newest["id"].as_str().map(str::to_owned)
}

async fn model(request: &TurnRequest, program: &Program) -> Result<(), Failure> {
    if request.model.is_none() && request.variant.is_none() {
        return Ok(());
    }
    let list = succeeded(program, &["models", "--verbose"]).await?;
    check_model(request, &providers(&list))
}

/// `opencode models --verbose` prints each model's name on a line, and its object below: as
/// `GET /config/providers` would list them.
fn providers(list: &str) -> Value {
    let mut providers: Vec<Value> = Vec::new();
    let mut rest = list;
    while let Some((line, below)) = rest.split_once('\n') {
        rest = below;
        let Some((provider, model)) = line.split_once('/').filter(|_| !line.starts_with([' ', '{', '}']))
        else {
            continue;
        };
        let object = serde_json::Deserializer::from_str(below).into_iter::<bounded::Bounded>().next();
        let object = object.and_then(Result::ok).map_or_else(|| json!({}), |object| object.0);
        let at = providers.iter().position(|known| known["id"] == provider).unwrap_or_else(|| {
            providers.push(json!({ "id": provider, "models": {} }));
            providers.len() - 1
        });
        providers[at]["models"][model] = object;
    }
    json!({ "providers": providers })
}

async fn agent(request: &TurnRequest, program: &Program) -> Result<(), Failure> {
    let Some(wanted) = &request.agent else { return Ok(()) };
    let list = succeeded(program, &["agent", "list"]).await?;
    // `build (primary)`, and its rules below, indented.
    let named = list.lines().filter(|line| !line.starts_with([' ', '[', ']', '{', '}']));
    check_agent(wanted, named.filter_map(|line| Some(line.rsplit_once(" (")?.0)))
}

/// The messages the session held before the prompt.
async fn past(request: &TurnRequest, program: &Program) -> Result<HashSet<String>, Failure> {
    let Some(id) = &request.session.id else { return Ok(HashSet::new()) };
    let session = match program.output(&["export", id]).await? {
        Ok(export) => bounded::value(export.as_bytes()).unwrap_or_default(),
        Err(stderr) => {
            let mut failure = Failure::new(Code::SessionNotFound, format!("there is no session '{id}'"))
                .session(id)
                .hint("`opencode session list` shows a project's sessions");
            failure.stderr = Some(stderr);
            return Err(failure);
        }
    };
    require_home(id, session["info"]["directory"].as_str(), directory(request))?;
    let messages = session["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(messages.iter().filter_map(|message| message["info"]["id"].as_str().map(str::to_owned)).collect())
}

async fn succeeded(program: &Program, words: &[&str]) -> Result<String, Failure> {
    program.output(words).await?.map_err(|stderr| {
        let mut failure = Failure::new(Code::CliExit, format!("`opencode {}` failed", words.join(" ")))
            .hint("try it by hand");
        failure.stderr = Some(stderr);
        failure
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_of_the_prompt_comes_behind_one_that_is_dropped() {
        assert_eq!(as_input("\u{FEFF}a".into()), "\u{FEFF}\u{FEFF}a");
        assert_eq!(as_input("a\u{FEFF}".into()), "a\u{FEFF}");
    }

    #[test]
    fn the_newest_session_is_the_one_of_the_directory_that_was_updated_last() {
        let list = r#"[
            {"id":"ses_old","updated":1,"directory":"/work"},
            {"id":"ses_new","updated":3,"directory":"/work"},
            {"id":"ses_elsewhere","updated":4,"directory":"/tmp"}
        ]"#;
        assert_eq!(newest_of(list, "/work").as_deref(), Some("ses_new"));
        assert_eq!(newest_of(list, "/home"), None);
        assert_eq!(newest_of("", "/work"), None);
    }

    #[test]
    fn the_list_of_models_is_read_as_the_server_would_give_it() {
        let list =
            "a/one\n{\n  \"id\": \"one\",\n  \"variants\": {\n    \"high\": {}\n  }\n}\na/b/two\n{}\nc/x\n";
        let providers = providers(list);
        assert_eq!(providers["providers"][0]["id"], "a");
        assert!(providers["providers"][0]["models"]["one"]["variants"]["high"].is_object());
        assert!(providers["providers"][0]["models"]["b/two"].is_object());
        assert!(providers["providers"][1]["models"]["x"].is_object());
    }
}
