//! Words between the number of a house and the end of its street.

use crate::lookup::WordSet;
use crate::scan::Scan;
use crate::text::{is_one_of, run_end};

/// Longest word of a street or a city.
pub(super) const WORD_BYTES: usize = 24;
/// Letters of a street's word that may be abbreviated with a dot: `St. Charles`, `Geo. Mason`.
const DOTTED_BYTES: usize = 3;

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Small,
    /// `Oak`, `O'Neill`, `A`.
    Capital,
    /// `OAK`.
    Capitals,
    /// `5th`, `42ND`.
    Ordinal,
}

/// A word of a street's or a city's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    pub(super) text: &'t [u8],
    pub(super) start: usize,
    pub(super) end: usize,
    /// One past the dot that belongs to it.
    pub(super) dotted: usize,
    pub(super) case: Case,
}

impl Word<'_> {
    /// Whether it is written like a name.
    pub(super) fn is_capital(&self) -> bool {
        self.case != Case::Small
    }

    /// Whether it is one of these, which are written in small letters.
    pub(super) fn is(&self, words: &[&[u8]]) -> bool {
        is_one_of(self.text, words)
    }

    /// The same of a longer list.
    pub(super) fn is_in(&self, words: &WordSet) -> bool {
        words.has(self.text)
    }

    /// Whether a dot ends a sentence here, and no abbreviation.
    pub(super) fn ends_sentence(&self) -> bool {
        self.dotted > self.end && self.text.len() > DOTTED_BYTES
    }
}

/// The word behind one or two blanks at `at`.
pub(super) fn next<'t>(scan: &Scan<'t>, at: usize) -> Option<Word<'t>> {
    let start = run_end(scan.text, at, 2, |byte| byte == b' ');
    if start == at {
        return None;
    }
    word_at(scan, start)
}

/// The word that begins at `start`.
pub(super) fn word_at<'t>(scan: &Scan<'t>, start: usize) -> Option<Word<'t>> {
    let end = word_end(scan.text, start);
    let text = scan.slice(start, end);
    let first = text.first()?;
    let case = if first.is_ascii_digit() {
        if !is_ordinal(text) {
            return None;
        }
        Case::Ordinal
    } else if first.is_ascii_uppercase() || *first >= 0x80 {
        if text.len() > 1 && !text.iter().any(u8::is_ascii_lowercase) {
            Case::Capitals
        } else {
            Case::Capital
        }
    } else if first.is_ascii_lowercase() {
        Case::Small
    } else {
        return None;
    };
    let mut dotted = end + usize::from(scan.byte(end) == Some(b'.'));
    let mut end = end;
    // `N.W.`
    if let [first, b'.', second, b'.', ..] = scan.slice(start, start + 5)
        && first.is_ascii_alphabetic()
        && second.is_ascii_alphabetic()
    {
        end = start + 3;
        dotted = start + 4;
    }
    Some(Word {
        text: scan.slice(start, end),
        start,
        end,
        dotted,
        case,
    })
}

/// `5th`, `42ND`, `1st`.
fn is_ordinal(text: &[u8]) -> bool {
    let Some((number, ending)) = text.split_last_chunk::<2>() else {
        return false;
    };
    let endings: [&[u8]; 4] = [b"st", b"nd", b"rd", b"th"];
    !number.is_empty() && number.iter().all(u8::is_ascii_digit) && is_one_of(ending, &endings)
}

pub(super) fn word_end(text: &[u8], from: usize) -> usize {
    run_end(text, from, WORD_BYTES, |byte| {
        byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'\'' | b'-')
    })
}

/// `N`, `SW`, `North`, `N.E`.
pub(super) fn is_direction(word: &[u8]) -> bool {
    static DIRECTIONS: WordSet = WordSet::of(&[
        b"n",
        b"s",
        b"e",
        b"w",
        b"ne",
        b"nw",
        b"se",
        b"sw",
        b"n.e",
        b"n.w",
        b"s.e",
        b"s.w",
        b"north",
        b"south",
        b"east",
        b"west",
        b"northeast",
        b"northwest",
        b"southeast",
        b"southwest",
    ]);
    DIRECTIONS.has(word)
}

/// Words of sentences that stand in no street's name.
pub(super) fn is_of_sentence(word: &[u8]) -> bool {
    static WORDS: WordSet = WordSet::of(&[
        b"a", b"about", b"after", b"and", b"are", b"as", b"at", b"be", b"before", b"but", b"by",
        b"c", b"can", b"daily", b"did", b"every", b"f", b"for", b"from", b"had", b"has", b"have",
        b"he", b"her", b"him", b"his", b"if", b"in", b"into", b"is", b"it", b"its", b"lives", b"m",
        b"more", b"no", b"not", b"of", b"off", b"on", b"or", b"out", b"over", b"per", b"po",
        b"prn", b"q", b"seen", b"she", b"than", b"that", b"the", b"their", b"then", b"they",
        b"this", b"to", b"under", b"until", b"up", b"via", b"was", b"way", b"were", b"when",
        b"where", b"who", b"will", b"with", b"without", b"x",
    ]);
    WORDS.has(word)
}

/// What a number counts.
static MEASURES: WordSet = WordSet::of(&[
    b"am",
    b"bag",
    b"bags",
    b"bed",
    b"beds",
    b"bid",
    b"block",
    b"blocks",
    b"bpm",
    b"cc",
    b"cm",
    b"cups",
    b"day",
    b"days",
    b"degree",
    b"degrees",
    b"dose",
    b"doses",
    b"drops",
    b"feet",
    b"fl",
    b"foot",
    b"ft",
    b"g",
    b"gm",
    b"gram",
    b"grams",
    b"gtt",
    b"hour",
    b"hours",
    b"hr",
    b"hrs",
    b"inch",
    b"inches",
    b"kcal",
    b"kg",
    b"l",
    b"lb",
    b"lbs",
    b"liter",
    b"liters",
    b"mcg",
    b"meq",
    b"meter",
    b"meters",
    b"mg",
    b"mile",
    b"miles",
    b"min",
    b"mins",
    b"minute",
    b"minutes",
    b"ml",
    b"mm",
    b"mmhg",
    b"mmol",
    b"mo",
    b"month",
    b"months",
    b"mos",
    b"oz",
    b"pack",
    b"packs",
    b"patient",
    b"patients",
    b"percent",
    b"pills",
    b"pm",
    b"point",
    b"points",
    b"pounds",
    b"puffs",
    b"refills",
    b"rounds",
    b"sec",
    b"second",
    b"seconds",
    b"sprays",
    b"step",
    b"steps",
    b"stories",
    b"story",
    b"tab",
    b"tablet",
    b"tablets",
    b"tabs",
    b"tid",
    b"time",
    b"times",
    b"unit",
    b"units",
    b"visits",
    b"week",
    b"weeks",
    b"wk",
    b"wks",
    b"y",
    b"y/o",
    b"yard",
    b"yards",
    b"year",
    b"years",
    b"yo",
    b"yr",
    b"yrs",
]);

/// What a number counts: `100 MG NIGHTLY`, `10 minute walk`.
pub(super) fn is_measure(word: &[u8]) -> bool {
    MEASURES.has(word)
}
