//! Pieces of the report: numbers, names, and texts with their misses.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use velum_detectors::Detector;
use velum_detectors::corpus::Document;
use velum_detectors::eval::excerpt;

use crate::cli::measure::{Miss, MissKind};

/// Context of a miss to either side.
const AROUND_BYTES: usize = 60;

/// Text as HTML.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('⏎'),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// The type as outside tools know it.
pub(super) fn label(detector: Detector) -> String {
    detector.name().to_ascii_uppercase()
}

/// A share with two places, or a dash.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.2} %", 100.0 * share))
}

/// Megabytes a second, or a dash.
pub(super) fn rate(rate: Option<f64>) -> String {
    rate.map_or("–".to_owned(), |rate| match rate >= 100.0 {
        true => format!("{rate:.0} MB/s"),
        false => format!("{rate:.1} MB/s"),
    })
}

/// A number with its noun.
pub(super) fn count(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

/// At most `limit` misses of each kind and type, in their context.
pub(super) fn misses(misses: &[Miss], documents: &[&Document], limit: usize) -> String {
    let mut groups: BTreeMap<(MissKind, u16), Vec<&Miss>> = BTreeMap::new();
    for miss in misses {
        groups
            .entry((miss.kind, miss.detector as u16))
            .or_default()
            .push(miss);
    }
    if groups.is_empty() {
        return "<p>There are none.</p>\n".to_owned();
    }
    let mut out = String::new();
    for ((kind, _), group) in groups {
        let Some(first) = group.first() else { continue };
        let _written = write!(
            out,
            "<details{}><summary><span class=\"{}\">{}</span> {} <small>{}</small></summary>\n\
             <ul class=\"misses\">\n",
            if kind == MissKind::Leaked {
                " open"
            } else {
                ""
            },
            kind.word(),
            kind.word(),
            label(first.detector),
            group.len(),
        );
        for miss in group.iter().take(limit) {
            if let Some(document) = documents.get(miss.document) {
                out.push_str(&item(miss, document));
            }
        }
        if group.len() > limit {
            let _written = writeln!(
                out,
                "<li class=\"more\">and {} more</li>",
                group.len() - limit
            );
        }
        out.push_str("</ul></details>\n");
    }
    out
}

fn item(miss: &Miss, document: &Document) -> String {
    let cut = excerpt(&document.text, miss.span.clone(), AROUND_BYTES);
    let tag = match miss.kind {
        MissKind::Leaked => "ins",
        MissKind::Spurious => "del",
    };
    let kind = match miss.tag.is_empty() {
        true => String::new(),
        false => format!(" <small>{}</small>", escape(&miss.tag)),
    };
    format!(
        "<li><code>{}</code>{kind} <q>{}<{tag}>{}</{tag}>{}</q></li>\n",
        escape(&document.id),
        escape(cut.before),
        escape(cut.span),
        escape(cut.after),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_place() {
        assert_eq!(escape("a<b>&\"\n\x1b"), "a&lt;b&gt;&amp;&quot;⏎ ");
        let line = r#"{"id":"<i>","text":"see <script>x</script> Jane","spans":[
            {"start":23,"end":27,"type":"NAME"}]}"#;
        let document = Document::from_json(line).expect("a labelled text");
        let miss = Miss {
            document: 0,
            span: 23..27,
            kind: MissKind::Leaked,
            detector: Detector::Name,
            tag: "<t>".to_owned(),
        };
        let html = misses(&[miss], &[&document], 1);
        assert!(html.contains("&lt;/script&gt; <ins>Jane</ins>"), "{html}");
        assert!(!html.contains("<script>") && !html.contains("<i>") && !html.contains("<t>"));
    }
}
