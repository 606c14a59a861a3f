//! Counts and names of everything in a tree, by construction: the visit is the one that derived
//! serialisation makes, so a node or a field that nobody here has heard of is visited, too.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Impossible, Serializer};

use crate::{Limits, ParseError};

/// What a statement holds, wherever it stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Nodes of any kind.
    pub nodes: usize,
    /// Nodes on the longest way down.
    pub depth: usize,
    /// Each mention of a relation: schema (empty if none was given) and name.
    pub relations: Vec<(String, String)>,
    /// Each function call, by the parts of its name.
    pub functions: Vec<Vec<String>>,
    /// Operators that are written out, by the parts of their names.
    pub operators: Vec<Vec<String>>,
    /// Types, by the parts of their names.
    pub types: Vec<Vec<String>>,
    /// EXECUTE, wherever it stands.
    pub executes: usize,
    /// Mentions of columns, `*` included.
    pub columns: usize,
    /// Queries, the branches of set operations one by one.
    pub queries: usize,
    /// Places where a node should be and is none: the library does not know how to pack it.
    pub gaps: usize,
}

/// Takes the census of a node.
pub(crate) fn take<T: Serialize>(node: &T, limits: &Limits) -> Result<Census, ParseError> {
    let mut counter = Counter {
        limits,
        census: Census::default(),
        depth: 0,
        capture: None,
        may_lack: false,
    };
    match node.serialize(&mut counter) {
        Ok(()) => Ok(counter.census),
        Err(Stop(error)) => Err(error),
    }
}

struct Counter<'a> {
    limits: &'a Limits,
    census: Census,
    depth: usize,
    /// Takes the strings that are met.
    capture: Option<Vec<String>>,
    /// A node may be missing here: plain DISTINCT is written as a list of nothing, and so is a
    /// function in FROM without a list of columns.
    may_lack: bool,
}

impl Counter<'_> {
    fn enter(&mut self, name: &'static str) -> Result<(), Stop> {
        // The wrapper of every node: a level of the notation, not of the tree.
        if name == "Node" {
            return Ok(());
        }
        self.depth += 1;
        self.census.nodes += 1;
        self.census.depth = self.census.depth.max(self.depth);
        match name {
            "ColumnRef" => self.census.columns += 1,
            "SelectStmt" => self.census.queries += 1,
            "ExecuteStmt" => self.census.executes += 1,
            _ => {}
        }
        if self.depth > self.limits.depth {
            return Err(Stop(ParseError::TooDeep));
        }
        if self.census.nodes > self.limits.nodes {
            return Err(Stop(ParseError::TooManyNodes));
        }
        Ok(())
    }

    fn leave(&mut self, name: &'static str) {
        if name != "Node" {
            self.depth = self.depth.saturating_sub(1);
        }
    }

    /// The strings below `value`, which is visited as everything else.
    fn strings<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<Vec<String>, Stop> {
        let outer = self.capture.replace(Vec::new());
        value.serialize(&mut *self)?;
        let inner = std::mem::replace(&mut self.capture, outer);
        Ok(inner.unwrap_or_default())
    }
}

/// The visit ends early.
#[derive(Debug)]
struct Stop(ParseError);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Stop(ParseError::Unreadable)
    }
}

/// The fields of one node.
struct Fields<'c, 'l> {
    counter: &'c mut Counter<'l>,
    name: &'static str,
    schema: String,
    /// [`Counter::may_lack`] around the node.
    may_lack: bool,
}

impl ser::SerializeStruct for Fields<'_, '_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        match (self.name, key) {
            ("RangeVar", "schemaname") => self.schema = self.counter.strings(value)?.concat(),
            ("RangeVar", "relname") => {
                let name = self.counter.strings(value)?.concat();
                let relation = (std::mem::take(&mut self.schema), name);
                self.counter.census.relations.push(relation);
            }
            ("FuncCall", "funcname") => {
                let function = self.counter.strings(value)?;
                self.counter.census.functions.push(function);
            }
            ("AExpr", "name") | ("SubLink", "oper_name") | ("SortBy", "use_clause") => {
                let operator = self.counter.strings(value)?;
                self.counter.census.operators.push(operator);
            }
            ("TypeName", "names") => {
                let named = self.counter.strings(value)?;
                self.counter.census.types.push(named);
            }
            ("SelectStmt", "distinct_clause") | ("RangeFunction", "functions") => {
                self.counter.may_lack = true;
                value.serialize(&mut *self.counter)?;
                self.counter.may_lack = false;
            }
            ("Node", _) => {
                let before = self.counter.census.nodes;
                value.serialize(&mut *self.counter)?;
                let is_gap = self.counter.census.nodes == before && !self.counter.may_lack;
                self.counter.census.gaps += usize::from(is_gap);
            }
            _ => value.serialize(&mut *self.counter)?,
        }
        Ok(())
    }

    fn end(self) -> Result<(), Stop> {
        self.counter.leave(self.name);
        self.counter.may_lack = self.may_lack;
        Ok(())
    }
}

impl ser::SerializeSeq for &mut Counter<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

/// Values without parts tell nothing.
macro_rules! leaves {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _: $type) -> Result<(), Stop> {
            Ok(())
        })*
    };
}

impl<'c, 'l> Serializer for &'c mut Counter<'l> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Self;
    type SerializeTuple = Impossible<(), Stop>;
    type SerializeTupleStruct = Impossible<(), Stop>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Impossible<(), Stop>;
    type SerializeStruct = Fields<'c, 'l>;
    type SerializeStructVariant = Impossible<(), Stop>;

    leaves! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_bytes: &[u8], serialize_unit_struct: &'static str
    }

    fn serialize_str(self, text: &str) -> Result<(), Stop> {
        if let Some(capture) = &mut self.capture {
            capture.push(text.to_owned());
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'c, 'l>, Stop> {
        self.enter(name)?;
        let may_lack = self.may_lack;
        if !matches!(name, "Node" | "List") {
            self.may_lack = false;
        }
        Ok(Fields {
            counter: self,
            name,
            schema: String::new(),
            may_lack,
        })
    }

    // Nothing in a parse tree has one of these shapes.
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Stop> {
        Err(Stop(ParseError::Unreadable))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Stop> {
        Err(Stop(ParseError::Unreadable))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        Err(Stop(ParseError::Unreadable))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Stop> {
        Err(Stop(ParseError::Unreadable))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        Err(Stop(ParseError::Unreadable))
    }
}
