//! E-mail addresses: found at the `@`, read to both sides (RFC 5321 section 4.5.3.1 lengths).

use super::Detector;
use crate::scan::Scan;
use crate::text::{char_end, char_start, ends_escape, run_end, run_start};

/// Longest local part in octets.
const LOCAL_BYTES: usize = 64;
/// Longest domain in octets.
const DOMAIN_BYTES: usize = 255;

/// Judges the `@` at `at`.
pub(crate) fn at_sign(scan: &mut Scan<'_>, at: usize) {
    let end = domain_end(scan, at + 1);
    if end == at + 1 {
        return;
    }
    let start = local_start(scan, at);
    if start < at {
        scan.report(Detector::Email, start, end);
    }
}

fn local_start(scan: &Scan<'_>, at: usize) -> usize {
    // `%40` and doubled quotes are left to the one who wrote them.
    let start = run_start(scan.text, at, LOCAL_BYTES, |byte| {
        byte.is_ascii_alphanumeric() || byte >= 0x80 || b".!#$%&'*+-/^_`{}~".contains(&byte)
    });
    // An escape before the address is no part of it: `\njohn@…`.
    let start = (start..at)
        .rev()
        .find(|from| ends_escape(scan.text, *from))
        .unwrap_or(start);
    // Neither are quotes, braces and dots of the sentence around it.
    let start = run_end(scan.text, start, at - start, |byte| {
        byte.is_ascii_punctuation() && !matches!(byte, b'_' | b'+')
    });
    char_start(scan.text, start).min(at)
}

/// One past the domain that begins at `from`; `from` if there is none: labels joined by single
/// dots, at least two of them, the last one not a number.
fn domain_end(scan: &Scan<'_>, from: usize) -> usize {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'-';
    let limit = from + DOMAIN_BYTES;
    let mut end = from;
    let mut good = from;
    loop {
        let label = run_end(scan.text, end, limit - end, is_part);
        let bytes = scan.slice(end, label);
        if bytes.is_empty() {
            return good;
        }
        let letters = bytes
            .iter()
            .any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
        if end > from && letters && bytes.len() >= 2 {
            let trimmed = bytes.iter().rev().take_while(|byte| **byte == b'-').count();
            good = char_end(scan.text, label - trimmed);
        }
        if scan.byte(label) != Some(b'.') || label + 1 >= limit {
            return good;
        }
        end = label + 1;
    }
}
