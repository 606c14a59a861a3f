//! Web addresses: found at `://`, back over the scheme, or at `www.`; forward to the first byte
//! that no URL holds (RFC 3986).

use super::Detector;
use crate::scan::Scan;
use crate::text::{char_end, ends_escape, run_start, starts_word};

/// Longest URL that is one finding; the rest of a longer one is judged as text.
pub(crate) const SPAN_BYTES: usize = 2048;
const SCHEME_BYTES: usize = 16;
/// Bytes of `www.`.
const WWW_BYTES: usize = 4;

/// Judges the `:` at `at`.
pub(crate) fn colon(scan: &mut Scan<'_>, at: usize) {
    if scan.slice(at, at + 3) != b"://" || !scan.wants(Detector::Url) {
        return;
    }
    let start = run_start(scan.text, at, SCHEME_BYTES, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
    });
    let start = (start..at)
        .rev()
        .find(|from| ends_escape(scan.text, *from))
        .unwrap_or(start);
    let end = end_of(scan.text, at + 3);
    if start < at && end > at + 3 && !is_namespace(scan.slice(at + 3, end)) {
        scan.report(Detector::Url, start, end);
    }
}

/// Judges the `www.` at `at`: an address without a scheme.
pub(crate) fn www(scan: &mut Scan<'_>, at: usize) {
    let end = end_of(scan.text, at + WWW_BYTES);
    let known = is_namespace(scan.slice(at, end));
    if end > at + WWW_BYTES && starts_word(scan.text, at) && !known {
        scan.report(Detector::Url, at, end);
    }
}

/// Whether the address names a vocabulary or a schema: it leads to no person.
fn is_namespace(address: &[u8]) -> bool {
    const HOSTS: [&[u8]; 15] = [
        b"hl7.org",
        b"www.hl7.org",
        b"terminology.hl7.org",
        b"loinc.org",
        b"snomed.info",
        b"unitsofmeasure.org",
        b"www.w3.org",
        b"www.nlm.nih.gov",
        b"hl7.fhir.org",
        b"fhir.org",
        b"dicom.nema.org",
        b"www.ama-assn.org",
        b"schemas.xmlsoap.org",
        b"json-schema.org",
        b"www.whocc.no",
    ];
    let host = address.split(|byte| matches!(byte, b'/' | b'?' | b'#'));
    host.take(1).any(|host| HOSTS.contains(&host)) && !address.contains(&b'?')
}

fn end_of(text: &[u8], from: usize) -> usize {
    let limit = text.len().min(from + SPAN_BYTES - SCHEME_BYTES - 3);
    let mut end = from;
    while end < limit {
        match text.get(end..) {
            // The next URL reports itself: a flood of them costs one walk over each byte.
            Some([b':', b'/', b'/', ..]) => break,
            Some([b'w', b'w', b'w', b'.', ..]) if end > from && starts_word(text, end) => break,
            Some([byte, ..]) if is_part(*byte) => end += 1,
            _ => break,
        }
    }
    let sentence =
        |byte: &&u8| matches!(byte, b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b'\'');
    let trailing = text
        .get(from..end)
        .unwrap_or_default()
        .iter()
        .rev()
        .take_while(sentence);
    char_end(text, end - trailing.count())
}

fn is_part(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f && !b"\"<>\\^`{|}".contains(&byte)
}
