//! A place of a text with what stands around it.

use std::ops::Range;

/// A span in its context. It may hold PHI, so it cannot be printed by accident.
pub struct Excerpt<'t> {
    /// What stands before the span; begins at a word if it is cut.
    pub before: &'t str,
    /// The span.
    pub span: &'t str,
    /// What stands after the span; ends with a word if it is cut.
    pub after: &'t str,
}

/// The bytes `span` of `text` with about `around_bytes` of context to either side, cut at the
/// borders of words. A span that lies outside of the text or splits a character is empty.
pub fn excerpt(text: &str, span: Range<usize>, around_bytes: usize) -> Excerpt<'_> {
    let before = text.get(..span.start).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    Excerpt {
        before: last_words(before, around_bytes),
        span: text.get(span).unwrap_or_default(),
        after: first_words(after, around_bytes),
    }
}

fn last_words(text: &str, limit_bytes: usize) -> &str {
    let Some(cut) = text.len().checked_sub(limit_bytes).filter(|cut| *cut > 0) else {
        return text;
    };
    let tail = text.get(text.ceil_char_boundary(cut)..).unwrap_or_default();
    match tail.split_once(char::is_whitespace) {
        Some((_, words)) if !words.trim().is_empty() => words,
        _ => tail,
    }
}

fn first_words(text: &str, limit_bytes: usize) -> &str {
    if text.len() <= limit_bytes {
        return text;
    }
    let head = text
        .get(..text.floor_char_boundary(limit_bytes))
        .unwrap_or_default();
    match head.rsplit_once(char::is_whitespace) {
        Some((words, _)) if !words.trim().is_empty() => words,
        _ => head,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_is_cut_at_words() {
        let text = "the quick brown fox jumps over the lazy dog";
        let cut = excerpt(text, 16..19, 9);
        assert_eq!(
            (cut.before, cut.span, cut.after),
            ("brown ", "fox", " jumps")
        );
        let all = excerpt(text, 0..3, 100);
        assert_eq!((all.before, all.span), ("", "the"));
        assert_eq!(excerpt("é", 1..2, 9).span, "");
        assert_eq!(excerpt("éééé x éééé", 9..10, 3).before, "é ");
    }
}
