//! Sessions driven from bytes: transparency, masking, order of records, and misbehaviour.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use proptest::prelude::*;
use support::*;
use velum_core::audit::record::{Body, Status};
use velum_core::policy::Policy;
use velum_core::wire::postgres::session::Step;

fn exempt() -> Harness<Dashed> {
    Harness::ready(Policy::exempt(), Dashed)
}

/// A conversation in turns: what the client says, then what the server answers.
fn conversation() -> Vec<(Vec<u8>, Vec<u8>)> {
    let row = |ssn: &[u8]| data_row(&[Some(b"17"), Some(ssn)]);
    let described = [
        message(b't', &[0, 1, 0, 0, 0, 25]),
        row_description(&[ID, ("x", PATIENTS, 2, 25, 0)]),
    ];
    vec![
        (
            query("SELECT id, ssn FROM patients"),
            concat(&[
                row_description(&[ID, SSN]),
                row(b"531-77-0294"),
                row(b"secret"),
                data_row(&[None, None]),
                complete("SELECT 3"),
                ready(b'I'),
            ]),
        ),
        (
            concat(&[
                parse("s", "SELECT id, ssn x FROM patients WHERE id = $1"),
                describe(b'S', "s"),
                sync(),
            ]),
            concat(&[message(b'1', b""), described.concat(), ready(b'I')]),
        ),
        (
            concat(&[bind("", "s", b"17", &[0, 0]), execute(""), sync()]),
            concat(&[
                message(b'2', b""),
                row(b"531-77-0294"),
                complete("SELECT 1"),
                ready(b'I'),
            ]),
        ),
        (
            query("COPY patients FROM STDIN"),
            message(b'G', &[0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        (
            concat(&[message(b'd', b"1\t2\t3\t4\n"), message(b'c', b"")]),
            concat(&[complete("COPY 1"), ready(b'I')]),
        ),
        (
            query("SELECT broken"),
            concat(&[
                error(&[
                    (b'S', "ERROR"),
                    (b'V', "ERROR"),
                    (b'C', "42703"),
                    (b'F', "parse.c"),
                    (b'M', "column \"broken\" does not exist"),
                ]),
                ready(b'I'),
            ]),
        ),
    ]
}

fn whole(harness: &mut Harness<Dashed>) -> (Vec<u8>, Vec<u8>) {
    for (client, server) in conversation() {
        harness.client(&client).server(&server);
    }
    (harness.take_server(), harness.take_client())
}

#[test]
fn nothing_changes_under_an_exempt_policy() {
    let mut harness = exempt();
    let (to_server, to_client) = whole(&mut harness);
    let (said, answered): (Vec<_>, Vec<_>) = conversation().into_iter().unzip();
    assert_eq!(to_server, said.concat());
    assert_eq!(to_client, answered.concat());
    assert!(!harness.is_finished());
}

#[test]
fn every_split_gives_the_same_output() {
    for policy in [Policy::exempt, masking_policy as fn() -> Policy] {
        let expected = whole(&mut Harness::ready(policy(), Dashed));
        let longest = conversation()
            .iter()
            .map(|(c, s)| c.len().max(s.len()))
            .max()
            .unwrap();
        for at in 1..longest {
            let mut harness = Harness::ready(policy(), Dashed);
            for (client, server) in conversation() {
                let (head, tail) = client.split_at(at.min(client.len()));
                harness.client(head).client(tail);
                let (head, tail) = server.split_at(at.min(server.len()));
                harness.server(head).server(tail);
            }
            assert_eq!(
                (harness.take_server(), harness.take_client()),
                expected,
                "split at {at}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_output(sizes in prop::collection::vec(1usize..40, 1..60)) {
        let expected = whole(&mut masked());
        let mut harness = masked();
        let mut sizes = sizes.iter().cycle();
        for (client, server) in conversation() {
            let mut rest = &client[..];
            while !rest.is_empty() {
                let (head, tail) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                harness.client(head);
                rest = tail;
            }
            let mut rest = &server[..];
            while !rest.is_empty() {
                let (head, tail) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                harness.server(head);
                rest = tail;
            }
        }
        prop_assert_eq!((harness.take_server(), harness.take_client()), expected);
    }

    #[test]
    fn garbage_never_panics_and_never_passes(
        client in prop::collection::vec(any::<u8>(), 0..200),
        server in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut harness = masked();
        harness.client(&client).server(&server);
        // Whatever the client got is whole frames: `frames` panics on anything else.
        frames(&harness.take_client());
        let mut harness = masked();
        harness.client(&query("SELECT 1")).server(&server);
        let tags = tags(&harness.take_client());
        prop_assert!(tags.chars().all(|tag| "1TtnCDENASZIHGcV".contains(tag)), "{tags}");
    }
}

#[test]
fn a_column_is_masked_whatever_it_is_called() {
    let mut harness = masked();
    harness.client(&query(
        "SELECT ssn AS x, name AS y, born AS z FROM patients",
    ));
    let columns = [
        ("x", PATIENTS, 2, 25, 0),
        ("y", PATIENTS, 3, 25, 0),
        ("z", PATIENTS, 4, 1082, 0),
    ];
    harness.server(&concat(&[
        row_description(&columns),
        data_row(&[Some(b"no pattern"), Some(b"Miller"), Some(b"1980-02-03")]),
        data_row(&[None, Some(b""), None]),
        complete("SELECT 2"),
        ready(b'I'),
    ]));
    let rows: Vec<_> = frames(&harness.to_client)
        .into_iter()
        .filter(|(tag, _)| *tag == b'D')
        .collect();
    let expected = data_row(&[Some(b"XXXXXXXXXX"), Some(b"<withheld>"), None]);
    assert_eq!(rows[0], frames(&expected)[0]);
    let Body::Outcome {
        masked,
        rows,
        status: Status::Completed,
        ..
    } = harness.outcomes()[0]
    else {
        panic!("no outcome")
    };
    assert_eq!(*rows, 2);
    assert!(
        masked.iter().any(|(name, _)| name == "rule:ssn"),
        "{masked:?}"
    );
}

#[test]
fn a_view_shows_what_its_columns_show() {
    let mut harness = masked();
    harness.client(&query("SELECT label FROM people"));
    harness.server(&concat(&[
        row_description(&[("label", VIEW, 1, 25, 0)]),
        data_row(&[Some(b"Miller")]),
    ]));
    assert!(!contains(&harness.to_client, b"Miller"));
    assert!(contains(&harness.to_client, b"<withheld>"));
}

#[test]
fn errors_notices_notifications_and_parameters_are_judged() {
    let canary = "531-77-0294";
    let detail = format!("Failing row contains (1, {canary}, Miller).");
    let fields = [
        (b'S', "ERROR"),
        (b'C', "23514"),
        (b'F', "execMain.c"),
        (b'D', detail.as_str()),
        (b'M', "new row violates check constraint \"patients\""),
    ];
    let mut harness = masked();
    harness.client(&query("INSERT INTO patients VALUES (1)"));
    harness.server(&concat(&[error(&fields), ready(b'I')]));
    harness.server(&notice_like(
        b'N',
        &[
            (b'S', "NOTICE"),
            (b'C', "00000"),
            (b'F', "pl_exec.c"),
            (b'M', "found Miller 531-77-0294"),
        ],
    ));
    harness.server(&message(b'A', b"\0\0\0\x01channel\0ssn 531-77-0294\0"));
    harness.server(&message(b'S', b"application_name\x00531-77-0294\0"));
    assert!(!contains(&harness.to_client, canary.as_bytes()));
    assert!(!contains(&harness.to_client, b"Miller"));
    assert!(contains(&harness.to_client, b"constraint \"patients\""));
    assert_eq!(tags(&harness.to_client), "EZNAS");
    assert!(!harness.is_finished());
}

#[test]
fn a_function_call_shows_nothing_under_rules() {
    let mut harness = masked();
    harness.client(&message(b'F', &[0, 0, 0x40, 0, 0, 0, 0, 0, 0, 1]));
    harness.server(&concat(&[message(b'V', b"\0\0\0\x06Miller"), ready(b'I')]));
    assert_eq!(harness.to_client[..9], *b"V\0\0\0\x08\xff\xff\xff\xff");
    // The large-object interface still works, and is inspected: loread is 954.
    let mut harness = masked();
    harness.client(&message(b'F', &[0, 0, 3, 0xba, 0, 0, 0, 0, 0, 1]));
    harness.server(&concat(&[
        message(b'V', b"\0\0\0\x0ffile531-77-0294"),
        ready(b'I'),
    ]));
    assert_eq!(harness.to_client[9..20], *b"fileXXX-XX-");
}

#[test]
fn the_cancel_secret_is_ours_and_the_process_id_is_theirs() {
    let mut harness = Harness::new(masking_policy(), Dashed);
    harness.server(&start_up());
    let key = frames(&harness.to_client)
        .into_iter()
        .find(|(tag, _)| *tag == b'K')
        .unwrap();
    assert_eq!(key.1, b"\0\0\x12\x34ours");
    assert_eq!(harness.session.upstream_key(), Some((0x1234, &b"real"[..])));
}

#[test]
fn no_write_goes_on_its_way_and_no_result_comes_back_before_the_record() {
    let mut harness = masked();
    harness.durable = false;
    harness.client(&query("SELECT id FROM patients"));
    assert_eq!(tags(&harness.to_server), "Q", "a read goes at once");
    harness.server(&concat(&[
        row_description(&[ID]),
        data_row(&[Some(b"1")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    assert!(harness.to_client.is_empty(), "its result waits");
    harness
        .session
        .records_durable(harness.records.len() as u64);
    harness.run();
    assert_eq!(tags(&harness.to_client), "TDCZ");

    harness.take_server();
    harness.client(&query("DELETE FROM patients"));
    assert!(harness.to_server.is_empty(), "a write waits");
    assert_eq!(harness.steps.0, Step::AwaitDurable);
    harness
        .session
        .records_durable(harness.records.len() as u64);
    harness.run();
    assert_eq!(tags(&harness.to_server), "Q");
    let intents = harness
        .records
        .iter()
        .filter(|r| matches!(r.body, Body::Intent { .. }))
        .count();
    assert_eq!(
        intents, 2,
        "each statement has one INTENT, however often it was tried"
    );
}

#[test]
fn after_an_error_the_pipeline_skips_to_sync() {
    let mut harness = masked();
    harness.client(&concat(&[
        parse("a", "SELEC"),
        bind("", "a", b"1", &[]),
        describe(b'P', ""),
        execute(""),
        sync(),
        parse("a", "SELECT 1"),
        sync(),
    ]));
    harness.server(&concat(&[
        error(&[
            (b'S', "ERROR"),
            (b'C', "42601"),
            (b'F', "scan.l"),
            (b'M', "syntax error"),
        ]),
        ready(b'I'),
        message(b'1', b""),
        ready(b'I'),
    ]));
    assert_eq!(tags(&harness.to_client), "EZ1Z");
    let statuses: Vec<_> = harness.outcomes();
    assert!(matches!(
        statuses[..],
        [Body::Outcome {
            status: Status::Skipped,
            ..
        }]
    ));
}

#[test]
fn copy_in_swallows_the_sync_that_came_too_early() {
    let mut harness = masked();
    // libpq sends Sync right after Execute, and again after CopyDone.
    harness.client(&concat(&[
        parse("", "COPY t FROM STDIN"),
        bind("", "", b"1", &[]),
        describe(b'P', ""),
        execute(""),
        sync(),
    ]));
    harness.server(&concat(&[
        message(b'1', b""),
        message(b'2', b""),
        message(b'n', b""),
        message(b'G', &[0, 0, 0]),
    ]));
    harness.client(&concat(&[
        message(b'd', b"x\n"),
        message(b'c', b""),
        sync(),
    ]));
    harness.server(&concat(&[complete("COPY 1"), ready(b'I')]));
    harness.client(&query("SELECT 1"));
    harness.server(&concat(&[
        row_description(&[("a", 0, 0, 23, 0)]),
        data_row(&[Some(b"1")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    assert_eq!(tags(&harness.to_client), "12nGCZTDCZ");
    assert!(!harness.is_finished());
}

#[test]
fn a_row_of_any_size_streams_and_is_masked() {
    let mut note = vec![b'.'; 300_000];
    for at in (1_000..299_000).step_by(65_500) {
        note[at..at + 11].copy_from_slice(b"531-77-0294");
    }
    let columns = [("note", 0, 0, 25, 0), SSN, ("n", 0, 0, 25, 0)];
    let answer = concat(&[
        row_description(&columns),
        data_row(&[Some(&note), Some(&vec![b'q'; 200_000]), None]),
        complete("SELECT 1"),
        ready(b'I'),
    ]);
    let mut outputs = Vec::new();
    for chunk in [answer.len(), 8_192, 65_537] {
        let mut harness = masked();
        harness.client(&query("SELECT '...', ssn, NULL FROM patients"));
        for part in answer.chunks(chunk) {
            harness.server(part);
        }
        assert!(!contains(&harness.to_client, b"531-77"));
        assert!(
            !contains(&harness.to_client, b"qq"),
            "the ruled column is masked"
        );
        assert_eq!(harness.to_client.len(), answer.len());
        outputs.push(harness.take_client());
    }
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_bind_of_any_size_streams() {
    let said = concat(&[
        parse("", "SELECT $1"),
        bind("", "", &vec![b'v'; 400_000], &[1]),
        describe(b'P', ""),
        execute(""),
        sync(),
    ]);
    let mut harness = masked();
    for part in said.chunks(10_000) {
        harness.client(part);
    }
    assert_eq!(harness.to_server, said);
    assert!(!harness.is_finished());
}

#[test]
fn a_lost_upstream_is_told_between_frames_and_ends_the_record() {
    let mut harness = masked();
    harness.client(&query("SELECT id FROM patients"));
    harness.server(&row_description(&[ID]));
    harness.server(&data_row(&[Some(b"1")]));
    assert_eq!(
        harness.session.server_lost(velum_core::time::Timestamp(9)),
        Step::Finished
    );
    harness.run();
    assert_eq!(tags(&harness.to_client), "TDE");
    assert!(contains(&harness.to_client, b"C08006"));
    assert!(matches!(
        harness.outcomes()[..],
        [Body::Outcome {
            status: Status::Unknown,
            ..
        }]
    ));
    assert!(matches!(
        harness.records.last().unwrap().body,
        Body::SessionClosed { .. }
    ));
}

#[test]
fn a_server_that_took_its_leave_is_not_spoken_for() {
    for (severity, told) in [("FATAL", "E"), ("PANIC", "E"), ("ERROR", "EE")] {
        let mut harness = masked();
        harness.client(&query("SELECT pg_terminate_backend(pg_backend_pid())"));
        harness.server(&error(&[
            (b'S', "FATAL"),
            (b'V', severity),
            (b'C', "57P01"),
            (b'F', "postgres.c"),
            (b'M', "terminating connection due to administrator command"),
        ]));
        harness.session.server_lost(velum_core::time::Timestamp(9));
        harness.run();
        assert_eq!(tags(&harness.to_client), told, "{severity}");
        assert!(harness.is_finished());
    }
}

#[test]
fn more_parameters_than_their_count_can_say_are_described() {
    for (declared, types, passes) in [
        (2u16, 2usize, true),
        (0, 1 << 16, true),
        (1, (1 << 16) + 1, true),
        (0, 1, false),
        (1, 1 << 16, false),
        (0, (1 << 16) + 1, false),
    ] {
        let mut harness = masked();
        harness.client(&concat(&[
            parse("s", "VALUES ($1)"),
            describe(b'S', "s"),
            sync(),
        ]));
        let types = [0, 0, 0, 25].repeat(types);
        let described = message(b't', &[&declared.to_be_bytes()[..], &types].concat());
        let answer = concat(&[message(b'1', b""), described, row_description(&[SSN])]);
        for part in answer.chunks(60_000) {
            harness.server(part);
        }
        assert_eq!(harness.is_finished(), !passes, "{declared} {}", types.len());
        if passes {
            assert_eq!(harness.to_client, answer);
        }
    }
}
