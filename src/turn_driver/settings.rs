//! What a turn wants of its session beyond its words. OpenCode 2 keeps it in the session, so it is set before the
//! prompt and put back behind the turn; what it would ignore in silence is refused here.

use super::api_v2::ApiV2;
use super::created_session::CreatedSession;
use crate::error::{Accepted, Code, Failure};
use crate::protocol::api::v2::{
    self, Around, Defaults, ModelEntry, ModelRef, NewSession, Rule, SessionRecord, Settings, around,
};
use crate::protocol::call::Request;
use crate::request::TurnRequest;
use crate::transport::random_id;

#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    agent: Option<String>,
    model: Option<ModelRef>,
    /// Of a model that OpenCode chooses.
    variant: Option<String>,
    rules: Vec<Rule>,
    system: Option<String>,
    prompt: v2::Prompt,
}

impl SessionSettings {
    /// # Errors
    /// For what OpenCode 2 would not do, or not say.
    pub fn of(request: &TurnRequest) -> Result<Self, Failure> {
        let instruction = request.json.as_ref().map(|json| json.instruction.as_str());
        let (text, files) = v2::of_parts(&request.parts, instruction).map_err(unsent)?;
        let rules = request.tools.as_ref().map(v2::of_tools).transpose().map_err(unsent)?;
        let model = request.model.as_ref().map(|model| ModelRef {
            provider_id: model.provider_id.clone(),
            model_id: model.model_id.clone(),
            variant: request.variant.clone(),
        });
        Ok(Self {
            agent: request.agent.clone(),
            variant: request.variant.clone().filter(|_| model.is_none()),
            model,
            rules: rules.unwrap_or_default(),
            system: request.system.clone(),
            prompt: v2::Prompt { id: format!("msg_{}", random_id()?), text, files, steers: false },
        })
    }

    /// A session that is made for the turn has its agent and model from the start.
    pub fn new_session(&self, directory: &str, title: Option<&str>) -> NewSession {
        NewSession {
            directory: directory.to_owned(),
            title: title.map(str::to_owned),
            agent: self.agent.clone(),
            model: self.model.clone(),
            rules: Vec::new(),
        }
    }

    /// Looks up what was named and sets it. Returns what puts the session back, which `created` sees to until then.
    ///
    /// # Errors
    /// When there is no such model, variant or agent.
    pub async fn apply(
        &self,
        api: &ApiV2,
        session: &SessionRecord,
        created: &CreatedSession,
    ) -> Result<Vec<Request>, Failure> {
        let found = self.look_up(api, session, created).await?;
        let settings = Settings {
            agent: self.agent.clone(),
            model: found.model,
            rules: self.rules.clone(),
            system: self.system.clone(),
        };
        let Around { before, after } = around(session, &settings, &found.defaults);
        created.put_back(api, after.clone());
        for request in before {
            api.tell(&request).await.map_err(unsent)?;
        }
        Ok(after)
    }

    /// The prompt for a session.
    pub fn prompt_for(&self, session: &SessionRecord) -> v2::Prompt {
        v2::Prompt { steers: self.agent.is_some() || session.agent.is_some(), ..self.prompt.clone() }
    }

    /// OpenCode answers with a part of its models and agents while it loads a directory; only a prompt waits for
    /// that. So ours is stored there first, and not run.
    async fn look_up(
        &self,
        api: &ApiV2,
        session: &SessionRecord,
        created: &CreatedSession,
    ) -> Result<Found, Failure> {
        if self.agent.is_none() && self.model.is_none() && self.variant.is_none() {
            return Ok(Found::default());
        }
        created.put_back(api, vec![v2::withdraw(&session.id, &self.prompt.id)]);
        let parked = api.send(&session.id, &self.prompt_for(session), true).await;
        let parked = parked.map_err(|error| unsent(error.failure))?;
        if let Some(refusal) = v2::refusal(&parked) {
            return Err(unsent(refusal));
        }
        let mut found = Found { model: self.model.clone(), ..Found::default() };
        if let Some(agent) = &self.agent {
            let agents = v2::read_agents(&api.ask(&v2::agents(&api.directory)).await?)?;
            v2::check_agent(&agents, agent).map_err(unsent)?;
            if session.agent.is_none() {
                let first = || agents.iter().find(|agent| agent.is_primary()).map(|agent| agent.id.clone());
                found.defaults.agent = api.last_agent(&session.id).await?.or_else(first);
            }
            found.model = found.model.or_else(|| self.with_variant(agents_model(&agents, agent)));
        }
        if self.model.is_none() && self.variant.is_none() {
            found.model = None;
            return Ok(found);
        }
        let default = v2::read_default_model(&api.ask(&v2::default_model(&api.directory)).await?)?;
        let default = default.map(|entry: ModelEntry| entry.reference());
        found.defaults.model.clone_from(&default);
        found.model = found.model.or_else(|| self.with_variant(session.model.clone().or(default)));
        let Some(model) = &found.model else {
            return Err(unsent(
                Failure::new(Code::UnsupportedOption, "`variant` is given, and no model is configured")
                    .hint("pass `model` too"),
            ));
        };
        let models = v2::read_models(&api.ask(&v2::models(&api.directory)).await?)?;
        v2::check_model(&models, model).map_err(unsent)?;
        Ok(found)
    }

    fn with_variant(&self, model: Option<ModelRef>) -> Option<ModelRef> {
        let variant = self.variant.clone()?;
        model.map(|model| ModelRef { variant: Some(variant), ..model })
    }
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
