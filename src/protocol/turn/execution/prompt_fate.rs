//! A prompt was sent and its answer did not come. OpenCode 2 stores a prompt's id once, so it is sent again; what if
//! no answer comes to that either?

use crate::error::Accepted;

/// What the answers say of a prompt that is sent several times with one id.
#[derive(Debug)]
pub struct PromptFate {
    /// A request may be in the hands of the server, or of a proxy, that stores the prompt later than it is looked for.
    under_way: bool,
}

impl PromptFate {
    /// `status`: of the answer to the first request, if one came.
    pub fn new(status: Option<u16>) -> Self {
        Self { under_way: !is_done(status) }
    }

    /// `answer`: its status, and whether it is a refusal. Returns what is known by then, if anything is.
    pub fn on_resent(&mut self, answer: Option<(u16, bool)>) -> Option<Accepted> {
        match answer {
            Some((_, false)) => return Some(Accepted::Yes),
            // What is wrong with the prompt was wrong with it the first time.
            Some((400 | 413 | 415, true)) => return Some(Accepted::No),
            _ => {}
        }
        self.under_way |= !is_done(answer.map(|(status, _)| status));
        None
    }

    /// `has`: whether a look at the session, begun behind all requests, found the prompt.
    pub fn on_look(&self, has: Option<bool>) -> Accepted {
        match has {
            Some(true) => Accepted::Yes,
            Some(false) if !self.under_way => Accepted::No,
            _ => Accepted::Unknown,
        }
    }
}

/// OpenCode has dealt with the request, and failed. What other failures say may be a proxy's words.
fn is_done(status: Option<u16>) -> bool {
    status == Some(500)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(first: Option<u16>, resent: &[Option<(u16, bool)>], has: Option<bool>) -> Accepted {
        let mut fate = PromptFate::new(first);
        let known = resent.iter().find_map(|answer| fate.on_resent(*answer));
        known.unwrap_or_else(|| fate.on_look(has))
    }

    #[test]
    fn a_prompt_that_is_not_there_may_come_as_long_as_a_request_has_no_answer() {
        assert_eq!(fate(None, &[None, None, None], Some(false)), Accepted::Unknown);
        assert_eq!(fate(None, &[Some((500, true)); 3], Some(false)), Accepted::Unknown);
        assert_eq!(fate(Some(500), &[Some((500, true)), None], Some(false)), Accepted::Unknown);
        // A proxy gives up on what the server goes on with.
        assert_eq!(fate(Some(504), &[Some((500, true))], Some(false)), Accepted::Unknown);
        assert_eq!(fate(None, &[Some((404, true)); 3], Some(false)), Accepted::Unknown);
        assert_eq!(fate(None, &[None], None), Accepted::Unknown);
    }

    #[test]
    fn a_prompt_that_each_request_failed_with_and_that_is_not_there_never_was() {
        assert_eq!(fate(Some(500), &[Some((500, true)); 3], Some(false)), Accepted::No);
        assert_eq!(fate(Some(500), &[Some((500, true)); 3], None), Accepted::Unknown);
    }

    #[test]
    fn one_answer_is_enough() {
        assert_eq!(fate(None, &[None, Some((200, false))], None), Accepted::Yes);
        assert_eq!(fate(None, &[Some((400, true))], None), Accepted::No);
        assert_eq!(fate(None, &[None, None, None], Some(true)), Accepted::Yes);
    }
}
