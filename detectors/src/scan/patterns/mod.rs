//! Regular expressions over bytes: all of them at once, all overlapping matches, at a cost that
//! the text cannot raise.
//!
//! Syntax is that of the `regex` crate with Unicode switched off: `\d`, `\w`, `\s` and `\b` are
//! ASCII, `(?i)` folds ASCII letters, a literal character of several bytes matches its UTF-8
//! bytes. A byte from 0x80 is no word character, so `\b` holds between it and a letter; only
//! classes that say so (`.`, `[^…]`, `\W`, `[\x80-\xff]`) match it.
//!
//! # Matches
//! For each start the longest match of each pattern; of one pattern, only matches that lie in no
//! other match of it. Together they cover exactly the bytes that all possible matches cover. No
//! pattern hides another, and none is found only because another is missing.
//!
//! # Bounds
//! A bounded expression of up to 62 bytes becomes a bit program: shifts and ANDs whose cost
//! depends on the length of the text alone. Every other one is found at its rarest part and read
//! from there by automata, over a bounded number of bytes for each byte of the text, see
//! [`WALK_BYTES`]. What has no such bound is refused with the reason: [`PatternError`].
//!
//! ```
//! use velum_detectors::{Match, Patterns, Scratch};
//!
//! let patterns = Patterns::compile(&[r"\b\d{3}-\d{2}-\d{4}\b", r"MRN[:# ]{0,4}\d{6,10}"])?;
//! let mut scratch = Scratch::default();
//! let mut found = Vec::new();
//! patterns.find(&mut scratch, b"MRN: 0012345, SSN 531-77-0294", &mut found);
//! assert_eq!(found[0], Match { start: 0, end: 12, pattern: 1 });
//! assert_eq!(found[1], Match { start: 18, end: 29, pattern: 0 });
//! # Ok::<(), velum_detectors::PatternError>(())
//! ```

use velum_core::limits::FINDING_SPAN_BYTES;

use super::bits::graph::{Graph, Term};
use super::bits::program::{Program, Step, TooWide};
use super::bits::sweep::{ShortSlots, Slots};
use super::simd::Kernel;

mod cover;
mod error;
mod find;
mod hits;
mod route;
mod rows;
mod stream;
mod walk;

pub use error::{PatternError, Refusal};
pub use rows::{Plan, Rows};
pub use stream::Carry;

use route::Route;
use walk::{Memo, Walk};

/// Longest match that a pattern may have.
pub const MATCH_BYTES: usize = FINDING_SPAN_BYTES;
/// Bytes that a walk may read for one byte of a hostile text.
pub const WALK_BYTES: usize = 64;
/// Size of one automaton.
pub const AUTOMATON_BYTES: usize = 1024 * 1024;
/// Patterns of one set.
pub const PATTERNS: usize = 1024;
/// Length of one expression.
pub const SOURCE_BYTES: usize = 4096;

/// A match of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Match {
    /// First byte.
    pub start: usize,
    /// One past the last byte; `start < end`.
    pub end: usize,
    /// Index of the pattern among those that were compiled.
    pub pattern: u32,
}

/// Compiled patterns; frozen, and shared between threads.
#[derive(Clone)]
pub struct Patterns {
    kernel: Kernel,
    program: Program,
    /// Steps that only [`Patterns::mask`] needs: starts by length.
    cover_steps: Vec<Step>,
    /// By pattern, and of one pattern the longest first.
    fixed: Vec<Fixed>,
    walks: Vec<Walk>,
    /// Slots of the starts of fixed matches, and then of each walk's triggers.
    starts: Vec<u16>,
    /// Lengths of fixed matches, the longest first, and the slot of their starts.
    lengths: Vec<(u8, u16)>,
    /// Bytes of the shortest match.
    shortest: usize,
    patterns: usize,
}

/// Matches of one length: their starts are the bits of a slot.
#[derive(Clone, Copy)]
struct Fixed {
    slot: u16,
    bytes: u8,
    pattern: u32,
}

/// Memory that a search works in: allocated by the first one, used again by the others.
#[derive(Clone, Default)]
pub struct Scratch {
    slots: Slots,
    words: ShortSlots,
    triggers: Vec<Trigger>,
    walked: Vec<Match>,
    memos: Vec<Memo>,
    ends: Vec<usize>,
    cover: Vec<u64>,
}

/// A place from which a walk has to be taken.
#[derive(Clone, Copy)]
struct Trigger {
    walk: u32,
    at: usize,
}

impl Patterns {
    /// Compiles the patterns for the fastest vector unit of this processor.
    ///
    /// # Errors
    /// The first pattern that is no expression, or whose matches or cost have no bound.
    pub fn compile<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        Self::compile_for(patterns, Kernel::best())
    }

    /// The same for one vector unit. All of them find the same.
    ///
    /// # Errors
    /// As [`Patterns::compile`].
    pub fn compile_for<S: AsRef<str>>(
        patterns: &[S],
        kernel: Kernel,
    ) -> Result<Self, PatternError> {
        if patterns.len() > PATTERNS {
            return Err(PatternError {
                pattern: PATTERNS,
                reason: Refusal::Many,
            });
        }
        let mut graph = Graph::default();
        let mut routes = Routes::default();
        let mut shortest = MATCH_BYTES;
        for (pattern, source) in patterns.iter().enumerate() {
            let refused = |reason| PatternError { pattern, reason };
            let hir = route::parse(source.as_ref()).map_err(refused)?;
            shortest = shortest.min(hir.properties().minimum_len().unwrap_or(MATCH_BYTES));
            for choice in route::alternatives(&hir) {
                match route::choose(&mut graph, pattern as u32, choice).map_err(refused)? {
                    Route::Fixed(starts) => routes.add_fixed(pattern as u32, starts),
                    Route::Walk(trigger, walk) => routes.walks.push((trigger, *walk)),
                }
            }
        }
        routes
            .finish(&graph, kernel, patterns.len(), shortest)
            .map_err(|wide| PatternError {
                pattern: patterns.len().saturating_sub(1),
                reason: match wide {
                    TooWide::Classes => Refusal::Classes,
                    TooWide::Slots => Refusal::Bitmaps,
                },
            })
    }

    /// Number of patterns.
    pub fn len(&self) -> usize {
        self.patterns
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.patterns == 0
    }

    /// The vector unit that the patterns were compiled for.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Patterns, or alternatives of them, that are found by walks and not by bits alone.
    pub fn walks(&self) -> usize {
        self.walks.len()
    }

    /// Operations on bitmaps for each 512 bytes of text.
    pub fn operations(&self) -> usize {
        self.program.cost()
    }
}

#[derive(Default)]
struct Routes {
    fixed: Vec<(u32, usize, Term)>,
    walks: Vec<(Term, Walk)>,
}

impl Routes {
    /// Starts of one pattern; alternatives of the same length stay apart.
    fn add_fixed(&mut self, pattern: u32, starts: Vec<(usize, Term)>) {
        let starts = starts.into_iter();
        self.fixed
            .extend(starts.map(|(bytes, term)| (pattern, bytes, term)));
    }

    fn finish(
        mut self,
        graph: &Graph,
        kernel: Kernel,
        patterns: usize,
        shortest: usize,
    ) -> Result<Patterns, TooWide> {
        self.fixed
            .sort_by_key(|(pattern, bytes, _)| (*pattern, std::cmp::Reverse(*bytes)));
        let outputs: Vec<Term> = self
            .fixed
            .iter()
            .map(|(.., term)| *term)
            .chain(self.walks.iter().map(|(term, _)| *term))
            .collect();
        let mut program = Program::new(graph, &outputs)?;
        let slots = program.outputs.clone();
        let (fixed_slots, _) = slots.split_at(self.fixed.len());
        let fixed: Vec<Fixed> = self
            .fixed
            .iter()
            .zip(fixed_slots)
            .map(|((pattern, bytes, _), slot)| Fixed {
                slot: *slot,
                bytes: *bytes as u8,
                pattern: *pattern,
            })
            .collect();
        let mut cover_steps = Vec::new();
        let mut lengths = Vec::new();
        for bytes in (1..=u8::MAX).rev() {
            let same = fixed.iter().filter(|fixed| fixed.bytes == bytes);
            let same: Vec<u16> = same.map(|fixed| fixed.slot).collect();
            if !same.is_empty() {
                let (steps, starts) = program.unite(&same)?;
                lengths.push((bytes, starts));
                cover_steps.extend(steps);
            }
        }
        Ok(Patterns {
            kernel,
            program,
            cover_steps,
            fixed,
            walks: self.walks.into_iter().map(|(_, walk)| walk).collect(),
            starts: slots,
            lengths,
            shortest,
            patterns,
        })
    }
}
