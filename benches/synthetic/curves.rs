//! Rates by what a result is like: how wide its cells are, how much of it is masked, how long it
//! is.

use velum_benches::record::median;

use crate::Extent;
use crate::answers::{Answer, Recorded, SHARES, WIDTHS};
use crate::blast::rounds;
use crate::path::Path;
use crate::plot::{Axis, Line, plot};

/// GiB/s by bytes of a cell, as SVG.
pub fn widths(recorded: &Recorded, paths: &[Path], extent: &Extent) -> String {
    let answers = WIDTHS.map(|width| (width as f64, Answer::Width(width)));
    let lines = lines(recorded, paths, extent, &answers);
    let title = "GiB/s by bytes of a cell";
    plot(title, Axis::log("bytes of a cell"), "GiB/s", &lines)
}

/// GiB/s by share of the cells that hold an SSN, as SVG.
pub fn shares(recorded: &Recorded, paths: &[Path], extent: &Extent) -> String {
    let answers = SHARES.map(|percent| (percent as f64, Answer::Share(percent)));
    let lines = lines(recorded, paths, extent, &answers);
    let title = "GiB/s by cells of a hundred with an SSN";
    plot(title, Axis::linear("cells of a hundred"), "GiB/s", &lines)
}

/// GiB/s by bytes of a result, as SVG.
pub fn sizes(recorded: &Recorded, paths: &[Path], extent: &Extent) -> String {
    let sizes = extent.sizes.iter();
    let answers: Vec<_> = sizes
        .map(|size| (*size as f64, Answer::Size(*size)))
        .collect();
    let lines = lines(recorded, paths, extent, &answers);
    let title = "GiB/s by bytes of a result";
    plot(title, Axis::log("bytes of a result"), "GiB/s", &lines)
}

fn lines(
    recorded: &Recorded,
    paths: &[Path],
    extent: &Extent,
    answers: &[(f64, Answer)],
) -> Vec<Line> {
    let mut lines: Vec<Line> = paths.iter().map(|path| Line::new(path.name)).collect();
    for (x, answer) in answers {
        let all = rounds(recorded, paths, *answer, extent);
        for (line, rounds) in lines.iter_mut().zip(all) {
            line.points.push((*x, median(rounds.rates).1));
        }
    }
    lines
}
