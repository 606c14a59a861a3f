//! Cities in running text, by the words that lead to them: `lives in Fresno`, `from Baton Rouge`.

use super::features::Token;
use super::lexicon::Known;
use super::model::Model;
use super::roles::Roles;
use super::word::{self, Gap, Shape, Word};
use crate::catalog::Detector;
use crate::lookup::WordSet;
use crate::scan::Scan;
use crate::text::is_one_of;

/// Words of a city's name.
const CITY_WORDS: usize = 3;

/// What a person does in a place, or to it.
static LIVES: WordSet = WordSet::of(&[
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
]);

/// What is said of who comes from a place.
static COMES: WordSet = WordSet::of(&[
    b"originally",
    b"visiting",
    b"immigrated",
    b"emigrated",
    b"hails",
    b"man",
    b"woman",
    b"gentleman",
    b"lady",
    b"resident",
    b"native",
    b"calling",
    b"called",
    b"returned",
    b"back",
    b"came",
    b"comes",
    b"couple",
    b"moved",
    b"veteran",
    b"friend",
    b"friends",
]);

/// What one does to a place.
static GOES: WordSet = WordSet::of(&[
    b"went",
    b"going",
    b"goes",
    b"go",
    b"gone",
    b"travels",
    b"traveling",
    b"travelling",
    b"trip",
    b"drive",
    b"drives",
    b"driving",
    b"flight",
    b"returned",
    b"returning",
    b"back",
]);

/// What is said of who or what is in a place for some time.
static STAYS: WordSet = WordSet::of(&[
    b"up",
    b"house",
    b"apartment",
    b"vacation",
    b"vacationing",
    b"vacationed",
    b"residence",
    b"condo",
    b"resident",
    b"staying",
    b"cabin",
    b"congregation",
]);

/// What may be in a place: its name has to be known.
static STANDS: WordSet = WordSet::of(&[
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
]);

/// Whether the word that begins at `start` stands behind a preposition that may lead to a place.
pub(super) fn may_begin(text: &[u8], start: usize) -> bool {
    let before = text.get(start.saturating_sub(6)..start).unwrap_or_default();
    let leads: [&[u8]; 6] = [b" in ", b" from ", b" to ", b" near ", b" of ", b" at "];
    let leads = leads.iter().any(|lead| {
        let from = before.len().saturating_sub(lead.len());
        before
            .get(from..)
            .is_some_and(|end| end.eq_ignore_ascii_case(lead))
    });
    leads || before.ends_with(b": ") && labelled(text, start)
}

/// Whether the label before `start` asks for a place: `Location of patient: `.
fn labelled(text: &[u8], start: usize) -> bool {
    const BYTES: usize = 32;
    const LABELS: [&[u8]; 8] = [
        b"location",
        b"located",
        b"hometown",
        b"residence",
        b"residing",
        b"birthplace",
        b"town",
        b"lives",
    ];
    let before = text
        .get(start.saturating_sub(BYTES)..start)
        .unwrap_or_default();
    let Some(label) = before.strip_suffix(b": ") else {
        return false;
    };
    let ends = |byte: &u8| !(byte.is_ascii_alphabetic() || *byte == b' ');
    let from = label.iter().rposition(ends).map_or(0, |end| end + 1);
    let mut words = label
        .get(from..)
        .unwrap_or_default()
        .split(|byte| *byte == b' ');
    words.any(|word| is_one_of(word, &LABELS))
}

/// Why a word is taken for the first of a city's name.
pub(super) enum Evidence {
    /// The words before it lead to a place.
    Said,
    /// It has a capital where a place may stand.
    Written,
}

/// Judges a word for which [`may_begin`] holds as the first of a city's name: its range, and what
/// speaks for it.
pub(super) fn city(
    scan: &Scan<'_>,
    token: &Token,
    model: &Model,
) -> Option<(usize, usize, Evidence)> {
    if !scan.wants(Detector::Address) {
        return None;
    }
    let start = token.word.start;
    if let Some(end) = led_to(scan.text, token, model) {
        return Some((start, end, Evidence::Said));
    }
    let end = written(scan.text, token, model)?;
    Some((start, end, Evidence::Written))
}

/// One past a word that has a capital behind `in`, `near` or `from`, and is nothing else that is
/// written so.
fn written(text: &[u8], token: &Token, model: &Model) -> Option<usize> {
    let (Gap::Blank, Some(lead)) = word::before(text, token.word.start) else {
        return None;
    };
    let spelled = slice(text, &lead);
    let leads: [&[u8]; 3] = [b"in", b"near", b"from"];
    let before = word::before(text, lead.start).1;
    let goes = || before.is_some_and(|verb| GOES.has(slice(text, &verb)));
    // `Ann Lee of Dover`
    let named =
        || before.is_some_and(|name| name.shape == Shape::Capital && model.known(&name).is_name());
    let leads =
        leads.contains(&spelled) || spelled == b"to" && goes() || spelled == b"of" && named();
    let known = token.known;
    let other = known.has(Known::CLINICAL | Known::DRUG) && !known.has(Known::PLACE);
    if !leads || token.word.shape != Shape::Capital || other {
        return None;
    }
    let end = city_end(text, token, true, model)?;
    // `in Group 2`, `in Right Hip`
    let next = word::after(text, end, false);
    let heads = Roles::HEAD.or(Roles::ORG_HEAD);
    let goes_on = next.1.filter(|_| next.0 == Gap::Blank).is_some_and(|next| {
        let named = next.shape == Shape::Digits || next.is_capital();
        named || known.has(Known::EPONYM) || model.roles(&next).has(heads)
    });
    (!goes_on && !token.word.possessive).then_some(end)
}

fn slice<'t>(text: &'t [u8], word: &Word) -> &'t [u8] {
    text.get(word.start..word.end).unwrap_or_default()
}

/// One past the city that the words before it lead to.
fn led_to(text: &[u8], token: &Token, model: &Model) -> Option<usize> {
    if !may_begin(text, token.word.start) {
        return None;
    }
    if labelled(text, token.word.start) {
        return city_end(text, token, false, model);
    }
    let (_, lead) = word::before(text, token.word.start);
    let lead = lead?;
    let (gap, verb_word) = word::before(text, lead.start);
    let verb = verb_word.map_or(&b""[..], |verb| slice(text, &verb));
    let leads = |words: &[&[u8]]| is_one_of(slice(text, &lead), words);
    let stays = || lives_before(text, lead.start) || STAYS.has(verb);
    let lives = LIVES.has(verb)
        || leads(&[b"from"]) && COMES.has(verb)
        || leads(&[b"in", b"near"]) && stays();
    // `Ann Lee, 93, of Dover`.
    let aged = verb_word.is_some_and(|word| word.shape == Shape::Digits) && gap == Gap::Comma;
    let comes = leads(&[b"from"])
        || leads(&[b"of"]) && aged
        || STANDS.has(verb)
        || is_city(token) && !leads(&[b"of"]);
    city_end(text, token, lives, model).filter(|_| lives || comes)
}

/// Whether the sentence up to `at` says that somebody lives with others: `lives with her son in`.
fn lives_before(text: &[u8], at: usize) -> bool {
    const BYTES: usize = 56;
    static VERBS: WordSet = WordSet::of(&[
        b"lives",
        b"living",
        b"lived",
        b"resides",
        b"residing",
        b"stays",
    ]);
    let before = text.get(at.saturating_sub(BYTES)..at).unwrap_or_default();
    let ends = |byte: &u8| matches!(byte, b'.' | b';' | b':' | b'\n' | b'\r' | b'?' | b'!');
    let from = before.iter().rposition(ends).map_or(0, |end| end + 1);
    let words = before.get(from..).unwrap_or_default();
    let mut words = words.split(|byte| !byte.is_ascii_alphabetic());
    words.any(|word| VERBS.has(word))
}

/// Whether the word is the name of a city and of nothing else but persons.
fn is_city(token: &Token) -> bool {
    let other = Known::WORD | Known::EPONYM | Known::CLINICAL | Known::DRUG;
    // In a text of one case only what is called so and nothing else.
    let written = token.word.shape == Shape::Capital || token.known.classes() == Known::PLACE;
    token.known.has(Known::PLACE) && !token.known.has(other) && written
}

/// One past the city that begins with the word. Without a `sure` lead one of its words has to be
/// known as a place's.
fn city_end(text: &[u8], first: &Token, sure: bool, model: &Model) -> Option<usize> {
    let mut token = *first;
    let mut place = false;
    let mut told = true;
    for place_words in 1..=CITY_WORDS {
        if !may_be_part(&token, sure) {
            return None;
        }
        let known = token.known;
        told &= known.classes() & Known::TOLD == Known::TOLD;
        let named = known.0 == 0 || known.is_name();
        // Behind `lives in` any word may be one that is written like a name.
        let written = token.word.shape == Shape::Capital;
        place |= match known.has(Known::EPONYM) {
            true => sure,
            false => known.has(Known::PLACE) || sure && (named || written),
        };
        let (gap, next) = word::after(text, token.word.end, token.word.possessive);
        let joined = gap == Gap::Blank || gap == Gap::Stop && token.word.letters <= 2;
        let next = next.filter(|next| joined && next.shape == token.word.shape && next.letters > 1);
        let Some(next) = next.filter(|_| place_words < CITY_WORDS) else {
            break;
        };
        let next = Token::of(next, model);
        // In a line of one case all that follows is written like a name.
        let of_one_case = matches!(token.word.shape, Shape::Capitals | Shape::Lower);
        if of_one_case && place && !(next.known.has(Known::PLACE) && may_be_part(&next, sure)) {
            break;
        }
        token = next;
    }
    // A country or a state alone passes.
    (place && !told).then_some(token.word.end)
}

/// Whether a city may be called so: no facility or ward of one.
fn may_be_part(token: &Token, sure: bool) -> bool {
    // `Mobile` is a city, too.
    let city = token.known.has(Known::PLACE) && token.word.shape == Shape::Capital;
    let department = token.roles.has(Roles::DEPARTMENT) && !city;
    let other = Roles::ORG_HEAD
        .or(Roles::DATE)
        .or(Roles::KIN)
        .or(Roles::JOB)
        .or(Roles::TITLE)
        .or(Roles::FUNCTION)
        .or(Roles::HEAD);
    let code = token.word.shape == Shape::Capitals && token.word.letters <= 3;
    // In small letters only what hardly is anything else.
    let written = match token.word.shape {
        Shape::Lower => token.known.has(Known::PLACE) && (sure || token.known.word_frequency() < 3),
        _ => token.word.is_capital(),
    };
    written && !token.roles.has(other) && !department && !code
}
