//! Evidence around a value: the label before it, the name of its column.
//!
//! Both are normalised the same way (lower case, `_`, `-` and camel-case borders to one blank)
//! and matched against one vocabulary, so that `SSN:`, `"patient_ssn":` and a column called
//! `patientSsn` say the same.

use std::cmp::Ordering;
use std::ops::BitOr;
use std::sync::LazyLock;

use velum_core::time::WEEKDAYS;

use crate::text::{ends_escape, run_start};
pub(crate) use phrases::Phrases;
pub(crate) use silence::follows_number;

mod phrases;
mod recent;
mod silence;
mod vocabulary;

/// A set of things that a label or a column name can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cues(u32);

/// What stands before a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(crate) cues: Cues,
    /// What the last of the cues says.
    pub(crate) nearest: Cues,
    /// Offset where the first cue begins.
    pub(crate) start: usize,
    /// Offset where the last cue ends, 0 without one; the value begins here or later.
    pub(crate) end: usize,
}

impl Label {
    /// No label before a number that starts there.
    const fn none(number: usize) -> Self {
        Self {
            cues: Cues::NONE,
            nearest: Cues::NONE,
            start: number,
            end: 0,
        }
    }
}

impl Cues {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const SSN: Self = Self(1);
    pub(crate) const MRN: Self = Self(1 << 1);
    pub(crate) const PHONE: Self = Self(1 << 2);
    pub(crate) const BIRTH: Self = Self(1 << 3);
    pub(crate) const NPI: Self = Self(1 << 4);
    pub(crate) const DEA: Self = Self(1 << 5);
    pub(crate) const ACCOUNT: Self = Self(1 << 6);
    pub(crate) const HEALTH_PLAN: Self = Self(1 << 7);
    pub(crate) const VIN: Self = Self(1 << 8);
    pub(crate) const ZIP: Self = Self(1 << 9);
    pub(crate) const PO_BOX: Self = Self(1 << 10);
    /// A version, release or build: against addresses of hosts.
    pub(crate) const VERSION: Self = Self(1 << 11);
    /// Keys, counts and amounts: against bare numbers in a column of that name. Not `max` and
    /// `min`: those are also what aggregates over identifiers are called.
    pub(crate) const QUANTITY: Self = Self(1 << 12);
    /// A day is told: before a month and day without a year, or eight bare digits.
    pub(crate) const DATE: Self = Self(1 << 13);
    /// When a system did something: against dates that are all of a cell.
    pub(crate) const OPERATIONAL: Self = Self(1 << 14);
    /// A rating, a ratio or a measurement: against a month and day without a year.
    pub(crate) const SCORE: Self = Self(1 << 15);
    /// An order, a lot, an accession, an expiry: against dates without separators or day.
    pub(crate) const ORDER: Self = Self(1 << 16);
    pub(crate) const AGE: Self = Self(1 << 17);
    pub(crate) const FAX: Self = Self(1 << 18);
    /// Numbers of four to six digits that reach somebody.
    pub(crate) const PAGER: Self = Self(1 << 19);
    pub(crate) const LICENSE: Self = Self(1 << 20);
    pub(crate) const PLATE: Self = Self(1 << 21);
    pub(crate) const DEVICE: Self = Self(1 << 22);
    /// An identifier of no other family.
    pub(crate) const OTHER: Self = Self(1 << 23);
    /// What says something about a value without naming it: no label ends there.
    const CIRCUMSTANCES: Self = Self(
        Self::DATE.0
            | Self::SCORE.0
            | Self::ORDER.0
            | Self::OPERATIONAL.0
            | Self::VERSION.0
            | Self::QUANTITY.0,
    );
    /// The cue counts only if its value follows at once: `policy 4455667`.
    const AT_ONCE: Self = Self(1 << 30);
    /// The cue is as good in a column name as before a value.
    pub(crate) const IN_COLUMNS: Self = Self(1 << 31);

    pub(crate) const fn has(self, cue: Self) -> bool {
        self.0 & cue.0 != 0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The cues of a column, without what only speaks against.
    pub(crate) const fn of_columns(self) -> Self {
        let against = Self::QUANTITY.0 | Self::OPERATIONAL.0 | Self::SCORE.0 | Self::ORDER.0;
        Self(self.0 & !(against | Self::VERSION.0 | Self::PO_BOX.0))
    }
}

impl Cues {
    /// In the name of a column a number of an order is a count like any other.
    const fn of_names(self) -> Self {
        if self.has(Self::ORDER) {
            return Self::QUANTITY;
        }
        self
    }

    /// Without the two bits that say how a cue counts.
    pub(crate) const fn of_values(self) -> Self {
        Self(self.0 & !(Self::AT_ONCE.0 | Self::IN_COLUMNS.0))
    }
}

impl BitOr for Cues {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

/// Bytes before a number in which its label has to stand.
pub(crate) const WINDOW_BYTES: usize = 64;
/// Longest way, normalised, from the end of a label to its value.
const GAP_BYTES: usize = 28;
/// The same for a cue that counts only if its value follows at once.
const SHORT_GAP_BYTES: usize = 4;
/// Letters and hyphens that a value may have before its first digit.
pub(crate) const PREFIX_BYTES: usize = 12;
/// Digits that may end a label: `phone2=`, `Contact 1:`.
const ORDINAL_DIGITS: usize = 2;
/// Longest column name that is read; PostgreSQL's own are at most 63 bytes.
const COLUMN_BYTES: usize = WINDOW_BYTES;

static WORDS: LazyLock<Phrases<Cues>> = LazyLock::new(|| {
    let entries = vocabulary::VOCABULARY.iter();
    Phrases::new(entries.map(|entry| (entry.spellings, entry.cues)))
});

pub(crate) fn warm_up() {
    LazyLock::force(&WORDS);
    silence::warm_up();
}

/// The label before the number that starts at `number`. No digit stands between the two, but
/// for an ordinal that ends the label.
pub(crate) fn before(text: &[u8], number: usize) -> Label {
    if silence::is_silent(text, number) {
        return Label::none(number);
    }
    look_before(text, number)
}

fn look_before(text: &[u8], number: usize) -> Label {
    let mut label = Label::none(number);
    let from = window_start(text, number);
    let window = text.get(from..number).unwrap_or_default();
    if !window.iter().any(u8::is_ascii_alphabetic) {
        return label;
    }
    let whole_words = from == 0 || from + WINDOW_BYTES > number;
    let normal = Normal::of(window, whole_words);
    // Letters that are glued to the number are part of the value: `policy BCBS-4455667`.
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let glued = number - run_start(text, number, PREFIX_BYTES, is_part);
    WORDS.find(normal.bytes(), |cues, found| {
        let limit = if cues.has(Cues::AT_ONCE) {
            SHORT_GAP_BYTES
        } else {
            GAP_BYTES
        };
        if normal.bytes().len() - found.end > limit + glued {
            return;
        }
        label.cues = label.cues | *cues;
        if Cues::CIRCUMSTANCES.has(cues.of_values()) {
            return;
        }
        let end = from + normal.origin(found.end - 2) + 1;
        label.nearest = match end.cmp(&label.end) {
            Ordering::Less => label.nearest,
            Ordering::Equal => label.nearest | *cues,
            Ordering::Greater => *cues,
        };
        label.start = label.start.min(from + normal.origin(found.start + 1));
        label.end = label.end.max(end);
    });
    label
}

/// Whether the value that ends at `end` is followed by its name in parentheses:
/// `531770294 (SSN)`.
pub(crate) fn named_behind(text: &[u8], end: usize, cue: Cues) -> bool {
    const NAME_BYTES: usize = 24;
    let rest = text
        .get(end..text.len().min(end + NAME_BYTES))
        .unwrap_or_default();
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(b"(") else {
        return false;
    };
    let name = rest.split(|byte| *byte == b')').next().unwrap_or_default();
    name.len() < rest.len() && of_column(name).has(cue)
}

/// Whether the word names a day of the week.
pub(crate) fn weekday(word: &[u8]) -> bool {
    let short = (3..=5).contains(&word.len());
    WEEKDAYS.iter().any(|day| {
        let head = if short {
            day.get(..word.len())
        } else {
            Some(*day)
        };
        head.is_some_and(|head| head.eq_ignore_ascii_case(word))
    })
}

fn window_start(text: &[u8], number: usize) -> usize {
    let back = |at, limit| run_start(text, at, limit, |byte| !byte.is_ascii_digit());
    let from = back(number, WINDOW_BYTES);
    if from == number || !ends_label(text, from) {
        return from;
    }
    let Some(ordinal) = ordinal_start(text, from) else {
        return from;
    };
    let rest = WINDOW_BYTES.saturating_sub(number - ordinal);
    back(ordinal, rest)
}

/// Whether a sign that ends labels stands there.
fn ends_label(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), Some(b':' | b'=' | b'"' | b'\'' | b')' | b'.'))
}

/// Where the digits before `end` begin, if they are so few that they can be a label's.
fn ordinal_start(text: &[u8], end: usize) -> Option<usize> {
    let start = run_start(text, end, ORDINAL_DIGITS + 1, |byte| byte.is_ascii_digit());
    (end - start <= ORDINAL_DIGITS).then_some(start)
}

/// What the name of a column says.
pub(crate) fn of_column(name: &[u8]) -> Cues {
    recent::recall(name, read_column)
}

fn read_column(name: &[u8]) -> Cues {
    /// Names that say it only if they stand alone: `admit_ts` is no system's time.
    const TIMES: [&[u8]; 4] = [b" ts ", b" time ", b" timestamp ", b" epoch "];
    let normal = Normal::of_name(name);
    if TIMES.contains(&normal.bytes()) {
        return Cues::OPERATIONAL | Cues::QUANTITY;
    }
    let mut all = Cues::NONE;
    WORDS.find(normal.bytes(), |cues, _| {
        if cues.has(Cues::IN_COLUMNS.and(Cues::ORDER)) {
            all = all | cues.of_names();
        }
    });
    all
}

/// A normalised window: words in lower case with one blank before, between and after them.
pub(crate) struct Normal {
    /// As many as an index of one byte can reach: no access has to be checked.
    bytes: [u8; 256],
    /// Offset in the window of each normalised byte.
    origins: [u8; 256],
    len: u8,
}

/// Normalising at most doubles the window and adds a blank at both ends.
const _: () = assert!(2 * WINDOW_BYTES + 4 < 256);

impl Normal {
    /// `window` has at most [`WINDOW_BYTES`]. `whole_words`: it begins where a word does.
    fn of(window: &[u8], whole_words: bool) -> Self {
        let mut normal = Self {
            bytes: [0; 256],
            origins: [0; 256],
            len: 0,
        };
        if whole_words {
            normal.push(b' ', 0);
        }
        // Few windows have an escape; the others need not look for one before each byte.
        let escapes = window.contains(&b'\\');
        let mut lower_before = false;
        for (at, byte) in window.iter().enumerate() {
            let folded = byte | 0x20;
            let is_letter = folded.is_ascii_lowercase();
            if is_letter && !(escapes && ends_escape(window, at + 1)) {
                let is_lower = folded == *byte;
                if lower_before && !is_lower {
                    normal.blank(at as u8);
                }
                normal.push(folded, at as u8);
                lower_before = is_lower;
            } else {
                normal.blank(at as u8);
                if *byte == b'#' {
                    normal.push(b'#', at as u8);
                    normal.blank(at as u8);
                }
                lower_before = false;
            }
        }
        normal.blank(window.len() as u8);
        normal
    }

    /// The name of a column or a key.
    pub(crate) fn of_name(name: &[u8]) -> Self {
        Self::of(name.get(..COLUMN_BYTES).unwrap_or(name), true)
    }

    /// Its words.
    pub(crate) fn words(&self) -> impl Iterator<Item = &[u8]> {
        let words = self.bytes().split(|byte| *byte == b' ');
        words.filter(|word| !word.is_empty())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn origin(&self, at: usize) -> usize {
        self.origins.get(at).copied().map_or(0, usize::from)
    }

    #[inline]
    fn blank(&mut self, at: u8) {
        if self.len == 0 || self.bytes[usize::from(self.len - 1)] != b' ' {
            self.push(b' ', at);
        }
    }

    #[inline]
    fn push(&mut self, byte: u8, at: u8) {
        self.bytes[usize::from(self.len)] = byte;
        self.origins[usize::from(self.len)] = at;
        self.len = self.len.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(before_number: &str) -> Cues {
        before(before_number.as_bytes(), before_number.len()).cues
    }

    #[test]
    fn spellings_of_a_label() {
        for text in [
            "SSN: ",
            "ssn",
            "\"patient_ssn\": \"",
            "{\"socialSecurityNumber\":\"",
            "x\\nSSN ",
            "Social-Security No. ",
            "ss# ",
            "social   security is ",
        ] {
            assert!(said(text).has(Cues::SSN), "{text}");
        }
        for text in [
            "lesson: ",
            "SSNX ",
            "ssn 12 then ",
            "ssn and much more than a gap allows: ",
        ] {
            assert!(!said(text).has(Cues::SSN), "{text}");
        }
    }

    #[test]
    fn labels_that_share_a_blank_are_all_found() {
        let both = said("ssn mrn ");
        assert!(both.has(Cues::SSN) && both.has(Cues::MRN));
    }

    #[test]
    fn a_label_says_where_it_begins_and_ends() {
        let text = b"at P.O. Box #12";
        let label = before(text, 13);
        assert!(label.cues.has(Cues::PO_BOX));
        assert_eq!((label.start, label.end), (3, 11));
        let glued = before(b"x MRN123456", 5);
        assert_eq!((glued.start, glued.end), (2, 5));
    }

    #[test]
    fn an_ordinal_ends_a_label_and_other_digits_hide_it() {
        assert!(said("phone2=").has(Cues::PHONE));
        assert!(said("Phone 1: ").has(Cues::PHONE));
        assert!(!said("phone 4155552671: ").has(Cues::PHONE));
        assert!(!said("phone 2 of ").has(Cues::PHONE));
    }

    #[test]
    fn a_weak_cue_counts_only_at_once() {
        assert!(said("policy: ").has(Cues::HEALTH_PLAN));
        assert!(!said("policy of paying ").has(Cues::HEALTH_PLAN));
    }

    #[test]
    fn the_nearest_cue_is_told_apart() {
        let text = b"Call me, SSN ";
        let label = before(text, text.len());
        assert!(label.cues.has(Cues::PHONE) && label.cues.has(Cues::SSN));
        assert!(label.nearest.has(Cues::SSN) && !label.nearest.has(Cues::PHONE));
    }

    #[test]
    fn names_of_columns() {
        assert!(of_column(b"patientSSN").has(Cues::SSN));
        assert!(of_column(b"home_phone").has(Cues::PHONE));
        assert!(of_column(b"patient_id").has(Cues::QUANTITY));
        assert!(
            !of_column(b"patient_id").has(Cues::MRN),
            "a key, not a record number"
        );
        assert!(!of_column(b"call_count").has(Cues::PHONE));
        assert!(!of_column(b"grand").has(Cues::QUANTITY));
    }
}
