//! Whether there is what the user named. OpenCode finds out only when a prompt runs, so it is looked up
//! before, in lists that are complete.

use super::catalogue::{AgentEntry, ModelEntry};
use super::session::ModelRef;
use crate::error::{Code, Failure};

/// How many names a hint has.
const SHOWN: usize = 12;

/// # Errors
/// When there is no such provider, model or variant.
pub fn check_model(models: &[ModelEntry], wanted: &ModelRef) -> Result<(), Failure> {
    let name = format!("{}/{}", wanted.provider_id, wanted.model_id);
    let of_provider = || models.iter().filter(|model| model.provider_id == wanted.provider_id);
    if of_provider().next().is_none() {
        let mut known: Vec<&str> = models.iter().map(|model| model.provider_id.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let message = format!("there is no provider for the model '{name}'");
        return Err(Failure::new(Code::ModelNotFound, message).hint(format!(
            "this server has {}; log in with `opencode auth login`, or configure it",
            some(&known)
        )));
    }
    let Some(model) = of_provider().find(|model| model.id == wanted.model_id) else {
        let known: Vec<&str> = of_provider().map(|model| model.id.as_str()).collect();
        return Err(Failure::new(Code::ModelNotFound, format!("there is no model '{name}'")).hint(format!(
            "provider '{}' has {}",
            wanted.provider_id,
            some(&known)
        )));
    };
    if !model.enabled {
        return Err(Failure::new(Code::ModelNotFound, format!("the model '{name}' is disabled"))
            .hint("OpenCode's configuration disables it"));
    }
    match &wanted.variant {
        Some(variant) if !model.has_variant(variant) => {
            let known: Vec<&str> = model.variants().collect();
            let message = format!("the model '{name}' has no variant '{variant}'");
            Err(Failure::new(Code::ModelNotFound, message).hint(format!("it has {}", some(&known))))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// When there is no such agent.
pub fn check_agent(agents: &[AgentEntry], wanted: &str) -> Result<(), Failure> {
    if agents.iter().any(|agent| agent.id == wanted) {
        return Ok(());
    }
    let known: Vec<&str> = agents.iter().map(|agent| agent.id.as_str()).collect();
    Err(Failure::new(Code::AgentNotFound, format!("there is no agent '{wanted}'"))
        .hint(format!("this project has {}", some(&known))))
}

fn some(names: &[&str]) -> String {
    match names.len() {
        0 => "none".to_owned(),
        1..=SHOWN => names.join(", "),
        more => format!("{}, and {} more", names[..SHOWN].join(", "), more - SHOWN),
    }
}
