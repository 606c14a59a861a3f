//! The report on a pack: one HTML file that needs nothing else.

mod html;
mod plots;

use std::fmt::Write as _;

use velum_detectors::corpus::Document;
use velum_detectors::eval::{SetTable, TypeRow};
use velum_detectors::pack::Pack;

use super::super::measure::Measured;
use html::{count, escape, label, misses, percent, rate};
pub(super) use plots::{Shares, shares};

const CSS: &str = include_str!("style.css");

/// What a report is about.
pub(super) struct Report<'r> {
    pub(super) pack: &'r Pack,
    pub(super) pack_bytes: usize,
    /// The engine that ships with the program.
    pub(super) before: &'r Measured,
    /// The engine with the pack.
    pub(super) after: &'r Measured,
    /// Names under thresholds from strict to lax.
    pub(super) names: &'r [Shares],
    pub(super) documents: &'r [&'r Document],
    /// Nothing was learnt from the documents.
    pub(super) is_held_out: bool,
    /// Misses of each kind and type that are shown.
    pub(super) misses: usize,
}

impl Report<'_> {
    /// The whole file.
    pub(super) fn html(&self) -> String {
        let title = "Velum detector pack";
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>{}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#results\">Skip to the results</a>\n",
            CSS
        );
        self.head(&mut out);
        out += "<main id=\"results\">\n";
        self.tiles(&mut out);
        self.plots(&mut out);
        self.tables(&mut out);
        let shown = misses(&self.after.misses, self.documents, self.misses);
        let _written = write!(
            out,
            "<section><h2>Misses in context</h2>\n<p>At most {} of each kind and type; what \
             leaked is underlined, what was masked for nothing is struck through.</p>\n{shown}\
             </section>\n</main>\n<footer>Made by velum {}. This file holds texts of the corpus: \
             keep it where the corpus may be kept.</footer>\n</body>\n</html>\n",
            self.misses,
            env!("CARGO_PKG_VERSION"),
        );
        out
    }

    fn head(&self, out: &mut String) {
        let lines = self.pack.provenance().lines().map(|(key, value)| {
            format!(
                "<div><dt>{}</dt><dd>{}</dd></div>",
                escape(key),
                escape(value)
            )
        });
        let sections = self
            .pack
            .sections()
            .map(|(name, body)| format!("{} ({})", escape(name), count(body.len(), "byte")));
        let sections: Vec<_> = sections.collect();
        let sections = match sections.is_empty() {
            true => "none".to_owned(),
            false => sections.join(", "),
        };
        let held = match self.is_held_out {
            true => "Measured on texts that nothing was learnt from.",
            false => {
                "<strong>Too few texts to keep some aside: measured on the texts that were learnt \
                 from. The figures flatter.</strong>"
            }
        };
        let _written = write!(
            out,
            "<header><p class=\"mark\">velum tune</p><h1>Detector pack</h1>\n<p>{held}</p>\n\
             <dl>{}<div><dt>sections</dt><dd>{sections}</dd></div>\
             <div><dt>size</dt><dd>{}</dd></div></dl></header>\n",
            lines.collect::<String>(),
            count(self.pack_bytes, "byte"),
        );
    }

    /// The four figures that matter most, before and after.
    fn tiles(&self, out: &mut String) {
        let (before, after) = (self.before.table.total(), self.after.table.total());
        let (was, is) = (before.all_types(), after.all_types());
        let speed = |measured: &Measured| rate(measured.speed().megabytes_per_second());
        let tiles = [
            (
                "Mask recall",
                percent(was.labels.recall()),
                percent(is.labels.recall()),
            ),
            (
                "Leaked characters",
                was.labels.characters_leaked().to_string(),
                is.labels.characters_leaked().to_string(),
            ),
            (
                "Over-masking",
                percent(before.burden.over_masking()),
                percent(after.burden.over_masking()),
            ),
            ("Speed on one core", speed(self.before), speed(self.after)),
        ];
        out.push_str("<section class=\"tiles\" aria-label=\"Key figures\">\n");
        for (name, was, is) in tiles {
            let _written = writeln!(
                out,
                "<div class=\"tile\"><h2>{name}</h2><p class=\"value\">{is}</p>\
                 <p class=\"was\">default pack: {was}</p></div>"
            );
        }
        out.push_str("</section>\n");
    }

    fn plots(&self, out: &mut String) {
        let (before, after) = (self.before.table.total(), self.after.table.total());
        out.push_str(
            "<section><h2>Precision and recall by type</h2>\n<p class=\"legend\">\
             <span class=\"key after\"></span> this pack <span class=\"key before\"></span> \
             default pack <span class=\"key set\"></span> this pack, one set each. Up and right \
             is better; the axes of a panel begin where its worst point needs them to. The line \
             shows names under other thresholds.</p>\n\
             <div class=\"panels\">\n",
        );
        out.push_str(&plots::precision_recall(
            self.before,
            self.after,
            self.names,
        ));
        out.push_str("</div></section>\n<section><h2>Leaked characters by type</h2>\n");
        out.push_str(&plots::leaks(&before, &after));
        out.push_str("</section>\n<section><h2>Speed by set, one core</h2>\n");
        out.push_str(&plots::speeds(self.before, self.after));
        out.push_str("</section>\n");
    }

    fn tables(&self, out: &mut String) {
        out.push_str("<section><h2>By set and type</h2>\n");
        for (name, set) in self.after.table.sets() {
            table(out, name, set, self.before.table.set(name));
        }
        if self.after.table.sets().count() != 1 {
            let before = self.before.table.total();
            table(out, "all sets", &self.after.table.total(), Some(&before));
        }
        out.push_str("</section>\n");
    }
}

fn table(out: &mut String, name: &str, set: &SetTable, before: Option<&SetTable>) {
    let burden = &set.burden;
    let name = if name.is_empty() { "(no set)" } else { name };
    let _written = write!(
        out,
        "<div class=\"scroll\"><table><caption>{} <small>{}, {}; over-masked {}, spurious {} for \
         1,000 words</small></caption>\n<thead><tr><th scope=\"col\">type</th>\
         <th scope=\"col\">spans</th><th scope=\"col\">found whole</th>\
         <th scope=\"col\">mask recall</th><th scope=\"col\">change</th>\
         <th scope=\"col\">leaked</th><th scope=\"col\">findings</th>\
         <th scope=\"col\">precision</th><th scope=\"col\">typed</th></tr></thead>\n<tbody>\n",
        escape(name),
        count(burden.documents, "text"),
        count(burden.words, "word"),
        percent(burden.over_masking()),
        burden
            .spurious_per_1000_words()
            .map_or("–".to_owned(), |rate| format!("{rate:.1}")),
    );
    for (detector, row) in set.rows() {
        line(
            out,
            &label(detector),
            row,
            before.map(|set| set.row(detector)),
        );
    }
    let all = before.map(SetTable::all_types);
    line(out, "all types", &set.all_types(), all.as_ref());
    out.push_str("</tbody></table></div>\n");
}

fn line(out: &mut String, name: &str, row: &TypeRow, before: Option<&TypeRow>) {
    let recalls = row
        .labels
        .recall()
        .zip(before.and_then(|row| row.labels.recall()));
    let change = match recalls.map(|(now, then)| 100.0 * (now - then)) {
        Some(points) if points.abs() >= 0.005 => {
            let class = if points > 0.0 { "good" } else { "bad" };
            format!("<span class=\"{class}\">{points:+.2}</span>")
        }
        Some(_) => "=".to_owned(),
        None => "–".to_owned(),
    };
    let _written = writeln!(
        out,
        "<tr><th scope=\"row\">{name}</th><td>{}</td><td>{}</td><td>{}</td><td>{change}</td>\
         <td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        row.labels.spans,
        percent(row.labels.span_recall()),
        percent(row.labels.recall()),
        row.labels.characters_leaked(),
        row.findings.all,
        percent(row.findings.precision()),
        percent(row.findings.precision_typed()),
    );
}
