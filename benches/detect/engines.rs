//! The engines: each scans a batch, and says which bytes it would hide.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex_automata::dfa::{Automaton, OverlappingState, dense};
use regex_automata::hybrid;
use regex_automata::meta;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};
use velum_benches::rows::Batch;
use velum_benches::shapes;
use velum_detectors::{Kernel, Match, Patterns, Plan, Rows, Scratch};

use crate::vectorscan::{Database, Found, Library};

/// One engine in one way of use.
pub trait Engine {
    /// Scans the batch once; the number of matches keeps the work from being optimised away.
    fn scan(&mut self, batch: &Batch) -> usize;

    /// Which bytes are hidden; `None` for an engine that does not know.
    fn cover(&mut self, _batch: &Batch) -> Option<Vec<bool>> {
        None
    }
}

/// What an engine is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// The whole batch at once.
    Batch,
    /// One call for each field.
    Fields,
}

impl Feed {
    fn each<'b>(self, batch: &'b Batch) -> Box<dyn Iterator<Item = (usize, &'b [u8])> + 'b> {
        match self {
            Self::Batch => Box::new([(0, batch.text.as_slice())].into_iter()),
            Self::Fields => {
                let fields = batch.fields.iter();
                Box::new(fields.map(|(start, end)| (*start, &batch.text[*start..*end])))
            }
        }
    }
}

fn cover(batch: &Batch, spans: impl Iterator<Item = (usize, usize)>) -> Option<Vec<bool>> {
    let mut covered = vec![false; batch.text.len()];
    for (start, end) in spans {
        covered[start..end].fill(true);
    }
    Some(covered)
}

/// The borders of the fields, as a row walk gives them.
pub fn rows(batch: &Batch, rows: &mut Rows) {
    rows.reset(batch.frames.len());
    for (start, end) in &batch.fields {
        rows.add(*start, *end, Plan::Scan);
    }
}

/// Velum: spans of a batch whose borders are known.
pub struct Find {
    patterns: Patterns,
    scratch: Scratch,
    rows: Rows,
    found: Vec<Match>,
    /// Build the borders in each pass.
    walk: bool,
    known: usize,
}

impl Find {
    pub fn new(kernel: Kernel, walk: bool) -> Self {
        Self {
            patterns: Patterns::compile_for(&shapes::bounded(), kernel).expect("bounded shapes"),
            scratch: Scratch::default(),
            rows: Rows::default(),
            found: Vec::new(),
            walk,
            known: 0,
        }
    }
}

impl Engine for Find {
    fn scan(&mut self, batch: &Batch) -> usize {
        let place = batch.frames.as_ptr() as usize;
        if self.walk || self.known != place {
            rows(batch, &mut self.rows);
            self.known = place;
        }
        self.found.clear();
        self.patterns.find_rows(
            &mut self.scratch,
            &batch.frames,
            &self.rows,
            &mut self.found,
        );
        self.found.len()
    }

    fn cover(&mut self, batch: &Batch) -> Option<Vec<bool>> {
        self.scan(batch);
        cover(
            batch,
            self.found.iter().map(|found| (found.start, found.end)),
        )
    }
}

/// Velum: a copy of the batch, masked in place.
pub struct Mask {
    patterns: Patterns,
    scratch: Scratch,
    rows: Rows,
    copy: Vec<u8>,
    known: usize,
}

impl Mask {
    pub fn new(kernel: Kernel) -> Self {
        Self {
            patterns: Patterns::compile_for(&shapes::bounded(), kernel).expect("bounded shapes"),
            scratch: Scratch::default(),
            rows: Rows::default(),
            copy: Vec::new(),
            known: 0,
        }
    }
}

impl Engine for Mask {
    fn scan(&mut self, batch: &Batch) -> usize {
        let place = batch.frames.as_ptr() as usize;
        if self.known != place {
            rows(batch, &mut self.rows);
            self.known = place;
        }
        self.copy.clear();
        self.copy.extend_from_slice(&batch.frames);
        self.patterns
            .mask_rows(&mut self.scratch, &mut self.copy, &self.rows, 0xff)
    }

    fn cover(&mut self, batch: &Batch) -> Option<Vec<bool>> {
        self.scan(batch);
        // No field holds this byte, and headers are never masked.
        let bytes = self.copy.iter().zip(&batch.frames);
        Some(bytes.map(|(now, then)| now != then).collect())
    }
}

/// Velum: one call for each field, as a caller without batches would.
pub struct FindFields {
    patterns: Patterns,
    scratch: Scratch,
    found: Vec<Match>,
}

impl FindFields {
    pub fn new(kernel: Kernel) -> Self {
        Self {
            patterns: Patterns::compile_for(&shapes::bounded(), kernel).expect("bounded shapes"),
            scratch: Scratch::default(),
            found: Vec::new(),
        }
    }
}

impl Engine for FindFields {
    fn scan(&mut self, batch: &Batch) -> usize {
        self.found.clear();
        for (_, field) in Feed::Fields.each(batch) {
            self.patterns
                .find(&mut self.scratch, field, &mut self.found);
        }
        self.found.len()
    }
}

/// regex-automata's own choice of engines, all shapes in one alternation.
pub struct Meta(meta::Regex, Feed);

impl Meta {
    pub fn new(feed: Feed) -> Self {
        let regex = meta::Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .configure(meta::Config::new().utf8_empty(false))
            .build_many(&shapes::open());
        Self(regex.expect("the shapes are expressions"), feed)
    }
}

impl Engine for Meta {
    fn scan(&mut self, batch: &Batch) -> usize {
        let texts = self.1.each(batch);
        texts.map(|(_, text)| self.0.find_iter(text).count()).sum()
    }

    fn cover(&mut self, batch: &Batch) -> Option<Vec<bool>> {
        let texts = self.1.each(batch);
        let found = texts.flat_map(|(origin, text)| {
            let found = self.0.find_iter(text);
            found.map(move |found| (origin + found.start(), origin + found.end()))
        });
        cover(batch, found)
    }
}

/// Lazy automata to both sides.
pub struct Hybrid(hybrid::regex::Regex, hybrid::regex::Cache);

impl Hybrid {
    pub fn new() -> Self {
        let regex = hybrid::regex::Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .build_many(&shapes::open())
            .expect("the shapes are expressions");
        let cache = regex.create_cache();
        Self(regex, cache)
    }
}

impl Engine for Hybrid {
    fn scan(&mut self, batch: &Batch) -> usize {
        self.0.find_iter(&mut self.1, &batch.text).count()
    }
}

/// A dense automaton that reports every end of every shape.
pub struct Dense(dense::DFA<Vec<u32>>);

impl Dense {
    pub fn new() -> Self {
        let automaton = dense::Builder::new()
            .configure(dense::Config::new().match_kind(MatchKind::All))
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(&shapes::open());
        Self(automaton.expect("the shapes are expressions"))
    }
}

impl Engine for Dense {
    fn scan(&mut self, batch: &Batch) -> usize {
        let input = Input::new(&batch.text);
        let mut state = OverlappingState::start();
        let mut count = 0;
        loop {
            self.0
                .try_search_overlapping_fwd(&input, &mut state)
                .expect("no byte is refused");
            if state.get_match().is_none() {
                return count;
            }
            count += 1;
        }
    }
}

/// What is written first: one `regex` after the other over each field.
pub struct Naive(Vec<regex::Regex>);

impl Naive {
    pub fn new() -> Self {
        let shapes = shapes::open().into_iter();
        let regexes = shapes.map(|shape| regex::Regex::new(shape).expect("an expression"));
        Self(regexes.collect())
    }
}

impl Engine for Naive {
    fn scan(&mut self, batch: &Batch) -> usize {
        let mut bytes = 0;
        for (_, field) in Feed::Fields.each(batch) {
            let mut text = String::from_utf8_lossy(field).into_owned();
            for regex in &self.0 {
                text = regex.replace_all(&text, "*").into_owned();
            }
            bytes += text.len();
        }
        bytes
    }
}

/// Vectorscan over all shapes; without spans it knows ends only.
pub struct Vectorscan {
    database: Database,
    feed: Feed,
    spans: bool,
    found: Vec<Found>,
}

impl Vectorscan {
    pub fn shapes(library: Library, spans: bool, feed: Feed) -> Option<Self> {
        Self::new(library, &shapes::open(), spans, feed)
    }

    /// The widest net that still holds every shape: what it finds has yet to be verified.
    pub fn prefilter(library: Library, feed: Feed) -> Option<Self> {
        Self::new(library, &[r"\d{4}", "@", "://"], false, feed)
    }

    fn new(library: Library, patterns: &[&str], spans: bool, feed: Feed) -> Option<Self> {
        Some(Self {
            database: library.compile(patterns, spans)?,
            feed,
            spans,
            found: Vec::new(),
        })
    }
}

impl Engine for Vectorscan {
    fn scan(&mut self, batch: &Batch) -> usize {
        self.found.clear();
        for (_, text) in self.feed.each(batch) {
            self.database.scan(text, &mut self.found);
        }
        self.found.len()
    }

    fn cover(&mut self, batch: &Batch) -> Option<Vec<bool>> {
        if !self.spans {
            return None;
        }
        let mut all = Vec::new();
        for (origin, text) in self.feed.each(batch) {
            self.found.clear();
            self.database.scan(text, &mut self.found);
            let found = self.found.iter();
            all.extend(found.map(|(start, end)| (origin + start, origin + end)));
        }
        cover(batch, all.into_iter())
    }
}

/// An automaton of names, for scale: what a dictionary costs without tokens.
pub struct Names(AhoCorasick);

impl Names {
    pub fn new(count: usize) -> Self {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(names(count));
        Self(automaton.expect("names are patterns"))
    }
}

impl Engine for Names {
    fn scan(&mut self, batch: &Batch) -> usize {
        self.0.find_iter(&batch.text).count()
    }
}

/// Made-up names: syllables in every combination.
fn names(count: usize) -> Vec<String> {
    const SYLLABLES: [&str; 24] = [
        "an", "be", "ca", "do", "el", "fa", "go", "ha", "in", "jo", "ka", "lo", "ma", "no", "or",
        "pe", "qui", "ra", "so", "ta", "ul", "va", "wi", "ye",
    ];
    let name = |mut number: usize| {
        let mut name = String::new();
        for _ in 0..4 {
            name.push_str(SYLLABLES[number % SYLLABLES.len()]);
            number /= SYLLABLES.len();
        }
        name
    };
    (0..count).map(name).collect()
}
