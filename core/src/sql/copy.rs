//! `COPY … TO STDOUT`: what is copied and in which format.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, both the options in parentheses and
//! the syntax from before PostgreSQL 9.0. An option that is not known, or an encoding whose
//! characters may hold a backslash, gives no [`CopyTo`]: its rows are then masked by default.
#![deny(clippy::indexing_slicing)]

use std::ops::Range;

use super::lex::{Kind, Lexeme, Lexer};
use super::tokenise::value;

/// A `COPY … TO STDOUT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyTo {
    /// What is copied.
    pub source: CopySource,
    /// How it is written.
    pub options: CopyOptions,
}

/// What is copied; ranges are bytes of the text that was analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// `COPY relation [(columns)]`
    Table {
        /// The name as written, with its schema if given.
        relation: Range<usize>,
        /// The names inside of the parentheses.
        columns: Option<Range<usize>>,
    },
    /// `COPY (query)`, without the parentheses.
    Query(Range<usize>),
}

/// The format of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// A line a row, backslash escapes.
    Text,
    /// Comma separated values.
    Csv,
    /// PostgreSQL's own.
    Binary,
}

/// Options that say how values are written.
///
/// # Defaults
/// Text: tab and `\N`. CSV: comma, the empty string, `"` as quote and escape. No header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// `FORMAT`
    pub format: CopyFormat,
    /// `DELIMITER`
    pub delimiter: u8,
    /// `NULL`: what stands for NULL, as it goes over the wire.
    pub null: Vec<u8>,
    /// `QUOTE` of CSV.
    pub quote: u8,
    /// `ESCAPE` of CSV.
    pub escape: u8,
    /// `HEADER`: the first line holds the column names.
    pub header: bool,
}

impl CopyOptions {
    /// The defaults of a format.
    pub fn new(format: CopyFormat) -> Self {
        let csv = format == CopyFormat::Csv;
        Self {
            format,
            delimiter: if csv { b',' } else { b'\t' },
            null: if csv { Vec::new() } else { b"\\N".to_vec() },
            quote: b'"',
            escape: b'"',
            header: false,
        }
    }
}

impl CopyTo {
    /// SQL whose RowDescription has this COPY's columns; `sql` is the text that was analysed.
    /// For a table without a column list it also has the generated columns, which COPY leaves
    /// out. It is meant to be described, never run.
    pub fn probe(&self, sql: &[u8]) -> Vec<u8> {
        let part = |range: &Range<usize>| sql.get(range.clone()).unwrap_or_default();
        match &self.source {
            CopySource::Query(query) => part(query).to_vec(),
            CopySource::Table { relation, columns } => {
                let mut probe = b"SELECT ".to_vec();
                match columns {
                    Some(columns) => probe.extend(quoted_names(sql, columns.clone())),
                    None => probe.push(b'*'),
                }
                probe.extend_from_slice(b" FROM ONLY ");
                probe.extend_from_slice(part(relation));
                probe
            }
        }
    }
}

/// The column names of a list, quoted: some words name a column in COPY's list and something
/// else in a SELECT.
fn quoted_names(sql: &[u8], columns: Range<usize>) -> Vec<u8> {
    let mut names = Vec::new();
    for name in Lexer::within(sql, columns).significant() {
        let bytes = name.bytes(sql);
        if name.kind == Kind::Word && bytes.is_ascii() {
            names.push(b'"');
            names.extend(bytes.iter().map(u8::to_ascii_lowercase));
            names.push(b'"');
        } else {
            names.extend_from_slice(bytes);
        }
    }
    names
}

/// Reads the COPY at `range`; `None` if it is not TO STDOUT, or not understood in full.
pub(super) fn parse(sql: &[u8], range: Range<usize>) -> Option<CopyTo> {
    let mut lexemes = Lexer::within(sql, range).significant();
    let current = lexemes.next();
    let mut parser = Parser {
        sql,
        current,
        lexemes,
    };
    parser.copy_to()
}

struct Parser<'a, I> {
    sql: &'a [u8],
    current: Option<Lexeme>,
    lexemes: I,
}

impl<I: Iterator<Item = Lexeme>> Parser<'_, I> {
    fn copy_to(&mut self) -> Option<CopyTo> {
        self.word("copy").then_some(())?;
        let mut legacy = Given::default();
        let source = if self.at(b'(') {
            CopySource::Query(self.parenthesis()?)
        } else {
            if self.word("binary") {
                legacy.format = Some(CopyFormat::Binary);
            }
            self.table()?
        };
        self.word("to").then_some(())?;
        // The grammar takes either name in either direction.
        (self.word("stdout") || self.word("stdin")).then_some(())?;
        // `[USING] DELIMITERS '…'` stands before WITH, and only after a table.
        let using = self.word("using");
        if self.word("delimiters") {
            legacy.delimiter = Some(self.byte()?);
        } else if using {
            return None;
        }
        self.word("with");
        let given = if self.at(b'(') {
            self.next();
            self.options(legacy)?
        } else {
            self.legacy_options(legacy)?
        };
        self.current.is_none().then_some(())?;
        Some(CopyTo {
            source,
            options: given.resolve()?,
        })
    }

    // -- the source --------------------------------------------------------------------------

    fn table(&mut self) -> Option<CopySource> {
        let start = self.current?.start;
        let mut end = self.name()?.end;
        while self.at(b'.') {
            self.next();
            end = self.name()?.end;
        }
        let columns = if self.at(b'(') {
            Some(self.columns()?)
        } else {
            None
        };
        Some(CopySource::Table {
            relation: start..end,
            columns,
        })
    }

    /// `(name, …)`; the range inside.
    fn columns(&mut self) -> Option<Range<usize>> {
        self.next();
        let start = self.current?.start;
        loop {
            let end = self.name()?.end;
            let comma = self.next()?;
            if comma.is(self.sql, b')') {
                return Some(start..end);
            }
            comma.is(self.sql, b',').then_some(())?;
        }
    }

    /// The range inside of a parenthesis, first to last lexeme.
    fn parenthesis(&mut self) -> Option<Range<usize>> {
        self.next();
        let start = self.current?.start;
        let (mut end, mut depth) = (start, 1_usize);
        loop {
            let lexeme = self.next()?;
            if lexeme.is(self.sql, b'(') {
                depth += 1;
            } else if lexeme.is(self.sql, b')') {
                depth -= 1;
                if depth == 0 {
                    return (start < end).then_some(start..end);
                }
            }
            end = lexeme.end;
        }
    }

    // -- options -----------------------------------------------------------------------------

    /// `option [value], … )`
    fn options(&mut self, mut given: Given) -> Option<Given> {
        loop {
            let name = self.label()?;
            match &*name {
                b"format" => {
                    given.format = Some(match &*self.label()? {
                        b"text" => CopyFormat::Text,
                        b"csv" => CopyFormat::Csv,
                        b"binary" => CopyFormat::Binary,
                        _ => return None,
                    });
                }
                b"delimiter" => given.delimiter = Some(self.byte()?),
                b"null" => given.null = Some(self.string()?),
                b"quote" => given.quote = Some(self.byte()?),
                b"escape" => given.escape = Some(self.byte()?),
                b"header" => given.header = self.boolean()?,
                b"encoding" => self.encoding()?,
                b"force_quote" => self.force_quote()?,
                // FREEZE is for COPY FROM, but `false` is taken.
                b"freeze" => {
                    self.boolean()?;
                }
                _ => return None,
            }
            let comma = self.next()?;
            if comma.is(self.sql, b')') {
                return Some(given);
            }
            comma.is(self.sql, b',').then_some(())?;
        }
    }

    /// `BINARY CSV HEADER DELIMITER AS '…' …`, without commas.
    fn legacy_options(&mut self, mut given: Given) -> Option<Given> {
        while self.current.is_some() {
            let name = self.label()?;
            match &*name {
                b"binary" => given.format = Some(CopyFormat::Binary),
                b"csv" => given.format = Some(CopyFormat::Csv),
                b"header" => given.header = true,
                b"delimiter" => given.delimiter = Some(self.byte_after_as()?),
                b"null" => {
                    self.word("as");
                    given.null = Some(self.string()?);
                }
                b"quote" => given.quote = Some(self.byte_after_as()?),
                b"escape" => given.escape = Some(self.byte_after_as()?),
                b"encoding" => self.encoding()?,
                b"force" => {
                    self.word("quote").then_some(())?;
                    self.legacy_force_quote()?;
                }
                _ => return None,
            }
        }
        Some(given)
    }

    fn byte_after_as(&mut self) -> Option<u8> {
        self.word("as");
        self.byte()
    }

    /// `*` or `(name, …)`: quotes more than needed, which the reader of the rows does not mind.
    fn force_quote(&mut self) -> Option<()> {
        if self.at(b'(') {
            self.columns()?;
            return Some(());
        }
        self.star()
    }

    fn legacy_force_quote(&mut self) -> Option<()> {
        if self.star().is_some() {
            return Some(());
        }
        self.name()?;
        while self.at(b',') {
            self.next();
            self.name()?;
        }
        Some(())
    }

    fn star(&mut self) -> Option<()> {
        let star = self
            .current
            .filter(|lexeme| lexeme.bytes(self.sql) == b"*")?;
        debug_assert_eq!(star.kind, Kind::Operator);
        self.next();
        Some(())
    }

    /// Only encodings in which an ASCII byte is always an ASCII character: elsewhere the server
    /// escapes by character and a reader by byte would lose its way.
    fn encoding(&mut self) -> Option<()> {
        let mut name = self.string()?;
        name.retain(u8::is_ascii_alphanumeric);
        name.make_ascii_lowercase();
        let safe = [
            "utf8",
            "unicode",
            "sqlascii",
            "latin",
            "iso8859",
            "win125",
            "windows125",
            "win866",
            "win874",
            "windows866",
            "windows874",
            "koi8",
            "euc",
        ];
        safe.iter()
            .any(|prefix| name.starts_with(prefix.as_bytes()))
            .then_some(())
    }

    /// As `defGetBoolean` reads it: nothing, a word, a string, 0 or 1.
    fn boolean(&mut self) -> Option<bool> {
        let lexeme = self.current?;
        if lexeme.is(self.sql, b',') || lexeme.is(self.sql, b')') {
            return Some(true);
        }
        let text = match lexeme.kind {
            Kind::Number => {
                self.next();
                lexeme.bytes(self.sql).to_vec()
            }
            _ => self.label()?,
        };
        match &*text {
            b"true" | b"on" | b"1" => Some(true),
            b"false" | b"off" | b"0" => Some(false),
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        match *self.string()? {
            [byte] => Some(byte),
            _ => None,
        }
    }

    // -- lexemes -----------------------------------------------------------------------------

    fn next(&mut self) -> Option<Lexeme> {
        std::mem::replace(&mut self.current, self.lexemes.next())
    }

    fn at(&self, byte: u8) -> bool {
        self.current.is_some_and(|lexeme| lexeme.is(self.sql, byte))
    }

    /// Takes the keyword `word` if it comes now.
    fn word(&mut self, word: &str) -> bool {
        let found = self
            .current
            .is_some_and(|lexeme| lexeme.is_word(self.sql, word));
        if found {
            self.next();
        }
        found
    }

    fn name(&mut self) -> Option<Lexeme> {
        let name = self.next()?;
        matches!(name.kind, Kind::Word | Kind::Quoted | Kind::UnicodeQuoted).then_some(name)
    }

    /// A word or a string, in lower case.
    fn label(&mut self) -> Option<Vec<u8>> {
        let mut label = match self.current?.kind {
            Kind::Word => self.next()?.bytes(self.sql).to_vec(),
            Kind::Quoted => {
                let quoted = self.next()?.bytes(self.sql);
                quoted.get(1..quoted.len().checked_sub(1)?)?.to_vec()
            }
            _ => self.string()?,
        };
        label.make_ascii_lowercase();
        Some(label)
    }

    /// The value of a string constant; also of a word, which the grammar takes for one.
    fn string(&mut self) -> Option<Vec<u8>> {
        let lexeme = self.next()?;
        match lexeme.kind {
            Kind::Standard | Kind::Escape | Kind::Dollar => {
                Some(value(lexeme, self.sql).into_owned())
            }
            Kind::Word => Some(lexeme.bytes(self.sql).to_ascii_lowercase()),
            _ => None,
        }
    }
}

/// Options as given; the defaults depend on the format, which may come last.
#[derive(Default)]
struct Given {
    format: Option<CopyFormat>,
    delimiter: Option<u8>,
    null: Option<Vec<u8>>,
    quote: Option<u8>,
    escape: Option<u8>,
    header: bool,
}

impl Given {
    /// The options, if the server would take them (`ProcessCopyOptions`): only then is it sure
    /// that delimiters, quotes and NULLs can be told from values.
    fn resolve(self) -> Option<CopyOptions> {
        let format = self.format.unwrap_or(CopyFormat::Text);
        let defaults = CopyOptions::new(format);
        let quote = self.quote.unwrap_or(defaults.quote);
        let options = CopyOptions {
            format,
            delimiter: self.delimiter.unwrap_or(defaults.delimiter),
            null: self.null.unwrap_or(defaults.null),
            quote,
            escape: self.escape.unwrap_or(quote),
            header: self.header,
        };
        let newline = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let sound = !newline(&options.delimiter)
            && !options.null.iter().any(newline)
            && !options.null.contains(&options.delimiter);
        let sound = sound
            && match format {
                CopyFormat::Text => {
                    !b"\\.abcdefghijklmnopqrstuvwxyz0123456789".contains(&options.delimiter)
                }
                CopyFormat::Csv => {
                    options.quote != options.delimiter
                        && !options.null.contains(&options.quote)
                        && !newline(&options.quote)
                        && !newline(&options.escape)
                }
                CopyFormat::Binary => true,
            };
        sound.then_some(options)
    }
}
