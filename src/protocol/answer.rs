//! What an HTTP answer means: OpenCode's, or that of something else on its port.

use serde_json::Value;

use super::json;
use crate::error::{Accepted, Code, Failure};

/// An HTTP answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    /// Its `content-encoding`; requests ask for none.
    pub encoding: String,
    pub body: Vec<u8>,
    /// Whether the request carried credentials; which ones is nobody's business.
    pub credentials_sent: bool,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn is_html(&self) -> bool {
        self.content_type.starts_with("text/html")
    }

    /// Whether it is compressed: then only its status can be read.
    pub fn is_packed(&self) -> bool {
        !matches!(self.encoding.as_str(), "" | "identity")
    }

    /// The JSON of a successful answer.
    ///
    /// # Errors
    /// As [`Self::refusal`]; and when a successful answer is no JSON, since unknown routes of OpenCode
    /// answer 200 with a page, and so do most other servers.
    pub fn json(&self) -> Result<Value, Failure> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        json::value(&self.body).ok_or_else(|| self.not_opencode())
    }

    /// Why this answer is no success.
    pub fn refusal(&self) -> Option<Failure> {
        match self.status {
            _ if self.is_packed() && self.status != 401 => Some(self.packed()),
            401 | 403 => Some(self.unauthorized()),
            200..300 if !self.is_html() => None,
            200..=399 => Some(self.not_opencode()),
            _ if self.is_html() => Some(self.not_opencode()),
            status => Some(
                Failure::new(Code::BadRequest, format!("OpenCode answered {status}: {}", self.words()))
                    .status(status)
                    .hint("the words are OpenCode's own; its log has more"),
            ),
        }
    }

    /// Whether the server speaks OpenCode's event stream here.
    pub fn stream_refusal(&self) -> Option<Failure> {
        let refusal = self.refusal();
        if refusal.is_none() && !self.content_type.starts_with("text/event-stream") {
            return Some(self.not_opencode());
        }
        refusal
    }

    fn unauthorized(&self) -> Failure {
        let (sent, hint) = if self.credentials_sent {
            (
                "with the credentials it was sent",
                "check username and password; OpenCode 2 knows no user but `opencode`",
            )
        } else {
            (
                "and was sent no credentials",
                "pass `password`, or set OPENCODE_SERVER_PASSWORD or OPENCODE_PASSWORD as the server has it",
            )
        };
        Failure::new(Code::Unauthorized, format!("the server refuses access ({}), {sent}", self.status))
            .status(self.status)
            .hint(hint)
    }

    /// Why an answer that somebody compressed unasked cannot be read.
    pub fn packed_refusal(&self) -> Option<Failure> {
        self.is_packed().then(|| self.packed())
    }

    /// The encoding is what something on the way says: it is shown, and no longer than it needs to be.
    fn packed(&self) -> Failure {
        let encoding: String = self.encoding.chars().filter(char::is_ascii_graphic).take(40).collect();
        let message =
            format!("the answer is compressed ({encoding}), though none was asked for: {}", self.status);
        Failure::new(Code::NotAServer, message)
            .status(self.status)
            .hint("have the proxy in front of the server leave `accept-encoding: identity` alone, or name the server itself")
    }

    fn not_opencode(&self) -> Failure {
        let what = match self.status {
            300..400 => "a redirect, which is never followed".to_owned(),
            status => format!("{status} with {}", self.content_type_in_words()),
        };
        Failure::new(Code::NotAServer, format!("something answers, but it is not OpenCode's API: {what}"))
            .status(self.status)
            .hint("check the URL; `opencode serve` prints the one it listens on")
    }

    fn content_type_in_words(&self) -> &str {
        if self.content_type.is_empty() { "no content type" } else { &self.content_type }
    }

    /// OpenCode's own words, whichever shape its release puts them in.
    pub fn words(&self) -> String {
        let json = json::value(&self.body).unwrap_or_default();
        let words = [json.pointer("/data/message"), json.pointer("/error/0/message"), json.get("message")]
            .into_iter()
            .flatten()
            .find_map(Value::as_str)
            .map_or_else(|| String::from_utf8_lossy(&self.body).into_owned(), str::to_owned);
        match words.trim() {
            "" => "no words".to_owned(),
            words => words.chars().take(500).collect(),
        }
    }
}

/// What `GET /global/health` says, where it exists (from 1.0.193).
pub fn health_version(answer: &Answer) -> Option<Option<String>> {
    let json = answer.json().ok()?;
    let healthy = json.get("healthy")?.as_bool()?;
    healthy.then(|| json.get("version").and_then(Value::as_str).map(str::to_owned))
}

/// Whether `GET /path` was answered as OpenCode answers it.
pub fn is_path_info(answer: &Answer) -> bool {
    answer.json().is_ok_and(|json| json.get("directory").is_some_and(Value::is_string))
}

/// A server before 1.0.142, by its own description of its API: it cannot take a prompt and stream.
pub fn older_generation(description: &Answer) -> Option<Failure> {
    let json = description.json().ok()?;
    let paths = json.get("paths")?.as_object()?;
    if paths.keys().any(|path| path.ends_with("/prompt_async")) {
        return None;
    }
    Some(
        Failure::new(
            Code::UnsupportedVersion,
            "this OpenCode server has no route that takes a prompt and streams",
        )
        .accepted(Accepted::No)
        .hint("releases before 1.0.142 cannot: update OpenCode"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str, body: &str) -> Answer {
        Answer {
            status,
            content_type: content_type.into(),
            encoding: String::new(),
            body: body.as_bytes().to_vec(),
            credentials_sent: false,
        }
    }

    #[test]
    fn a_page_with_200_is_not_a_server() {
        let page = answer(200, "text/html;charset=utf-8", "<!doctype html>");
        assert_eq!(page.json().unwrap_err().code, Code::NotAServer);
        assert_eq!(page.stream_refusal().unwrap().code, Code::NotAServer);
        assert_eq!(answer(302, "", "").json().unwrap_err().code, Code::NotAServer);
        assert_eq!(answer(200, "application/json", "not json").json().unwrap_err().code, Code::NotAServer);
    }

    #[test]
    fn a_401_says_whether_credentials_were_sent() {
        let mut refused = answer(401, "", "");
        assert!(refused.refusal().unwrap().message.contains("no credentials"));
        refused.credentials_sent = true;
        let failure = refused.refusal().unwrap();
        assert_eq!((failure.code, failure.status), (Code::Unauthorized, Some(401)));
        assert!(failure.message.contains("with the credentials"));
    }

    #[test]
    fn a_refusal_carries_opencodes_own_words() {
        for (body, words) in [
            (r#"{"name":"BadRequest","data":{"message":"Missing key","kind":"Payload"}}"#, "Missing key"),
            (r#"{"data":null,"error":[{"message":"Required"}],"success":false}"#, "Required"),
            ("Malformed JSON in request body", "Malformed JSON in request body"),
        ] {
            let failure = answer(400, "application/json", body).refusal().unwrap();
            assert_eq!(failure.code, Code::BadRequest);
            assert!(failure.message.ends_with(words), "{}", failure.message);
        }
    }

    #[test]
    fn a_compressed_answer_is_named_as_one() {
        let gzip = Answer { encoding: "gzip".into(), ..answer(200, "application/json", "\u{1f}\u{8b}") };
        let failure = gzip.json().unwrap_err();
        assert!(failure.message.contains("gzip"), "{failure}");
        let events = Answer { encoding: "br".into(), ..answer(200, "text/event-stream", "") };
        assert!(events.stream_refusal().unwrap().message.contains("br"));
        let plain = Answer { encoding: "identity".into(), ..answer(200, "application/json", "{}") };
        assert!(plain.refusal().is_none());
    }

    #[test]
    fn health_is_json_that_says_healthy() {
        let healthy = answer(200, "application/json", r#"{"healthy":true,"version":"1.18.33"}"#);
        assert_eq!(health_version(&healthy), Some(Some("1.18.33".into())));
        assert_eq!(health_version(&answer(200, "text/html", "<html>")), None);
        assert_eq!(health_version(&answer(200, "application/json", "{}")), None);
    }

    #[test]
    fn a_release_before_1_0_142_is_told_by_its_description() {
        let doc = |paths: &str| answer(200, "application/json", &format!(r#"{{"paths":{{{paths}}}}}"#));
        let old = older_generation(&doc(r#""/session/{id}/message":{}"#)).unwrap();
        assert_eq!((old.code, old.accepted), (Code::UnsupportedVersion, Accepted::No));
        assert!(older_generation(&doc(r#""/session/{id}/prompt_async":{}"#)).is_none());
        assert!(older_generation(&answer(200, "text/html", "<html>")).is_none());
    }
}
