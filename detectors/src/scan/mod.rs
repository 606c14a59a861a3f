//! The walk over a text: stops at the bytes where a finding can hang, and asks the catalog.

use std::cell::OnceCell;

use velum_core::inspect::{DetectorId, Finding, Surroundings};

use crate::catalog::{self, Detector, Set, address, device, email, hl7, ip, name, url};
use crate::columns;
use crate::context::{self, Cues, Label};
use crate::join;
use crate::plan::Stops;
use crate::structure;
use crate::text::{ends_word, number_start, run_end, starts_word};
use crate::view::{self, View};

mod automaton;
mod bits;
pub(crate) mod classes;
pub mod patterns;
#[allow(
    unsafe_code,
    reason = "vector instructions, behind tokens that prove the processor has them"
)]
pub(crate) mod simd;
mod words;

#[cfg(test)]
mod oracle;

pub(crate) use automaton::Shape;
use simd::Kernel;
use words::Words;

/// Longest digit run that is looked at as one number.
const RUN_BYTES: usize = 64;

/// One text under inspection, and what is known about it.
pub(crate) struct Scan<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) around: Surroundings<'t>,
    enabled: Set,
    kernel: Kernel,
    column: OnceCell<Cues>,
    /// How many encodings were undone to get this text.
    depth: u8,
    out: &'t mut Vec<Finding>,
}

/// A digit run and what was learnt about its neighbourhood so far.
pub(crate) struct Number {
    /// First digit.
    pub(crate) start: usize,
    /// One past the last digit of the run.
    pub(crate) end: usize,
    label: OnceCell<Label>,
}

/// A shape that matched at a number.
pub(crate) struct Candidate<'n> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) number: &'n Number,
}

/// Builds the shared automata, so that no session pays for them.
pub(crate) fn warm_up() {
    automaton::warm_up();
    classes::warm_up();
    context::warm_up();
}

/// Finds all that the text holds: by its structure, as it would be read, and as it stands.
pub(crate) fn run(scan: &mut Scan<'_>, stops: Stops) {
    let mut view = view::serves(scan.enabled()).then(View::default);
    if view.is_some() {
        view::reversed(scan);
    }
    let marks = sweep(scan, stops, view.as_mut());
    if let Some(view) = view {
        view.end(scan);
    }
    structure::find(scan, marks);
    join::find(scan);
}

/// Visits every stop of the text as it stands.
pub(crate) fn walk(scan: &mut Scan<'_>, stops: Stops) {
    sweep(scan, stops, None);
}

/// Goes once through the bitmaps of the text, and stops where they say so. Returns whether the
/// text holds any mark.
fn sweep(scan: &mut Scan<'_>, stops: Stops, mut view: Option<&mut View>) -> bool {
    let mut words = Words::default();
    let mut carry = 0;
    let mut marks = 0;
    classes::each(scan.text, scan.kernel, |base, classes| {
        if let Some(view) = &mut view {
            view.block(scan, base, classes);
        }
        if stops.words {
            each_bit(words.hits(classes), |bit| words.judge(scan, base + bit));
        }
        let mut hits = classes.marks;
        if stops.numbers {
            hits |= classes.digits & !((classes.digits << 1) | carry);
        }
        carry = classes.digits >> 63;
        marks |= classes.marks;
        each_bit(hits, |bit| visit(scan, stops, base + bit));
    });
    marks != 0
}

/// Calls `visit` with the places of the set bits, the lowest first.
#[inline]
pub(crate) fn each_bit(mut bits: u64, mut visit: impl FnMut(usize)) {
    while bits != 0 {
        visit(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

fn visit(scan: &mut Scan<'_>, stops: Stops, at: usize) {
    match scan.byte(at) {
        Some(b'@') if stops.at_signs => email::at_sign(scan, at),
        Some(b',') if stops.commas => address::comma(scan, at),
        Some(b':') if stops.labels => {
            url::colon(scan, at);
            ip::colon(scan, at);
            device::colon(scan, at);
            name::label_end(scan, at);
        }
        Some(b'=') if stops.labels => name::label_end(scan, at),
        Some(b'|') if stops.bars => hl7::bar(scan, at),
        Some(byte) if byte.is_ascii_digit() => number(scan, at),
        _ => {}
    }
}

/// All that may begin at, or hang on, the digit run at `run`.
fn number(scan: &mut Scan<'_>, run: usize) {
    if let Some(number) = number_at(scan, run) {
        automaton::shapes_at(scan, &number);
        catalog::number(scan, &number);
    }
}

fn number_at(scan: &Scan<'_>, run: usize) -> Option<Number> {
    let start = number_start(scan.text, run)?;
    let end = run_end(scan.text, start, RUN_BYTES, |byte| byte.is_ascii_digit());
    Some(Number {
        start,
        end,
        label: OnceCell::new(),
    })
}

impl<'t> Scan<'t> {
    pub(crate) fn new(
        text: &'t [u8],
        around: Surroundings<'t>,
        enabled: Set,
        out: &'t mut Vec<Finding>,
    ) -> Self {
        Self {
            text,
            around,
            enabled,
            kernel: Kernel::best(),
            column: OnceCell::new(),
            depth: 0,
            out,
        }
    }

    /// The same text, known to have been decoded once more than one of that depth.
    pub(crate) fn deeper(mut self, depth: u8) -> Self {
        self.depth = depth + 1;
        self
    }

    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    pub(crate) fn enabled(&self) -> Set {
        self.enabled
    }

    /// What was found so far, older findings of the caller's first.
    pub(crate) fn found(&self) -> &[Finding] {
        self.out
    }

    pub(crate) fn found_mut(&mut self) -> &mut Vec<Finding> {
        self.out
    }

    /// The byte at `at`, if there is one.
    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// The byte `back` before `at`, if there is one.
    #[inline]
    pub(crate) fn byte_before(&self, at: usize, back: usize) -> Option<u8> {
        at.checked_sub(back).and_then(|before| self.byte(before))
    }

    /// The bytes of a range; nothing if it is out of bounds.
    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'t [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn wants(&self, detector: Detector) -> bool {
        self.enabled.contains(detector)
    }

    /// The same of the catalog's id.
    pub(crate) fn wants_id(&self, id: DetectorId) -> bool {
        Detector::ALL
            .get(usize::from(id.0))
            .is_some_and(|detector| self.wants(*detector))
    }

    /// What the name of the column says, and the key of the row.
    pub(crate) fn column(&self) -> Cues {
        *self.column.get_or_init(|| {
            let column = match self.around.column {
                None => Cues::NONE,
                Some(column) if column.is_alias && !columns::is_number(column.type_name) => {
                    context::of_column(column.name).of_columns()
                }
                Some(column) => context::of_column(column.name),
            };
            column | self.around.key.map_or(Cues::NONE, context::of_column)
        })
    }

    /// Whether the range is the whole value but for blanks and quotes around it.
    pub(crate) fn is_whole(&self, start: usize, end: usize) -> bool {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'');
        // A value that is longer by more than this is no cell with blanks around it.
        const SLACK_BYTES: usize = 16;
        let cell = start <= SLACK_BYTES
            && self.text.len() <= end + SLACK_BYTES
            && self.slice(0, start).iter().all(blank)
            && self.slice(end, self.text.len()).iter().all(blank);
        self.around.at_start && self.around.at_end && (cell || self.is_element(start, end))
    }

    /// Whether the text is so short that a value can be all of it, or an element of a list of them:
    /// no other range [is whole](Self::is_whole).
    pub(crate) fn is_cell(&self) -> bool {
        self.around.at_start && self.around.at_end
    }

    /// Whether the range is an element of an array in PostgreSQL's text form: `{1,"2",3}`.
    fn is_element(&self, start: usize, end: usize) -> bool {
        let quote = |byte: Option<u8>| usize::from(byte == Some(b'"'));
        let before = start.checked_sub(1 + quote(self.byte_before(start, 1)));
        let opens = before.and_then(|at| self.byte(at));
        let closes = self.byte(end + quote(self.byte(end)));
        let is_array = self.text.first() == Some(&b'{') && self.text.last() == Some(&b'}');
        is_array && matches!(opens, Some(b'{' | b',')) && matches!(closes, Some(b'}' | b','))
    }

    /// Whether `joint` and a digit follow at `at`.
    #[inline]
    pub(crate) fn digit_then(&self, at: usize, joint: u8) -> bool {
        self.byte(at) == Some(joint) && self.byte(at + 1).is_some_and(|byte| byte.is_ascii_digit())
    }

    /// Whether a digit and `joint` stand before `at`.
    #[inline]
    pub(crate) fn digit_before(&self, at: usize, joint: u8) -> bool {
        self.byte_before(at, 1) == Some(joint)
            && self
                .byte_before(at, 2)
                .is_some_and(|byte| byte.is_ascii_digit())
    }

    /// Whether the range has dots and is part of a longer chain of dotted numbers, such as an
    /// object identifier or a version.
    pub(crate) fn in_dotted_chain(&self, start: usize, end: usize) -> bool {
        self.slice(start, end).contains(&b'.')
            && (self.digit_before(start, b'.') || self.digit_then(end, b'.'))
    }

    /// Whether a word of letters and digits can be exactly this range.
    #[inline]
    pub(crate) fn is_word(&self, start: usize, end: usize) -> bool {
        starts_word(self.text, start) && ends_word(self.text, end)
    }

    /// Reports a finding of an enabled detector.
    pub(crate) fn report(&mut self, detector: Detector, start: usize, end: usize) {
        if start < end && end <= self.text.len() && self.wants(detector) {
            let detector = DetectorId(detector as u16);
            self.out.push(Finding {
                start,
                end,
                detector,
            });
        }
    }
}

impl Number {
    /// Digits of the run.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// The label before the number.
    pub(crate) fn label(&self, scan: &Scan<'_>) -> Label {
        *self
            .label
            .get_or_init(|| context::before(scan.text, self.start))
    }

    /// What the label before the number or the name of the column says.
    pub(crate) fn cues(&self, scan: &Scan<'_>) -> Cues {
        self.label(scan).cues.and(scan.column().of_columns())
    }
}
