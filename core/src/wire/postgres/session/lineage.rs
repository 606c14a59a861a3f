//! Which statement computed a result, for those of its columns that the server names no table of.
//!
//! A result belongs to a statement of the text that is being answered. The rows of FETCH and
//! EXECUTE are those of a statement that was declared or prepared in SQL before. Its text is known
//! by its name as long as nothing ran since that could have given the name to another: a function
//! of a user's own, a trigger, a block.

use std::collections::HashMap;
use std::rc::Rc;

use crate::audit::token::Token;
use crate::inspect::Inspect;
use crate::limits;
use crate::sql::effects::Class;
use crate::sql::lineage::{Flow, Handle, Outputs};
use crate::sql::{Analysis, SearchPath};

use super::Session;
use super::pipeline::{Awaited, Target};
use super::rulebook::Unknown;
use super::shape::RowShape;
use super::statements::{Statement, Undo};

/// A statement, by its text and its place in it.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) text: Rc<[u8]>,
    pub(super) index: usize,
    /// By which the names of the text are looked up.
    pub(super) path: SearchPath,
    /// Only if it is of this kind: the place was found by other means than the tree.
    pub(super) class: Option<Class>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.text, &other.text) && self.index == other.index && self.path == other.path
    }
}

impl Source {
    pub(super) fn of(statement: &Statement, index: usize, path: &SearchPath) -> Option<Self> {
        let text = statement.text.whole()?;
        Some(Self {
            text,
            index,
            path: path.clone(),
            class: None,
        })
    }

    /// What a COPY of the text copies.
    fn of_copy(statement: &Statement, copy: usize, path: &SearchPath) -> Option<Self> {
        let index = statement.text.copies.get(copy)?.index;
        let class = Some(Class::CopyOut);
        Some(Self {
            class,
            ..Self::of(statement, index, path)?
        })
    }

    /// Its analysis among those of its text.
    pub(super) fn find<'a>(&self, analyses: &'a [Analysis]) -> Option<&'a Analysis> {
        let found = analyses.get(self.index)?;
        let is_it = self.class.is_none_or(|class| class == found.effects.class);
        is_it.then_some(found)
    }
}

/// What is known of where a column's values come from.
#[derive(Clone, Copy)]
pub(super) enum Lineage<'f> {
    /// The server says it, or nobody has to know.
    Described,
    /// By the statement's text.
    Flow(&'f Flow),
    /// Nothing.
    Unknown,
}

impl<'f> Lineage<'f> {
    /// Of the column at `index` among `count`.
    pub(super) fn of(outputs: Option<&'f Outputs>, index: usize, count: usize) -> Self {
        let flow = match outputs {
            Some(Outputs::Each(flows)) if flows.len() == count => flows.get(index),
            Some(Outputs::Any(flow)) => Some(flow),
            _ => None,
        };
        flow.map_or(Lineage::Unknown, Lineage::Flow)
    }
}

/// Statements that were declared or prepared in SQL, by name.
#[derive(Default)]
pub(super) struct Handles(HashMap<Handle, Source>);

impl Handles {
    /// What `handle` stands for, if that is known.
    pub(super) fn get(&self, handle: &Handle) -> Option<&Source> {
        self.0.get(handle)
    }

    /// `handle` stands for `source` from now on.
    fn give(&mut self, handle: Handle, source: Source) {
        if self.0.len() >= limits::HANDLES {
            self.0.clear();
        }
        self.0.insert(handle, source);
    }
}

impl<I: Inspect> Session<I> {
    /// The statement that computes the rows which are described now; `None` if no text says it.
    pub(super) fn source(&mut self) -> Option<Source> {
        let source = self.answered().filter(|_| self.rules.needs_lineage())?;
        let catalog = self.rules.catalog();
        let handle = self.rules.look_up(&source, |analysis| {
            let is_use = matches!(analysis.effects.class, Class::Fetch | Class::Execute);
            let handle = analysis.lineage.handle.clone().filter(|_| is_use)?;
            // An argument of EXECUTE may come from anywhere, and the statement returns it.
            Some((handle, !analysis.effects.may_run_unseen(catalog)))
        });
        match handle.flatten() {
            Some((handle, true)) => self.handles.0.get(&handle).cloned(),
            Some((_, false)) => None,
            None => Some(source),
        }
    }

    /// The statement that the server answers, by its own text.
    fn answered(&mut self) -> Option<Source> {
        let index = self.answering.statements;
        let mixes_names = self.mixes_names;
        let parsed = |statement: &Statement, path| match mixes_names && statement.is_named() {
            true => None,
            false => Source::of(statement, 0, path),
        };
        match self.pipeline.front()? {
            Awaited::Query { statement, .. } => Source::of(statement, index, &statement.path),
            Awaited::Execute { portal, path, .. } => parsed(&portal.statement, path),
            Awaited::Describe { target, .. } => match target {
                Target::Statement(statement) => parsed(statement, &statement.path),
                Target::Portal(portal) => parsed(&portal.statement, &portal.path),
                Target::Copy(statement, copy, path) => Source::of_copy(statement, *copy, path),
            },
            _ => None,
        }
    }

    /// The statement of the result names what the catalog does not have.
    pub(super) fn unknown_names(&self, shape: &RowShape) -> Option<Unknown> {
        let source = shape.computed_by()?;
        let is_ahead = self
            .rules
            .look_up(source, |analysis| analysis.lineage.is_ahead)?;
        // What the session made in its open transaction nobody else can see: once is enough.
        let token = match self.transaction {
            b'I' => self.tokens.token(&source.text),
            _ => Token([0; 12]),
        };
        is_ahead.then_some(Unknown::Names(token))
    }

    /// Whatever names stood for may be another thing now.
    pub(super) fn forget_handles(&mut self) {
        self.handles.0.clear();
    }

    /// A Parse or a Bind is complete. It has given a name that SQL knows, too, and planning runs
    /// functions.
    pub(super) fn note_names(&mut self) {
        if self.handles.0.is_empty() {
            return;
        }
        let (name, planned) = match self.pipeline.front() {
            Some(Awaited::Parse {
                undo: Some(Undo::Statement(name, _)),
                ..
            }) => {
                // SQL has another name for it now; one that is no text SQL has none for.
                let name = std::str::from_utf8(name).unwrap_or_default();
                self.handles.0.remove(&Handle::Prepared(name.into()));
                return;
            }
            Some(Awaited::Bind {
                undo: Some(Undo::Portal(name, _)),
                portal,
            }) => (name, Rc::clone(&portal.statement)),
            _ => return,
        };
        let catalog = self.rules.catalog();
        let is_seen = |statement: Rc<Statement>| {
            let source = Source::of(&statement, 0, &statement.path)?;
            let seen = |analysis: &Analysis| !analysis.effects.may_run_unseen(catalog);
            self.rules.look_up(&source, seen)
        };
        if !name.is_empty() || is_seen(planned) != Some(true) {
            self.forget_handles();
        }
    }

    /// A statement has ended with this tag: notes what it declared or prepared, and forgets what
    /// it may have declared anew without saying so.
    pub(super) fn note_handles(&mut self, tag: &[u8]) {
        // What the protocol has named may be another's from now on.
        self.mixes_names |= matches!(tag, b"DECLARE CURSOR" | b"DO" | b"CALL");
        let prepares = tag == b"PREPARE";
        let gives = prepares || tag == b"DECLARE CURSOR";
        if self.handles.0.is_empty() && !gives {
            return;
        }
        let Some(source) = self.answered().filter(|_| self.rules.needs_lineage()) else {
            self.mixes_names |= prepares;
            return self.handles.0.clear();
        };
        let catalog = self.rules.catalog();
        let seen = self.rules.look_up(&source, |analysis| {
            let is_seen = !analysis.effects.may_run_unseen(catalog);
            is_seen.then(|| (analysis.effects.class, analysis.lineage.handle.clone()))
        });
        let seen = seen.flatten();
        // Unless the name is one that the protocol has not given.
        let is_apart = match &seen {
            Some((Class::Prepare, Some(Handle::Prepared(name)))) => {
                self.names.statement(name.as_bytes()).is_none()
            }
            _ => false,
        };
        self.mixes_names |= prepares && !is_apart;
        match seen {
            Some((Class::Declare | Class::Prepare, Some(handle))) => {
                self.handles.give(handle, source);
            }
            Some((_, None)) => {}
            Some((_, Some(handle))) if self.handles.0.contains_key(&handle) => {}
            // What ran is not known, or not whose rows came.
            _ => self.handles.0.clear(),
        }
    }
}
