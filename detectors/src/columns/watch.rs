//! What the values of a column say while they stream by.

use velum_core::inspect::{ColumnHint, DetectorId, Finding, Prior, Watch};

use crate::catalog::Detector;
use crate::context::Normal;
use crate::validate::{calendar, checksum, ranges};

/// Values after which the column is judged again.
const WINDOW_VALUES: u32 = 32;
/// Windows in a row that have to say the same before the column is raised.
const WINDOWS: u8 = 2;
/// Bits of the sketch that counts different values: four of 32 collide in one window of a
/// hundred.
const SKETCH_WORDS: usize = 16;
/// Statistics of one column of one result, in constant memory.
///
/// It only ever raises a column from [`Prior::Scan`] to [`Prior::Whole`], and never lowers it
/// again: a value that was masked stays masked. It takes two windows of 32 values that agree; the
/// values before that are judged one by one, as ever.
#[derive(Clone)]
pub struct ColumnWatch {
    prior: Prior,
    /// Whether record numbers are looked for: the name does not speak against them.
    records: bool,
    vote: Option<Detector>,
    agreeing: u8,
    window: Window,
    numbers: Numbers,
    last: u64,
}

/// Counts over the values of one window.
#[derive(Clone, Default)]
struct Window {
    values: u32,
    /// Values that are covered by findings of one detector.
    covered: [u16; Detector::ALL.len()],
}

/// What speaks for record numbers, over the values of one window.
#[derive(Clone, Default)]
struct Numbers {
    /// No further value of the window can make them record numbers.
    closed: bool,
    repeated: u32,
    sketch: [u64; SKETCH_WORDS],
    /// The first shape of the window, and how many have it.
    shape: u32,
    shaped: u32,
    /// Values whose shape is that of a record number and of no code.
    recordlike: u32,
    successors: u32,
    ssn: u32,
    phone: u32,
    npi: u32,
    day: u32,
}

/// What a value is made of, from one pass over its bytes.
struct Made {
    digits: usize,
    letters: usize,
    hyphens: usize,
    hash: u64,
    shape: u32,
}

impl ColumnWatch {
    /// Begins to watch a column of which `prior` is known.
    pub fn new(column: ColumnHint<'_>, prior: Prior) -> Self {
        Self {
            prior,
            records: names_records(column.name),
            vote: None,
            agreeing: 0,
            window: Window::default(),
            numbers: Numbers::default(),
            last: 0,
        }
    }

    /// What is known by now.
    pub fn prior(&self) -> Prior {
        self.prior
    }
}

impl Watch for ColumnWatch {
    fn settled(&self) -> Option<DetectorId> {
        match self.prior {
            Prior::Whole(detector) => Some(detector),
            Prior::Skip | Prior::Scan => None,
        }
    }

    fn see(&mut self, value: &[u8], findings: &[Finding]) {
        if self.prior != Prior::Scan {
            return;
        }
        let value = value.trim_ascii();
        if value.is_empty() {
            return;
        }
        self.window.add(value, findings);
        let is_last = self.window.values == WINDOW_VALUES;
        if self.records && (is_last || !self.numbers.closed) {
            let number = number(value);
            self.numbers
                .add(value, number, self.last, self.window.values);
            self.last = number;
        }
        if is_last {
            let found = self.window.vote();
            let vote = found.or_else(|| self.numbers.vote().filter(|_| self.records));
            self.agreeing = match vote {
                Some(_) if vote == self.vote => self.agreeing + 1,
                Some(_) => 1,
                None => 0,
            };
            self.vote = vote;
            self.window = Window::default();
            self.numbers = Numbers::default();
            if let (Some(detector), WINDOWS..) = (vote, self.agreeing) {
                self.prior = Prior::Whole(DetectorId(detector as u16));
            }
        }
    }
}

impl Window {
    fn add(&mut self, value: &[u8], findings: &[Finding]) {
        for finding in findings {
            // Offsets count from before the blanks, so that lengths are compared.
            let length = finding.end - finding.start;
            if let Some(count) = self.covered.get_mut(usize::from(finding.detector.0))
                && length * 5 >= value.len() * 4
                && u32::from(*count) <= self.values
            {
                *count += 1;
            }
        }
        self.values += 1;
    }

    /// What findings make the column, if anything.
    fn vote(&self) -> Option<Detector> {
        let most = Detector::ALL
            .into_iter()
            .zip(self.covered)
            .max_by_key(|(_, count)| *count);
        let most = most.filter(|(_, count)| u32::from(*count) * 10 >= self.values * 6);
        most.map(|(detector, _)| detector)
    }
}

impl Numbers {
    /// Takes note of a value that makes it `values` of the window.
    fn add(&mut self, value: &[u8], number: u64, last: u64, values: u32) {
        if self.closed {
            return;
        }
        let made = Made::of(value);
        let bit = made.hash as usize % (SKETCH_WORDS * 64);
        if let Some(word) = self.sketch.get_mut(bit / 64) {
            self.repeated += u32::from(*word >> (bit % 64) & 1 == 1);
            *word |= 1 << (bit % 64);
        }
        if values == 1 {
            self.shape = made.shape;
        }
        self.shaped += u32::from(made.shape == self.shape);
        self.recordlike += u32::from(made.is_recordlike(value));
        self.successors += u32::from(last != 0 && number == last + 1);
        let digits = |count| made.digits == count && value.len() == count;
        self.ssn += u32::from(
            digits(9) && ranges::exactly::<9>(value).is_some_and(|digits| ranges::ssn(&digits)),
        );
        self.phone += u32::from(
            digits(10) && ranges::exactly::<10>(value).is_some_and(|digits| ranges::nanp(&digits)),
        );
        self.npi += u32::from(digits(10) && checksum::npi(value));
        self.day += u32::from(digits(8) && calendar::iso_digits(value));
        self.closed = !self.may_vote(values);
    }

    /// Whether the window can still vote if all values behind the first `values` speak for it.
    fn may_vote(&self, values: u32) -> bool {
        let left = WINDOW_VALUES.saturating_sub(values);
        let most = |count: u32| (count + left) * 10 >= WINDOW_VALUES * 9;
        let all = |count: u32| count + left == WINDOW_VALUES;
        let unique = self.repeated * 10 <= WINDOW_VALUES;
        let keys = self.successors * 2 >= WINDOW_VALUES;
        let issued = || all(self.npi) || all(self.ssn) || all(self.phone) || all(self.day);
        unique && !keys && most(self.shaped) && (most(self.recordlike) || issued())
    }

    /// What a whole window makes the column, if anything.
    fn vote(&self) -> Option<Detector> {
        if self.closed {
            return None;
        }
        // All of 32 random numbers pass these ranges in fewer than one of forty windows.
        let all = |count: u32| count == WINDOW_VALUES;
        Some(if all(self.npi) {
            Detector::Npi
        } else if all(self.ssn) {
            Detector::Ssn
        } else if all(self.phone) {
            Detector::Phone
        } else if all(self.day) {
            Detector::Date
        } else {
            Detector::Mrn
        })
    }
}

/// Whether a column of this name can hold numbers of persons' records.
fn names_records(name: &[u8]) -> bool {
    const OTHERS: [&[u8]; 58] = [
        b"order",
        b"lot",
        b"ndc",
        b"loinc",
        b"icd",
        b"cpt",
        b"snomed",
        b"rxnorm",
        b"code",
        b"cd",
        b"version",
        b"oid",
        b"uuid",
        b"guid",
        b"claim",
        b"invoice",
        b"sku",
        b"batch",
        b"accession",
        b"amount",
        b"price",
        b"cost",
        b"count",
        b"qty",
        b"quantity",
        b"total",
        b"size",
        b"bytes",
        b"seq",
        b"sequence",
        b"epoch",
        b"time",
        b"timestamp",
        b"ts",
        b"hash",
        b"checksum",
        b"port",
        b"line",
        b"item",
        b"product",
        b"part",
        b"catalog",
        b"drg",
        b"hcpcs",
        b"rate",
        b"score",
        b"result",
        b"lab",
        b"weight",
        b"height",
        b"salary",
        b"balance",
        b"revenue",
        b"pages",
        b"id",
        b"key",
        b"etag",
        b"build",
    ];
    let normal = Normal::of_name(name);
    !normal
        .bytes()
        .split(|byte| *byte == b' ')
        .any(|word| OTHERS.contains(&word))
}

impl Made {
    fn of(value: &[u8]) -> Self {
        /// Bytes that a shape is told by.
        const SHAPE_BYTES: usize = 64;
        let mut made = Self {
            digits: 0,
            letters: 0,
            hyphens: 0,
            // FNV-1a, of 64 and of 32 bits.
            hash: 0xcbf2_9ce4_8422_2325,
            shape: 0x811c_9dc5,
        };
        for (at, byte) in value.iter().enumerate() {
            // Classes of the bytes: `MR-0012` and `AB-9999` have one shape.
            let class = match byte {
                b'0'..=b'9' => {
                    made.digits += 1;
                    b'9'
                }
                b'a'..=b'z' | b'A'..=b'Z' => {
                    made.letters += 1;
                    b'A'
                }
                other => {
                    made.hyphens += usize::from(*other == b'-');
                    *other
                }
            };
            made.hash = (made.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            if at < SHAPE_BYTES {
                made.shape = (made.shape ^ u32::from(class)).wrapping_mul(0x0100_0193);
            }
        }
        made
    }

    /// Five to ten digits, at most four letters before or behind them, hyphens between groups; not
    /// the shape of a drug code, a laboratory code or a diagnosis.
    fn is_recordlike(&self, value: &[u8]) -> bool {
        let clean = self.digits + self.letters + self.hyphens == value.len();
        let check = value.len() >= 2 && value.get(value.len() - 2) == Some(&b'-');
        let drug = self.hyphens == 2 && self.digits >= 10 && self.letters == 0;
        clean
            && (5..=10).contains(&self.digits)
            && self.letters <= 4
            && self.hyphens <= 3
            && !drug
            && !(check && self.letters == 0)
    }
}

/// The value's digits as one number; 0 if there are none or too many.
fn number(value: &[u8]) -> u64 {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit());
    if value.len() > 18 {
        return 0;
    }
    digits.fold(0, |number, byte| number * 10 + u64::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(name: &str, values: impl Iterator<Item = String>) -> Prior {
        let mut watch = ColumnWatch::new(ColumnHint::named(name.as_bytes()), Prior::Scan);
        for value in values {
            watch.see(value.as_bytes(), &[]);
        }
        watch.prior()
    }

    fn whole(detector: Detector) -> Prior {
        Prior::Whole(DetectorId(detector as u16))
    }

    /// A permutation of the numbers below a million.
    fn scattered(count: u64) -> impl Iterator<Item = u64> {
        (1..=count).map(|n| n * 387_421 % 999_983)
    }

    #[test]
    fn regular_unique_numbers_are_records() {
        let plain = scattered(64).map(|n| format!("{n:08}"));
        assert_eq!(watched("c7", plain), whole(Detector::Mrn));
        let prefixed = scattered(64).map(|n| format!("MR-{n:07}"));
        assert_eq!(watched("ident", prefixed), whole(Detector::Mrn));
    }

    #[test]
    fn numbers_in_the_ranges_of_an_issuer_are_its_numbers() {
        let ssn = scattered(64)
            .map(|n| format!("{:03}{:02}{:04}", 1 + n % 665, 1 + n % 99, 1 + n % 9_999));
        assert_eq!(watched("v", ssn), whole(Detector::Ssn));
        let phone = scattered(64).map(|n| format!("415{:07}", 2_000_000 + n));
        assert_eq!(watched("v", phone), whole(Detector::Phone));
    }

    #[test]
    fn codes_counts_and_keys_are_none() {
        let named = scattered(200).map(|n| format!("{n:08}"));
        assert_eq!(watched("order_no", named), Prior::Scan);
        let keys = (1..200).map(|n| format!("{:06}", 100_000 + n));
        assert_eq!(watched("v", keys), Prior::Scan);
        let few = scattered(200).map(|n| format!("{:08}", n % 7));
        assert_eq!(watched("v", few), Prior::Scan);
        let loinc = scattered(200).map(|n| format!("{:05}-{}", n % 99_999, n % 10));
        assert_eq!(watched("v", loinc), Prior::Scan);
        let drugs =
            scattered(200).map(|n| format!("{:05}-{:04}-{:02}", n % 99_999, n % 9_999, n % 99));
        assert_eq!(watched("v", drugs), Prior::Scan);
        let versions = scattered(200).map(|n| format!("{}.{}.{}", n % 9, n % 99, n % 999));
        assert_eq!(watched("v", versions), Prior::Scan);
    }

    #[test]
    fn a_column_of_findings_is_raised_and_stays_raised() {
        let mut watch = ColumnWatch::new(ColumnHint::named(b"v"), Prior::Scan);
        let finding = Finding {
            start: 0,
            end: 8,
            detector: DetectorId(Detector::Name as u16),
        };
        for _ in 0..63 {
            watch.see(b"Jane Doe", &[finding]);
            assert_eq!(watch.prior(), Prior::Scan, "one window is no proof");
        }
        watch.see(b"Jane Doe", &[finding]);
        assert_eq!(watch.prior(), whole(Detector::Name));
        for _ in 0..200 {
            watch.see(b"nothing here", &[]);
        }
        assert_eq!(watch.prior(), whole(Detector::Name));
    }

    #[test]
    fn what_is_known_is_not_changed() {
        let mut watch = ColumnWatch::new(ColumnHint::named(b"v"), Prior::Skip);
        for number in scattered(200) {
            watch.see(format!("{number:08}").as_bytes(), &[]);
        }
        assert_eq!(watch.prior(), Prior::Skip);
    }
}
