//! Permissions and forms: as events, and as the lists of pending ones. A form is what generation 1 calls a
//! question, and is shown in its fields.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::protocol::event::{Ask, AskKind, AskedBy, BusEvent, FormField};
use crate::protocol::json;
use crate::protocol::reading::{Malformed, parse_repaired};
use crate::protocol::reply::Reply;

#[derive(Deserialize)]
struct Permission {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    action: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default, deserialize_with = "json::optional")]
    metadata: Option<Value>,
    #[serde(default)]
    source: Option<Call>,
}

/// The tool call behind an ask.
#[derive(Deserialize)]
struct Call {
    #[serde(rename = "messageID", default)]
    message_id: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

impl Call {
    fn asked_by(self) -> Option<AskedBy> {
        let (message_id, call_id) = self.message_id.zip(self.id)?;
        Some(AskedBy { message_id, call_id })
    }
}

impl From<Permission> for Ask {
    fn from(wire: Permission) -> Self {
        Self {
            id: wire.id,
            session_id: wire.session_id,
            kind: AskKind::Permission {
                permission: wire.action,
                patterns: wire.resources,
                metadata: wire.metadata.unwrap_or_else(|| json!({})),
                old_route: false,
            },
            tool: wire.source.and_then(Call::asked_by),
        }
    }
}

#[derive(Deserialize)]
struct Form {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(default)]
    metadata: Option<FormMetadata>,
    #[serde(default)]
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct FormMetadata {
    #[serde(default)]
    tool: Option<Call>,
}

#[derive(Deserialize)]
struct Field {
    key: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    options: Vec<Choice>,
    #[serde(default)]
    custom: Option<bool>,
}

#[derive(Deserialize)]
struct Choice {
    value: String,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

impl Choice {
    fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.value)
    }
}

impl Field {
    fn is_multiple(&self) -> bool {
        self.kind.as_deref() == Some("multiselect")
    }

    fn question(&self) -> Value {
        let options: Vec<Value> = self.options.iter().map(option).collect();
        let mut question = json!({
            "question": self.description.as_deref().or(self.title.as_deref()).unwrap_or(&self.key),
            "header": self.title.as_deref().unwrap_or(&self.key),
            "options": options,
        });
        if self.is_multiple() {
            question["multiple"] = Value::Bool(true);
        }
        if let Some(custom) = self.custom {
            question["custom"] = Value::Bool(custom);
        }
        question
    }

    fn keyed(&self) -> FormField {
        let pair = |choice: &Choice| (choice.label().to_owned(), choice.value.clone());
        FormField {
            key: self.key.clone(),
            multiple: self.is_multiple(),
            options: self.options.iter().map(pair).collect(),
        }
    }
}

fn option(choice: &Choice) -> Value {
    json!({ "label": choice.label(), "description": choice.description.as_deref().unwrap_or_default() })
}

impl From<Form> for Ask {
    fn from(wire: Form) -> Self {
        let questions = wire.fields.iter().map(Field::question).collect();
        let fields = wire.fields.iter().map(Field::keyed).collect();
        Self {
            id: wire.id,
            session_id: wire.session_id,
            kind: AskKind::Question { questions, fields },
            tool: wire.metadata.and_then(|metadata| metadata.tool).and_then(Call::asked_by),
        }
    }
}

pub fn permission(data: &str) -> Result<Ask, Malformed> {
    parse_repaired::<Permission>("permission.asked", data).map(Ask::from)
}

pub fn permission_closed(data: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
        #[serde(rename = "requestID")]
        id: String,
        reply: String,
    }
    let Wire { session_id, id, reply } = parse_repaired("permission.replied", data)?;
    let reply = match reply.as_str() {
        "once" => Reply::Once,
        "always" => Reply::Always,
        _ => Reply::Reject { message: None },
    };
    Ok(BusEvent::AskClosed { session_id, id, reply })
}

pub fn form_created(data: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        form: Form,
    }
    let Wire { form } = parse_repaired("form.created", data)?;
    Ok(BusEvent::Asked(form.into()))
}

pub fn form_closed(kind: &str, data: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
        id: String,
        #[serde(default, deserialize_with = "json::optional")]
        answer: Option<Value>,
    }
    let Wire { session_id, id, answer } = parse_repaired(kind, data)?;
    let reply = match answer {
        Some(Value::Object(answer)) => Reply::Answers(answer.values().map(chosen).collect()),
        _ => Reply::Reject { message: None },
    };
    Ok(BusEvent::AskClosed { session_id, id, reply })
}

/// One text or a list of them.
fn chosen(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Null => Vec::new(),
        other => vec![other.to_string()],
    }
}

/// Reads the answer of a route that lists permissions.
///
/// # Errors
/// When it is no such list.
pub fn pending_permissions(body: &[u8]) -> Result<Vec<Ask>, Malformed> {
    pending::<Permission>("list of permissions", body)
}

/// Reads the answer of a route that lists forms.
///
/// # Errors
/// When it is no such list.
pub fn pending_forms(body: &[u8]) -> Result<Vec<Ask>, Malformed> {
    pending::<Form>("list of forms", body)
}

fn pending<T: Into<Ask> + for<'a> Deserialize<'a>>(kind: &str, body: &[u8]) -> Result<Vec<Ask>, Malformed> {
    #[derive(Deserialize)]
    struct List<T> {
        data: Vec<T>,
    }
    let list: List<T> = parse_repaired(kind, &String::from_utf8_lossy(body))?;
    Ok(list.data.into_iter().map(T::into).collect())
}
