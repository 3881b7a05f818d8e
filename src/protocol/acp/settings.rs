//! What a session can be set to, as its opening tells. Releases differ: 1.1.31 lists `models` and `modes`,
//! later ones `configOptions` with the ids `model`, `mode` and `effort`.

use serde_json::{Value, json};

use crate::error::{Code, Failure};

/// What a turn wants of its session.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `provider/model`.
    pub model: Option<String>,
    pub agent: Option<String>,
    pub variant: Option<String>,
}

/// A setting: its current value and those it may have.
struct Choice {
    current: Option<String>,
    values: Vec<String>,
    /// Set by `session/set_config_option`; older releases have a method for each.
    is_option: bool,
}

/// The next request that makes the session as wanted, method and parameters; what it is about is wanted no
/// more. `opened` is what the session last said of itself: the variants are those of its model.
///
/// # Errors
/// When the session offers no such value.
pub fn next(
    opened: &Value,
    session: &str,
    wanted: &mut Wanted,
) -> Result<Option<(&'static str, Value)>, Failure> {
    if let Some(model) = wanted.model.take() {
        let choice = choice(opened, "model");
        if !choice.has(&model) {
            return Err(missing(Code::ModelNotFound, &format!("there is no model '{model}'"), &choice));
        }
        if choice.current.as_ref() != Some(&model) {
            return Ok(Some(choice.set(session, "model", &model)));
        }
    }
    if let Some(variant) = wanted.variant.take() {
        let choice = choice(opened, "effort");
        if choice.values.is_empty() {
            let message = "this release of OpenCode, or this model, has no variants over ACP";
            return Err(Failure::new(Code::UnsupportedOption, message)
                .hint("update OpenCode, leave `variant` out, or use another route"));
        }
        if !choice.has(&variant) {
            let message = format!("the model has no variant '{variant}'");
            return Err(missing(Code::ModelNotFound, &message, &choice));
        }
        // Set even if it seems to be set: a session shows a variant that nobody chose.
        return Ok(Some(choice.set(session, "effort", &variant)));
    }
    if let Some(agent) = wanted.agent.take() {
        let choice = choice(opened, "mode");
        if !choice.has(&agent) {
            let message = format!("there is no agent '{agent}' to begin a session with");
            return Err(missing(Code::AgentNotFound, &message, &choice));
        }
        if choice.current.as_ref() != Some(&agent) {
            return Ok(Some(choice.set(session, "mode", &agent)));
        }
    }
    Ok(None)
}

fn choice(opened: &Value, name: &str) -> Choice {
    let texts = |list: &Value, field: &str| {
        let items = list.as_array().into_iter().flatten();
        items.filter_map(|item| item[field].as_str().map(str::to_owned)).collect()
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let options = opened["configOptions"].as_array();
    if let Some(option) = options.and_then(|options| options.iter().find(|option| option["id"] == name)) {
        return Choice {
            current: text(&option["currentValue"]),
            values: texts(&option["options"], "value"),
            is_option: true,
        };
    }
    let (current, values) = match name {
        "model" => {
            (&opened["models"]["currentModelId"], texts(&opened["models"]["availableModels"], "modelId"))
        }
        "mode" => (&opened["modes"]["currentModeId"], texts(&opened["modes"]["availableModes"], "id")),
        _ => (&Value::Null, Vec::new()),
    };
    Choice { current: text(current), values, is_option: false }
}

impl Choice {
    fn has(&self, value: &str) -> bool {
        self.values.iter().any(|known| known == value)
    }

    fn set(&self, session: &str, name: &str, value: &str) -> (&'static str, Value) {
        if self.is_option {
            let params = json!({ "sessionId": session, "configId": name, "value": value });
            ("session/set_config_option", params)
        } else if name == "model" {
            ("session/set_model", json!({ "sessionId": session, "modelId": value }))
        } else {
            ("session/set_mode", json!({ "sessionId": session, "modeId": value }))
        }
    }
}

fn missing(code: Code, message: &str, choice: &Choice) -> Failure {
    let known = match choice.values.len() {
        0 => "none".to_owned(),
        1..=12 => choice.values.join(", "),
        more => format!("{}, and {} more", choice.values[..12].join(", "), more - 12),
    };
    Failure::new(code, message).hint(format!("this project has {known}"))
}
