//! Values in hex and base64: decoded, inspected, and masked whole if anything is found.

use velum_core::inspect::{Finding, Surroundings};

use super::DEPTH;
use crate::scan::classes::BLOCK_BYTES;
use crate::scan::{self, Scan};
use crate::text::{run_end, run_start};

/// Shortest run that is decoded: nine bytes of base64.
const RUN_BYTES: usize = 12;
/// Encoded bytes that are decoded at once; a longer run is read window by window, and only in
/// texts that are whole.
const CODED_BYTES: usize = 1024;
/// Decoded bytes that two windows share.
const SHARED_BYTES: usize = 192;
/// How far back the beginning of a run is looked for.
const BACK_BYTES: usize = CODED_BYTES;

/// The bytes of codes of a block, and how many stand before it without a gap, at most a block.
#[derive(Clone, Copy)]
pub(super) struct Codes {
    pub(super) bits: u64,
    pub(super) before: u32,
}

/// Decodes the runs that have a byte in the block at `base`, whose bytes of codes are given, and
/// that are not read up to `done`. Returns where the last one ends.
pub(super) fn block(scan: &mut Scan<'_>, base: usize, codes: Codes, done: usize) -> usize {
    if scan.depth() >= DEPTH {
        return done;
    }
    let mut done = done;
    let mut long = long_runs(scan.text, base, codes);
    let codes = codes.bits;
    while long != 0 {
        let first = long.trailing_zeros();
        let ones = (codes >> first).trailing_ones();
        let (mut start, mut end) = (base + first as usize, base + (first + ones) as usize);
        // The next run, if there is one in the block.
        long &= u64::MAX.checked_shl(first + ones).unwrap_or(0);
        if end <= done {
            continue;
        }
        if first == 0 {
            start = run_start(
                scan.text,
                base,
                BACK_BYTES.min(base - done.min(base)),
                is_code,
            );
        }
        if start < done {
            continue;
        }
        if end == base + BLOCK_BYTES {
            end = run_end(scan.text, end, scan.text.len() - end, is_code);
        }
        run(scan, start, end);
        done = end;
    }
    done
}

/// First bytes in the block of runs that are long enough; of such a run there may be more.
fn long_runs(text: &[u8], base: usize, codes: Codes) -> u64 {
    let Codes { bits, before } = codes;
    let two = bits & bits >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let mut long = eight & four >> 8;
    // Runs that cross a border of the block.
    let head = bits.trailing_ones() as usize;
    if (1..RUN_BYTES).contains(&head) && before as usize + head >= RUN_BYTES {
        long |= 1;
    }
    let tail = bits.leading_ones() as usize;
    let block_end = base + BLOCK_BYTES;
    let goes_on = |bytes: &[u8]| bytes.iter().all(|byte| is_code(*byte));
    if (1..RUN_BYTES).contains(&tail)
        && text
            .get(block_end..block_end + RUN_BYTES - tail)
            .is_some_and(goes_on)
    {
        long |= 1 << (BLOCK_BYTES - tail);
    }
    long
}

/// The bytes of codes in a block, as [`block`] is given them.
#[cfg(test)]
pub(super) fn codes(block: &[u8]) -> u64 {
    let places = block.iter().enumerate();
    places.fold(0, |codes, (at, byte)| {
        codes | u64::from(is_code(*byte)) << at
    })
}

fn is_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Tries the alphabets on one run.
fn run(scan: &mut Scan<'_>, start: usize, end: usize) {
    let whole = scan.around.at_start && scan.around.at_end;
    if end - start > CODED_BYTES && !whole {
        return;
    }
    let run = scan.slice(start, end);
    let from = start + hex_prefix(run);
    let digits = scan.slice(from, end);
    let is_hex = digits.len() >= 2 * 7
        && digits.len().is_multiple_of(2)
        && digits.iter().take(CODED_BYTES).all(u8::is_ascii_hexdigit);
    if is_hex && decode_run(scan, from, end, Code::Hex) {
        return;
    }
    let head = run.get(..run.len().min(64)).unwrap_or_default();
    let has = |is: fn(&u8) -> bool| head.iter().any(is);
    // ASCII in base64 has letters of both cases, or capitals and digits.
    if has(u8::is_ascii_uppercase) && (has(u8::is_ascii_lowercase) || has(u8::is_ascii_digit)) {
        decode_run(scan, start, end, Code::Base64);
    }
}

/// `\x`, `0x`, `x`.
fn hex_prefix(run: &[u8]) -> usize {
    match run {
        [b'0', b'x' | b'X', ..] => 2,
        [b'x' | b'X', ..] => 1,
        _ => 0,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Hex,
    Base64,
}

impl Code {
    /// Encoded bytes for a number of decoded ones that all windows are cut at.
    const fn step(self) -> usize {
        match self {
            Self::Hex => CODED_BYTES - 2 * SHARED_BYTES,
            Self::Base64 => CODED_BYTES - SHARED_BYTES / 3 * 4,
        }
    }
}

/// Decodes a run and inspects what comes out. True if it is text.
fn decode_run(scan: &mut Scan<'_>, start: usize, end: usize, code: Code) -> bool {
    let head = scan.slice(start, end.min(start + CODED_BYTES));
    // Nearly all runs end here, and need no room.
    if each_byte(head, code, |byte| is_text(byte).then_some(())).is_none() {
        return false;
    }
    let first = scan.found().len();
    let mut from = start;
    loop {
        let to = end.min(from + CODED_BYTES);
        let mut decoded = [0; CODED_BYTES];
        let Some(text) = decode(scan.slice(from, to), code, &mut decoded) else {
            scan.found_mut().truncate(first);
            return false;
        };
        inspect(scan, text, from == start, to == end);
        if to == end {
            break;
        }
        from += code.step();
    }
    cover(scan, start, end, first);
    true
}

fn inspect(scan: &mut Scan<'_>, text: &[u8], at_start: bool, at_end: bool) {
    let around = Surroundings {
        at_start,
        at_end,
        known: &[],
        ..scan.around
    };
    let enabled = scan.enabled();
    let depth = scan.depth();
    let mut inner = Scan::new(text, around, enabled, scan.found_mut()).deeper(depth);
    scan::run(&mut inner, crate::plan::Stops::of(enabled));
}

/// Puts the whole run in the place of what was found in it, once a detector.
fn cover(scan: &mut Scan<'_>, start: usize, end: usize, first: usize) {
    let mut seen = 0u32;
    for index in first..scan.found().len() {
        if let Some(finding) = scan.found().get(index) {
            seen |= 1 << (finding.detector.0 & 31);
        }
    }
    scan.found_mut().truncate(first);
    // The padding goes with it.
    let end = run_end(scan.text, end, 2, |byte| byte == b'=');
    for detector in 0..u16::try_from(u32::BITS).unwrap_or(0) {
        if seen >> detector & 1 == 0 {
            continue;
        }
        let mut from = start;
        while from < end {
            let to = end.min(from + CODED_BYTES);
            scan.found_mut().push(Finding {
                start: from,
                end: to,
                detector: velum_core::inspect::DetectorId(detector),
            });
            from = to;
        }
    }
}

/// The bytes that a run stands for, if they are text.
fn decode<'b>(run: &[u8], code: Code, out: &'b mut [u8; CODED_BYTES]) -> Option<&'b [u8]> {
    let mut len = 0;
    each_byte(run, code, |byte| {
        is_text(byte).then_some(())?;
        *out.get_mut(len)? = byte;
        len += 1;
        Some(())
    })?;
    let decoded = out.get(..len)?;
    // A window may cut a character; what stands before it is read all the same.
    match str::from_utf8(decoded) {
        Ok(text) => Some(text.as_bytes()),
        Err(error) if error.error_len().is_none() => decoded.get(..error.valid_up_to()),
        Err(_) => None,
    }
}

/// Gives each byte that a run stands for to `take`, until that says `None`.
fn each_byte(run: &[u8], code: Code, mut take: impl FnMut(u8) -> Option<()>) -> Option<()> {
    match code {
        Code::Hex => {
            for [high, low] in run.as_chunks::<2>().0 {
                take(hex(*high)? << 4 | hex(*low)?)?;
            }
        }
        Code::Base64 => {
            let mut bits = 0u32;
            let mut count = 0;
            for byte in run {
                bits = bits << 6 | u32::from(sextet(*byte)?);
                count += 6;
                if count >= 8 {
                    count -= 8;
                    take((bits >> count & 0xff) as u8)?;
                }
            }
        }
    }
    Some(())
}

fn is_text(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0b)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Both alphabets of RFC 4648.
fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabets() {
        let mut out = [0; CODED_BYTES];
        assert_eq!(
            decode(b"3533312d37372d30323934", Code::Hex, &mut out),
            Some(b"531-77-0294".as_slice())
        );
        assert_eq!(
            decode(b"NTMxLTc3LTAyOTQ", Code::Base64, &mut out),
            Some(b"531-77-0294".as_slice())
        );
        assert_eq!(decode(b"e3b0c44298fc1c14", Code::Hex, &mut out), None);
        assert_eq!(decode(b"administration", Code::Base64, &mut out), None);
    }
}
