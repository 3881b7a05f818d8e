//! Sets a session of OpenCode 2 up for a turn: what was named is looked up and set before the prompt, and put back
//! behind the turn.

use super::api_v2::ApiV2;
use super::created_session::CreatedSession;
use super::settings::SessionSettings;
use crate::error::{Accepted, Code, Failure};
use crate::protocol::api::v2::{
    self, Around, Defaults, ModelEntry, ModelRef, SessionRecord, Settings, around,
};
use crate::protocol::call::Request;

/// Looks up what was named and sets it. Returns what puts the session back, which `created` sees to until then.
///
/// # Errors
/// When there is no such model, variant or agent.
pub async fn set_up(
    wanted: &SessionSettings,
    api: &ApiV2,
    session: &SessionRecord,
    created: &CreatedSession,
) -> Result<Vec<Request>, Failure> {
    let found = look_up(wanted, api, session, created).await?;
    let settings = Settings {
        agent: wanted.agent.clone(),
        model: found.model,
        rules: wanted.rules.clone(),
        system: wanted.system.clone(),
    };
    let Around { before, after } = around(session, &settings, &found.defaults);
    created.put_back(api, after.clone());
    for request in before {
        api.tell(&request).await.map_err(unsent)?;
    }
    Ok(after)
}

/// OpenCode answers with a part of its models and agents while it loads a directory; only a prompt waits for
/// that. So ours is stored there first, and not run.
async fn look_up(
    wanted: &SessionSettings,
    api: &ApiV2,
    session: &SessionRecord,
    created: &CreatedSession,
) -> Result<Found, Failure> {
    if wanted.agent.is_none() && wanted.model.is_none() && wanted.variant.is_none() {
        return Ok(Found::default());
    }
    created.put_back(api, vec![v2::withdraw(&session.id, &wanted.prompt.id)]);
    let parked = api.send(&session.id, &wanted.prompt_for(session), true).await;
    let parked = parked.map_err(|error| unsent(error.failure))?;
    if let Some(refusal) = v2::refusal(&parked) {
        return Err(unsent(refusal));
    }
    let mut found = Found { model: wanted.model.clone(), ..Found::default() };
    let mut own = None;
    if let Some(agent) = &wanted.agent {
        let agents = v2::read_agents(&api.ask(&v2::agents(&api.directory)).await?)?;
        v2::check_agent(&agents, agent).map_err(unsent)?;
        if session.agent.is_none() {
            let first = || agents.iter().find(|agent| agent.is_primary()).map(|agent| agent.id.clone());
            found.defaults.agent = api.last_agent(&session.id).await?.or_else(first);
        }
        own = agents_model(&agents, agent);
    }
    if wanted.model.is_none() && wanted.variant.is_none() {
        // OpenCode would run an agent whose model it does not know on another one, in silence.
        if let Some(model) = &own {
            check_model(api, model).await?;
        }
        return Ok(found);
    }
    found.model = found.model.or_else(|| wanted.with_variant(own));
    let default = v2::read_default_model(&api.ask(&v2::default_model(&api.directory)).await?)?;
    let default = default.map(|entry: ModelEntry| entry.reference());
    found.defaults.model.clone_from(&default);
    found.model = found.model.or_else(|| wanted.with_variant(session.model.clone().or(default)));
    let Some(model) = &found.model else {
        return Err(unsent(
            Failure::new(Code::UnsupportedOption, "`variant` is given, and no model is configured")
                .hint("pass `model` too"),
        ));
    };
    check_model(api, model).await?;
    Ok(found)
}

async fn check_model(api: &ApiV2, model: &ModelRef) -> Result<(), Failure> {
    let models = v2::read_models(&api.ask(&v2::models(&api.directory)).await?)?;
    v2::check_model(&models, model).map_err(unsent)
}

fn agents_model(agents: &[v2::AgentEntry], name: &str) -> Option<ModelRef> {
    agents.iter().find(|agent| agent.id == name)?.model.clone()
}

/// What the catalogue says.
#[derive(Default)]
struct Found {
    model: Option<ModelRef>,
    defaults: Defaults,
}

fn unsent(failure: Failure) -> Failure {
    failure.accepted(Accepted::No)
}
