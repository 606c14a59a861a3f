//! Prepared statements and portals, as the server knows them.
//!
//! What a portal's rows look like is known from its own Describe, and only until the server runs
//! anything else. A statement keeps what was learnt of its columns while they look the same.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::audit::token::Token;
use crate::limits;
use crate::mask::types::FIRST_NORMAL_OID;
use crate::sql::SearchPath;

use super::shape::{Formats, RowShape};
use super::text::StatementText;

/// What is known of the rows that a statement or a portal returns.
#[derive(Clone)]
pub(super) enum Described {
    /// Nothing.
    Unknown,
    /// A Describe is on its way.
    Pending,
    /// NoData.
    NoRows,
    /// RowDescription.
    Rows(Rc<RowShape>),
}

/// What a statement or a portal counts against the session's bound while a name stands for it.
struct Size {
    /// Without the shape.
    own_bytes: usize,
    /// Of the shape that it was described with last.
    shape_bytes: Cell<usize>,
    held: Cell<bool>,
}

impl Size {
    /// Of something with `bytes` of content.
    fn new(bytes: usize) -> Self {
        const OVERHEAD_BYTES: usize = 256;
        Self {
            own_bytes: OVERHEAD_BYTES + bytes,
            shape_bytes: Cell::new(0),
            held: Cell::new(false),
        }
    }

    fn bytes(&self) -> usize {
        self.own_bytes + self.shape_bytes.get()
    }

    /// A name stands for it now.
    fn hold(&self) -> usize {
        self.held.set(true);
        self.bytes()
    }

    /// No name stands for it any more.
    fn release(&self) -> usize {
        self.held.set(false);
        self.bytes()
    }

    /// Takes another shape. Returns the size before and after.
    fn take_shape(&self, shape_bytes: usize) -> (usize, usize) {
        let before = self.bytes();
        self.shape_bytes.set(shape_bytes);
        (before, self.bytes())
    }
}

/// Longest RowDescription that is kept, and what each statement counts for it.
const DESCRIPTION_BYTES: usize = 1024;

/// What was made of a RowDescription. The same bytes mean the same at the same epoch of the rules,
/// unless a column has no table or something is not known: what that shows, the text says.
struct Description {
    body: Box<[u8]>,
    epoch: u64,
    shape: Rc<RowShape>,
    formats: Formats,
}

/// A prepared statement.
pub(super) struct Statement {
    pub(super) text: StatementText,
    /// By which its names are looked up, where it is planned at once.
    pub(super) path: SearchPath,
    /// It stands under a name that SQL can give to another one.
    is_named: Cell<bool>,
    /// A parameter is of a type of a user's own, with functions that the text does not show.
    has_own_types: Cell<bool>,
    /// The policy and the catalog by which it may run, by their epoch, with the path, and the
    /// values that columns under rules are compared with each time.
    admitted: RefCell<Option<(u64, SearchPath, Compared)>>,
    /// What its rows looked like the last time, and what was learnt of them. Never what they
    /// look like now: the server plans again as it sees fit.
    shape: RefCell<Option<Rc<RowShape>>>,
    /// The description that a portal had last.
    description: RefCell<Option<Description>>,
    /// Columns of each COPY of the text, once its probe is answered.
    copy_shapes: RefCell<Vec<Option<Rc<RowShape>>>>,
    size: Size,
}

/// How many elements a parameter has at most, if it is an array and that is more than one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Elements {
    /// From 1.
    pub(super) parameter: u16,
    pub(super) count: u32,
}

/// What a statement compares columns under rules with each time that it runs.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) values: u32,
    /// Parameters whose elements each count.
    pub(super) lists: Vec<u16>,
}

impl Compared {
    fn values(&self, elements: &[Elements]) -> u32 {
        let count = |number: &u16| {
            let found = elements.iter().find(|it| it.parameter == *number);
            found.map_or(1, |it| it.count)
        };
        let lists = self.lists.iter().map(count);
        lists.fold(self.values, u32::saturating_add)
    }
}

impl Statement {
    pub(super) fn new(text: StatementText, path: SearchPath) -> Rc<Self> {
        let size = Size::new(text.state_bytes() + DESCRIPTION_BYTES);
        let copy_shapes = RefCell::new(vec![None; text.copies.len()]);
        Rc::new(Self {
            text,
            path,
            is_named: Cell::new(false),
            has_own_types: Cell::new(false),
            admitted: RefCell::new(None),
            shape: RefCell::new(None),
            description: RefCell::new(None),
            copy_shapes,
            size,
        })
    }

    /// One that was prepared out of sight (PREPARE in SQL).
    pub(super) fn unknown() -> Rc<Self> {
        Self::new(
            StatementText::out_of_sight("<prepared in SQL>"),
            SearchPath::Unknown,
        )
    }

    /// Its parameters are of these types, as a Parse has them behind their number.
    pub(super) fn take_types(&self, types: &[u8]) {
        let (types, _) = types.as_chunks::<4>();
        let mut oids = types.iter().map(|oid| u32::from_be_bytes(*oid));
        self.has_own_types
            .set(oids.any(|oid| oid >= FIRST_NORMAL_OID));
    }

    /// True if a parameter is of a type of a user's own.
    pub(super) fn has_own_types(&self) -> bool {
        self.has_own_types.get()
    }

    /// It, or its portal, stands under this name.
    pub(super) fn take_name(&self, name: &[u8]) {
        self.is_named.set(self.is_named.get() || !name.is_empty());
    }

    /// It may run by this path while this epoch lasts, and compares so many values each time.
    pub(super) fn set_admitted(&self, epoch: u64, path: &SearchPath, compared: Compared) {
        self.admitted.replace(Some((epoch, path.clone(), compared)));
    }

    /// The values that it compares, if it may run by this path at this epoch, with these elements
    /// of its parameters.
    pub(super) fn admitted(
        &self,
        epoch: u64,
        path: &SearchPath,
        elements: &[Elements],
    ) -> Option<u32> {
        match &*self.admitted.borrow() {
            Some((at, by, compared)) if *at == epoch && by == path => {
                Some(compared.values(elements))
            }
            _ => None,
        }
    }

    /// True if SQL can give its name to another one.
    pub(super) fn is_named(&self) -> bool {
        self.is_named.get()
    }

    /// Takes the columns of the COPY at `index`.
    pub(super) fn set_copy_shape(&self, index: usize, shape: Rc<RowShape>) {
        if let Some(slot) = self.copy_shapes.borrow_mut().get_mut(index) {
            *slot = Some(shape);
        }
    }

    /// The columns of the COPY at `index`, if they are known.
    pub(super) fn copy_shape(&self, index: usize) -> Option<Rc<RowShape>> {
        self.copy_shapes.borrow().get(index).cloned().flatten()
    }

    /// The shape with what was learnt of it, if the rows looked the same the last time; else it
    /// becomes the one to learn of.
    pub(super) fn recall(&self, shape: RowShape) -> Rc<RowShape> {
        let mut last = self.shape.borrow_mut();
        match &*last {
            Some(known) if known.looks_like(&shape) => Rc::clone(known),
            _ => Rc::clone(last.insert(Rc::new(shape))),
        }
    }

    /// Keeps what was made of `body` at `epoch`.
    pub(super) fn keep_description(
        &self,
        body: &[u8],
        epoch: u64,
        shape: &Rc<RowShape>,
        formats: &Formats,
    ) {
        if body.len() <= DESCRIPTION_BYTES {
            self.description.replace(Some(Description {
                body: body.into(),
                epoch,
                shape: Rc::clone(shape),
                formats: formats.clone(),
            }));
        }
    }

    /// What was made of the same bytes at the same epoch.
    pub(super) fn description(&self, body: &[u8], epoch: u64) -> Option<(Rc<RowShape>, Formats)> {
        let kept = self.description.borrow();
        let kept = kept.as_ref()?;
        let is_same = kept.epoch == epoch && *kept.body == *body;
        is_same.then(|| (Rc::clone(&kept.shape), kept.formats.clone()))
    }
}

/// A portal.
pub(super) struct Portal {
    pub(super) statement: Rc<Statement>,
    /// By which its names were looked up when it was planned.
    pub(super) path: SearchPath,
    /// Result formats of its Bind.
    formats: RefCell<Formats>,
    /// Tokens of its bind values.
    pub(super) binds: Vec<Option<Token>>,
    /// Of its bind values that may be arrays.
    pub(super) elements: Vec<Elements>,
    described: RefCell<Described>,
    /// Epoch at which it was described, see [`Portal::is_described`].
    described_at: Cell<u64>,
    /// How its first rows looked.
    first: RefCell<Option<Rc<RowShape>>>,
    size: Size,
}

impl Portal {
    pub(super) fn new(
        statement: Rc<Statement>,
        path: SearchPath,
        formats: Formats,
        binds: Vec<Option<Token>>,
        elements: Vec<Elements>,
    ) -> Rc<Self> {
        let bytes = binds.len() * size_of::<Option<Token>>()
            + elements.len() * size_of::<Elements>()
            + formats.state_bytes();
        Rc::new(Self {
            size: Size::new(bytes),
            statement,
            path,
            formats: RefCell::new(formats),
            binds,
            elements,
            described: RefCell::new(Described::Unknown),
            described_at: Cell::new(0),
            first: RefCell::new(None),
        })
    }

    /// A cursor that was declared out of sight (DECLARE in SQL).
    pub(super) fn unknown_cursor() -> Rc<Self> {
        let text = StatementText::out_of_sight("<cursor declared in SQL>");
        let path = SearchPath::Unknown;
        let statement = Statement::new(text, path.clone());
        Self::new(statement, path, Formats::TEXT, Vec::new(), Vec::new())
    }

    /// Takes the answer to a Describe of this portal.
    pub(super) fn take_description(&self, described: Described, formats: Option<Formats>) {
        self.described.replace(described);
        if let Some(formats) = formats {
            self.formats.replace(formats);
        }
    }

    /// Notes that a Describe is on its way, or that it was in vain.
    pub(super) fn set_described(&self, described: Described, epoch: u64) {
        self.described.replace(described);
        self.described_at.set(epoch);
    }

    /// What it was described as holds on at this epoch.
    pub(super) fn stay_described(&self, epoch: u64) {
        self.described_at.set(epoch);
    }

    /// True if it was described, or will be, and the server ran nothing since: not even planning,
    /// which runs functions. Whatever runs could give the portal's name another meaning.
    pub(super) fn is_described(&self, epoch: u64) -> bool {
        self.described_at.get() == epoch && !matches!(*self.described.borrow(), Described::Unknown)
    }

    /// What its rows look like; `None` if that is not known, or if it returns none. Rows that were
    /// left over look as the first ones did: where it was described otherwise meanwhile, what
    /// they show is not known.
    pub(super) fn shape(&self) -> Option<(Rc<RowShape>, Formats)> {
        let Described::Rows(shape) = &*self.described.borrow() else {
            return None;
        };
        let formats = self.formats.borrow().clone();
        let mut first = self.first.borrow_mut();
        let first = first.get_or_insert_with(|| Rc::clone(shape));
        match Rc::ptr_eq(first, shape) || first.looks_like(shape) {
            true => Some((Rc::clone(shape), formats)),
            false => Some((Rc::new(shape.doubted()), formats)),
        }
    }
}

/// Names of statements and portals, updated as the client speaks and undone where the server
/// says no.
///
/// A statement or portal stands under one name at a time: each comes from a Parse or Bind of
/// its own.
#[derive(Default)]
pub(super) struct Names {
    statements: HashMap<Box<[u8]>, Rc<Statement>>,
    portals: HashMap<Box<[u8]>, Rc<Portal>>,
    /// Bytes of the statements held.
    statement_bytes: usize,
    /// Bytes of the portals held.
    portal_bytes: usize,
}

/// A change of [`Names`] that is not confirmed yet.
pub(super) enum Undo {
    /// The statement of this name was another, or none.
    Statement(Box<[u8]>, Option<Rc<Statement>>),
    /// The portal of this name was another, or none.
    Portal(Box<[u8]>, Option<Rc<Portal>>),
}

impl Names {
    pub(super) fn statement(&self, name: &[u8]) -> Option<Rc<Statement>> {
        self.statements.get(name).cloned()
    }

    pub(super) fn portal(&self, name: &[u8]) -> Option<Rc<Portal>> {
        self.portals.get(name).cloned()
    }

    /// True if another statement or portal may be added.
    pub(super) fn has_room(&self) -> bool {
        self.statements.len() < limits::STATEMENTS
            && self.portals.len() < limits::PORTALS
            && !self.is_overfull()
    }

    /// True if what is held takes more memory than one session may have.
    pub(super) fn is_overfull(&self) -> bool {
        self.statement_bytes + self.portal_bytes >= limits::SESSION_STATE_BYTES
    }

    /// Counts the shape that `statement` was described with, in the place of an older one.
    pub(super) fn charge_statement(&mut self, statement: &Statement, shape_bytes: usize) {
        let (before, now) = statement.size.take_shape(shape_bytes);
        if statement.size.held.get() {
            self.statement_bytes = (self.statement_bytes + now).saturating_sub(before);
        }
    }

    /// The same for a portal.
    pub(super) fn charge_portal(&mut self, portal: &Portal, shape_bytes: usize) {
        let (before, now) = portal.size.take_shape(shape_bytes);
        if portal.size.held.get() {
            self.portal_bytes = (self.portal_bytes + now).saturating_sub(before);
        }
    }

    pub(super) fn set_statement(&mut self, name: &[u8], new: Option<Rc<Statement>>) -> Undo {
        self.statement_bytes += new.as_deref().map_or(0, |new| new.size.hold());
        let old = match new {
            Some(statement) => self.statements.insert(name.into(), statement),
            None => self.statements.remove(name),
        };
        let freed = old.as_deref().map_or(0, |old| old.size.release());
        self.statement_bytes = self.statement_bytes.saturating_sub(freed);
        Undo::Statement(name.into(), old)
    }

    pub(super) fn set_portal(&mut self, name: &[u8], new: Option<Rc<Portal>>) -> Undo {
        self.portal_bytes += new.as_deref().map_or(0, |new| new.size.hold());
        let old = match new {
            Some(portal) => self.portals.insert(name.into(), portal),
            None => self.portals.remove(name),
        };
        let freed = old.as_deref().map_or(0, |old| old.size.release());
        self.portal_bytes = self.portal_bytes.saturating_sub(freed);
        Undo::Portal(name.into(), old)
    }

    pub(super) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Statement(name, old) => drop(self.set_statement(&name, old)),
            Undo::Portal(name, old) => drop(self.set_portal(&name, old)),
        }
    }

    /// The transaction is over: its portals are gone.
    pub(super) fn end_of_transaction(&mut self) {
        for (_, portal) in self.portals.drain() {
            portal.size.release();
        }
        self.portal_bytes = 0;
    }
}
