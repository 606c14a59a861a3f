//! What two answers to one question mean.

use super::canary;
use super::transcript::{Answer, Transcript};
use super::vectors::{Expect, Vector};

/// Values of at least this many bytes are the same by accident never.
const TELLING_BYTES: usize = 3;
/// Canaries that a verdict names.
const NAMED: usize = 3;

/// What has become of a vector.
#[derive(Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing leaked, and what should work did.
    Held,
    /// Something came through; what.
    Leaked(String),
    /// A benign statement did not do what it does past the proxy; what it did.
    Broke(String),
    /// The connection was lost; how.
    Lost(String),
    /// The question is not after anything: a fault of the suite, or of the set-up.
    ShowsNothing(String),
    /// It was not asked; why.
    NotRun(String),
}

/// The verdict on a vector, from what it shows past the proxy and through it.
pub fn judge(vector: &Vector, direct: &Transcript, through: &Transcript) -> Verdict {
    let verdict = match vector.expect {
        Expect::Hidden => hidden(direct, through),
        Expect::Untold => untold(direct, through),
        Expect::SameAnswer => same_answer(direct, through),
        Expect::Works => works(vector, direct, through),
        Expect::Closed => closed(through),
    };
    match (&verdict, &through.lost) {
        (Verdict::Held | Verdict::Broke(_), Some(how))
            if !vector.may_close && vector.expect != Expect::Closed =>
        {
            Verdict::Lost(how.clone())
        }
        _ => verdict,
    }
}

fn canaries(through: &Transcript) -> Option<Verdict> {
    let leaks = canary::leaks(&through.received);
    let first = leaks.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = match leaks.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!leaks.is_empty()).then(|| Verdict::Leaked(format!("{}{more}", first.join(", "))))
}

fn hidden(direct: &Transcript, through: &Transcript) -> Verdict {
    if canary::leaks(&direct.received).is_empty() {
        return shows_nothing(direct);
    }
    canaries(through).unwrap_or(Verdict::Held)
}

fn untold(direct: &Transcript, through: &Transcript) -> Verdict {
    if let Some(leaked) = canaries(through) {
        return leaked;
    }
    let mut asked = 0;
    for (number, (plain, seen)) in direct.answers.iter().zip(&through.answers).enumerate() {
        let seen: Vec<&Vec<u8>> = seen.rows.iter().flatten().flatten().collect();
        let telling = plain.rows.iter().flatten().flatten();
        let telling: Vec<_> = telling.filter(|it| it.len() >= TELLING_BYTES).collect();
        asked += usize::from(!telling.is_empty());
        if telling.iter().any(|value| seen.contains(value)) {
            return Verdict::Leaked(format!("question {} returns a value", number + 1));
        }
    }
    match asked == direct.answers.len() {
        true => Verdict::Held,
        false => shows_nothing(direct),
    }
}

fn same_answer(direct: &Transcript, through: &Transcript) -> Verdict {
    let differ = |answers: &[Answer]| {
        let pairs = answers.chunks_exact(2);
        pairs.map(|pair| pair[0] != pair[1]).collect::<Vec<_>>()
    };
    if differ(&direct.answers).contains(&false) || direct.answers.is_empty() {
        let same = differ(&direct.answers).iter().position(|it| !it);
        let which = same.map_or(0, |index| index + 1);
        return Verdict::ShowsNothing(format!("both guesses of pair {which} answer alike"));
    }
    match differ(&through.answers).iter().position(|it| *it) {
        Some(index) => Verdict::Leaked(format!("pair {} tells which is right", index + 1)),
        None => Verdict::Held,
    }
}

fn works(vector: &Vector, direct: &Transcript, through: &Transcript) -> Verdict {
    if let Some(leaked) = canaries(through) {
        return leaked;
    }
    if let Some(code) = direct.answers.iter().find_map(Answer::error) {
        return Verdict::ShowsNothing(format!("SQLSTATE {code} past the proxy"));
    }
    for (number, plain) in direct.answers.iter().enumerate() {
        let broke = |what: &str| Verdict::Broke(format!("question {}: {what}", number + 1));
        let Some(seen) = through.answers.get(number) else {
            return broke("no answer");
        };
        if let Some(code) = seen.error() {
            return broke(&format!("SQLSTATE {code}"));
        }
        if plain.ends != seen.ends || plain.rows.len() != seen.rows.len() {
            return broke("another number of rows");
        }
        if !plain.rows.iter().zip(&seen.rows).all(|(plain, seen)| {
            plain.len() == seen.len()
                && (plain.iter().zip(seen).enumerate())
                    .all(|(index, (a, b))| vector.masked.contains(&(index + 1)) || a == b)
        }) {
            return broke("another value in a column without PHI");
        }
    }
    Verdict::Held
}

fn closed(through: &Transcript) -> Verdict {
    match (&through.lost, canaries(through)) {
        (_, Some(leaked)) => leaked,
        (None, None) => Verdict::Leaked("a session began".to_owned()),
        (Some(_), None) => Verdict::Held,
    }
}

fn shows_nothing(direct: &Transcript) -> Verdict {
    let errors = direct.answers.iter().filter_map(Answer::error);
    let codes: Vec<&str> = errors.collect();
    let lost = direct.lost.as_deref().unwrap_or_default();
    Verdict::ShowsNothing(format!("past the proxy: {} {lost}", codes.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leak_suite::vectors;

    fn vector(expect: Expect) -> Vector {
        let suite = vectors::load().unwrap_or_else(|error| panic!("{error}"));
        let mut vectors = suite.vectors.into_iter();
        let found = vectors.find(|it| it.expect == expect && it.masked.is_empty());
        found.expect("one of each")
    }

    fn said(cells: &[&str]) -> Transcript {
        let answer = |cell: &&str| Answer {
            rows: vec![vec![Some(cell.as_bytes().to_vec())]],
            ends: vec!["SELECT 1".to_owned()],
        };
        Transcript {
            received: cells.join(" ").into_bytes(),
            answers: cells.iter().map(answer).collect(),
            lost: None,
        }
    }

    fn is(verdict: &Verdict, wanted: fn(&Verdict) -> bool) {
        assert!(wanted(verdict));
    }

    #[test]
    fn a_canary_is_a_leak_and_a_question_without_one_shows_nothing() {
        let vector = vector(Expect::Hidden);
        let (plain, masked) = (said(&["531-71-0291"]), said(&["XXX-XX-XXXX"]));
        is(&judge(&vector, &plain, &masked), |it| *it == Verdict::Held);
        is(&judge(&vector, &plain, &plain), |it| {
            matches!(it, Verdict::Leaked(_))
        });
        is(&judge(&vector, &masked, &masked), |it| {
            matches!(it, Verdict::ShowsNothing(_))
        });
    }

    #[test]
    fn guesses_must_be_answered_alike() {
        let vector = vector(Expect::SameAnswer);
        let (telling, silent) = (said(&["1", ""]), said(&["", ""]));
        is(&judge(&vector, &telling, &silent), |it| {
            *it == Verdict::Held
        });
        is(&judge(&vector, &telling, &telling), |it| {
            matches!(it, Verdict::Leaked(_))
        });
        is(&judge(&vector, &silent, &silent), |it| {
            matches!(it, Verdict::ShowsNothing(_))
        });
    }

    #[test]
    fn what_is_benign_has_to_come_as_it_is() {
        let vector = vector(Expect::Works);
        let (plain, other) = (said(&["Town 1"]), said(&["XXXX 1"]));
        is(&judge(&vector, &plain, &plain), |it| *it == Verdict::Held);
        is(&judge(&vector, &plain, &other), |it| {
            matches!(it, Verdict::Broke(_))
        });
        let mut lost = said(&["Town 1"]);
        lost.lost = Some("closed".to_owned());
        is(&judge(&vector, &plain, &lost), |it| {
            matches!(it, Verdict::Lost(_))
        });
    }

    #[test]
    fn a_login_that_should_fail_must() {
        let vector = vector(Expect::Closed);
        let mut refused = said(&[]);
        is(&judge(&vector, &said(&[]), &refused), |it| {
            matches!(it, Verdict::Leaked(_))
        });
        refused.lost = Some("28P01".to_owned());
        is(&judge(&vector, &said(&[]), &refused), |it| {
            *it == Verdict::Held
        });
    }
}
