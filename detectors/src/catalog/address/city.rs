//! Cities: before their state, behind a street.

use super::words::{self, Case, WORD_BYTES, Word};
use crate::catalog::{Detector, zip};
use crate::lookup::WordSet;
use crate::scan::Scan;
use crate::text::{
    char_end, char_start, ends_escape, ends_word, is_one_of, may_hold_escape, run_end, run_start,
};

/// Words of a city's name.
const CITY_WORDS: usize = 3;

/// Abbreviations that are also degrees, roles or words: they need a ZIP code behind them.
const AMBIGUOUS: [&[u8]; 10] = [
    b"MD", b"PA", b"MA", b"MS", b"DC", b"OR", b"IN", b"ME", b"AL", b"PR",
];

/// Capitalised words that stand before a city and are no part of it.
static NO_CITY: WordSet = WordSet::of(&[
    b"from", b"in", b"lives", b"to", b"of", b"at", b"city", b"the", b"near", b"address", b"and",
    b"born", b"moved", b"live", b"resides", b"with",
]);

/// What a city behind a street is followed by, if no state is: the sentence goes on.
static GOES_ON: WordSet = WordSet::of(&[
    b"and", b"with", b"since", b"for", b"where", b"who", b"when", b"in", b"on", b"by", b"is",
    b"was", b"has", b"until", b"to", b"from", b"but", b"near", b"as", b"because", b"after",
    b"before", b"while", b"so", b"at", b"she", b"he", b"they", b"that", b"which", b"via", b"or",
]);
/// What begins with a capital behind a street and is no city.
static OTHERS: WordSet = WordSet::of(&[
    b"rural",
    b"route",
    b"rr",
    b"hc",
    b"highway",
    b"box",
    b"dr",
    b"mr",
    b"mrs",
    b"ms",
    b"miss",
    b"apt",
    b"suite",
    b"ste",
    b"unit",
    b"patient",
    b"pt",
    b"the",
    b"he",
    b"she",
    b"his",
    b"her",
    b"they",
    b"phone",
    b"tel",
    b"fax",
    b"dob",
    b"mrn",
    b"ssn",
    b"age",
    b"and",
    b"who",
    b"with",
    b"we",
    b"i",
    b"no",
    b"room",
    b"po",
    b"cell",
    b"home",
    b"work",
    b"email",
    b"usa",
    b"contact",
    b"call",
    b"date",
    b"son",
    b"daughter",
    b"wife",
    b"husband",
    b"mother",
    b"father",
]);

/// What stands behind a street.
pub(super) struct Place {
    /// One past it.
    pub(super) end: usize,
    /// A state or a ZIP code is part of it.
    pub(super) stated: bool,
}

/// How a city is set off from the street before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    Comma,
    Line,
    Blank,
    In,
}

/// Behind the end of a line at `at`, as bytes or as escapes, and the blanks of the next; `at` if
/// no line ends there.
pub(super) fn behind_line(scan: &Scan<'_>, at: usize) -> usize {
    let breaks: [&[u8]; 5] = [b"\r\n", b"\n", b"\r", b"\\r\\n", b"\\n"];
    let found = breaks
        .iter()
        .find(|line| scan.slice(at, at + line.len()) == **line);
    found.map_or(at, |line| {
        run_end(scan.text, at + line.len(), 8, |byte| {
            matches!(byte, b' ' | b'\t')
        })
    })
}

/// The city, state and ZIP code behind a street or a box that ends at `end`.
pub(super) fn behind(scan: &Scan<'_>, end: usize) -> Option<Place> {
    let (joint, from) = joint(scan, end)?;
    let first = words::word_at(scan, from)?;
    if let Some(end) = state_end(scan, first.start, joint != Joint::Blank) {
        // No city, but `12 Oak Street, IL 62704`.
        return Some(Place { end, stated: true });
    }
    let mut word = first;
    for count in 1..=CITY_WORDS + 1 {
        if word.case == Case::Ordinal || word.case != first.case && word.case == Case::Small {
            return None;
        }
        if let Some(end) = state_behind(scan, &word, joint) {
            return Some(Place { end, stated: true });
        }
        if count <= CITY_WORDS
            && let Some(end) = bare_end(scan, joint, &first, &word)
        {
            return Some(Place { end, stated: false });
        }
        if word.ends_sentence() {
            return None;
        }
        word = words::next(scan, word.dotted)?;
    }
    None
}

fn joint(scan: &Scan<'_>, end: usize) -> Option<(Joint, usize)> {
    let dot = end + usize::from(scan.byte(end) == Some(b'.'));
    let comma = run_end(scan.text, dot, 1, |byte| byte == b',');
    let blank = run_end(scan.text, comma, 2, |byte| byte == b' ');
    let line = behind_line(scan, blank);
    if line > blank {
        return Some((Joint::Line, line));
    }
    if comma > dot {
        return Some((Joint::Comma, blank));
    }
    if scan.slice(end, end + 4).eq_ignore_ascii_case(b" in ") {
        return Some((Joint::In, end + 4));
    }
    (blank > comma).then_some((Joint::Blank, blank))
}

/// One past the state and ZIP code behind a city's word.
fn state_behind(scan: &Scan<'_>, word: &Word<'_>, joint: Joint) -> Option<usize> {
    let comma = run_end(scan.text, word.dotted, 1, |byte| byte == b',');
    let state = run_end(scan.text, comma, 2, |byte| byte == b' ');
    if state == word.dotted {
        return None;
    }
    // Without any comma only the ZIP code tells a state from a word.
    let sure = comma > word.dotted || joint == Joint::Line;
    if let Some(end) = state_end(scan, state, sure) {
        return Some(end);
    }
    // `Springfield 62704`
    let code = zip_end(scan, word.dotted);
    let capital = joint != Joint::Blank || word.case == Case::Capital;
    (code > word.dotted && capital).then_some(code)
}

/// One past the state at `at`, and the ZIP code behind it. Unless it is `sure` that a state can
/// stand there, it needs one.
fn state_end(scan: &Scan<'_>, at: usize, sure: bool) -> Option<usize> {
    let end = run_end(scan.text, at, 14, |byte| byte.is_ascii_alphabetic());
    let word = scan.slice(at, end);
    if word.is_empty() || !ends_word(scan.text, end) {
        return None;
    }
    let dot = end + usize::from(scan.byte(end) == Some(b'.'));
    let code = zip_end(scan, dot);
    let with_zip = code > dot;
    let short = zip::is_state(word)
        || with_zip && word.len() == 2 && zip::is_state(&word.to_ascii_uppercase());
    if short && (with_zip || sure && !is_word_of_sentence(scan, word, end)) {
        return Some(if with_zip { code } else { end });
    }
    let named = state_name_end(scan, at, end);
    let capital = word.first().is_some_and(u8::is_ascii_uppercase);
    let code = zip_end(scan, named);
    (named > at && (sure && capital || code > named)).then_some(code)
}

/// `IN` or `OR` in a line of capitals is a word if another follows.
fn is_word_of_sentence(scan: &Scan<'_>, state: &[u8], end: usize) -> bool {
    let words: [&[u8]; 6] = [b"IN", b"OR", b"ME", b"OK", b"HI", b"PA"];
    words.contains(&state) && words::next(scan, end).is_some_and(|word| word.case == Case::Capitals)
}

/// One past the city that ends with the word, if what follows says that no state does.
fn bare_end(scan: &Scan<'_>, joint: Joint, first: &Word<'_>, last: &Word<'_>) -> Option<usize> {
    let capital = first.is_capital() && first.text.len() > 2;
    if !matches!(joint, Joint::Comma | Joint::In) || !capital || first.is_in(&OTHERS) {
        return None;
    }
    let end = char_end(scan.text, last.end);
    match scan.byte(last.end) {
        None => Some(end),
        Some(byte) if byte != b' ' => byte.is_ascii_punctuation().then_some(end).or_else(|| {
            let line = matches!(byte, b'\n' | b'\r' | b'\t');
            line.then_some(end)
        }),
        Some(_) => match words::next(scan, last.end) {
            // A sign, a number, or a wide blank.
            None => Some(end),
            Some(next) if next.start > last.end + 1 => Some(end),
            Some(next) if next.case == Case::Small => {
                (last.case != Case::Capitals && next.is_in(&GOES_ON)).then_some(end)
            }
            Some(next) => (last.case != Case::Capitals && next.is_in(&OTHERS)).then_some(end),
        },
    }
}

/// Judges the `,` at `at` as the one between a city and its state: `Springfield, IL`,
/// `New Haven, Connecticut`.
pub(crate) fn comma(scan: &mut Scan<'_>, at: usize) {
    let blank = usize::from(scan.byte(at + 1) == Some(b' '));
    let state = at + 1 + blank;
    let first = scan.byte(state);
    if !first.is_some_and(|byte| byte.is_ascii_alphabetic()) {
        return;
    }
    let end = run_end(scan.text, state, 14, |byte| byte.is_ascii_alphabetic());
    let word = scan.slice(state, end);
    if !ends_word(scan.text, end) {
        return;
    }
    let capital = first.is_some_and(|byte| byte.is_ascii_uppercase());
    let with_zip = run_end(scan.text, end + 1, 5, |byte| byte.is_ascii_digit()) == end + 6;
    let short = capital && zip::is_state(word);
    let ambiguous = short && !with_zip && AMBIGUOUS.contains(&word);
    let end = if short {
        end
    } else if capital {
        state_name_end(scan, state, end)
    } else if with_zip && word.len() == 2 && zip::is_state(&word.to_ascii_uppercase()) {
        end
    } else {
        state
    };
    if end == state || (blank == 0 && !with_zip) {
        return;
    }
    if let Some(start) = start(scan, at, capital)
        && (!ambiguous || is_led_to(scan, start))
    {
        scan.report(Detector::Address, start, zip_end(scan, end));
    }
}

/// Whether a word that leads to places stands before the city at `start`: what has a degree's
/// letters behind it otherwise is a person.
fn is_led_to(scan: &Scan<'_>, start: usize) -> bool {
    const LEADS: [&[u8]; 6] = [b"in", b"near", b"from", b"of", b"moved to", b"outside"];
    let before = scan.slice(start.saturating_sub(10), start);
    let Some(before) = before.strip_suffix(b" ") else {
        return false;
    };
    LEADS.iter().any(|lead| {
        let (rest, tail) = before.split_at(before.len().saturating_sub(lead.len()));
        tail.eq_ignore_ascii_case(lead) && !rest.last().is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// Reports the city and the state before a ZIP code at `code`: `Springfield IL 62704`.
pub(crate) fn before_zip(scan: &mut Scan<'_>, code: usize, end: usize) {
    let Some(state) = code.checked_sub(3) else {
        return;
    };
    let word = scan.slice(state, state + 2);
    if !scan.wants(Detector::Address)
        || !zip::is_state(word)
        || scan.byte_before(code, 1) != Some(b' ')
        || scan.byte_before(state, 1) != Some(b' ')
    {
        return;
    }
    let Some(start) = start(scan, state - 1, true) else {
        return;
    };
    // In a line of capitals any word can stand before `IN`.
    let small = scan.slice(start, state).iter().any(u8::is_ascii_lowercase);
    if small || !AMBIGUOUS.contains(&word) && !matches!(word, b"OK" | b"HI" | b"ID" | b"CO" | b"DE")
    {
        scan.report(Detector::Address, start, end);
    }
}

/// One past `New York` or `Ohio`; `state` if it is none.
fn state_name_end(scan: &Scan<'_>, state: usize, end: usize) -> usize {
    static FIRST: WordSet = WordSet::of(&[
        b"new",
        b"north",
        b"south",
        b"west",
        b"rhode",
        b"district",
        b"puerto",
    ]);
    let word = scan.slice(state, end);
    if FIRST.has(word) {
        let second = run_end(scan.text, end + 1, 9, |byte| byte.is_ascii_alphabetic());
        let is = zip::ends_state_name(scan.slice(end + 1, second));
        return if is { second } else { state };
    }
    let whole = !is_one_of(
        word,
        &[b"york", b"jersey", b"mexico", b"island", b"dakota", b"rico"],
    );
    if whole && zip::ends_state_name(word) {
        end
    } else {
        state
    }
}

/// Where the words before the comma begin, if they can be a city's name: capitalised ones, or up to
/// two in small letters.
fn start(scan: &Scan<'_>, comma: usize, capital: bool) -> Option<usize> {
    let part = |byte: u8| {
        byte.is_ascii_alphabetic() || byte >= 0x80 || matches!(byte, b'\'' | b'-' | b'.')
    };
    let mut start = comma;
    let mut next = comma;
    for _ in 0..if capital { CITY_WORDS } else { 2 } {
        let word = run_start(scan.text, next, WORD_BYTES, part);
        let escape = || (word..next).find(|from| ends_escape(scan.text, *from));
        let escape = may_hold_escape(scan.text, word, next).then(escape);
        let word = escape.flatten().unwrap_or(word);
        let word = char_start(scan.text, word);
        let name = scan.slice(word, next);
        let written = name.first().is_some_and(|byte| match capital {
            true => byte.is_ascii_uppercase(),
            false => byte.is_ascii_lowercase() && !words::is_of_sentence(name),
        });
        let sentence =
            next < comma && name.ends_with(b".") && !is_one_of(name, &[b"st.", b"ft.", b"mt."]);
        if !written || sentence || name.len() < 2 || NO_CITY.has(name) {
            break;
        }
        start = word;
        if scan.byte_before(word, 1) != Some(b' ') {
            break;
        }
        next = word - 1;
    }
    (start + 3 <= comma).then_some(start)
}

/// One past the ZIP code behind a state; `end` if there is none.
pub(super) fn zip_end(scan: &Scan<'_>, end: usize) -> usize {
    let code = run_end(scan.text, end, 2, |byte| matches!(byte, b' ' | b','));
    let five = run_end(scan.text, code, 5, |byte| byte.is_ascii_digit());
    if five - code != 5 || code == end {
        return char_end(scan.text, end);
    }
    let four = run_end(scan.text, five + 1, 4, |byte| byte.is_ascii_digit());
    if scan.byte(five) == Some(b'-') && four == five + 5 && ends_word(scan.text, four) {
        four
    } else if ends_word(scan.text, five) {
        five
    } else {
        char_end(scan.text, end)
    }
}
