//! The text of a statement: what is told by it alone.

use std::rc::Rc;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::audit::record::Effect;
use crate::audit::token::{Token, TokenKey};
use crate::catalog::Catalog;
use crate::limits;
use crate::sql::{self, Command, CopySource, CopyTo};

use super::quoting::quotes_others;

/// Bytes of a text that are kept.
const RAW_BYTES: usize = limits::TREE.text_bytes;

/// A statement's text, analysed once.
pub(super) struct StatementText {
    /// As the server reads it, as far as it is kept.
    raw: Rc<[u8]>,
    /// What the client has sent in the place of this one, and how long that is.
    own: Option<(Rc<[u8]>, usize)>,
    /// How long it is; 0 if nobody has seen it.
    pub(super) bytes: usize,
    /// Literals and unknown names replaced by tokens.
    pub(super) record: Arc<str>,
    /// Token of the whole text.
    pub(super) token: Token,
    pub(super) effect: Effect,
    /// Its rows are those of a cursor or of another prepared statement (FETCH, EXECUTE), or may
    /// be. The server looks that up anew for each Describe, but fetches all rows when it runs.
    pub(super) is_indirect: bool,
    /// It may run what was prepared before.
    pub(super) may_execute: bool,
    /// It may return the texts of other sessions' statements.
    pub(super) quotes_others: bool,
    /// Each `COPY … TO STDOUT` in order.
    pub(super) copies: Vec<Copy>,
}

impl StatementText {
    /// `catalog` tells names from values in the record.
    pub(super) fn new(text: &[u8], key: &TokenKey, catalog: &Catalog) -> Self {
        let Analysed {
            effect,
            is_indirect,
            may_execute,
            copies,
        } = analysed(text);
        Self {
            raw: text[..text.len().min(RAW_BYTES)].into(),
            own: None,
            bytes: text.len(),
            record: sql::tokenise(text, key, limits::RECORD_STATEMENT_BYTES, |name| {
                catalog.has_word(name)
            })
            .into(),
            token: key.token(text),
            effect,
            is_indirect,
            may_execute,
            quotes_others: quotes_others(text),
            copies,
        }
    }

    /// The same for a text that goes to the server in the place of the client's `own`, whose
    /// record it keeps.
    pub(super) fn in_place_of(own: Self, text: &[u8], key: &TokenKey, catalog: &Catalog) -> Self {
        Self {
            record: own.record,
            token: own.token,
            own: Some((own.raw, own.bytes)),
            ..Self::new(text, key, catalog)
        }
    }

    /// What the server is to read, if that is not what the client has sent.
    pub(super) fn rewritten(&self) -> Option<Rc<[u8]>> {
        self.own.as_ref().map(|_| Rc::clone(&self.raw))
    }

    /// SHA-256 of the text that the client has sent, if all of it is kept.
    pub(super) fn sha256(&self) -> Option<[u8; 32]> {
        let (raw, bytes) = match &self.own {
            Some((raw, bytes)) => (raw, *bytes),
            None => (&self.raw, self.bytes),
        };
        let is_whole = bytes > 0 && raw.len() == bytes;
        is_whole.then(|| Sha256::digest(raw).into())
    }

    /// One that nobody has seen, as `record` calls it.
    pub(super) fn out_of_sight(record: &str) -> Self {
        Self {
            raw: Rc::default(),
            own: None,
            bytes: 0,
            record: record.into(),
            token: Token([0; 12]),
            effect: Effect::MayWrite,
            is_indirect: false,
            may_execute: false,
            quotes_others: false,
            copies: Vec::new(),
        }
    }

    /// The text, if all of it is kept.
    pub(super) fn whole(&self) -> Option<Rc<[u8]>> {
        let is_whole = (1..RAW_BYTES).contains(&self.raw.len());
        is_whole.then(|| Rc::clone(&self.raw))
    }

    /// Its first bytes, and whether that is all: words that an error may quote.
    pub(super) fn beginning(&self) -> (&[u8], bool) {
        let quoted = self.raw.len().min(limits::RECORD_STATEMENT_BYTES);
        let is_whole = (1..limits::RECORD_STATEMENT_BYTES).contains(&self.raw.len());
        (&self.raw[..quoted], is_whole)
    }

    /// Bytes that it holds.
    pub(super) fn state_bytes(&self) -> usize {
        let probes: usize = self.copies.iter().map(Copy::state_bytes).sum();
        let own = self.own.as_ref().map_or(0, |(raw, _)| raw.len());
        self.raw.len() + own + self.record.len() + probes
    }

    /// A FunctionCall.
    pub(super) fn function_call(oid: u32) -> Self {
        Self::out_of_sight(&format!("<function call of OID {oid}>"))
    }
}

/// What is told by the statements of a text.
struct Analysed {
    effect: Effect,
    is_indirect: bool,
    may_execute: bool,
    copies: Vec<Copy>,
}

/// What the statements of a text may do, and their COPYs. Of a text that would take long to read
/// the worst is assumed.
fn analysed(text: &[u8]) -> Analysed {
    if text.len() > limits::STATEMENT_ANALYSED_BYTES {
        return Analysed {
            effect: Effect::MayWrite,
            is_indirect: true,
            may_execute: true,
            copies: Vec::new(),
        };
    }
    let mut effect = Effect::Read;
    let mut is_indirect = false;
    let mut may_execute = false;
    let mut copies = Copies::default();
    for (index, statement) in sql::statements(text).enumerate() {
        if statement.effect == Effect::MayWrite {
            effect = Effect::MayWrite;
        }
        is_indirect |= matches!(statement.command, Command::Fetch | Command::Execute);
        may_execute |= matches!(statement.command, Command::Execute | Command::Explain);
        copies.add(statement, index, text);
    }
    Analysed {
        effect,
        is_indirect,
        may_execute,
        copies: copies.known(),
    }
}

/// A `COPY … TO STDOUT` of a text.
pub(super) struct Copy {
    /// Which statement of the text it is.
    pub(super) index: usize,
    pub(super) to: CopyTo,
    /// The query that describes its columns. `None` if what it names may be another thing by the
    /// time it runs: statements before it in the text run code, and the question goes before all.
    pub(super) probe: Option<Vec<u8>>,
}

impl Copy {
    fn state_bytes(&self) -> usize {
        256 + self.probe.as_ref().map_or(0, Vec::len)
    }
}

/// Gathers each COPY TO STDOUT of a text, with its probe.
#[derive(Default)]
struct Copies {
    found: Vec<Copy>,
    /// There is a COPY of another kind, or there are too many.
    unclear: bool,
    /// A statement before the next one may give names another meaning.
    code_ran: bool,
}

impl Copies {
    fn add(&mut self, statement: sql::Statement, index: usize, text: &[u8]) {
        if statement.command != Command::Copy {
            self.code_ran |= !matches!(
                statement.command,
                Command::Begin | Command::Commit | Command::Rollback | Command::Show
            );
            return;
        }
        match statement.copy_to {
            Some(to) if self.found.len() < limits::COPIES => {
                let probe = (!self.code_ran).then(|| to.probe(text));
                self.code_ran |= matches!(to.source, CopySource::Query(_));
                self.found.push(Copy { index, to, probe });
            }
            _ => self.unclear = true,
        }
    }

    /// None of them if there is a COPY of another kind among them: the answers could not be
    /// told apart, so their columns are as good as unknown.
    fn known(self) -> Vec<Copy> {
        if self.unclear { Vec::new() } else { self.found }
    }
}
