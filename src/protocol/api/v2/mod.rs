//! Generation 2: `/api/*`, JSON in and out, `{ "data": … }` around what is asked for and `{ "_tag", … }`
//! around what went wrong. Unknown fields of a body are ignored by OpenCode without a word, so nothing is
//! sent that it does not know.

mod asks;
mod catalogue;
mod errors;
mod info;
mod look;
mod lookup;
mod parts;
mod prompt;
mod rules;
pub mod service;
mod session;
mod settings;
pub mod started;
#[cfg(test)]
mod tests;
mod wire;
mod words;

pub use asks::{pending_forms, pending_permissions, reply};
pub use catalogue::{
    AgentEntry, ModelEntry, agents, default_model, models, read_agents, read_default_model, read_models,
};
pub use errors::refusal;
pub use info::{Probe, info, preview, preview_health, probe, unknown_release};
pub use look::{active, inbox, messages, read_active, read_inbox, read_last_agent};
pub use lookup::{check_agent, check_model};
pub use parts::of_parts;
pub use prompt::{Attachment, Prompt, StoredPrompt, interrupt, read_stored, send, was_interrupted, withdraw};
pub use rules::{Effect, Rule, of_tools};
pub use session::{
    Change, ModelRef, NewSession, SessionRecord, children, create, delete, delete_instruction, find, fork,
    latest, newest, own_directory, put_instruction, read_own_directory, read_session, read_sessions,
    select_agent, select_model, update,
};
pub use settings::{Around, Defaults, INSTRUCTION, Settings, around};
pub use words::{WrittenPrompts, read_waiting, read_written, with_words};
