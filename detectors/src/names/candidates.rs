//! The words that may be names: capitalised ones, and in texts without capitals all.

use super::features::{Context, Features, Token};
use super::lexicon::Known;
use super::model::Model;
use super::place;
use super::roles::Roles;
use super::starts::Starts;
use super::trail::{Neighbour, Trail};
use super::word::{self, Gap, Shape, Word};
use crate::text::{run_end, run_start};

/// Bytes without a capitalised word on both sides of a word in small letters that may be a name.
const SMALL_BYTES: usize = 160;

/// A word that may be a name, with the neighbours that decide.
pub(crate) struct Candidate {
    pub(super) context: Context,
}

/// What a walk over the words meets.
pub(super) enum Seen<'c> {
    /// A word that may be a name.
    Candidate(&'c Candidate),
    /// A word that says what a facility is.
    Facility(&'c Token),
    /// A word that may begin a city's name.
    Place(&'c Token),
}

impl Candidate {
    pub(super) fn word(&self) -> Word {
        self.context.own.word
    }

    pub(crate) fn is_lower(&self) -> bool {
        self.context.own.word.shape == Shape::Lower
    }

    /// First byte and one past the last.
    pub(crate) fn range(&self) -> (usize, usize) {
        (self.word().start, self.word().end)
    }

    pub(crate) fn features(&self) -> Features {
        self.context.features()
    }

    /// Its features if the dictionary said this about it.
    pub(crate) fn features_as(&self, known: Known) -> Features {
        let mut own = self.context.own;
        own.known = known;
        Context {
            own,
            ..self.context
        }
        .features()
    }
}

/// Visits the candidates in order.
pub(super) fn each(
    text: &[u8],
    edges: (bool, bool),
    model: &Model,
    mut visit: impl FnMut(Seen<'_>),
) {
    // Where capitals were last seen: before the text, if it begins here.
    let mut capital_end = if edges.0 { None } else { Some(0) };
    let mut trail = Trail::new(text, model);
    for at in Starts::of(text) {
        if !word::begins(text, at) {
            continue;
        }
        let Some(word) = word::read(text, at) else {
            continue;
        };
        if !word.is_capital() {
            continue;
        }
        let token = Token::of(word, model);
        if speaks_for_capitals(&token, text, edges) {
            small(text, capital_end, Some(at), &mut trail, &mut visit);
            capital_end = Some(word.end);
        }
        if token.roles.has(Roles::ORG_HEAD.or(Roles::DEPARTMENT)) {
            visit(Seen::Facility(&token));
        }
        if place::may_begin(text, at) {
            visit(Seen::Place(&token));
        }
        if passes(text, &token, &mut trail) {
            visit(Seen::Candidate(&Candidate {
                context: Context::of(token, &mut trail),
            }));
        }
    }
    let end = if edges.1 { None } else { Some(text.len()) };
    small(text, capital_end, end, &mut trail, &mut visit);
}

/// Whether names near this word would be capitalised, too. A month is no evidence, and in a short
/// text neither is its first word.
fn speaks_for_capitals(token: &Token, text: &[u8], edges: (bool, bool)) -> bool {
    const SHORT_BYTES: usize = 400;
    let word = token.word;
    let written = matches!(word.shape, Shape::Capital | Shape::Inner) && word.letters > 2;
    let first = word.start == 0 && edges == (true, true) && text.len() <= SHORT_BYTES;
    // Who writes no capitals still copies `Narcan` and `Foley`.
    let known = token.known;
    let copied = known.has(Known::DRUG | Known::CLINICAL | Known::EPONYM)
        && known.first_frequency().max(known.last_frequency()) < 5;
    written && !copied && !token.roles.has(Roles::DATE) && (!first || known.is_name())
}

/// Whether a capitalised word is worth a look at its neighbours.
fn passes(text: &[u8], token: &Token, trail: &mut Trail<'_>) -> bool {
    let known = token.known;
    match token.word.shape {
        Shape::Initial | Shape::Uncased => return initial(token, trail),
        Shape::Capitals if known.0 == 0 && token.word.letters < 3 => return false,
        Shape::Capitals if token.word.letters <= 3 && is_field(text, &token.word) => return false,
        _ => {}
    }
    if token.roles == Roles::FUNCTION
        || token.roles.has(Roles::TITLE)
            && known.word_frequency() == 3
            && !titled(text, token, trail)
    {
        return false;
    }
    if in_address(text, &token.word) || is_tag(text, &token.word) {
        return false;
    }
    (known.0 == 0 && !is_code(text, token, trail))
        || known.is_name()
        || known.has(Known::EPONYM | Known::PLACE)
        || titled(text, token, trail)
}

/// Whether the word is part of an e-mail address, which is found as such.
fn in_address(text: &[u8], word: &Word) -> bool {
    const LOCAL_BYTES: usize = 64;
    let joins =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    let end = run_end(text, word.end, LOCAL_BYTES, joins);
    let start = run_start(text, word.start, LOCAL_BYTES, joins);
    let at_sign = |at: usize| text.get(at) == Some(&b'@');
    at_sign(end) || start.checked_sub(1).is_some_and(at_sign)
}

/// Whether the word is the name of an element: `<Section>`, `</Section>`.
fn is_tag(text: &[u8], word: &Word) -> bool {
    let before = text.get(..word.start).unwrap_or_default();
    before.ends_with(b"<") || before.ends_with(b"</")
}

/// Whether a word that no list has looks like an abbreviation or a product: `QRS`, `RxCUI`. Behind
/// a title or beside a name it is one of its own.
fn is_code(text: &[u8], token: &Token, trail: &mut Trail<'_>) -> bool {
    const CODE_LETTERS: u8 = 6;
    let word = token.word;
    let last = word.end.checked_sub(1).and_then(|at| text.get(at));
    let looks = match word.shape {
        Shape::Capitals => word.letters <= CODE_LETTERS,
        Shape::Inner => last.is_some_and(u8::is_ascii_uppercase),
        _ => false,
    };
    let beside = |(gap, other): Neighbour| {
        let close = matches!(
            gap,
            Gap::Blank | Gap::Comma | Gap::Hyphen | Gap::Caret | Gap::Slash
        );
        close
            && other.is_some_and(|other| {
                let coined = other.known.0 == 0 && other.word.letters > CODE_LETTERS;
                other.word.is_capital() && (other.known.is_name() || coined)
            })
    };
    looks
        && !titled(text, token, trail)
        && !beside(trail.before(word.start))
        && !beside(trail.after(word.end, false))
}

/// Whether the word is all of a field between bars: a code or the name of a segment.
fn is_field(text: &[u8], word: &Word) -> bool {
    let before = word.start.checked_sub(1).and_then(|at| text.get(at));
    text.get(word.end) == Some(&b'|') && matches!(before, None | Some(b'|' | b'\n' | b'\r'))
}

/// Whether the word before is a title or a label: then even `Pencil` is a name.
fn titled(text: &[u8], token: &Token, trail: &mut Trail<'_>) -> bool {
    let start = token.word.start;
    let near = start.checked_sub(2).and_then(|from| text.get(from..start));
    if !matches!(
        near,
        Some(
            [b'.' | b'a'..=b'z' | b'A'..=b'Z', b' ']
            | [b',' | b':', b' ']
            | [_, b'^' | b',' | b'-'],
        )
    ) {
        return false;
    }
    let (gap, before) = trail.before(start);
    let Some(before) = before else { return false };
    match gap {
        Gap::Blank | Gap::Stop => {
            let named = before.word.is_capital() && before.known.first_frequency() >= 2;
            named || before.roles.has(Roles::TITLE)
        }
        Gap::Comma | Gap::Caret | Gap::Hyphen => before.known.is_name(),
        // `Subscriber: Self` names nobody.
        Gap::Colon => {
            let common = token.known.word_frequency() == 3 && !token.known.is_name();
            !common && before.roles.has(Roles::FIELD.or(Roles::TITLE))
        }
        _ => false,
    }
}

/// Whether a single letter stands beside a capitalised word.
fn initial(token: &Token, trail: &mut Trail<'_>) -> bool {
    let word = token.word;
    if word.shape == Shape::Uncased {
        // A longer text in that script is prose.
        return true;
    }
    let near = |(gap, other): Neighbour| {
        let close = matches!(
            gap,
            Gap::Blank | Gap::Comma | Gap::Stop | Gap::Hyphen | Gap::Caret
        );
        close
            && other.is_some_and(|Token { word, known, roles }| {
                word.shape == Shape::Initial
                    || roles.has(Roles::PARTICLE)
                    || word.is_capital() && word.letters > 1 && (known.0 == 0 || known.is_name())
            })
    };
    near(trail.before(word.start)) || near(trail.after(word.end, false))
}

/// Visits the words in small letters that stand far from any capital.
fn small(
    text: &[u8],
    from: Option<usize>,
    to: Option<usize>,
    trail: &mut Trail<'_>,
    visit: &mut impl FnMut(Seen<'_>),
) {
    let start = from.map_or(0, |from| from + SMALL_BYTES);
    let end = to.map_or(text.len(), |to| to.saturating_sub(SMALL_BYTES));
    let mut at = start;
    while at < end {
        let small = |byte: &u8| byte.is_ascii_lowercase() || *byte >= 0xc3;
        let begins = text.get(at).is_some_and(small) && word::begins(text, at);
        let Some(word) = Some(at)
            .filter(|_| begins)
            .and_then(|at| word::read(text, at))
        else {
            at += 1;
            continue;
        };
        at = word.end.max(at + 1);
        if word.shape != Shape::Lower || word.letters < 2 {
            continue;
        }
        let token = trail.token(word);
        if token.roles.has(Roles::ORG_HEAD) {
            visit(Seen::Facility(&token));
        }
        if token.known.has(Known::PLACE) && place::may_begin(text, word.start) {
            visit(Seen::Place(&token));
        }
        let roles = Roles::FUNCTION.or(Roles::BY).or(Roles::TITLE);
        // A word that no list has is mostly a slip of the pen: its neighbours decide.
        let known = token.known;
        let short = word.letters == 2 && known.is_name() && !known.has(Known::WORD);
        let may_be = word.letters > 2 && (known.is_name() || known.0 == 0)
            || short
            || (known.0 == 0 || known.is_name()) && titled(text, &token, trail);
        if may_be && !token.roles.has(roles) && !in_address(text, &word) {
            visit(Seen::Candidate(&Candidate {
                context: Context::of(token, trail),
            }));
        }
    }
}
