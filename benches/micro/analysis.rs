//! The door that statements go through: what it costs to know one again, to read a new one, and to
//! know what the policy says of it.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use velum_benches::statements::{CATALOG_TABLES, STATEMENTS, catalog, policy};
use velum_core::limits::ANALYSES_BYTES;
use velum_core::sql::lineage::{Outputs, SearchPath};
use velum_core::sql::{Analyses, read};

fn analysis(criterion: &mut Criterion) {
    let catalog = catalog();
    let path = &SearchPath::Unknown;
    assert_eq!(catalog.relations.len(), CATALOG_TABLES);
    let policy = policy();
    let mut group = criterion.benchmark_group("analysis");
    let mut analyses = Analyses::new(ANALYSES_BYTES);
    for (name, text, columns) in STATEMENTS {
        let known = read(text.as_bytes(), &catalog, path);
        let known = known.unwrap_or_else(|error| panic!("{name}: {error}"));
        let [statement] = known.as_slice() else {
            panic!("{name} is one statement");
        };
        let outputs = statement.lineage.outputs.as_ref();
        let Ok(Outputs::Each(flows)) = outputs else {
            panic!("{name} is not followed: {outputs:?}");
        };
        assert_eq!(flows.len(), *columns, "{name}");
        group.bench_function(format!("cold/{name}"), |bencher| {
            bencher.iter(|| black_box(read(text.as_bytes(), &catalog, path)));
        });
        let _ = analyses.get(text.as_bytes(), &catalog, path);
        let verdict = analyses.judge(text.as_bytes(), &catalog, path, &policy);
        assert!(matches!(verdict, Ok(Ok(_))), "{name} may run: {verdict:?}");
        group.bench_function(format!("judged/{name}"), |bencher| {
            bencher.iter(|| black_box(analyses.judge(text.as_bytes(), &catalog, path, &policy)));
        });
        group.bench_function(format!("known/{name}"), |bencher| {
            bencher.iter(|| black_box(analyses.get(text.as_bytes(), &catalog, path)));
        });
    }
    group.finish();
}

criterion_group!(benches, analysis);
criterion_main!(benches);
