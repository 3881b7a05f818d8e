//! What a part says beyond its text, typed.

use serde::Serialize;
use serde_json::Value;

use super::json;

/// Generation 1 still says it in [`super::event::PartUpdate::raw`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Detail {
    #[default]
    Raw,
    /// Nothing beyond its text and place.
    Plain,
    Tool(ToolChange),
    Step(StepTotals),
}

impl Detail {
    /// How many bytes it holds, near enough.
    pub fn size(&self) -> usize {
        let mut sizes = CallSizes::default();
        if let Self::Tool(change) = self {
            sizes.learn(change);
        }
        sizes.total()
    }
}

/// How many bytes each field of a tool call holds, near enough. Only what is new is counted: a long call may have very
/// many changes.
#[derive(Debug, Default)]
pub struct CallSizes([usize; 5]);

impl CallSizes {
    pub fn learn(&mut self, newer: &ToolChange) {
        let value = |value: &Option<Value>| value.as_ref().map(json::size);
        let text = |text: &Option<String>| text.as_ref().map(String::len);
        let ToolChange { tool, input, output, error, metadata, .. } = newer;
        let theirs = [text(tool), value(input), text(output), text(error), value(metadata)];
        for (mine, theirs) in self.0.iter_mut().zip(theirs) {
            *mine = theirs.unwrap_or(*mine);
        }
    }

    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolStatus {
    Pending,
    Running,
    Completed,
    Error,
}

impl ToolStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }

    pub fn is_final(self) -> bool {
        self >= Self::Completed
    }
}

/// What is new of a tool call: what is `None` stays as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolChange {
    pub call_id: String,
    pub tool: Option<String>,
    pub status: ToolStatus,
    pub input: Option<Value>,
    pub output: Option<String>,
    pub error: Option<String>,
    pub metadata: Option<Value>,
}

impl ToolChange {
    pub fn new(call_id: impl Into<String>, status: ToolStatus) -> Self {
        Self {
            call_id: call_id.into(),
            tool: None,
            status,
            input: None,
            output: None,
            error: None,
            metadata: None,
        }
    }

    /// Takes what `newer` says. A list may be older than the stream: a call never goes back.
    pub fn merge(&mut self, newer: &Self) {
        if newer.status < self.status || self.status.is_final() {
            return;
        }
        self.status = newer.status;
        let take = |mine: &mut Option<Value>, theirs: &Option<Value>| {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        };
        take(&mut self.input, &newer.input);
        take(&mut self.metadata, &newer.metadata);
        for (mine, theirs) in [
            (&mut self.tool, &newer.tool),
            (&mut self.output, &newer.output),
            (&mut self.error, &newer.error),
        ] {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
    }
}

/// What a step came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepTotals {
    pub usage: Usage,
    pub cost: f64,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub input: f64,
    pub output: f64,
    pub reasoning: f64,
    pub cache_read: f64,
    pub cache_write: f64,
}

impl Usage {
    pub fn add(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.reasoning += other.reasoning;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_changes_often_weighs_what_it_holds() {
        let mut sizes = CallSizes::default();
        let call = ToolChange {
            input: Some(Value::from("x".repeat(1000))),
            ..ToolChange::new("c", ToolStatus::Running)
        };
        sizes.learn(&call);
        let first = sizes.total();
        assert!(first >= 1000 && Detail::Tool(call).size() == first);
        for length in [500, 700, 600] {
            sizes.learn(&ToolChange {
                output: Some("y".repeat(length)),
                ..ToolChange::new("c", ToolStatus::Running)
            });
        }
        assert_eq!(sizes.total(), first + 600);
    }
}
