//! What still has to happen to a session when its turn is over: nothing goes on running for the turn, and
//! nothing that is not ours is stopped. The session's place in the queue is held until then.

use std::time::Duration;

use futures::stream::StreamExt;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::LEAVE;
use super::api_client::ApiClient;
use super::jobs::{Done, Jobs};
use super::queue::Place;
use crate::error::Failure;
use crate::protocol::call::Request;
use crate::protocol::event::Role;
use crate::protocol::reply::AskReply;
use crate::protocol::turn::{Execution, Standing as Stands, Stop};
use crate::transport::{Api, Prompted};

/// A prompt that was taken may begin late on a machine under load: how often it is looked for, and how far apart.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(500);
/// How often a prompt that may not have arrived is looked for.
const LOOKS_FOR_UNSEEN: u32 = 2;
/// How long a prompt of ours is watched for that waits behind another client's.
const BEHIND: Duration = Duration::from_secs(600);

/// How the prompt's turn may still be running.
pub enum Remains {
    /// It is over.
    Nothing,
    /// It is to run on, without us.
    Running,
    /// It runs, or waits. `contested`: another client prompted the session too, so what runs may be theirs.
    /// `stop`: what stops it, of generation 2.
    Turn { contested: bool, stop: Option<Stop> },
    /// The prompt's answer is under way: it may yet begin.
    Prompt,
}

pub struct Farewell {
    pub api: ApiClient,
    /// The turn's session, and those of its subagents.
    pub sessions: Vec<String>,
    pub asks: Vec<AskReply>,
    pub prompted: Prompted,
    /// Our prompt was seen in the session.
    pub is_seen: bool,
    /// No answer to it was seen.
    pub is_early: bool,
    pub remains: Remains,
    /// Requests that are under way.
    pub jobs: Jobs,
    /// How many of them change the session.
    pub effects: usize,
    /// The session was made for the turn and goes with it.
    pub is_doomed: bool,
    /// What puts the session back.
    pub restore: Vec<Request>,
    pub place: Place,
}

impl Farewell {
    /// Sees to all of it, in a task of its own. Waits until the turn was told to stop and its session is gone, at
    /// most until `until`; returns the task if there is more to do.
    pub async fn begin(self, until: Instant) -> Option<JoinHandle<()>> {
        if matches!(self.remains, Remains::Running) {
            return self.let_run(until).await;
        }
        let is_idle = matches!(self.remains, Remains::Nothing) && self.effects == 0;
        let changes = self.is_doomed || !self.restore.is_empty();
        if is_idle && !changes {
            return None;
        }
        let waits_for_all = changes;
        let waits_for_stop = matches!(self.remains, Remains::Turn { .. });
        let (stopped, stops) = oneshot::channel();
        let mut task = tokio::spawn(self.see_off(stopped));
        if waits_for_all {
            return timeout_at(until, &mut task).await.is_err().then_some(task);
        }
        if waits_for_stop {
            let _ = timeout_at(until, stops).await;
        }
        (!task.is_finished()).then_some(task)
    }

    /// Waits for what is under way, the prompt too. What was changed of the session is put back once its turn is over,
    /// if this process lives to see that; until then the session's next turn waits, unless it is to answer an ask.
    async fn let_run(mut self, until: Instant) -> Option<JoinHandle<()>> {
        let (arrived, arrival) = oneshot::channel();
        let mut place = Some(self.place);
        let task = tokio::spawn(async move {
            while self.jobs.next().await.is_some() {}
            let _ = arrived.send(());
            if let Some(root) = self.sessions.first().filter(|_| !self.restore.is_empty())
                && ends(&self.api, root, &self.prompted, &self.sessions, &mut place).await
            {
                self.api.restore(&self.restore, LEAVE).await;
            }
            drop(place);
        });
        timeout_at(until, arrival).await.is_err().then_some(task)
    }

    async fn see_off(mut self, stopped: oneshot::Sender<()>) {
        match self.remains {
            Remains::Nothing | Remains::Running => {}
            Remains::Turn { contested: false, stop } => {
                if self.is_early {
                    self.api.finish_loading().await;
                }
                self.api.stop(&self.sessions, &self.asks, &self.prompted, stop).await;
                let _ = stopped.send(());
                self.stop_ours().await;
            }
            Remains::Turn { contested: true, .. } => {
                let _ = stopped.send(());
                self.stop_ours().await;
            }
            Remains::Prompt => {
                if self.may_have_arrived().await {
                    self.stop_ours().await;
                }
            }
        }
        while self.effects > 0
            && let Some(done) = self.jobs.next().await
        {
            self.effects -= usize::from(done.is_effect());
        }
        if self.is_doomed
            && let Some(session) = self.sessions.first()
        {
            self.api.delete(session, LEAVE).await;
        } else {
            self.api.restore(&self.restore, LEAVE).await;
        }
        drop(self.place);
    }

    /// Waits for the answer to the prompt.
    async fn may_have_arrived(&mut self) -> bool {
        while let Some(done) = self.jobs.next().await {
            self.effects -= usize::from(done.is_effect());
            match done {
                Done::Posted(Ok(answer)) => return answer.is_success() || answer.status >= 500,
                Done::Posted(Err(error)) => return error.may_have_arrived,
                Done::Settled(settled) => return settled.is_ok(),
                _ => {}
            }
        }
        false
    }

    /// Looks how our prompt stands, and aborts what runs for it, until it is over.
    async fn stop_ours(&mut self) {
        let Some(root) = self.sessions.first().cloned() else { return };
        let began = Instant::now();
        let mut looks = 0;
        while looks < LOOKS && began.elapsed() < BEHIND {
            match standing(&self.api, &root, &self.prompted).await {
                Ok(Standing::Over) | Err(_) => return,
                Ok(Standing::Runs) => {
                    self.is_seen = true;
                    let asks = std::mem::take(&mut self.asks);
                    self.api.stop(&self.sessions, &asks, &self.prompted, Some(Stop::Interrupt)).await;
                    looks += 1;
                }
                Ok(Standing::Parked) => {
                    self.is_seen = true;
                    self.api.stop(&self.sessions, &[], &self.prompted, Some(Stop::Withdraw)).await;
                    looks += 1;
                }
                Ok(Standing::Waits) => {
                    self.is_seen = true;
                    looks += 1;
                }
                Ok(Standing::Unseen { busy: true }) if self.is_seen => {}
                Ok(Standing::Unseen { .. }) if !self.is_seen && looks + 1 >= LOOKS_FOR_UNSEEN => return,
                Ok(Standing::Unseen { .. }) => looks += 1,
                Ok(Standing::Behind) => self.is_seen = true,
            }
            sleep(LOOK).await;
        }
    }
}

/// Waits until our prompt's turn is over; `false` if that cannot be seen. Gives `place` up for an ask that is open.
async fn ends(
    api: &ApiClient,
    session: &str,
    prompted: &Prompted,
    tree: &[String],
    place: &mut Option<Place>,
) -> bool {
    let (mut failed, mut stood) = (0, 0);
    while failed < LOOKS {
        match standing(api, session, prompted).await {
            Ok(Standing::Over) => return true,
            Ok(Standing::Unseen { busy: false }) | Err(_) => failed += 1,
            // Neither running nor ended, again and again: it was lost.
            Ok(Standing::Waits) if stood >= LOOKS => return true,
            Ok(Standing::Waits) => stood += 1,
            Ok(_) => (failed, stood) = (0, 0),
        }
        if place.is_some() && api.asks().await.iter().any(|ask| tree.contains(&ask.session_id)) {
            *place = None;
        }
        sleep(LOOK).await;
    }
    false
}

async fn standing(api: &ApiClient, session: &str, prompted: &Prompted) -> Result<Standing, Failure> {
    match api {
        ApiClient::V1(api) => standing_by_messages(api, session, prompted).await,
        ApiClient::V2(api) => {
            let look = api.look(session, prompted.id()).await?;
            Ok(match Execution::new(prompted.id()).on_look(&look) {
                Stands::NeverAccepted | Stands::Unseen => Standing::Unseen { busy: look.active },
                Stands::Waiting | Stands::Parked => Standing::Parked,
                Stands::Running => Standing::Runs,
                Stands::Unclear => Standing::Waits,
                Stands::Ended(_) => Standing::Over,
            })
        }
    }
}

async fn standing_by_messages(api: &Api, session: &str, prompted: &Prompted) -> Result<Standing, Failure> {
    let busy = api.is_busy(session).await?;
    let messages = api.messages(session).await?;
    let Some(ours) = messages.iter().rev().find(|message| prompted.is(message)) else {
        return Ok(Standing::Unseen { busy });
    };
    let ours = Some(&ours.info.id);
    let new =
        || messages.iter().map(|message| &message.info).filter(|info| !prompted.before.contains(&info.id));
    let last = new().rfind(|info| info.role == Role::Assistant).map(|answer| answer.parent_id.as_ref());
    let are_alone = new().filter(|info| info.role == Role::User).all(|info| Some(&info.id) == ours);
    Ok(match (busy, last) {
        (true, Some(parent)) if parent == ours => Standing::Runs,
        (true, _) if are_alone => Standing::Runs,
        (true, _) => Standing::Behind,
        (false, Some(parent)) if parent == ours || are_alone => Standing::Over,
        (false, _) => Standing::Waits,
    })
}

/// How our prompt stands in its session.
enum Standing {
    /// It is not among the messages.
    Unseen {
        busy: bool,
    },
    /// It is there and does not run yet.
    Waits,
    /// It is there, and can be taken back.
    Parked,
    /// The session runs for another prompt.
    Behind,
    Runs,
    Over,
}
