//! Cities in running text, by the words that lead to them: `lives in Fresno`, `from Baton Rouge`.

use super::features::Token;
use super::lexicon::Known;
use super::model::Model;
use super::roles::Roles;
use super::word::{self, Gap, Shape, Word};
use crate::catalog::Detector;
use crate::scan::Scan;
use crate::text::is_one_of;

/// Words of a city's name.
const CITY_WORDS: usize = 3;

/// What a person does in a place, or to it.
const LIVES: [&[u8]; 24] = [
    b"lives",
    b"living",
    b"lived",
    b"live",
    b"resides",
    b"residing",
    b"resided",
    b"reside",
    b"moved",
    b"moves",
    b"moving",
    b"relocated",
    b"raised",
    b"born",
    b"arrived",
    b"settled",
    b"apartment",
    b"native",
    b"traveled",
    b"travelled",
    b"drove",
    b"flew",
    b"commutes",
    b"retired",
];

/// What may be in a place: its name has to be known.
const STANDS: [&[u8]; 24] = [
    b"works",
    b"worked",
    b"working",
    b"clinic",
    b"office",
    b"school",
    b"college",
    b"hospital",
    b"home",
    b"family",
    b"wife",
    b"husband",
    b"son",
    b"daughter",
    b"mother",
    b"father",
    b"brother",
    b"sister",
    b"trip",
    b"flight",
    b"visiting",
    b"farm",
    b"practice",
    b"hospitalized",
];

/// Whether the word that begins at `start` stands behind a preposition that may lead to a place.
pub(super) fn may_begin(text: &[u8], start: usize) -> bool {
    let before = text.get(start.saturating_sub(6)..start).unwrap_or_default();
    let leads: [&[u8]; 5] = [b" in ", b" from ", b" to ", b" near ", b" of "];
    leads.iter().any(|lead| {
        let from = before.len().saturating_sub(lead.len());
        before
            .get(from..)
            .is_some_and(|end| end.eq_ignore_ascii_case(lead))
    })
}

/// Judges a word for which [`may_begin`] holds as the first of a city's name.
pub(super) fn city(scan: &mut Scan<'_>, token: &Token, model: &Model) {
    if !scan.wants(Detector::Address) {
        return;
    }
    let text = scan.text;
    let (_, Some(lead)) = word::before(text, token.word.start) else {
        return;
    };
    let (gap, verb_word) = word::before(text, lead.start);
    let spelled = |word: &Word| text.get(word.start..word.end).unwrap_or_default();
    let verb = verb_word.as_ref().map(spelled).unwrap_or_default();
    let lives = is_one_of(verb, &LIVES);
    // `Ann Lee, 93, of Dover`.
    let lead = spelled(&lead);
    let aged = verb_word.is_some_and(|word| word.shape == Shape::Digits) && gap == Gap::Comma;
    let comes = lead.eq_ignore_ascii_case(b"from")
        || lead.eq_ignore_ascii_case(b"of") && aged
        || is_one_of(verb, &STANDS)
        || is_city(token) && !lead.eq_ignore_ascii_case(b"of");
    if let Some(end) = city_end(text, token, lives, model).filter(|_| lives || comes) {
        scan.report(Detector::Address, token.word.start, end);
    }
}

/// Whether the word is the name of a city and of nothing else but persons.
fn is_city(token: &Token) -> bool {
    let other = Known::WORD | Known::EPONYM | Known::CLINICAL | Known::DRUG;
    token.known.has(Known::PLACE) && !token.known.has(other) && token.word.shape == Shape::Capital
}

/// One past the city that begins with the word. Without a `sure` lead one of its words has to be
/// known as a place's.
fn city_end(text: &[u8], first: &Token, sure: bool, model: &Model) -> Option<usize> {
    let mut token = *first;
    let mut place = false;
    for place_words in 1..=CITY_WORDS {
        if !may_be_part(&token) {
            return None;
        }
        let known = token.known;
        let named = known.0 == 0 || known.is_name();
        place |= match known.has(Known::EPONYM) {
            true => sure,
            false => known.has(Known::PLACE) || sure && named,
        };
        let (gap, next) = word::after(text, token.word.end, token.word.possessive);
        let joined = gap == Gap::Blank || gap == Gap::Stop && token.word.letters <= 2;
        let next = next.filter(|next| joined && next.shape == token.word.shape && next.letters > 1);
        let Some(next) = next.filter(|_| place_words < CITY_WORDS) else {
            break;
        };
        // In a line of one case all that follows is written like a name.
        if matches!(token.word.shape, Shape::Capitals | Shape::Lower) && place {
            break;
        }
        token = Token::of(next, model);
    }
    place.then_some(token.word.end)
}

/// Whether a city may be called so: no country or state, no facility or ward of one.
fn may_be_part(token: &Token) -> bool {
    let other = Roles::ORG_HEAD
        .or(Roles::DEPARTMENT)
        .or(Roles::DATE)
        .or(Roles::KIN)
        .or(Roles::JOB)
        .or(Roles::TITLE)
        .or(Roles::FUNCTION)
        .or(Roles::HEAD);
    let told = token.known.classes() & Known::TOLD == Known::TOLD;
    let code = token.word.shape == Shape::Capitals && token.word.letters <= 3;
    // In small letters only what hardly is anything else.
    let written = match token.word.shape {
        Shape::Lower => token.known.has(Known::PLACE) && token.known.word_frequency() < 3,
        _ => token.word.is_capital(),
    };
    written && !token.roles.has(other) && !told && !code
}
