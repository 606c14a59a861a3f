//! What a column is, by its name, its type, its comment and the values that were looked at.

use velum_core::inspect::{ColumnHint, Inspect, Prior};
use velum_detectors::{Detector, Detectors};

use super::class::{Class, Grade};
use super::facts::{Column, Table};
use super::tally::Tally;

/// Fewer values say nothing by themselves.
const FEW_VALUES: u32 = 8;
/// Fewer values cannot speak against a name.
const SOME_VALUES: u32 = 20;
/// Fewer different values may be a code or a default.
const FEW_DIFFERENT: usize = 5;
/// Words of a comment that does nothing but name what the column holds.
const COMMENT_WORDS: usize = 6;
/// Longest label within a comment.
const LABEL_WORDS: usize = 4;

/// What is known of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) class: Class,
    pub(super) grade: Grade,
    /// In words, without any value.
    pub(super) evidence: Vec<String>,
    /// A definition says so: the rule of what it shows holds for it.
    pub(super) follows: bool,
}

impl Found {
    pub(super) fn new(class: Class, grade: Grade, evidence: Vec<String>) -> Self {
        Self {
            class,
            grade,
            evidence,
            follows: false,
        }
    }
}

/// What a column says of itself, before its rows.
struct Labels {
    name: Option<Detector>,
    domain: Option<Detector>,
    kind: Option<Detector>,
    /// And whether the comment says nothing else.
    comment: Option<(Detector, bool)>,
    prior: Prior,
}

/// Who is asked.
pub(super) struct Judge<'a> {
    pub(super) engine: &'a Detectors,
}

impl Judge<'_> {
    /// What a column is. `is_personal`: its table has a person in each row, or refers to one.
    pub(super) fn column(
        &self,
        table: &Table,
        column: &Column,
        tally: &Tally,
        is_personal: bool,
    ) -> Option<Found> {
        let labels = self.labels(table, column);
        let whole = self.whole(column, &labels, tally, is_personal);
        let inner = inner(column, tally, is_personal);
        let mut found = match (whole, inner) {
            // A form that all values have says more than what stands in some of them.
            (Some(whole), Some(inner)) if inner.grade > whole.grade => inner,
            (Some(whole), _) => whole,
            (None, inner) => inner?,
        };
        if found.class.needs_person() && !is_personal && found.grade.counts() {
            found.grade = Grade::Look;
            let alone = "nothing ties its table to a person";
            found.evidence.push(alone.to_owned());
        }
        Some(found)
    }

    /// Does a table of this name have a person in each row?
    pub(super) fn is_of_persons(&self, table: &str) -> bool {
        let name = ColumnHint {
            table: Some(table.as_bytes()),
            ..ColumnHint::named(b"name")
        };
        Class::of_prior(self.engine.prior(name)) == Some(Detector::Name)
    }

    fn labels(&self, table: &Table, column: &Column) -> Labels {
        let hint = column.hint(table);
        let prior = self.engine.prior(hint);
        let says = |name: &str, hint: ColumnHint<'_>| {
            let name = name.as_bytes();
            let plain = ColumnHint {
                name,
                type_name: b"",
                ..hint
            };
            Class::of_prior(self.engine.prior(plain))
        };
        let able = Class::of_prior(prior);
        // What the type cannot hold the name does not say.
        let name = says(&column.name, hint).filter(|it| able == Some(*it));
        let mut domains = column.domains.iter();
        let domain = domains
            .find_map(|it| says(it, hint))
            .filter(|_| prior != Prior::Skip);
        let kind = match column.type_name.as_str() {
            "inet" | "cidr" => Some(Detector::Ip),
            "macaddr" | "macaddr8" => Some(Detector::Device),
            _ => able.filter(|it| Some(*it) != name),
        };
        let comment = column.comment.as_deref();
        let comment = comment.and_then(|text| self.comment(text, column));
        Labels {
            name,
            domain,
            kind,
            comment,
            prior,
        }
    }

    /// What a comment speaks of, and whether it says nothing else.
    fn comment(&self, text: &str, column: &Column) -> Option<(Detector, bool)> {
        const DENIALS: [&str; 6] = ["no", "not", "never", "without", "instead", "masked"];
        let split = text.split(|char: char| !char.is_alphanumeric());
        let words: Vec<&str> = split.filter(|word| !word.is_empty()).collect();
        let denies = |word: &&str| DENIALS.contains(&word.to_lowercase().as_str());
        if words.iter().any(denies) {
            return None;
        }
        let label = |words: &[&str]| {
            let name = words.join(" ");
            let hint = ColumnHint {
                type_name: column.type_name.as_bytes(),
                ..ColumnHint::named(name.as_bytes())
            };
            let typed = Class::of_prior(self.engine.prior(hint));
            let plain = ColumnHint::named(name.as_bytes());
            typed.filter(|it| Class::of_prior(self.engine.prior(plain)) == Some(*it))
        };
        let longest = LABEL_WORDS.min(words.len());
        let mut lengths = (1..=longest).rev();
        let found = lengths.find_map(|length| words.windows(length).find_map(label))?;
        Some((found, words.len() <= COMMENT_WORDS))
    }

    /// What each value of the column is.
    fn whole(
        &self,
        column: &Column,
        labels: &Labels,
        tally: &Tally,
        is_personal: bool,
    ) -> Option<Found> {
        let said = labels.name.map(|it| (it, format!("{} by name", it.name())));
        let said = said.or_else(|| {
            let domain = labels.domain?;
            Some((domain, format!("{} by the name of its type", domain.name())))
        });
        let by_content = by_content(tally, labels.prior, is_personal);
        if let Some((detector, words)) = said {
            return Some(named(
                Class::of(detector),
                words,
                tally,
                by_content,
                is_personal,
            ));
        }
        if let Some((detector, is_all)) = labels.comment {
            let class = Class::of(detector);
            let words = format!("its comment speaks of {}", detector.name());
            return match by_content {
                Some(mut found) if found.class.is_akin(class) => {
                    found.grade = Grade::Certain;
                    found.evidence.insert(0, words);
                    Some(found)
                }
                Some(found) if found.grade.counts() => Some(found),
                _ => {
                    let mut found = named(class, words, tally, None, false);
                    found.grade = found.grade.min(match is_all || is_personal {
                        true => Grade::Likely,
                        false => Grade::Look,
                    });
                    Some(found)
                }
            };
        }
        let by_type = labels.kind.map(|detector| {
            let words = format!("{} by its type {}", detector.name(), column.type_name);
            Found::new(Class::of(detector), Grade::Likely, vec![words])
        });
        match (by_type, by_content) {
            (Some(mut by_type), Some(content)) if by_type.class.is_akin(content.class) => {
                by_type.grade = by_type.grade.max(content.grade);
                by_type.evidence.extend(content.evidence);
                Some(by_type)
            }
            (by_type, content) => content.or(by_type),
        }
    }
}

/// A column that says what it is; its values agree, disagree or are silent.
fn named(
    class: Class,
    words: String,
    tally: &Tally,
    by_content: Option<Found>,
    is_personal: bool,
) -> Found {
    let mut evidence = vec![words];
    let fits = tally.fits(class);
    if tally.values == 0 {
        evidence.push("no values to look at".to_owned());
        return Found::new(class, Grade::Likely, evidence);
    }
    if tally.values >= FEW_VALUES && fits * 10 >= tally.values * 6 {
        evidence.push(format!(
            "{fits} of {} sampled values look like it",
            tally.values
        ));
        return Found::new(class, Grade::Certain, evidence);
    }
    if let Some(other) = by_content.filter(|it| it.grade == Grade::Certain)
        && !other.class.is_akin(class)
    {
        evidence.extend(other.evidence);
        return Found::new(other.class, Grade::Certain, evidence);
    }
    if class.has_form() && tally.values >= SOME_VALUES && fits * 10 < tally.values {
        let but = format!("but {fits} of {} sampled values look like it", tally.values);
        evidence.push(but);
        return Found::new(class, Grade::Look, evidence);
    }
    evidence.push(match class.has_form() {
        true => format!("{fits} of {} sampled values look like it", tally.values),
        false => format!("{} sampled values do not contradict", tally.values),
    });
    let grade = match is_personal && !class.has_form() {
        true => Grade::Certain,
        false => Grade::Likely,
    };
    Found::new(class, grade, evidence)
}

/// What the values alone say.
fn by_content(tally: &Tally, prior: Prior, is_personal: bool) -> Option<Found> {
    let enough = tally.values >= FEW_VALUES;
    let (detector, count) = tally
        .best()
        .filter(|_| enough)
        .unwrap_or((Detector::Other, 0));
    let class = Class::of(detector);
    if count > 0 && count * 10 >= tally.values * 6 {
        let name = detector.name();
        let evidence = vec![format!(
            "{count} of {} sampled values look like {name}",
            tally.values
        )];
        // A check digit is a witness of its own.
        let is_checked = matches!(
            detector,
            Detector::CreditCard | Detector::Npi | Detector::Dea | Detector::Vin
        );
        let is_bare = !is_checked && tally.bare(detector) * 2 > count;
        let is_doubtful = prior == Prior::Skip || tally.settled().is_none();
        let grade = match (is_bare, class.has_form()) {
            _ if is_bare && tally.is_counted_up() => return None,
            // A default, a hotline, a code.
            _ if tally.different() < FEW_DIFFERENT && !is_personal => Grade::Look,
            _ if tally.different() < FEW_DIFFERENT => Grade::Likely,
            (true, _) if is_doubtful => Grade::Look,
            (true, _) => Grade::Likely,
            (false, true) if tally.values >= SOME_VALUES => Grade::Certain,
            (false, false) if is_personal => Grade::Certain,
            (false, _) => Grade::Likely,
        };
        return Some(Found::new(class, grade, evidence));
    }
    let settled = tally.settled().filter(|_| !tally.is_counted_up())?;
    let grade = match is_personal {
        true => Grade::Likely,
        false => Grade::Look,
    };
    let words = format!("regular and all different, as {}s are", settled.name());
    Some(Found::new(Class::of(settled), grade, vec![words]))
}

/// Identifiers that stand in texts and documents.
fn inner(column: &Column, tally: &Tally, is_personal: bool) -> Option<Found> {
    let is_json = matches!(column.type_name.as_str(), "json" | "jsonb");
    let is_document = is_json || tally.documents * 2 > tally.values;
    let is_text = tally.texts * 5 > tally.values;
    if tally.hit == 0 || !(is_document || is_text) {
        return None;
    }
    let direct = |detector: &Detector| !Class::of(*detector).needs_person();
    let held = tally.held();
    // Names in running text are guesses, all else has a form or a label.
    let telling = held
        .iter()
        .filter(|(it, _)| direct(it) && *it != Detector::Name);
    let telling = telling.map(|(_, count)| *count).max().unwrap_or(0);
    let share = |count: u32, percent: u32| {
        u64::from(count) * 100 >= u64::from(tally.values) * u64::from(percent)
    };
    let grade = if telling >= 3 && share(telling, 20) {
        Grade::Certain
    } else if telling >= 2 && share(telling, 2) || is_personal && share(tally.hit, 10) {
        Grade::Likely
    } else {
        Grade::Look
    };
    let kinds: Vec<String> = held
        .iter()
        .take(4)
        .map(|(detector, count)| format!("{} {count}", detector.name()))
        .collect();
    let what = match is_document {
        true => "documents",
        false => "texts",
    };
    let evidence = format!(
        "{} of {} sampled {what} hold identifiers ({})",
        tally.hit,
        tally.values,
        kinds.join(", ")
    );
    let class = match is_document {
        true => Class::Document,
        false => Class::Text,
    };
    Some(Found::new(class, grade, vec![evidence]))
}

/// An empty column that by its name holds notes, in a table about persons.
pub(super) fn notes(column: &Column, tally: &Tally, is_personal: bool) -> Option<Found> {
    const WORDS: [&str; 16] = [
        "note",
        "notes",
        "comment",
        "comments",
        "narrative",
        "remark",
        "remarks",
        "history",
        "text",
        "message",
        "summary",
        "impression",
        "report",
        "plan",
        "complaint",
        "transcript",
    ];
    let is_document = matches!(column.type_name.as_str(), "json" | "jsonb" | "xml");
    let is_text = matches!(column.type_name.as_str(), "text" | "varchar" | "bpchar");
    let name = column.name.to_lowercase();
    let named = name
        .split(|char: char| !char.is_alphabetic())
        .any(|it| WORDS.contains(&it));
    if tally.values > 0 || !is_personal || !(is_document || is_text && named) {
        return None;
    }
    let (class, words) = match is_document {
        true => (
            Class::Document,
            "documents about persons; no values to look at",
        ),
        false => (
            Class::Text,
            "texts about persons by name; no values to look at",
        ),
    };
    Some(Found::new(class, Grade::Likely, vec![words.to_owned()]))
}

#[cfg(test)]
mod tests {
    use super::super::facts::TableKind;
    use super::*;

    fn column(name: &str, type_name: &str, comment: Option<&str>) -> Column {
        Column {
            attnum: 1,
            name: name.to_owned(),
            type_oid: 25,
            type_name: type_name.to_owned(),
            domains: Vec::new(),
            is_array: false,
            comment: comment.map(str::to_owned),
            is_readable: true,
        }
    }

    /// What a column of `t` is with these values.
    fn found(column: &Column, values: &[String], is_personal: bool) -> Option<(String, Grade)> {
        let engine = Detectors::full();
        let table = Table {
            oid: 1,
            schema: "s".to_owned(),
            name: "t".to_owned(),
            kind: TableKind::Table,
            is_readable: true,
            pages: 1,
            parent: None,
            columns: Vec::new(),
        };
        let mut tally = Tally::new(&engine, column.hint(&table));
        for value in values {
            tally.see(&engine, column.hint(&table), value.as_bytes());
        }
        let judge = Judge { engine: &engine };
        let found = judge.column(&table, column, &tally, is_personal)?;
        let told = found.evidence.join("; ");
        assert!(values.iter().all(|value| !told.contains(value)), "{told}");
        Some((found.class.name().to_owned(), found.grade))
    }

    fn is(class: &str, grade: Grade) -> Option<(String, Grade)> {
        Some((class.to_owned(), grade))
    }

    fn each(make: impl Fn(u32) -> String) -> Vec<String> {
        (1..=80).map(make).collect()
    }

    #[test]
    fn values_confirm_a_name_or_contradict_it() {
        let ssns = each(|n| format!("{}-{}-{}", 500 + n, 10 + n, 1000 + n * 7));
        let words = each(|n| format!("item{n}"));
        let named = column("ssn", "text", None);
        assert_eq!(found(&named, &ssns, false), is("ssn", Grade::Certain));
        assert_eq!(found(&named, &[], false), is("ssn", Grade::Likely));
        assert_eq!(found(&named, &words, false), is("ssn", Grade::Look));
        // What has another form is what it looks like.
        let phone = column("phone", "text", None);
        assert_eq!(found(&phone, &ssns, false), is("ssn", Grade::Certain));
        let cryptic = column("c1", "text", None);
        assert_eq!(found(&cryptic, &ssns, false), is("ssn", Grade::Certain));
        assert_eq!(found(&cryptic, &words, true), None);
    }

    #[test]
    fn numbers_without_a_form_are_doubted() {
        let counted = each(|n| (500_000_000 + n).to_string());
        assert_eq!(found(&column("c1", "int8", None), &counted, true), None);
        // One value over and over is a default.
        let same = each(|_| "501-22-3333".to_owned());
        assert_eq!(
            found(&column("c1", "text", None), &same, false),
            is("ssn", Grade::Look)
        );
    }

    #[test]
    fn comments_speak_unless_they_deny() {
        let says = |comment| found(&column("c9", "text", Some(comment)), &[], false);
        assert_eq!(says("Social security number"), is("ssn", Grade::Likely));
        let long = "Set by the import of 2019, where the phone number of the caller was kept";
        assert_eq!(says(long), is("phone", Grade::Look));
        assert_eq!(says("Never the social security number"), None);
        assert_eq!(says("Colour of the form"), None);
    }

    #[test]
    fn dates_are_phi_beside_a_person_alone() {
        let dates = each(|n| format!("2019-{:02}-{:02}", 1 + n % 12, 1 + n % 28));
        let day = column("day", "date", None);
        assert_eq!(found(&day, &dates, true), is("date", Grade::Certain));
        assert_eq!(found(&day, &dates, false), is("date", Grade::Look));
    }
}
