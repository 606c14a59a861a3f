//! How COPY writes values into lines: the text format and CSV.
//!
//! PostgreSQL's `CopyAttributeOutText` and `CopyAttributeOutCSV` say what a server writes;
//! everything else is malformed.

use std::ops::Range;

use super::readings::FURTHER;
use super::{MALFORMED, UNFINISHED};
use crate::error::Violation;
use crate::sql::{CopyFormat, CopyOptions};

/// The options of a COPY in lines, and what they mean for a byte.
pub(super) struct Dialect {
    options: CopyOptions,
    /// A header line is still to come.
    pub(super) header: bool,
    /// CSV quotes a lone `\.`, which would end the data.
    single_column: bool,
    /// A byte that cuts can be part of a character in some client encoding.
    pub(super) may_differ: bool,
}

/// Where a cell stands in a body.
pub(super) struct Cell {
    /// With its quotes.
    pub(super) outer: Range<usize>,
    /// Without.
    pub(super) inner: Range<usize>,
    /// It is NULL.
    pub(super) is_null: bool,
    /// There are escapes in it.
    pub(super) escaped: bool,
    /// It is the last of its row; one byte of separator follows in any case.
    pub(super) is_last: bool,
}

impl Cell {
    pub(super) fn is_quoted(&self) -> bool {
        self.outer.start < self.inner.start
    }
}

/// What the next bytes of a cell are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A byte of the value, written with so many.
    Byte { value: u8, raw_bytes: usize },
    /// The end of the value: so many bytes of quote and separator.
    End { raw_bytes: usize, is_last: bool },
    /// More bytes are needed to tell.
    Incomplete,
}

impl Dialect {
    /// `columns` is 0 if their number is not known.
    pub(super) fn new(options: CopyOptions, columns: usize) -> Self {
        let mut dialect = Self {
            header: options.header,
            options,
            single_column: columns < 2,
            may_differ: false,
        };
        dialect.may_differ = (FURTHER..=u8::MAX).any(|byte| dialect.cuts(byte));
        dialect
    }

    /// True if the byte ends a cell or escapes what follows, wherever it stands.
    pub(super) fn cuts(&self, byte: u8) -> bool {
        let options = &self.options;
        byte == options.delimiter
            || match self.is_csv() {
                true => byte == options.quote || byte == options.escape,
                false => byte == b'\\',
            }
    }

    /// True if a row of it without a backslash is what stands between its delimiters.
    pub(super) fn may_be_plain(&self) -> bool {
        !self.is_csv() && !self.header
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.options.delimiter
    }

    fn is_csv(&self) -> bool {
        self.options.format == CopyFormat::Csv
    }

    /// What stands for NULL, outside of quotes.
    pub(super) fn null(&self) -> &[u8] {
        &self.options.null
    }

    /// Is the cell that `raw` begins with NULL? If so, is it the last of its row? To be asked
    /// first: what stands for NULL may look like anything.
    pub(super) fn is_null(&self, raw: &[u8]) -> Option<bool> {
        match *raw.strip_prefix(self.null())?.first()? {
            b'\n' => Some(true),
            byte => (byte == self.options.delimiter).then_some(false),
        }
    }

    /// Does a cell that begins with `byte` stand in quotes?
    pub(super) fn opens_quotes(&self, byte: u8) -> bool {
        self.is_csv() && byte == self.options.quote
    }

    /// The cell that begins at `start`.
    pub(super) fn cell(&self, body: &[u8], start: usize) -> Result<Cell, Violation> {
        if let Some(is_last) = self.is_null(body.get(start..).unwrap_or_default()) {
            let range = start..start + self.null().len();
            let (outer, inner) = (range.clone(), range);
            return Ok(Cell {
                outer,
                inner,
                is_null: true,
                escaped: false,
                is_last,
            });
        }
        let delimiter = self.options.delimiter;
        let quoted = body.get(start).is_some_and(|&byte| self.opens_quotes(byte));
        let mut at = start + usize::from(quoted);
        let first = at;
        let mut escaped = false;
        loop {
            let rest = body.get(at..).ok_or(UNFINISHED)?;
            let found = match (self.is_csv(), quoted) {
                (false, _) => memchr::memchr3(delimiter, b'\n', b'\\', rest),
                (true, false) => memchr::memchr3(delimiter, b'\n', self.options.quote, rest),
                (true, true) => memchr::memchr2(self.options.quote, self.options.escape, rest),
            };
            at += found.ok_or(UNFINISHED)?;
            match self.symbol(body.get(at..).unwrap_or_default(), quoted)? {
                Symbol::Byte { raw_bytes, .. } => {
                    escaped |= raw_bytes > 1;
                    at += raw_bytes;
                }
                Symbol::End { raw_bytes, is_last } => {
                    let outer = start..at + raw_bytes - 1;
                    let inner = first..at;
                    return Ok(Cell {
                        outer,
                        inner,
                        is_null: false,
                        escaped,
                        is_last,
                    });
                }
                Symbol::Incomplete => return Err(UNFINISHED),
            }
        }
    }

    /// Reads what `raw` begins with inside of a cell.
    pub(super) fn symbol(&self, raw: &[u8], quoted: bool) -> Result<Symbol, Violation> {
        let CopyOptions {
            delimiter,
            quote,
            escape,
            ..
        } = self.options;
        let plain = |value| Symbol::Byte {
            value,
            raw_bytes: 1,
        };
        let Some((&first, rest)) = raw.split_first() else {
            return Ok(Symbol::Incomplete);
        };
        let end = |byte: u8, raw_bytes| match byte {
            b'\n' => Some(Symbol::End {
                raw_bytes,
                is_last: true,
            }),
            _ if byte == delimiter => Some(Symbol::End {
                raw_bytes,
                is_last: false,
            }),
            _ => None,
        };
        if !quoted {
            return match end(first, 1) {
                Some(end) => Ok(end),
                None if self.is_csv() && first == quote => Err(MALFORMED),
                None if self.is_csv() || first != b'\\' => Ok(plain(first)),
                None => text_escape(rest),
            };
        }
        if first != quote && first != escape {
            return Ok(plain(first));
        }
        let Some(&second) = rest.first() else {
            return Ok(Symbol::Incomplete);
        };
        if first == escape && (second == quote || second == escape) {
            return Ok(Symbol::Byte {
                value: second,
                raw_bytes: 2,
            });
        }
        if first == quote {
            end(second, 2).ok_or(MALFORMED)
        } else {
            Ok(plain(first))
        }
    }

    /// Appends the value that `raw`, the inside of a cell, stands for.
    pub(super) fn decode(
        &self,
        mut raw: &[u8],
        quoted: bool,
        value: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        while !raw.is_empty() {
            let Symbol::Byte {
                value: byte,
                raw_bytes,
            } = self.symbol(raw, quoted)?
            else {
                return Err(MALFORMED);
            };
            value.push(byte);
            raw = raw.get(raw_bytes..).unwrap_or_default();
        }
        Ok(())
    }

    /// Appends a cell with this value.
    pub(super) fn encode(&self, value: &[u8], quoted: bool, out: &mut Vec<u8>) {
        if !self.is_csv() {
            for &byte in value {
                text_encode(byte, self.options.delimiter, out);
            }
        } else if quoted || self.needs_quotes(value) {
            out.push(self.options.quote);
            for &byte in value {
                if byte == self.options.quote || byte == self.options.escape {
                    out.push(self.options.escape);
                }
                out.push(byte);
            }
            out.push(self.options.quote);
        } else {
            out.extend_from_slice(value);
        }
    }

    /// Does the value stand for itself in a cell (inside of its quotes, if it has any)?
    pub(super) fn is_plain(&self, value: &[u8], quoted: bool) -> bool {
        if !self.is_csv() {
            // All of it, and not up to the first: many bytes at a time.
            let delimiter = self.options.delimiter;
            let is_special = |byte| byte == delimiter || is_escaped(byte);
            return !value
                .iter()
                .fold(false, |any, &byte| any | is_special(byte));
        }
        if !quoted {
            return !self.needs_quotes(value);
        }
        !value.iter().any(|&byte| self.is_special(byte, quoted))
    }

    /// Would this byte of a value be taken for something else in a cell?
    pub(super) fn is_special(&self, byte: u8, quoted: bool) -> bool {
        let CopyOptions {
            delimiter,
            quote,
            escape,
            ..
        } = self.options;
        match (self.is_csv(), quoted) {
            (false, _) => byte == delimiter || is_escaped(byte),
            (true, false) => byte == delimiter || byte == quote || matches!(byte, b'\n' | b'\r'),
            (true, true) => byte == quote || byte == escape,
        }
    }

    fn needs_quotes(&self, value: &[u8]) -> bool {
        value == self.options.null
            || (self.single_column && value == b"\\.")
            || value.iter().any(|&byte| self.is_special(byte, false))
    }
}

/// True for the bytes that the text format escapes whatever the delimiter.
fn is_escaped(byte: u8) -> bool {
    byte == b'\\' || (0x08..=0x0d).contains(&byte)
}

/// What follows a backslash in the text format. A server writes none of the octal and
/// hexadecimal escapes that COPY FROM reads.
fn text_escape(rest: &[u8]) -> Result<Symbol, Violation> {
    let Some(&byte) = rest.first() else {
        return Ok(Symbol::Incomplete);
    };
    let value = match byte {
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'r' => b'\r',
        b'0'..=b'7' | b'x' | b'.' | b'N' => return Err(MALFORMED),
        other => other,
    };
    Ok(Symbol::Byte {
        value,
        raw_bytes: 2,
    })
}

fn text_encode(byte: u8, delimiter: u8, out: &mut Vec<u8>) {
    let escape = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0b => b'v',
        0x0c => b'f',
        b'\r' => b'r',
        b'\\' => b'\\',
        _ if byte == delimiter => byte,
        _ => return out.push(byte),
    };
    out.extend([b'\\', escape]);
}
