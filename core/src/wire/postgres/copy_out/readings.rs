//! Lines that another client encoding would cut elsewhere.
//!
//! In SJIS, BIG5, GBK, UHC, GB18030 and JOHAB the second byte of a character can be a backslash or
//! a delimiter. `client_encoding` may be one of them before Velum can know: the server reports it
//! only with the next ReadyForQuery. A line is read as it stands only if each of them would find
//! the same cells in it.

/// No character's further bytes are below this.
pub(super) const FURTHER: u8 = 0x30;

/// How the bytes of a character are counted (`pg_wchar_table` in PostgreSQL's `wchar.c`).
#[derive(Clone, Copy)]
enum Kind {
    /// SJIS: one of 0xa1 to 0xdf stands by itself.
    Sjis,
    /// BIG5, GBK and UHC: a high byte takes one with it.
    Double,
    /// GB18030: or three, if a digit follows.
    Gb18030,
    /// JOHAB: or two, behind 0x8f.
    Johab,
}

/// One of them.
#[derive(Clone, Copy)]
struct Reading {
    kind: Kind,
    /// Bytes that the character at hand still takes.
    pending: u8,
    /// The first of them is its second.
    is_second: bool,
}

/// The readings of a line so far.
#[derive(Clone, Copy)]
pub(super) struct Readings([Reading; 4]);

impl Default for Readings {
    fn default() -> Self {
        let kinds = [Kind::Sjis, Kind::Double, Kind::Gb18030, Kind::Johab];
        Self(kinds.map(|kind| Reading {
            kind,
            pending: 0,
            is_second: false,
        }))
    }
}

impl Readings {
    /// Reads on. True if a byte that cuts or escapes here is part of a character in one of them.
    pub(super) fn differ(&mut self, bytes: &[u8], cuts: impl Fn(u8) -> bool) -> bool {
        let is_fresh = self.0.iter().all(|reading| reading.pending == 0);
        if is_fresh && bytes.is_ascii() {
            return false;
        }
        let mut rest = bytes;
        while let Some(skip) = self.next_of_interest(rest) {
            let Some((&byte, behind)) = rest.get(skip..).and_then(<[u8]>::split_first) else {
                return false;
            };
            rest = behind;
            for reading in &mut self.0 {
                if reading.takes(byte) && cuts(byte) {
                    return true;
                }
            }
        }
        false
    }

    /// How many bytes stand for themselves in every reading.
    fn next_of_interest(&self, bytes: &[u8]) -> Option<usize> {
        if self.0.iter().any(|reading| reading.pending > 0) {
            return Some(0);
        }
        bytes.iter().position(|byte| !byte.is_ascii())
    }
}

impl Reading {
    /// Reads a byte. True if it belongs to a character that began before it.
    fn takes(&mut self, byte: u8) -> bool {
        if self.pending == 0 || byte < FURTHER {
            self.pending = self.kind.following(byte);
            self.is_second = true;
            return false;
        }
        let is_long = matches!(self.kind, Kind::Gb18030) && byte.is_ascii_digit();
        self.pending = match self.is_second && is_long {
            true => 2,
            false => self.pending - 1,
        };
        self.is_second = false;
        true
    }
}

impl Kind {
    /// How many bytes a character takes beside this first one.
    fn following(self, byte: u8) -> u8 {
        match (self, byte) {
            (_, 0..0x80) | (Kind::Sjis, 0xa1..=0xdf) => 0,
            (Kind::Johab, 0x8f) => 2,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(line: &[u8]) -> bool {
        let whole = Readings::default().differ(line, |byte| matches!(byte, b'\\' | b'|'));
        let mut parts = Readings::default();
        let by_byte = line
            .iter()
            .any(|byte| parts.differ(&[*byte], |byte| matches!(byte, b'\\' | b'|')));
        assert_eq!(whole, by_byte, "{line:?}");
        whole
    }

    #[test]
    fn ordinary_lines_are_read_alike() {
        for line in [
            "a\\nb|c",
            "née\\nle|1",
            "Müller|Öl|\\N",
            "日本|語",
            "“quoted” text|x",
        ] {
            assert!(!differ(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn second_bytes_that_cut_are_seen() {
        // SJIS: U+30BD, U+30DD; and behind a character of one byte.
        assert!(differ(b"x\x83\\y") && differ(b"x\x83|y") && differ(b"\xc3\x83\\"));
        // BIG5 U+529F, GB18030 with four bytes before, JOHAB of three.
        assert!(differ(b"\xa5\\") && differ(b"\x81\x30\x81\x30\x81|"));
        assert!(differ(b"\x8f\xa1|"));
        assert!(differ("a ”\\n".as_bytes()), "GBK would take the backslash");
    }
}
