//! Readers and writers of COPY rows that are independent of the code under test: as slow and
//! simple as can be.

use super::*;

pub(super) type Rows = Vec<Vec<Option<Vec<u8>>>>;

pub(super) fn write_lines(rows: &Rows, options: &CopyOptions) -> Vec<u8> {
    let mut out = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                out.push(options.delimiter);
            }
            match cell {
                None => out.extend(&options.null),
                Some(value) if options.format == CopyFormat::Text => {
                    for &byte in value {
                        let letter = b"\x08\t\n\x0b\x0c\r\\".iter().position(|&b| b == byte);
                        match letter {
                            Some(at) => out.extend([b'\\', b"btnvfr\\"[at]]),
                            None if byte == options.delimiter => out.extend([b'\\', byte]),
                            None => out.push(byte),
                        }
                    }
                }
                Some(value) => {
                    let special = [options.delimiter, options.quote, b'\n', b'\r'];
                    let quoted = *value == options.null
                        || (row.len() == 1 && value == b"\\.")
                        || value.iter().any(|byte| special.contains(byte));
                    let quote = quoted.then_some(options.quote);
                    out.extend(quote);
                    for &byte in value {
                        if quoted && (byte == options.quote || byte == options.escape) {
                            out.push(options.escape);
                        }
                        out.push(byte);
                    }
                    out.extend(quote);
                }
            }
        }
        out.push(b'\n');
    }
    out
}

pub(super) fn read_text(mut body: &[u8], options: &CopyOptions) -> Rows {
    let mut rows = Vec::new();
    while !body.is_empty() {
        let mut row = vec![(Vec::new(), Vec::new())];
        loop {
            let (raw, value): &mut (Vec<u8>, Vec<u8>) = row.last_mut().unwrap();
            let byte = body[0];
            body = &body[1..];
            if byte == b'\n' {
                break;
            } else if byte == options.delimiter {
                row.push((Vec::new(), Vec::new()));
            } else if byte == b'\\' {
                let letter = b"btnvfr".iter().position(|&letter| letter == body[0]);
                raw.extend([byte, body[0]]);
                value.push(letter.map_or(body[0], |at| b"\x08\t\n\x0b\x0c\r"[at]));
                body = &body[1..];
            } else {
                raw.push(byte);
                value.push(byte);
            }
        }
        let cell = |(raw, value)| {
            if raw == options.null {
                None
            } else {
                Some(value)
            }
        };
        rows.push(row.into_iter().map(cell).collect());
    }
    rows
}

pub(super) fn read_csv(body: &[u8], options: &CopyOptions) -> Rows {
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    let (mut value, mut quoted, mut inside) = (Vec::new(), false, false);
    let mut bytes = body.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let next = bytes.peek().copied();
        if inside {
            let escapes = next.is_some_and(|next| next == options.quote || next == options.escape);
            if byte == options.escape && escapes {
                value.push(bytes.next().unwrap());
            } else if byte == options.quote {
                inside = false;
            } else {
                value.push(byte);
            }
        } else if byte == options.delimiter || byte == b'\n' {
            let value = std::mem::take(&mut value);
            row.push(if !quoted && value == options.null {
                None
            } else {
                Some(value)
            });
            quoted = false;
            if byte == b'\n' {
                rows.push(std::mem::take(&mut row));
            }
        } else if byte == options.quote {
            (quoted, inside) = (true, true);
        } else {
            value.push(byte);
        }
    }
    rows
}

pub(super) fn read_lines(body: &[u8], options: &CopyOptions) -> Rows {
    match options.format {
        CopyFormat::Text => read_text(body, options),
        _ => read_csv(body, options),
    }
}

/// What [`COLUMNS`] make of rows.
pub(super) fn masked(rows: &Rows) -> Rows {
    let mask = |column: usize, value: &Vec<u8>| match column {
        0 => Some(vec![b'X'; value.len()]),
        1 => Some(b"a\t,\"\\\n'b".to_vec()),
        2 => None,
        _ => {
            let text = String::from_utf8(value.clone()).unwrap();
            Some(text.replace("123-45-6789", "XXX-XX-XXXX").into_bytes())
        }
    };
    let row = |row: &Vec<Option<Vec<u8>>>| {
        let cells = row.iter().enumerate();
        cells
            .map(|(at, cell)| cell.as_ref().and_then(|cell| mask(at, cell)))
            .collect()
    };
    rows.iter().map(row).collect()
}

pub(super) fn rows() -> impl Strategy<Value = Rows> {
    let value = prop_oneof![
        "[a-cX,|\"'\\\\\t\n\r\u{8}\u{b}\u{c}é\u{1}]{0,12}",
        "[\\\\\t,\"\n]{0,3}123-45-6789[\\\\\t,\"\n]{0,3}",
        Just("\\N".to_owned()),
        Just("\\.".to_owned()),
    ];
    vec(
        vec(option::weighted(0.9, value.prop_map(String::into_bytes)), 4),
        1..4,
    )
}

pub(super) fn options() -> impl Strategy<Value = CopyOptions> {
    prop_oneof![
        Just(text()),
        Just(CopyOptions {
            delimiter: b'|',
            null: b"<null>".to_vec(),
            ..text()
        }),
        Just(CopyOptions {
            delimiter: 1,
            null: b"\\n/a".to_vec(),
            ..text()
        }),
        Just(csv()),
        Just(CopyOptions {
            delimiter: b';',
            quote: b'\'',
            escape: b'\'',
            ..csv()
        }),
        Just(CopyOptions {
            escape: b'\\',
            null: b"\\N".to_vec(),
            ..csv()
        }),
    ]
}

pub(super) fn write_binary(rows: &Rows) -> Vec<u8> {
    let mut out = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in rows {
        out.extend(i16::try_from(row.len()).unwrap().to_be_bytes());
        for cell in row {
            let length = cell
                .as_ref()
                .map_or(-1, |value| i32::try_from(value.len()).unwrap());
            out.extend(length.to_be_bytes());
            out.extend(cell.iter().flatten());
        }
    }
    out
}

pub(super) fn read_binary(body: &[u8]) -> Rows {
    let mut rest = &body[19..];
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let fields = i16::from_be_bytes([rest[0], rest[1]]);
        rest = &rest[2..];
        let mut row = Vec::new();
        for _ in 0..fields {
            let (length, tail) = rest.split_at(4);
            let length = i32::from_be_bytes(length.try_into().unwrap());
            let (value, tail) = tail.split_at(usize::try_from(length.max(0)).unwrap());
            row.push((length >= 0).then(|| value.to_vec()));
            rest = tail;
        }
        rows.push(row);
    }
    rows
}
