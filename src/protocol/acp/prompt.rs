//! OpenCode's part inputs as content blocks of the Agent Client Protocol.

use serde_json::{Value, json};

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
    if mime.starts_with("image/") {
        return Some(json!({ "type": "image", "mimeType": mime, "data": data }));
    }
    let uri = format!("file:///{}", name.trim_start_matches('/'));
    Some(json!({ "type": "resource", "resource": { "uri": uri, "mimeType": mime, "blob": data } }))
}
