//! A session in memory: GiB a second by shape of row and by what the policy asks for.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use velum_benches::relay::{Asked, Relay, released_hash};
use velum_benches::result::{Shape, result};
use velum_detectors::Detectors;

/// Bytes of one result.
const RESULT_BYTES: usize = 8 * 1024 * 1024;

/// Shape, policy, and hash of what the client must get.
const ROWS: &[(Shape, Asked, u64)] = &[
    (Shape::Narrow, Asked::Exempt, 0xce29_38fe_15a6_34d6),
    (Shape::Narrow, Asked::Rule, 0xb78e_2dba_7880_4623),
    (Shape::Narrow, Asked::Content, 0xbf73_ff42_29f4_f3f6),
    (Shape::Wide, Asked::Exempt, 0x8ad7_1951_7e1d_6129),
    (Shape::Wide, Asked::Rule, 0xdda7_6020_4bcd_01f2),
    (Shape::Wide, Asked::Content, 0x21b6_11d2_c11b_53f7),
    (Shape::Prose, Asked::Exempt, 0x9a26_f72d_9f23_7614),
    (Shape::Prose, Asked::Content, 0xe2ea_bffe_cfda_fcb5),
    (Shape::Binary, Asked::Exempt, 0x8843_cfc2_eb2b_3c65),
    (Shape::Binary, Asked::Rule, 0xb487_e84f_dce9_daf0),
    (Shape::Binary, Asked::Content, 0x1ab7_766b_758a_26fe),
];

fn session(criterion: &mut Criterion) {
    let detectors = Arc::new(Detectors::standard());
    let mut group = criterion.benchmark_group("session");
    group.sample_size(10);
    let mut wrong = Vec::new();
    for (shape, asked, expected) in ROWS {
        let answer = result(*shape, RESULT_BYTES);
        let name = format!("{shape:?}/{asked:?}").to_lowercase();
        let hash = released_hash(*asked, &detectors, &answer);
        if hash != *expected {
            wrong.push(format!(
                "{name}: the client gets {hash:#018x}, declared is {expected:#018x}"
            ));
            continue;
        }
        group.throughput(Throughput::Bytes(answer.len() as u64));
        group.bench_function(name, |bencher| {
            let mut relay = Relay::new(*asked, &detectors);
            bencher.iter(|| {
                relay.ask(&answer, |bytes| {
                    black_box(bytes);
                })
            });
        });
    }
    group.finish();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// What a receipt costs where a column is masked in each row, all of its values different or not.
fn receipts(criterion: &mut Criterion) {
    let detectors = Arc::new(Detectors::standard());
    let mut group = criterion.benchmark_group("receipt");
    group.sample_size(10);
    for shape in [Shape::Narrow, Shape::Wide] {
        let answer = result(shape, RESULT_BYTES);
        group.throughput(Throughput::Bytes(answer.len() as u64));
        for (name, commits) in [
            ("none", None),
            ("counts", Some(false)),
            ("values", Some(true)),
        ] {
            let name = format!("{shape:?}/{name}").to_lowercase();
            group.bench_function(name, |bencher| {
                let mut relay = match commits {
                    None => Relay::new(Asked::Rule, &detectors),
                    Some(commits) => Relay::with_receipt(Asked::Rule, &detectors, commits),
                };
                bencher.iter(|| {
                    relay.ask(&answer, |bytes| {
                        black_box(bytes);
                    })
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, session, receipts);
criterion_main!(benches);
