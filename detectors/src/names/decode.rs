//! From scores of words to names: neighbours that support each other, runs, and repetitions.

use super::candidates::{self, Candidate, Seen};
use super::features::Token;
use super::model::Model;
use super::roles::Roles;
use super::word::{self, Gap, Shape, Word};
use super::{org, place, record};
use crate::catalog::Detector;
use crate::scan::Scan;

/// Words of a name; more in a row are reported one by one.
const RUN_WORDS: usize = 6;
/// Words that are not judged between two names: `de la`, an initial.
const BRIDGE_WORDS: usize = 3;
/// Accepted words that are looked for again.
const REMEMBERED: usize = 64;
/// Words that wait for another of their kind to be accepted.
const WAITING: usize = 128;
/// Names that wait for one that is beyond doubt; with more of them the text is full of names.
const LONELY: usize = 32;
/// Up to here a text has few words, so that hardly one of them looks like a name by chance.
const SHORT_BYTES: usize = 160;

/// Reports the names of the text.
pub(super) fn names(scan: &mut Scan<'_>, model: &Model) {
    let text = scan.text;
    let edges = (scan.around.at_start, scan.around.at_end);
    let mut decoder = Decoder::new(model, edges == (true, true), text.len());
    candidates::each(text, edges, model, |seen| match seen {
        Seen::Candidate(candidate) => decoder.take(scan, candidate),
        Seen::Facility(token) if token.word.shape == Shape::Lower => org::small(scan, token, model),
        Seen::Facility(token) => {
            org::head(scan, token, model);
            org::practice(scan, token, model);
        }
        Seen::Place(token) => match place::city(scan, token, model) {
            Some((start, end, place::Evidence::Said)) => scan.report(Detector::Address, start, end),
            Some((start, end, place::Evidence::Written)) => {
                decoder.run.keep(scan, Detector::Address, start, end);
            }
            None => {}
        },
    });
    decoder.finish(scan);
}

/// A candidate whose score is known, but not yet the next one's.
#[derive(Clone, Copy)]
struct Scored {
    word: Word,
    score: i32,
    lower: bool,
    /// The candidate before it speaks for it.
    supported: bool,
    /// It may be found again, or find others.
    repeats: bool,
}

struct Decoder<'m> {
    model: &'m Model,
    whole: bool,
    /// From here on a name needs no other beside it.
    alone: i32,
    held: Option<Scored>,
    run: Run,
    /// Nothing until there is something to remember: most texts are too short for that.
    memory: Option<Memory>,
}

impl<'m> Decoder<'m> {
    fn new(model: &'m Model, whole: bool, bytes: usize) -> Self {
        let thresholds = model.thresholds;
        let alone = match bytes <= SHORT_BYTES {
            true => thresholds.alone.midpoint(thresholds.accept),
            false => thresholds.alone,
        };
        Self {
            model,
            whole,
            alone,
            held: None,
            // A part of a text says nothing about what else is in it.
            run: Run::new(!whole),
            memory: None,
        }
    }

    fn take(&mut self, scan: &mut Scan<'_>, candidate: &Candidate) {
        let strong = self.model.thresholds.strong;
        let mut scored = Scored {
            word: candidate.word(),
            score: self.model.score(&candidate.features()),
            lower: candidate.is_lower(),
            supported: false,
            repeats: repeats(candidate),
        };
        if let Some(held) = self.held.take() {
            // Neither speaks for the other unless it is sure of itself.
            let beside = held.score.max(scored.score) >= strong
                && joined(scan.text, &held.word, &scored.word, self.model);
            scored.supported = beside && held.score >= strong;
            self.settle(scan, held, beside && scored.score >= strong);
        }
        self.held = Some(scored);
    }

    /// Decides about a candidate, now that both sides of it are known.
    fn settle(&mut self, scan: &mut Scan<'_>, scored: Scored, supported: bool) {
        let thresholds = self.model.thresholds;
        let support = if scored.supported || supported {
            thresholds.support
        } else {
            0
        };
        let score = scored.score + support;
        self.run.company |= scored.score >= self.alone;
        let accept = if scored.lower {
            thresholds.accept_lower
        } else {
            thresholds.accept
        };
        if score >= accept {
            self.run.push(scan, scored.word, self.model);
            if self.whole && scored.repeats && score >= thresholds.strong {
                self.memory
                    .get_or_insert_default()
                    .remember(scored.word.key);
            }
        } else if self.whole && scored.repeats && score >= thresholds.again {
            self.memory.get_or_insert_default().wait(scan, scored.word);
        }
    }

    fn finish(mut self, scan: &mut Scan<'_>) {
        if let Some(held) = self.held.take() {
            self.settle(scan, held, false);
        }
        self.run.flush(scan, self.model);
        if self.run.company {
            self.run.believe(scan);
        }
        if let Some(memory) = &mut self.memory {
            memory.recall(scan);
        }
    }
}

/// Whether a word that is accepted in one place is a name in others, too: not where it is a
/// month, a modal verb, or the first word of a sentence that is one anyway.
fn repeats(candidate: &Candidate) -> bool {
    let own = &candidate.context.own;
    let next = candidate.context.next[0];
    let heads = next.1.is_some_and(|next| next.roles.has(Roles::HEAD)) && next.0 == Gap::Blank;
    let modal = own.roles.has(Roles::MODAL.or(Roles::DATE))
        && !candidate.context.prev[0]
            .1
            .is_some_and(|prev| prev.roles.has(Roles::TITLE));
    // In small letters a common word is one wherever it stands.
    let small = own.word.shape == Shape::Lower && own.known.word_frequency() >= 2;
    own.word.letters > 1 && !heads && !modal && !small
}

/// Whether two words are parts of one name, as far as what stands between them says.
fn joined(text: &[u8], first: &Word, second: &Word, model: &Model) -> bool {
    let mut last = *first;
    for step in 0..=BRIDGE_WORDS {
        let (gap, next) = word::after(text, last.end, last.possessive);
        let Some(next) = next else { return false };
        let close = match gap {
            Gap::Blank | Gap::Hyphen | Gap::Caret => !last.possessive,
            Gap::Comma => step == 0 && next.start - last.end <= 2,
            Gap::Stop => last.letters <= 2 && next.start - last.end <= 2,
            _ => false,
        };
        if !close || next.start > second.start {
            return false;
        }
        if next.start == second.start {
            return true;
        }
        let token = Token::of(next, model);
        let bridge =
            next.letters == 1 || is_particle(&token) || gap == Gap::Hyphen && is_second(&token);
        if !bridge {
            return false;
        }
        last = next;
    }
    false
}

fn is_particle(token: &Token) -> bool {
    token.roles.has(Roles::PARTICLE)
}

/// Whether a word behind a hyphen may be the second part of a first name: `Ji-woo`, `Anne-marie`.
fn is_second(token: &Token) -> bool {
    const LETTERS: u8 = 8;
    let known = token.known;
    let unlike_a_word = known.0 == 0 || known.is_name() || token.word.letters <= 3;
    token.word.shape == Shape::Lower
        && token.word.letters <= LETTERS
        && unlike_a_word
        && known.word_frequency() < 3
        && !token.roles.has(Roles::HEAD.or(Roles::FUNCTION))
}

/// Accepted words in a row.
struct Run {
    words: [Option<Word>; RUN_WORDS],
    len: usize,
    last: Option<Word>,
    /// The text holds a name that would be one alone: the others are believed.
    company: bool,
    /// What waits for company: names, and cities that are known by their capital alone.
    lonely: [(Detector, usize, usize); LONELY],
    lonely_len: usize,
}

impl Run {
    fn new(company: bool) -> Self {
        Self {
            words: Default::default(),
            len: 0,
            last: None,
            company,
            lonely: [(Detector::Name, 0, 0); LONELY],
            lonely_len: 0,
        }
    }

    fn push(&mut self, scan: &mut Scan<'_>, word: Word, model: &Model) {
        if let Some(last) = self.last
            && !joined(scan.text, &last, &word, model)
        {
            self.flush(scan, model);
        }
        match self.words.get_mut(self.len) {
            Some(slot) => *slot = Some(word),
            None => self.spill(scan, word),
        }
        self.len += 1;
        self.last = Some(word);
    }

    /// Reports the words of a run that is too long one by one.
    fn spill(&mut self, scan: &mut Scan<'_>, word: Word) {
        for word in self.words.iter_mut().filter_map(Option::take) {
            scan.report(Detector::Name, word.start, word.end);
        }
        scan.report(Detector::Name, word.start, word.end);
    }

    fn flush(&mut self, scan: &mut Scan<'_>, model: &Model) {
        if let (Some(first), Some(last)) = (self.words[0], self.last) {
            let start = leading_particles(scan.text, &first, model);
            let last = trailing_parts(scan.text, &last, model);
            let end = trailing_suffix(scan.text, &last, model);
            self.keep(scan, Detector::Name, start, end);
        }
        (self.words, self.len, self.last) = Default::default();
    }

    /// Reports a finding, or keeps it until the text holds a name that is beyond doubt.
    fn keep(&mut self, scan: &mut Scan<'_>, detector: Detector, start: usize, end: usize) {
        if !self.company
            && let Some(slot) = self.lonely.get_mut(self.lonely_len)
        {
            *slot = (detector, start, end);
            self.lonely_len += 1;
            return;
        }
        self.believe(scan);
        believe(scan, detector, start, end);
    }

    /// Reports what waited.
    fn believe(&mut self, scan: &mut Scan<'_>) {
        let lonely = self.lonely.get(..self.lonely_len).unwrap_or_default();
        for (detector, start, end) in lonely {
            believe(scan, *detector, *start, *end);
        }
        self.lonely_len = 0;
    }
}

fn believe(scan: &mut Scan<'_>, detector: Detector, start: usize, end: usize) {
    scan.report(detector, start, end);
    if detector == Detector::Name {
        record::beside(scan, start, end);
    }
}

/// The last word of a name whose rest was not taken for one: `Al-Farsi`, `Ji-woo`, `de Mitt`.
fn trailing_parts(text: &[u8], last: &Word, model: &Model) -> Word {
    let mut end = *last;
    for _ in 0..=BRIDGE_WORDS {
        let Some(next) = next_part(text, &end, model) else {
            break;
        };
        end = next;
    }
    end
}

/// The word behind a name that belongs to it by the hyphen or the particles between them.
fn next_part(text: &[u8], last: &Word, model: &Model) -> Option<Word> {
    let other = Roles::HEAD
        .or(Roles::CREDENTIAL)
        .or(Roles::DATE)
        .or(Roles::FUNCTION)
        .or(Roles::ORG_HEAD)
        .or(Roles::DOSE);
    let mut at = *last;
    let mut led = false;
    for _ in 0..BRIDGE_WORDS {
        let (gap, next) = word::after(text, at.end, at.possessive);
        let next = next.filter(|next| !at.possessive && next.start - at.end == 1)?;
        let token = Token::of(next, model);
        let written = next.is_capital() && next.letters > 1 && !token.roles.has(other);
        match gap {
            Gap::Hyphen if written || !led && is_second(&token) => return Some(next),
            Gap::Blank if led && written => return Some(next),
            Gap::Blank
                if is_particle(&token)
                    && next.letters > 1
                    && !token.roles.has(other)
                    && !token.roles.has(Roles::SUFFIX) => {}
            _ => return None,
        }
        led = true;
        at = next;
    }
    None
}

/// The first of the particles that lead to a name: `van der Berg`, `al-Rashid`, `D'Aubigny`.
fn leading_particles(text: &[u8], first: &Word, model: &Model) -> usize {
    let mut start = match text.get(..first.start) {
        Some([.., b' ' | b'"' | b'\n', letter, b'\'']) if letter.is_ascii_uppercase() => {
            first.start - 2
        }
        Some([letter, b'\'']) if letter.is_ascii_uppercase() => 0,
        _ => first.start,
    };
    for _ in 0..BRIDGE_WORDS {
        let (gap, before) = word::before(text, start);
        let Some(before) = before.filter(|_| matches!(gap, Gap::Blank | Gap::Hyphen)) else {
            break;
        };
        let token = Token::of(before, model);
        if !is_particle(&token) || token.roles.has(Roles::FUNCTION) || before.letters < 2 {
            break;
        }
        start = before.start;
    }
    start
}

/// One past `Jr`, `III`, or the initial of a last name, behind a name.
fn trailing_suffix(text: &[u8], last: &Word, model: &Model) -> usize {
    match word::after(text, last.end, last.possessive) {
        (Gap::Blank, Some(next)) if next.letters == 1 && text.get(next.end) == Some(&b'.') => {
            next.end
        }
        (Gap::Blank | Gap::Comma, Some(next))
            if next.is_capital() && model.roles(&next).has(Roles::SUFFIX) =>
        {
            next.end
        }
        _ => last.end,
    }
}

/// Words that were accepted, and words that wait for that.
struct Memory {
    keys: [u64; REMEMBERED],
    known: usize,
    waiting: [(u64, usize, usize); WAITING],
    waits: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            keys: [0; REMEMBERED],
            known: 0,
            waiting: [(0, 0, 0); WAITING],
            waits: 0,
        }
    }
}

impl Memory {
    fn remember(&mut self, key: u64) {
        let known = self
            .keys
            .get(..self.known.min(REMEMBERED))
            .unwrap_or_default();
        if !known.contains(&key) {
            // The latest names are the likeliest to come again.
            if let Some(slot) = self.keys.get_mut(self.known % REMEMBERED) {
                *slot = key;
            }
            self.known += 1;
        }
    }

    fn wait(&mut self, scan: &mut Scan<'_>, word: Word) {
        if self.waits == WAITING {
            self.recall(scan);
        }
        if let Some(slot) = self.waiting.get_mut(self.waits) {
            *slot = (word.key, word.start, word.end);
            self.waits += 1;
        }
    }

    /// Reports the waiting words that were accepted elsewhere.
    fn recall(&mut self, scan: &mut Scan<'_>) {
        let known = self
            .keys
            .get(..self.known.min(REMEMBERED))
            .unwrap_or_default();
        let waiting = self.waiting.get(..self.waits).unwrap_or_default();
        for (key, start, end) in waiting {
            if known.contains(key) {
                scan.report(Detector::Name, *start, *end);
            }
        }
        self.waits = 0;
    }
}
