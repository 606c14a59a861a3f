//! Which base column each column of a view shows.
//!
//! PostgreSQL itself knows: the definition of a view, prepared as a statement of its own, is
//! described with the table and the attribute number of every plain column. Where that says
//! nothing (a set operation, whose branches differ; a definition that our role may not
//! prepare), a column shows whatever the view depends on: ambiguity widens the mask.

use std::collections::HashMap;

use tokio_postgres::Client;
use velum_core::catalog::Catalog;

use super::LoadError;

const DOING: &str = "following views";

/// Views of the system show no rows of tables.
const VIEWS: &str = "
    select c.oid, pg_catalog.pg_get_viewdef(c.oid)
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')";

/// Columns that the views' definitions name anywhere.
const DEPENDENCIES: &str = "
    select distinct r.ev_class, d.refobjid, d.refobjsubid::int2
    from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid = d.objid
    where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      and d.refobjsubid > 0 and d.refobjid <> r.ev_class";

type Origin = (u32, i16);

/// Fills in the origins of all views' columns.
pub(super) async fn resolve(client: &Client, catalog: &mut Catalog) -> Result<(), LoadError> {
    let failed = |error: tokio_postgres::Error| LoadError::new(DOING, &error);
    let views = client.query(VIEWS, &[]).await.map_err(failed)?;
    if views.is_empty() {
        return Ok(());
    }
    let mut dependencies: HashMap<u32, Vec<Origin>> = HashMap::new();
    for row in client.query(DEPENDENCIES, &[]).await.map_err(failed)? {
        let origin = (
            row.try_get(1).map_err(failed)?,
            row.try_get(2).map_err(failed)?,
        );
        dependencies
            .entry(row.try_get(0).map_err(failed)?)
            .or_default()
            .push(origin);
    }
    for row in views {
        let oid: u32 = row.try_get(0).map_err(failed)?;
        // A view that was dropped since has no definition.
        let Some(definition) = row.try_get::<_, Option<String>>(1).map_err(failed)? else {
            continue;
        };
        let described = describe(client, &definition).await?;
        let everything = dependencies.remove(&oid).unwrap_or_default();
        let Some(view) = catalog.relations.get_mut(&oid) else {
            continue;
        };
        let known = described.filter(|origins| origins.len() == view.columns.len());
        let widened = known.is_none() || is_set_operation(&definition);
        let origins = known.unwrap_or_else(|| vec![None; view.columns.len()]);
        for (column, origin) in view.columns.iter_mut().zip(origins) {
            column.origins = match origin {
                _ if widened => everything.clone(),
                Some(origin) => vec![origin],
                None => Vec::new(),
            };
        }
    }
    Ok(())
}

/// The origin of each output column; `None` if the server will not prepare the definition.
async fn describe(
    client: &Client,
    definition: &str,
) -> Result<Option<Vec<Option<Origin>>>, LoadError> {
    let statement = match client
        .prepare(definition.trim_end().trim_end_matches(';'))
        .await
    {
        Ok(statement) => statement,
        Err(error) if client.is_closed() => return Err(LoadError::new(DOING, &error)),
        Err(_) => return Ok(None),
    };
    let origin = |column: &tokio_postgres::Column| {
        let table = column.table_oid().filter(|oid| *oid != 0)?;
        Some((table, column.column_id().filter(|attnum| *attnum != 0)?))
    };
    Ok(Some(statement.columns().iter().map(origin).collect()))
}

/// Does the text name a set operation outside of quotes? PostgreSQL wrote it, so keywords are in
/// upper case and comments are gone.
fn is_set_operation(definition: &str) -> bool {
    let mut outside = String::with_capacity(definition.len());
    let mut quote = None;
    for char in definition.chars() {
        match (quote, char) {
            (None, '\'' | '"') => quote = Some(char),
            (None, _) => outside.push(char),
            (Some(open), _) if char == open => quote = None,
            _ => {}
        }
    }
    let mut words = outside.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.any(|word| matches!(word, "UNION" | "INTERSECT" | "EXCEPT"))
}

#[cfg(test)]
mod tests {
    use super::is_set_operation;

    #[test]
    fn set_operations_are_seen_outside_of_quotes_only() {
        assert!(is_set_operation(
            " SELECT a FROM b\nUNION ALL\n SELECT c FROM d;"
        ));
        assert!(is_set_operation(
            "SELECT x.a FROM (SELECT 1 EXCEPT SELECT 2) x"
        ));
        assert!(!is_set_operation(
            "SELECT 'a UNION b' AS \"EXCEPT\" FROM reunion"
        ));
        assert!(!is_set_operation("SELECT 'it''s UNION' FROM unions"));
    }
}
