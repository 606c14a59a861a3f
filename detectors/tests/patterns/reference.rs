//! What the engine is held against: for every start of every field an anchored search of
//! regex-automata for the longest match, pattern by pattern.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};
use velum_detectors::Match;

/// Size of one automaton.
const SIZE_BYTES: usize = 1024 * 1024;

/// One automaton a pattern.
pub(crate) struct Reference(Vec<dense::DFA<Vec<u32>>>);

impl Reference {
    /// `None` if a pattern is no expression, or too large a one for a test.
    pub(crate) fn new<S: AsRef<str>>(patterns: &[S]) -> Option<Self> {
        let automata = patterns.iter().map(|pattern| {
            dense::Builder::new()
                .configure(
                    dense::Config::new()
                        .match_kind(MatchKind::All)
                        .start_kind(StartKind::Anchored)
                        .dfa_size_limit(Some(SIZE_BYTES))
                        .determinize_size_limit(Some(4 * SIZE_BYTES)),
                )
                .syntax(syntax::Config::new().unicode(false).utf8(false))
                .thompson(thompson::Config::new().utf8(false))
                .build(pattern.as_ref())
                .ok()
        });
        automata.collect::<Option<Vec<_>>>().map(Self)
    }

    /// The matches in a text that is one field.
    pub(crate) fn find(&self, text: &[u8]) -> Vec<Match> {
        let whole = 0..text.len();
        self.find_fields(text, std::slice::from_ref(&whole))
    }

    /// The matches in the fields of a text.
    pub(crate) fn find_fields(&self, text: &[u8], fields: &[std::ops::Range<usize>]) -> Vec<Match> {
        let mut out = Vec::new();
        for (pattern, automaton) in self.0.iter().enumerate() {
            for field in fields {
                let bytes = &text[field.clone()];
                let mut widest = 0;
                for start in 0..bytes.len() {
                    let input = Input::new(bytes)
                        .span(start..bytes.len())
                        .anchored(Anchored::Yes);
                    let found = automaton
                        .try_search_fwd(&input)
                        .expect("no byte is refused");
                    let Some(end) = found.map(|half| half.offset()) else {
                        continue;
                    };
                    if end > widest {
                        widest = end;
                        out.push(Match {
                            start: field.start + start,
                            end: field.start + end,
                            pattern: pattern as u32,
                        });
                    }
                }
            }
        }
        sort(&mut out);
        out
    }
}

/// The order of every output.
pub(crate) fn sort(found: &mut [Match]) {
    found.sort_by_key(|m| (m.start, std::cmp::Reverse(m.end), m.pattern));
}

/// The text with every byte of every match replaced.
pub(crate) fn masked(text: &[u8], found: &[Match], with: u8) -> Vec<u8> {
    let mut out = text.to_vec();
    for found in found {
        out[found.start..found.end].fill(with);
    }
    out
}
