//! Neighbours of words that were asked for a moment ago: names stand side by side, and each asks
//! for three words on both sides.

use super::features::Token;
use super::model::Model;
use super::word::{self, Gap, Word};

/// What stands beside a word, and what is known of it.
pub(super) type Neighbour = (Gap, Option<Token>);

/// The neighbours of the words at hand, one text's.
pub(super) struct Trail<'t> {
    text: &'t [u8],
    model: &'t Model,
    before: Recent,
    after: Recent,
}

/// The last few answers; a word takes part in those of three others on either side.
struct Recent {
    /// What was asked: an offset, and whether a possessive ends there.
    asked: [(usize, bool); PLACES],
    answers: [Neighbour; PLACES],
    /// Where the next answer goes.
    next: usize,
}

const PLACES: usize = 4;

impl<'t> Trail<'t> {
    pub(super) fn new(text: &'t [u8], model: &'t Model) -> Self {
        Self {
            text,
            model,
            before: Recent::new(),
            after: Recent::new(),
        }
    }

    /// What is known of a word of the text.
    pub(super) fn token(&self, word: Word) -> Token {
        Token::of(word, self.model)
    }

    /// The word before the one that begins at `start`, as [`word::before`] finds it.
    pub(super) fn before(&mut self, start: usize) -> Neighbour {
        let (text, model) = (self.text, self.model);
        self.before.answer((start, false), || {
            let (gap, word) = word::before(text, start);
            (gap, word.map(|word| Token::of(word, model)))
        })
    }

    /// The word after the one that ends at `end`, as [`word::after`] finds it.
    pub(super) fn after(&mut self, end: usize, possessive: bool) -> Neighbour {
        let (text, model) = (self.text, self.model);
        self.after.answer((end, possessive), || {
            let (gap, word) = word::after(text, end, possessive);
            (gap, word.map(|word| Token::of(word, model)))
        })
    }
}

impl Recent {
    fn new() -> Self {
        Self {
            // No text is that long.
            asked: [(usize::MAX, false); PLACES],
            answers: [(Gap::Edge, None); PLACES],
            next: 0,
        }
    }

    #[inline]
    fn answer(&mut self, asked: (usize, bool), find: impl FnOnce() -> Neighbour) -> Neighbour {
        let known = self.asked.iter().position(|other| *other == asked);
        if let Some(answer) = known.and_then(|place| self.answers.get(place)) {
            return *answer;
        }
        let answer = find();
        let place = self.next % PLACES;
        (self.asked[place], self.answers[place]) = (asked, answer);
        self.next += 1;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever was asked before, in whatever order.
        #[test]
        fn answers_are_those_of_the_words(
            text in "([A-Z][a-z]{1,3}|'s|[ .,-]| and ){0,12}",
            asked in prop::collection::vec((0..40usize, 0..3), 0..40),
        ) {
            let text = text.as_bytes();
            let model = Model::standard();
            let mut trail = Trail::new(text, &model);
            let range = |neighbour: Option<Word>| neighbour.map(|word| (word.start, word.end));
            for (at, what) in asked {
                let at = at.min(text.len());
                let (answer, expected) = match what {
                    0 => (trail.before(at), word::before(text, at)),
                    kind => (trail.after(at, kind == 1), word::after(text, at, kind == 1)),
                };
                prop_assert_eq!(answer.0, expected.0);
                prop_assert_eq!(range(answer.1.map(|token| token.word)), range(expected.1));
            }
        }
    }
}
