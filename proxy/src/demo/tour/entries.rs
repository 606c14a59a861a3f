//! Turns an answer into lines of label and value that a person can compare.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use crate::demo::ehr::Date;
use crate::demo::raw::Frame;

/// One value of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The column's name, `detail`, `COPY`, …; repeated ones get a number.
    pub(super) label: String,
    /// For people; `None` is NULL.
    pub(super) shown: Option<String>,
}

struct Column {
    name: String,
    type_oid: u32,
    is_binary: bool,
}

/// Every value in `frames`.
pub(super) fn entries(frames: &[Frame]) -> Vec<Entry> {
    let mut reader = Reader::default();
    for frame in frames {
        reader.frame(frame);
    }
    reader.entries
}

#[derive(Default)]
struct Reader {
    columns: Vec<Column>,
    copy_is_binary: bool,
    seen: HashMap<String, u32>,
    entries: Vec<Entry>,
}

impl Reader {
    fn frame(&mut self, frame: &Frame) {
        match frame.tag {
            b'T' => self.columns = columns(&frame.body).unwrap_or_default(),
            b'D' => self.row(&frame.cells().unwrap_or_default()),
            b'H' => self.copy_is_binary = frame.body.first() == Some(&1),
            b'd' if self.copy_is_binary => {
                let body = frame.body.strip_prefix(b"PGCOPY\n\xff\r\n\0").map_or(
                    frame.body.as_slice(),
                    // Flags and the length of the extension, both zero.
                    |rest| rest.get(8..).unwrap_or_default(),
                );
                let row = Frame {
                    tag: b'D',
                    body: body.to_vec(),
                };
                let cells = row.cells().unwrap_or_default();
                let names = ["ssn", "ssn_num (int8)", "dob (date)", "state"];
                for (place, cell) in cells.iter().enumerate() {
                    let name = names.get(place).copied().unwrap_or("COPY");
                    let type_oid = [25, 20, 1082, 25].get(place).copied().unwrap_or(17);
                    self.push(name, cell.map(|cell| decode(type_oid, cell)));
                }
            }
            b'd' => self.push("COPY", Some(text(&frame.body).trim_end().to_owned())),
            b'E' | b'N' => self.message(frame),
            b'A' => {
                let mut parts = frame
                    .body
                    .get(4..)
                    .unwrap_or_default()
                    .split(|byte| *byte == 0);
                for label in ["channel", "payload"] {
                    self.push(label, parts.next().map(text));
                }
            }
            _ => {}
        }
    }

    fn row(&mut self, cells: &[Option<&[u8]>]) {
        let columns = std::mem::take(&mut self.columns);
        for (place, cell) in cells.iter().enumerate() {
            let (name, shown) = match columns.get(place) {
                Some(column) if column.is_binary => (
                    &*column.name,
                    cell.map(|cell| decode(column.type_oid, cell)),
                ),
                Some(column) => (&*column.name, cell.map(text)),
                None => ("?", cell.map(text)),
            };
            self.push(name, shown);
        }
        self.columns = columns;
    }

    fn message(&mut self, frame: &Frame) {
        let fields = [
            (b'S', "severity"),
            (b'C', "code"),
            (b'M', "message"),
            (b'D', "detail"),
            (b'H', "hint"),
            (b'W', "where"),
        ];
        for (code, label) in fields {
            if let Some(value) = frame.field(code) {
                self.push(label, Some(value));
            }
        }
    }

    fn push(&mut self, label: &str, shown: Option<String>) {
        let count = self.seen.entry(label.to_owned()).or_default();
        *count += 1;
        let label = if *count == 1 {
            label.to_owned()
        } else {
            format!("{label} ({count})")
        };
        self.entries.push(Entry { label, shown });
    }
}

/// The columns of a RowDescription; `None` if it is not well-formed.
fn columns(body: &[u8]) -> Option<Vec<Column>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut columns = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (name, after) = rest.split_at_checked(end + 1)?;
        let (facts, after) = after.split_first_chunk::<18>()?;
        rest = after;
        let [_, _, _, _, _, _, a, b, c, d, .., format] = *facts;
        columns.push(Column {
            name: text(name.get(..end)?),
            type_oid: u32::from_be_bytes([a, b, c, d]),
            is_binary: format == 1,
        });
    }
    Some(columns)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A binary value, as a person reads it.
fn decode(type_oid: u32, value: &[u8]) -> String {
    let decoded = match type_oid {
        16 => value.first().map(|byte| (*byte != 0).to_string()),
        20 => value
            .try_into()
            .ok()
            .map(|bytes| i64::from_be_bytes(bytes).to_string()),
        // Days since 2000-01-01, which is 10957 days after 1970-01-01.
        1082 => value
            .try_into()
            .ok()
            .map(|bytes| Date(i64::from(i32::from_be_bytes(bytes)) + 10_957).to_string()),
        2950 => (value.len() == 16).then(|| {
            let hex = hex(value);
            let part = |range| hex.get(range).unwrap_or_default();
            [
                part(0..8),
                part(8..12),
                part(12..16),
                part(16..20),
                part(20..32),
            ]
            .join("-")
        }),
        3802 => value.strip_prefix(&[1]).map(text),
        869 => inet(value),
        1009 => array(value),
        _ => None,
    };
    decoded.unwrap_or_else(|| match std::str::from_utf8(value) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => format!("\\x{}", hex(value)),
    })
}

fn inet(value: &[u8]) -> Option<String> {
    let address = value.get(4..)?;
    if let Ok([a, b, c, d]) = <[u8; 4]>::try_from(address) {
        return Some(format!("{a}.{b}.{c}.{d}"));
    }
    <[u8; 16]>::try_from(address)
        .ok()
        .map(|bytes| Ipv6Addr::from(bytes).to_string())
}

/// A one-dimensional array of text: a header of 20 bytes, then length and bytes of each.
fn array(value: &[u8]) -> Option<String> {
    let mut rest = value.get(20..)?;
    let mut items = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
        let (item, after) = after.split_at_checked(length)?;
        items.push(text(item));
        rest = after;
    }
    Some(format!("{{{}}}", items.join(", ")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(columns: &[(&str, u32, u8)]) -> Frame {
        let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
        for (name, oid, format) in columns {
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(&[0; 7]);
            body.extend_from_slice(&oid.to_be_bytes());
            body.extend_from_slice(&[0; 7]);
            body.push(*format);
        }
        Frame { tag: b'T', body }
    }

    #[test]
    fn labels_rows_and_numbers_the_repeated() {
        let row = |value: &[u8]| {
            let mut body = b"\0\x01\0\0\0".to_vec();
            body.push(u8::try_from(value.len()).unwrap());
            body.extend_from_slice(value);
            Frame { tag: b'D', body }
        };
        let frames = [description(&[("a", 25, 0)]), row(b"x"), row(b"y")];
        let found = entries(&frames);
        let labels: Vec<_> = found.iter().map(|entry| &*entry.label).collect();
        assert_eq!(labels, ["a", "a (2)"]);
        assert_eq!(found[1].shown.as_deref(), Some("y"));
    }

    #[test]
    fn decodes_binary_values() {
        assert_eq!(decode(20, &123_456_789i64.to_be_bytes()), "123456789");
        assert_eq!(decode(1082, &0i32.to_be_bytes()), "2000-01-01");
        assert_eq!(
            decode(2950, &[0x11; 16]),
            "11111111-1111-1111-1111-111111111111"
        );
        assert_eq!(decode(3802, b"\x01{}"), "{}");
        assert_eq!(decode(869, &[2, 32, 0, 4, 192, 0, 2, 1]), "192.0.2.1");
        assert_eq!(decode(20, b"abc"), "abc");
        assert_eq!(decode(17, &[0, 255]), "\\x00ff");
    }
}
