//! Columns that are not there for the client: `*` goes without them, and nothing may name them.

use super::super::Policy;
use super::super::derived::{Taint, VIEW_DEPTH};
use crate::catalog::Catalog;
use crate::sql::Analysis;
use crate::sql::lex::Lexer;
use crate::sql::lineage::{Flow, Origin, Star};

impl Policy {
    /// The text with every `*` that shows hidden columns written out without them. `None` if there
    /// is none, or if one cannot be written out: then its hidden columns stay, and are NULL. A
    /// statement that names one stays as well: it is refused by that name.
    pub(crate) fn without_hidden(
        &self,
        catalog: &Catalog,
        text: &[u8],
        statements: &[Analysis],
    ) -> Option<Vec<u8>> {
        let mut named = statements.iter();
        if !self.hides_columns() || named.any(|it| self.names_hidden(catalog, it).is_some()) {
            return None;
        }
        let mut edits = Vec::new();
        for star in statements.iter().flat_map(|it| &it.lineage.stars) {
            if star.flows.iter().any(|flow| self.is_hidden(catalog, flow)) {
                edits.push((star.start, self.written_out(catalog, star)?));
            }
        }
        edits.sort_unstable();
        let mut written = Vec::new();
        let mut at = 0;
        for (start, names) in &edits {
            written.extend_from_slice(text.get(at..*start)?);
            written.extend_from_slice(names.as_bytes());
            at = star_end(text, *start)?;
        }
        written.extend_from_slice(text.get(at..)?);
        (!edits.is_empty()).then_some(written)
    }

    /// The first column that the statement names and that is not there for it.
    pub(super) fn names_hidden(&self, catalog: &Catalog, statement: &Analysis) -> Option<Origin> {
        if !self.hides_columns() {
            return None;
        }
        let mut named = statement.lineage.named.iter();
        named
            .find(|origin| self.is_hidden(catalog, &Flow::plain(**origin)))
            .copied()
    }

    /// Is any column not there for the client?
    pub(crate) fn hides_columns(&self) -> bool {
        let guard = self.guard.as_ref();
        guard.is_some_and(|guard| !guard.hidden.is_empty())
    }

    fn is_hidden(&self, catalog: &Catalog, flow: &Flow) -> bool {
        let Taint::Value(rule) = self.taint(catalog, flow, VIEW_DEPTH) else {
            return false;
        };
        let guard = self.guard.as_ref();
        guard.is_some_and(|guard| guard.hidden.contains(&rule))
    }

    /// The columns of the star that are not hidden, by their names.
    fn written_out(&self, catalog: &Catalog, star: &Star) -> Option<String> {
        let names = star.names.as_ref().filter(|_| !star.is_positional)?;
        // Gone through several times, it has as many flows for each.
        let is_hidden = |index: usize| {
            let own = star.flows.iter().skip(index).step_by(names.len().max(1));
            own.into_iter().any(|flow| self.is_hidden(catalog, flow))
        };
        let kept = names.iter().enumerate().filter(|(at, _)| !is_hidden(*at));
        let kept: Vec<&str> = kept.map(|(_, name)| name.as_str()).collect();
        (!kept.is_empty()).then(|| kept.join(", "))
    }
}

/// One past the `*` of the reference that begins at `start`: names and dots stand before it.
fn star_end(text: &[u8], start: usize) -> Option<usize> {
    let mut lexemes = Lexer::within(text, start..text.len()).significant();
    let star = lexemes.find(|it| text.get(it.start) == Some(&b'*'))?;
    Some(star.start + 1)
}
