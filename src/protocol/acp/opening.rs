//! Opening a session: a new one, one that exists, the newest, or a copy.

use serde_json::{Value, json};

use super::settings::next;
use super::{Conversation, Output, Step};
use crate::error::{Code, Failure};

/// Which session the turn is of.
#[derive(Clone, Debug)]
pub enum SessionChoice {
    New,
    Existing {
        id: String,
        fork: bool,
    },
    /// The newest of the directory; a new one if there is none.
    Newest {
        fork: bool,
    },
}

impl Conversation {
    pub(super) fn open(&mut self) {
        match self.config.session.clone() {
            SessionChoice::New => self.open_new(),
            SessionChoice::Existing { id, fork } => self.open_existing(&id, fork),
            SessionChoice::Newest { .. } => {
                if self.can("list") {
                    let params = json!({ "cwd": self.config.directory });
                    self.request(Step::List, "session/list", &params);
                } else {
                    self.cannot("list sessions");
                }
            }
        }
    }

    fn open_new(&mut self) {
        let params = json!({ "cwd": self.config.directory, "mcpServers": [] });
        self.request(Step::Open, "session/new", &params);
    }

    fn open_existing(&mut self, id: &str, fork: bool) {
        let params = json!({ "sessionId": id, "cwd": self.config.directory, "mcpServers": [] });
        // Resuming tells nothing of what the session held; loading tells all of it again.
        let method = match (fork, self.can("resume")) {
            (true, _) if !self.can("fork") => return self.cannot("fork a session"),
            (true, _) => "session/fork",
            (false, true) => "session/resume",
            (false, false) => "session/load",
        };
        if !fork {
            self.session = Some(id.to_owned());
        }
        self.request(Step::Open, method, &params);
    }

    pub(super) fn listed(&mut self, list: &Value) {
        let SessionChoice::Newest { fork } = self.config.session else { return };
        let sessions = list["sessions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let here = sessions.iter().filter(|session| session["cwd"] == *self.config.directory);
        // Times are ISO 8601, which sorts as text.
        let newest = here.max_by_key(|session| session["updatedAt"].as_str().map(str::to_owned));
        match newest.and_then(|session| session["sessionId"].as_str()) {
            Some(id) => {
                let id = id.to_owned();
                self.config.session = SessionChoice::Existing { id: id.clone(), fork };
                self.open_existing(&id, fork);
            }
            None => self.open_new(),
        }
    }

    pub(super) fn opened(&mut self, opened: &Value) {
        let named = opened["sessionId"].as_str().map(str::to_owned);
        let Some(session) = named.or_else(|| self.session.clone()) else {
            let failure = Failure::new(Code::Protocol, "OpenCode opened a session and did not say which")
                .hint("this release may have changed its protocol: report it, with the release's version");
            return self.outputs.push_back(Output::Failed(failure));
        };
        self.session = Some(session);
        self.opened = opened.clone();
        self.set_next();
    }

    /// One after the other: what a model can be set to is known once it is chosen.
    pub(super) fn set_next(&mut self) {
        let Some(session_id) = self.session.clone() else { return };
        match next(&self.opened, &session_id, &mut self.config.wanted) {
            Ok(Some((method, params))) => self.request(Step::Set, method, &params),
            Ok(None) => self.outputs.push_back(Output::Open { session_id }),
            Err(failure) => self.outputs.push_back(Output::Failed(failure)),
        }
    }

    fn can(&self, what: &str) -> bool {
        self.capabilities["sessionCapabilities"].get(what).is_some()
    }

    pub(super) fn cannot(&mut self, what: &str) {
        self.outputs.push_back(Output::Failed(unsupported(what)));
    }
}

pub(super) fn unsupported(what: &str) -> Failure {
    Failure::new(Code::UnsupportedVersion, format!("this release of OpenCode cannot {what} over ACP"))
        .hint("update OpenCode, or use another route")
}
