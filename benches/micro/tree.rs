//! The audit log's tree: what a record costs the writer, and what a whole log costs its verifier.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use velum_core::audit::record::{Body, Channel, Effect, Record, SessionId};
use velum_core::audit::token::Token;
use velum_core::audit::tree::{Edge, Hash, leaf_hash};
use velum_core::time::Timestamp;

/// Records of one measurement.
const RECORDS: u64 = 100_000;

fn record(statement: u64) -> Vec<u8> {
    let record = Record {
        time: Timestamp(1_795_500_000_000_000_000 + statement),
        session: SessionId(0x0102),
        identity: "reporting".into(),
        resource: "ehr".into(),
        body: Body::Intent {
            statement,
            effect: Effect::Read,
            channel: Channel::Extended,
            text: "SELECT id, name, ssn, city FROM ehr.patients WHERE id = $1".into(),
            token: Token([0xab; 12]),
            binds: vec![Some(Token([0x01; 12]))],
            decision: "allow".into(),
        },
    };
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes
}

fn tree(criterion: &mut Criterion) {
    let records: Vec<_> = (1..=RECORDS).map(record).collect();
    let root = |records: &[Vec<u8>]| -> Hash {
        let mut edge = Edge::default();
        for record in records {
            edge.push(leaf_hash(record));
            black_box(edge.take_finished());
        }
        edge.root()
    };
    assert_eq!(root(&records), root(&records));
    let mut group = criterion.benchmark_group("tree");
    group.throughput(Throughput::Elements(RECORDS));
    // To be at least a million records a second on one core with SHA instructions.
    group.bench_function("hashed", |bencher| {
        bencher.iter(|| black_box(root(&records)));
    });
    group.bench_function("decoded", |bencher| {
        bencher.iter(|| {
            for record in &records {
                black_box(Record::decode(record)).expect("a record");
            }
        });
    });
    group.finish();
}

criterion_group!(benches, tree);
criterion_main!(benches);
