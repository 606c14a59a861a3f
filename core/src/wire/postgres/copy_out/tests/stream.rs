//! Frames that are judged in parts.

use super::rows::*;
use super::*;

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
