//! Rows as bytes.

use std::io;

use super::ocsf;
use super::row::{Kind, Row, Value};
use crate::observe::rfc3339;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON document a line.
    Json,
    /// RFC 4180, with a header.
    Csv,
    /// OCSF events, a JSON document a line.
    Ocsf,
}

impl Format {
    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "jsonl",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf.jsonl",
        }
    }
}

enum Target<W: io::Write> {
    Lines(W),
    Events(W),
    Csv(Box<csv::Writer<W>>),
}

/// Writes the rows of one kind.
pub struct Writer<W: io::Write>(Target<W>);

impl<W: io::Write> Writer<W> {
    /// Begins, with the header where there is one.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(kind: Kind, format: Format, out: W) -> io::Result<Self> {
        Ok(Self(match format {
            Format::Json => Target::Lines(out),
            Format::Ocsf => Target::Events(out),
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(kind.columns())?;
                Target::Csv(Box::new(csv))
            }
        }))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of what is written to.
    pub fn write(&mut self, row: &Row) -> io::Result<()> {
        match &mut self.0 {
            Target::Lines(out) => {
                serde_json::to_writer(&mut *out, row)?;
                out.write_all(b"\n")
            }
            Target::Events(out) => {
                for event in ocsf::events(row) {
                    serde_json::to_writer(&mut *out, &event)?;
                    out.write_all(b"\n")?;
                }
                Ok(())
            }
            Target::Csv(csv) => {
                csv.write_record(row.values.iter().map(cell))?;
                Ok(())
            }
        }
    }

    /// Everything is with the writer below.
    ///
    /// # Errors
    /// Those of what is written to.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Target::Lines(out) | Target::Events(out) => out.flush(),
            Target::Csv(csv) => csv.flush(),
        }
    }
}

/// A value as the text of a cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Nothing => String::new(),
        Value::Text(text) => inert(text),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Time(time) => rfc3339(*time),
        Value::List(texts) => inert(&texts.join("; ")),
    }
}

/// A text that no spreadsheet takes for a formula, and that stays within its cell: names and
/// reasons are other people's.
fn inert(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    let first = text.trim_start().chars().next();
    // As OWASP lists them, with their full-width forms.
    if first.is_some_and(|first| "=+-@|%\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(first)) {
        cell.push('\'');
    }
    for character in text.chars() {
        match character.is_control() {
            true => cell.extend(character.escape_unicode()),
            false => cell.push(character),
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            (" @SUM(A1)", "' @SUM(A1)"),
            ("-2", "'-2"),
            ("\u{ff1d}x", "'\u{ff1d}x"),
            ("a\n=b\tc", "a\\u{a}=b\\u{9}c"),
            ("\t=x", "'\\u{9}=x"),
            ("plain = text", "plain = text"),
        ] {
            assert_eq!(inert(text), expected);
        }
    }
}
