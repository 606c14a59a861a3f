//! Findings inside a text.

use super::Malformed;
use crate::inspect::Finding;

/// Is the byte masked where a finding covers it? Punctuation and blanks keep the text's shape.
pub(crate) fn is_masked(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// The part of `text` that a finding covers; engines are trusted to stay inside, not relied on.
fn covered<'a>(text: &'a mut [u8], finding: &Finding) -> &'a mut [u8] {
    let end = finding.end.min(text.len());
    text.get_mut(finding.start.min(end)..end)
        .unwrap_or_default()
}

/// Answers for rising offsets whether a finding covers them.
pub(crate) struct Covered<'a> {
    /// Sorted by start.
    rest: &'a [Finding],
    /// Everything before this that is at or after the last start is covered.
    until: usize,
}

impl<'a> Covered<'a> {
    pub(crate) fn new(findings: &'a [Finding]) -> Self {
        Self {
            rest: findings,
            until: 0,
        }
    }

    /// True if neither `offset` nor any after it is covered.
    pub(crate) fn is_past(&self, offset: usize) -> bool {
        self.rest.is_empty() && self.until <= offset
    }

    pub(crate) fn contains(&mut self, offset: usize) -> bool {
        while let Some((first, rest)) = self.rest.split_first()
            && first.start <= offset
        {
            self.until = self.until.max(first.end);
            self.rest = rest;
        }
        offset < self.until
    }
}

/// Masks every finding in place: an `X` for each letter, digit and byte beyond ASCII. Punctuation
/// and blanks stay, so the text keeps its length and its shape.
pub fn redact(text: &mut [u8], findings: &[Finding]) {
    for finding in findings {
        for byte in covered(text, finding) {
            if is_masked(*byte) {
                *byte = b'X';
            }
        }
    }
}

/// The same in XML: an entity whose name became `XXX` would not be well-formed, so that it
/// loses its ampersand, too.
pub(crate) fn redact_xml(text: &mut [u8], findings: &[Finding]) {
    for finding in findings {
        for byte in covered(text, finding) {
            if is_masked(*byte) || *byte == b'&' {
                *byte = b'X';
            }
        }
    }
}

/// The same in the text of a value with parts, of which some may be numbers, dates or times:
/// a one stands for a digit in all of them.
pub(crate) fn redact_parts(text: &mut [u8], findings: &[Finding]) {
    for finding in findings {
        for byte in covered(text, finding) {
            if byte.is_ascii_digit() {
                *byte = b'1';
            } else if is_masked(*byte) {
                *byte = b'X';
            }
        }
    }
}

/// Masks every finding in place but for its first and last characters. A character that any
/// finding hides is hidden; a finding that would be kept whole is redacted.
pub(crate) fn partial(text: &mut [u8], findings: &[Finding], keep_first: usize, keep_last: usize) {
    for finding in findings {
        let span = covered(text, finding);
        let is_start = |byte: u8| is_masked(byte) && !is_continuation(byte);
        let characters = span.iter().filter(|&&byte| is_start(byte)).count();
        let keep = keep_first.saturating_add(keep_last) < characters;
        let (first, last) = if keep {
            (keep_first, keep_last)
        } else {
            (0, 0)
        };
        let mut position = 0;
        for byte in span {
            position += usize::from(is_start(*byte));
            let hidden = position > first && position <= characters - last;
            if is_masked(*byte) && (hidden || !keep) {
                *byte = b'X';
            }
        }
    }
}

/// Masks every finding in place: by what `shape` appends for it, of its own length, or like
/// [`redact`] where that is nothing. Of a byte that several findings cover nothing is kept.
pub(crate) fn shaped(
    text: &mut [u8],
    findings: &[Finding],
    shape: impl Fn(&Finding, &[u8], &mut Vec<u8>) -> Result<(), Malformed>,
) {
    let plain = text.to_vec();
    let mut masked = Vec::new();
    // One past the last byte that a finding before this one covers.
    let mut covered_until = 0;
    for finding in findings {
        let end = finding.end.min(plain.len());
        let start = finding.start.min(end);
        let found = plain.get(start..end).unwrap_or_default();
        masked.clear();
        let is_shaped = shape(finding, found, &mut masked).is_ok();
        let span = covered(text, finding);
        for (index, (byte, &was)) in span.iter_mut().zip(found).enumerate() {
            let shown = masked.get(index).filter(|_| is_shaped);
            *byte = match shown {
                Some(&shown) if start + index >= covered_until => shown,
                _ if is_masked(was) => b'X',
                _ => was,
            };
        }
        covered_until = covered_until.max(end);
    }
}

/// Is this a byte of a UTF-8 character after its first?
pub(crate) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Appends `text` to `out` with `constant` in the place of every run of overlapping findings.
pub(crate) fn constant(text: &[u8], findings: &[Finding], constant: &[u8], out: &mut Vec<u8>) {
    let mut done = 0;
    let mut findings = findings.iter().peekable();
    while let Some(finding) = findings.next() {
        let mut end = finding.end;
        while let Some(next) = findings.next_if(|next| next.start < end) {
            end = end.max(next.end);
        }
        out.extend_from_slice(text.get(done..finding.start).unwrap_or_default());
        out.extend_from_slice(constant);
        done = end.min(text.len()).max(done);
    }
    out.extend_from_slice(text.get(done..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::DetectorId;

    fn finding(start: usize, end: usize) -> Finding {
        Finding {
            start,
            end,
            detector: DetectorId(0),
        }
    }

    #[test]
    fn punctuation_stays() {
        let mut text = *b"ssn: 531-77-0294, ok";
        redact(&mut text, &[finding(5, 16)]);
        assert_eq!(&text, b"ssn: XXX-XX-XXXX, ok");
    }

    #[test]
    fn a_finding_outside_of_the_text_does_no_harm() {
        let mut text = *b"abc";
        redact(&mut text, &[finding(2, 99), finding(50, 60)]);
        assert_eq!(&text, b"abX");
        let mut out = Vec::new();
        constant(b"abc", &[finding(2, 99), finding(50, 60)], b"#", &mut out);
        assert!(out.starts_with(b"ab#"));
    }

    #[test]
    fn partial_keeps_characters_not_bytes() {
        let mut text = *b"531-77-0294";
        partial(&mut text, &[finding(0, 11)], 1, 4);
        assert_eq!(&text, b"5XX-XX-0294");
        let mut short = *b"531";
        partial(&mut short, &[finding(0, 3)], 1, 4);
        assert_eq!(&short, b"XXX");
        let mut accents = "J\u{fc}rgen".to_owned().into_bytes();
        let end = accents.len();
        partial(&mut accents, &[finding(0, end)], 2, 0);
        assert_eq!(accents, "J\u{fc}XXXX".as_bytes());
    }

    #[test]
    fn of_what_two_findings_cover_nothing_is_kept() {
        let keep = |_: &Finding, found: &[u8], out: &mut Vec<u8>| {
            out.extend_from_slice(found);
            Ok(())
        };
        let mut text = *b"abcdef gh";
        shaped(
            &mut text,
            &[finding(0, 4), finding(2, 6), finding(7, 9)],
            keep,
        );
        assert_eq!(&text, b"abXXef gh");
        let mut text = *b"abc-ef";
        shaped(&mut text, &[finding(0, 99)], |_, _, _| Err(Malformed));
        assert_eq!(&text, b"XXX-XX");
    }

    #[test]
    fn overlapping_findings_are_one_constant() {
        let mut out = Vec::new();
        constant(
            b"a 123 b",
            &[finding(2, 4), finding(3, 5)],
            b"[id]",
            &mut out,
        );
        assert_eq!(out, b"a [id] b");
    }
}
