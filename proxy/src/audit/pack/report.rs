//! The summary: one page of HTML that needs nothing else, for a screen or for paper.

use std::fmt::Write as _;

use super::citations::CITATIONS;
use super::manifest::Manifest;
use super::plot;
use super::totals::{LISTED, Totals};
use crate::audit::export::{Row, Value};
use crate::observe::rfc3339;

const STYLE: &str = "\
body{font:14px/1.45 sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#1a1a1a}\
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #bbb}\
table{border-collapse:collapse;width:100%;font-size:12px;margin:.7em 0}\
th,td{border:1px solid #ccc;padding:3px 6px;text-align:left;vertical-align:top;\
overflow-wrap:anywhere}th{background:#eef1f5}td.n{text-align:right}\
svg{max-width:100%;height:auto}.note{color:#555;font-size:12px}\
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr,svg{break-inside:avoid}}";

/// The report. It says nothing of when it was made, so that whoever derives it again gets the
/// same.
pub fn html(manifest: &Manifest, totals: &Totals) -> String {
    let mut page = String::new();
    let title = format!("Audit report: {}", text(&manifest.log));
    let _infallible = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    );
    head(&mut page, manifest);
    summary(&mut page, totals);
    activity(&mut page, totals);
    masking(&mut page, totals);
    access(&mut page, totals);
    configurations(&mut page, manifest);
    citations(&mut page);
    page.push_str("</body></html>\n");
    page
}

/// Text that is nothing but text.
fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for character in raw.chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {
                safe.extend(character.escape_unicode());
            }
            _ if character.is_control() => safe.extend(character.escape_unicode()),
            _ => safe.push(character),
        }
    }
    safe
}

/// A table; cells that are numbers stand at the right.
fn table(page: &mut String, names: &[&str], rows: impl Iterator<Item = Vec<Value>>) {
    page.push_str("<table><thead><tr>");
    for name in names {
        let _infallible = write!(page, "<th>{}</th>", text(name));
    }
    page.push_str("</tr></thead><tbody>\n");
    for row in rows {
        page.push_str("<tr>");
        for value in row {
            let _infallible = match value {
                Value::Nothing => write!(page, "<td></td>"),
                Value::Text(it) => write!(page, "<td>{}</td>", text(&it)),
                Value::Number(it) => write!(page, "<td class=\"n\">{it}</td>"),
                Value::Flag(it) => write!(page, "<td>{}</td>", if it { "yes" } else { "" }),
                Value::Time(it) => write!(page, "<td>{}</td>", rfc3339(it)),
                Value::List(it) => write!(page, "<td>{}</td>", text(&it.join("; "))),
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table>\n");
}

fn said(what: impl Into<String>) -> Value {
    Value::Text(what.into())
}

fn head(page: &mut String, manifest: &Manifest) {
    let Manifest {
        first,
        last,
        signed,
        root,
        ..
    } = manifest;
    let rows = [
        (
            "period",
            format!("{} to {}", manifest.from.0, manifest.to.0),
        ),
        ("records in this pack", format!("{first} to {last}")),
        (
            "signed checkpoint",
            format!("{signed} records, root {root}"),
        ),
        ("verifier keys", manifest.keys.join(" ")),
    ];
    table(
        page,
        &["", ""],
        rows.into_iter()
            .map(|(name, value)| vec![said(name), said(value)]),
    );
    page.push_str(
        "<p class=\"note\">Made from the records alone. `velum audit verify PACK` derives it again \
         from them and compares; README.txt has the steps. Times are UTC.</p>\n",
    );
}

fn summary(page: &mut String, totals: &Totals) {
    let sum = |of: fn(&super::totals::Day) -> u64| totals.days.values().map(of).sum::<u64>();
    let rows = [
        ("sessions opened", sum(|day| day.sessions)),
        ("connections refused", sum(|day| day.refused)),
        ("statements", sum(|day| day.statements)),
        ("statements refused by policy", sum(|day| day.denied)),
        ("statements whose end is not known", totals.unknown),
        ("cells masked", sum(|day| day.masked)),
        ("decisions about access", totals.approvals.values().sum()),
    ];
    page.push_str("<h2>Summary</h2>\n");
    table(
        page,
        &["", "count"],
        rows.into_iter()
            .map(|(name, count)| vec![said(name), Value::Number(count)]),
    );
}

fn activity(page: &mut String, totals: &Totals) {
    page.push_str("<h2>Activity</h2>\n");
    let days: Vec<_> = totals.days.iter().collect();
    let sessions: Vec<_> = days
        .iter()
        .map(|(day, it)| (**day, [it.sessions, it.refused]))
        .collect();
    page.push_str(&plot::days(
        "Sessions a day",
        ["opened", "refused"],
        &sessions,
    ));
    let statements: Vec<_> = days
        .iter()
        .map(|(day, it)| {
            (
                **day,
                [it.statements - it.denied.min(it.statements), it.denied],
            )
        })
        .collect();
    page.push_str(&plot::days(
        "Statements a day",
        ["allowed", "refused"],
        &statements,
    ));
    let names = [
        "identity",
        "resource",
        "sessions",
        "statements",
        "refused",
        "rows",
        "masked",
    ];
    let rows = totals.uses.iter().map(|((identity, resource), it)| {
        let mut row = vec![said(identity.as_str()), said(resource.as_str())];
        let counts = [it.sessions, it.statements, it.denied, it.rows, it.masked];
        row.extend(counts.map(Value::Number));
        row
    });
    table(page, &names, rows);
    counted(page, "refused connections by reason", &totals.refusals);
    counted(page, "statements by decision", &totals.decisions);
    counted(page, "statements by how they ended", &totals.statuses);
}

fn masking(page: &mut String, totals: &Totals) {
    page.push_str("<h2>Masking</h2>\n");
    let plots = [
        ("Masked cells by rule or detector", &totals.masked),
        ("Masked cells by type", &totals.types),
        ("Masked cells by column", &totals.columns),
    ];
    for (title, counts) in plots {
        let counts: Vec<_> = counts.clone().into_iter().collect();
        if !counts.is_empty() {
            page.push_str(&plot::ranking(title, "cells", &counts));
        }
    }
    counted(page, "rule or detector", &totals.masked);
    counted(page, "type", &totals.types);
    counted(page, "column", &totals.columns);
    page.push_str(
        "<p class=\"note\">The type is what the detectors make of a value or of its column. A \
         column that a statement computes has no name in the records: its lineage says what flows \
         in.</p>\n",
    );
}

fn counted(page: &mut String, what: &str, counts: &std::collections::BTreeMap<String, u64>) {
    if counts.is_empty() {
        return;
    }
    let rows = counts.iter();
    table(
        page,
        &[what, "count"],
        rows.map(|(name, count)| vec![said(name.as_str()), Value::Number(*count)]),
    );
}

fn access(page: &mut String, totals: &Totals) {
    page.push_str("<h2>Access decisions</h2>\n");
    counted(page, "decision", &totals.approvals);
    let names = [
        "time", "grant", "event", "identity", "resource", "actor", "why", "alarm",
    ];
    listed(page, &names, &totals.decided);
    page.push_str("<h2>Administration and custody</h2>\n");
    let names = ["time", "event", "actor", "subject", "detail"];
    listed(page, &names, &totals.administered);
}

fn listed(page: &mut String, names: &[&str], rows: &[Row]) {
    let cells = |row: &Row| names.iter().map(|name| row.get(name).clone()).collect();
    table(page, names, rows.iter().map(cells));
    if rows.len() == LISTED {
        let _infallible = writeln!(
            page,
            "<p class=\"note\">The first {LISTED}; the artefact has all.</p>"
        );
    }
}

fn configurations(page: &mut String, manifest: &Manifest) {
    page.push_str("<h2>Configurations in force</h2>\n");
    let rows = manifest.configurations.iter().map(|loaded| {
        vec![
            said(loaded.time.as_str()),
            Value::Number(loaded.sequence),
            said(loaded.sha256.as_str()),
            Value::Flag(loaded.has_text),
        ]
    });
    table(
        page,
        &["loaded", "record", "SHA-256", "text in this pack"],
        rows,
    );
}

fn citations(page: &mut String) {
    page.push_str("<h2>45 CFR part 164</h2>\n");
    let rows = CITATIONS.iter().map(|it| {
        let files = it.files.iter().map(|file| (*file).to_owned()).collect();
        vec![
            said(it.paragraph),
            said(it.asks),
            said(it.shows),
            Value::List(files),
        ]
    });
    table(
        page,
        &["paragraph", "asks for", "what speaks to it", "where"],
        rows,
    );
    page.push_str(
        "<p class=\"note\">The artefacts show what the gateway did; whether an organisation meets \
         a paragraph is not for them to say.</p>\n",
    );
}
