//! The prompt as a release of OpenCode takes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::protocol::release::Release;
use crate::request::{JsonRequest, TurnRequest};

/// From here on a prompt may carry a JSON schema; before, it is read over in silence.
const KNOWS_FORMAT: [u32; 3] = [1, 1, 65];
/// Measured at 1.1.31: the text of a file is decoded with the head of its URL, into garbage. Right at 1.2.27.
const READS_TEXT_FILES: [u32; 3] = [1, 2, 27];
const TEXT_FILE: &str = "data:text/plain;base64,";

/// The body of `POST /session/:id/prompt_async`. Never with a `messageID`: most releases loop on one.
pub struct Prompt {
    pub body: Value,
}

impl Prompt {
    /// `fresh`: the session was made for this prompt. From 1.15.13 on, the messages of a session that was
    /// asked for JSON by schema cannot be listed any more, so no other session is.
    pub fn of(request: &TurnRequest, version: Option<&str>, fresh: bool) -> Self {
        let mut parts = files_as_read(request, version);
        let mut format = None;
        if let Some(json) = &request.json {
            // It becomes the arguments of a tool, which are an object.
            let schema = json.schema.as_ref().filter(|schema| schema["type"] == "object");
            match schema.filter(|_| fresh && Release::of(version).is_from(KNOWS_FORMAT)) {
                Some(schema) => {
                    format = Some(json!({ "type": "json_schema", "schema": schema, "retryCount": 0 }));
                }
                None => parts.push(instruction(json)),
            }
        }
        Self { body: body(request, parts, format) }
    }

    /// The texts of the prompt.
    pub fn texts(&self) -> Vec<String> {
        let parts = self.body["parts"].as_array().into_iter().flatten();
        let texts = parts.filter(|part| part["type"] == "text");
        texts.filter_map(|part| part["text"].as_str().map(str::to_owned)).collect()
    }
}

/// The parts, where OpenCode has no way of its own to be asked for JSON: over ACP.
pub fn parts(request: &TurnRequest, version: Option<&str>) -> Vec<Value> {
    let mut parts = files_as_read(request, version);
    parts.extend(request.json.as_ref().map(instruction));
    parts
}

/// The prompt as one text: for `opencode run`.
pub fn text(request: &TurnRequest) -> String {
    let parts = request.parts.iter().filter_map(|part| part["text"].as_str());
    let instruction = request.json.as_ref().map(|json| json.instruction.as_str());
    parts.chain(instruction).collect::<Vec<_>>().join("\n\n")
}

fn files_as_read(request: &TurnRequest, version: Option<&str>) -> Vec<Value> {
    let mut parts = request.parts.clone();
    if !Release::of(version).is_from(READS_TEXT_FILES) {
        parts.iter_mut().for_each(write_out);
    }
    parts
}

fn instruction(json: &JsonRequest) -> Value {
    json!({ "type": "text", "text": json.instruction })
}

fn body(request: &TurnRequest, parts: Vec<Value>, format: Option<Value>) -> Value {
    let model = request.model.as_ref();
    let fields = [
        ("parts", Some(Value::from(parts))),
        ("model", model.map(|model| json!({ "providerID": model.provider_id, "modelID": model.model_id }))),
        ("agent", request.agent.clone().map(Value::from)),
        ("variant", request.variant.clone().map(Value::from)),
        ("system", request.system.clone().map(Value::from)),
        ("tools", request.tools.as_ref().map(|tools| json!(tools))),
        ("format", format),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A text file as the text of a part.
fn write_out(part: &mut Value) {
    let content = part["url"].as_str().and_then(|url| url.strip_prefix(TEXT_FILE));
    let Some(bytes) = content.and_then(|content| STANDARD.decode(content).ok()) else { return };
    let name = part["filename"].as_str().unwrap_or("without a name");
    let text = format!("The contents of the file {name}:\n\n{}", String::from_utf8_lossy(&bytes));
    *part = json!({ "type": "text", "text": text });
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "data:text/plain;base64,SMO2cnN0IGR1Pw==";

    fn prompt(version: &str, fresh: bool, more: &Value) -> Prompt {
        let mut request = json!({
            "timeouts": { "connect": 1, "accept": 1, "idle": 1, "reconnect": 1, "serverStart": 1 },
            "session": { "continue": false, "fork": false, "ephemeral": false },
            "parts": [{ "type": "text", "text": "Hello" }],
            "permission": "reject",
            "question": "reject",
            "limits": { "record": 1, "buffered": 1 },
            "raw": false,
            "routes": ["server"],
        });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Prompt::of(&TurnRequest::read(&request.to_string()).unwrap(), Some(version), fresh)
    }

    #[test]
    fn a_schema_goes_only_into_a_new_session_of_a_release_that_knows_it() {
        let schema = json!({ "type": "object" });
        let json = json!({ "json": { "schema": schema, "instruction": "Answer with JSON." } });
        let native = prompt("1.18.33", true, &json);
        assert_eq!(native.body["format"]["schema"], schema);
        assert_eq!(native.texts(), ["Hello"]);
        for (version, fresh) in [("1.1.31", true), ("1.18.33", false)] {
            let told = prompt(version, fresh, &json);
            assert!(told.body.get("format").is_none(), "{version}");
            assert_eq!(told.texts(), ["Hello", "Answer with JSON."]);
        }
    }

    #[test]
    fn a_schema_of_no_object_is_told_in_words() {
        for schema in [json!({ "type": "array" }), Value::Null] {
            let json = json!({ "json": { "schema": schema, "instruction": "Answer with JSON." } });
            assert_eq!(prompt("1.18.33", true, &json).texts(), ["Hello", "Answer with JSON."]);
        }
    }

    #[test]
    fn a_text_file_is_written_out_where_opencode_would_garble_it() {
        let file = json!({ "type": "file", "mime": "text/plain", "filename": "a.txt", "url": FILE });
        let parts = json!({ "parts": [file] });
        assert_eq!(prompt("1.1.31", true, &parts).texts(), ["The contents of the file a.txt:\n\nHörst du?"]);
        assert_eq!(prompt("1.2.27", true, &parts).body["parts"][0], file);
    }
}
