//! When is a turn of generation 2 over? OpenCode says it once: the execution of the session ends, or the
//! next prompt is delivered. What has to be told apart is whose end it is: one execution may work on several
//! prompts, and one that ends before our prompt was delivered is another prompt's.

mod prompt_fate;
mod standing;
mod state;
#[cfg(test)]
mod tests;

pub use prompt_fate::PromptFate;
pub use standing::Look;
pub use state::{End, Execution, Sign, Standing, Stop};
