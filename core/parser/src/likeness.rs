//! Whether two nodes say the same, wherever they stand in a text.
//!
//! As the census does, this visits by derived serialisation: a field that nobody here has heard of
//! counts, too. Only places in the text do not.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Impossible, Serializer};

/// Fields that hold places in the text.
const PLACES: [&str; 7] = [
    "list_end",
    "list_start",
    "location",
    "rexpr_list_end",
    "rexpr_list_start",
    "stmt_len",
    "stmt_location",
];

/// Does the one node say what the other says? Where this cannot be told it does not.
pub(crate) fn is_alike<T: Serialize>(one: &T, other: &T) -> bool {
    let written = |node: &T| {
        let mut writer = Writer(Vec::new());
        node.serialize(&mut writer).map(|()| writer.0)
    };
    match (written(one), written(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// What was visited, in order, each part with its kind and its length.
struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, kind: u8, bytes: &[u8]) {
        self.0.push(kind);
        self.0.extend_from_slice(&bytes.len().to_le_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// Something that no parse tree has.
#[derive(Debug)]
struct Odd;

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no part of a parse tree")
    }
}

impl std::error::Error for Odd {}

impl ser::Error for Odd {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Odd
    }
}

impl ser::SerializeStruct for &mut Writer {
    type Ok = ();
    type Error = Odd;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Odd> {
        if PLACES.contains(&key) {
            return Ok(());
        }
        self.put(b'f', key.as_bytes());
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Odd> {
        self.put(b'}', &[]);
        Ok(())
    }
}

impl ser::SerializeSeq for &mut Writer {
    type Ok = ();
    type Error = Odd;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Odd> {
        self.put(b'e', &[]);
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Odd> {
        self.put(b']', &[]);
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Odd> {
            self.put(b'n', &value.to_le_bytes());
            Ok(())
        })*
    };
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Odd;
    type SerializeSeq = &'w mut Writer;
    type SerializeTuple = Impossible<(), Odd>;
    type SerializeTupleStruct = Impossible<(), Odd>;
    type SerializeTupleVariant = Impossible<(), Odd>;
    type SerializeMap = Impossible<(), Odd>;
    type SerializeStruct = &'w mut Writer;
    type SerializeStructVariant = Impossible<(), Odd>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64
    }

    fn serialize_bool(self, value: bool) -> Result<(), Odd> {
        self.put(b'b', &[u8::from(value)]);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Odd> {
        self.serialize_u32(value.into())
    }

    fn serialize_str(self, value: &str) -> Result<(), Odd> {
        self.put(b's', value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Odd> {
        self.put(b's', value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Odd> {
        self.put(b'-', &[]);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Odd> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Odd> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Odd> {
        self.put(b'{', name.as_bytes());
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Odd> {
        self.put(b'v', variant.as_bytes());
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Odd> {
        self.put(b'{', name.as_bytes());
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Odd> {
        self.put(b'v', variant.as_bytes());
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Odd> {
        self.put(b'[', &[]);
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self, Odd> {
        self.put(b'{', name.as_bytes());
        Ok(self)
    }

    // Nothing in a parse tree has one of these shapes.
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Odd> {
        Err(Odd)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Odd> {
        Err(Odd)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Odd> {
        Err(Odd)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Odd> {
        Err(Odd)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Odd> {
        Err(Odd)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Lexing, Limits, read};

    /// Do two queries say the same?
    fn alike(one: &str, other: &str) -> bool {
        let limits = Limits {
            text_bytes: 1_000,
            depth: 100,
            nodes: 1_000,
        };
        let lexing = Lexing::default();
        read(one.as_bytes(), lexing, &limits, |one| {
            read(other.as_bytes(), lexing, &limits, |other| {
                crate::is_alike(one[0].node, other[0].node)
            })
        })
        .and_then(|alike| alike)
        .unwrap_or(false)
    }

    #[test]
    fn only_places_do_not_count() {
        for (one, other) in [
            ("select a from t", "SELECT  /* x */ \"a\"\nFROM t"),
            ("select a in (1, 2)", "select  a in ( 1,2 )"),
            ("select array[1, 2]", "select array [ 1 , 2 ]"),
            ("select (a) and ((b))", "select a and b"),
            (
                "select sum(x) over (order by y)",
                "select sum( x) over ( order by y )",
            ),
        ] {
            assert!(alike(one, other), "{one} | {other}");
        }
        for (one, other) in [
            ("select a from t", "select b from t"),
            ("select a, b", "select b, a"),
            ("select 'ab', 'c'", "select 'a', 'bc'"),
            ("select count(a)", "select count(distinct a)"),
            ("select 1", "select 2"),
            ("select 0", "select null"),
            ("select $1", "select $2"),
            ("select a < b", "select a operator(pg_catalog.<) b"),
            ("select sum(x) over w", "select sum(x) over (w)"),
            ("select a and (b or c)", "select (a and b) or c"),
        ] {
            assert!(!alike(one, other), "{one} | {other}");
        }
    }
}
