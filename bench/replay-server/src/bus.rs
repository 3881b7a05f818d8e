//! Who listens, what was prompted, and what is sent when everybody is ready.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::dialect::{Dialect, Turn};
use crate::feed::{Plan, render};
use crate::pace::monotonic_ns;
use crate::wire::framed;

/// What a connection to the event stream has to write next.
#[derive(Clone)]
pub enum Piece {
    /// Bytes that are framed for the wire already.
    Bytes(Arc<Vec<u8>>),
    /// A slow answer, each token stamped just before it is written.
    Paced(Arc<(Plan, Vec<Turn>)>),
}

/// A prompt, and what was answered to it: nothing yet, while it runs.
#[derive(Clone)]
pub struct Stored {
    pub prompt: String,
    pub text: String,
    pub answer: Option<String>,
}

#[derive(Default)]
struct State {
    plan: Plan,
    sessions: usize,
    /// The turns that wait for the others' prompts.
    waiting: Vec<Turn>,
    stored: HashMap<String, Stored>,
    listeners: Vec<UnboundedSender<Piece>>,
    /// When the last answers began to be sent, on the clock that Node's `process.hrtime` reads.
    began: u128,
    /// How many characters their texts have.
    characters: usize,
}

#[derive(Clone)]
pub struct Bus {
    pub dialect: Arc<dyn Dialect>,
    state: Arc<Mutex<State>>,
}

impl Bus {
    pub fn new(dialect: Arc<dyn Dialect>) -> Self {
        Self { dialect, state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn plan(&self, plan: Plan) {
        let mut state = self.lock();
        state.plan = plan;
        state.waiting.clear();
        state.stored.clear();
    }

    /// How many prompts wait for others.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    pub fn began(&self) -> u128 {
        self.lock().began
    }

    pub fn characters(&self) -> usize {
        self.lock().characters
    }

    /// What the session was asked, if it was.
    pub fn stored(&self, session: &str) -> Option<Stored> {
        self.lock().stored.get(session).cloned()
    }

    /// The sessions that run.
    pub fn running(&self) -> Vec<String> {
        let state = self.lock();
        let running = state.stored.iter().filter(|(_, stored)| stored.answer.is_none());
        running.map(|(session, _)| session.clone()).collect()
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
        self.send_records(&[self.dialect.session_created(&id)]);
        id
    }

    /// Takes a prompt. With the last one that the plan waits for, the answers begin.
    pub fn prompt(&self, turn: Turn, text: &str) {
        let stored = Stored { prompt: turn.prompt.clone(), text: text.to_owned(), answer: None };
        self.lock().stored.insert(turn.session.clone(), stored);
        self.send_records(&self.dialect.prompted(&turn, text));
        let ready = {
            let mut state = self.lock();
            state.waiting.push(turn);
            let ready = state.waiting.len() >= state.plan.turns;
            ready.then(|| (state.plan.clone(), std::mem::take(&mut state.waiting)))
        };
        let Some((plan, turns)) = ready else { return };
        let bus = self.clone();
        tokio::task::spawn_blocking(move || bus.answer(plan, turns));
    }

    fn answer(&self, plan: Plan, turns: Vec<Turn>) {
        if plan.pace > 0 {
            self.begin();
            return self.send(Piece::Paced(Arc::new((plan, turns))));
        }
        let answer = render(&*self.dialect, &plan, &turns);
        self.answered(&turns, answer.texts);
        self.begin();
        self.send(Piece::Bytes(Arc::new(answer.wire)));
    }

    fn begin(&self) {
        self.lock().began = monotonic_ns();
    }

    /// Remembers what the turns came to.
    pub fn answered(&self, turns: &[Turn], texts: Vec<String>) {
        let mut state = self.lock();
        state.characters = texts.iter().map(String::len).sum();
        for (turn, text) in turns.iter().zip(texts) {
            if let Some(stored) = state.stored.get_mut(&turn.session) {
                stored.answer = Some(text);
            }
        }
    }

    fn send_records(&self, records: &[String]) {
        if !records.is_empty() {
            let bytes = records.iter().flat_map(|record| framed(record)).collect();
            self.send(Piece::Bytes(Arc::new(bytes)));
        }
    }

    fn send(&self, piece: Piece) {
        self.lock().listeners.retain(|listener| listener.send(piece.clone()).is_ok());
    }
}
