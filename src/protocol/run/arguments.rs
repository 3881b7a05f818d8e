//! The words of `opencode run`, and which of them a release knows. The prompt is not among them: words
//! are rewritten by OpenCode and limited by the system, so it goes by standard input.

use crate::error::{Code, Failure};
use crate::protocol::release::Generation;

/// The flags that a release's `opencode run --help` lists.
#[derive(Clone, Debug, Default)]
pub struct Flags(String);

impl Flags {
    pub fn new(help: &str) -> Self {
        Self(help.to_owned())
    }

    /// Whether this is a help text at all.
    pub fn is_help(&self) -> bool {
        self.has("format")
    }

    /// Generation 2 talks to a background service, and starts and leaves one, unless it is told not to.
    pub fn generation(&self) -> Generation {
        if self.has("standalone") { Generation::V2 } else { Generation::V1 }
    }

    pub fn has(&self, flag: &str) -> bool {
        let flag = format!("--{flag}");
        self.0.split_whitespace().any(|word| word.trim_end_matches(',') == flag)
    }
}

/// What a turn asks of the command line.
#[derive(Clone, Debug, Default)]
pub struct RunOptions<'a> {
    pub session: Option<&'a str>,
    pub newest: bool,
    pub fork: bool,
    pub title: Option<&'a str>,
    pub model: Option<String>,
    pub agent: Option<&'a str>,
    pub variant: Option<&'a str>,
    /// Answer every ask with yes.
    pub allow: bool,
}

/// # Errors
/// When the release has no such flag.
pub fn arguments(options: &RunOptions<'_>, flags: &Flags) -> Result<Vec<String>, Failure> {
    let mut words: Vec<String> = ["run", "--format", "json"].map(str::to_owned).into();
    if flags.has("standalone") {
        words.push("--standalone".to_owned());
    }
    // A model's variant is a part of its name there.
    let (model, variant) = match (&options.model, options.variant) {
        (Some(model), Some(variant)) if !flags.has("variant") => (Some(format!("{model}#{variant}")), None),
        (model, variant) => (model.clone(), variant),
    };
    // One word for each flag and its value: a value may begin with a dash.
    let mut add = |flag: &str, value: Option<&str>| {
        if !flags.has(flag) {
            return Err(unknown(flag));
        }
        words.push(value.map_or_else(|| format!("--{flag}"), |value| format!("--{flag}={}", quoted(value))));
        Ok(())
    };
    let valued = [
        ("session", options.session),
        ("title", options.title),
        ("model", model.as_deref()),
        ("agent", options.agent),
        ("variant", variant),
    ];
    for (flag, value) in valued.into_iter().filter_map(|(flag, value)| Some((flag, value?))) {
        add(flag, Some(value))?;
    }
    if options.newest {
        add("continue", None)?;
    }
    if options.fork {
        add("fork", None)?;
    }
    if options.allow {
        add(if flags.has("auto") { "auto" } else { "dangerously-skip-permissions" }, None)?;
    }
    // Without it reasoning is not told; releases before 1.1.65 never tell it.
    if flags.has("thinking") {
        add("thinking", None)?;
    }
    Ok(words)
}

/// OpenCode takes the quotes off a value that stands in some, so such a one gets a pair more.
fn quoted(value: &str) -> String {
    let stands_in = |quote: char| value.starts_with(quote) && value.ends_with(quote);
    if stands_in('"') || stands_in('\'') { format!("\"{value}\"") } else { value.to_owned() }
}

fn unknown(flag: &str) -> Failure {
    Failure::new(Code::UnsupportedVersion, format!("`opencode run` of this release has no --{flag}"))
        .hint("update OpenCode, leave the option out, or use another route")
}
