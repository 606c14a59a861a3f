//! Peers that break the protocol: told so in its own words, and closed.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use support::*;

const SSN: (&str, u32, i16, u32, u16) = ("ssn", PATIENTS, 2, 25, 0);

fn masked() -> Harness<Dashed> {
    Harness::ready(masking_policy(), Dashed)
}

#[test]
fn what_is_out_of_place_ends_the_session() {
    let select = query("SELECT ssn FROM patients");
    let described = row_description(&[SSN]);
    let cases: &[(&str, Vec<u8>, Vec<u8>)] = &[
        (
            "rows nobody asked for",
            vec![],
            data_row(&[Some(b"531-77-0294")]),
        ),
        (
            "rows before their description",
            select.clone(),
            data_row(&[Some(b"531-77-0294")]),
        ),
        (
            "another number of columns",
            select.clone(),
            concat(&[described.clone(), data_row(&[Some(b"a"), Some(b"b")])]),
        ),
        (
            "a field longer than its row",
            select.clone(),
            concat(&[described.clone(), message(b'D', b"\0\x01\0\0\0\x0cleak")]),
        ),
        (
            "a field of length -2",
            select.clone(),
            concat(&[described.clone(), message(b'D', b"\0\x01\xff\xff\xff\xfe")]),
        ),
        (
            "a trailing byte",
            select.clone(),
            concat(&[described.clone(), message(b'D', b"\0\x01\0\0\0\x01al")]),
        ),
        ("an unknown tag", select.clone(), message(b'!', b"leak")),
        (
            "a length below four",
            select.clone(),
            b"D\0\0\0\x03".to_vec(),
        ),
        (
            "a length above i32",
            select.clone(),
            b"D\xff\xff\xff\xff".to_vec(),
        ),
        (
            "copy data without copy",
            select.clone(),
            message(b'd', b"leak"),
        ),
        ("replication", select.clone(), message(b'W', &[0, 0, 0])),
        (
            "authentication again",
            select.clone(),
            message(b'R', &[0, 0, 0, 0]),
        ),
        ("ready without a question", vec![], ready(b'I')),
        (
            "ready in the middle",
            select,
            concat(&[described, ready(b'I')]),
        ),
    ];
    for (what, client, server) in cases {
        let mut harness = masked();
        harness.client(client).server(server);
        assert!(harness.is_finished(), "{what}");
        let frames = frames(&harness.to_client);
        let last = frames.last().unwrap_or_else(|| panic!("{what}: no error"));
        assert_eq!(last.0, b'E', "{what}");
        assert!(
            contains(&last.1, b"C08P01") || contains(&last.1, b"C0A000"),
            "{what}"
        );
        assert!(!contains(&harness.to_client, b"leak"), "{what}");
        assert!(!contains(&harness.to_client, b"531-77"), "{what}");
    }
}

#[test]
fn a_client_that_breaks_the_protocol_is_told_and_closed() {
    for said in [
        message(b'!', b""),
        message(b'p', b"password\0"),
        message(b'Q', b"no end"),
        message(b'Q', b"two\0ends\0"),
        message(b'S', b"body"),
        message(b'D', b"Xname\0"),
        message(b'B', b"\0\0\0\0\0\0\0"),
        b"Q\0\0\0\x01".to_vec(),
    ] {
        let mut harness = masked();
        harness.client(&said);
        assert!(harness.is_finished(), "{said:?}");
        assert!(harness.to_server.is_empty(), "{said:?}");
        assert!(contains(&harness.to_client, b"C08P01"), "{said:?}");
    }
}
