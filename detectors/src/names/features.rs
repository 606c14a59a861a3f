//! What the scorer sees of a word and its neighbours, as places in a table of weights.

use super::lexicon::Known;
use super::model::Model;
use super::roles::Roles;
use super::trail::Trail;
use super::word::{Gap, Shape, Word};

/// Places of the table.
pub(crate) const FEATURES: usize = 1 << FEATURE_BITS;
const FEATURE_BITS: u32 = 19;
/// More than there are kinds of words.
const KINDS: u32 = 256;
/// The kind of what is no word.
const NO_KIND: u32 = 127;
/// Neighbours to either side.
const NEIGHBOURS: usize = 3;
/// Features that a word has at most.
const AT_MOST: usize = 58;

/// A word and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) known: Known,
    pub(super) roles: Roles,
}

/// A word among its neighbours.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) own: Token,
    /// The nearest first, each with what stands between it and the last.
    pub(super) prev: [(Gap, Option<Token>); NEIGHBOURS],
    pub(super) next: [(Gap, Option<Token>); NEIGHBOURS],
}

/// Places of the table that speak about a word.
pub(crate) struct Features {
    ids: [u32; AT_MOST],
    len: usize,
}

impl Token {
    pub(super) fn of(word: Word, model: &Model) -> Self {
        Self {
            known: model.known(&word),
            roles: model.roles(&word),
            word,
        }
    }

    /// One of about a hundred and fifty kinds of words.
    fn kind(&self) -> u32 {
        let capital = self.word.is_capital();
        if !self.roles.is_none() {
            let role = self.roles.0.trailing_zeros();
            let named = u32::from(capital && self.known.is_name());
            return role + 16 * (u32::from(capital) + named);
        }
        match self.word.shape {
            Shape::Digits => 48,
            Shape::Code => 49,
            Shape::Initial => 50,
            Shape::Uncased => 51,
            Shape::Lower => 128 + self.name_kind() * 8 + self.plain_kind(),
            Shape::Capital | Shape::Inner => 64 + self.name_kind() * 8 + self.plain_kind(),
            Shape::Capitals => 96 + self.name_kind() * 8 + self.plain_kind(),
        }
    }

    fn name_kind(&self) -> u32 {
        u32::from(self.known.0 & (Known::FIRST | Known::LAST))
    }

    /// What it is beside a name.
    fn plain_kind(&self) -> u32 {
        let known = self.known;
        if known.has(Known::EPONYM) {
            6
        } else if known.has(Known::DRUG | Known::CLINICAL) && known.word_frequency() < 3 {
            3
        } else if known.has(Known::WORD) {
            if known.word_frequency() == 3 { 1 } else { 2 }
        } else if known.has(Known::PLACE) {
            4
        } else if known.has(Known::ORG) {
            5
        } else {
            0
        }
    }
}

impl Context {
    pub(super) fn of(own: Token, trail: &mut Trail<'_>) -> Self {
        let mut context = Self {
            own,
            prev: [(Gap::Edge, None); NEIGHBOURS],
            next: [(Gap::Edge, None); NEIGHBOURS],
        };
        let mut start = own.word.start;
        for slot in &mut context.prev {
            *slot = trail.before(start);
            let Some(token) = slot.1 else { break };
            start = token.word.start;
        }
        let mut last = own.word;
        for slot in &mut context.next {
            *slot = trail.after(last.end, last.possessive);
            let Some(token) = slot.1 else { break };
            last = token.word;
        }
        context
    }

    /// Whether all words around that could be written in small letters are not.
    fn in_capitals(&self) -> u32 {
        let around = self.prev.iter().chain(&self.next);
        let mut capitals = 0;
        let mut others = 0;
        for (_, token) in around {
            match token.map(|token| token.word.shape) {
                Some(Shape::Capitals | Shape::Initial) => capitals += 1,
                Some(Shape::Lower | Shape::Capital | Shape::Inner) => others += 1,
                _ => {}
            }
        }
        match (capitals, others) {
            (0, 0) => 0,
            (_, 0) => 1,
            (0, _) => 2,
            _ => 3,
        }
    }

    /// Capitalised words on the line up to a colon: a heading.
    fn heads(&self) -> bool {
        for (gap, token) in &self.next {
            match gap {
                Gap::Colon => return true,
                Gap::Blank | Gap::Hyphen | Gap::Slash => {}
                _ => return false,
            }
            if !token.is_some_and(|token| token.word.is_capital() || !token.roles.is_none()) {
                return false;
            }
        }
        false
    }

    pub(super) fn features(&self) -> Features {
        let mut out = Features {
            ids: [0; AT_MOST],
            len: 0,
        };
        self.own_features(&mut out);
        self.near_features(&mut out);
        self.far_features(&mut out);
        out
    }

    fn own_features(&self, out: &mut Features) {
        let Token { word, known, roles } = self.own;
        let shape = word.shape as u32;
        let classes = u32::from(known.classes());
        let first = u32::from(known.first_frequency());
        let last = u32::from(known.last_frequency());
        let common = u32::from(known.word_frequency());
        out.push(0, classes, common);
        out.push(1, shape, u32::from(word.letters.min(12)));
        out.push(2, first, common);
        out.push(3, last, common);
        out.push(4, first * 8 + last, shape);
        out.push(5, self.own.kind(), shape);
        out.push(6, u32::from(roles.0), shape);
        if known.0 == 0 {
            out.push(7, u32::from(word.suffix), 0);
            out.push(8, u32::from(word.letters.min(12)), shape);
        }
        out.push(9, self.in_capitals(), self.own.kind());
        out.push(
            13,
            self.in_capitals() * 16 + shape,
            u32::from(word.letters.min(8)),
        );
        out.push(
            14,
            word.ending as u32 * 16 + shape,
            u32::from(known.is_name()),
        );
        if word.possessive {
            out.push(10, self.next_kind(0), u32::from(known.has(Known::EPONYM)));
            out.push(11, self.own.kind(), 1);
        }
        if self.heads() {
            out.push(12, self.own.kind(), self.prev[0].0 as u32);
        }
    }

    fn near_features(&self, out: &mut Features) {
        let own = self.own.kind();
        let brief = self.brief();
        let (before, prev) = (self.prev[0].0 as u32, self.prev_kind(0));
        let (behind, next) = (self.next[0].0 as u32, self.next_kind(0));
        out.push(20, prev, before);
        out.push(21, next, behind);
        out.push(22, prev * 16 + before, own);
        out.push(23, next * 16 + behind, own);
        out.push(24, prev * 16 + before, next * 16 + behind);
        out.push(
            25,
            prev * 16 + before,
            brief * 0x1_0000 + next * 16 + behind,
        );
        out.push(26, before * 16 + behind, own);
        out.push(27, before, own);
        out.push(28, behind, own);
        out.push(29, before * 16 + behind, brief);
        if let Some(token) = self.prev[0].1 {
            out.push(30, token.word.key as u32, before);
            out.push(31, token.word.key as u32, brief * 16 + before);
            out.push(32, u32::from(token.roles.0), before);
        }
        if let Some(token) = self.next[0].1 {
            out.push(33, token.word.key as u32, behind);
            out.push(34, token.word.key as u32, brief * 16 + behind);
            out.push(35, u32::from(token.roles.0), behind);
        }
        if let (Gap::Blank, Some(token)) = self.next[0] {
            let ending = token.word.ending as u32 * 4 + u32::from(token.known.word_frequency());
            out.push(38, ending * KINDS + next, brief);
            out.push(39, ending * KINDS + prev, before * 64 + brief);
        }
        let eponym = u32::from(self.own.known.has(Known::EPONYM));
        out.push(36, next * 16 + behind, eponym);
        out.push(37, prev * 16 + before, eponym);
    }

    fn far_features(&self, out: &mut Features) {
        let brief = self.brief();
        let gaps = |sides: &[(Gap, Option<Token>)]| {
            sides
                .iter()
                .take(2)
                .fold(0, |all, (gap, _)| all * 16 + *gap as u32)
        };
        let (before, behind) = (gaps(&self.prev), gaps(&self.next));
        let (prev, prev2) = (self.prev_kind(0), self.prev_kind(1));
        let (next, next2) = (self.next_kind(0), self.next_kind(1));
        out.push(40, prev2 * 0x100 + before, brief);
        out.push(41, next2 * 0x100 + behind, brief);
        out.push(42, prev2 * KINDS + prev, brief * 0x100 + before);
        out.push(43, next2 * KINDS + next, brief * 0x100 + behind);
        out.push(44, self.prev_kind(2), brief);
        out.push(45, self.next_kind(2), brief);
        if let (Gap::Blank, Some(token)) = self.next[1] {
            out.push(
                48,
                token.word.ending as u32 * KINDS + next,
                brief * 0x100 + behind,
            );
        }
        if let Some(token) = self.prev[1].1 {
            out.push(46, token.word.key as u32, before);
        }
        if let Some(token) = self.next[1].1 {
            out.push(47, token.word.key as u32, behind);
        }
    }

    /// The word itself in a few kinds.
    fn brief(&self) -> u32 {
        let known = self.own.known;
        let plain = match self.own.plain_kind() {
            0 => 0,
            1 | 2 => 1,
            3 | 6 => 2,
            _ => 3,
        };
        let shape = match self.own.word.shape {
            Shape::Lower => 0,
            Shape::Capital | Shape::Inner => 1,
            Shape::Capitals => 2,
            _ => 3,
        };
        u32::from(known.is_name()) + 2 * plain + 8 * shape
    }

    fn prev_kind(&self, back: usize) -> u32 {
        kind_of(self.prev.get(back))
    }

    fn next_kind(&self, ahead: usize) -> u32 {
        kind_of(self.next.get(ahead))
    }
}

fn kind_of(neighbour: Option<&(Gap, Option<Token>)>) -> u32 {
    match neighbour {
        Some((_, Some(token))) => token.kind(),
        _ => NO_KIND,
    }
}

impl Features {
    pub(crate) fn ids(&self) -> &[u32] {
        self.ids.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, template: u32, a: u32, b: u32) {
        let mut hash = template.wrapping_mul(0x9e37_79b1) ^ a.wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 15))
            .wrapping_add(b)
            .wrapping_mul(0xc2b2_ae35);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0x27d4_eb2f);
        if let Some(slot) = self.ids.get_mut(self.len) {
            *slot = hash >> (32 - FEATURE_BITS);
            self.len += 1;
        }
    }
}
