//! Tables in a text: CSV and COPY text with a header that names the columns.

use super::report_whole;
use crate::catalog::Detector;
use crate::columns::{self, Kind};
use crate::scan::Scan;

/// Columns that are read; further ones are judged as text.
const COLUMNS: usize = 128;
const HEADER_BYTES: usize = 4096;
const NAME_BYTES: usize = 48;
/// Words that the name of a column may have; a sentence has more.
const NAME_WORDS: usize = 4;

/// One cell of a line.
struct Cell {
    /// Without its quotes.
    start: usize,
    end: usize,
    /// One past its delimiter, or where the line's end begins.
    next: usize,
    ends_line: bool,
}

/// Finds the values of named columns. False if the text is no table.
pub(super) fn find(scan: &mut Scan<'_>) -> bool {
    let text = scan.text;
    let Some(line_end) = memchr::memchr2(b'\n', b'\r', text).filter(|end| *end <= HEADER_BYTES)
    else {
        return false;
    };
    let header = scan.slice(0, line_end);
    let Some(delimiter) = [b'\t', b',', b'|', b';']
        .into_iter()
        .max_by_key(|delimiter| memchr::memchr_iter(*delimiter, header).count())
        .filter(|delimiter| header.contains(delimiter))
    else {
        return false;
    };
    let mut kinds = [None; COLUMNS];
    let Some(columns) = read_header(header, delimiter, &mut kinds) else {
        return false;
    };
    // The first line of values has to agree: a sentence is no header.
    if cells_of_line(text, line_end, delimiter) != columns {
        return false;
    }
    let mut at = line_end;
    while at < text.len() {
        if cells_of_line(text, at, delimiter) != columns {
            return true;
        }
        at = read_line(scan, at, delimiter, &kinds);
    }
    true
}

/// Number of columns, if the line names at least two of them and one of those is known.
fn read_header(
    header: &[u8],
    delimiter: u8,
    kinds: &mut [Option<Detector>; COLUMNS],
) -> Option<usize> {
    let mut columns = 0;
    let mut known = false;
    for name in header.split(|byte| *byte == delimiter) {
        let name = name.trim_ascii();
        let name = name.strip_prefix(b"\"").unwrap_or(name);
        let name = name.strip_suffix(b"\"").unwrap_or(name);
        let clean = name.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ' | b'-' | b'#' | b'/' | b'.')
        });
        let words = name.split(|byte| *byte == b' ').count();
        if !clean || name.len() > NAME_BYTES || words > NAME_WORDS || name.ends_with(b".") {
            return None;
        }
        if let Kind::Whole(detector) = columns::of_name(name, None) {
            known = true;
            if let Some(kind) = kinds.get_mut(columns) {
                *kind = Some(detector);
            }
        }
        columns += 1;
    }
    (known && columns >= 2).then_some(columns)
}

/// Cells of the line behind the line's end at `at`.
fn cells_of_line(text: &[u8], at: usize, delimiter: u8) -> usize {
    let mut next = line_start(text, at);
    let mut count = 0;
    loop {
        let cell = cell(text, next, delimiter);
        count += 1;
        if cell.ends_line {
            return count;
        }
        next = cell.next;
    }
}

/// Reports the cells of the line behind the line's end at `at`. Returns where its end begins.
fn read_line(
    scan: &mut Scan<'_>,
    at: usize,
    delimiter: u8,
    kinds: &[Option<Detector>; COLUMNS],
) -> usize {
    let mut next = line_start(scan.text, at);
    let mut column = 0;
    loop {
        let cell = cell(scan.text, next, delimiter);
        let value = scan.slice(cell.start, cell.end);
        let empty = value.iter().all(u8::is_ascii_whitespace) || value == b"\\N";
        if let Some(Some(detector)) = kinds.get(column)
            && !empty
        {
            report_whole(scan, *detector, cell.start, cell.end);
        }
        if cell.ends_line {
            // A line without progress would be read for ever.
            return cell.next.max(at + 1);
        }
        column += 1;
        next = cell.next;
    }
}

fn line_start(text: &[u8], at: usize) -> usize {
    match text.get(at..) {
        Some([b'\r', b'\n', ..]) => at + 2,
        Some([b'\r' | b'\n', ..]) => at + 1,
        _ => at,
    }
}

fn cell(text: &[u8], from: usize, delimiter: u8) -> Cell {
    let quoted = text.get(from) == Some(&b'"');
    let mut end = from + usize::from(quoted);
    let start = end;
    if quoted {
        // A doubled quote stands for one.
        while let Some(quote) = text.get(end..).and_then(|rest| memchr::memchr(b'"', rest)) {
            end += quote;
            if text.get(end + 1) != Some(&b'"') {
                break;
            }
            end += 2;
        }
        if text.get(end) != Some(&b'"') {
            end = text.len();
        }
    }
    let rest = text.get(end..).unwrap_or_default();
    let border = end + memchr::memchr3(delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
    let ends_line = text.get(border) != Some(&delimiter);
    Cell {
        start,
        end: if quoted { end } else { border },
        next: if ends_line { border } else { border + 1 },
        ends_line,
    }
}
