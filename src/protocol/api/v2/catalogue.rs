//! Models and agents of a directory. While OpenCode loads a directory it answers 200 with a part of them:
//! a list is to be believed only when a prompt has been stored there (`send` with `parked`).

use serde::Deserialize;

use super::session::ModelRef;
use super::wire::{data, located};
use crate::error::Failure;
use crate::protocol::answer::Answer;
use crate::protocol::call::{Method, Request};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ModelEntry {
    #[serde(rename = "providerID")]
    pub provider_id: String,
    pub id: String,
    #[serde(default = "enabled")]
    pub enabled: bool,
    #[serde(default)]
    variants: Vec<Variant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Variant {
    id: String,
}

fn enabled() -> bool {
    true
}

impl ModelEntry {
    pub fn has_variant(&self, name: &str) -> bool {
        self.variants.iter().any(|variant| variant.id == name)
    }

    /// As a session has it.
    pub fn reference(&self) -> ModelRef {
        ModelRef { provider_id: self.provider_id.clone(), model_id: self.id.clone(), variant: None }
    }

    pub fn variants(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().map(|variant| variant.id.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AgentEntry {
    /// By which it is chosen; its name is for people.
    pub id: String,
    #[serde(default)]
    pub mode: Option<String>,
    #[serde(default)]
    pub hidden: bool,
    #[serde(default)]
    pub model: Option<ModelRef>,
}

impl AgentEntry {
    /// A prompt may be answered by it, without being told to.
    pub fn is_primary(&self) -> bool {
        !self.hidden && self.mode.as_deref() != Some("subagent")
    }
}

pub fn models(directory: &str) -> Request {
    located(Request::new(Method::Get, "/api/model"), directory)
}

/// The model that a session without one uses: a variant alone is one of this model's.
pub fn default_model(directory: &str) -> Request {
    located(Request::new(Method::Get, "/api/model/default"), directory)
}

pub fn agents(directory: &str) -> Request {
    located(Request::new(Method::Get, "/api/agent"), directory)
}

pub fn read_models(answer: &Answer) -> Result<Vec<ModelEntry>, Failure> {
    data(answer)
}

/// `None`: nothing is configured, and OpenCode would choose a model in its cloud.
pub fn read_default_model(answer: &Answer) -> Result<Option<ModelEntry>, Failure> {
    data(answer)
}

pub fn read_agents(answer: &Answer) -> Result<Vec<AgentEntry>, Failure> {
    data(answer)
}
