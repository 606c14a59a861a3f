//! Evidence out of a log of two days: rows, and packs with what may be done to them.

use std::sync::LazyLock;

use tempfile::TempDir;
use velum_core::audit::custody::{Act, Custody};
use velum_core::audit::masking::{How, MaskedCells, Masking, RuledOutput};
use velum_core::grant::{EventKind, GrantId};

use super::super::export::{Filter, Format, Kind, Writer, export};
use super::runs::*;
use super::*;

mod large;
mod pack;

/// 2026-11-24T00:00:00Z
pub(super) const DAY: Timestamp = Timestamp(1_795_478_400 * 1_000_000_000);
const HOUR_MS: u64 = 3_600_000;

pub(super) fn at(hours: u64) -> Timestamp {
    DAY.after_ms(hours * HOUR_MS)
}

pub(super) fn moved(mut record: Record, time: Timestamp) -> Record {
    record.time = time;
    record
}

pub(super) fn opened(session: u128) -> Record {
    let body = Body::SessionOpened {
        method: "scram".to_owned(),
        client_address: "192.0.2.7:41000".to_owned(),
        client_tls: true,
        server_tls: true,
        role: "velum".to_owned(),
        database: "ehr".to_owned(),
        policy: [7; 32],
        assertion: None,
    };
    record(session, body)
}

pub(super) fn closed(session: u128, statements: u64) -> Record {
    let body = Body::SessionClosed {
        reason: "the client said goodbye".to_owned(),
        statements,
        bytes: 10 * statements,
    };
    record(session, body)
}

pub(super) fn grant(event: EventKind, actor: &str, why: &str) -> Record {
    let body = Body::Grant {
        grant: GrantId::new(DAY, 1),
        event,
        sequence: 1 + u64::from(event.code()),
        actor: actor.to_owned(),
        why: why.to_owned(),
        what: "timed, table ehr.patients, 2 h".to_owned(),
        alarm: false,
    };
    record(0, body)
}

fn refused() -> Record {
    let body = Body::ConnectionRefused {
        client_address: "192.0.2.9:1".to_owned(),
        sqlstate: *b"28P01",
        reason: "=wrong password".to_owned(),
    };
    record(0, body)
}

fn masked(session: u128, statement: u64) -> Record {
    let mut ended = outcome(session, statement);
    let (ssn, email) = ("rule:ssn".to_owned(), "detector:email".to_owned());
    if let Body::Outcome {
        masked, masking, ..
    } = &mut ended.body
    {
        *masked = vec![(ssn.clone(), 3), (email.clone(), 1)];
        // Logs from before columns were recorded are read as well.
        if !statement.is_multiple_of(4) {
            return ended;
        }
        let cells = |column: &str, kind: &str, masker, cells| MaskedCells {
            column: column.to_owned(),
            kind: kind.to_owned(),
            masker,
            cells,
        };
        let shown = RuledOutput {
            output: 2,
            how: How::Itself,
            columns: vec!["ehr.patients.ssn".to_owned()],
        };
        *masking = Some(Box::new(Masking {
            is_cut: false,
            cells: vec![
                cells("ehr.patients.ssn", "ssn", ssn, 3),
                cells("#3", "email", email, 1),
            ],
            outputs: vec![shown],
        }));
    }
    ended
}

/// One day of a session with so many statements, from the hour on.
pub(super) fn day(session: u128, hour: u64, statements: u64) -> Vec<Vec<Record>> {
    let mut groups = vec![vec![moved(opened(session), at(hour))]];
    groups.extend((1..=statements).map(|n| {
        let end = match n % 2 {
            0 => masked(session, n),
            _ => outcome(session, n),
        };
        vec![
            moved(intent(session, n), at(hour)),
            moved(end, at(hour).after_ms(5)),
        ]
    }));
    groups.push(vec![moved(closed(session, statements), at(hour + 1))]);
    groups
}

/// Two days, each a run; the last session stays open, with a statement that runs.
pub(super) static LOG: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let mut first = vec![
        vec![moved(
            grant(EventKind::Requested, "dora", "=month-end"),
            at(0),
        )],
        vec![moved(grant(EventKind::Approved, "ann", "agreed"), at(0))],
        vec![moved(grant(EventKind::Activated, "", ""), at(0))],
        vec![moved(refused(), at(1))],
    ];
    first.extend(day(1, 2, 300));
    let loaded = Body::ConfigurationLoaded { sha256: [9; 32] };
    first.push(vec![moved(record(0, loaded), at(3))]);
    one_run(directory.path(), signers(1, None), &first, false).unwrap();
    let mut second = day(2, 30, 300);
    let ended = grant(EventKind::Revoked, "ann", "done");
    second.push(vec![moved(ended, at(32))]);
    second.push(vec![moved(opened(3), at(33))]);
    second.push(vec![moved(intent(3, 1), at(33))]);
    let taken = Body::Custody(Custody {
        note: "n".to_owned(),
        actor: "uid:7".to_owned(),
        act: Act::Taken {
            what: "export".to_owned(),
            scope: "all".to_owned(),
        },
    });
    second.push(vec![moved(record(0, taken), at(34))]);
    one_run(directory.path(), signers(1, None), &second, false).unwrap();
    directory
});

fn exported(kind: Kind, format: Format, filter: &Filter) -> String {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(kind, format, &mut bytes).unwrap();
    let mut read = 0;
    export(LOG.path(), kind, filter, &mut writer, &mut |done| {
        read = done
    })
    .unwrap();
    assert!(read > 0);
    drop(writer);
    String::from_utf8(bytes).unwrap()
}

fn lines(kind: Kind, filter: &Filter) -> Vec<serde_json::Value> {
    let text = exported(kind, Format::Json, filter);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn sessions_are_joined() {
    let rows = lines(Kind::Sessions, &Filter::default());
    let outcomes: Vec<_> = rows
        .iter()
        .map(|row| row["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["refused", "closed", "closed", "open"]);
    assert_eq!(rows[1]["statements"], 300);
    assert_eq!(rows[1]["client_address"], "192.0.2.7:41000");
    assert_eq!(rows[1]["opened"], "2026-11-24T02:00:00.000Z");
    assert_eq!(rows[3]["closed"], serde_json::Value::Null);
}

#[test]
fn statements_are_joined_and_what_runs_is_said() {
    let rows = lines(Kind::Statements, &Filter::default());
    assert_eq!(rows.len(), 601);
    assert_eq!(
        rows[1]["masked"],
        serde_json::json!(["rule:ssn=3", "detector:email=1"])
    );
    assert_eq!(rows[600]["status"], "running");
    assert_eq!(rows[1]["lineage"], serde_json::json!([]));
    let shown = serde_json::json!(["#2 itself ehr.patients.ssn"]);
    assert_eq!(rows[3]["lineage"], shown);
    let masking = lines(Kind::Masking, &Filter::default());
    assert_eq!(masking.len(), 600);
    let of = |row: usize| ["table", "column", "type"].map(|name| masking[row][name].clone());
    assert_eq!(of(0), [const { serde_json::Value::Null }; 3]);
    assert_eq!(
        of(2),
        ["ehr.patients", "ssn", "ssn"].map(serde_json::Value::from)
    );
    assert_eq!(of(3)[1..], ["#3", "email"].map(serde_json::Value::from));
}

#[test]
fn grants_are_one_row_each_and_decisions_too() {
    let rows = lines(Kind::Approvals, &Filter::default());
    let events: Vec<_> = rows
        .iter()
        .map(|row| row["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["requested", "approved", "activated", "revoked"]);
    let rows = lines(Kind::Grants, &Filter::default());
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["approvals"], serde_json::json!(["ann: agreed"]));
    assert_eq!(
        (&rows[0]["state"], &rows[0]["reason"]),
        (&"revoked".into(), &"=month-end".into())
    );
    let admin = lines(Kind::Admin, &Filter::default());
    assert!(admin.iter().any(|row| row["event"] == "evidence_taken"));
}

/// What began before a period and ended in it belongs to it.
#[test]
fn a_period_is_what_overlaps_it() {
    let filter = Filter {
        from: at(24),
        to: at(48),
        ..Filter::default()
    };
    assert_eq!(lines(Kind::Sessions, &filter).len(), 2);
    assert_eq!(lines(Kind::Statements, &filter).len(), 301);
    assert_eq!(lines(Kind::Grants, &filter).len(), 1);
    let nobody = Filter {
        identity: Some("nobody".to_owned()),
        ..Filter::default()
    };
    assert_eq!(lines(Kind::Statements, &nobody).len(), 0);
}

#[test]
fn csv_has_a_header_and_no_formulas() {
    for kind in Kind::ALL {
        let text = exported(kind, Format::Csv, &Filter::default());
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(csv.headers().unwrap(), kind.columns().to_vec());
        for row in csv.records() {
            for cell in &row.unwrap() {
                assert!(!cell.starts_with(['=', '+', '@', '-']), "{cell}");
            }
        }
    }
    assert!(exported(Kind::Grants, Format::Csv, &Filter::default()).contains("'=month-end"));
}

/// The attributes that OCSF 1.8 requires of each class.
#[test]
fn events_have_what_their_class_requires() {
    let of_class = |class: u64| match class {
        3_002 => &["user", "service"][..],
        3_004 => &["entity"],
        3_005 => &["user"],
        6_002 => &["app"],
        6_005 => &["actor", "src_endpoint", "database"],
        other => panic!("class {other}"),
    };
    for kind in Kind::ALL {
        let text = exported(kind, Format::Ocsf, &Filter::default());
        assert!(!text.is_empty());
        for line in text.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let class = event["class_uid"].as_u64().unwrap();
            let activity = event["activity_id"].as_u64().unwrap();
            assert_eq!(event["type_uid"], class * 100 + activity);
            assert_eq!(event["category_uid"], class / 1_000);
            assert_eq!(event["metadata"]["version"], "1.8.0");
            for required in ["time", "severity_id", "metadata"] {
                assert!(!event[required].is_null(), "{required}: {line}");
            }
            for required in of_class(class) {
                assert!(event[required].is_object(), "{required}: {line}");
            }
        }
    }
}

/// Rows that end at a start: a gateway that was killed left them.
#[test]
fn what_a_crash_left_open_is_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let groups = vec![vec![opened(1)], vec![intent(1, 1)]];
    one_run(directory.path(), signers(1, None), &groups, true).unwrap();
    one_run(directory.path(), signers(1, None), &[], false).unwrap();
    let row = |kind: Kind| {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(kind, Format::Json, &mut bytes).unwrap();
        let filter = Filter::default();
        export(directory.path(), kind, &filter, &mut writer, &mut |_| {}).unwrap();
        drop(writer);
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    assert_eq!(row(Kind::Sessions)["outcome"], "unknown");
    assert_eq!(row(Kind::Statements)["status"], "unknown");
}
