//! The place of a part.

use crate::protocol::event::{Detail, PartKind, PartUpdate};
use crate::protocol::text::Text;

/// Where a part belongs: its session, its message, and the id that it gets.
pub struct Seat {
    pub session_id: String,
    pub message_id: String,
    pub id: String,
}

impl Seat {
    /// The part without text and without more to say.
    pub fn part(self, kind: PartKind) -> PartUpdate {
        PartUpdate {
            id: self.id,
            session_id: self.session_id,
            message_id: self.message_id,
            kind,
            text: Text::default(),
            delta: None,
            ended: false,
            synthetic: false,
            raw: "".into(),
            detail: Detail::Plain,
        }
    }
}
