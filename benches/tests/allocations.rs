//! Nothing is allocated per frame: a result of twice as many rows costs as many allocations.

use std::alloc::System;
use std::sync::Arc;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use velum_benches::relay::{Asked, Relay};
use velum_benches::result::{Shape, result};
use velum_detectors::Detectors;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RESULT_BYTES: usize = 2 * 1024 * 1024;

/// Allocations of relaying `answer` once, buffers being as large as they get.
fn allocations(relay: &mut Relay, answer: &[u8]) -> usize {
    relay.ask(answer, |_| {});
    let region = Region::new(ALLOCATOR);
    relay.ask(answer, |_| {});
    let change = region.change();
    change.allocations + change.reallocations
}

/// One test: others beside it would be counted too.
#[test]
fn a_result_of_twice_the_rows_allocates_no_more() {
    let detectors = Arc::new(Detectors::standard());
    let shapes = [Shape::Narrow, Shape::Wide, Shape::Prose, Shape::Binary];
    let mut wrong = Vec::new();
    for shape in shapes {
        let [once, twice] = [1, 2].map(|times| result(shape, times * RESULT_BYTES));
        for asked in [Asked::Exempt, Asked::Rule, Asked::Content] {
            let mut relay = Relay::with_receipt(asked, &detectors, false);
            let counts = [&once, &twice].map(|answer| allocations(&mut relay, answer));
            if counts[0] != counts[1] {
                wrong.push(format!("{shape:?} under {asked:?}: {counts:?} allocations"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
