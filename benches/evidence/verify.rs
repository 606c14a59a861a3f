//! `velum audit verify` on a log of so many records.

use std::time::Instant;

use velum_benches::record;
use velum_core::audit::tree::key::KeyKind;
use velum_core::audit::tree::{Edge, NoteSigner, leaf_hash};
use velum_proxy::audit::log::Log;
use velum_proxy::audit::medium::PlainDisk;
use velum_proxy::audit::signing::Signers;
use velum_proxy::audit::store::{self, Publication};
use velum_proxy::audit::verify::{Options, verify};

use crate::records;

/// As the configuration's default.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
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
    let (low, middle, high) = record::median(speeds);
    Ok(format!(
        "\n## Verified on one core\n\n{records} records ({} MB), {rounds} rounds: {middle:.0} records \
         a second ({low:.0} to {high:.0}); {} steps of progress each.\n",
        bytes / 1_000_000,
        steps / rounds.max(1) as u64,
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
