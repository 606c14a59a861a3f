//! Tables for people, and the same for programs.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use velum_detectors::Detector;
use velum_detectors::corpus::Document;
use velum_detectors::eval::{Labels, SetTable, TypeRow, excerpt};

use super::super::measure::{Measured, Miss, MissKind, Speed};
use super::gates::Outcome;

/// Context of a miss to either side.
const AROUND_BYTES: usize = 40;

const HEADER: &str = "  type           spans   found  recall  leaked  findings  precision  typed";

/// Every set, then all of them together.
pub(super) fn tables(measured: &Measured, tags: bool) -> String {
    let mut out = String::new();
    let sets: Vec<_> = measured.table.sets().collect();
    for (name, set) in &sets {
        let speed = measured.speeds.get(*name).copied().unwrap_or_default();
        table(
            &mut out,
            if name.is_empty() { "(no set)" } else { name },
            set,
            speed,
            tags,
        );
    }
    if sets.len() != 1 {
        table(
            &mut out,
            "all sets",
            &measured.table.total(),
            measured.speed(),
            tags,
        );
    }
    out
}

fn table(out: &mut String, name: &str, set: &SetTable, speed: Speed, tags: bool) {
    let burden = &set.burden;
    let [bold, dim] = styles();
    let _written = writeln!(
        out,
        "{bold}{name}{bold:#}: {} documents, {} words; over-masked {} of {} characters \
         ({}), spurious {} ({} for 1,000 words), {} MB/s on one core",
        burden.documents,
        burden.words,
        burden.over_masked,
        burden.plain_characters,
        percent(burden.over_masking()),
        burden.spurious,
        number(burden.spurious_per_1000_words()),
        number(speed.megabytes_per_second()),
    );
    let _written = writeln!(out, "{dim}{HEADER}{dim:#}");
    for (detector, row) in set.rows() {
        line(out, &label(detector), row);
        for (tag, labels) in row.tags.iter().filter(|_| tags) {
            tag_line(out, tag, labels);
        }
    }
    line(out, "all types", &set.all_types());
    out.push('\n');
}

fn line(out: &mut String, name: &str, row: &TypeRow) {
    let _written = writeln!(
        out,
        "  {name:<13} {:>6} {:>7} {:>7} {:>7} {:>9} {:>10} {:>6}",
        row.labels.spans,
        percent(row.labels.span_recall()),
        percent(row.labels.recall()),
        row.labels.characters_leaked(),
        row.findings.all,
        percent(row.findings.precision()),
        percent(row.findings.precision_typed()),
    );
}

fn tag_line(out: &mut String, tag: &str, labels: &Labels) {
    let _written = writeln!(
        out,
        "    {tag:<11} {:>6} {:>7} {:>7} {:>7}",
        labels.spans,
        percent(labels.span_recall()),
        percent(labels.recall()),
        labels.characters_leaked(),
    );
}

/// What `own` does other than `other`, by set and type, and the misses that only one has.
pub(super) fn comparison(
    own: &Measured,
    other: &Measured,
    documents: &[&Document],
    shown: usize,
) -> String {
    let [bold, dim] = styles();
    let mut out = format!("{bold}against the other pack{bold:#}\n");
    let _written = writeln!(
        out,
        "{dim}  set            type            recall          change   precision       change   \
         leaked   change{dim:#}"
    );
    let (own_total, other_total) = (own.table.total(), other.table.total());
    let all = own
        .table
        .sets()
        .filter_map(|(name, set)| Some((name, set, other.table.set(name)?)));
    for (name, set, before) in all.chain([("all sets", &own_total, &other_total)]) {
        for detector in Detector::ALL {
            compare(
                &mut out,
                name,
                &label(detector),
                set.row(detector),
                before.row(detector),
            );
        }
        compare(
            &mut out,
            name,
            "all types",
            &set.all_types(),
            &before.all_types(),
        );
        let (now, then) = (set.burden.over_masking(), before.burden.over_masking());
        let _written = writeln!(
            out,
            "  {name:<14} over-masking {} (was {}), spurious {} (was {})",
            percent(now),
            percent(then),
            set.burden.spurious,
            before.burden.spurious,
        );
    }
    let key = |miss: &Miss| (miss.document, miss.span.start, miss.span.end, miss.kind);
    let is_new = |these: &[Miss], those: &[Miss]| {
        let those: HashSet<_> = those.iter().map(key).collect();
        these
            .iter()
            .filter(|miss| !those.contains(&key(miss)))
            .cloned()
            .collect::<Vec<_>>()
    };
    let (worse, better) = (
        is_new(&own.misses, &other.misses),
        is_new(&other.misses, &own.misses),
    );
    let _written = writeln!(
        out,
        "  {} misses are new, {} are gone\n",
        worse.len(),
        better.len()
    );
    if shown > 0 && !worse.is_empty() {
        out += "New misses:\n";
        out += &misses(&worse, documents, shown);
    }
    out
}

fn compare(out: &mut String, set: &str, name: &str, own: &TypeRow, other: &TypeRow) {
    let leaked = |row: &TypeRow| row.labels.characters_leaked();
    if own.labels.spans == 0 && own.findings.all == 0 && other.findings.all == 0 {
        return;
    }
    let change = own.labels != other.labels || own.findings != other.findings;
    let mark = if change { '*' } else { ' ' };
    let _written = writeln!(
        out,
        "{mark} {set:<14} {name:<13} {:>8} {:>15} {:>11} {:>12} {:>8} {:>+8}",
        percent(own.labels.recall()),
        points(own.labels.recall(), other.labels.recall()),
        percent(own.findings.precision()),
        points(own.findings.precision(), other.findings.precision()),
        leaked(own),
        leaked(own) as i64 - leaked(other) as i64,
    );
}

/// At most `limit` misses of each kind and type, in their context.
pub(super) fn misses(misses: &[Miss], documents: &[&Document], limit: usize) -> String {
    if limit == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut groups: BTreeMap<(MissKind, u16, &str), Vec<&Miss>> = BTreeMap::new();
    for miss in misses {
        let key = (miss.kind, miss.detector as u16, &*miss.tag);
        groups.entry(key).or_default().push(miss);
    }
    let colour = styles()[0] != Style::new();
    for ((kind, _, tag), group) in groups {
        let Some(first) = group.first() else { continue };
        let slash = if tag.is_empty() { "" } else { "/" };
        let name = label(first.detector);
        let _written = writeln!(out, "{} {name}{slash}{tag}: {}", kind.word(), group.len());
        for miss in group.iter().take(limit) {
            let Some(document) = documents.get(miss.document) else {
                continue;
            };
            let cut = excerpt(&document.text, miss.span.clone(), AROUND_BYTES);
            let style = match (colour, kind) {
                (false, _) => Style::new(),
                (true, MissKind::Leaked) => AnsiColor::Red.on_default().bold(),
                (true, MissKind::Spurious) => AnsiColor::Yellow.on_default().bold(),
            };
            let _written = writeln!(
                out,
                "    {}: …{}«{style}{}{style:#}»{}…",
                document.id,
                one_line(cut.before),
                one_line(cut.span),
                one_line(cut.after),
            );
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Every bound, the failed ones last.
pub(super) fn gates(outcomes: &[Outcome]) -> String {
    let mut sorted: Vec<&Outcome> = outcomes.iter().collect();
    sorted.sort_by_key(|outcome| !outcome.holds);
    let mut out = String::new();
    for outcome in sorted {
        let word = match (outcome.holds, outcome.reached) {
            (true, None) => "no data",
            (true, Some(_)) => "holds",
            (false, _) => "FAILS",
        };
        let _written = writeln!(
            out,
            "{word:<8} {}: {} {} (bound {})",
            outcome.gate,
            outcome.measure,
            outcome
                .reached
                .map_or("-".to_owned(), |reached| format!("{reached:.4}")),
            outcome.wanted,
        );
    }
    if !outcomes.is_empty() {
        let failed = outcomes.iter().filter(|outcome| !outcome.holds).count();
        let _written = writeln!(out, "{} of {} bounds fail", failed, outcomes.len());
    }
    out
}

/// All counts and ratios.
pub(super) fn json(measured: &Measured) -> Value {
    let sets = measured.table.sets().map(|(name, set)| {
        let speed = measured.speeds.get(name).copied().unwrap_or_default();
        (name.to_owned(), set_json(set, speed))
    });
    json!({
        "sets": sets.collect::<serde_json::Map<_, _>>(),
        "all": set_json(&measured.table.total(), measured.speed()),
    })
}

fn set_json(set: &SetTable, speed: Speed) -> Value {
    let burden = &set.burden;
    let types = set
        .rows()
        .map(|(detector, row)| (label(detector), row_json(row)));
    json!({
        "documents": burden.documents,
        "bytes": burden.bytes,
        "words": burden.words,
        "plain_characters": burden.plain_characters,
        "over_masked_characters": burden.over_masked,
        "over_masking": burden.over_masking(),
        "spurious": burden.spurious,
        "spurious_per_1000_words": burden.spurious_per_1000_words(),
        "plain_documents": burden.plain_documents,
        "plain_documents_touched": burden.plain_documents_touched,
        "megabytes_per_second": speed.megabytes_per_second(),
        "types": types.collect::<serde_json::Map<_, _>>(),
        "all_types": row_json(&set.all_types()),
    })
}

fn row_json(row: &TypeRow) -> Value {
    let tags = row
        .tags
        .iter()
        .map(|(tag, labels)| (tag.clone(), labels_json(labels)));
    let mut value = labels_json(&row.labels);
    value["findings"] = json!(row.findings.all);
    value["precision"] = json!(row.findings.precision());
    value["precision_typed"] = json!(row.findings.precision_typed());
    value["tags"] = Value::Object(tags.collect());
    value
}

fn labels_json(labels: &Labels) -> Value {
    json!({
        "spans": labels.spans,
        "spans_found": labels.spans_found,
        "characters": labels.characters,
        "leaked_characters": labels.characters_leaked(),
        "recall": labels.recall(),
        "span_recall": labels.span_recall(),
    })
}

/// Bold and dim, where that means something.
fn styles() -> [Style; 2] {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match std::io::stdout().is_terminal() && !unwanted {
        true => [Style::new().bold(), Style::new().dimmed()],
        false => [Style::new(); 2],
    }
}

fn label(detector: Detector) -> String {
    detector.name().to_ascii_uppercase()
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.2}", 100.0 * share))
}

fn points(now: Option<f64>, then: Option<f64>) -> String {
    match now.zip(then) {
        Some((now, then)) => format!("{:+.2}", 100.0 * (now - then)),
        None => "-".to_owned(),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.1}"))
}

/// A corpus may hold anything; a terminal must not obey it.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
