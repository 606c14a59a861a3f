//! `velum audit verify` on a log of so many records, and `velum audit search` beside reading it.

use std::time::Instant;

use velum_benches::record;
use velum_core::audit::tree::key::KeyKind;
use velum_core::audit::tree::{Edge, NoteSigner, leaf_hash};
use velum_proxy::audit::index::{self, Wanted};
use velum_proxy::audit::log::Log;
use velum_proxy::audit::medium::PlainDisk;
use velum_proxy::audit::read::{self, ReadError};
use velum_proxy::audit::signing::Signers;
use velum_proxy::audit::store::{self, Publication};
use velum_proxy::audit::verify::{Options, verify};

use crate::records;

/// As the configuration's default.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// The session that is looked for: 200 records.
const SOUGHT: u64 = 300;
/// Records of one group.
const GROUP: u64 = 64;

/// A key for tests.
pub fn signers() -> Result<Signers, String> {
    let signer = NoteSigner::new("bench.example/velum", KeyKind::Ed25519, &[7; 32]);
    Ok(Signers {
        current: signer.map_err(|error| error.to_string())?,
        previous: None,
    })
}

/// Writes the log, and verifies it `rounds` times.
pub fn measure(records: u64, rounds: usize) -> Result<String, String> {
    let folder = tempfile::TempDir::with_prefix("velum-verify-");
    let folder = folder.map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    eprintln!("verify: writing {records} records");
    runtime.block_on(write(folder.path(), records))?;
    let options = Options {
        keys: signers()?.keys(),
        ..Options::default()
    };
    let (mut speeds, mut steps, mut bytes) = (Vec::new(), 0u64, 0);
    for round in 0..rounds {
        eprintln!("verify: round {} of {rounds}", round + 1);
        let began = Instant::now();
        let report = verify(folder.path(), &options, &mut |_| steps += 1);
        let report = report.map_err(|failure| failure.to_string())?;
        if (report.records, report.verified) != (records, records) {
            return Err(format!("{} records were verified", report.verified));
        }
        bytes = report.bytes;
        speeds.push(records as f64 / began.elapsed().as_secs_f64());
    }
    let searched = search(folder.path(), rounds)?;
    let (low, middle, high) = record::median(speeds);
    Ok(format!(
        "\n## Verified on one core\n\n{records} records ({} MB), {rounds} rounds: {middle:.0} \
         records a second ({low:.0} to {high:.0}); {} steps of progress each.\n{searched}",
        bytes / 1_000_000,
        steps / rounds.max(1) as u64,
    ))
}

/// One session of the middle, by reading the log and by its index.
fn search(directory: &std::path::Path, rounds: usize) -> Result<String, String> {
    let failed = |error: ReadError| error.to_string();
    let wanted = Wanted {
        session: Some(format!("{:032x}", u128::from(SOUGHT) << 64 | 1)),
        ..Wanted::default()
    };
    let began = Instant::now();
    let segments = index::build(directory, true, &mut |_| {}).map_err(failed)?;
    let made = began.elapsed().as_secs_f64();
    let (mut read, mut found) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (mut by_reading, mut by_index) = (Vec::new(), Vec::new());
        let began = Instant::now();
        read::for_each(directory, 0, |sequence, record| {
            if record.session.0 == u128::from(SOUGHT) << 64 | 1 {
                by_reading.push(sequence);
            }
            true
        })
        .map_err(failed)?;
        read.push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        index::search(directory, &wanted, |sequence, _| {
            by_index.push(sequence);
            true
        })
        .map_err(failed)?;
        found.push(began.elapsed().as_secs_f64() * 1e3);
        if by_index != by_reading || by_index.is_empty() {
            return Err(format!(
                "{} records were found, not {}",
                by_index.len(),
                by_reading.len()
            ));
        }
    }
    let show = |times| {
        let (low, middle, high) = record::median(times);
        format!("{middle:.1} ms ({low:.1} to {high:.1})")
    };
    Ok(format!(
        "\n## One session found\n\nBy reading all records {}; by the index {}, the last \
         segment read. {segments} segments indexed in {made:.2} s.\n",
        show(read),
        show(found)
    ))
}

async fn write(directory: &std::path::Path, records: u64) -> Result<(), String> {
    let mut log = Log::new(PlainDisk::new(directory), SEGMENT_BYTES, 1);
    let mut edge = Edge::default();
    let mut tiles = Vec::new();
    let failed = |error: velum_proxy::audit::log::LogFailed| error.to_string();
    for sequence in 1..=records {
        // A session of 100 statements, then the next.
        let statement = sequence.div_ceil(2);
        let session = u128::from(statement / 100) << 64 | 1;
        let record = match sequence % 2 {
            1 => records::intent(session, statement),
            _ => records::outcome(session, statement),
        };
        let bytes = records::encoded(&record);
        log.stage(&bytes).map_err(failed)?;
        edge.push(leaf_hash(&bytes));
        if sequence % GROUP == 0 {
            log.commit().await.map_err(failed)?;
            tiles.append(&mut edge.take_finished());
        }
    }
    log.close().await.map_err(failed)?;
    tiles.append(&mut edge.take_finished());
    tiles.extend(edge.partials());
    let publication = Publication {
        size: edge.size(),
        root: edge.root(),
        tiles,
        is_handover: false,
    };
    store::publish(directory, &signers()?, &publication).map_err(|error| error.to_string())
}
