//! What the wire brought and OpenCode has not kept. Where a provider fails in mid answer the step is made again, and
//! the wire does not say where the new words begin; what is stored does.

use std::ops::Range;

use crate::protocol::dialect::Stored;
use crate::protocol::event::{PartKind, Role};
use crate::protocol::text::Text;

/// The texts of the answer that OpenCode has kept, in order, of one message or of all: without summaries, and without
/// those of a step that was made again.
pub fn kept<'a>(stored: &'a [Stored], message: Option<&str>) -> Vec<&'a Text> {
    let answers = stored.iter().filter(|stored| {
        let info = &stored.info;
        info.role == Role::Assistant && !info.summary && message.is_none_or(|message| info.id == message)
    });
    answers.flat_map(kept_of).collect()
}

/// Whether the wire brought words that are none of the answer and look like it: of a step that was made again, or of a
/// summary.
pub fn is_likely(stored: &[Stored], message: Option<&str>) -> bool {
    let began_again = |stored: &Stored| {
        let kinds = stored.parts.iter().map(|part| part.kind);
        let mut steps = kinds.filter(|kind| matches!(kind, PartKind::StepStart | PartKind::StepFinish));
        let first = steps.next();
        first == Some(PartKind::StepStart) && steps.next() == Some(PartKind::StepStart)
    };
    let failed = |stored: &Stored| stored.info.error.is_some() || !stored.info.completed;
    let mut answers = stored.iter().filter(|stored| {
        stored.info.role == Role::Assistant && message.is_none_or(|message| stored.info.id == message)
    });
    !answers.clone().any(failed) && answers.any(|answer| answer.info.summary || began_again(answer))
}

fn kept_of(message: &Stored) -> Vec<&Text> {
    let (mut kept, mut step) = (Vec::new(), 0);
    for part in &message.parts {
        match part.kind {
            // It began again before it was over.
            PartKind::StepStart => kept.truncate(step),
            PartKind::StepFinish => step = kept.len(),
            PartKind::Text if !part.synthetic && !part.text.is_empty() => kept.push(&part.text),
            _ => {}
        }
    }
    kept
}

/// The stretch of `wire` that is none of `kept`: what stands between those that it begins with and those that it ends
/// with. White space at the end of a text does not count, since releases to 1.3.2 do not store it.
pub fn abandoned(wire: &[u8], kept: &[&Text]) -> Option<Range<usize>> {
    let solid = |text: &Text| text.as_bytes().trim_ascii_end().to_vec();
    let kept: Vec<Vec<u8>> = kept.iter().map(|text| solid(text)).filter(|text| !text.is_empty()).collect();
    if wire.trim_ascii_end().len() <= kept.iter().map(Vec::len).sum() {
        return None;
    }
    if kept.is_empty() {
        return None;
    }
    let (mut from, mut first) = (0, 0);
    while let Some(text) = kept.get(first).filter(|text| wire[from..].starts_with(text)) {
        from += text.len();
        from += wire[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        first += 1;
    }
    let (mut to, mut last) = (wire.len(), kept.len());
    while last > first {
        let solid = wire[from..to].trim_ascii_end();
        let text = &kept[last - 1];
        if !solid.ends_with(text) {
            return None;
        }
        to = from + solid.len() - text.len();
        last -= 1;
    }
    (from < to).then_some(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(wire: &str, kept: &[&str]) -> Option<String> {
        let texts: Vec<Text> = kept.iter().map(|text| Text::from(*text)).collect();
        let range = abandoned(wire.as_bytes(), &texts.iter().collect::<Vec<_>>())?;
        Some(wire[range].to_owned())
    }

    #[test]
    fn what_was_not_kept_is_what_stands_between() {
        assert_eq!(left_out("Half an ansThe whole.", &["The whole."]), Some("Half an ans".into()));
        assert_eq!(left_out("Half a Half an answer.", &["Half an answer."]), Some("Half a ".into()));
        assert_eq!(left_out("Before. SUMMARYAfter.", &["Before.", "After."]), Some("SUMMARY".into()));
        assert_eq!(left_out("Same.Same.", &["Same."]), Some("Same.".into()));
    }

    #[test]
    fn an_answer_is_left_alone() {
        assert_eq!(left_out("One. Two.\n", &["One.", "Two."]), None);
        assert_eq!(left_out("The who", &["The whole."]), None);
        assert_eq!(left_out("Nothing is stored.", &[]), None);
        // A plugin has rewritten it.
        assert_eq!(left_out("the answer, as it was", &["THE ANSWER"]), None);
    }
}
