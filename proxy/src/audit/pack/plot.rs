//! Bars as SVG, with axes.

use plotters::prelude::*;
use velum_core::time::Timestamp;

use crate::observe::rfc3339;

const SIZE: (u32, u32) = (860, 320);
const DAY_NS: u64 = 86_400 * 1_000_000_000;
/// Bars that can be told apart.
const BARS: usize = 24;
const COLOURS: [RGBColor; 2] = [RGBColor(31, 78, 121), RGBColor(192, 80, 30)];

/// Counts a day, UTC, as one stack of two: each with its name.
pub fn days(title: &str, names: [&str; 2], counts: &[(u64, [u64; 2])]) -> String {
    drawn(|text| {
        let first = counts.first().map_or(0, |(day, _)| *day) as f64;
        let last = counts.last().map_or(0, |(day, _)| *day) as f64 + 1.0;
        let sums = counts.iter().map(|(_, [a, b])| a + b);
        let top = sums.max().unwrap_or(0).max(1) as f64 * 1.1;
        let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(first..last, 0.0..top)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_desc("day (UTC)")
            .y_desc("count")
            .x_labels(8)
            .x_label_formatter(&|day| date(*day as u64))
            .y_label_formatter(&|count| format!("{count:.0}"))
            .draw()?;
        for (series, name) in names.iter().enumerate() {
            let colour = COLOURS[series];
            let bars = counts.iter().map(|(day, parts)| {
                let below = if series == 0 { 0 } else { parts[0] } as f64;
                let (left, right) = (*day as f64 + 0.1, *day as f64 + 0.9);
                let above = below + parts[series] as f64;
                Rectangle::new([(left, below), (right, above)], colour.filled())
            });
            chart.draw_series(bars)?.label(*name).legend(move |(x, y)| {
                Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled())
            });
        }
        chart
            .configure_series_labels()
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()?;
        area.present()?;
        Ok(())
    })
}

/// Counts by name, the largest on top.
pub fn ranking(title: &str, what: &str, counts: &[(String, u64)]) -> String {
    let mut counts = counts.to_vec();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(BARS);
    drawn(|text| {
        let rows = counts.len().max(1);
        let right = counts.iter().map(|(_, count)| *count).max();
        let right = right.unwrap_or(0).max(1) as f64 * 1.1;
        let size = (SIZE.0, 100 + 24 * rows as u32);
        let area = SVGBackend::with_string(text, size).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(220)
            .build_cartesian_2d(0.0..right, (0..rows).into_segmented())?;
        let name = |place: &SegmentValue<usize>| {
            let row = match place {
                SegmentValue::CenterOf(row) | SegmentValue::Exact(row) => *row,
                SegmentValue::Last => return String::new(),
            };
            let index = rows.checked_sub(row + 1);
            let named = index.and_then(|index| counts.get(index));
            named.map_or_else(String::new, |(name, _)| name.chars().take(36).collect())
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_desc(what)
            .y_labels(rows)
            .y_label_formatter(&name)
            .x_label_formatter(&|count| format!("{count:.0}"))
            .draw()?;
        chart.draw_series(counts.iter().enumerate().map(|(index, (_, count))| {
            let row = rows - 1 - index;
            let corners = [
                (0.0, SegmentValue::Exact(row)),
                (*count as f64, SegmentValue::Exact(row + 1)),
            ];
            let mut bar = Rectangle::new(corners, COLOURS[0].filled());
            bar.set_margin(3, 3, 0, 0);
            bar
        }))?;
        area.present()?;
        Ok(())
    })
}

/// Drawing to a text takes no file and no font; what cannot be drawn is left out.
fn drawn(draw: impl FnOnce(&mut String) -> Result<(), Box<dyn std::error::Error>>) -> String {
    let mut text = String::new();
    match draw(&mut text) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}

/// `2026-11-27`
pub(super) fn date(day: u64) -> String {
    rfc3339(Timestamp(day.saturating_mul(DAY_NS)))
        .chars()
        .take(10)
        .collect()
}
