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
use crate::scan::{self, Scan};
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

/// Finds what is spelled in other characters than ASCII's, escaped, or encoded.
pub(crate) fn find(scan: &mut Scan<'_>) {
    reversed::find(scan);
    let mut region: Option<(usize, usize)> = None;
    let mut encoded_to = 0;
    let text = scan.text;
    let mut run = false;
    for (index, block) in text.chunks(BLOCK_BYTES).enumerate() {
        let base = index * BLOCK_BYTES;
        let need = Need::of(block, &mut run);
        if need.encoding {
            encoded_to = encoded::block(scan, base, encoded_to);
        }
        if !need.folding {
            continue;
        }
        for at in base..text.len().min(base + BLOCK_BYTES) {
            if !is_odd_at(text, at) {
                continue;
            }
            region = match region {
                Some((start, end)) if at <= end + 2 * MARGIN_BYTES => Some((start, at)),
                done => {
                    read_region(scan, done);
                    Some((at, at))
                }
            };
        }
    }
    read_region(scan, region);
}

const BLOCK_BYTES: usize = 64;

/// What a block needs.
#[derive(Default)]
struct Need {
    folding: bool,
    encoding: bool,
}

impl Need {
    /// One look at each word of the block. `run`: the half word before it was all letters and
    /// digits.
    fn of(block: &[u8], run: &mut bool) -> Self {
        let mut need = Self::default();
        let (words, rest) = block.as_chunks::<8>();
        for word in words {
            need.add(u64::from_le_bytes(*word), run);
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(rest) {
                *to = *from;
            }
            need.add(u64::from_le_bytes(word), run);
        }
        need
    }

    fn add(&mut self, word: u64, run: &mut bool) {
        let foreign = word & HIGH_BITS;
        let escapes = equal(word, b'\\') | equal(word, b'%') | equal(word, b'&');
        self.folding |= foreign | escapes != 0;
        let coded = alphanumeric(word) | equal(word, b'+') | equal(word, b'/');
        for half in [coded as u32, (coded >> 32) as u32] {
            let full = half == HIGH_BITS as u32;
            // A run of 12 covers two halves in a row wherever it begins.
            self.encoding |= full && *run;
            *run = full;
        }
    }
}

const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

const fn spread(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// High bit of each byte that equals `byte`. No carry crosses a byte.
fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ spread(byte);
    !(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS)
}

/// High bit of each byte that is an ASCII letter or digit.
fn alphanumeric(word: u64) -> u64 {
    let within = |word: u64, first: u8, last: u8| {
        let low = word & LOW_BITS;
        let from = low + spread(0x80 - first);
        let above = low + spread(0x80 - last - 1);
        from & !above & !word & HIGH_BITS
    };
    within(word, b'0', b'9') | within(word | spread(0x20), b'a', b'z') & !(word & HIGH_BITS)
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

    #[test]
    fn classes_of_words() {
        for byte in 0..=255u8 {
            let word = u64::from_le_bytes([byte, b'x', b'-', b'0', 0x80, b'Z', b'@', b'[']);
            let is = alphanumeric(word) & 0x80 != 0;
            assert_eq!(is, byte.is_ascii_alphanumeric(), "{byte:#x}");
            assert_eq!(alphanumeric(word) >> 8, 0x0000_0080_0080_0080, "{byte:#x}");
        }
    }

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
