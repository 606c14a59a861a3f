//! Retention: what is due goes, nothing else does, and the log is the same log after it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use velum_core::audit::custody::{Act, Custody};

use super::super::expired::{self, Gone};
use super::super::retention::{self, Hold, Plan, Retention};
use super::super::verify::Failure;
use super::evidence::{DAY, at, moved};
use super::runs::*;
use super::*;

const DAY_MS: u64 = 86_400_000;

fn kept(days: u64) -> Retention {
    Retention {
        approvals_days: days,
        sessions_days: days,
        statements_days: days,
        admin_days: days,
    }
}

fn held(name: &str, identity: &str, from: Timestamp, until: Timestamp) -> Record {
    let act = Act::Held {
        hold: name.to_owned(),
        identity: identity.to_owned(),
        resource: String::new(),
        from,
        until,
        why: "litigation".to_owned(),
    };
    custody(act)
}

fn custody(act: Act) -> Record {
    let custody = Custody {
        note: "n".to_owned(),
        actor: "uid:7".to_owned(),
        act,
    };
    record(0, Body::Custody(custody))
}

/// Statements of so many days, one segment or more a day, each day a run.
fn days(count: u64) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for day in 0..count {
        let time = at(24 * day);
        let groups: Vec<Vec<Record>> = statements(u128::from(day) + 1, 40)
            .into_iter()
            .map(|group| group.into_iter().map(|it| moved(it, time)).collect())
            .collect();
        one_run(directory.path(), signers(1, None), &groups, false).unwrap();
    }
    directory
}

fn planned(directory: &Path, retention: Retention, now: Timestamp) -> Plan {
    retention::plan(directory, &retention, now, &mut |_| {}).unwrap()
}

/// As the gateway does it: recorded and signed, then deleted.
fn expire(directory: &Path, plan: &Plan) {
    let (body, mut gone) = plan.record(directory, "note", "uid:7").unwrap();
    let record = moved(record(0, body), at(24_000));
    one_run(directory, signers(1, None), &[vec![record]], false).unwrap();
    read::for_each(directory, 0, |sequence, record| {
        if matches!(&record.body, Body::Custody(it) if matches!(it.act, Act::Expired { .. })) {
            gone.record = sequence;
        }
        true
    })
    .unwrap();
    expired::store(directory, &gone).unwrap();
    retention::delete(directory, &gone).unwrap();
}

fn refused(directory: &Path) -> String {
    match checked(directory, &by(&[1])) {
        Err(Failure::Found(finding)) => finding.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => "nothing".to_owned(),
    }
}

#[test]
fn what_is_due_goes_and_the_rest_verifies_against_the_same_tree() {
    let directory = days(6);
    let path = directory.path();
    let before = read::segments(path).unwrap().len();
    let plan = planned(path, kept(3), DAY.after_ms(5 * DAY_MS));
    assert!(!plan.segments.is_empty() && plan.segments.len() + 2 < before);
    expire(path, &plan);
    let report = checked(path, &by(&[1])).unwrap();
    let said = report
        .remarks
        .iter()
        .find(|it| it.contains("were deleted when due"));
    assert!(said.is_some(), "{:?}", report.remarks);
    assert_eq!(super::tamper::python(path, 1, &[]), None);
    // The gateway goes on, and so does the log.
    one_run(path, signers(1, None), &statements(99, 50), false).unwrap();
    assert!(checked(path, &by(&[1])).is_ok());
    assert_eq!(super::tamper::python(path, 1, &[]), None);
    // A second time, over the first.
    let plan = planned(path, kept(3), DAY.after_ms(7 * DAY_MS));
    expire(path, &plan);
    let gone = expired::confirmed(path).unwrap();
    assert_eq!(gone.runs.len(), 1, "{gone:?}");
    assert!(checked(path, &by(&[1])).is_ok());
    assert_eq!(super::tamper::python(path, 1, &[]), None);
    one_run(path, signers(1, None), &statements(100, 5), false).unwrap();
}

/// A hold leaves an island in the middle.
#[test]
fn a_hold_keeps_its_segments_and_the_gaps_around_them_verify() {
    let directory = days(6);
    let path = directory.path();
    let hold = moved(held("case-1", "agent", at(48), at(72)), at(120));
    one_run(path, signers(1, None), &[vec![hold]], false).unwrap();
    let plan = planned(path, kept(1), DAY.after_ms(60 * DAY_MS));
    expire(path, &plan);
    let gone = expired::confirmed(path).unwrap();
    assert_eq!(
        gone.runs.len(),
        2,
        "before the island and behind it: {gone:?}"
    );
    let mut of_the_day = 0;
    read::for_each(path, 0, |_, record| {
        of_the_day += u64::from(record.time >= at(48) && record.time < at(72));
        true
    })
    .unwrap();
    assert_eq!(of_the_day, 80);
    assert!(checked(path, &by(&[1])).is_ok());
    assert_eq!(super::tamper::python(path, 1, &[]), None);
    one_run(path, signers(1, None), &statements(99, 5), false).unwrap();
}

#[test]
fn what_nobody_recorded_as_deleted_is_missed() {
    let directory = days(4);
    let path = directory.path();
    let first = read::segments(path).unwrap().remove(0).1;
    let bytes = fs::read(&first).unwrap();
    fs::remove_file(&first).unwrap();
    assert!(refused(path).contains("should begin with record 1"));
    assert!(super::tamper::python(path, 1, &[]).is_some());
    let started = one_run(path, signers(1, None), &[], false);
    assert!(started.is_err());
    // A file that says so is not enough.
    let gone = Gone {
        record: 3,
        runs: vec![(1, 1_000)],
    };
    expired::store(path, &gone).unwrap();
    assert!(refused(path).contains("should begin with record 1"));
    assert!(one_run(path, signers(1, None), &[], false).is_err());
    fs::write(&first, bytes).unwrap();
    fs::remove_file(path.join(expired::FILE)).unwrap();
    one_run(path, signers(1, None), &[], false).unwrap();
    // Nor is a record that covers less.
    let plan = planned(path, kept(1), DAY.after_ms(3 * DAY_MS));
    expire(path, &plan);
    assert_eq!(refused(path), "nothing");
    let next = read::segments(path).unwrap().remove(0).1;
    fs::remove_file(next).unwrap();
    assert!(refused(path).contains("should begin with record"));
    assert!(super::tamper::python(path, 1, &[]).is_some());
}

/// A gateway that began with the wrong clock has written no old records.
#[test]
fn a_clock_that_went_back_makes_nothing_due() {
    let directory = days(1);
    let path = directory.path();
    let late = statements(9, 100).into_iter();
    let late: Vec<Vec<Record>> = late
        .map(|group| {
            group
                .into_iter()
                .map(|it| moved(it, Timestamp(1)))
                .collect()
        })
        .collect();
    one_run(path, signers(1, None), &late, false).unwrap();
    one_run(path, signers(1, None), &[], false).unwrap();
    let plan = planned(path, kept(2), at(24));
    let first = plan.segments.iter().map(|(_, it)| it.first).max();
    assert_eq!(first, None, "{:?}", plan.segments);
    assert!(!planned(path, kept(2), at(72)).segments.is_empty());
}

#[test]
fn what_leads_from_key_to_key_is_never_due() {
    let directory = days(1);
    let path = directory.path();
    one_run(path, signers(2, Some(1)), &statements(8, 100), false).unwrap();
    one_run(path, signers(2, None), &statements(9, 100), false).unwrap();
    let plan = planned(path, kept(1), Timestamp(u64::MAX));
    assert!(!plan.segments.is_empty());
    let mut exchange = 0;
    read::for_each(path, 0, |sequence, record| {
        if matches!(
            &record.body,
            Body::SigningKey {
                previous: Some(_),
                ..
            }
        ) {
            exchange = sequence;
        }
        true
    })
    .unwrap();
    let mut due = plan.segments.iter().map(|(_, it)| it.first..=it.last);
    assert!(due.all(|run| !run.contains(&exchange)));
}

/// A record with a time, an identity and a kind of its own.
fn arbitrary() -> impl Strategy<Value = (u64, bool, u8)> {
    (0_u64..30, any::<bool>(), 0_u8..4)
}

fn made((day, somebody, kind): (u64, bool, u8), index: u64) -> Vec<Record> {
    let session = u128::from(index) + 1;
    let records = match kind {
        0 => vec![intent(session, 1), outcome(session, 1)],
        1 => vec![super::evidence::closed(session, 1)],
        2 => vec![gateway("draining")],
        _ => vec![
            super::evidence::opened(session),
            super::evidence::closed(session, 0),
        ],
    };
    let moved = |record: Record| {
        let mut record = moved(record, at(24 * day));
        if somebody {
            record.identity = "somebody".into();
        }
        record
    };
    records.into_iter().map(moved).collect()
}

fn holds() -> impl Strategy<Value = Vec<(bool, u64, u64)>> {
    proptest::collection::vec((any::<bool>(), 0_u64..30, 1_u64..6), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the log, the terms, the holds and the day: no record that is not due is in a
    /// segment that is deleted.
    #[test]
    fn nothing_is_deleted_before_it_is_due(
        made_of in proptest::collection::vec(arbitrary(), 40..240),
        holding in holds(),
        terms in [1_u64..20, 1_u64..20, 1_u64..20, 1_u64..20],
        today in 0_u64..60,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let mut groups: Vec<Vec<Record>> = (0_u64..)
            .zip(made_of)
            .map(|(index, it)| made(it, index))
            .collect();
        for (index, (of_one, from, days)) in holding.iter().enumerate() {
            let identity = if *of_one { "somebody" } else { "" };
            let (from, until) = (at(24 * from), at(24 * (from + days)));
            groups.push(vec![held(&format!("h{index}"), identity, from, until)]);
        }
        write_groups(path, 1, &groups);
        // Signed, and with a segment behind all of them.
        let retention = Retention {
            approvals_days: terms[0],
            sessions_days: terms[1],
            statements_days: terms[2],
            admin_days: terms[3],
        };
        one_run(path, signers(1, None), &[], false).unwrap();
        let now = at(24 * today);
        let plan = planned(path, retention, now);
        let holds: BTreeMap<String, Hold> = retention::holds(path).unwrap();
        let mut all = BTreeMap::new();
        read::for_each(path, 0, |sequence, record| {
            all.insert(sequence, record);
            true
        })
        .unwrap();
        for (_, segment) in &plan.segments {
            for record in all.range(segment.first..=segment.last).map(|(_, record)| record) {
                let days = match &record.body {
                    Body::Grant { .. } => terms[0],
                    Body::SessionOpened { .. } | Body::SessionClosed { .. } => terms[1],
                    Body::Intent { .. } | Body::Outcome { .. } => terms[2],
                    _ => terms[3],
                };
                prop_assert!(record.time.after_ms(days * DAY_MS) <= now);
                prop_assert!(holds.values().all(|hold| !hold.covers(record)));
            }
        }
        if !plan.segments.is_empty() {
            expire(path, &plan);
            let left: Vec<u64> = read_all(path).unwrap().into_iter().map(|(at, _)| at).collect();
            for sequence in all.keys() {
                let is_due = plan.segments.iter();
                let mut runs = is_due.map(|(_, it)| it.first..=it.last);
                let is_due = runs.any(|run| run.contains(sequence));
                prop_assert_eq!(left.contains(sequence), !is_due);
            }
            prop_assert!(checked(path, &by(&[1])).is_ok());
        }
    }
}
