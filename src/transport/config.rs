//! The OpenCode configuration of what we start: in its environment, where it outranks that of the project.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Code, Failure};

const VARIABLE: &str = "OPENCODE_CONFIG_CONTENT";
/// What a system takes as one variable: of Linux `MAX_ARG_STRLEN`, with name, `=` and the NUL at its end.
const LONGEST_VARIABLE: usize = if cfg!(windows) { 32_767 } else { 128 * 1024 };
const LONGEST: usize = LONGEST_VARIABLE - VARIABLE.len() - 2;

/// Puts the configuration where OpenCode looks for one.
///
/// # Errors
/// When it is too large for a variable. A file would rank below the project's configuration.
pub fn configure(environment: &mut BTreeMap<String, String>, config: Option<&Value>) -> Result<(), Failure> {
    let Some(config) = config else { return Ok(()) };
    let json = config.to_string();
    if json.len() > LONGEST {
        let size = json.len();
        return Err(Failure::new(
            Code::InvalidOption,
            format!("option `config` is {size} bytes as JSON, but the system passes on at most {LONGEST}"),
        ));
    }
    environment.insert(VARIABLE.into(), json);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_of_any_size_goes_into_the_one_variable_or_nowhere() {
        for (padding, fits) in [(0, true), (LONGEST - 6, true), (LONGEST - 5, false)] {
            let mut environment = BTreeMap::new();
            let config = json!({ "a": "p".repeat(padding.saturating_sub(2)) });
            let configured = configure(&mut environment, Some(&config));
            assert_eq!(configured.is_ok(), fits, "{padding}");
            assert_eq!(environment.len(), usize::from(fits), "{padding}");
        }
    }
}
