//! Who calls, and what they may do.

use std::collections::BTreeSet;

use velum_core::grant::Person;
use velum_core::time::Timestamp;

use super::problem::Problem;
use crate::identity::code::Proof;
pub use crate::store::keys::Role;

/// A caller whose identity has been verified, by whatever way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Their name, as decisions and records have it.
    pub id: String,
    /// The credential that they came with, such as `key:1f0c…`: what is counted and kept apart.
    pub caller: String,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// Groups that count for who may approve.
    pub groups: BTreeSet<String>,
    /// Identities that they may ask for and see the grants of; `None`: any.
    pub identities: Option<BTreeSet<String>>,
    /// On whose behalf they act, the nearest first.
    pub chain: Vec<String>,
    /// Their credential is good for nothing from then on.
    pub until: Timestamp,
    /// How a person has shown who they are, where an issuer tells; `None`: by a key, or as a
    /// machine.
    pub shown: Option<Shown>,
}

/// How somebody has shown who they are, and where they can do so again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// How and when.
    pub proof: Proof,
    /// Where a browser logs in anew.
    pub login: String,
}

impl Principal {
    /// The caller as one who decides.
    pub fn person(&self) -> Person {
        Person {
            id: self.id.clone(),
            chain: self.chain.clone(),
            groups: self.groups.clone(),
        }
    }

    /// Have they one of these roles?
    pub fn is_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }

    /// Refuses who has none of these roles.
    ///
    /// # Errors
    /// Which would do.
    pub fn must_be(&self, roles: &[Role]) -> Result<(), Problem> {
        if self.is_any(roles) {
            return Ok(());
        }
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let detail = format!("this takes the role {}", names.join(" or "));
        Err(Problem::forbidden(detail).with_hint("use a key of somebody who has it"))
    }

    /// Do they see all grants, whoever they are for?
    pub fn sees_all(&self) -> bool {
        self.is_any(&[Role::Approver, Role::Auditor, Role::Admin])
    }

    /// May they see grants of this identity?
    pub fn sees(&self, identity: &str) -> bool {
        self.sees_all() || self.speaks_for(identity)
    }

    /// May they ask for grants of this identity?
    pub fn speaks_for(&self, identity: &str) -> bool {
        let is_named = |all: &BTreeSet<String>| all.contains(identity);
        self.roles.contains(&Role::Requester) && self.identities.as_ref().is_none_or(is_named)
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 4] = [Role::Requester, Role::Approver, Role::Auditor, Role::Admin];

    /// The name in interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Requester => "requester",
            Role::Approver => "approver",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }
}
