//! The parts of a prompt, as `lib/` makes them, for OpenCode 2: one text, and files. What OpenCode would
//! store and not show to the model is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::prompt::Attachment;
use crate::error::{Code, Failure};

/// The most bytes of one file.
const LARGEST: usize = 20_971_520;

/// Text and files of `parts`; `instruction`: what is to be said behind the prompt.
///
/// # Errors
/// For a part that the model would not see.
pub fn of_parts(parts: &[Value], instruction: Option<&str>) -> Result<(String, Vec<Attachment>), Failure> {
    let mut texts = Vec::new();
    let mut files = Vec::new();
    for part in parts {
        match part["type"].as_str() {
            Some("text") => texts.push(part["text"].as_str().unwrap_or_default()),
            Some("file") => files.push(file(part)?),
            Some("agent") => {
                return Err(refused("an agent part").hint("name the agent by the option `agent`"));
            }
            kind => return Err(refused(&format!("a part of type {}", kind.unwrap_or("none")))),
        }
    }
    texts.extend(instruction);
    Ok((texts.join("\n\n"), files))
}

fn refused(what: &str) -> Failure {
    Failure::new(Code::UnsupportedOption, format!("OpenCode 2 does not show {what} to the model"))
}

fn file(part: &Value) -> Result<Attachment, Failure> {
    let name = part["filename"].as_str();
    let shown = name.unwrap_or("without a name");
    let uri = part["url"].as_str().unwrap_or_default();
    let content = uri.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let decoded = content.and_then(|(mime, content)| Some((mime, STANDARD.decode(content).ok()?)));
    let Some((mime, bytes)) = decoded else {
        return Err(refused(&format!("the file {shown}, which is not sent inline,"))
            .hint("pass its content, as `files` does"));
    };
    if bytes.len() > LARGEST {
        let message = format!("the file {shown} has {} bytes; OpenCode 2 takes {LARGEST}", bytes.len());
        return Err(Failure::new(Code::UnsupportedOption, message));
    }
    let is_seen = mime.starts_with("image/")
        || mime.starts_with("application/pdf")
        || std::str::from_utf8(&bytes).is_ok();
    if !is_seen {
        return Err(refused(&format!("the file {shown} ({mime})"))
            .hint("it shows text, images and PDF: convert the file to one of them"));
    }
    Ok(Attachment { uri: uri.to_owned(), name: name.map(str::to_owned) })
}
