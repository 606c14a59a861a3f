//! Curves as SVG.

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

/// Lines over a logarithmic x axis.
///
/// # Panics
/// If nothing can be drawn, which takes no file and no font.
pub fn plot(title: &str, x: &str, y: &str, lines: &[Line]) -> String {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (800, 480)).into_drawing_area();
        area.fill(&WHITE).expect("a background");
        let points = || lines.iter().flat_map(|line| &line.points);
        let right = points().map(|point| point.0).fold(1.0, f64::max);
        let left = points().map(|point| point.0).fold(right, f64::min);
        let top = points().map(|point| point.1).fold(0.0, f64::max) * 1.1;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d((left..right * 1.05).log_scale(), 0.0..top)
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
        area.present().expect("a drawing");
    }
    text
}
