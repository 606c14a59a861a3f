//! Any bytes as the value of any type, under a rule and under detection: judged whole and as a
//! part of a row that streams.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::catalog::{Catalog, TypeKind};
use velum_core::cell::{
    ColumnFacts, ColumnPlan, Encoding, Judge, Scratch, StreamedCell, Tally, Verdict,
};
use velum_core::policy::{Glob, Messages, Policy, Rule, Selector, Strategy};
use velum_detectors::Detectors;

const ROW: u32 = 20_000;

thread_local! {
    static ENGINE: Detectors = Detectors::standard();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[choices, high, low, strategy], value)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let type_oid = match u16::from_be_bytes([high, low]) {
        0 => ROW,
        oid => u32::from(oid),
    };
    let encoding = if choices & 1 > 0 {
        Encoding::Binary
    } else {
        Encoding::Text
    };
    let name = if choices & 2 > 0 { "ruled" } else { "free" };
    let policy = policy(strategy, choices & 4 > 0);
    let catalog = catalog();
    let facts = ColumnFacts {
        name: name.as_bytes().into(),
        table_oid: 0,
        attnum: 0,
        type_oid,
    };
    let plan = policy.plan(&catalog, &facts);
    ENGINE.with(|engine| {
        let (mut tally, mut scratch) = (Tally::default(), Scratch::default());
        let mut judge = Judge {
            policy: &policy,
            catalog: &catalog,
            inspector: engine,
            known: &[],
            key: None,
            row: Default::default(),
            tally: &mut tally,
            scratch: &mut scratch,
        };
        let mut whole = value.to_vec();
        let verdict = judge.cell(&plan, encoding, &mut whole);
        assert_eq!(
            judge.tally.total(),
            u64::from(verdict != Verdict::Unchanged)
        );
        if verdict == Verdict::Unchanged {
            assert_eq!(whole, value);
        }
        stream(&mut judge, &plan, encoding, value);
    });
});

fn policy(choice: u8, content: bool) -> Policy {
    let strategy = match choice % 4 {
        0 => Strategy::Redact,
        1 => {
            let (keep_first, keep_last) = (usize::from(choice >> 5), usize::from(choice >> 2) & 7);
            Strategy::Partial {
                keep_first,
                keep_last,
            }
        }
        2 => Strategy::Constant(
            [b"7".as_slice(), b"x y", b"2000-01-02"][choice as usize / 4 % 3].to_vec(),
        ),
        _ => Strategy::Null,
    };
    let rule = Rule {
        name: "rule".to_owned(),
        selector: Selector::ColumnName(Glob::new("ruled").expect("a pattern")),
        strategy: strategy.clone(),
    };
    Policy::new(
        "p".to_owned(),
        vec![rule],
        content.then_some(strategy),
        Messages::Strict,
        [0; 32],
    )
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let attributes = vec![23, 25, 1082, 114, ROW];
    catalog
        .types
        .insert(ROW, ("row".to_owned(), TypeKind::Composite { attributes }));
    catalog
}

/// The value as one of a large row, and as one whose end is not known.
fn stream(judge: &mut Judge<'_, Detectors>, plan: &ColumnPlan, encoding: Encoding, value: &[u8]) {
    for known in [true, false] {
        let length = if known { value.len() } else { usize::MAX };
        let Ok(mut cell) = StreamedCell::begin(judge.policy, plan, encoding, length) else {
            continue;
        };
        let mut bytes = value.to_vec();
        let mut done = 0;
        while !cell.is_done() {
            let left = bytes.len() - done;
            if !known && left < cell.wants() {
                cell.ends_in(left);
                continue;
            }
            let wanted = cell.wants();
            match cell.feed(judge, plan, &mut bytes[done..done + wanted]) {
                Ok(judged) => done += judged,
                Err(_) => return,
            }
        }
        assert_eq!(done, value.len());
    }
}
