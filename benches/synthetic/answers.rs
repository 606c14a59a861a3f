//! What the server answers: recorded results, each by its number.

use std::sync::Arc;

use velum_benches::client::query;
use velum_benches::relay::released_hash;
use velum_benches::result::{Shape, cells_of, result, share_of};
use velum_benches::{HASH_SEED, content_hash};
use velum_detectors::Detectors;

use crate::Extent;
use crate::path::Path;
use crate::upstream::{Answers, question};

/// Shapes of rows, for the tables.
pub const SHAPES: [Shape; 4] = [Shape::Narrow, Shape::Wide, Shape::Prose, Shape::Binary];
/// Bytes of one cell.
pub const WIDTHS: [usize; 6] = [16, 128, 1 << 10, 16 << 10, 128 << 10, 1 << 20];
/// Cells of a hundred that are masked where content is.
pub const SHARES: [u64; 7] = [0, 1, 5, 10, 25, 50, 100];

/// One result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Rows of this shape.
    Shape(Shape),
    /// Rows with one cell of so many bytes.
    Width(usize),
    /// Rows of which so many cells of a hundred hold an SSN.
    Share(u64),
    /// So many bytes of wide rows.
    Size(usize),
}

impl Answer {
    /// One KiB or so.
    pub const SMALL: Self = Self::Size(1 << 10);

    fn all(extent: &Extent) -> Vec<Self> {
        let shapes = SHAPES.into_iter().map(Self::Shape);
        let widths = WIDTHS.into_iter().map(Self::Width);
        let shares = SHARES.into_iter().map(Self::Share);
        let sizes = extent.sizes.iter().copied().map(Self::Size);
        shapes.chain(widths).chain(shares).chain(sizes).collect()
    }

    fn recorded(self, bytes: usize) -> Vec<u8> {
        match self {
            Self::Shape(shape) => result(shape, bytes),
            Self::Width(width) => cells_of(width, bytes),
            Self::Share(percent) => share_of(percent, bytes),
            Self::Size(bytes) => result(Shape::Wide, bytes),
        }
    }
}

/// All results.
pub struct Recorded {
    list: Vec<Answer>,
    /// By number.
    pub answers: Answers,
}

impl Recorded {
    /// All of them; `extent` says how large.
    pub fn new(extent: &Extent) -> Self {
        let list = Answer::all(extent);
        let answers = list.iter().map(|it| it.recorded(extent.result_bytes));
        Self {
            answers: Arc::new(answers.collect()),
            list,
        }
    }

    /// What asks for an answer.
    ///
    /// # Panics
    /// If it was not recorded.
    pub fn question(&self, answer: Answer) -> String {
        let number = self.list.iter().position(|other| *other == answer);
        question(number.expect("a recorded answer"))
    }

    /// Bytes of an answer.
    pub fn bytes(&self, answer: Answer) -> usize {
        let all = self.list.iter().zip(self.answers.iter());
        let found = all.into_iter().find(|(other, _)| **other == answer);
        found.map_or(0, |(_, bytes)| bytes.len())
    }

    /// Each path gives what a session in memory makes of each answer.
    pub fn check(&self, paths: &[Path]) -> Result<(), String> {
        let detectors = Arc::new(Detectors::standard());
        for path in paths {
            let mut stream = path.open();
            for (answer, bytes) in self.list.iter().zip(self.answers.iter()) {
                let mut hash = HASH_SEED;
                query(&mut stream, &self.question(*answer), |piece| {
                    hash = content_hash(hash, piece)
                });
                if hash != released_hash(path.asked(), &detectors, bytes) {
                    return Err(format!("{answer:?} through {}: not its content", path.name));
                }
            }
        }
        Ok(())
    }
}
