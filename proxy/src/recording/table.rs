//! Results for people: rows as a table, values of binary forms readable where the form is simple.

use std::fmt::Write as _;

use super::script::{Column, read_row};

/// The widths of a table are those of its first rows.
const ROWS_LOOKED_AT: usize = 200;
/// A value is shown so far.
const VALUE_CHARS: usize = 120;

/// A table that is printed as its rows come.
pub struct Table {
    columns: Vec<Column>,
    held: Vec<Vec<String>>,
    widths: Vec<usize>,
    has_begun: bool,
    rows: u64,
}

impl Table {
    /// A table of these columns.
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            held: Vec::new(),
            widths: Vec::new(),
            has_begun: false,
            rows: 0,
        }
    }

    /// Takes the body of a DataRow; appends what is ready to be shown.
    pub fn row(&mut self, body: &[u8], out: &mut String) {
        let values = read_row(body).into_iter().enumerate();
        let shown = values.map(|(at, value)| match value {
            None => "NULL".to_owned(),
            Some(value) => show(value, self.columns.get(at)),
        });
        let row: Vec<String> = shown.collect();
        self.rows += 1;
        if self.has_begun {
            return self.line(&row, out);
        }
        self.held.push(row);
        if self.held.len() >= ROWS_LOOKED_AT {
            self.begin(out);
        }
    }

    /// The rows are over: appends what is left.
    pub fn end(&mut self, out: &mut String) {
        if !self.has_begun {
            self.begin(out);
        }
        let s = if self.rows == 1 { "" } else { "s" };
        let _infallible = writeln!(out, "({} row{s})", self.rows);
    }

    fn begin(&mut self, out: &mut String) {
        self.has_begun = true;
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| clean(&column.name))
            .collect();
        let held = std::mem::take(&mut self.held);
        let most = held.iter().map(Vec::len).max().unwrap_or(0);
        self.widths = (0..names.len().max(most))
            .map(|at| {
                let rows = held.iter().chain([&names]);
                let widths = rows.filter_map(|row| row.get(at));
                widths.map(|text| text.chars().count()).max().unwrap_or(0)
            })
            .collect();
        if !names.is_empty() {
            self.line(&names, out);
            let rules: Vec<String> = self
                .widths
                .iter()
                .map(|width| "-".repeat(width + 2))
                .collect();
            out.push_str(&rules.join("+"));
            out.push('\n');
        }
        for row in &held {
            self.line(row, out);
        }
    }

    fn line(&self, row: &[String], out: &mut String) {
        let last = row.len().saturating_sub(1);
        for (at, value) in row.iter().enumerate() {
            let width = match at == last {
                true => 0,
                false => self.widths.get(at).copied().unwrap_or(0),
            };
            let bar = if at == 0 { "" } else { "|" };
            let space = if at == last { "" } else { " " };
            let _infallible = write!(out, "{bar} {value:width$}{space}");
        }
        out.push('\n');
    }
}

/// A value in one line.
fn show(value: &[u8], column: Option<&Column>) -> String {
    let text = match column {
        Some(column) if column.is_binary => binary(value, column.type_oid),
        _ => std::str::from_utf8(value).map_or_else(|_| hex(value), str::to_owned),
    };
    let mut cut: String = clean(&text).chars().take(VALUE_CHARS).collect();
    if text.chars().nth(VALUE_CHARS).is_some() {
        cut.push('…');
    }
    cut
}

/// Nothing that a terminal acts on.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}');
        match c.is_control() || hidden {
            true => clean.extend(c.escape_default()),
            false => clean.push(c),
        }
    }
    clean
}

/// Values of simple types; the bytes of all others.
fn binary(value: &[u8], type_oid: u32) -> String {
    match (type_oid, value) {
        (16, [flag]) => (if *flag == 0 { "f" } else { "t" }).to_owned(),
        (21, &[a, b]) => i16::from_be_bytes([a, b]).to_string(),
        (23 | 26, &[a, b, c, d]) => i32::from_be_bytes([a, b, c, d]).to_string(),
        (20, value) if value.len() == 8 => value
            .try_into()
            .map_or_else(|_| hex(value), |it| i64::from_be_bytes(it).to_string()),
        (700, &[a, b, c, d]) => f32::from_be_bytes([a, b, c, d]).to_string(),
        (701, value) if value.len() == 8 => value
            .try_into()
            .map_or_else(|_| hex(value), |it| f64::from_be_bytes(it).to_string()),
        // text, varchar, bpchar, name, json, xml, unknown
        (25 | 1043 | 1042 | 19 | 114 | 142 | 705, value) => {
            std::str::from_utf8(value).map_or_else(|_| hex(value), str::to_owned)
        }
        _ => hex(value),
    }
}

fn hex(value: &[u8]) -> String {
    let shown = value.iter().take(VALUE_CHARS);
    let digits: String = shown.map(|byte| format!("{byte:02x}")).collect();
    format!("\\x{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, type_oid: u32, is_binary: bool) -> Column {
        Column {
            name: name.to_owned(),
            type_oid,
            is_binary,
        }
    }

    fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = (values.len() as u16).to_be_bytes().to_vec();
        for value in values {
            match value {
                None => body.extend_from_slice(&(-1i32).to_be_bytes()),
                Some(value) => {
                    body.extend_from_slice(&(value.len() as i32).to_be_bytes());
                    body.extend_from_slice(value);
                }
            }
        }
        body
    }

    #[test]
    fn rows_are_a_table() {
        let columns = vec![column("id", 23, true), column("who", 25, false)];
        let mut table = Table::new(columns);
        let mut out = String::new();
        table.row(&row(&[Some(&[0, 0, 1, 0]), Some(b"a\x1b[2J")]), &mut out);
        table.row(&row(&[None, Some("é".as_bytes())]), &mut out);
        table.end(&mut out);
        let expected =
            " id   | who\n------+------------\n 256  | a\\u{1b}[2J\n NULL | é\n(2 rows)\n";
        assert_eq!(out, expected);
    }
}
