//! PostgreSQL's lexical structure.
//!
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>, with
//! `standard_conforming_strings` on. Where another setting of it, another server version or
//! another client encoding would read the same bytes differently, the text is [`Kind::Unclear`]
//! from there to its end: nothing is concluded from a reading that the server may not share.
#![deny(clippy::indexing_slicing)]

use std::ops::Range;

/// What a lexeme is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Spaces and line ends.
    Space,
    /// `-- …` or `/* … */`
    Comment,
    /// An unquoted identifier or a keyword.
    Word,
    /// `"…"`
    Quoted,
    /// `U&"…"`
    UnicodeQuoted,
    /// `'…'` or `N'…'`
    Standard,
    /// `E'…'`
    Escape,
    /// `U&'…'`
    Unicode,
    /// `B'…'` or `X'…'`
    Bits,
    /// `$tag$ … $tag$`
    Dollar,
    /// A number in any notation.
    Number,
    /// `$1`
    Parameter,
    /// A run of operator characters.
    Operator,
    /// One of `( ) [ ] , ; : .`
    Punctuation,
    /// The rest of a text that is broken here, or that can be read in two ways.
    Unclear,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lexeme {
    pub(crate) kind: Kind,
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte; `start < end`.
    pub(crate) end: usize,
}

impl Lexeme {
    /// Its bytes in the text that it was read from.
    pub(crate) fn bytes<'a>(&self, sql: &'a [u8]) -> &'a [u8] {
        sql.get(self.start..self.end).unwrap_or_default()
    }

    /// True if it is an unquoted word that reads as `word`, which is in lower case.
    pub(crate) fn is_word(&self, sql: &[u8], word: &str) -> bool {
        self.kind == Kind::Word && self.bytes(sql).eq_ignore_ascii_case(word.as_bytes())
    }

    /// True if it is the punctuation `byte`.
    pub(crate) fn is(&self, sql: &[u8], byte: u8) -> bool {
        self.kind == Kind::Punctuation && self.bytes(sql) == [byte]
    }

    /// True if it means something to a parser.
    pub(crate) fn is_significant(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }
}

/// Lexemes in order; together they cover the text without a gap. One pass.
#[derive(Clone)]
pub(crate) struct Lexer<'a> {
    sql: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Reads `sql` from its start.
    pub(crate) fn new(sql: &'a [u8]) -> Self {
        Self { sql, at: 0 }
    }

    /// Reads the part `range` of `sql`; offsets count from the start of `sql`.
    pub(crate) fn within(sql: &'a [u8], range: Range<usize>) -> Self {
        Self {
            sql: sql.get(..range.end).unwrap_or(sql),
            at: range.start,
        }
    }

    /// Lexemes without spaces and comments.
    pub(crate) fn significant(self) -> impl Iterator<Item = Lexeme> + 'a {
        self.filter(Lexeme::is_significant)
    }

    /// The byte at `at`; 0, which is valid nowhere, past the end.
    fn byte(&self, at: usize) -> u8 {
        self.sql.get(at).copied().unwrap_or(0)
    }

    /// Place of the first of `wanted` bytes at or after `from`.
    fn find(&self, from: usize, wanted: u8) -> Option<usize> {
        Some(from + memchr::memchr(wanted, self.sql.get(from..)?)?)
    }

    /// End of the run of bytes from `at` on that satisfy `member`.
    fn run(&self, at: usize, member: impl Fn(u8) -> bool) -> usize {
        let rest = self.sql.get(at..).unwrap_or_default();
        at + rest
            .iter()
            .position(|&byte| !member(byte))
            .unwrap_or(rest.len())
    }

    /// Kind and end of the lexeme at `at`; `None` if it is unclear.
    fn read(&self, at: usize) -> Option<(Kind, usize)> {
        let (first, second) = (self.byte(at), self.byte(at + 1));
        match first {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {
                Some((Kind::Space, self.run(at, is_space)))
            }
            b'-' if second == b'-' => Some((Kind::Comment, self.run(at, |byte| !is_newline(byte)))),
            b'/' if second == b'*' => Some((Kind::Comment, self.block_comment(at)?)),
            b'\'' => Some((Kind::Standard, self.literal(at, Quoting::Standard)?)),
            b'"' => Some((Kind::Quoted, self.quoted_identifier(at)?)),
            b'$' => self.dollar(at),
            b'.' if second.is_ascii_digit() => self.number(at),
            b'0'..=b'9' => self.number(at),
            b'(' | b')' | b'[' | b']' | b',' | b';' | b':' | b'.' => {
                Some((Kind::Punctuation, at + 1))
            }
            _ if is_operator(first) => Some((Kind::Operator, self.operator(at))),
            _ if is_word_start(first) => self.word(at),
            _ => None,
        }
    }

    /// A word, or a literal that a letter introduces.
    fn word(&self, at: usize) -> Option<(Kind, usize)> {
        let (first, second, third) = (self.byte(at), self.byte(at + 1), self.byte(at + 2));
        match (first | 0x20, second, third) {
            (b'e', b'\'', _) => Some((Kind::Escape, self.literal(at + 1, Quoting::Escape)?)),
            (b'n', b'\'', _) => Some((Kind::Standard, self.literal(at + 1, Quoting::Standard)?)),
            (b'b' | b'x', b'\'', _) => Some((Kind::Bits, self.literal(at + 1, Quoting::Plain)?)),
            (b'u', b'&', b'\'') => Some((Kind::Unicode, self.literal(at + 2, Quoting::Plain)?)),
            (b'u', b'&', b'"') => Some((Kind::UnicodeQuoted, self.quoted_identifier(at + 2)?)),
            _ => Some((Kind::Word, self.run(at, is_word_part))),
        }
    }

    /// End of the literal whose first quote is at `quote`, with the literals that continue it
    /// on later lines.
    fn literal(&self, mut quote: usize, quoting: Quoting) -> Option<usize> {
        loop {
            let end = match quoting {
                Quoting::Escape => self.escape_end(quote + 1)?,
                Quoting::Standard | Quoting::Plain => self.quote_end(quote + 1, quoting)?,
            };
            match self.continuation(end) {
                Some(next) => quote = next,
                None => return Some(end),
            }
        }
    }

    /// One past the closing quote of a body that knows only doubled quotes.
    fn quote_end(&self, mut at: usize, quoting: Quoting) -> Option<usize> {
        loop {
            let quote = self.find(at, b'\'')?;
            let body = self.sql.get(at..quote)?;
            let backslashes = body.iter().rev().take_while(|&&byte| byte == b'\\').count();
            // With `standard_conforming_strings` off this quote would not end the literal.
            if backslashes % 2 == 1 && quoting == Quoting::Standard {
                return None;
            }
            if self.byte(quote + 1) != b'\'' {
                return Some(quote + 1);
            }
            at = quote + 2;
        }
    }

    /// One past the closing quote of a body with backslash escapes.
    fn escape_end(&self, start: usize) -> Option<usize> {
        let mut at = start;
        loop {
            at += memchr::memchr2(b'\'', b'\\', self.sql.get(at..)?)?;
            if self.byte(at) == b'\\' {
                if at > start && self.byte(at - 1) >= 0x80 {
                    // In SJIS, BIG5 and the like this backslash may be half of a character, and
                    // the quote after it would then end the literal.
                    let end = self.run(at, |byte| byte == b'\\');
                    if self.byte(end) == b'\'' {
                        return None;
                    }
                }
                at += 2;
            } else if self.byte(at + 1) == b'\'' {
                at += 2;
            } else {
                return Some(at + 1);
            }
        }
    }

    /// The quote that continues a literal which ended at `at`: only spaces and line comments
    /// stand between, with a line end among them.
    fn continuation(&self, mut at: usize) -> Option<usize> {
        let mut newline = false;
        loop {
            match self.byte(at) {
                b'\'' => return newline.then_some(at),
                b'-' if self.byte(at + 1) == b'-' => at = self.run(at, |byte| !is_newline(byte)),
                byte if is_space(byte) => {
                    newline |= is_newline(byte);
                    at += 1;
                }
                _ => return None,
            }
        }
    }

    fn quoted_identifier(&self, quote: usize) -> Option<usize> {
        let mut at = quote + 1;
        loop {
            let end = self.find(at, b'"')?;
            if self.byte(end + 1) != b'"' {
                return Some(end + 1);
            }
            at = end + 2;
        }
    }

    /// End of a comment that may hold others.
    fn block_comment(&self, start: usize) -> Option<usize> {
        let mut at = start + 2;
        let mut depth = 1_usize;
        loop {
            at += memchr::memchr2(b'*', b'/', self.sql.get(at..)?)?;
            match (self.byte(at), self.byte(at + 1)) {
                (b'*', b'/') => {
                    at += 2;
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                (b'/', b'*') => {
                    at += 2;
                    depth += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// A parameter or a dollar-quoted literal.
    fn dollar(&self, at: usize) -> Option<(Kind, usize)> {
        let next = self.byte(at + 1);
        if next.is_ascii_digit() {
            return Some((
                Kind::Parameter,
                self.run(at + 1, |byte| byte.is_ascii_digit()),
            ));
        }
        let tag_end = match next {
            b'$' => at + 1,
            _ if is_word_start(next) => self.run(at + 1, |byte| byte != b'$' && is_word_part(byte)),
            _ => return None,
        };
        if self.byte(tag_end) != b'$' {
            return None;
        }
        let tag = self.sql.get(at..=tag_end)?;
        let body = self.sql.get(tag_end + 1..)?;
        let length = memchr::memmem::find(body, tag)?;
        Some((Kind::Dollar, tag_end + 1 + length + tag.len()))
    }

    /// A number with whatever letters follow it: what is junk in one version of the server is
    /// a hexadecimal number in another.
    fn number(&self, start: usize) -> Option<(Kind, usize)> {
        let is_part = |byte| byte != b'$' && is_word_part(byte);
        let mut end = self.run(start, |byte| byte.is_ascii_digit() || byte == b'_');
        if self.byte(end) == b'.' && self.byte(end + 1) != b'.' {
            end += 1;
        }
        end = self.run(end, is_part);
        let decimal = !matches!(self.byte(start + 1) | 0x20, b'x' | b'o' | b'b');
        if decimal
            && self.byte(end - 1) | 0x20 == b'e'
            && matches!(self.byte(end), b'+' | b'-')
            && self.byte(end + 1).is_ascii_digit()
        {
            end = self.run(end + 1, is_part);
        }
        let letters = self
            .sql
            .get(start..end)?
            .iter()
            .any(|byte| !byte.is_ascii_digit());
        // `0x1$$`: a number and a quote, or `0` and the identifier `x1$$`?
        if letters && self.byte(end) == b'$' {
            return None;
        }
        Some((Kind::Number, end))
    }

    /// End of a run of operator characters; a comment ends it.
    fn operator(&self, start: usize) -> usize {
        let mut at = start + 1;
        while is_operator(self.byte(at)) {
            match (self.byte(at), self.byte(at + 1)) {
                (b'-', b'-') | (b'/', b'*') => break,
                _ => at += 1,
            }
        }
        at
    }
}

impl Iterator for Lexer<'_> {
    type Item = Lexeme;

    fn next(&mut self) -> Option<Lexeme> {
        let start = self.at;
        if start >= self.sql.len() {
            return None;
        }
        let (kind, end) = self.read(start).unwrap_or((Kind::Unclear, self.sql.len()));
        self.at = end;
        Some(Lexeme { kind, start, end })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// Doubled quotes; backslashes if `standard_conforming_strings` is off.
    Standard,
    /// Doubled quotes and backslashes.
    Escape,
    /// Doubled quotes under every setting.
    Plain,
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word_part(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

    use super::*;
    use proptest::prelude::*;

    fn kinds(sql: &str) -> Vec<(Kind, &str)> {
        Lexer::new(sql.as_bytes())
            .significant()
            .map(|lexeme| (lexeme.kind, &sql[lexeme.start..lexeme.end]))
            .collect()
    }

    #[test]
    fn literals_in_every_notation() {
        use Kind::*;
        for (sql, kind) in [
            ("'it''s'", Standard),
            ("n'x'", Standard),
            (r"E'it\'s \\'", Escape),
            ("e'a''b'", Escape),
            (r"U&'d\0061t'", Unicode),
            ("B'01'", Bits),
            ("x'1F'", Bits),
            ("$$a'b;$$", Dollar),
            ("$q1$ $$ $q$ $q1$", Dollar),
            ("\"a\"\"b\"", Quoted),
            (r#"u&"d\0061t""#, UnicodeQuoted),
            ("'a' \n 'b'", Standard),
            ("E'a' -- note's\n 'b\\'c'", Escape),
            ("$12", Parameter),
            ("1.5e-10", Number),
            (".5", Number),
            ("0xFF", Number),
            ("1_000", Number),
            ("caf\u{e9}$1", Word),
        ] {
            assert_eq!(kinds(sql), [(kind, sql)]);
        }
    }

    #[test]
    fn neighbours_are_told_apart() {
        use Kind::*;
        assert_eq!(kinds("'a' 'b'"), [(Standard, "'a'"), (Standard, "'b'")]);
        assert_eq!(kinds("a/*/**/'*/b"), [(Word, "a"), (Word, "b")]);
        assert_eq!(kinds("+--x\n-"), [(Operator, "+"), (Operator, "-")]);
        assert_eq!(kinds("$1$$x$$"), [(Parameter, "$1"), (Dollar, "$$x$$")]);
        assert_eq!(kinds("a$$b"), [(Word, "a$$b")]);
        assert_eq!(
            kinds("1..2"),
            [(Number, "1"), (Punctuation, "."), (Number, ".2")]
        );
        assert_eq!(kinds("ne'x'"), [(Word, "ne"), (Standard, "'x'")]);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_unclear() {
        for sql in [
            "'a\\'",
            "'a\\''b'",
            "'open",
            "E'a",
            "/* /* */",
            "$a$ b $A$",
            "\"x",
            "0x1$$",
        ] {
            assert_eq!(kinds(sql), [(Kind::Unclear, sql)]);
        }
        assert_eq!(kinds("'a\\\\'")[0].0, Kind::Standard);
        let sjis: Vec<_> = Lexer::new(b"E'\x95\\' ; x")
            .map(|lexeme| lexeme.kind)
            .collect();
        assert_eq!(sjis, [Kind::Unclear]);
    }

    proptest! {
        #[test]
        fn lexemes_cover_any_text(sql in "[ '\"$a/*\\-\\\\;E&U1.n\n\u{e9}]{0,40}") {
            let mut at = 0;
            for lexeme in Lexer::new(sql.as_bytes()) {
                prop_assert_eq!(lexeme.start, at);
                prop_assert!(lexeme.end > at);
                at = lexeme.end;
            }
            prop_assert_eq!(at, sql.len());
        }
    }
}
