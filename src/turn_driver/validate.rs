//! Models, variants and agents are looked up before anything is sent: some releases answer a prompt
//! with an unknown one by saying nothing at all.

use serde_json::Value;

use super::api_client::ApiClient;
use crate::error::{Code, Failure};
use crate::request::TurnRequest;

/// OpenCode 2 has no list to believe before its prompt is stored: see `settings.rs`.
pub async fn validate(request: &TurnRequest, api: &ApiClient) -> Result<(), Failure> {
    let ApiClient::V1(api) = api else { return Ok(()) };
    let model = async {
        if request.model.is_none() && request.variant.is_none() {
            return Ok(());
        }
        check_model(request, &api.providers().await?)
    };
    let agent = async {
        let Some(wanted) = &request.agent else { return Ok(()) };
        let agents = api.agents().await?;
        let agents = agents.as_array().map(Vec::as_slice).unwrap_or_default();
        check_agent(wanted, agents.iter().filter_map(|agent| agent["name"].as_str()))
    };
    futures::try_join!(model, agent).map(drop)
}

/// `providers` as `GET /config/providers` gives them.
pub fn check_model(request: &TurnRequest, providers: &Value) -> Result<(), Failure> {
    let variant = &request.variant;
    let providers = providers["providers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(wanted) = &request.model else { return known_somewhere(providers, variant.as_deref()) };
    let name = format!("{}/{}", wanted.provider_id, wanted.model_id);
    let Some(provider) = providers.iter().find(|provider| provider["id"] == *wanted.provider_id) else {
        let known = names(providers.iter().map(|provider| &provider["id"]));
        return Err(Failure::new(
            Code::ModelNotFound,
            format!("there is no provider for the model '{name}'"),
        )
        .hint(format!("this server has {known}; log in with `opencode auth login`, or configure it")));
    };
    let models = provider["models"].as_object();
    let Some(model) = models.and_then(|models| models.get(&wanted.model_id)) else {
        let known = models.map(|models| some(models.keys().map(String::as_str))).unwrap_or_default();
        return Err(Failure::new(Code::ModelNotFound, format!("there is no model '{name}'"))
            .hint(format!("provider '{}' has {known}", wanted.provider_id)));
    };
    match variant {
        Some(variant) if model["variants"].get(variant).is_none() => Err(no_variant(&name, variant, model)),
        _ => Ok(()),
    }
}

/// OpenCode chooses the model, so only it can say which variants there are; a release that knows none of
/// them would drop the option in silence.
fn known_somewhere(providers: &[Value], variant: Option<&str>) -> Result<(), Failure> {
    let models = providers.iter().filter_map(|provider| provider["models"].as_object()).flatten();
    let variants: Vec<&Value> = models.filter_map(|(_, model)| model.get("variants")).collect();
    let wanted = variant.unwrap_or_default();
    if variants.iter().any(|variants| variants.get(wanted).is_some()) {
        return Ok(());
    }
    if !variants.is_empty() {
        return Err(Failure::new(Code::ModelNotFound, format!("no model here has a variant '{wanted}'"))
            .hint("pass `model` too: the error then names the variants it has"));
    }
    Err(Failure::new(Code::UnsupportedOption, "this release of OpenCode knows no variants")
        .hint("update OpenCode, or leave `variant` out"))
}

fn no_variant(name: &str, variant: &str, model: &Value) -> Failure {
    let known = model["variants"].as_object().map(|variants| some(variants.keys().map(String::as_str)));
    let failure = Failure::new(Code::ModelNotFound, format!("the model '{name}' has no variant '{variant}'"));
    match known {
        Some(known) if !known.is_empty() => failure.hint(format!("it has {known}")),
        _ => failure.hint("it has none; leave `variant` out"),
    }
}

pub fn check_agent<'a>(wanted: &str, known: impl Iterator<Item = &'a str> + Clone) -> Result<(), Failure> {
    if known.clone().any(|agent| agent == wanted) {
        return Ok(());
    }
    Err(Failure::new(Code::AgentNotFound, format!("there is no agent '{wanted}'"))
        .hint(format!("this project has {}", some(known))))
}

fn names<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    some(values.filter_map(Value::as_str))
}

/// A dozen of them, for a hint that one can read.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => "none".to_owned(),
        1..=12 => names.join(", "),
        more => format!("{}, and {} more", names[..12].join(", "), more - 12),
    }
}
