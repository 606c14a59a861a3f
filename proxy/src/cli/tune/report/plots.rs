//! Plots as inline SVG. Colours come from the style sheet, so they follow the reader's choice of
//! light or dark; shapes and titles say the same without colour.

use std::fmt::Write as _;

use velum_detectors::Detector;
use velum_detectors::eval::{SetTable, TypeRow};

use super::html::{escape, label, percent, rate};
use crate::cli::measure::Measured;

/// Size of a panel's plot, and the room for what stands around it.
const SIDE: f64 = 150.0;
const LEFT: f64 = 38.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 34.0;
const RIGHT: f64 = 12.0;

/// One panel a type: precision over recall, for names with the curve of their thresholds.
pub(super) fn precision_recall(before: &Measured, after: &Measured, names: &[Shares]) -> String {
    let (was, is) = (before.table.total(), after.table.total());
    let with_points = |detector: &Detector| shares(is.row(*detector)).is_some();
    let panels: String = Detector::ALL
        .into_iter()
        .filter(with_points)
        .map(|detector| {
            let sets = after.table.sets();
            let sets = sets.filter_map(|(name, set)| Some((name, shares(set.row(detector))?)));
            Panel {
                name: label(detector),
                was: shares(was.row(detector)),
                is: shares(is.row(detector)),
                sets: sets.collect(),
                curve: if detector == Detector::Name {
                    names
                } else {
                    &[]
                },
            }
            .svg()
        })
        .collect();
    match panels.is_empty() {
        true => "<p>No type has both labels and findings.</p>\n".to_owned(),
        false => panels,
    }
}

/// Where a type stands, 0 to 1.
#[derive(Clone, Copy)]
pub(in crate::cli::tune) struct Shares {
    pub(in crate::cli::tune) recall: f64,
    pub(in crate::cli::tune) precision: f64,
}

/// Recall and precision, if there is something to measure them with.
pub(in crate::cli::tune) fn shares(row: &TypeRow) -> Option<Shares> {
    Some(Shares {
        recall: row.labels.recall()?,
        precision: row.findings.precision()?,
    })
}

/// Shares from `least` to 1, as places in a panel.
struct Scale {
    least: f64,
}

impl Scale {
    fn x(&self, share: f64) -> f64 {
        LEFT + SIDE * (share - self.least) / (1.0 - self.least)
    }

    fn y(&self, share: f64) -> f64 {
        TOP + SIDE * (1.0 - share) / (1.0 - self.least)
    }
}

struct Panel<'p> {
    name: String,
    was: Option<Shares>,
    is: Option<Shares>,
    sets: Vec<(&'p str, Shares)>,
    curve: &'p [Shares],
}

impl Panel<'_> {
    fn svg(&self) -> String {
        let said = |shares: Option<Shares>| {
            let recall = percent(shares.map(|shares| shares.recall));
            let precision = percent(shares.map(|shares| shares.precision));
            format!("recall {recall}, precision {precision}")
        };
        let (width, height) = (LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM);
        let mut out = format!(
            "<svg role=\"img\" viewBox=\"0 0 {width} {height}\" \
             aria-label=\"{}: {}; default pack: {}\">\n\
             <text class=\"name\" x=\"{LEFT}\" y=\"15\">{}</text>\n",
            self.name,
            said(self.is),
            said(self.was),
            self.name,
        );
        let scale = self.scale();
        axes(&mut out, &scale);
        let place = |shares: &Shares| (scale.x(shares.recall), scale.y(shares.precision));
        let curve = self
            .curve
            .iter()
            .map(place)
            .map(|(x, y)| format!("{x:.1},{y:.1}"));
        let curve: Vec<String> = curve.collect();
        if !curve.is_empty() {
            let _written = writeln!(
                out,
                "<polyline class=\"curve\" points=\"{}\"/>",
                curve.join(" ")
            );
        }
        for (set, shares) in &self.sets {
            let (x, y) = place(shares);
            let _written = writeln!(
                out,
                "<circle class=\"set\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"><title>{}: {}</title>\
                 </circle>",
                escape(set),
                said(Some(*shares)),
            );
        }
        if let Some((x, y)) = self.was.as_ref().map(place) {
            let (x, y) = (x - 5.5, y - 5.5);
            let _written = writeln!(
                out,
                "<rect class=\"before\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"11\" height=\"11\"/>"
            );
        }
        if let Some((x, y)) = self.is.as_ref().map(place) {
            let _written = writeln!(
                out,
                "<circle class=\"after\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"
            );
        }
        out.push_str("</svg>\n");
        out
    }

    /// Room for every point.
    fn scale(&self) -> Scale {
        let sets = self.sets.iter().map(|(_, shares)| shares);
        let all = sets.chain(self.curve).chain(&self.was).chain(&self.is);
        let least = all.fold(0.9f64, |least, s| least.min(s.recall).min(s.precision));
        Scale {
            least: (least * 10.0).floor().clamp(0.0, 9.0) / 10.0,
        }
    }
}

fn axes(out: &mut String, scale: &Scale) {
    let steps = 4;
    for step in 0..=steps {
        let share = scale.least + (1.0 - scale.least) * f64::from(step) / f64::from(steps);
        let (x, y) = (scale.x(share), scale.y(share));
        let class = if step == 0 { "axis" } else { "grid" };
        let (right, bottom) = (LEFT + SIDE, TOP + SIDE);
        let _written = writeln!(
            out,
            "<path class=\"{class}\" d=\"M{LEFT} {y:.1}H{right}M{x:.1} {TOP}V{bottom}\"/>"
        );
        if step % 2 == 0 {
            let text = format!("{:.0}", 100.0 * share);
            let _written = writeln!(
                out,
                "<text class=\"tick\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">{text}</text>\
                 <text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{text}</text>",
                bottom + 13.0,
                LEFT - 5.0,
                y + 3.0
            );
        }
    }
    let _written = writeln!(
        out,
        "<text class=\"tick\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">recall, %</text>\
         <text class=\"tick\" text-anchor=\"middle\" transform=\"translate(9 {}) rotate(-90)\">\
         precision, %</text>",
        LEFT + SIDE / 2.0,
        TOP + SIDE + 28.0,
        TOP + SIDE / 2.0
    );
}

/// A line of a bar chart: name, value before and after, and how the values are written.
struct Bar {
    name: String,
    before: f64,
    after: f64,
    text: String,
}

/// Leaked letters and digits by type, the most first.
pub(super) fn leaks(before: &SetTable, after: &SetTable) -> String {
    let rows = Detector::ALL
        .into_iter()
        .map(|d| (d, before.row(d), after.row(d)));
    let rows = rows
        .filter(|(_, was, is)| was.labels.characters_leaked() + is.labels.characters_leaked() > 0);
    let mut bars: Vec<Bar> = rows
        .map(|(detector, was, is)| {
            let (was, is) = (
                was.labels.characters_leaked(),
                is.labels.characters_leaked(),
            );
            Bar {
                name: label(detector),
                before: was as f64,
                after: is as f64,
                text: format!("{is} (default {was})"),
            }
        })
        .collect();
    bars.sort_by(|a, b| {
        b.after
            .total_cmp(&a.after)
            .then(b.before.total_cmp(&a.before))
    });
    match bars.is_empty() {
        true => "<p>Nothing leaked.</p>\n".to_owned(),
        false => chart("Leaked characters by type", &bars),
    }
}

/// Megabytes a second by set.
pub(super) fn speeds(before: &Measured, after: &Measured) -> String {
    let bars: Vec<Bar> = after
        .speeds
        .iter()
        .map(|(set, speed)| {
            let is = speed.megabytes_per_second();
            let was = before
                .speeds
                .get(set)
                .and_then(|speed| speed.megabytes_per_second());
            Bar {
                name: if set.is_empty() {
                    "(no set)".to_owned()
                } else {
                    set.clone()
                },
                before: was.unwrap_or_default(),
                after: is.unwrap_or_default(),
                text: format!("{} (default {})", rate(is), rate(was)),
            }
        })
        .collect();
    match bars.is_empty() {
        true => "<p>Nothing was measured.</p>\n".to_owned(),
        false => chart("Megabytes a second on one core, by set", &bars),
    }
}

/// Horizontal bars, the value before as a thinner one below.
fn chart(title: &str, bars: &[Bar]) -> String {
    const NAMES: f64 = 130.0;
    const BARS: f64 = 380.0;
    const VALUES: f64 = 190.0;
    const LINE: f64 = 26.0;
    let most = bars
        .iter()
        .map(|bar| bar.before.max(bar.after))
        .fold(0.0, f64::max);
    let width = |value: f64| {
        if most > 0.0 {
            (BARS * value / most).max(1.0)
        } else {
            1.0
        }
    };
    let (full, height) = (NAMES + BARS + VALUES, LINE * bars.len() as f64 + 4.0);
    let said: Vec<_> = bars
        .iter()
        .map(|bar| format!("{} {}", bar.name, bar.text))
        .collect();
    let mut out = format!(
        "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 {full} {height}\" \
         aria-label=\"{}: {}\">\n",
        escape(title),
        escape(&said.join("; "))
    );
    for (place, bar) in bars.iter().enumerate() {
        let y = LINE * place as f64 + 4.0;
        let long = width(bar.after.max(bar.before));
        let _written = writeln!(
            out,
            "<text class=\"row\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>\
             <rect class=\"after\" x=\"{NAMES}\" y=\"{y}\" width=\"{:.1}\" height=\"11\" rx=\"2\"/>\
             <rect class=\"before\" x=\"{NAMES}\" y=\"{}\" width=\"{:.1}\" height=\"4\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{}\">{}</text>",
            NAMES - 8.0,
            y + 12.0,
            escape(&bar.name),
            width(bar.after),
            y + 13.0,
            width(bar.before),
            NAMES + long + 8.0,
            y + 12.0,
            escape(&bar.text),
        );
    }
    out.push_str("</svg>\n");
    out
}
