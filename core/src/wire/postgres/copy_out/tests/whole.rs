//! Frames that are whole in memory.

use super::rows::*;
use super::*;

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

    /// Rows that are read in one pass, as nothing in them is escaped, are judged as all others are.
    #[test]
    fn plain_rows_are_masked_like_others(
        cells in vec("[a-c0-9é|-]{0,12}", 4),
        delimiter in prop_oneof![Just(b'\t'), Just(b'|'), Just(b',')],
        null in prop_oneof![Just(""), Just("\\N"), Just("a")],
    ) {
        let options = CopyOptions { delimiter, null: null.into(), ..text() };
        let is_null = |cell: &String| cell.as_bytes() == null.as_bytes();
        let row: Vec<_> = cells
            .iter()
            .map(|cell| (!is_null(cell)).then(|| cell.clone().into_bytes()))
            .collect();
        let rows = vec![row];
        let mut run = Run::new(Some(options.clone()), false, &COLUMNS);
        let (count, output) = run.frame(&write_lines(&rows, &options)).unwrap();
        prop_assert_eq!(count, 1);
        prop_assert_eq!(read_lines(&output, &options), masked(&rows));
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
