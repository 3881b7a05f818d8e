//! OpenCode's part inputs as content blocks of the Agent Client Protocol.

use serde_json::{Value, json};

/// Whether OpenCode would take the words of a prompt for one of its commands, and never show them to the model.
pub fn is_command(parts: &[Value]) -> bool {
    let words: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    words.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{FEFF}').starts_with('/')
}

/// `None` for a part that the protocol has no block for.
pub fn block(part: &Value) -> Option<Value> {
    match part["type"].as_str()? {
        "text" => Some(json!({ "type": "text", "text": part["text"] })),
        "file" => file(part),
        _ => None,
    }
}

fn file(part: &Value) -> Option<Value> {
    let (mime, url) = (part["mime"].as_str()?, part["url"].as_str()?);
    let name = part["filename"].as_str().unwrap_or("file");
    let Some(data) =
        url.strip_prefix("data:").and_then(|data| data.split_once(";base64,")).map(|(_, data)| data)
    else {
        return Some(json!({ "type": "resource_link", "uri": url, "name": name, "mimeType": mime }));
    };
    // OpenCode reads the name off a URL, and then has its escapes in it; off what is no URL it takes the name as it is.
    let uri = format!("/{}", name.trim_start_matches('/'));
    if mime.starts_with("image/") {
        return Some(json!({ "type": "image", "mimeType": mime, "data": data, "uri": uri }));
    }
    Some(json!({ "type": "resource", "resource": { "uri": uri, "mimeType": mime, "blob": data } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[&str]) -> Vec<Value> {
        words.iter().map(|words| json!({ "type": "text", "text": words })).collect()
    }

    #[test]
    fn what_opencode_would_take_for_a_command_is_known() {
        for command in [&["/init"][..], &["\n\u{feff}\u{a0} /usr/bin"], &[" ", "/x"], &["// TODO"]] {
            assert!(is_command(&texts(command)), "{command:?}");
        }
        for prompt in [&["a /path"][..], &[""], &["a", "/x"], &["\\/x"]] {
            assert!(!is_command(&texts(prompt)), "{prompt:?}");
        }
    }

    #[test]
    fn the_name_of_a_file_is_no_url() {
        for name in ["my notes.txt", "issue #1?.txt", "100%25.txt", "größe.txt", "c:d.txt"] {
            let part = json!({ "type": "file", "mime": "text/plain", "filename": name, "url": "data:text/plain;base64,eA==" });
            assert_eq!(block(&part).unwrap()["resource"]["uri"], format!("/{name}"));
        }
    }
}
