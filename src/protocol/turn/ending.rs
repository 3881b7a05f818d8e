//! When is a turn over? When the session has gone idle *and* the turn's last answer is complete, in
//! either order; neither alone is enough. Stale idles of the turn before come late, some failures say
//! nothing at all: whatever the bus leaves open is settled by asking the server.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Output, Snapshot, Turn, Wire};
use crate::error::{Code, Failure};
use crate::protocol::event::{MessageInfo, Role};
use crate::protocol::transcript::Source;

/// How long after an idle or an error the completed message may come (measured: 216 ms under load).
pub const TAIL: Duration = Duration::from_secs(1);
/// How long after acceptance the bus may say nothing before the server is asked.
pub const SILENCE: Duration = Duration::from_secs(2);
/// How long a running turn may be silent before the server is asked whether it still runs.
pub const QUIET: Duration = Duration::from_secs(30);
/// How many of them are enough, once the bus has said that the session failed and went idle.
const ENOUGH_FAILED_FETCHES: u32 = 3;
/// How many questions to the server in a row may go unanswered.
const MAX_FAILED_FETCHES: u32 = 10;

impl Turn {
    /// When [`Self::on_deadline`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let release = self.asks.release_at().filter(|_| !self.finished);
        let doubt = self.doubt_ends_at().filter(|_| !self.finished && !self.gap && !self.fetching);
        release.into_iter().chain(self.look_at()).chain(doubt).min()
    }

    /// When the server wants to be asked.
    fn look_at(&self) -> Option<Instant> {
        if self.finished || self.fetching || self.down || self.config.wire == Wire::Child {
            return None;
        }
        if self.gap {
            // Whatever the bus says meanwhile, only the server can fill it.
            return self.check_at.or(self.heard.map(|heard| heard + TAIL));
        }
        let quiet = match (self.heard, self.accepted) {
            (Some(heard), _) if self.running => Some(heard + QUIET),
            (heard, Some(accepted)) => Some(heard.map_or(accepted, |heard| heard.max(accepted)) + SILENCE),
            (_, None) => None,
        };
        self.check_at.or(quiet)
    }

    pub fn on_deadline(&mut self, now: Instant) {
        if self.asks.release_at().is_some_and(|at| at <= now) {
            self.release_rejections();
        }
        if !self.gap && !self.fetching && self.doubt_ends_at().is_some_and(|at| at <= now) {
            self.fetch();
        }
        if self.look_at().is_some_and(|at| at <= now) {
            self.fetch();
        }
    }

    /// Whatever of the session still runs says no more.
    pub(super) fn deleted(&mut self) {
        if self.leaving {
            return self.conclude_left();
        }
        self.fail(
            Failure::new(Code::SessionNotFound, "the session was deleted in the middle of the turn")
                .hint("what the agent did until then is done; the text so far is in error.data.text"),
        );
    }

    pub(super) fn idle(&mut self, now: Instant) {
        // Behind a gap it may be the end, whatever of the prompt the gap hid.
        self.overtaken |= self.fetching;
        // Before our prompt shows, an idle is the tail of the turn before.
        if self.user_message.is_some() || self.running {
            self.idle = true;
            self.consider_end(now);
        }
    }

    pub(super) fn session_error(&mut self, error: &Value, now: Instant) {
        // The second error of a failure is a stack trace; the first one has the words.
        self.error.get_or_insert_with(|| error.clone());
        self.overtaken |= self.fetching && !self.running;
        self.running = true;
        self.check_at.get_or_insert(now + TAIL);
    }

    pub(super) fn consider_end(&mut self, now: Instant) {
        // What a gap hid comes with the server's answer, and only then is there an end to consider.
        // Nor is there one of a prompt that may never have arrived.
        if self.gap || self.fetching || !self.is_accepted() {
            return;
        }
        let Some(last) = self.transcript.answers().next_back() else {
            self.check_at.get_or_insert(now + TAIL);
            return;
        };
        if !last.completed {
            self.check_at.get_or_insert(now + TAIL);
        } else if last.calls_tools() {
            // Between two steps only a stale idle can come; after a rejected ask it is the end.
            self.fetch();
        } else {
            self.conclude();
        }
    }

    /// The server's answer to [`Output::Fetch`].
    pub fn on_snapshot(&mut self, snapshot: Snapshot, now: Instant) {
        self.fetching = false;
        self.failed_fetches = 0;
        if self.finished {
            return;
        }
        if self.down {
            // What is missed from here on is not in it; the next connection asks again.
            return;
        }
        if std::mem::take(&mut self.overtaken) {
            // The bus has said more since: this answer is old.
            return self.fetch();
        }
        for child in &snapshot.children {
            self.adopt(child);
        }
        if self.doubts(&snapshot, now) {
            self.check_at = self.doubt_ends_at().or(Some(now + TAIL));
            return;
        }
        if self.finished || self.fetching {
            return;
        }
        let heard_nothing = self.heard.is_none();
        let stored = snapshot.messages.iter().any(|message| {
            message.info.role == Role::User && !self.transcript.is_known_before(&message.info.id)
        });
        let answered = snapshot.messages.iter().any(|message| {
            message.info.role == Role::Assistant && !self.transcript.is_known_before(&message.info.id)
        });
        self.on_pending(snapshot.asks);
        if snapshot.busy {
            let filled = self.gap;
            if filled {
                self.fill_gap(&snapshot.messages, Source::Fetched);
            }
            self.heard = Some(now);
            self.show_work();
            if filled {
                // The end may have come between this answer and the first event of the new connection.
                self.check_at = Some(now + SILENCE);
            }
        } else if !self.is_accepted() {
            // Whose turn this was shows when the prompt is answered.
            self.check_at = Some(now + TAIL);
        } else if self.running || stored && self.waited_long_enough(now) {
            self.fill_gap(&snapshot.messages, Source::Settled);
            if self.may_be_explained() {
                self.check_at = Some(now + TAIL);
            } else {
                self.conclude();
            }
        } else if answered {
            // It ran, unheard; but its state was looked at before its messages, and may be of the time
            // before it ran. The next look tells.
            self.running = true;
            self.check_at = Some(now);
        } else if self.waited_long_enough(now) {
            self.fail(self.never_ran());
        } else if self.gap {
            self.fill_gap(&snapshot.messages, Source::Fetched);
        } else {
            self.check_at = Some(now + SILENCE);
        }
        if heard_nothing && !self.finished && (snapshot.busy || stored) {
            self.outputs.push_back(Output::Silent);
        }
    }

    /// The server did not answer [`Output::Fetch`].
    pub fn on_fetch_failed(&mut self, failure: &Failure, now: Instant) {
        self.fetching = false;
        self.failed_fetches += 1;
        self.put_doubt_off(now + TAIL);
        if failure.status == Some(404) {
            return self.deleted();
        }
        if self.failed_fetches >= MAX_FAILED_FETCHES {
            let lost = Failure::new(Code::StreamLost, "OpenCode no longer says how the turn goes")
                .cause(failure.message.clone())
                .hint("look at the server's log; the answer, if it goes on, is in the session's messages");
            self.fail(lost);
        } else if self.gap {
            // Only the server can fill a gap.
            self.check_at = Some(now + TAIL);
        } else if self.error.is_some() && self.idle {
            // From 1.15.13 on, the messages of a session that was asked for JSON by schema cannot be listed.
            if self.failed_fetches >= ENOUGH_FAILED_FETCHES {
                return self.conclude();
            }
            self.check_at = Some(now + TAIL);
        } else {
            self.heard = Some(now);
        }
    }

    /// A turn that stops behind a tool call has failed, or was rejected: what tells which may come behind the
    /// idle. It is waited for once.
    fn may_be_explained(&mut self) -> bool {
        let calls = self.transcript.answers().next_back().is_some_and(MessageInfo::calls_tools);
        let explained = self.error.is_some() || self.asks.rejected || self.leaving;
        calls && !explained && !std::mem::replace(&mut self.explanation_awaited, true)
    }

    /// OpenCode took our request to stop; if it says no more of it, ask.
    pub fn on_aborted(&mut self, now: Instant) {
        self.check_at.get_or_insert(now + TAIL / 4);
    }

    fn waited_long_enough(&self, now: Instant) -> bool {
        self.accepted.is_some_and(|accepted| now >= accepted + self.config.accept)
    }

    pub(super) fn never_ran(&self) -> Failure {
        let waited = self.config.accept.as_millis();
        Failure::new(
            Code::Timeout,
            format!("OpenCode took the prompt and showed no sign of it for {waited} ms"),
        )
        .data(serde_json::json!({ "phase": "accept" }))
        .hint("see the server's log; raise timeouts.accept if the server is slow to start a project")
    }

    fn fill_gap(&mut self, messages: &[crate::protocol::dialect::Stored], source: Source) {
        self.gap = false;
        let mut calls = false;
        for message in messages {
            if self.transcript.is_known_before(&message.info.id) {
                continue;
            }
            if message.info.role == Role::User {
                self.write(|transcript, out| transcript.message(&message.info, out));
                message.parts.iter().for_each(|part| self.recognise(part));
            } else if self.is_ours(&message.info, calls) {
                calls = message.info.calls_tools();
            } else {
                self.transcript.ignore(&message.info.id);
            }
        }
        self.write(|transcript, out| transcript.reconcile(messages, source, out));
    }
}
