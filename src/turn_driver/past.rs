//! A session that is gone on with: waits until it is free, answers what it still asks, learns what it holds.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Answers;
use super::api_client::ApiClient;
use super::requests::answer_ask;
use crate::error::{Accepted, Code, Failure};
use crate::mailbox::Mailbox;
use crate::protocol::event::{Ask, AskKind};
use crate::protocol::reply::{AskReply, Reply};
use crate::protocol::stream_event::SessionPlace;
use crate::protocol::turn::told;
use crate::request::TurnRequest;

/// How long a session that another client keeps busy is waited for, where no total timeout says.
const BUSY: Duration = Duration::from_secs(600);
/// How often it is looked at.
const BUSY_LOOK: Duration = Duration::from_millis(250);

/// What a session held before our prompt.
#[derive(Default)]
pub struct Past {
    /// The ids of its messages.
    pub before: HashSet<String>,
    /// Asks that were pending; they have been answered.
    pub asks: Vec<AskReply>,
    /// The sessions of its subagents.
    pub children: Vec<String>,
}

/// Where the caller's code is asked, and where it answers.
pub struct Desk<'a> {
    pub mailbox: &'a Mailbox,
    pub answers: &'a mut Answers,
    /// When the whole turn runs out of time, and how much it had.
    pub deadline: Option<(Instant, Duration)>,
}

impl Desk<'_> {
    /// Until when a busy session is waited for: a little less than the whole turn has, so that the error can
    /// say what was waited for.
    fn patience(&self) -> Instant {
        let of_total = |(at, total): (Instant, Duration)| at - (total / 10).min(BUSY_LOOK);
        self.deadline.map_or_else(|| Instant::now() + BUSY, of_total)
    }
}

/// The asks of the session before our prompt.
struct Pending<'a> {
    request: &'a TurnRequest,
    api: &'a ApiClient,
    session: &'a str,
    /// The caller's code has not said yet.
    open: Vec<Ask>,
    /// Rejections that wait: OpenCode takes all that a session still asks with them.
    held: Vec<AskReply>,
    /// The ids of all asks but those that are gone.
    seen: HashSet<String>,
    answered: Vec<AskReply>,
}

/// Waits until the session is free, and learns what it holds.
pub async fn past(
    request: &TurnRequest,
    api: &ApiClient,
    session: &str,
    desk: &mut Desk<'_>,
) -> Result<Past, Failure> {
    let children = api.descendants(session).await?;
    let tree: HashSet<&str> = children.iter().map(String::as_str).chain([session]).collect();
    let ours = |ask: &Ask| tree.contains(ask.session_id.as_str());
    let began = Instant::now();
    let mut until = desk.patience();
    let mut pending = Pending {
        request,
        api,
        session,
        open: Vec::new(),
        held: Vec::new(),
        seen: HashSet::new(),
        answered: Vec::new(),
    };
    loop {
        let busy = api.is_busy(session).await?;
        let listed: Vec<Ask> = api.asks().await.into_iter().filter(ours).collect();
        pending.look(&listed, desk).await?;
        pending.release().await?;
        if !busy && pending.open.is_empty() {
            break;
        }
        if !pending.open.is_empty() {
            // It is the caller's own code that is waited for.
            until = desk.patience();
        }
        if Instant::now() >= until {
            let asks = !pending.open.is_empty();
            return Err(busy_elsewhere(session, began.elapsed(), asks));
        }
        let next_look = until.min(Instant::now() + BUSY_LOOK);
        if let Ok(Some((id, reply))) = timeout_at(next_look, desk.answers.recv()).await {
            pending.on_answer(&id, reply).await?;
        }
    }
    Ok(Past { before: api.message_ids(session).await?, asks: pending.answered, children })
}

impl Pending<'_> {
    async fn look(&mut self, listed: &[Ask], desk: &Desk<'_>) -> Result<(), Failure> {
        let ids: HashSet<&str> = listed.iter().map(|ask| ask.id.as_str()).collect();
        for gone in self.open.extract_if(.., |ask| !ids.contains(ask.id.as_str())) {
            desk.mailbox.close_ask(&gone.id);
        }
        for ask in listed {
            if !self.seen.insert(ask.id.clone()) {
                continue;
            }
            if let Some(reply) = self.request.policies().reply_to(ask) {
                self.answer(ask.clone(), reply).await?;
            } else {
                let asked = told(ask, self.place(ask), None);
                desk.mailbox.ask(&asked);
                // An event before `start`: without it, nobody could answer what holds the session.
                let _ = desk.mailbox.push(asked);
                self.open.push(ask.clone());
            }
        }
        Ok(())
    }

    async fn on_answer(&mut self, id: &str, reply: Reply) -> Result<(), Failure> {
        match self.open.iter().position(|ask| ask.id == id) {
            Some(at) => {
                let ask = self.open.swap_remove(at);
                let is_permission = matches!(ask.kind, AskKind::Permission { .. });
                if is_permission && matches!(reply, Reply::Reject { .. }) {
                    self.held.push(AskReply { ask, reply });
                } else {
                    self.answer(ask, reply).await?;
                }
            }
            None => return Ok(()),
        }
        self.release().await
    }

    /// Rejections go last.
    async fn release(&mut self) -> Result<(), Failure> {
        if self.open.is_empty() {
            for AskReply { ask, reply } in std::mem::take(&mut self.held) {
                self.answer(ask, reply).await?;
            }
        }
        Ok(())
    }

    async fn answer(&mut self, ask: Ask, reply: Reply) -> Result<(), Failure> {
        let answered = AskReply { ask, reply };
        answer_ask(self.api, &answered).await?;
        self.answered.push(answered);
        Ok(())
    }

    fn place(&self, ask: &Ask) -> SessionPlace {
        let root = ask.session_id == self.session;
        SessionPlace {
            session_id: ask.session_id.clone(),
            parent_session_id: (!root).then(|| self.session.to_owned()),
        }
    }
}

/// `asks`: what an earlier turn asked waits for a reply of ours.
fn busy_elsewhere(session: &str, waited: Duration, asks: bool) -> Failure {
    let ms = waited.as_millis();
    let (busy, hint) = if asks {
        (
            format!("an ask of an earlier turn of session '{session}' got no reply for {ms} ms"),
            "reply to it by `stream.reply()` or your function; its event comes before `start`",
        )
    } else {
        (
            format!("session '{session}' is busy with another turn, for {ms} ms now"),
            "wait for it, abort it there, or use another session (`fork: true`)",
        )
    };
    Failure::new(Code::SessionBusy, busy).session(session).accepted(Accepted::No).hint(hint)
}
