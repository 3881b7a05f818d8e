//! Who listens, what was prompted, and what is sent when everybody is ready.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::feed::{Plan, render};
use crate::pace::monotonic_ns;
use crate::records;

/// What a connection to `/event` has to write next.
#[derive(Clone)]
pub enum Piece {
    /// Bytes that are framed for the wire already.
    Bytes(Arc<Vec<u8>>),
    /// A slow answer, each token stamped just before it is written.
    Paced(Arc<(Plan, Vec<String>)>),
}

#[derive(Default)]
struct State {
    plan: Plan,
    sessions: usize,
    /// The sessions whose prompt has come.
    prompted: Vec<String>,
    listeners: Vec<UnboundedSender<Piece>>,
    /// When the last answers began to be sent, on the clock that Node's `process.hrtime` reads.
    began: u128,
}

#[derive(Clone, Default)]
pub struct Bus(Arc<Mutex<State>>);

impl Bus {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn plan(&self, plan: Plan) {
        let mut state = self.lock();
        state.plan = plan;
        state.prompted.clear();
    }

    /// How many prompts wait for others.
    pub fn prompted(&self) -> usize {
        self.lock().prompted.len()
    }

    pub fn began(&self) -> u128 {
        self.lock().began
    }

    pub fn listen(&self) -> UnboundedReceiver<Piece> {
        let (sender, receiver) = unbounded_channel();
        self.lock().listeners.push(sender);
        receiver
    }

    /// Makes a session and tells everybody; its id.
    pub fn create_session(&self) -> String {
        let id = {
            let mut state = self.lock();
            state.sessions += 1;
            format!("ses_{:026}", state.sessions)
        };
        self.send(Piece::Bytes(Arc::new(records::framed(&records::session("session.created", &id)))));
        id
    }

    /// Takes a prompt. With the last one that the plan waits for, the answers begin.
    pub fn prompt(&self, session: &str) {
        let ready = {
            let mut state = self.lock();
            state.prompted.push(session.to_owned());
            let ready = state.prompted.len() >= state.plan.turns;
            ready.then(|| (state.plan.clone(), std::mem::take(&mut state.prompted)))
        };
        let Some((plan, sessions)) = ready else { return };
        let bus = self.clone();
        tokio::task::spawn_blocking(move || {
            let answers = match plan.pace {
                0 => Piece::Bytes(Arc::new(render(&plan, &sessions))),
                _ => Piece::Paced(Arc::new((plan, sessions))),
            };
            bus.lock().began = monotonic_ns();
            bus.send(answers);
        });
    }

    fn send(&self, piece: Piece) {
        self.lock().listeners.retain(|listener| listener.send(piece.clone()).is_ok());
    }
}
