//! What a turn wants of its session beyond the prompt. Agent, model, rules and instructions stay for all
//! later turns, so what a turn changes is put back behind it. Measured at 2.0.15: a session's own agent or
//! model can be replaced and not removed, and `permissions: null` changes nothing, where `[]` clears them.

use super::rules::Rule;
use super::session::{
    Change, ModelRef, SessionRecord, delete_instruction, put_instruction, select_agent, select_model, update,
};
use crate::protocol::call::Request;

/// The name of our entry among a session's instructions.
pub const INSTRUCTION: &str = "opencode-stream";

/// What is set for one turn; `None` and nothing: as the session has it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub agent: Option<String>,
    pub model: Option<ModelRef>,
    /// Behind the session's own rules, so that they decide.
    pub rules: Vec<Rule>,
    /// Text for the system message.
    pub system: Option<String>,
}

/// What a session without an agent or a model of its own uses.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    pub agent: Option<String>,
    pub model: Option<ModelRef>,
}

/// Requests around a turn, each list in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Around {
    pub before: Vec<Request>,
    pub after: Vec<Request>,
}

impl Around {
    /// `undo`: `None` where it cannot be put back.
    fn add(&mut self, change: Request, undo: Option<Request>) {
        self.before.push(change);
        // The last change is undone first.
        if let Some(undo) = undo {
            self.after.insert(0, undo);
        }
    }
}

/// What a turn with `settings` in an existing session takes.
pub fn around(session: &SessionRecord, settings: &Settings, defaults: &Defaults) -> Around {
    let id = &session.id;
    let mut around = Around::default();
    if let Some(agent) = settings.agent.as_ref().filter(|agent| session.agent.as_ref() != Some(agent)) {
        let own = session.agent.as_ref().or(defaults.agent.as_ref());
        around.add(select_agent(id, agent), own.map(|own| select_agent(id, own)));
    }
    if let Some(model) = settings.model.as_ref().filter(|model| session.model.as_ref() != Some(model)) {
        let own = session.model.as_ref().or(defaults.model.as_ref());
        around.add(select_model(id, model), own.map(|own| select_model(id, own)));
    }
    if !settings.rules.is_empty() {
        let own = session.rules.clone().unwrap_or_default();
        let rules = [own.clone(), settings.rules.clone()].concat();
        around.add(with_rules(id, rules), Some(with_rules(id, own)));
    }
    if let Some(system) = &settings.system {
        around.add(put_instruction(id, INSTRUCTION, system), Some(delete_instruction(id, INSTRUCTION)));
    }
    around
}

fn with_rules(id: &str, rules: Vec<Rule>) -> Request {
    update(id, &Change { rules: Some(rules), title: None })
}
