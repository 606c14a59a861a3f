//! Street addresses: a number, some words and a street's suffix; post-office boxes; a city with
//! its state.

use super::{Detector, zip};
use crate::context::{Cues, WINDOW_BYTES};
use crate::scan::{Number, Scan};
use crate::text::{char_end, char_start, ends_escape, ends_word, is_one_of, run_end, run_start};

const NUMBER_DIGITS: usize = 6;
const WORDS: usize = 6;
const WORD_BYTES: usize = 24;

/// Suffixes that name nothing else (USPS Publication 28, appendix C1).
const PLAIN: &[&str] = &[
    "street",
    "avenue",
    "ave",
    "boulevard",
    "blvd",
    "road",
    "drive",
    "lane",
    "court",
    "circle",
    "terrace",
    "parkway",
    "pkwy",
    "highway",
    "hwy",
    "square",
    "trail",
    "plaza",
    "crescent",
    "turnpike",
    "expressway",
    "freeway",
    "causeway",
    "alley",
    "crossing",
    "ridge",
    "hollow",
    "heights",
    "meadows",
    "landing",
    "junction",
    "mews",
    "grove",
    "manor",
    "estates",
    "glen",
    "village",
    "springs",
    "spur",
    "valley",
    "shores",
    "harbor",
    "haven",
    "pike",
    "loop",
    "orchard",
    "point",
    "points",
    "park",
    "place",
    "path",
    "row",
    "run",
    "walk",
    "way",
    "bend",
    "creek",
    "forge",
    "gardens",
    "green",
    "knoll",
    "lodge",
    "mill",
    "mills",
    "mission",
    "overpass",
    "passage",
    "ranch",
    "station",
    "stravenue",
    "summit",
    "throughway",
    "trace",
    "track",
    "tunnel",
    "union",
    "view",
    "vista",
    "well",
    "wells",
    "courts",
    "lakes",
    "island",
];

/// Suffixes that need a capital: `St`, not the `st` of a sentence.
const SHORT: &[&str] = &[
    "st", "rd", "dr", "ln", "ct", "cir", "ter", "pl", "sq", "trl", "plz", "cres", "aly", "xing",
    "rdg", "hts", "lndg", "grv", "mnr", "gln", "vlg", "spgs", "vly", "hbr", "pt", "wy", "av", "cv",
    "bnd", "crk", "gdns", "jct", "tpke", "expy", "fwy", "cswy", "ests", "is", "mdws",
];

/// Words in lower case that make no street's name.
fn is_of_sentence(word: &[u8]) -> bool {
    matches!(
        word,
        b"a" | b"the"
            | b"of"
            | b"on"
            | b"in"
            | b"at"
            | b"to"
            | b"per"
            | b"by"
            | b"and"
            | b"or"
            | b"mg"
            | b"ml"
            | b"tablets"
            | b"tablet"
            | b"days"
            | b"day"
            | b"weeks"
            | b"week"
            | b"years"
            | b"year"
            | b"months"
            | b"hours"
            | b"times"
            | b"from"
            | b"for"
            | b"with"
            | b"was"
            | b"is"
            | b"mcg"
            | b"units"
            | b"patients"
            | b"x"
            | b"cm"
            | b"mm"
            | b"kg"
            | b"miles"
    )
}

/// What a number counts in a text of capitals: `100 MG NIGHTLY`.
const MEASURES: &[&str] = &[
    "mg", "ml", "mcg", "cm", "mm", "kg", "tablets", "tablet", "days", "day", "weeks", "week",
    "months", "month", "years", "year", "hours", "units", "times", "yo", "y/o", "pills", "refills",
];

/// Letters of a street's word that may be abbreviated with a dot: `St. Charles`, `Geo. Mason`.
const DOTTED_BYTES: usize = 3;

const UNITS: &[&str] = &[
    "apt",
    "apartment",
    "suite",
    "ste",
    "unit",
    "fl",
    "floor",
    "rm",
    "room",
    "bldg",
    "building",
    "lot",
    "#",
    "no",
];

/// Judges the number as that of a house, or of a box.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if !scan.wants(Detector::Address) || number.len() > NUMBER_DIGITS {
        return;
    }
    let goes_on = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-');
    if scan.byte(number.end).is_some_and(goes_on)
        && let Some(end) = street_end(scan, number)
    {
        let end = unit_end(scan, end);
        let end = city_end(scan, end);
        scan.report(Detector::Address, number.start, end);
    }
    if !may_be_boxed(scan, number) {
        return;
    }
    let label = number.label(scan);
    if label.cues.has(Cues::PO_BOX) && scan.is_word(number.start, number.end) {
        scan.report(Detector::Address, label.start, city_end(scan, number.end));
    }
}

/// Whether the label of a box can stand before the number: every spelling of one has an x.
pub(crate) fn may_be_boxed(scan: &Scan<'_>, number: &Number) -> bool {
    let before = scan.slice(number.start.saturating_sub(WINDOW_BYTES), number.start);
    memchr::memrchr2(b'x', b'X', before).is_some()
}

/// One past the suffix of the street that the number stands before.
fn street_end(scan: &Scan<'_>, number: &Number) -> Option<usize> {
    let mut at = house_end(scan, number)?;
    for index in 0..WORDS {
        at = run_end(scan.text, at, 2, |byte| byte == b' ');
        let end = word_end(scan.text, at);
        let word = scan.slice(at, end);
        if index > 0 && is_suffix(word) {
            return Some(with_direction(scan, end));
        }
        if !is_street_word(word, index) {
            return None;
        }
        // A dot behind a longer word ends a sentence: `4 DAYS. INCISION HEALING WELL`.
        let dotted = skip_dot(scan, end);
        let abbreviated = dotted == end || word.len() <= DOTTED_BYTES;
        if !abbreviated || scan.byte(dotted) != Some(b' ') {
            return None;
        }
        at = dotted;
    }
    None
}

/// One past the house's number (`12`, `12B`, `12-14`, `12 1/2`), if a blank follows.
fn house_end(scan: &Scan<'_>, number: &Number) -> Option<usize> {
    let mut end = number.end;
    if scan.digit_then(end, b'-') {
        end = run_end(scan.text, end + 1, NUMBER_DIGITS, |byte| {
            byte.is_ascii_digit()
        });
    } else if scan
        .byte(end)
        .is_some_and(|byte| byte.is_ascii_alphabetic())
    {
        end += 1;
    }
    if scan.slice(end, end + 4) == b" 1/2" {
        end += 4;
    }
    let joined = matches!(scan.byte_before(number.start, 1), Some(b'.' | b'/' | b'$'));
    (!joined && scan.byte(end) == Some(b' ')).then_some(end)
}

/// Judges the `,` at `at` as the one between a city and its state: `Springfield, IL`,
/// `New Haven, Connecticut`.
pub(crate) fn comma(scan: &mut Scan<'_>, at: usize) {
    /// Abbreviations that are also degrees, roles or words: they need a ZIP code behind them.
    const AMBIGUOUS: [&[u8]; 10] = [
        b"MD", b"PA", b"MA", b"MS", b"DC", b"OR", b"IN", b"ME", b"AL", b"PR",
    ];
    let state = at + 2;
    let blank = scan.byte(at + 1) == Some(b' ');
    if !blank
        || !scan
            .byte(state)
            .is_some_and(|byte| byte.is_ascii_uppercase())
    {
        return;
    }
    let end = run_end(scan.text, state, 14, |byte| byte.is_ascii_alphabetic());
    let word = scan.slice(state, end);
    if !ends_word(scan.text, end) {
        return;
    }
    let with_zip = run_end(scan.text, end + 1, 5, |byte| byte.is_ascii_digit()) == end + 6;
    let short = zip::is_state(word) && (with_zip || !AMBIGUOUS.contains(&word));
    let end = if short {
        end
    } else {
        state_name_end(scan, state, end)
    };
    if end == state {
        return;
    }
    if let Some(start) = city_start(scan, at) {
        scan.report(Detector::Address, start, zip_end(scan, end));
    }
}

/// One past `New York` or `Ohio`; `state` if it is none.
fn state_name_end(scan: &Scan<'_>, state: usize, end: usize) -> usize {
    const FIRST: [&[u8]; 7] = [
        b"new",
        b"north",
        b"south",
        b"west",
        b"rhode",
        b"district",
        b"puerto",
    ];
    let word = scan.slice(state, end);
    if is_one_of(word, &FIRST) {
        let second = run_end(scan.text, end + 1, 9, |byte| byte.is_ascii_alphabetic());
        let is = zip::is_state_name(scan.slice(end + 1, second));
        return if is { second } else { state };
    }
    let whole = !is_one_of(
        word,
        &[b"york", b"jersey", b"mexico", b"island", b"dakota", b"rico"],
    );
    if whole && zip::is_state_name(word) {
        end
    } else {
        state
    }
}

/// Where the capitalised words before the comma begin, if they can be a city's name.
fn city_start(scan: &Scan<'_>, comma: usize) -> Option<usize> {
    const CITY_WORDS: usize = 3;
    let part = |byte: u8| {
        byte.is_ascii_alphabetic() || byte >= 0x80 || matches!(byte, b'\'' | b'-' | b'.')
    };
    let mut start = comma;
    let mut next = comma;
    for _ in 0..CITY_WORDS {
        let word = run_start(scan.text, next, WORD_BYTES, part);
        let word = (word..next)
            .find(|from| ends_escape(scan.text, *from))
            .unwrap_or(word);
        let word = char_start(scan.text, word);
        let name = scan.slice(word, next);
        let capital = name.first().is_some_and(u8::is_ascii_uppercase);
        let sentence =
            next < comma && name.ends_with(b".") && !is_one_of(name, &[b"st.", b"ft.", b"mt."]);
        if !capital || sentence || name.len() < 2 || is_one_of(name, &NO_CITY) {
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

/// Capitalised words that stand before a city and are no part of it.
const NO_CITY: [&[u8]; 12] = [
    b"from", b"in", b"lives", b"to", b"of", b"at", b"city", b"the", b"near", b"address", b"and",
    b"born",
];

fn word_end(text: &[u8], from: usize) -> usize {
    run_end(text, from, WORD_BYTES, |byte| {
        byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'\'' | b'-')
    })
}

fn skip_dot(scan: &Scan<'_>, at: usize) -> usize {
    at + usize::from(scan.byte(at) == Some(b'.'))
}

fn is_suffix(word: &[u8]) -> bool {
    let first = word.first().map(u8::to_ascii_lowercase);
    // Most suffixes begin with another letter.
    let is = |suffix: &&str| {
        suffix.as_bytes().first() == first.as_ref() && word.eq_ignore_ascii_case(suffix.as_bytes())
    };
    let capital = word.first().is_some_and(u8::is_ascii_uppercase);
    if capital {
        PLAIN.iter().chain(SHORT).any(is)
    } else {
        PLAIN.iter().take(10).any(is)
    }
}

/// Whether the word can stand between a house's number and the suffix of its street.
fn is_street_word(word: &[u8], index: usize) -> bool {
    let Some(first) = word.first() else {
        return false;
    };
    if first.is_ascii_uppercase() || *first >= 0x80 {
        return index > 0
            || !MEASURES
                .iter()
                .any(|unit| word.eq_ignore_ascii_case(unit.as_bytes()));
    }
    if first.is_ascii_digit() {
        // `5th`, `42nd`.
        return word.len() >= 3 && word.last().is_some_and(u8::is_ascii_alphabetic);
    }
    // In lower case only short names: `12 oak street`, `12 east main street`.
    index < 2 && word.len() > 1 && !is_of_sentence(word)
}

/// `NW` or `South` behind the suffix, and the suffix' own dot.
fn with_direction(scan: &Scan<'_>, end: usize) -> usize {
    const DIRECTIONS: [&str; 16] = [
        "n",
        "s",
        "e",
        "w",
        "ne",
        "nw",
        "se",
        "sw",
        "north",
        "south",
        "east",
        "west",
        "northeast",
        "northwest",
        "southeast",
        "southwest",
    ];
    if scan.byte(end) != Some(b' ') {
        return end;
    }
    let word_end = word_end(scan.text, end + 1);
    let word = scan.slice(end + 1, word_end);
    let capital = word.first().is_some_and(u8::is_ascii_uppercase);
    let is = capital
        && DIRECTIONS
            .iter()
            .any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
    if is { word_end } else { end }
}

/// One past `, Apt. 4B` or ` #12` behind a street.
fn unit_end(scan: &Scan<'_>, end: usize) -> usize {
    let at = run_end(scan.text, skip_dot(scan, end), 3, |byte| {
        matches!(byte, b' ' | b',')
    });
    let mark = scan.byte(at) == Some(b'#');
    let unit = if mark {
        at + 1
    } else {
        word_end(scan.text, at)
    };
    let word = scan.slice(at, unit);
    if !UNITS
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
    {
        return end;
    }
    let value = run_end(scan.text, skip_dot(scan, unit), 2, |byte| {
        matches!(byte, b' ' | b'#')
    });
    let last = run_end(scan.text, value, 8, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'-'
    });
    if last > value && ends_word(scan.text, last) {
        last
    } else {
        end
    }
}

/// One past `, Springfield, IL 62704-1234` behind a street or a box; `end` if there is none.
fn city_end(scan: &Scan<'_>, end: usize) -> usize {
    const CITY_BYTES: usize = 40;
    let from = run_end(scan.text, skip_dot(scan, end), 2, |byte| {
        matches!(byte, b' ' | b',')
    });
    if from == end {
        return end;
    }
    let city = run_end(scan.text, from, CITY_BYTES, |byte| {
        byte.is_ascii_alphabetic() || byte >= 0x80 || matches!(byte, b' ' | b'.' | b'\'' | b'-')
    });
    let state = if scan.byte(city) == Some(b',') {
        run_end(scan.text, city + 1, 2, |byte| byte == b' ')
    } else {
        // Without a comma the state is the city's last word.
        city.saturating_sub(usize::from(scan.byte_before(city, 1) == Some(b' ')))
            .saturating_sub(2)
    };
    if state < from || !zip::is_state(scan.slice(state, state + 2)) {
        return end;
    }
    if !scan.is_word(state, state + 2) {
        return end;
    }
    zip_end(scan, state + 2)
}

/// One past the ZIP code behind a state; `end` if there is none.
fn zip_end(scan: &Scan<'_>, end: usize) -> usize {
    let code = run_end(scan.text, end, 2, |byte| byte == b' ');
    let five = run_end(scan.text, code, 5, |byte| byte.is_ascii_digit());
    if five - code != 5 {
        return char_end(scan.text, end);
    }
    let four = run_end(scan.text, five + 1, 4, |byte| byte.is_ascii_digit());
    if scan.byte(five) == Some(b'-') && four == five + 5 {
        four
    } else {
        five
    }
}
