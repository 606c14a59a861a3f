//! How long a pack of many statements takes. `VELUM_PACK_STATEMENTS=1000000` before
//! `cargo test -p velum-proxy --lib -- a_pack_of_many --nocapture` says how many.

use std::time::Instant;

use super::super::super::pack::build::{Order, build};
use super::super::super::pack::verify::verify;
use super::*;

const RUNS: u64 = 10;
const STATEMENTS: u64 = 5_000;
const GROUP: usize = 4_000;

#[test]
fn a_pack_of_many_statements_is_made_and_verified() {
    let wanted = std::env::var("VELUM_PACK_STATEMENTS");
    let statements = wanted.map_or(STATEMENTS, |it| it.parse().expect("a number"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for run in 0..RUNS {
        let records: Vec<Record> = day(u128::from(run) + 1, 24 * run, statements / RUNS)
            .into_iter()
            .flatten()
            .collect();
        let groups: Vec<Vec<Record>> = records.chunks(GROUP).map(<[Record]>::to_vec).collect();
        one_run(path, signers(1, None), &groups, false).unwrap();
    }
    let segments = read::segments(path).unwrap();
    let bytes: u64 = segments
        .iter()
        .map(|(_, path)| path.metadata().unwrap().len())
        .sum();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("pack.tar.zst");
    let order = Order {
        directory: path,
        data_directory: folder.path(),
        signers: &signers(1, None),
        period: Filter::default(),
        output: &output,
    };
    let (began, mut steps) = (Instant::now(), 0);
    let made = build(&order, &mut |_, _, _| steps += 1).unwrap();
    let built = began.elapsed();
    let began = Instant::now();
    let verified = verify(&output, &[key(1)], &mut |_, _, _| steps += 1).unwrap();
    assert!(verified.is_derived);
    println!(
        "{} records, {bytes} bytes of segments, pack of {} bytes: built in {built:.1?}, verified \
         in {:.1?}, {steps} steps of progress",
        made.records,
        made.bytes,
        began.elapsed()
    );
}
