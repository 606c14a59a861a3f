//! Cells of every type under every strategy, through the door that sessions use.

mod content;
mod json;
mod random;
mod rules;
mod stream;

use super::{ColumnFacts, ColumnPlan, Encoding, Judge, Scratch, Tally, Verdict};
use crate::audit::receipt::values::{Kept, Mark, Secret};
use crate::catalog::{Catalog, TypeKind};
use crate::inspect::{DetectorId, Finding, Inspect, Surroundings};
use crate::policy::{Glob, Messages, Policy, Rule, Selector, Strategy};

pub(super) const SSN: DetectorId = DetectorId(7);
pub(super) const NINE_DIGITS: DetectorId = DetectorId(8);

/// Finds `123-45-6789`, and nine digits that are no part of a longer number; zeros are none.
pub(super) struct Numbers;

impl Inspect for Numbers {
    fn inspect(&self, text: &[u8], _: Surroundings<'_>, out: &mut Vec<Finding>) {
        let shapes: [(&[u8], DetectorId); 2] = [(b"ddd-dd-dddd", SSN), (b"ddddddddd", NINE_DIGITS)];
        let is_digit = |index: usize| text.get(index).is_some_and(u8::is_ascii_digit);
        for start in 0..text.len() {
            for (shape, detector) in shapes {
                let end = start + shape.len();
                let bounded = (start == 0 || !is_digit(start - 1)) && !is_digit(end);
                let matches = text.get(start..end).is_some_and(|part| {
                    part.iter().zip(shape).all(|(byte, class)| match class {
                        b'd' => byte.is_ascii_digit(),
                        _ => byte == class,
                    })
                });
                let zeros = text
                    .get(start..end)
                    .is_some_and(|part| !part.iter().any(|byte| (b'1'..=b'9').contains(byte)));
                if bounded && matches && !zeros {
                    out.push(Finding {
                        start,
                        end,
                        detector,
                    });
                }
            }
        }
    }

    fn horizon_bytes(&self) -> usize {
        13
    }

    fn detector_name(&self, _: DetectorId) -> &str {
        "number"
    }
}

/// A policy whose rules mask column names, in order.
pub(super) fn policy(rules: &[(&str, Strategy)], content: Option<Strategy>) -> Policy {
    let rules = rules.iter().map(|(name, strategy)| Rule {
        name: (*name).to_owned(),
        selector: Selector::ColumnName(Glob::new(name).unwrap()),
        strategy: strategy.clone(),
    });
    Policy::new(
        "test".to_owned(),
        rules.collect(),
        content,
        Messages::Strict,
        [0; 32],
    )
}

pub(super) fn facts(name: &str, type_oid: u32) -> ColumnFacts {
    ColumnFacts {
        name: name.as_bytes().into(),
        table_oid: 0,
        attnum: 0,
        type_oid,
    }
}

pub(super) const DOMAIN_OVER_DATE: u32 = 20_001;
pub(super) const ROW_OF_INT_AND_TEXT: u32 = 20_002;
pub(super) const ENUM: u32 = 20_003;
pub(super) const ARRAY_OF_ROWS: u32 = 20_004;
pub(super) const ARRAY_OF_ENUM: u32 = 20_005;
pub(super) const UNKNOWN: u32 = 99_999;

pub(super) fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for (oid, name, kind) in [
        (DOMAIN_OVER_DATE, "born", TypeKind::Domain { base: 1082 }),
        (
            ROW_OF_INT_AND_TEXT,
            "pair",
            TypeKind::Composite {
                attributes: vec![23, 25],
            },
        ),
        (ENUM, "sex", TypeKind::Enum),
        (
            ARRAY_OF_ROWS,
            "_pair",
            TypeKind::Array {
                element: ROW_OF_INT_AND_TEXT,
            },
        ),
        (ARRAY_OF_ENUM, "_sex", TypeKind::Array { element: ENUM }),
    ] {
        catalog.types.insert(oid, (name.to_owned(), kind));
    }
    catalog
}

/// A cell's value after judgement, and what was counted.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// `None`: NULL.
    pub(super) value: Option<Vec<u8>>,
    pub(super) verdict: Verdict,
    pub(super) tally: Tally,
}

impl Outcome {
    pub(super) fn text(&self) -> Option<&str> {
        self.value
            .as_deref()
            .map(|value| std::str::from_utf8(value).unwrap())
    }
}

pub(super) fn judge(
    policy: &Policy,
    plan: &ColumnPlan,
    encoding: Encoding,
    value: &[u8],
) -> Outcome {
    let catalog = catalog();
    let (mut tally, mut scratch) = (keeping(), Scratch::default());
    let mut judge = Judge {
        policy,
        catalog: &catalog,
        inspector: &Numbers,
        known: &[],
        key: None,
        row: Default::default(),
        tally: &mut tally,
        scratch: &mut scratch,
    };
    let mut bytes = value.to_vec();
    let verdict = judge.cell(plan, encoding, &mut bytes);
    let value = match verdict {
        Verdict::Unchanged => {
            assert_eq!(bytes, value, "unchanged, it said");
            Some(bytes)
        }
        Verdict::InPlace => Some(bytes),
        Verdict::Replaced => Some(judge.replacement().to_vec()),
        Verdict::Null => None,
    };
    Outcome {
        value,
        verdict,
        tally,
    }
}

/// A tally that keeps the values of what it counts.
pub(super) fn keeping() -> Tally {
    let mut tally = Tally::default();
    tally.keep(Kept::new(Secret::new([1; 32]), 100_000));
    tally
}

/// The marks of the values that were kept, and whether any could not be.
pub(super) fn kept(tally: &mut Tally) -> (Vec<Mark>, bool) {
    let kept = tally.take_kept().unwrap();
    let is_any_missed = kept.missed().any(|(_, cells)| cells > 0);
    let (_, columns) = kept.into_marks();
    let marks = columns.into_iter().flat_map(|(_, marks)| marks);
    (marks.collect(), is_any_missed)
}

/// Masks a value of a ruled column.
pub(super) fn mask(strategy: Strategy, type_oid: u32, encoding: Encoding, value: &[u8]) -> Outcome {
    let policy = policy(&[("c", strategy)], None);
    let plan = policy.plan(&catalog(), &facts("c", type_oid));
    judge(&policy, &plan, encoding, value)
}

/// Scans a value of a column without a rule.
pub(super) fn scan(content: Strategy, type_oid: u32, encoding: Encoding, value: &[u8]) -> Outcome {
    let policy = policy(&[("ssn", Strategy::Redact)], Some(content));
    let plan = policy.plan(&catalog(), &facts("c", type_oid));
    judge(&policy, &plan, encoding, value)
}

/// array_send's form of a one-dimensional array.
pub(super) fn binary_array(element: u32, parts: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = Vec::new();
    let has_null = parts.iter().any(Option::is_none);
    for word in [1, u32::from(has_null), element, parts.len() as u32, 1] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for part in parts {
        push_part(&mut out, *part);
    }
    out
}

/// record_send's form.
pub(super) fn binary_row(fields: &[(u32, Option<&[u8]>)]) -> Vec<u8> {
    let mut out = (fields.len() as u32).to_be_bytes().to_vec();
    for (oid, part) in fields {
        out.extend_from_slice(&oid.to_be_bytes());
        push_part(&mut out, *part);
    }
    out
}

fn push_part(out: &mut Vec<u8>, part: Option<&[u8]>) {
    match part {
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Some(part) => {
            out.extend_from_slice(&(part.len() as u32).to_be_bytes());
            out.extend_from_slice(part);
        }
    }
}
