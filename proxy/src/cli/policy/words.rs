//! Strategies in the words of the configuration.

use velum_core::mask::Strategy;

use crate::config::model::{Alphabet, CheckDigit, StrategyKind, Token, TransformKind};

/// What stands in the place of a value. `rule`: what the rule says; the value of a statement's own
/// may be masked harder.
pub(super) fn strategy(actual: &Strategy, rule: Option<&StrategyKind>) -> String {
    match (actual, rule) {
        (Strategy::Uniform, _) => "one value of its type for all".to_owned(),
        (Strategy::Null, _) => "null".to_owned(),
        (Strategy::Redact, _) | (_, None) => "redact".to_owned(),
        (_, Some(rule)) => of_rule(rule),
    }
}

/// What a rule says.
pub(super) fn of_rule(strategy: &StrategyKind) -> String {
    match strategy {
        StrategyKind::Redact => "redact".to_owned(),
        StrategyKind::Null => "null".to_owned(),
        StrategyKind::Hidden => "hidden: the column is not there".to_owned(),
        StrategyKind::Constant(value) => format!("constant, value {value:?}"),
        StrategyKind::Partial {
            keep_first,
            keep_last,
        } => {
            let ends = [("keep_first", keep_first), ("keep_last", keep_last)];
            let kept = ends.iter().filter(|(_, count)| **count > 0);
            let kept: Vec<String> = kept
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            format!("partial, {}", kept.join(", "))
        }
        StrategyKind::Transform(kind) => format!("transform {}", transform(kind)),
    }
}

fn transform(kind: &TransformKind) -> String {
    let name = kind.name();
    match kind {
        TransformKind::Bucket(width) => format!("{name}, width {width}"),
        TransformKind::Ff1 {
            value_type,
            alphabet,
            check,
        } => {
            let alphabet = match alphabet {
                Alphabet::Digits => "digits",
                Alphabet::Alphanumeric => "alphanumeric",
            };
            let check = match check {
                CheckDigit::None => "",
                CheckDigit::Luhn => ", check luhn",
                CheckDigit::Npi => ", check npi",
            };
            format!("{name}, type {value_type}, alphabet {alphabet}{check}")
        }
        TransformKind::Hmac(token) | TransformKind::Random(token) => {
            let Token {
                value_type,
                characters,
                ..
            } = token;
            format!("{name}, type {value_type}, length {characters}")
        }
        TransformKind::DateShift {
            days,
            subject,
            by_key,
        } => {
            let absent = match by_key {
                true => ", absent shift_by_key",
                false => "",
            };
            format!("{name}, subject {subject}, days {days}{absent}")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_told_with_their_keys() {
        let partial = StrategyKind::Partial {
            keep_first: 0,
            keep_last: 4,
        };
        assert_eq!(of_rule(&partial), "partial, keep_last 4");
        let ff1 = StrategyKind::Transform(TransformKind::Ff1 {
            value_type: "ssn".to_owned(),
            alphabet: Alphabet::Digits,
            check: CheckDigit::None,
        });
        assert_eq!(of_rule(&ff1), "transform ff1, type ssn, alphabet digits");
        let shift = StrategyKind::Transform(TransformKind::DateShift {
            days: 30,
            subject: "mrn".to_owned(),
            by_key: false,
        });
        assert_eq!(
            of_rule(&shift),
            "transform date_shift, subject mrn, days 30"
        );
        // What a statement computes keeps nothing, whatever the rule says.
        let computed = strategy(&Strategy::Uniform, Some(&partial));
        assert_eq!(computed, "one value of its type for all");
        assert_eq!(strategy(&Strategy::Redact, Some(&ff1)), "redact");
    }
}
