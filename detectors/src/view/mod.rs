//! The text as a reader sees it: digits of every script, Unicode's dashes and blanks, characters
//! without width, escapes. A view, not a copy: windows of it are folded on the stack, only around
//! the blocks that need it, and what is found there is reported where it stands.
//!
//! ```text
//! text      … SSN ５３１–７７–０２９４ …        offsets of the original
//!                 └──────┬──────┘
//! window    … SSN 531-77-0294 …              one byte a character, with its origin
//! ```
//!
//! A finding counts if the window shows enough to both of its sides to decide about it, or ends
//! there with the text; hence it does not matter where windows begin, and a streamed text gives
//! what a whole one does. Values in reversible encodings are decoded and masked whole.

use velum_core::inspect::Surroundings;

use crate::catalog::{Detector, Set};
use crate::plan::Stops;
#[cfg(test)]
use crate::scan::classes::BLOCK_BYTES;
use crate::scan::classes::Classes;
use crate::scan::{self, Scan, each_bit};
use crate::text::char_start;

mod encoded;
pub(crate) mod fold;
mod reversed;

/// Bytes of the view that are folded at once.
const WINDOW_BYTES: usize = 1024;
/// What a finding of these families can depend on to either side: a label and its gap.
const CONTEXT_BYTES: usize = 128;
/// Longest finding in the view.
const SPAN_BYTES: usize = 256;
/// The same in the text, where a character takes up to six bytes.
const ORIGIN_BYTES: usize = 1024;
/// Original bytes that are looked at before and behind what is odd.
const MARGIN_BYTES: usize = 512;
/// Invisible characters in a row that are seen through; more are a gap.
const INVISIBLE: usize = 4;

const _: () = assert!(MARGIN_BYTES >= CONTEXT_BYTES + SPAN_BYTES);
const _: () = assert!(WINDOW_BYTES >= 2 * (CONTEXT_BYTES + SPAN_BYTES));

/// How deep encodings are undone: base64 in base64, no further.
pub(crate) const DEPTH: u8 = 2;

/// Families that are not read in the view: names have folds of their own, and structures and
/// web addresses are bytes.
const UNREAD: [Detector; 3] = [Detector::Name, Detector::Org, Detector::Url];

/// Reads a short cell from its end.
pub(crate) fn reversed(scan: &mut Scan<'_>) {
    reversed::find(scan);
}

/// What is spelled in other characters than ASCII's, escaped, or encoded: where it begins, from
/// block to block.
#[derive(Default)]
pub(crate) struct View {
    /// First and last odd character of those that are read together.
    region: Option<(usize, usize)>,
    /// One past the last run of a code that was decoded.
    encoded_to: usize,
    /// The last four bytes of the block before may all be code.
    half: u64,
    /// Bytes of codes at the end of the block before.
    tail: u32,
}

impl View {
    /// Reads what the bitmaps of the block at `base` say is spelled otherwise.
    #[inline]
    pub(crate) fn block(&mut self, scan: &mut Scan<'_>, base: usize, classes: &Classes) {
        /// First bytes of the block's sixteen half words.
        const HALVES: u64 = 0x1111_1111_1111_1111;
        let pairs = classes.codes & classes.codes >> 1;
        let halves = pairs & pairs >> 2 & HALVES;
        // A run of 12 covers two halves in a row wherever it begins.
        let coded = halves & (halves << 4 | self.half);
        self.half = halves >> 60;
        let bits = classes.codes | classes.joints;
        let before = std::mem::replace(&mut self.tail, bits.leading_ones());
        if coded != 0 {
            let codes = encoded::Codes { bits, before };
            self.encoded_to = encoded::block(scan, base, codes, self.encoded_to);
        }
        each_bit(classes.odd, |bit| self.odd(scan, base + bit));
    }

    /// The same of a whole text, without bitmaps: what they are held against.
    #[cfg(test)]
    pub(crate) fn slowly(&mut self, scan: &mut Scan<'_>) {
        let text = scan.text;
        let coded = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let half = |from: usize| {
            let half = text.get(from..from + 4);
            half.is_some_and(|half| half.iter().all(coded))
        };
        for base in (0..text.len()).step_by(BLOCK_BYTES) {
            let end = text.len().min(base + BLOCK_BYTES);
            let pair = |at: usize| half(at) && at.checked_sub(4).is_some_and(half);
            let block = text.get(base..end).unwrap_or_default();
            let bits = encoded::codes(block);
            let before = std::mem::replace(&mut self.tail, bits.leading_ones());
            if (base..end).step_by(4).any(pair) {
                let codes = encoded::Codes { bits, before };
                self.encoded_to = encoded::block(scan, base, codes, self.encoded_to);
            }
            for at in base..end {
                self.odd(scan, at);
            }
        }
    }

    /// A byte that may begin a character which hides something.
    fn odd(&mut self, scan: &mut Scan<'_>, at: usize) {
        if !is_odd_at(scan.text, at) {
            return;
        }
        self.region = match self.region {
            Some((start, end)) if at <= end + 2 * MARGIN_BYTES => Some((start, at)),
            done => {
                read_region(scan, done);
                Some((at, at))
            }
        };
    }

    /// Reads what is left at the end of the text.
    pub(crate) fn end(self, scan: &mut Scan<'_>) {
        read_region(scan, self.region);
    }
}

/// Whether a character at `at` hides something: next to a digit, or a letter or digit itself.
fn is_odd_at(text: &[u8], at: usize) -> bool {
    const NEAR_BYTES: usize = 2;
    match text.get(at) {
        Some(b'\\' | b'%' | b'&') => {}
        Some(byte) if *byte >= 0xc0 => {}
        _ => return false,
    }
    let one = fold::fold(text, at);
    if !one.is_odd {
        return false;
    }
    if one
        .ascii
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'@')
    {
        return true;
    }
    // A dash between words, a bullet before one: nothing is hidden there.
    let foreign =
        |byte: &u8| byte.is_ascii_digit() || *byte >= 0x80 || matches!(byte, b'%' | b'\\');
    let end = at + one.bytes;
    let before = text
        .get(at.saturating_sub(NEAR_BYTES)..at)
        .unwrap_or_default();
    let behind = text
        .get(end..text.len().min(end + NEAR_BYTES))
        .unwrap_or_default();
    before.iter().chain(behind).any(foreign)
}

/// Folded characters and where they come from.
struct Window {
    bytes: [u8; WINDOW_BYTES],
    /// First original byte of each, from `base` on.
    starts: [u16; WINDOW_BYTES],
    /// One past the last original byte of each.
    ends: [u16; WINDOW_BYTES],
    len: usize,
    base: usize,
    /// One past the original bytes that were folded.
    end: usize,
}

impl Window {
    fn of(text: &[u8], base: usize, limit: usize) -> Self {
        let mut window = Self {
            bytes: [0; WINDOW_BYTES],
            starts: [0; WINDOW_BYTES],
            ends: [0; WINDOW_BYTES],
            len: 0,
            base,
            end: base,
        };
        let mut invisible = 0;
        while window.end < limit && window.len < WINDOW_BYTES {
            let one = fold::fold(text, window.end);
            let from = window.end - base;
            window.end += one.bytes.max(1);
            invisible = if one.ascii.is_none() {
                invisible + 1
            } else {
                0
            };
            match one.ascii {
                Some(byte) => window.push(byte, from),
                None if invisible > INVISIBLE => window.push(fold::FOREIGN, from),
                None => {}
            }
        }
        window
    }

    fn push(&mut self, byte: u8, from: usize) {
        let to = self.end - self.base;
        let at = self.len;
        // Offsets fit: a window takes at most 12 bytes and four invisible characters a byte.
        if let (Some(slot), Some(start), Some(end), Ok(from), Ok(to)) = (
            self.bytes.get_mut(at),
            self.starts.get_mut(at),
            self.ends.get_mut(at),
            u16::try_from(from),
            u16::try_from(to),
        ) {
            *slot = byte;
            *start = from;
            *end = to;
            self.len += 1;
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn start_of(&self, at: usize) -> usize {
        self.base + self.starts.get(at).copied().map_or(0, usize::from)
    }

    fn end_of(&self, at: usize) -> usize {
        self.base + self.ends.get(at).copied().map_or(0, usize::from)
    }
}

/// Reads the text around the odd characters between two offsets.
fn read_region(scan: &mut Scan<'_>, region: Option<(usize, usize)>) {
    let Some((first, last)) = region else { return };
    let text = scan.text;
    let mut base = char_start(text, first.saturating_sub(MARGIN_BYTES));
    let limit = text.len().min(last + 1 + MARGIN_BYTES);
    loop {
        let window = Window::of(text, base, limit);
        read_window(scan, &window);
        let step = WINDOW_BYTES - 2 * CONTEXT_BYTES - SPAN_BYTES;
        if window.end >= limit || window.len <= step {
            return;
        }
        base = window.start_of(step);
    }
}

fn read_window(scan: &mut Scan<'_>, window: &Window) {
    let bytes = window.bytes();
    if !bytes
        .iter()
        .any(|byte| byte.is_ascii_digit() || *byte == b'@')
    {
        return;
    }
    let at_start = window.base == 0;
    let at_end = window.end == scan.text.len();
    let around = Surroundings {
        at_start: scan.around.at_start && at_start,
        at_end: scan.around.at_end && at_end,
        known: &[],
        ..scan.around
    };
    let enabled = scan.enabled().without(&UNREAD);
    let first = scan.found().len();
    let mut inner = Scan::new(bytes, around, enabled, scan.found_mut());
    scan::walk(&mut inner, Stops::of_view(enabled));
    settle(scan, window, first, (at_start, at_end));
}

/// Moves what was found in a window to where it stands in the text, and drops what the window
/// does not show enough of.
fn settle(scan: &mut Scan<'_>, window: &Window, first: usize, (at_start, at_end): (bool, bool)) {
    let out = scan.found_mut();
    let mut kept = first;
    for index in first..out.len() {
        let Some(mut finding) = out.get(index).copied() else {
            break;
        };
        let shown = (at_start || finding.start >= CONTEXT_BYTES)
            && (at_end || finding.end + CONTEXT_BYTES <= window.len)
            && finding.end - finding.start <= SPAN_BYTES;
        finding.start = window.start_of(finding.start);
        finding.end = window.end_of(finding.end.saturating_sub(1));
        let fits = finding.end > finding.start && finding.end - finding.start <= ORIGIN_BYTES;
        if let (true, Some(slot)) = (shown && fits, out.get_mut(kept)) {
            *slot = finding;
            kept += 1;
        }
    }
    out.truncate(kept);
}

/// Detectors that the view can find something for.
pub(crate) fn serves(enabled: Set) -> bool {
    enabled.without(&UNREAD) != Set::EMPTY
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the bytes, offsets rise and lie on the text.
        #[test]
        fn origins_rise(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let window = Window::of(&text, 0, text.len());
            let mut before = 0;
            for at in 0..window.len {
                prop_assert!(window.start_of(at) >= before);
                prop_assert!(window.end_of(at) > window.start_of(at));
                before = window.end_of(at);
            }
            prop_assert_eq!(window.end, text.len().max(window.end));
        }
    }
}
