//! Frame files: texts with gaps.
//!
//! ```text
//! %% notes style=particle
//! Pt {p.full} was [[seen|examined]] by Dr. {d.last} on {date}.
//! ```
//!
//! A line `%% set options` begins a frame; lines before the first are a comment. `{…}` is filled
//! in, one of `[[a|b]]` is taken.

use std::fmt;

/// One frame.
pub(super) struct Frame<'t> {
    pub(super) set: &'t str,
    /// `caps`, `lower`, `any_case`, `style=particle`, `column=table.name:type`.
    pub(super) options: Vec<&'t str>,
    pub(super) text: &'t str,
}

/// A part of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    Gap(&'t str),
}

/// A frame that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFrame {
    /// Set and first words of the frame, or the gap.
    pub place: String,
    /// What is wrong.
    pub mistake: &'static str,
}

impl<'t> Frame<'t> {
    /// All frames of a file.
    pub(super) fn all(file: &'t str) -> Vec<Self> {
        let mut frames = Vec::new();
        for block in file.split("\n%% ").skip(1) {
            let (head, text) = block.split_once('\n').unwrap_or((block, ""));
            let mut options = head.split(' ');
            frames.push(Self {
                set: options.next().unwrap_or_default(),
                options: options.collect(),
                text: text.trim_end_matches('\n'),
            });
        }
        frames
    }

    /// The value of an option `name=value`.
    pub(super) fn option(&self, name: &str) -> Option<&'t str> {
        let mut values = self
            .options
            .iter()
            .filter_map(|option| option.split_once('='));
        values.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(super) fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }
}

/// The pieces of a text, in which one of each choice is taken.
pub(super) fn pieces<'t>(
    text: &'t str,
    choose: &mut dyn FnMut(usize) -> usize,
) -> Result<Vec<Piece<'t>>, BadFrame> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, choice)) = rest.split_once("[[") {
        gaps(before, &mut out)?;
        let Some((choice, behind)) = choice.split_once("]]") else {
            return Err(bad(text, "a choice is not closed"));
        };
        let count = choice.split('|').count();
        let taken = choice.split('|').nth(choose(count)).unwrap_or_default();
        gaps(taken, &mut out)?;
        rest = behind;
    }
    gaps(rest, &mut out)?;
    Ok(out)
}

fn gaps<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Result<(), BadFrame> {
    let mut rest = text;
    // `{` stands for itself unless a letter follows.
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|tail| tail.find('{')) {
        let open = from + found;
        let inner = rest.get(open + 1..).unwrap_or_default();
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
            from = open + 1;
            continue;
        }
        let Some((gap, behind)) = inner.split_once('}') else {
            return Err(bad(text, "a gap is not closed"));
        };
        out.push(Piece::Text(rest.get(..open).unwrap_or_default()));
        out.push(Piece::Gap(gap));
        rest = behind;
        from = 0;
    }
    out.push(Piece::Text(rest));
    Ok(())
}

pub(super) fn bad(place: &str, mistake: &'static str) -> BadFrame {
    BadFrame {
        place: place.chars().take(60).collect(),
        mistake,
    }
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.place, self.mistake)
    }
}

impl std::error::Error for BadFrame {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_gaps_and_choices() {
        let file = "comment\n%% notes caps style=oov\nPt {p.full}\n\n%% cells\n{\"a\":\"{ssn}\"}\n";
        let frames = Frame::all(file);
        assert_eq!(frames.len(), 2);
        assert!(frames[0].has("caps"));
        assert_eq!(frames[0].option("style"), Some("oov"));
        assert_eq!(frames[1].text, "{\"a\":\"{ssn}\"}");
        let pieces = pieces("a [[x|{b}]] {C}", &mut |count| count - 1).expect("a frame");
        let gaps: Vec<_> = pieces
            .iter()
            .filter(|p| matches!(p, Piece::Gap(_)))
            .collect();
        assert_eq!(gaps, [&Piece::Gap("b"), &Piece::Gap("C")]);
    }
}
