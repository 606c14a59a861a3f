//! Curves as SVG.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

/// Named points, from left to right.
pub struct Line {
    name: &'static str,
    /// x and y.
    pub points: Vec<(f64, f64)>,
}

impl Line {
    /// Without points.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            points: Vec::new(),
        }
    }
}

/// What goes to the right.
pub struct Axis {
    name: &'static str,
    is_log: bool,
}

impl Axis {
    /// Equal steps are equal factors.
    pub const fn log(name: &'static str) -> Self {
        Self { name, is_log: true }
    }

    /// From 0 on.
    pub const fn linear(name: &'static str) -> Self {
        Self {
            name,
            is_log: false,
        }
    }
}

/// Lines as SVG.
///
/// # Panics
/// If nothing can be drawn, which takes no file and no font.
pub fn plot(title: &str, x: Axis, y: &str, lines: &[Line]) -> String {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (800, 480)).into_drawing_area();
        area.fill(&WHITE).expect("a background");
        let xs = || lines.iter().flat_map(|line| &line.points).map(|it| it.0);
        let right = xs().fold(1.0, f64::max);
        let names = [title, x.name, y];
        match x.is_log {
            true => {
                let left = xs().fold(right, f64::min);
                draw(&area, (left..right * 1.05).log_scale(), names, lines);
            }
            false => draw(&area, 0.0..right * 1.05, names, lines),
        }
        area.present().expect("a drawing");
    }
    text
}

fn draw<X>(area: &DrawingArea<SVGBackend<'_>, Shift>, range: X, names: [&str; 3], lines: &[Line])
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let [title, x, y] = names;
    let ys = lines.iter().flat_map(|line| &line.points).map(|it| it.1);
    let top = ys.fold(0.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(range, 0.0..top)
        .expect("axes");
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(x).y_desc(y).draw().expect("a grid");
    for (index, line) in lines.iter().enumerate() {
        let colour = Palette99::pick(index).stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), colour).point_size(4))
            .expect("a line")
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
    }
    let mut labels = chart.configure_series_labels();
    labels
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()
        .expect("a legend");
}
