//! What a turn has made or changed before its prompt was sent: if the turn ends there, it is undone.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinHandle;

use super::api_client::{ApiClient, Session};
use super::api_v2::ApiV2;
use super::leave::LEAVE;
use super::settings::SessionSettings;
use crate::error::{Code, Failure};
use crate::protocol::call::Request;

#[derive(Clone, Default)]
pub struct CreatedSession {
    state: Arc<Mutex<State>>,
    /// Held while one is being made.
    making: Arc<AsyncMutex<()>>,
}

#[derive(Default)]
struct State {
    made: Option<(ApiClient, String)>,
    /// What puts a session back, the last change first.
    changed: Option<(ApiV2, Vec<Request>)>,
    /// The turn ended: what comes yet goes at once.
    abandoned: bool,
}

impl CreatedSession {
    /// Makes a session, or a copy of `parent`. Once the request is sent it is seen through, even if the turn
    /// is left meanwhile.
    pub async fn create(
        &self,
        api: &ApiClient,
        parent: Option<String>,
        title: Option<&str>,
        settings: &SessionSettings,
    ) -> Result<Session, Failure> {
        let making = self.making.clone().lock_owned().await;
        let (created, api, title) = (self.clone(), api.clone(), title.map(str::to_owned));
        let settings = settings.clone();
        let creation = tokio::spawn(async move {
            let session = match parent {
                Some(parent) => api.fork(&parent).await?,
                None => api.create(title.as_deref(), &settings).await?,
            };
            if !created.remember(&api, &session.id) {
                api.delete(&session.id, LEAVE).await;
            }
            drop(making);
            Ok(session)
        });
        creation.await.unwrap_or_else(|_| Err(Failure::new(Code::Protocol, "a session could not be made")))
    }

    /// Returns `false` if nobody wants it any more.
    fn remember(&self, api: &ApiClient, session: &str) -> bool {
        let mut state = self.lock();
        state.made = Some((api.clone(), session.to_owned())).filter(|_| !state.abandoned);
        !state.abandoned
    }

    /// Remembers what puts the session back, before anything is changed.
    pub fn put_back(&self, api: &ApiV2, requests: Vec<Request>) {
        let mut state = self.lock();
        let (_, known) = state.changed.get_or_insert_with(|| (api.clone(), Vec::new()));
        known.splice(0..0, requests);
    }

    /// The prompt goes out: the turn sees to it from here on.
    pub fn keep(&self) {
        let mut state = self.lock();
        state.made = None;
        state.changed = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Undoes it all, also what comes late; waits for that as long as leaving may take, and returns what is then
    /// still to be done.
    pub async fn undo(&self) -> Option<JoinHandle<()>> {
        let (made, changed) = {
            let mut state = self.lock();
            state.abandoned = true;
            (state.made.take(), state.changed.take())
        };
        if made.is_none() && changed.is_none() && self.making.try_lock().is_ok() {
            return None;
        }
        let making = self.making.clone();
        let mut task = tokio::spawn(async move {
            match (made, changed) {
                (Some((api, session)), _) => api.delete(&session, LEAVE).await,
                (None, Some((api, requests))) => api.tell_all(&requests, LEAVE).await,
                (None, None) => {}
            }
            drop(making.lock().await);
        });
        tokio::time::timeout(LEAVE, &mut task).await.is_err().then_some(task)
    }
}
