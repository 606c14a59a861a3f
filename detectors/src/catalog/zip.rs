//! ZIP codes: ZIP+4 anywhere, five digits behind a state or a label; Canadian postal codes.

use super::{Detector, address};
use crate::context::Cues;
use crate::lookup::WordSet;
use crate::scan::{Candidate, Number, Scan, Shape};
use crate::text::{ends_word, run_start, starts_word};
use crate::validate::ranges;

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        pattern: r"[0-9]{5}-[0-9]{4}",
        judge: plus_four,
    },
    Shape {
        pattern: r"[0-9]{5}",
        judge: five,
    },
];

/// Postal abbreviations of states, territories and military mail (USPS Publication 28).
const STATES: &[u8] = b"ALAKAZARCACOCTDEDCFLGAHIIDILINIAKSKYLAMEMDMAMIMNMSMOMTNENVNHNJNMNYNCND\
OHOKORPARISCSDTNTXUTVTVAWAWVWIWYASGUMPPRVIAAAEAP";

fn plus_four(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    // A third group is a drug code or another numbering.
    let chained = scan.digit_then(at.end, b'-') || scan.digit_before(at.start, b'-');
    if !chained && ranges::zip(scan.slice(at.start, at.start + 5)) && scan.is_word(at.start, at.end)
    {
        scan.report(Detector::Zip, at.start, at.end);
        address::before_zip(scan, at.start, at.end);
    }
}

fn five(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if !ranges::zip(scan.slice(at.start, at.end)) || !scan.is_word(at.start, at.end) {
        return;
    }
    let in_column = || scan.column().has(Cues::ZIP) && scan.is_whole(at.start, at.end);
    if state_before(scan, at.start) || at.number.label(scan).cues.has(Cues::ZIP) || in_column() {
        scan.report(Detector::Zip, at.start, at.end);
        address::before_zip(scan, at.start, at.end);
    }
}

/// Judges the number as the first digit of a Canadian postal code: `K1A 0B6`.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    let Some(start) = number.start.checked_sub(1) else {
        return;
    };
    if number.len() != 1 || !scan.wants(Detector::Zip) {
        return;
    }
    // No D, F, I, O, Q or U; W and Z never come first (Canada Post).
    let letter = |byte: &u8| b"ABCEGHJKLMNPRSTVWXYZ".contains(byte);
    let [first, _, third, rest @ ..] = scan.slice(start, start + 7) else {
        return;
    };
    let (blank, rest) = match rest {
        [b' ', rest @ ..] => (1, rest),
        rest => (0, rest),
    };
    let [a, b, c, ..] = rest else { return };
    let shape = a.is_ascii_digit()
        && c.is_ascii_digit()
        && letter(first)
        && !matches!(first, b'W' | b'Z')
        && letter(third)
        && letter(b);
    let end = start + 6 + blank;
    // Without its blank it is any code: the label or the column has to say it.
    let sure = || blank == 1 || number.cues(scan).has(Cues::ZIP);
    if shape && sure() && scan.is_word(start, end) {
        scan.report(Detector::Zip, start, end);
    }
}

/// Names of states, by their last words: `New York` ends like no other.
static STATE_NAMES: WordSet = WordSet::of(&[
    b"alabama",
    b"alaska",
    b"arizona",
    b"arkansas",
    b"california",
    b"colorado",
    b"connecticut",
    b"delaware",
    b"florida",
    b"georgia",
    b"hawaii",
    b"idaho",
    b"illinois",
    b"indiana",
    b"iowa",
    b"kansas",
    b"kentucky",
    b"louisiana",
    b"maine",
    b"maryland",
    b"massachusetts",
    b"michigan",
    b"minnesota",
    b"mississippi",
    b"missouri",
    b"montana",
    b"nebraska",
    b"nevada",
    b"hampshire",
    b"jersey",
    b"mexico",
    b"york",
    b"carolina",
    b"dakota",
    b"ohio",
    b"oklahoma",
    b"oregon",
    b"pennsylvania",
    b"island",
    b"tennessee",
    b"texas",
    b"utah",
    b"vermont",
    b"virginia",
    b"washington",
    b"wisconsin",
    b"wyoming",
    b"columbia",
    b"guam",
    b"rico",
]);

/// Whether the word ends the name of a state, in any case of letters.
pub(crate) fn ends_state_name(word: &[u8]) -> bool {
    STATE_NAMES.has(word)
}

/// Whether the word ends the name of a state, with a capital.
pub(crate) fn is_state_name(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_uppercase) && ends_state_name(word)
}

/// Whether a state's name, or its abbreviation in capitals, and one or two blanks stand before
/// `at`.
pub(crate) fn state_before(scan: &Scan<'_>, at: usize) -> bool {
    let blank = run_start(scan.text, at, 2, |byte| matches!(byte, b' ' | b','));
    let word = run_start(scan.text, blank, 13, |byte| byte.is_ascii_alphabetic());
    if blank < at && is_state_name(scan.slice(word, blank)) && ends_word(scan.text, blank) {
        return true;
    }
    let back = match (scan.byte_before(at, 1), scan.byte_before(at, 2)) {
        (Some(b' '), Some(b' ')) => 2,
        (Some(b' '), _) => 1,
        _ => return false,
    };
    let Some(start) = at.checked_sub(back + 2) else {
        return false;
    };
    let state = scan.slice(start, start + 2);
    // In small letters only behind a comma: `fresno, ca 93701`, not `start in 10000`.
    let small = scan.byte_before(start, 1) == Some(b' ')
        && scan.byte_before(start, 2) == Some(b',')
        && is_state(&state.to_ascii_uppercase());
    (is_state(state) || small) && starts_word(scan.text, start)
}

/// For each first letter of a state, one bit a second letter.
const SECONDS: [u32; 26] = {
    let mut seconds = [0; 26];
    let mut at = 0;
    while at < STATES.len() {
        seconds[(STATES[at] - b'A') as usize] |= 1 << (STATES[at + 1] - b'A');
        at += 2;
    }
    seconds
};

/// Whether two capital letters are a state.
pub(crate) fn is_state(letters: &[u8]) -> bool {
    let [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] = letters else {
        return false;
    };
    let seconds = SECONDS.get(usize::from(first - b'A'));
    seconds.is_some_and(|seconds| seconds >> (second - b'A') & 1 == 1)
}
