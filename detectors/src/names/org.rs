//! Names of facilities: capitalised words that lead to `Hospital`, `Clinic`, `Medical Center`.

use super::features::Token;
use super::lexicon::Known;
use super::model::Model;
use super::roles::Roles;
use super::word::{self, Gap, Shape, Word};
use crate::catalog::Detector;
use crate::lookup::WordSet;
use crate::scan::Scan;
use crate::text::is_one_of;

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

/// What practices are called after: with a name or a coined word before them.
static PRACTICES: WordSet = WordSet::of(&[
    b"orthopedics",
    b"orthopaedics",
    b"pediatrics",
    b"paediatrics",
    b"cardiology",
    b"dermatology",
    b"oncology",
    b"urology",
    b"radiology",
    b"imaging",
    b"dental",
    b"dentistry",
    b"ophthalmology",
    b"psychiatry",
    b"gastroenterology",
    b"neurology",
    b"nephrology",
    b"obstetrics",
    b"wellness",
    b"counseling",
    b"dialysis",
]);

/// Looks at a capitalised word as the last of a practice's name: `Oakridge Pediatrics`.
pub(super) fn practice(scan: &mut Scan<'_>, token: &Token, model: &Model) {
    let word = token.word;
    let spelled = scan.slice(word.start, word.end);
    if word.shape != Shape::Capital || !PRACTICES.has(spelled) {
        return;
    }
    let (Gap::Blank, Some(before)) = word::before(scan.text, word.start) else {
        return;
    };
    let owner = Token::of(before, model);
    let known = owner.known;
    let own = known.0 == 0 || known.last_frequency() >= 5 || known.has(Known::PLACE);
    if before.shape == Shape::Capital && own && is_own(&owner, &word, false) {
        scan.report(Detector::Org, before.start, word.end);
    }
}

/// Looks at a word in small letters as the last of a facility's name, in a text without
/// capitals: `mercy general hospital`.
pub(super) fn small(scan: &mut Scan<'_>, token: &Token, model: &Model) {
    static HEADS: WordSet = WordSet::of(&[
        b"hospital",
        b"clinic",
        b"center",
        b"hospice",
        b"pharmacy",
        b"rehab",
    ]);
    let word = token.word;
    if word.possessive || !HEADS.has(scan.slice(word.start, word.end)) {
        return;
    }
    let (mut start, mut own, mut at) = (word.start, false, word.start);
    for _ in 0..LEADING_WORDS {
        let (Gap::Blank | Gap::Hyphen, Some(before)) = word::before(scan.text, at) else {
            break;
        };
        let before = Token::of(before, model);
        let told = Roles::FUNCTION
            .or(Roles::SAYS)
            .or(Roles::BY)
            .or(Roles::TITLE)
            .or(Roles::KIN)
            .or(Roles::MODAL);
        let kind = before.roles.has(Roles::ORG_HEAD.or(Roles::DEPARTMENT));
        let known = before.known;
        let name = known.0 == 0 || known.has(Known::PLACE) || known.is_name();
        if before.word.shape != Shape::Lower || before.roles.has(told) || !(kind || name) {
            break;
        }
        own |= !kind && before.word.letters > 2;
        start = before.word.start;
        at = start;
    }
    if own {
        scan.report(Detector::Org, start, word.end);
    }
}

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
    let care = spelled.eq_ignore_ascii_case(b"care");
    if care && !cares_for_many(scan.text, &word) {
        return;
    }
    let strong = strong && !care;
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
        // `FROM HOLY CROSS HOSPITAL`: in a line of capitals all words look alike.
        if before.shape == Shape::Capitals && leads(text, &before) {
            break;
        }
        // `Lee of Occupational Health` is a person and a department.
        if joint && !own {
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

/// Words that lead to a facility and belong to none.
fn leads(text: &[u8], word: &Word) -> bool {
    const LEADS: [&[u8]; 8] = [b"from", b"via", b"to", b"with", b"by", b"per", b"at", b"in"];
    text.get(word.start..word.end)
        .is_some_and(|word| is_one_of(word, &LEADS))
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
        .or(Roles::BY)
        .or(Roles::JOB)
        .or(Roles::DATE)
        .or(Roles::TITLE);
    let acronym = token.word.shape == Shape::Capitals
        && token.word.letters <= 5
        && head.shape != Shape::Capitals;
    let known = token.known;
    // `Walker`, `Thompson`: a device and a test, and what many families are called.
    if known.last_frequency() >= 5 && !token.roles.has(Roles::DATE.or(Roles::TITLE)) && !acronym {
        return true;
    }
    if token.roles.has(generic) || acronym {
        return false;
    }
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
