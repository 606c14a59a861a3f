//! Where an aggregate stands in a text, and the text with a guard around it.

use std::ops::Range;

use crate::sql::lex::{Kind, Lexeme, Lexer};
use crate::sql::lineage::cells::guard::{Parts, written};
use crate::sql::lineage::cells::{Cell, Contributing, Guarded};

/// A guard around a part of a text.
pub(super) struct Edit {
    range: Range<usize>,
    before: String,
}

/// The text with all of the guards in it; `None` if there is none, or one stands in another.
pub(super) fn edited(text: &[u8], mut edits: Vec<Edit>) -> Option<Vec<u8>> {
    edits.sort_unstable_by_key(|edit| edit.range.start);
    let mut out = Vec::new();
    let mut at = 0;
    for Edit { range, before } in &edits {
        out.extend_from_slice(text.get(at..range.start)?);
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(text.get(range.clone())?);
        out.extend_from_slice(b" END");
        at = range.end;
        // Nothing has to stand between a parenthesis and a word.
        let is_apart = |next: &u8| next.is_ascii_whitespace() || b",;)]".contains(next);
        if !text.get(at).is_none_or(is_apart) {
            out.push(b' ');
        }
    }
    out.extend_from_slice(text.get(at..)?);
    (!edits.is_empty()).then_some(out)
}

/// The guard around an aggregate; `None` if it is not found where it should be.
pub(super) fn edit(text: &[u8], cell: &Cell, required: &Guarded) -> Option<Edit> {
    let call = Call::read(text, cell)?;
    let part = |range: &Range<usize>| std::str::from_utf8(text.get(range.clone())?).ok();
    let arguments: Option<Vec<&str>> = call.arguments.iter().map(part).collect();
    let parts = Parts {
        arguments: &arguments?,
        filter: match &call.filter {
            Some(filter) => Some(part(filter)?),
            None => None,
        },
        over: match &call.over {
            Some(over) => part(over)?,
            None => "",
        },
    };
    Some(Edit {
        before: written(required, &parts),
        range: call.range,
    })
}

/// An aggregate in a text.
struct Call {
    range: Range<usize>,
    /// What a row has to have to contribute.
    arguments: Vec<Range<usize>>,
    /// What stands behind WHERE.
    filter: Option<Range<usize>>,
    /// From OVER on.
    over: Option<Range<usize>>,
}

impl Call {
    fn read(text: &[u8], cell: &Cell) -> Option<Self> {
        let lexer = Lexer::within(text, cell.start..text.len());
        let mut tokens = Tokens {
            text,
            lexemes: lexer.significant().collect(),
            at: 0,
        };
        tokens.until(b'(')?;
        let inside = tokens.parentheses()?;
        let mut range = cell.start..inside.end;
        let mut ordered = None;
        if tokens.skips("within") {
            tokens.skips("group").then_some(())?;
            let order = tokens.parentheses()?;
            range.end = order.end;
            ordered = Some(order);
        }
        let mut filter = None;
        if tokens.skips("filter") {
            let clause = tokens.parentheses()?;
            range.end = clause.end;
            filter = Some(clause.behind("where")?);
        }
        let mut over = None;
        if let Some(first) = tokens.peek().filter(|it| it.is_word(text, "over")) {
            tokens.at += 1;
            range.end = match tokens.peek()?.is(text, b'(') {
                true => tokens.parentheses()?.end,
                false => tokens.next()?.end,
            };
            over = Some(first.start..range.end);
        }
        let arguments = match cell.contributing {
            Contributing::All => Vec::new(),
            Contributing::Summed => inside.arguments(1)?,
            Contributing::Arguments(count) => inside.arguments(count)?,
            Contributing::Ordered => vec![ordered?.ordered_by()?],
        };
        Some(Self {
            range,
            arguments,
            filter,
            over,
        })
    }
}

/// The rest of a text.
struct Tokens<'t> {
    text: &'t [u8],
    lexemes: Vec<Lexeme>,
    at: usize,
}

impl<'t> Tokens<'t> {
    fn peek(&self) -> Option<Lexeme> {
        self.lexemes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Lexeme> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    /// Skips a keyword, if it is there.
    fn skips(&mut self, word: &str) -> bool {
        let is_it = self.peek().is_some_and(|it| it.is_word(self.text, word));
        self.at += usize::from(is_it);
        is_it
    }

    /// Skips a name, up to this mark.
    fn until(&mut self, mark: u8) -> Option<()> {
        while !self.peek()?.is(self.text, mark) {
            let next = self.next()?;
            let is_name = matches!(next.kind, Kind::Word | Kind::Quoted | Kind::UnicodeQuoted)
                || next.is(self.text, b'.');
            is_name.then_some(())?;
        }
        Some(())
    }

    /// Takes what stands in parentheses.
    fn parentheses(&mut self) -> Option<Inside<'t>> {
        self.next()?.is(self.text, b'(').then_some(())?;
        let mut lexemes = Vec::new();
        let mut depth = 0_usize;
        loop {
            let next = self.next()?;
            if depth == 0 && next.is(self.text, b')') {
                return Some(Inside {
                    text: self.text,
                    lexemes,
                    end: next.end,
                });
            }
            lexemes.push((next, depth));
            match next.kind {
                Kind::Punctuation if next.is(self.text, b'(') || next.is(self.text, b'[') => {
                    depth += 1;
                }
                Kind::Punctuation if next.is(self.text, b')') || next.is(self.text, b']') => {
                    depth = depth.checked_sub(1)?;
                }
                Kind::Unclear => return None,
                _ => {}
            }
        }
    }
}

/// What stands in parentheses.
struct Inside<'t> {
    text: &'t [u8],
    /// Each with the number of brackets that it stands in.
    lexemes: Vec<(Lexeme, usize)>,
    /// One past the closing one.
    end: usize,
}

impl Inside<'_> {
    /// What stands behind a keyword that comes first.
    fn behind(&self, word: &str) -> Option<Range<usize>> {
        let (first, rest) = self.lexemes.split_first()?;
        first.0.is_word(self.text, word).then_some(())?;
        span(rest)
    }

    /// The first arguments of a call.
    fn arguments(&self, count: usize) -> Option<Vec<Range<usize>>> {
        let is = |(lexeme, depth): &(Lexeme, usize), word: &str| {
            *depth == 0 && lexeme.is_word(self.text, word)
        };
        let mut all = self.lexemes.as_slice();
        if let Some((first, rest)) = all.split_first()
            && (is(first, "distinct") || is(first, "all"))
        {
            all = rest;
        }
        let end = all.iter().position(|it| is(it, "order"));
        let all = all.get(..end.unwrap_or(all.len()))?;
        let is_comma = |it: &(Lexeme, usize)| it.1 == 0 && it.0.is(self.text, b',');
        all.split(is_comma).take(count).map(span).collect()
    }

    /// The expression of `ORDER BY expression …`.
    fn ordered_by(&self) -> Option<Range<usize>> {
        let [order, by, rest @ ..] = self.lexemes.as_slice() else {
            return None;
        };
        let is_clause = order.0.is_word(self.text, "order") && by.0.is_word(self.text, "by");
        is_clause.then_some(())?;
        let ends = |(lexeme, depth): &(Lexeme, usize)| {
            let is_word = |word: &&str| lexeme.is_word(self.text, word);
            *depth == 0 && ["asc", "desc", "using", "nulls"].iter().any(is_word)
        };
        let end = rest.iter().position(ends).unwrap_or(rest.len());
        span(rest.get(..end)?)
    }
}

/// From the first lexeme to the last; `None` if there is none.
fn span(lexemes: &[(Lexeme, usize)]) -> Option<Range<usize>> {
    Some(lexemes.first()?.0.start..lexemes.last()?.0.end)
}
