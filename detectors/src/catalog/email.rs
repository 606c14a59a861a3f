//! E-mail addresses: found at the `@`, read to both sides (RFC 5321 section 4.5.3.1 lengths);
//! spelled out, found at the `dot` of the domain.

use super::Detector;
use crate::scan::Scan;
use crate::text::{
    behind_escape, char_end, char_start, ends_escape, ends_word, is_one_of, run_end, run_start,
};

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

/// Domains that a spelled address may end in: any word would make `at home dot com` one.
const LAST: [&[u8]; 16] = [
    b"com", b"org", b"net", b"edu", b"gov", b"mil", b"info", b"health", b"us", b"uk", b"ca", b"de",
    b"io", b"co", b"example", b"biz",
];

/// Judges the `dot` at `at` as the last one of an address in words: `jane dot doe at example
/// dot org`, `jane [at] example [dot] org`.
pub(crate) fn keyword(scan: &mut Scan<'_>, at: usize) {
    const WORDS: usize = 4;
    let text = scan.text;
    let last = run_end(text, at + 5, 1, |byte| byte == b' ');
    let end = run_end(text, last, 8, |byte| byte.is_ascii_alphabetic());
    if !is_one_of(scan.slice(last, end), &LAST) || !ends_word(text, end) {
        return;
    }
    let word_start = |end| {
        let start = run_start(text, end, LOCAL_BYTES, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+')
        });
        behind_escape(text, start, end)
    };
    let mut start = word_start(run_start(text, at, 1, |byte| byte == b' '));
    let mut found = false;
    for _ in 0..WORDS {
        let Some((joint, is_at)) = joint_before(scan, start) else {
            break;
        };
        let word = word_start(joint);
        if word == joint || (is_at && found) {
            break;
        }
        // `look at the dot com boom`
        if is_at && is_one_of(scan.slice(start, start + 4), &[b"the "]) {
            return;
        }
        found |= is_at;
        start = word;
    }
    if found {
        scan.report(Detector::Email, start, end);
    }
}

/// The ` at `, `(at)` or ` dot ` that ends at `at`: where it begins, and whether it is an `at`.
fn joint_before(scan: &Scan<'_>, at: usize) -> Option<(usize, bool)> {
    const JOINTS: [(&[u8], bool); 9] = [
        (b" [at] ", true),
        (b" (at) ", true),
        (b"[at]", true),
        (b"(at)", true),
        (b" at ", true),
        (b" dot ", false),
        (b" [dot] ", false),
        (b"[dot]", false),
        (b"(dot)", false),
    ];
    JOINTS.iter().find_map(|(joint, is_at)| {
        let from = at.checked_sub(joint.len())?;
        let is = scan.slice(from, at).eq_ignore_ascii_case(joint);
        is.then_some((from, *is_at))
    })
}
