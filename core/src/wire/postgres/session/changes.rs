//! What the session's own statements changed in the catalog: until a catalog is read that has
//! it, views show what nobody knows.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::inspect::Inspect;

use super::{Halt, Session, Step};

/// How far a change of the catalog by this session has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Change {
    /// There is none that the catalog in force does not have.
    #[default]
    None,
    /// Made; its transaction is open still, so that nobody else can see it.
    Open,
    /// Its transaction is over, and no catalog was asked for since.
    Over,
    /// A catalog was asked for.
    Asked,
}

/// What other sessions have to be told of changes by this one, whatever its own policy.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    #[default]
    None,
    /// Of one that they cannot see yet.
    Made,
    /// Of one that is there for all to see.
    Out,
}

/// First words of the tags of statements that leave every known relation as it is.
const UNCHANGING: [&[u8]; 32] = [
    b"ANALYZE",
    b"BEGIN",
    b"CHECKPOINT",
    b"CLOSE",
    b"CLUSTER",
    b"COPY",
    b"DEALLOCATE",
    b"DECLARE",
    b"DELETE",
    b"DISCARD",
    b"EXPLAIN",
    b"FETCH",
    b"INSERT",
    b"LISTEN",
    b"LOCK",
    b"MERGE",
    b"MOVE",
    b"NOTIFY",
    b"PREPARE",
    b"REINDEX",
    b"RELEASE",
    b"RESET",
    b"SAVEPOINT",
    b"SELECT",
    b"SET",
    b"SHOW",
    b"START",
    b"TRUNCATE",
    b"UNLISTEN",
    b"UPDATE",
    b"VACUUM",
    b"VALUES",
];

/// Whole tags of the same kind. New tables are met as unknown ones; an index may call a function of
/// the database's own.
const UNCHANGING_TAGS: [&[u8]; 4] = [b"COMMIT", b"ROLLBACK", b"CREATE TABLE", b"CREATE SEQUENCE"];

/// May the statement that ended with this tag have given a known view or column another meaning?
/// The server's tag says what ran, whatever prepared or quoted it.
fn changes_catalog(tag: &[u8]) -> bool {
    let first = tag.split(|byte| *byte == b' ').next().unwrap_or(tag);
    !UNCHANGING.contains(&first) && !UNCHANGING_TAGS.contains(&tag)
}

impl<I: Inspect> Session<I> {
    /// Puts a newer catalog in force, if a load has published one, for everything that is judged
    /// from now on. Who waits for a load that began later waits on.
    pub fn renew(&mut self, catalog: Arc<Catalog>) {
        let policy = Arc::clone(self.rules.shared_policy());
        self.rules.refresh(policy, catalog);
        self.write_anew();
        if !self.awaits_catalog {
            self.caught_up();
        }
    }

    /// The database's catalog may have changed: nothing more is judged before
    /// [`Session::refresh`] has been called, if anything is judged by it.
    pub fn distrust_catalog(&mut self) {
        // The rows of a COPY FROM STDIN name nothing.
        if self.rules.policy().needs_catalog() && !self.answering.copy_in {
            self.awaits_catalog = true;
        }
    }

    /// True once for each change of the catalog that this session's own statements have made, and
    /// that other sessions can see now.
    pub fn take_change(&mut self) -> bool {
        let is_out = self.news == News::Out;
        if is_out {
            self.news = News::None;
        }
        is_out
    }

    /// The catalog in force was read after the session's change, if it could be read.
    pub(super) fn caught_up(&mut self) {
        if self.change == Change::Asked && !self.rules.catalog().unreadable {
            self.change = Change::None;
            self.rules.set_in_flux(false);
        }
    }

    /// A statement that is on its way may give names another meaning.
    pub(super) fn begin_change(&mut self) {
        self.change = Change::Open;
        self.rules.set_in_flux(true);
    }

    /// A statement has ended with this tag.
    pub(super) fn note_change(&mut self, tag: &[u8]) {
        let changes = changes_catalog(tag);
        if changes {
            self.news = News::Made;
        }
        if self.rules.policy().has_rules() && changes {
            self.begin_change();
        } else if tag == b"COMMIT" {
            // Another transaction may have begun with it.
            self.end_of_change();
        }
    }

    /// What the transaction changed is there for all to see. What was not found while it was may
    /// be found now.
    pub(super) fn end_of_change(&mut self) {
        if self.change == Change::Open {
            self.change = Change::Over;
        }
        if self.news == News::Made {
            self.news = News::Out;
        }
        let catalog = self.rules.catalog();
        if catalog.epoch > 0 && !catalog.unreadable {
            self.asked.clear();
        }
    }

    /// Asks for a catalog, once, before rows are judged that a change of the session's own may
    /// be about.
    pub(super) fn expect_catalog(&mut self) -> Result<(), Halt> {
        if self.change != Change::Over {
            return Ok(());
        }
        self.change = Change::Asked;
        self.awaits_catalog = true;
        Err(Halt::Step(Step::AwaitCatalog))
    }
}

#[cfg(test)]
mod tests {
    use super::changes_catalog;

    #[test]
    fn tags_say_what_may_have_changed() {
        for tag in [
            "CREATE VIEW",
            "ALTER TABLE",
            "DROP VIEW",
            "DO",
            "CALL",
            "CREATE SCHEMA",
            "COMMIT PREPARED",
            "CREATE RULE",
            "CREATE INDEX",
            "REFRESH MATERIALIZED VIEW",
            "",
            "SOMETHING NEW",
        ] {
            assert!(changes_catalog(tag.as_bytes()), "{tag}");
        }
        for tag in ["SELECT 3", "INSERT 0 1", "SET", "COMMIT", "CREATE TABLE"] {
            assert!(!changes_catalog(tag.as_bytes()), "{tag}");
        }
    }
}
