//! The text that the server reads in the place of the client's.

use std::ops::Deref;

use super::super::Policy;
use crate::catalog::Catalog;
use crate::sql::Analysis;

impl Policy {
    /// May the server have to read other texts than the client's?
    pub(crate) fn rewrites(&self) -> bool {
        self.hides_columns() || self.guards_cells()
    }

    /// The text that the server is to read, if that is to be another one: without the columns that
    /// are hidden, and with every aggregate guarded that has to be. `read` says what is known of a
    /// text. What cannot be written stays: columns are masked then, and aggregates refused.
    pub fn rewritten<S: Deref<Target = [Analysis]>>(
        &self,
        catalog: &Catalog,
        text: &[u8],
        read: impl Fn(&[u8]) -> Option<S>,
    ) -> Option<Vec<u8>> {
        if !self.rewrites() {
            return None;
        }
        let own = read(text)?;
        let shown = self.without_hidden(catalog, text, &own);
        if !self.guards_cells() {
            return shown;
        }
        let (text, known) = match &shown {
            Some(shown) => (&shown[..], read(shown)?),
            None => (text, own),
        };
        let guarded = self.with_small_cells(catalog, text, &known);
        guarded.or(shown)
    }
}
