//! Names of streets behind the number of a house.

use super::city::Place;
use super::suffix::{self, Suffix};
use super::words::{self, Case, Word};
use super::{city, house, route, unit};
use crate::lookup::WordSet;
use crate::scan::{Number, Scan};

/// Words of a street's name.
const WORDS: usize = 6;
/// The same in small letters, where any word may follow a number.
const SMALL_WORDS: usize = 3;

/// What stands between a house's number and the end of its street.
struct Street<'t> {
    /// One past the last word that can be of the name, and how many there are.
    end: usize,
    count: usize,
    /// All of them are written like names.
    capital: bool,
    /// No letter of them is small.
    capitals: bool,
    first: Word<'t>,
    /// The last suffix, how sure it is, and one past it.
    suffix: Option<(Suffix, Word<'t>)>,
}

/// One past the street that the number, whose house ends at `from`, stands before.
pub(super) fn end(scan: &Scan<'_>, number: &Number, from: usize) -> Option<usize> {
    // Most numbers have no word behind them.
    words::next(scan, from)?;
    if let Some(end) = route::highway(scan, number, from) {
        return Some(end);
    }
    if let Some(end) = named_first(scan, number, from) {
        return Some(end);
    }
    let street = read(scan, from)?;
    if let Some((kind, word)) = &street.suffix {
        let end = behind_suffix(scan, *kind, word);
        if is_street(scan, number, &street, *kind, word, end) {
            return Some(end);
        }
    }
    without_suffix(scan, number, &street)
}

fn read<'t>(scan: &Scan<'t>, from: usize) -> Option<Street<'t>> {
    let first = words::next(scan, from)?;
    let mut street = Street {
        end: first.end,
        count: 0,
        capital: true,
        capitals: true,
        first,
        suffix: None,
    };
    let mut word = first;
    for index in 0..WORDS {
        let kind = suffix::of(word.text).filter(|_| index > 0);
        if kind.is_none() && (!may_be_part(&word, index) || is_done(&street)) {
            break;
        }
        let small = word.case == Case::Small;
        // `12 Oak Street view`
        if small && street.suffix.is_some_and(|(_, last)| last.is_capital()) {
            break;
        }
        street.capital &= !small;
        street.capitals &= matches!(word.case, Case::Capitals | Case::Ordinal)
            || word.case == Case::Capital && word.text.len() == 1;
        street.end = word.end;
        street.count = index + 1;
        if let Some(kind) = kind {
            let surest = street.suffix.map_or(kind, |(before, _)| before.min(kind));
            street.suffix = Some((surest, word));
        }
        if word.ends_sentence() {
            break;
        }
        let Some(next) = words::next(scan, word.dotted) else {
            break;
        };
        word = next;
    }
    (street.count > 0).then_some(street)
}

/// Whether the street's name is at its end unless another suffix follows: `Mill Creek Road`.
fn is_done(street: &Street<'_>) -> bool {
    street.suffix.is_some_and(|(kind, _)| kind <= Suffix::Short)
}

/// Whether the word can stand between a house's number and the suffix of its street.
fn may_be_part(word: &Word<'_>, index: usize) -> bool {
    match word.case {
        Case::Ordinal => true,
        // In small letters only short names: `12 oak street`, `12 east main street`.
        Case::Small => {
            index < SMALL_WORDS
                && word.text.len() > 1
                && !words::is_of_sentence(word.text)
                && !words::is_measure(word.text)
        }
        Case::Capitals => !words::is_of_sentence(word.text) && !words::is_measure(word.text),
        Case::Capital => {
            let letter = word.text.len() == 1;
            let counted = index == 0 && words::is_measure(word.text);
            !counted && (!letter || words::is_direction(word.text) || word.dotted > word.end)
                || letter && index == 0 && !word.is(&[b"m", b"f", b"x", b"g", b"l"])
        }
    }
}

/// One past a suffix with what belongs to it: the number of a highway, a direction.
fn behind_suffix(scan: &Scan<'_>, kind: Suffix, word: &Word<'_>) -> usize {
    static NUMBERED: WordSet = WordSet::of(&[b"highway", b"hwy", b"hiway", b"highwy"]);
    let numbered = kind <= Suffix::Plain && word.is_in(&NUMBERED);
    let end = route::route_end(scan, word.dotted).filter(|_| numbered);
    let end = end.unwrap_or(word.end);
    let directed = route::with_direction(scan, end);
    if directed > end || word.dotted == word.end {
        return directed;
    }
    match route::with_direction(scan, word.dotted) {
        directed if directed > word.dotted => directed,
        _ => end,
    }
}

/// Whether a suffix of that kind makes it a street.
fn is_street(
    scan: &Scan<'_>,
    number: &Number,
    street: &Street<'_>,
    kind: Suffix,
    word: &Word<'_>,
    end: usize,
) -> bool {
    let several = number.len() >= 2;
    let small = word.case == Case::Small;
    let stated = || is_stated(scan, number, end);
    match kind {
        Suffix::Sure if !small => true,
        Suffix::Sure => several && is_followed(scan, end) || super::closes(scan, end) || stated(),
        Suffix::Plain | Suffix::Short if small => {
            several && (end > word.dotted || super::closes(scan, end)) || stated()
        }
        Suffix::Plain => several || super::closes(scan, end) || stated(),
        Suffix::Short => is_short(scan, number, street, word, end) || stated(),
        Suffix::Word if small => stated(),
        Suffix::Word => {
            let long = number.len() >= 3 && !house::is_time(scan, number);
            let written = !street.capitals || long || super::closes(scan, end);
            several && written || stated()
        }
        Suffix::Weak => stated(),
    }
}

/// Whether a word of small letters that may end a street is the end of something: it is not
/// followed by what it would be an adjective to.
fn is_followed(scan: &Scan<'_>, end: usize) -> bool {
    static TESTS: WordSet =
        WordSet::of(&[b"test", b"drive", b"shoes", b"clothes", b"to", b"blocks"]);
    words::next(scan, end).is_none_or(|next| !next.is_in(&TESTS))
}

/// Whether `St`, `Dr`, `CT` end a street here, and no title or examination follows or is meant.
fn is_short(
    scan: &Scan<'_>,
    number: &Number,
    street: &Street<'_>,
    word: &Word<'_>,
    end: usize,
) -> bool {
    /// What notes say before a person's title or a saint's hospital, behind a time or a room.
    static CHARTED: WordSet = WordSet::of(&[
        b"attending",
        b"by",
        b"call",
        b"consult",
        b"from",
        b"md",
        b"met",
        b"page",
        b"per",
        b"primary",
        b"resident",
        b"saw",
        b"seen",
        b"spoke",
        b"staff",
        b"surgeon",
        b"to",
        b"with",
        b"ask",
        b"new",
        b"the",
        b"her",
        b"his",
        b"covering",
        b"intern",
        b"fellow",
        b"and",
    ]);
    static EXAMINED: WordSet = WordSet::of(&[b"ct", b"pt", b"pts", b"pl", b"str"]);
    let charted = street.first.text.ends_with(b"ed") || street.first.is_in(&CHARTED);
    if charted && house::is_time(scan, number) {
        return false;
    }
    if word.case == Case::Capitals && word.is_in(&EXAMINED) {
        return number.len() >= 2 && !house::is_time(scan, number) && super::closes(scan, end);
    }
    if end > word.dotted {
        return true;
    }
    match words::next(scan, word.dotted) {
        Some(next) if next.is_capital() => number.len() >= 3 && !charted,
        _ => true,
    }
}

/// Whether the rest of an address stands behind the street, or its announcement before it.
fn is_stated(scan: &Scan<'_>, number: &Number, end: usize) -> bool {
    let behind = unit::end(scan, end);
    let stated = city::behind(scan, behind).is_some_and(|place| place.stated);
    stated || behind > end && number.len() >= 2 || house::is_announced(scan, number.start)
}

/// One past a street without a suffix: `1200 Broadway, New York, NY`, `lives at 1200 Broadway`.
fn without_suffix(scan: &Scan<'_>, number: &Number, street: &Street<'_>) -> Option<usize> {
    if street.count > 4 || number.len() < 2 {
        return None;
    }
    let announced = house::is_announced(scan, number.start);
    if !(street.capital || announced) {
        return None;
    }
    // The last words may be those of the city.
    let place: Option<Place> = city::behind(scan, unit::end(scan, street.end));
    if place.is_some_and(|place| place.stated) {
        return Some(street.end);
    }
    let first = words::next(scan, street.first.start.checked_sub(1)?)?;
    if let Some(place) = city::behind(scan, first.dotted).filter(|place| place.stated) {
        return street.capital.then_some(place.end);
    }
    let end = if street.capital {
        street.end
    } else {
        street.first.end
    };
    announced.then_some(end)
}

/// One past a street whose kind comes first: `Avenue of the Americas`, `Calle Sol`, `Avenue C`.
fn named_first(scan: &Scan<'_>, number: &Number, from: usize) -> Option<usize> {
    static KINDS: WordSet = WordSet::of(&[
        b"avenue",
        b"ave",
        b"avenida",
        b"calle",
        b"camino",
        b"caminito",
        b"via",
        b"paseo",
        b"rue",
        b"carrera",
        b"cerro",
        b"corte",
        b"calzada",
        b"boulevard",
        b"vereda",
        b"plaza",
        b"carretera",
        b"callejon",
    ]);
    static JOINTS: WordSet = WordSet::of(&[
        b"of", b"the", b"de", b"la", b"las", b"los", b"del", b"el", b"y", b"du", b"des", b"da",
    ]);
    if number.len() < 2 {
        return None;
    }
    let mut kind = words::next(scan, from)?;
    if words::is_direction(kind.text) || kind.is(&[b"el"]) {
        kind = words::next(scan, kind.dotted)?;
    }
    if kind.case != Case::Capital && !(kind.case == Case::Capitals && number.len() >= 3)
        || !kind.is_in(&KINDS)
    {
        return None;
    }
    let mut end = None;
    let mut at = kind.dotted;
    for index in 0..5 {
        let Some(word) = words::next(scan, at) else {
            break;
        };
        let joint = index < 4 && word.is_in(&JOINTS);
        let named = word.is_capital() && !words::is_measure(word.text) && !word.is(&[b"iv", b"po"]);
        if !(joint || named) {
            break;
        }
        if named {
            end = Some(word.end);
        }
        if word.dotted > word.end || index > 0 && suffix::of(word.text).is_some() {
            break;
        }
        at = word.end;
    }
    end
}
