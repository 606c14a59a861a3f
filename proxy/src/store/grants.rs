//! Requests and grants.

use velum_core::grant::{Grant, GrantId, Kind, State};

use super::value::{Bind, Row, Value, values};
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
        self.execute(
            "INSERT INTO requests (id, requested_by, reason, ticket, requested_ns, document)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                id,
                request.requester.by,
                request.reason,
                request.ticket,
                nanos(grant.requested_at),
                serde_json::to_string(request)?
            ],
        )?;
        self.execute(
            "INSERT INTO grants
                 (id, version, state, kind, identity, resource, policy, owes_review, document)
             VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8)",
            values![
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
        let changed = self.execute(
            "UPDATE grants SET version = version + 1, state = $1, owes_review = $2, document = $3
             WHERE id = $4 AND version = $5",
            values![
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
        let sql = "SELECT version, document FROM grants WHERE id = $1";
        let found = self.first(sql, values![id.to_string()])?;
        found.as_ref().map(stored).transpose()
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
        let found = self.first(
            "SELECT id FROM grants WHERE identity = $1 AND owes_review = 1
             ORDER BY id DESC LIMIT 1",
            values![identity],
        )?;
        let id = found.map(|row| row.get::<String>(0)).transpose()?;
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
            if places.is_empty() {
                sql.push_str(" AND 1 = 0");
                return;
            }
            sql.push_str(&format!(" AND {column} IN ({})", places.join(", ")));
        };
        let one = |value: &str| vec![value.bind()];
        let states: Vec<Value> = filter
            .states
            .iter()
            .map(|state| state.as_str().bind())
            .collect();
        let identities = filter.identities.as_ref();
        let identities = identities.map(|all| all.iter().map(Bind::bind).collect());
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
            values.push(before.to_string().bind());
        }
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", values.len() + 1));
        values.push(filter.most.bind());
        self.rows(&sql, values)?.iter().map(stored).collect()
    }
}

fn stored(row: &Row) -> Result<Stored, StoreError> {
    Ok(Stored {
        grant: serde_json::from_str(&row.get::<String>(1)?)?,
        version: row.get(0)?,
    })
}
