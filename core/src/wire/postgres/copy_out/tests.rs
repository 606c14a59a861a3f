#![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

use super::*;
use crate::catalog::Catalog;
use crate::cell::{ColumnFacts, Scratch, Tally};
use crate::inspect::{DetectorId, Finding, Surroundings};
use crate::limits;
use crate::policy::{Glob, Messages, Policy, Rule, Selector, Strategy as Mask};
use crate::wire::postgres::frame;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Finds `###-##-####`.
struct Ssn;

impl Inspect for Ssn {
    fn inspect(&self, text: &[u8], _: Surroundings<'_>, out: &mut Vec<Finding>) {
        let shape = |window: &[u8]| {
            window.iter().enumerate().all(|(at, byte)| match at {
                3 | 6 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            })
        };
        let found = text
            .windows(11)
            .enumerate()
            .filter(|(_, window)| shape(window));
        out.extend(found.map(|(start, _)| Finding {
            start,
            end: start + 11,
            detector: DetectorId(0),
        }));
    }

    fn horizon_bytes(&self) -> usize {
        11
    }

    fn detector_name(&self, _: DetectorId) -> &str {
        "ssn"
    }
}

const TEXT: u32 = 25;
const INT4: u32 = 23;

fn policy() -> Policy {
    let rule = |name: &str, strategy| Rule {
        name: name.to_owned(),
        selector: Selector::ColumnName(Glob::new(name).unwrap()),
        strategy,
    };
    let rules = vec![
        rule("redacted", Mask::Redact),
        rule("constant", Mask::Constant("a\t,\"\\\n'b".into())),
        rule("nulled", Mask::Null),
    ];
    Policy::new(
        "test".into(),
        rules,
        Some(Mask::Redact),
        Messages::Strict,
        [0; 32],
    )
}

/// Plans of columns by name and type; every other name is only scanned.
fn plans(columns: &[(&str, u32)]) -> Vec<ColumnPlan> {
    let (policy, catalog) = (policy(), Catalog::default());
    let facts = |&(name, type_oid): &(&str, u32)| ColumnFacts {
        name: name.as_bytes().into(),
        table_oid: 0,
        attnum: 0,
        type_oid,
    };
    columns
        .iter()
        .map(|column| policy.plan(&catalog, &facts(column)))
        .collect()
}

const COLUMNS: [(&str, u32); 4] = [
    ("redacted", TEXT),
    ("constant", TEXT),
    ("nulled", TEXT),
    ("scanned", TEXT),
];

struct Run {
    copy: CopyOut,
    tally: Tally,
}

impl Run {
    fn new(options: Option<CopyOptions>, binary: bool, columns: &[(&str, u32)]) -> Self {
        let copy = CopyOut::new(options, binary, plans(columns));
        Self {
            copy,
            tally: Tally::default(),
        }
    }

    /// Rows and body of the frame that comes out, with its length checked.
    fn frame(&mut self, body: &[u8]) -> Result<(u64, Vec<u8>), Fault> {
        let (policy, catalog) = (policy(), Catalog::default());
        let mut scratch = Scratch::default();
        let mut judge = Judge {
            policy: &policy,
            catalog: &catalog,
            inspector: &Ssn,
            tally: &mut self.tally,
            scratch: &mut scratch,
        };
        let mut window = Window::default();
        let mut input = Vec::new();
        frame::write(&mut input, b'd', |out| out.extend_from_slice(body));
        window.extend(&input);
        window.extend(b"next");
        let rows = self.copy.frame(&mut judge, &mut window, input.len());
        let output: Vec<u8> = window.released().slices().flatten().copied().collect();
        match rows {
            Err(fault) => {
                assert!(output.is_empty(), "a refused frame leaves nothing behind");
                Err(fault)
            }
            Ok(rows) => {
                assert_eq!(window.unjudged(), b"next");
                let header = frame::header(&output, Peer::Server).unwrap().unwrap();
                assert_eq!((header.tag, header.frame_bytes), (b'd', output.len()));
                Ok((rows, output[HEADER_BYTES..].to_vec()))
            }
        }
    }

    fn output(&mut self, body: &[u8]) -> Vec<u8> {
        self.frame(body).unwrap().1
    }

    fn violation(&mut self, body: &[u8]) -> Violation {
        match self.frame(body) {
            Err(Fault::Violation(violation)) => violation,
            other => panic!("{other:?}"),
        }
    }

    /// The same frame in parts: received in chunks of these sizes, in turn.
    fn stream(&mut self, body: &[u8], chunks: &[usize]) -> Result<(u64, Vec<u8>), Fault> {
        let (policy, catalog) = (policy(), Catalog::default());
        let mut scratch = Scratch::default();
        let mut judge = Judge {
            policy: &policy,
            catalog: &catalog,
            inspector: &Ssn,
            tally: &mut self.tally,
            scratch: &mut scratch,
        };
        let (mut window, mut output) = (Window::default(), Vec::new());
        self.copy.stream_begin(body.len());
        let mut at = 0;
        for chunk in chunks.iter().cycle() {
            let end = (at + chunk).min(body.len());
            window.extend(&body[at..end]);
            at = end;
            // It may be fed early: then it asks for more again.
            let step = self.copy.stream_feed(&mut judge, &mut window)?;
            output.extend(window.released().slices().flatten());
            window.consume(window.released_bytes());
            window.compact();
            match step {
                StreamStep::Done { rows } => {
                    assert_eq!((at, window.unjudged().len()), (body.len(), 0));
                    return Ok((rows, output));
                }
                StreamStep::NeedBytes(bytes) => {
                    assert!(bytes > window.unjudged().len());
                    assert!(bytes <= limits::WINDOW_BULK_BYTES);
                    assert!(at < body.len(), "waits for bytes that never come");
                }
            }
        }
        unreachable!("chunks are cycled")
    }
}

fn csv() -> CopyOptions {
    CopyOptions::new(CopyFormat::Csv)
}

fn text() -> CopyOptions {
    CopyOptions::new(CopyFormat::Text)
}

// -- independent readers and writers: as slow and simple as can be ------------------------------

type Rows = Vec<Vec<Option<Vec<u8>>>>;

fn write_lines(rows: &Rows, options: &CopyOptions) -> Vec<u8> {
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

fn read_text(mut body: &[u8], options: &CopyOptions) -> Rows {
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

fn read_csv(body: &[u8], options: &CopyOptions) -> Rows {
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

fn read_lines(body: &[u8], options: &CopyOptions) -> Rows {
    match options.format {
        CopyFormat::Text => read_text(body, options),
        _ => read_csv(body, options),
    }
}

/// What [`COLUMNS`] make of rows.
fn masked(rows: &Rows) -> Rows {
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

fn rows() -> impl Strategy<Value = Rows> {
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

fn options() -> impl Strategy<Value = CopyOptions> {
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

proptest! {
    #[test]
    fn lines_are_masked_and_stay_readable(rows in rows(), options in options()) {
        let body = write_lines(&rows, &options);
        prop_assert_eq!(&read_lines(&body, &options), &rows, "the test's own reader");
        let mut run = Run::new(Some(options.clone()), false, &COLUMNS);
        let (count, output) = run.frame(&body).unwrap();
        prop_assert_eq!(count, rows.len() as u64);
        prop_assert_eq!(read_lines(&output, &options), masked(&rows));
    }

    #[test]
    fn lines_that_nothing_is_found_in_stay_as_they_are(rows in rows(), options in options()) {
        let mut rows = rows;
        rows.iter_mut().flatten().flatten().for_each(|value| value.retain(|&byte| byte != b'-'));
        let body = write_lines(&rows, &options);
        let columns = [("scanned", TEXT); 4];
        let mut run = Run::new(Some(options), false, &columns);
        prop_assert_eq!(run.output(&body), body);
        prop_assert_eq!(run.tally.total(), 0);
    }

    #[test]
    fn a_frame_that_is_cut_short_is_refused(rows in rows(), options in options()) {
        let body = write_lines(&rows[..1].to_vec(), &options);
        for end in 1..body.len() {
            let mut run = Run::new(Some(options.clone()), false, &COLUMNS);
            // A cut may fall behind a line end inside of quotes or a value: never a whole row.
            prop_assert!(run.frame(&body[..end]).is_err());
        }
    }

    #[test]
    fn binary_is_masked_and_stays_readable(rows in rows()) {
        let body = write_binary(&rows);
        let mut run = Run::new(None, true, &COLUMNS);
        let (count, output) = run.frame(&body).unwrap();
        prop_assert_eq!(count, rows.len() as u64);
        prop_assert_eq!(read_binary(&output), masked(&rows));
        prop_assert_eq!(run.frame(&[0xff, 0xff]).unwrap(), (0, vec![0xff, 0xff]));
        prop_assert!(run.frame(&[0xff, 0xff]).is_err(), "nothing follows the trailer");
    }

    #[test]
    fn a_binary_frame_that_is_cut_short_is_refused(rows in rows()) {
        let body = write_binary(&rows[..1].to_vec());
        for end in 1..body.len() {
            // The header alone is a whole frame.
            let mut run = Run::new(None, true, &COLUMNS);
            prop_assert_eq!(run.frame(&body[..end]).is_ok(), end == binary::HEAD_BYTES);
        }
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in vec(any::<u8>(), 0..80)) {
        fuzz::fuzz_copy_out(&bytes);
    }

    #[test]
    fn anything_like_a_row_has_an_answer(
        head in any::<[u8; 2]>(),
        body in "[a\\\\N\t,\"'\n]{0,20}",
        binary in vec(prop_oneof![Just(0_u8), Just(1), Just(2), Just(255)], 0..20),
    ) {
        fuzz::fuzz_copy_out(&[&head[..], body.as_bytes()].concat());
        let signature = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
        fuzz::fuzz_copy_out(&[&[4, head[1]], &signature[..], &binary].concat());
    }
}

fn write_binary(rows: &Rows) -> Vec<u8> {
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

fn read_binary(body: &[u8]) -> Rows {
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

// -- single cases -------------------------------------------------------------------------------

/// Bytes as PostgreSQL 15 writes them for the row `E'1\t2'`, NULL, `''`, `E'123-45-6789\\\n'`.
#[test]
fn rows_as_postgresql_writes_them() {
    let columns = [("a", TEXT), ("b", TEXT), ("c", TEXT), ("d", TEXT)];
    let mut run = Run::new(Some(text()), false, &columns);
    assert_eq!(
        run.output(b"1\\t2\t\\N\t\t123-45-6789\\\\\\n\n"),
        b"1\\t2\t\\N\t\tXXX-XX-XXXX\\\\\\n\n"
    );
    let mut run = Run::new(Some(csv()), false, &columns);
    assert_eq!(
        run.output(b"1\t2,,\"\",\"123-45-6789\\\n\"\n"),
        b"1\t2,,\"\",\"XXX-XX-XXXX\\\n\"\n"
    );
    assert_eq!(run.tally.total(), 1);
}

#[test]
fn a_value_is_found_behind_its_escapes() {
    let delimiter = CopyOptions {
        delimiter: b'-',
        ..text()
    };
    let mut run = Run::new(Some(delimiter), false, &[("note", TEXT)]);
    assert_eq!(run.output(b"123\\-45\\-6789\n"), b"XXX\\-XX\\-XXXX\n");
    let quote = CopyOptions {
        quote: b'-',
        escape: b'-',
        ..csv()
    };
    let mut run = Run::new(Some(quote), false, &[("note", TEXT)]);
    assert_eq!(run.output(b"-123--45--6789-\n"), b"-XXX--XX--XXXX-\n");
}

#[test]
fn the_header_line_passes_once() {
    for options in [text(), csv()] {
        let options = CopyOptions {
            header: true,
            ..options
        };
        let mut run = Run::new(Some(options), false, &[("redacted", TEXT)]);
        assert_eq!(
            run.frame(b"redacted\n").unwrap(),
            (0, b"redacted\n".to_vec())
        );
        assert_eq!(
            run.frame(b"redacted\n").unwrap(),
            (1, b"XXXXXXXX\n".to_vec())
        );
    }
}

#[test]
fn masks_that_mean_something_to_the_format_are_encoded() {
    let options = CopyOptions {
        delimiter: b'X',
        ..text()
    };
    let mut run = Run::new(Some(options), false, &[("redacted", TEXT)]);
    assert_eq!(run.output(b"abc\n"), b"\\X\\X\\X\n");
    let options = CopyOptions {
        quote: b'X',
        escape: b'X',
        ..csv()
    };
    let mut run = Run::new(Some(options), false, &[("redacted", TEXT)]);
    assert_eq!(
        run.output(b"abc\n"),
        b"XXXXXXXXX"[..8]
            .iter()
            .chain(b"\n")
            .copied()
            .collect::<Vec<_>>()
    );
    let options = CopyOptions {
        null: b"XXX".to_vec(),
        ..csv()
    };
    let mut run = Run::new(Some(options), false, &[("redacted", TEXT)]);
    assert_eq!(
        run.output(b"abc\n"),
        b"\"XXX\"\n",
        "a masked value is not NULL"
    );
}

#[test]
fn other_columns_are_a_violation() {
    let two = [("a", TEXT), ("b", TEXT)];
    for (body, columns) in [
        (&b"1\n"[..], &two[..]),
        (b"1\t2\t3\n", &two),
        (b"1\t2\n", &two[..1]),
    ] {
        assert_eq!(
            Run::new(Some(text()), false, columns).violation(body),
            OTHER_COLUMNS
        );
        assert!(
            Run::new(Some(text()), false, columns)
                .stream(body, &[1])
                .is_err()
        );
    }
    let body = write_binary(&vec![vec![None]]);
    assert_eq!(Run::new(None, true, &two).violation(&body), OTHER_COLUMNS);
}

#[test]
fn malformed_rows_are_violations() {
    for (options, body) in [
        (text(), &b"a"[..]),
        (text(), b"a\\\n"),
        (text(), b"\\x41\n"),
        (text(), b"\\.\n"),
        (csv(), b"\"a\n"),
        (csv(), b"\"a\"b\n"),
        (csv(), b"a\"b\"\n"),
    ] {
        let mut run = Run::new(Some(options.clone()), false, &[("a", TEXT)]);
        assert!(run.frame(body).is_err(), "{options:?}");
        let mut run = Run::new(Some(options), false, &[("a", TEXT)]);
        assert!(run.stream(body, &[1]).is_err());
    }
    let good = write_binary(&vec![vec![Some(b"a".to_vec())]]);
    for (at, byte) in [(3, b'X'), (11, 1), (18, 1), (21, 0xff), (24, 2)] {
        let mut body = good.clone();
        body[at] = byte;
        assert!(
            Run::new(None, true, &[("a", TEXT)]).frame(&body).is_err(),
            "{at}"
        );
    }
}

#[test]
fn types_are_masked_by_their_kind() {
    let columns = [("redacted", INT4)];
    let output = Run::new(Some(text()), false, &columns).output(b"123456\n");
    assert!(!output.windows(3).any(|window| window == b"123"));
    let body = write_binary(&vec![vec![Some(123_456_i32.to_be_bytes().to_vec())]]);
    let output = read_binary(&Run::new(None, true, &columns).output(&body));
    assert_ne!(output, read_binary(&body));
    assert!(output[0][0].as_ref().is_none_or(|value| value.len() == 4));
}

#[test]
fn without_options_no_value_survives() {
    let mut run = Run::new(None, false, &[("a", TEXT)]);
    assert_eq!(run.output(b"a-1;\xc3\xa9\t\\N\n"), b"X-X;XX\t\\X\n");
    assert_eq!(run.tally.total(), 1);
    let (rows, output) = run.stream(b"a-1;\xc3\xa9\t\\N\n", &[1, 3]).unwrap();
    assert_eq!((rows, &*output), (1, &b"X-X;XX\t\\X\n"[..]));
    assert_eq!(run.tally.total(), 2);
}

#[test]
fn without_columns_no_value_survives() {
    let canary = b"123-45-6789".to_vec();
    let rows = vec![vec![Some(canary.clone()), None, Some(canary.clone())]];
    let survives = |output: &[u8]| output.windows(5).any(|window| canary.starts_with(window));
    for options in [text(), csv()] {
        let body = write_lines(&rows, &options);
        let output = Run::new(Some(options.clone()), false, &[]).output(&body);
        assert!(!survives(&output));
        assert_eq!(read_lines(&output, &options)[0].len(), 3);
    }
    assert!(!survives(
        &Run::new(None, true, &[]).output(&write_binary(&rows))
    ));
    // A table without columns.
    assert_eq!(
        Run::new(Some(text()), false, &[]).frame(b"\n").unwrap(),
        (1, b"\n".to_vec())
    );
}

// -- streams --------------------------------------------------------------------------------------

/// What [`COLUMNS`] make of rows that are streamed: masks have the length of what they cover on
/// the wire, so only that they cover it can be said of a value with escapes.
fn assert_streamed(output: &Rows, input: &Rows) {
    assert_eq!(output.len(), input.len());
    for (output, input) in output
        .iter()
        .flatten()
        .zip(input.iter().flatten())
        .enumerate()
        .map(|(at, (output, input))| ((at % 4, output), input))
    {
        let (column, output) = output;
        let Some(input) = input else {
            assert_eq!(*output, None);
            continue;
        };
        let output = output.as_ref().unwrap();
        if column < 3 {
            assert!(output.iter().all(|&byte| byte == b'X') && output.len() >= input.len());
        } else {
            let text = String::from_utf8(input.clone()).unwrap();
            assert_eq!(
                *output,
                text.replace("123-45-6789", "XXX-XX-XXXX").into_bytes()
            );
        }
    }
}

proptest! {
    #[test]
    fn streamed_lines_are_masked_at_every_split(
        rows in rows(),
        options in options(),
        chunks in vec(1..40_usize, 1..6),
    ) {
        let body = write_lines(&rows, &options);
        let mut once = Run::new(Some(options.clone()), false, &COLUMNS);
        let (count, output) = once.stream(&body, &[body.len()]).unwrap();
        prop_assert_eq!((count, output.len()), (rows.len() as u64, body.len()));
        assert_streamed(&read_lines(&output, &options), &rows);
        let mut parts = Run::new(Some(options.clone()), false, &COLUMNS);
        prop_assert_eq!(parts.stream(&body, &chunks).unwrap(), (count, output.clone()));
        prop_assert_eq!(&parts.tally, &once.tally);
        let mut bytes = Run::new(Some(options), false, &COLUMNS);
        prop_assert_eq!(bytes.stream(&body, &[1]).unwrap(), (count, output));
    }

    #[test]
    fn a_streamed_frame_that_is_cut_short_is_refused(rows in rows(), options in options()) {
        let body = write_lines(&rows[..1].to_vec(), &options);
        for end in 1..body.len() {
            let mut run = Run::new(Some(options.clone()), false, &COLUMNS);
            prop_assert!(run.stream(&body[..end], &[7]).is_err());
        }
    }

    #[test]
    fn streamed_tuples_are_masked_at_every_split(rows in rows(), chunks in vec(1..40_usize, 1..6)) {
        let body = write_binary(&rows);
        let mut once = Run::new(None, true, &COLUMNS);
        let (count, output) = once.stream(&body, &[body.len()]).unwrap();
        prop_assert_eq!((count, output.len()), (rows.len() as u64, body.len()));
        assert_streamed(&read_binary(&output), &rows);
        let again = Run::new(None, true, &COLUMNS).stream(&body, &chunks).unwrap();
        prop_assert_eq!(again, (count, output));
        for end in (1..body.len()).filter(|_| rows.len() == 1) {
            let cut = Run::new(None, true, &COLUMNS).stream(&body[..end], &[7]);
            prop_assert_eq!(cut.is_ok(), end == binary::HEAD_BYTES);
        }
    }
}

/// A value of many blocks with a canary at every border of a block, give or take.
fn large(filler: &str) -> Vec<u8> {
    let mut value = Vec::new();
    for block in 1..4 {
        for shift in [60, 30, 6] {
            let start = block * limits::STREAM_BLOCK_BYTES - shift;
            while value.len() < start {
                value.extend_from_slice(filler.as_bytes());
            }
            value.extend_from_slice(b" 123-45-6789 ");
        }
    }
    value
}

#[test]
fn a_large_value_is_judged_in_bounded_memory() {
    let quote = CopyOptions {
        quote: b'-',
        escape: b'-',
        ..csv()
    };
    let delimiter = CopyOptions {
        delimiter: b'-',
        ..text()
    };
    for options in [text(), csv(), quote, delimiter] {
        for filler in ["a", "\n\t\"", "\\", "é-"] {
            let rows = vec![vec![None, None, None, Some(large(filler))]; 2];
            let body = write_lines(&rows, &options);
            let mut outputs = [&[8192][..], &[1 << 20], &[100_000, 1, 77]].map(|chunks| {
                let mut run = Run::new(Some(options.clone()), false, &COLUMNS);
                run.stream(&body, chunks).unwrap()
            });
            outputs.sort();
            let [(count, output), .., last] = &outputs;
            assert_eq!((*count, output), (2, &last.1));
            assert_streamed(&read_lines(output, &options), &rows);
        }
    }
    let rows = vec![vec![None, Some(large("b")), None, Some(large("a"))]];
    let body = write_binary(&rows);
    let (_, output) = Run::new(None, true, &COLUMNS)
        .stream(&body, &[9999])
        .unwrap();
    assert_streamed(&read_binary(&output), &rows);
}

#[test]
fn json_keys_are_heeded_in_a_large_value() {
    const JSONB: u32 = 3802;
    let pad = "x".repeat(limits::STREAM_BLOCK_BYTES - 20);
    let json = |mask: &str| {
        format!("{{\"pad\": \"{pad}\", \"redacted\": \"{mask}\", \"n\": \"\\\"é\\n\"}}")
    };
    let rows = |mask| vec![vec![Some(json(mask).into_bytes())]; 3];
    for options in [text(), csv()] {
        let body = write_lines(&rows("canary"), &options);
        let mut run = Run::new(Some(options.clone()), false, &[("doc", JSONB)]);
        let (_, output) = run.stream(&body, &[5000]).unwrap();
        assert_eq!(read_lines(&output, &options), rows("XXXXXX"));
        assert_eq!(run.tally.total(), 3);
    }
}

#[test]
fn a_header_and_small_values_stream_too() {
    let options = CopyOptions {
        header: true,
        ..csv()
    };
    let columns = [("redacted", INT4), ("scanned", TEXT)];
    let mut run = Run::new(Some(options), false, &columns);
    let (rows, output) = run
        .stream(b"redacted,\"scanned\"\n12,\"\"\n,b\n", &[1])
        .unwrap();
    assert_eq!(rows, 2);
    assert!(output.starts_with(b"redacted,\"scanned\"\n") && output.ends_with(b",\"\"\n,b\n"));
    assert!(!output.windows(2).any(|window| window == b"12"));
}

#[test]
fn small_values_of_any_type_stream_beside_a_large_one() {
    const DATE: u32 = 1082;
    let columns = [
        ("redacted", INT4),
        ("nulled", DATE),
        ("scanned", INT4),
        ("note", TEXT),
    ];
    let days = |number: i32| Some(number.to_be_bytes().to_vec());
    let body = write_binary(&vec![vec![
        days(4711),
        days(-4711),
        days(99),
        Some(large("a")),
    ]]);
    let (_, output) = Run::new(None, true, &columns)
        .stream(&body, &[4000])
        .unwrap();
    let row = &read_binary(&output)[0];
    assert!(row[0] != days(4711) && row[1] != days(-4711) && row[2] == days(99));
    let body = write_lines(
        &vec![vec![
            Some(b"4711".to_vec()),
            Some(b"1957-03-02".to_vec()),
            None,
            Some(large("a")),
        ]],
        &text(),
    );
    let (_, output) = Run::new(Some(text()), false, &columns)
        .stream(&body, &[4000])
        .unwrap();
    assert!(!output.starts_with(b"4711") && !output.windows(5).any(|part| part == b"03-02"));
}

#[test]
fn a_mask_that_means_something_to_the_format_is_refused_in_a_stream() {
    let options = CopyOptions {
        delimiter: b'X',
        ..text()
    };
    let mut run = Run::new(Some(options), false, &[("redacted", TEXT)]);
    assert!(matches!(run.stream(b"abc\n", &[1]), Err(Fault::Refusal(_))));
}
