//! Each operation of the disk fails once, in each way that a disk fails: what was acknowledged is
//! there after the next start, the log verifies, and it goes on.

use std::collections::BTreeMap;

use velum_core::audit::tree::{Edge, leaf_hash};

use super::super::disk::fault::{self, Fault};
use super::super::rebuild::Trust;
use super::super::store::{self, Publication};
use super::runs::{by, checked, key, one_run, signers, statements};
use super::*;

/// What a run was told is on disk, by sequence.
type Acknowledged = BTreeMap<u64, Vec<u8>>;

/// A run as the writer and the publisher have it, on one thread: groups, segments that end, and
/// checkpoints with their tiles. Ends at the first thing that fails.
fn run_until_it_fails(directory: &Path, acknowledged: &mut Acknowledged) -> Result<(), String> {
    let signers = signers(1, None);
    let trust = Trust {
        keys: signers.keys(),
        accepts_mismatch: false,
    };
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let state =
        recover::recover(directory, Timestamp(9), &trust).map_err(|error| failed(&error))?;
    let found = state.tree.found().ok_or("an overruled log")?;
    store::publish(directory, &signers, &found).map_err(|error| failed(&error))?;
    let mut edge: Edge = state.tree.edge.clone();
    let mut groups = vec![state.unknown.clone()];
    groups[0].push(gateway(recover::STARTED));
    groups[0].push(record(0, signers.record()));
    groups.extend(statements(3, 24));
    run(async {
        let mut log = Log::new(
            PlainDisk::new(directory),
            SEGMENT_BYTES,
            state.next_sequence,
        );
        let last = groups.len() - 1;
        for (number, group) in groups.iter().enumerate() {
            let mut staged = Vec::new();
            for record in group {
                let bytes = encoded(record);
                let sequence = log.stage(&bytes).map_err(|error| failed(&error))?;
                staged.push((sequence, bytes));
            }
            log.commit().await.map_err(|error| failed(&error))?;
            for (sequence, bytes) in staged {
                edge.push(leaf_hash(&bytes));
                acknowledged.insert(sequence, bytes);
            }
            if number % 8 == 0 || number == last {
                let mut tiles = edge.take_finished();
                tiles.extend(edge.partials());
                let publication = Publication {
                    size: edge.size(),
                    root: edge.root(),
                    tiles,
                    is_handover: number == 8,
                };
                let published = store::publish(directory, &signers, &publication);
                published.map_err(|error| failed(&error))?;
            }
        }
        log.close().await.map_err(|error| failed(&error))
    })
}

#[test]
fn whatever_operation_fails_nothing_acknowledged_is_lost() {
    let mut failures = 0;
    for fault in Fault::ALL {
        for nth in 1.. {
            let directory = tempfile::tempdir().unwrap();
            let mut acknowledged = Acknowledged::new();
            // A run before, that was killed with a statement open.
            let before = [vec![intent(1, 1), outcome(1, 1)], vec![intent(1, 2)]];
            one_run(directory.path(), signers(1, None), &before, true).unwrap();
            fault::plan(nth, fault);
            let ended = run_until_it_fails(directory.path(), &mut acknowledged);
            let has_failed = fault::end();
            assert_eq!(ended.is_err(), has_failed, "{fault:?} at {nth}: {ended:?}");
            holds(
                directory.path(),
                &acknowledged,
                &format!("{fault:?} at {nth}"),
            );
            if !has_failed {
                break;
            }
            failures += 1;
        }
    }
    // Each of the writes, syncs and names of a run, in each way.
    assert!(failures > 5 * 60, "only {failures} failures");
}

/// The next start, and what the log has after it.
fn holds(directory: &Path, acknowledged: &Acknowledged, when: &str) {
    let started = one_run(directory, signers(1, None), &statements(9, 3), false);
    started.unwrap_or_else(|error| panic!("{when}: it does not start: {error}"));
    let report = checked(directory, &by(&[1]));
    let report = report.unwrap_or_else(|failure| panic!("{when}: {failure}"));
    assert_eq!(report.verified, report.records, "{when}");
    let there: Acknowledged = read_all(directory)
        .unwrap()
        .into_iter()
        .map(|(sequence, record)| (sequence, encoded(&record)))
        .collect();
    for (sequence, bytes) in acknowledged {
        assert_eq!(
            there.get(sequence),
            Some(bytes),
            "{when}: record {sequence}"
        );
    }
    assert!(report.signed_by.contains(&key(1).to_string()), "{when}");
}
