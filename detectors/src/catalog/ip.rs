//! IPv4 and IPv6 addresses. Addresses that belong to no host in particular are left alone.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str;

use super::Detector;
use crate::context::Cues;
use crate::scan::{Candidate, Scan, Shape};
use crate::text::{ends_escape, ends_word, run_end, run_start, starts_word};

pub(crate) const SHAPES: &[Shape] = &[Shape {
    pattern: r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
    judge: v4,
}];

/// What stands before an IPv4 address that is written as one of IPv6 (RFC 4291 section 2.5.5.2).
const MAPPED: &[u8] = b"::ffff:";

/// Longest text form (RFC 4291 section 2.2), with an embedded IPv4 address.
const V6_BYTES: usize = 45;

fn v4(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let mut octets = scan.slice(at.start, at.end).split(|byte| *byte == b'.');
    let mut address = [0; 4];
    for (to, octet) in address.iter_mut().zip(&mut octets) {
        let value = octet
            .iter()
            .fold(0u16, |value, byte| value * 10 + u16::from(byte & 0xf));
        let Ok(value) = u8::try_from(value) else {
            return;
        };
        *to = value;
    }
    let address = Ipv4Addr::from(address);
    if address.is_loopback() || address.is_unspecified() || address.is_broadcast() {
        return;
    }
    let chained = scan.in_dotted_chain(at.start, at.end);
    if !chained && scan.is_word(at.start, at.end) && !at.number.cues(scan).has(Cues::VERSION) {
        scan.report(Detector::Ip, at.start, at.end);
    }
}

/// Judges the `:` at `at` as the first one of an IPv6 address.
pub(crate) fn colon(scan: &mut Scan<'_>, at: usize) {
    if !scan.wants(Detector::Ip) {
        return;
    }
    let start = run_start(scan.text, at, 4, |byte| byte.is_ascii_hexdigit());
    let follows = scan
        .byte(at + 1)
        .is_some_and(|byte| byte.is_ascii_hexdigit() || byte == b':');
    let mapped = scan
        .slice(at, at + MAPPED.len())
        .eq_ignore_ascii_case(MAPPED);
    if start == at && !mapped || !follows || scan.byte_before(start, 1) == Some(b':') {
        return;
    }
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut end = run_end(scan.text, at, V6_BYTES, is_part);
    while matches!(scan.byte_before(end, 1), Some(b'.')) || ends_in_one_colon(scan, end) {
        end -= 1;
    }
    let start = (start..at)
        .rev()
        .find(|from| ends_escape(scan.text, *from))
        .unwrap_or(start);
    let text = scan.slice(start, end);
    if !is_meant(text) {
        return;
    }
    let Some(address) = str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<Ipv6Addr>().ok())
    else {
        return;
    };
    if !address.is_loopback() && starts_word(scan.text, start) && ends_word(scan.text, end) {
        let end = zone_end(scan.text, end);
        scan.report(Detector::Ip, start, end);
    }
}

/// One past the interface that an address is of: `fe80::1%eth0`.
fn zone_end(text: &[u8], end: usize) -> usize {
    const ZONE_BYTES: usize = 15;
    if text.get(end) != Some(&b'%') {
        return end;
    }
    let zone = run_end(text, end + 1, ZONE_BYTES, |byte| {
        byte.is_ascii_alphanumeric()
    });
    if zone > end + 1 { zone } else { end }
}

fn ends_in_one_colon(scan: &Scan<'_>, end: usize) -> bool {
    scan.byte_before(end, 1) == Some(b':') && scan.byte_before(end, 2) != Some(b':')
}

/// Whether the text is meant as an address: `add::bad` is a path in some program.
fn is_meant(text: &[u8]) -> bool {
    let colons = text.iter().filter(|byte| **byte == b':').count();
    let first = text.iter().position(|byte| *byte == b':').unwrap_or(0);
    let digits = text.iter().any(u8::is_ascii_digit);
    let mapped = first == 0;
    digits && (mapped || colons >= 4 || (first >= 3 && text.len() >= 6))
}
