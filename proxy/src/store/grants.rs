//! Requests and grants.

use rusqlite::{OptionalExtension, Row, params, params_from_iter, types::Value};
use velum_core::grant::{Grant, GrantId, Kind, State};

use super::{StoreError, Tx, nanos};

/// A grant as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The grant.
    pub grant: Grant,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// Which grants to list, the newest first. What is not given does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states; empty: in any.
    pub states: Vec<State>,
    /// Of one of these identities; `None`: of any.
    pub identities: Option<Vec<String>>,
    /// To this resource.
    pub resource: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Older than this one.
    pub before: Option<GrantId>,
    /// So many at most.
    pub most: u32,
}

impl Tx<'_> {
    /// Adds a request that was just made, with its grant.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of that name.
    pub fn insert_grant(&self, grant: &Grant) -> Result<Stored, StoreError> {
        let id = grant.id.to_string();
        if self.grant(grant.id)?.is_some() {
            return Err(StoreError::Conflict);
        }
        let request = &grant.request;
        self.0.execute(
            "INSERT INTO requests (id, requested_by, reason, ticket, requested_ns, document)
             VALUES ($1, $2, $3, $4, $5, $6)",
            params![
                id,
                request.requester.by,
                request.reason,
                request.ticket,
                nanos(grant.requested_at),
                serde_json::to_string(request)?
            ],
        )?;
        self.0.execute(
            "INSERT INTO grants
                 (id, version, state, kind, identity, resource, policy, owes_review, document)
             VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                id,
                grant.state.as_str(),
                request.kind.as_str(),
                request.requester.identity,
                request.resource,
                request.scope.policy,
                i64::from(grant.owes_review()),
                serde_json::to_string(grant)?
            ],
        )?;
        Ok(Stored {
            grant: grant.clone(),
            version: 1,
        })
    }

    /// Replaces a grant by what became of it; gives its new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not as it was in `version`.
    pub fn update_grant(&self, grant: &Grant, version: u64) -> Result<u64, StoreError> {
        let changed = self.0.execute(
            "UPDATE grants SET version = version + 1, state = $1, owes_review = $2, document = $3
             WHERE id = $4 AND version = $5",
            params![
                grant.state.as_str(),
                i64::from(grant.owes_review()),
                serde_json::to_string(grant)?,
                grant.id.to_string(),
                version as i64
            ],
        )?;
        match changed {
            1 => Ok(version + 1),
            _ => Err(StoreError::Conflict),
        }
    }

    /// The grant of this name.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn grant(&self, id: GrantId) -> Result<Option<Stored>, StoreError> {
        let found = self.0.query_row(
            "SELECT version, document FROM grants WHERE id = $1",
            [id.to_string()],
            raw,
        );
        found.optional()?.map(stored).transpose()
    }

    /// All grants that may still come to hold, or do.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open_grants(&self) -> Result<Vec<Stored>, StoreError> {
        let open = State::ALL.into_iter().filter(|state| !state.is_final());
        self.list_grants(&Filter {
            states: open.collect(),
            most: u32::MAX,
            ..Filter::default()
        })
    }

    /// The last emergency of an identity that nobody has reviewed, if there is one.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn unreviewed(&self, identity: &str) -> Result<Option<GrantId>, StoreError> {
        let found = self.0.query_row(
            "SELECT id FROM grants WHERE identity = $1 AND owes_review = 1
             ORDER BY id DESC LIMIT 1",
            [identity],
            |row| row.get::<_, String>(0),
        );
        let id = found.optional()?;
        let id = id.map(|text| text.parse());
        id.transpose()
            .map_err(|_| StoreError::Corrupt("a grant's name".to_owned()))
    }

    /// Grants by a filter, the newest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn list_grants(&self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        let mut sql = "SELECT version, document FROM grants WHERE 1 = 1".to_owned();
        let mut values: Vec<Value> = Vec::new();
        let any_of = |sql: &mut String, column: &str, from: usize, count: usize| {
            let places: Vec<String> = (from + 1..=from + count).map(|n| format!("${n}")).collect();
            sql.push_str(&format!(" AND {column} IN ({})", places.join(", ")));
        };
        let one = |value: &str| vec![Value::Text(value.to_owned())];
        let states: Vec<Value> = filter
            .states
            .iter()
            .map(|state| Value::Text(state.as_str().to_owned()))
            .collect();
        let identities = filter.identities.as_ref();
        let identities = identities.map(|all| all.iter().cloned().map(Value::Text).collect());
        let sets = [
            ("state", Some(states).filter(|states| !states.is_empty())),
            ("identity", identities),
            ("resource", filter.resource.as_deref().map(one)),
            ("kind", filter.kind.map(|kind| one(kind.as_str()))),
        ];
        for (column, set) in sets {
            if let Some(set) = set {
                any_of(&mut sql, column, values.len(), set.len());
                values.extend(set);
            }
        }
        if let Some(before) = filter.before {
            sql.push_str(&format!(" AND id < ${}", values.len() + 1));
            values.push(Value::Text(before.to_string()));
        }
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", values.len() + 1));
        values.push(Value::Integer(i64::from(filter.most)));
        let mut statement = self.0.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(values), raw)?;
        rows.map(|row| stored(row?)).collect()
    }
}

fn raw(row: &Row<'_>) -> rusqlite::Result<(i64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn stored((version, document): (i64, String)) -> Result<Stored, StoreError> {
    Ok(Stored {
        grant: serde_json::from_str(&document)?,
        version: u64::try_from(version)
            .map_err(|_| StoreError::Corrupt("a grant's version".to_owned()))?,
    })
}
