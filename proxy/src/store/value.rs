//! What goes into statements and comes out of rows, whatever engine runs them.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::StoreError;

/// The type of a column; nothing else is used, so that both engines mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// BIGINT
    Integer,
    /// TEXT
    Text,
    /// BLOB, BYTEA
    Bytes,
}

/// One value. It may be a hash or sealed, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null(Kind),
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Value::Null(kind) => *kind,
            Value::Integer(_) => Kind::Integer,
            Value::Text(_) => Kind::Text,
            Value::Bytes(_) => Kind::Bytes,
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null(_) => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// What can be a parameter.
pub(super) trait Bind {
    const KIND: Kind;
    fn bind(&self) -> Value;
}

macro_rules! bind {
    ($($type:ty, $kind:ident, $value:ident => $bound:expr;)*) => {$(
        impl Bind for $type {
            const KIND: Kind = Kind::$kind;
            fn bind(&self) -> Value {
                let $value = self;
                Value::$kind($bound)
            }
        }
    )*};
}

bind! {
    i64, Integer, value => *value;
    u32, Integer, value => i64::from(*value);
    u16, Integer, value => i64::from(*value);
    str, Text, value => value.to_owned();
    String, Text, value => value.clone();
    [u8], Bytes, value => value.to_vec();
    [u8; 32], Bytes, value => value.to_vec();
}

impl<T: Bind + ?Sized> Bind for &T {
    const KIND: Kind = T::KIND;
    fn bind(&self) -> Value {
        (**self).bind()
    }
}

impl<T: Bind> Bind for Option<T> {
    const KIND: Kind = T::KIND;
    fn bind(&self) -> Value {
        self.as_ref().map_or(Value::Null(T::KIND), Bind::bind)
    }
}

/// Parameters, `$1` first. SQLite counts them as they appear in a statement, whatever their
/// numbers, so they appear in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::value::Bind::bind(&$value)),*] };
}
pub(super) use values;

/// What can be a column.
pub(super) trait Read: Sized {
    fn read(value: &Value) -> Option<Self>;
}

impl Read for i64 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }
}

macro_rules! read_narrower {
    ($($type:ty)*) => {$(
        impl Read for $type {
            fn read(value: &Value) -> Option<Self> {
                i64::read(value)?.try_into().ok()
            }
        }
    )*};
}

read_narrower!(u64 u32 u16);

impl Read for String {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Text(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl Read for Vec<u8> {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null(_) => Some(None),
            value => T::read(value).map(Some),
        }
    }
}

/// A row that was found.
pub(super) struct Row(pub(super) Vec<Value>);

impl Row {
    /// The column at this place, from 0.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is none of this type.
    pub(super) fn get<T: Read>(&self, place: usize) -> Result<T, StoreError> {
        let value = self.0.get(place).and_then(T::read);
        value.ok_or_else(|| StoreError::Corrupt(format!("column {} of a row", place + 1)))
    }
}
