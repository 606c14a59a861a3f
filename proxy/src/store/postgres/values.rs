//! Values as PostgreSQL's protocol has them.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::store::StoreError;
use crate::store::value::{Kind, Row, Value};

/// Hidden: `Debug` of a parameter would show it.
pub(super) struct Parameter<'v>(&'v Value);

impl std::fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parameter")
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null(_) => Ok(IsNull::Yes),
            Value::Integer(value) => value.to_sql(kind, out),
            Value::Text(value) => value.to_sql(kind, out),
            Value::Bytes(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

/// Parameters with the types that they are sent as.
pub(super) fn parameters(values: &[Value]) -> Vec<(Parameter<'_>, Type)> {
    let typed = values.iter().map(|value| {
        let kind = match value.kind() {
            Kind::Integer => Type::INT8,
            Kind::Text => Type::TEXT,
            Kind::Bytes => Type::BYTEA,
        };
        (Parameter(value), kind)
    });
    typed.collect()
}

/// The same as the library takes them.
pub(super) fn borrowed<'p>(
    parameters: &'p [(Parameter<'_>, Type)],
) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    let each = parameters.iter();
    each.map(|(value, kind)| (value as &(dyn ToSql + Sync), kind.clone()))
        .collect()
}

/// A row that was found.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let values = row.columns().iter().enumerate().map(|(place, column)| {
        let read = match *column.type_() {
            Type::INT8 => row
                .try_get(place)
                .map(|it: Option<i64>| it.map(Value::Integer)),
            Type::INT4 => row
                .try_get(place)
                .map(|it: Option<i32>| it.map(|it| Value::Integer(it.into()))),
            Type::TEXT => row
                .try_get(place)
                .map(|it: Option<String>| it.map(Value::Text)),
            Type::BYTEA => row
                .try_get(place)
                .map(|it: Option<Vec<u8>>| it.map(Value::Bytes)),
            // No statement here has one; who reads it finds that it is none of theirs.
            _ => Ok(None),
        };
        let read = read.map_err(|_| StoreError::Corrupt(format!("column {}", place + 1)))?;
        Ok(read.unwrap_or(Value::Null(Kind::Text)))
    });
    Ok(Row(values.collect::<Result<_, StoreError>>()?))
}
