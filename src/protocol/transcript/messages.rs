//! The messages of a turn's time, in order of creation, found by their ids.

use std::collections::{BTreeSet, HashMap};

use super::weight::{EACH, Weight};
use crate::protocol::event::{MessageInfo, Role};

#[derive(Debug, Default)]
pub struct Messages {
    list: Vec<MessageInfo>,
    index: HashMap<String, usize>,
    /// The places of those that are of the answer.
    answers: BTreeSet<usize>,
    /// The prompted session.
    root: String,
}

impl Messages {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn get(&self, id: &str) -> Option<&MessageInfo> {
        self.list.get(*self.index.get(id)?)
    }

    pub fn answers(&self) -> impl DoubleEndedIterator<Item = &MessageInfo> {
        self.answers.iter().map(|at| &self.list[*at])
    }

    pub fn is_answer(&self, id: &str) -> bool {
        self.index.get(id).is_some_and(|at| self.answers.contains(at))
    }

    pub fn take(&mut self, info: &MessageInfo, root: &str, weight: &mut Weight) {
        if self.root.is_empty() {
            root.clone_into(&mut self.root);
        }
        let at = match self.index.get(&info.id) {
            // A list may be older than the stream: a message never goes back.
            Some(at) if self.list[*at].completed && !info.completed => return,
            Some(at) => {
                weight.grows(size(&self.list[*at]), size(info));
                self.list[*at] = info.clone();
                *at
            }
            None => {
                weight.keeps(size(info) + 2 * info.id.len() + EACH);
                self.index.insert(info.id.clone(), self.list.len());
                self.list.push(info.clone());
                self.list.len() - 1
            }
        };
        if self.is_of_the_answer(at) {
            self.answers.insert(at);
        } else {
            self.answers.remove(&at);
        }
    }

    /// Lets `order` put them in another order.
    pub fn sort(&mut self, order: impl FnOnce(&mut [MessageInfo])) {
        order(&mut self.list);
        self.index = self.list.iter().enumerate().map(|(at, info)| (info.id.clone(), at)).collect();
        self.answers = (0..self.list.len()).filter(|at| self.is_of_the_answer(*at)).collect();
    }

    fn is_of_the_answer(&self, at: usize) -> bool {
        let info = &self.list[at];
        info.role == Role::Assistant && !info.summary && info.session_id == self.root
    }
}

/// What a message holds beside its ids.
fn size(info: &MessageInfo) -> usize {
    let json = [&info.error, &info.structured];
    json.into_iter().flatten().map(crate::protocol::json::size).sum()
}
