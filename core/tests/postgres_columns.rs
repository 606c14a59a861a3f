//! What a result header and a row's identifying values mean for the values beside them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use support::*;
use velum_core::inspect::{ColumnHint, DetectorId, Finding, Inspect, Prior, Surroundings, Watch};
use velum_core::policy::{Messages, Policy, Strategy};

const WORD: DetectorId = DetectorId(0);
const NAME: DetectorId = DetectorId(1);

/// Takes columns called `name` for names and those called `id` for keys; finds `secret`, and
/// the row's names.
struct ByColumn;

impl Inspect for ByColumn {
    fn inspect(&self, text: &[u8], around: Surroundings<'_>, out: &mut Vec<Finding>) {
        let known = around
            .known
            .iter()
            .map(|known| (known.detector, known.text));
        for (detector, word) in known.chain([(WORD, &b"secret"[..])]) {
            let found = memchr::memmem::find_iter(text, word);
            out.extend(found.map(|start| Finding {
                start,
                end: start + word.len(),
                detector,
            }));
        }
        if around.key == Some(b"ssn") {
            out.push(Finding {
                start: 0,
                end: text.len(),
                detector: WORD,
            });
        }
        out.sort_by_key(|finding| finding.start);
    }

    fn horizon_bytes(&self) -> usize {
        64
    }

    fn prior(&self, column: ColumnHint<'_>) -> Prior {
        match column.name {
            b"name" => Prior::Whole(NAME),
            b"id" if !column.is_alias => Prior::Skip,
            _ => Prior::Scan,
        }
    }

    fn key_of(&self, columns: &[ColumnHint<'_>], index: usize) -> Option<usize> {
        let is_attribute = |column: &ColumnHint<'_>| column.name == b"attribute";
        let key = columns.iter().position(is_attribute)?;
        (columns[index].name == b"value").then_some(key)
    }

    fn detector_name(&self, id: DetectorId) -> &str {
        if id == NAME { "name" } else { "word" }
    }
}

fn scanning_policy() -> Policy {
    let content = Some(Strategy::Redact);
    Policy::new("scan".into(), vec![], content, Messages::Scan, [7; 32])
}

fn session() -> Harness<ByColumn> {
    Harness::ready(scanning_policy(), ByColumn)
}

/// The first row that the client gets.
fn shown(columns: &[(&str, u32, i16, u32, u16)], row: &[&[u8]]) -> Vec<Vec<u8>> {
    let values: Vec<_> = row.iter().map(|value| Some(*value)).collect();
    let mut session = session();
    session.client(&query("SELECT")).server(&concat(&[
        row_description(columns),
        data_row(&values),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    let client = frames(&session.take_client());
    let (_, body) = client.into_iter().find(|(tag, _)| *tag == b'D').unwrap();
    values_of(&body)
}

fn values_of(body: &[u8]) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    let mut rest = &body[2..];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (value, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
        values.push(value.to_vec());
        rest = behind;
    }
    values
}

#[test]
fn a_column_that_says_what_it_holds_is_masked_whole() {
    let name = ("name", PATIENTS, 3, 25, 0);
    assert_eq!(shown(&[name], &[b"Doe"]), [b"XXX"]);
    let alias = ("x", PATIENTS, 3, 25, 0);
    assert_eq!(shown(&[alias], &[b"Doe"]), [b"XXX"], "by its table's name");
    let computed = ("name", 0, 0, 25, 0);
    assert_eq!(shown(&[computed], &[b"Doe"]), [b"XXX"], "by its alias");
    let renamed = ("name", PATIENTS, 1, 25, 0);
    assert_eq!(
        shown(&[renamed], &[b"Doe"]),
        [b"XXX"],
        "an alias speaks for it"
    );
}

#[test]
fn only_a_tables_own_name_speaks_against_phi() {
    let key = ("id", PATIENTS, 1, 25, 0);
    assert_eq!(shown(&[key], &[b"secret"]), [b"secret"]);
    let computed = ("id", 0, 0, 25, 0);
    assert_eq!(shown(&[computed], &[b"secret"]), [b"XXXXXX"]);
    let alias = ("id", PATIENTS, 2, 25, 0);
    assert_eq!(shown(&[alias], &[b"secret"]), [b"XXXXXX"]);
}

#[test]
fn a_rows_identifying_values_are_found_in_its_other_texts() {
    let name = ("name", PATIENTS, 3, 25, 0);
    let note = ("note", 0, 0, 25, 0);
    let row: [&[u8]; 2] = [b"will", b"will has a cold"];
    assert_eq!(
        shown(&[note, name], &[row[1], row[0]])[0],
        b"XXXX has a cold"
    );
    assert_eq!(shown(&[name, note], &row)[1], b"XXXX has a cold");
    assert_eq!(
        shown(&[note], &[row[1]]),
        [row[1]],
        "elsewhere it is a word"
    );
}

#[test]
fn an_attribute_says_what_the_value_beside_it_is() {
    let attribute = ("attribute", 0, 0, 25, 0);
    let value = ("value", 0, 0, 25, 0);
    let other = ("other", 0, 0, 25, 0);
    let shown = |row: &[&[u8]; 3]| shown(&[value, attribute, other], row);
    assert_eq!(shown(&[b"12", b"ssn", b"34"]), [&b"XX"[..], b"ssn", b"34"]);
    assert_eq!(shown(&[b"12", b"age", b"34"]), [&b"12"[..], b"age", b"34"]);
}

#[test]
fn the_next_row_has_a_subject_of_its_own() {
    let columns = [("name", PATIENTS, 3, 25, 0), ("note", 0, 0, 25, 0)];
    let row = |name: &[u8], note: &[u8]| data_row(&[Some(name), Some(note)]);
    let mut session = session();
    session.client(&query("SELECT")).server(&concat(&[
        row_description(&columns),
        row(b"will", b"will and may"),
        row(b"may", b"will and may"),
        data_row(&[None, Some(b"will and may")]),
        complete("SELECT 3"),
        ready(b'I'),
    ]));
    let client = session.take_client();
    for shown in ["XXXX and may", "will and XXX", "will and may"] {
        assert!(contains(&client, shown.as_bytes()), "{shown}");
    }
}

/// COPY has rows of its own; the probe that describes it is answered as a database would.
fn copied(options: &str, data: &[u8]) -> Vec<u8> {
    let mut session = session();
    let text = format!("COPY (SELECT name, note FROM t) TO STDOUT {options}");
    session.client(&query(&text));
    let binary = u8::from(options.contains("binary"));
    let described = [
        message(b'1', b""),
        message(b't', &[0, 0]),
        row_description(&[("name", PATIENTS, 3, 25, 0), ("note", 0, 0, 25, 0)]),
        message(b'3', b""),
        ready(b'I'),
    ];
    let formats = [binary, 0, 2, 0, binary, 0, binary];
    session.server(&described.concat()).server(&concat(&[
        message(b'H', &formats),
        message(b'd', data),
        message(b'c', b""),
        complete("COPY 1"),
        ready(b'I'),
    ]));
    let client = frames(&session.take_client());
    let data = client.into_iter().find(|(tag, _)| *tag == b'd').unwrap();
    data.1
}

#[test]
fn copied_rows_know_their_subject_too() {
    assert_eq!(copied("", b"will\twill x\n"), b"XXXX\tXXXX x\n");
    assert_eq!(
        copied("(format csv)", b"will,\"will, x\"\n"),
        b"XXXX,\"XXXX, x\"\n"
    );
    let tuple = |name: &[u8], note: &[u8]| {
        let head = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
        [&head[..], &[0, 2, 0, 0, 0, 4], name, &[0, 0, 0, 6], note].concat()
    };
    assert_eq!(
        copied("(format binary)", &tuple(b"will", b"will x")),
        tuple(b"XXXX", b"XXXX x")
    );
}

/// `client_encoding` may have become SJIS since the server last said: there the second byte of a
/// character can be a backslash.
#[test]
fn a_line_that_could_be_cut_elsewhere_is_masked_whole() {
    assert_eq!(copied("", b"x\x83\\\ty\tz\n"), b"XX\\\tX\tX\n");
    assert_eq!(copied("", "née\\n\tok\n".as_bytes()), b"XXXXX\tok\n");
}

/// Takes a column for names once three of its values were `name`.
struct Learner;

struct Count(usize);

impl Watch for Count {
    fn see(&mut self, value: &[u8], _: &[Finding]) {
        self.0 += usize::from(value == b"name");
    }

    fn settled(&self) -> Option<DetectorId> {
        (self.0 >= 3).then_some(NAME)
    }
}

impl Inspect for Learner {
    fn inspect(&self, _: &[u8], _: Surroundings<'_>, _: &mut Vec<Finding>) {}

    fn horizon_bytes(&self) -> usize {
        0
    }

    fn watch(&self, _: ColumnHint<'_>) -> Option<Box<dyn Watch>> {
        Some(Box::new(Count(0)))
    }

    fn detector_name(&self, _: DetectorId) -> &str {
        "name"
    }
}

#[test]
fn what_values_have_shown_holds_for_all_later_ones() {
    let mut session = Harness::ready(scanning_policy(), Learner);
    let opaque = ("c1", 0, 0, 25, 0);
    let row = |text: &[u8]| data_row(&[Some(text)]);
    session.client(&query("SELECT")).server(&concat(&[
        row_description(&[opaque]),
        row(b"name").repeat(3),
        row(b"will"),
        row(b"may"),
        complete("SELECT 5"),
        ready(b'I'),
    ]));
    let client = session.take_client();
    assert!(contains(&client, b"name"));
    assert!(contains(&client, b"XXXX") && contains(&client, b"XXX"));
    assert!(!contains(&client, b"will") && !contains(&client, b"may"));
}

#[test]
fn a_prepared_statement_goes_on_learning() {
    let mut session = Harness::ready(scanning_policy(), Learner);
    session.client(&concat(&[
        parse("s", "SELECT c1"),
        describe(b'S', "s"),
        sync(),
    ]));
    session.server(&concat(&[
        message(b'1', b""),
        message(b't', &[0, 0]),
        row_description(&[("c1", 0, 0, 25, 0)]),
        ready(b'I'),
    ]));
    for (value, shown) in [
        ("name", true),
        ("name", true),
        ("name", true),
        ("will", false),
    ] {
        session.take_client();
        session.client(&concat(&[bind("", "s", b"1", &[]), execute(""), sync()]));
        session.server(&concat(&[
            message(b'2', b""),
            row_description(&[("c1", 0, 0, 25, 0)]),
            data_row(&[Some(value.as_bytes())]),
            complete("SELECT 1"),
            ready(b'I'),
        ]));
        assert_eq!(
            contains(&session.to_client, value.as_bytes()),
            shown,
            "{value}"
        );
    }
}
