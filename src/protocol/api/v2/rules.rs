//! Which tools a model may use: rules of the session, of which the last that matches decides. A rule that
//! denies all of a tool takes it out of the model's list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Failure};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Rule {
    pub action: String,
    pub resource: String,
    pub effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    Allow,
    Ask,
    Deny,
}

/// Names of 2.0.15. A rule for an unknown one has no effect, and OpenCode does not say so.
const KNOWN: [&str; 12] = [
    "edit",
    "execute",
    "glob",
    "grep",
    "question",
    "read",
    "shell",
    "skill",
    "subagent",
    "webfetch",
    "websearch",
    "*",
];

/// The rules for `tools: { name: boolean }`, the names of generation 1 understood. `*` goes first, so that
/// names decide against it.
///
/// # Errors
/// For a tool that cannot be turned on or off by itself, or is unknown.
pub fn of_tools(tools: &BTreeMap<String, bool>) -> Result<Vec<Rule>, Failure> {
    let mut rules = Vec::with_capacity(tools.len());
    for (name, on) in tools {
        let action = action(name)?;
        let effect = if *on { Effect::Allow } else { Effect::Deny };
        let rule = Rule { action: action.to_owned(), resource: "*".to_owned(), effect };
        let at = if action == "*" { 0 } else { rules.len() };
        rules.insert(at, rule);
    }
    Ok(rules)
}

fn action(name: &str) -> Result<&str, Failure> {
    match name {
        "bash" => Ok("shell"),
        "task" => Ok("subagent"),
        "write" => Err(refused(name, "writes with the same permission as `edit`")
            .hint("turn `edit` on or off, which is both")),
        name if KNOWN.contains(&name) => Ok(name),
        _ => Err(refused(name, "has no such tool")
            .hint(format!("the tools of OpenCode 2 are {}", KNOWN[..KNOWN.len() - 1].join(", ")))),
    }
}

fn refused(name: &str, why: &str) -> Failure {
    Failure::new(Code::UnsupportedOption, format!("tools.{name}: OpenCode 2 {why}"))
}
