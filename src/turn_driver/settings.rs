//! What a turn wants of its session beyond its words, where OpenCode keeps that in the session. What it would ignore in
//! silence is refused here.

use crate::error::{Accepted, Failure};
use crate::protocol::api::v2::{self, ModelRef, NewSession, Rule, SessionRecord};
use crate::request::TurnRequest;
use crate::transport::random_id;

#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    pub agent: Option<String>,
    pub model: Option<ModelRef>,
    /// Of a model that OpenCode chooses.
    pub variant: Option<String>,
    pub rules: Vec<Rule>,
    pub system: Option<String>,
    pub prompt: v2::Prompt,
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

    /// The prompt for a session.
    pub fn prompt_for(&self, session: &SessionRecord) -> v2::Prompt {
        v2::Prompt { steers: self.agent.is_some() || session.agent.is_some(), ..self.prompt.clone() }
    }

    /// A model in the variant that is wanted.
    pub fn with_variant(&self, model: Option<ModelRef>) -> Option<ModelRef> {
        let variant = self.variant.clone()?;
        model.map(|model| ModelRef { variant: Some(variant), ..model })
    }
}

/// Nothing has run.
fn unsent(failure: Failure) -> Failure {
    failure.accepted(Accepted::No)
}
