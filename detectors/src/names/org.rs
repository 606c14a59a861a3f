//! Names of facilities: capitalised words that lead to `Hospital`, `Clinic`, `Medical Center`.

use super::features::Token;
use super::lexicon::Known;
use super::model::Model;
use super::roles::Roles;
use super::word::{self, Gap, Shape, Word};
use crate::catalog::Detector;
use crate::scan::Scan;

/// Words before the one that says what it is.
const LEADING_WORDS: usize = 5;
/// Words behind it: `of Northfield`.
const TRAILING_WORDS: usize = 3;

/// Words that, with any other before them, name a facility: `Holy Cross Hospital`. The others
/// need one that is no common word: `Nervous System`.
const STRONG: &[&str] = &[
    "hospital",
    "hospice",
    "clinic",
    "center",
    "centre",
    "pharmacy",
    "infirmary",
    "institute",
    "healthcare",
    "rehab",
    "rehabilitation",
    "laboratory",
    "laboratories",
    "surgicenter",
    "living",
    "care",
    "university",
];

/// Looks at a capitalised word as the last of a facility's name.
pub(super) fn head(scan: &mut Scan<'_>, token: &Token, model: &Model) {
    let word = token.word;
    if !token.roles.has(Roles::ORG_HEAD) || word.possessive {
        return;
    }
    let spelled = scan.slice(word.start, word.end);
    let strong = STRONG
        .iter()
        .any(|strong| spelled.eq_ignore_ascii_case(strong.as_bytes()));
    // `Urgent Care` may be a facility's, `Intensive Care` is not.
    if spelled.eq_ignore_ascii_case(b"care") && !cares_for_many(scan.text, &word) {
        return;
    }
    let (start, own) = leading(scan.text, &word, strong, model);
    let (end, place) = trailing(scan.text, &word, model);
    if own || place && (strong || start < word.start) {
        scan.report(Detector::Org, start, end);
    }
}

/// Whether the word before `Care` makes it a place.
fn cares_for_many(text: &[u8], word: &Word) -> bool {
    let (_, before) = word::before(text, word.start);
    let before = before.and_then(|before| text.get(before.start..before.end));
    before.is_some_and(|before| {
        let kinds: [&[u8]; 4] = [b"urgent", b"memory", b"senior", b"hospice"];
        kinds.iter().any(|kind| before.eq_ignore_ascii_case(kind))
    })
}

/// Where the name begins, and whether a word in it is a name of its own.
fn leading(text: &[u8], head: &Word, strong: bool, model: &Model) -> (usize, bool) {
    let mut start = head.start;
    let mut own = false;
    let mut at = head.start;
    for _ in 0..LEADING_WORDS {
        let (gap, before) = word::before(text, at);
        let Some(before) = before else { break };
        let abbreviated = gap == Gap::Stop && before.letters <= 3 && at - before.end == 2;
        if !(matches!(gap, Gap::Blank | Gap::Hyphen) || abbreviated) {
            break;
        }
        let token = Token::of(before, model);
        let joint = matches!(before.shape, Shape::Lower) && is_joint(text, &before);
        if !(before.shape != Shape::Initial && before.is_capital() || joint) {
            break;
        }
        if token.roles.has(Roles::FUNCTION.or(Roles::SAYS)) && !joint {
            break;
        }
        at = before.start;
        if joint {
            continue;
        }
        own |= is_own(&token, head, strong);
        start = before.start;
    }
    (start, own)
}

/// `of`, `and`, `for`: small words inside a name.
fn is_joint(text: &[u8], word: &Word) -> bool {
    matches!(
        text.get(word.start..word.end),
        Some(b"of" | b"and" | b"for" | b"de" | b"la")
    )
}

/// Whether a word tells one facility from another: no department, no word for what they do.
fn is_own(token: &Token, head: &Word, strong: bool) -> bool {
    let generic = Roles::ORG_HEAD
        .or(Roles::DEPARTMENT)
        .or(Roles::HEAD)
        .or(Roles::FIELD)
        .or(Roles::KIN)
        .or(Roles::JOB)
        .or(Roles::DATE)
        .or(Roles::TITLE);
    let acronym = token.word.shape == Shape::Capitals
        && token.word.letters <= 5
        && head.shape != Shape::Capitals;
    if token.roles.has(generic) || acronym {
        return false;
    }
    let known = token.known;
    let common = known.word_frequency() == 3 && !known.is_name();
    !known.has(Known::CLINICAL | Known::DRUG) && (strong || !common)
}

/// One past the name, and whether `of` and a word of its own follow.
fn trailing(text: &[u8], head: &Word, model: &Model) -> (usize, bool) {
    let mut end = head.end;
    let mut own = false;
    let mut last = *head;
    for _ in 0..TRAILING_WORDS {
        let (Gap::Blank, Some(next)) = word::after(text, last.end, last.possessive) else {
            break;
        };
        let of = text.get(next.start..next.end) == Some(b"of");
        let token = Token::of(next, model);
        let more =
            next.is_capital() && (token.roles.has(Roles::ORG_HEAD) || last.shape == Shape::Lower);
        if !of && !more {
            break;
        }
        if more {
            own |= last.shape == Shape::Lower && is_own(&token, head, false);
            end = next.end;
        }
        last = next;
    }
    (end, own)
}
