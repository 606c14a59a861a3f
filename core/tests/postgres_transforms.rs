//! Transforms in a session: whose row it is, what clients make up themselves, widths of columns,
//! and any chunking of the stream.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use support::*;
use velum_core::inspect::{ColumnHint, DetectorId, Finding, Inspect, Prior, Surroundings};
use velum_core::mask::transform::{
    Absent, DateShift, MasterKey, Normal, Purpose, TokenForm, Transform, TransformKey,
};
use velum_core::policy::{Glob, Messages, Policy, Rule, Selector, Strategy};

const BORN: (&str, u32, i16, u32, u16) = ("born", PATIENTS, 4, 1082, 0);
const BORN_IN_BINARY: (&str, u32, i16, u32, u16) = ("born", PATIENTS, 4, 1082, 1);
const ID_IN_BINARY: (&str, u32, i16, u32, u16) = ("id", PATIENTS, 1, 23, 1);
/// Days from 2000-01-01 to 1957-03-14.
const BIRTH_DAY: i32 = -15_633;

type Column = (&'static str, u32, i16, u32, u16);

fn key(transform: &str) -> TransformKey {
    MasterKey::new(&[5; 32]).unwrap().derive(&Purpose {
        resource: "ehr",
        identity: None,
        transform,
        value_type: "any",
    })
}

fn policy(absent: Absent) -> Policy {
    let shift = Transform::DateShift(DateShift {
        days_most: 30,
        subject: "id".into(),
        absent,
        key: key("date_shift"),
    });
    let style = TokenForm {
        prefix: "ssn_".into(),
        characters: 16,
        normal: Normal::default(),
    };
    let rules = [
        ("born", shift),
        ("ssn", Transform::Hmac(style, key("hmac"))),
        ("name", Transform::Zip3),
    ];
    let rule = |(column, transform): (&str, Transform)| Rule {
        name: column.into(),
        selector: Selector::ColumnName(Glob::new(column).unwrap()),
        strategy: Strategy::Transform(Arc::new(transform)),
    };
    let rules = rules.into_iter().map(rule).collect();
    Policy::new("transforms".into(), rules, None, Messages::Strict, [7; 32])
}

/// The values of the only row of a query; `None` is NULL.
fn shown(
    absent: Absent,
    text: &str,
    columns: &[Column],
    row: &[Option<&[u8]>],
) -> Vec<Option<Vec<u8>>> {
    let mut harness = Harness::ready(policy(absent), Dashed);
    harness.client(&query(text));
    harness.server(&concat(&[
        row_description(columns),
        data_row(row),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    row_of(&harness.take_client())
}

fn row_of(client: &[u8]) -> Vec<Option<Vec<u8>>> {
    let frames = frames(client);
    let (_, body) = frames.iter().find(|(tag, _)| *tag == b'D').unwrap();
    let mut values = Vec::new();
    let mut rest = &body[2..];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (value, behind) = behind.split_at(length.unwrap_or(0));
        values.push(length.map(|_| value.to_vec()));
        rest = behind;
    }
    values
}

fn text(value: &Option<Vec<u8>>) -> Option<&str> {
    value
        .as_deref()
        .map(|value| std::str::from_utf8(value).unwrap())
}

const ROW: [Option<&[u8]>; 2] = [Some(b"17"), Some(b"1957-03-14")];

#[test]
fn a_date_is_shifted_by_its_rows_subject() {
    let select = "SELECT id, born FROM patients";
    let by_text = shown(Absent::Mask, select, &[ID, BORN], &ROW);
    assert_eq!(text(&by_text[0]), Some("17"));
    let date = text(&by_text[1]).unwrap();
    assert!(date.starts_with("1957-0") && date != "1957-03-14", "{date}");
    // Nobody else's date is shifted as far, and NULL is nobody's.
    let other = shown(Absent::Mask, select, &[ID, BORN], &[Some(b"18"), ROW[1]]);
    assert_ne!(other[1], by_text[1]);
    let nobody = shown(Absent::Mask, select, &[ID, BORN], &[None, ROW[1]]);
    assert_eq!(nobody[1], None);
    // In either encoding, and behind the date as well as before it.
    let number = 17_i32.to_be_bytes();
    let days = BIRTH_DAY.to_be_bytes();
    let columns = [BORN_IN_BINARY, ID_IN_BINARY];
    let swapped = "SELECT born, id FROM patients";
    let by_binary = shown(
        Absent::Mask,
        swapped,
        &columns,
        &[Some(&days), Some(&number)],
    );
    let shifted = i32::from_be_bytes(by_binary[0].as_deref().unwrap().try_into().unwrap());
    let day = date[8..].parse::<i32>().unwrap()
        + if date.starts_with("1957-02") { -28 } else { 0 }
        + if date.starts_with("1957-04") { 31 } else { 0 };
    assert_eq!(shifted - BIRTH_DAY, day - 14);
}

#[test]
fn whose_date_it_is_no_client_can_say() {
    let column = |name, table, attnum| (name, table, attnum, 25, 0);
    let with_subject = [ID, BORN];
    for (text, columns) in [
        // Another column under the subject's name, and one of the client's own making.
        (
            "SELECT name AS id, born FROM patients",
            [column("id", PATIENTS, 3), BORN],
        ),
        (
            "SELECT '17' AS id, born FROM patients",
            [column("id", 0, 0), BORN],
        ),
        // Rows of different patients beside each other.
        (
            "SELECT a.id, b.born FROM patients a, patients b",
            with_subject,
        ),
        (
            "WITH p AS (SELECT * FROM patients) SELECT a.id, b.born FROM p a CROSS JOIN p b",
            with_subject,
        ),
        (
            "SELECT a.id, b.born FROM (SELECT id FROM patients) a, (SELECT born FROM patients) b",
            with_subject,
        ),
        // A text that nobody can read.
        ("SELEKT id, born FROM patients", with_subject),
    ] {
        let row = shown(Absent::Mask, text, &columns, &ROW);
        assert_eq!(row[1], None, "{text}");
    }
    // Where the subject is absent, or said by another, a policy may ask for one shift for all; not
    // where rows may be mixed.
    let alike = shown(
        Absent::ShiftByKey,
        "SELECT born FROM patients",
        &[BORN],
        &ROW[1..],
    );
    assert!(
        alike[0]
            .as_deref()
            .is_some_and(|date| date != b"1957-03-14")
    );
    let mixed = "SELECT a.id, b.born FROM patients a, patients b";
    assert_eq!(
        shown(Absent::ShiftByKey, mixed, &with_subject, &ROW)[1],
        None
    );
}

#[test]
fn what_a_client_makes_up_is_redacted() {
    let stored = shown(
        Absent::Mask,
        "SELECT ssn FROM patients",
        &[("x", PATIENTS, 2, 25, 0)],
        &[Some(b"531-77-0294")],
    );
    assert!(text(&stored[0]).unwrap().starts_with("ssn_"));
    for text in [
        "SELECT '531-77-0294' AS ssn",
        "SELECT id::text AS ssn FROM patients",
    ] {
        let row = shown(
            Absent::Mask,
            text,
            &[("ssn", 0, 0, 25, 0)],
            &[Some(b"531-77-0294")],
        );
        assert_eq!(row[0].as_deref(), Some(&b"XXXXXXXXXXX"[..]), "{text}");
    }
    // Nor can another column be called so.
    let called = [("ssn", PATIENTS, 1, 23, 0)];
    let row = shown(
        Absent::Mask,
        "SELECT id AS ssn FROM patients",
        &called,
        &[Some(b"17")],
    );
    assert_eq!(row[0].as_deref(), Some(&b"00"[..]));
    // What is computed from a column is not shown by its transform either.
    let row = shown(
        Absent::Mask,
        "SELECT reverse(name) AS name FROM patients",
        &[("name", 0, 0, 25, 0)],
        &[Some(b"93120")],
    );
    assert_eq!(row[0].as_deref(), Some(&b"XXXX"[..]));
}

#[test]
fn tokens_fit_into_the_columns_that_were_described() {
    let mut described = row_description(&[("ssn", PATIENTS, 2, 1043, 0)]);
    // varchar(12): the modifier stands before the format.
    let at = described.len() - 6;
    described[at..at + 4].copy_from_slice(&16_i32.to_be_bytes());
    let mut harness = Harness::ready(policy(Absent::Mask), Dashed);
    harness.client(&query("SELECT ssn FROM patients"));
    let row = data_row(&[Some(b"531-77-0294")]);
    harness.server(&concat(&[
        described,
        row,
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    let row = row_of(&harness.take_client());
    assert_eq!(row[0].as_ref().map(Vec::len), Some(12));
}

#[test]
fn a_copy_is_transformed_like_a_result() {
    let select = "SELECT id, born FROM patients";
    let result = shown(Absent::Mask, select, &[ID, BORN], &ROW);
    let mut harness = Harness::ready(policy(Absent::Mask), Dashed);
    harness.client(&query("COPY patients (id, born) TO STDOUT"));
    harness.server(&copy_described(&[ID, BORN]));
    harness.server(&concat(&[
        message(b'H', &[0, 0, 2, 0, 0, 0, 0]),
        message(b'd', b"17\t1957-03-14\n"),
        message(b'c', b""),
        complete("COPY 1"),
        ready(b'I'),
    ]));
    let wanted = format!("17\t{}\n", text(&result[1]).unwrap());
    let client = harness.take_client();
    assert!(contains(&client, wanted.as_bytes()), "{:?}", tags(&client));
}

/// Takes columns called `name` for ZIP codes, whatever is in them; finds what is dashed.
struct ByName;

impl Inspect for ByName {
    fn inspect(&self, text: &[u8], around: Surroundings<'_>, out: &mut Vec<Finding>) {
        Dashed.inspect(text, around, out);
    }

    fn horizon_bytes(&self) -> usize {
        Dashed.horizon_bytes()
    }

    fn prior(&self, column: ColumnHint<'_>) -> Prior {
        match column.name {
            b"name" => Prior::Whole(ZIP),
            _ => Prior::Scan,
        }
    }

    fn detector_name(&self, _: DetectorId) -> &str {
        "any"
    }
}

const ZIP: DetectorId = DetectorId(1);
const DASHED: DetectorId = DetectorId(0);

#[test]
fn content_is_transformed_where_it_is_stored_and_under_its_own_name() {
    for (text, column, value, shown) in [
        (
            "SELECT name FROM patients",
            ("n", PATIENTS, 3),
            "02139",
            "021",
        ),
        // The alias says that it is a ZIP code: it is hidden, and not a digit of it is shown.
        (
            "SELECT ssn AS name FROM patients",
            ("name", PATIENTS, 2),
            "531770294",
            "XXXXXXXXX",
        ),
        ("SELECT '02139' AS name", ("name", 0, 0), "02139", "XXXXX"),
        (
            "SELECT ssn FROM patients",
            ("s", PATIENTS, 2),
            "a 531-77-0294",
            "a XXX-XX-0294",
        ),
        (
            "SELECT '531-77-0294'",
            ("s", 0, 0),
            "531-77-0294",
            "XXX-XX-XXXX",
        ),
    ] {
        let content = Some(Strategy::Redact);
        let policy = Policy::new("content".into(), vec![], content, Messages::Strict, [7; 32]);
        let transforms = vec![
            (ZIP, Arc::new(Transform::Zip3)),
            (DASHED, Arc::new(Transform::LastFour)),
        ];
        let mut harness = Harness::ready(policy.with_transforms(transforms), ByName);
        harness.client(&query(text));
        let (name, table, attnum) = column;
        harness.server(&concat(&[
            row_description(&[(name, table, attnum, 25, 0)]),
            data_row(&[Some(value.as_bytes())]),
            complete("SELECT 1"),
            ready(b'I'),
        ]));
        let row = row_of(&harness.take_client());
        assert_eq!(row[0].as_deref(), Some(shown.as_bytes()), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_chunking_gives_the_same_output(sizes in prop::collection::vec(1_usize..40, 1..60)) {
        let columns = [ID, BORN, SSN, ("name", PATIENTS, 3, 25, 0)];
        let row: [Option<&[u8]>; 4] = [ROW[0], ROW[1], Some(b"531-77-0294"), Some(b"02139-4307")];
        let answer = concat(&[
            row_description(&columns),
            data_row(&row),
            data_row(&[Some(b"18"), None, None, Some(b"03601")]),
            complete("SELECT 2"),
            ready(b'I'),
        ]);
        let ask = query("SELECT id, born, ssn, name FROM patients");
        let mut whole = Harness::ready(policy(Absent::Mask), Dashed);
        whole.client(&ask).server(&answer);
        let mut parts = Harness::ready(policy(Absent::Mask), Dashed);
        parts.client(&ask);
        let mut rest = &answer[..];
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            parts.server(head);
            rest = tail;
        }
        let client = parts.take_client();
        prop_assert!(contains(&client, b"021") && contains(&client, b"ssn_"));
        prop_assert_eq!(client, whole.take_client());
    }
}
