//! Any bytes as patterns, a text and places to cut it at: on every vector unit, whole, in pieces
//! and masked, what is found is the union of all overlapping matches of regex-automata.
#![no_main]

#[path = "../../detectors/tests/patterns/reference.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use reference::{Reference, masked};
use velum_detectors::{Carry, Kernel, Match, Patterns, Scratch};

/// Parts of expressions. `fuzz/seeds/generate` knows places in this table.
const TOKENS: [&str; 43] = [
    r"\d",
    r"\w",
    r"\s",
    "[0-4]",
    "[-. ]",
    "[A-Z]",
    "[a-z]",
    "[A-Z9]",
    "[:# ]",
    "[!-~]",
    "[^0-9]",
    ".",
    r"[\x80-\xff]",
    r"\xc3",
    "-",
    " ",
    "1",
    "a",
    "@",
    ":",
    "é",
    "MRN",
    "(?i:mrn)",
    "://",
    r"\.",
    r"\b",
    r"\B",
    "^",
    "$",
    "(?m:^)",
    "(?m:$)",
    r"\b{start}",
    r"\b{end}",
    "?",
    "{2}",
    "{3}",
    "{0,2}",
    "{1,4}",
    "{1,9}",
    "{1,20}",
    "(?:",
    "|",
    ")",
];
const MOST_PATTERNS: usize = 4;
const MOST_TOKENS: usize = 12;
const MOST_CUTS: usize = 6;
/// The reference searches from every byte.
const MOST_TEXT_BYTES: usize = 2048;

/// Takes bytes from the front; 0 where there are none.
struct Bytes<'d>(&'d [u8]);

impl<'d> Bytes<'d> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn take(&mut self, most: usize) -> &'d [u8] {
        let count = usize::from(self.next()) % (most + 1);
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }
}

/// An expression with as many closing brackets as opening ones.
fn expression(tokens: &[u8]) -> String {
    let mut source = String::new();
    let mut open = 0;
    for token in tokens {
        let token = TOKENS[usize::from(*token) % TOKENS.len()];
        match token {
            "(?:" => open += 1,
            ")" if open == 0 => continue,
            ")" => open -= 1,
            _ => {}
        }
        source.push_str(token);
    }
    source + &")".repeat(open)
}

/// The text as it is, with every byte followed by NUL, or by a byte beyond ASCII.
fn spelled(mode: u8, text: &[u8]) -> Vec<u8> {
    let text = &text[..text.len().min(MOST_TEXT_BYTES / 2)];
    match mode % 3 {
        0 => text.to_vec(),
        1 => text.iter().flat_map(|byte| [*byte, 0]).collect(),
        _ => text.iter().flat_map(|byte| [*byte, byte | 0x80]).collect(),
    }
}

fn find_cut(patterns: &Patterns, text: &[u8], cuts: &[u8]) -> Vec<Match> {
    let mut out = Vec::new();
    let mut carry = Carry::default();
    let mut rest = text;
    let mut sizes = cuts.iter().cycle().map(|size| usize::from(*size).max(1));
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(64).min(rest.len());
        let (piece, behind) = rest.split_at(size);
        let before = carry.released();
        patterns.find_in(&mut carry, piece, false, &mut out);
        assert!(carry.released() >= before, "released bytes are taken back");
        assert!(carry.received() - carry.released() <= patterns.hold_back_bytes() + size);
        assert!(out.iter().all(|found| found.start < carry.released()));
        rest = behind;
    }
    patterns.find_in(&mut carry, b"", true, &mut out);
    out
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let count = 1 + usize::from(bytes.next()) % MOST_PATTERNS;
    let mut sources: Vec<String> = (0..count)
        .map(|_| expression(bytes.take(MOST_TOKENS)))
        .collect();
    if Patterns::compile(&sources).is_err() {
        // A pattern that is refused is left out: the others are still a set.
        sources.retain(|source| Patterns::compile(&[source]).is_ok());
    }
    let Some(reference) = Reference::new(&sources) else {
        return;
    };
    let cuts = bytes.take(MOST_CUTS);
    let mode = bytes.next();
    let text = spelled(mode, bytes.0);
    let expected = reference.find(&text);
    for kernel in Kernel::all() {
        let Ok(patterns) = Patterns::compile_for(&sources, kernel) else {
            // Each is taken, but together they are too many.
            return;
        };
        let mut found = Vec::new();
        patterns.find(&mut Scratch::default(), &text, &mut found);
        assert_eq!(found, expected, "{}: {sources:?}", kernel.name());
        let cut = find_cut(&patterns, &text, cuts);
        assert_eq!(
            cut,
            expected,
            "{} cut at {cuts:?}: {sources:?}",
            kernel.name()
        );
        let mut hidden = text.clone();
        patterns.mask(&mut Scratch::default(), &mut hidden, 0);
        assert_eq!(
            hidden,
            masked(&text, &expected, 0),
            "{} masked",
            kernel.name()
        );
    }
});
