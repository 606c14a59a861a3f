//! What a question about a policy stands on: the configuration, and the policy made of it.

use std::path::Path;
use std::sync::Arc;

use velum_core::policy;

use crate::config::{self, Config, model};
use crate::control::policies;
use crate::control::vault::Vault;

/// A configuration, and its text.
pub(super) struct File {
    pub(super) config: Config,
    text: String,
}

impl File {
    /// # Errors
    /// All mistakes in the file, as text.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let config = config::load(path).map_err(|error| match error {
            config::ConfigError::Mistakes(problems) => problems.to_text(),
            error => error.to_string(),
        })?;
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Ok(Self { config, text })
    }

    /// `file:line` of what begins at this byte.
    pub(super) fn place(&self, begin: usize) -> String {
        place(&self.config.path, &self.text, begin)
    }

    /// The policy of an identity, and the resource that it holds at.
    ///
    /// # Errors
    /// What there is not, and what there is.
    pub(super) fn policy_of(
        &self,
        identity: &str,
        resource: Option<&str>,
    ) -> Result<(&model::Policy, &model::Resource), String> {
        let identities = &self.config.identities;
        let found = identities.iter().find(|it| it.name == identity);
        let found = found.or_else(|| identities.iter().find(|it| it.name == "*"));
        let Some(found) = found else {
            let names: Vec<&str> = identities.iter().map(|it| it.name.as_str()).collect();
            let known = names.join(", ");
            return Err(format!("there is no identity `{identity}`; known: {known}"));
        };
        let fits = |access: &&model::Access| resource.is_none_or(|it| it == access.resource);
        let accesses: Vec<_> = found.access.iter().filter(fits).collect();
        let names = || {
            let names: Vec<&str> = found.access.iter().map(|it| it.resource.as_str()).collect();
            names.join(", ")
        };
        match accesses.as_slice() {
            [access] => {
                let policy = self.config.policy(&access.policy);
                let resource = self.config.resource(&access.resource);
                policy
                    .zip(resource)
                    .ok_or_else(|| "an unknown policy".to_owned())
            }
            [] => Err(format!("`{identity}` may reach {} only", names())),
            _ => Err(format!("say which with --resource: {}", names())),
        }
    }
}

/// `file:line` of what begins at this byte of its text.
pub(in crate::cli) fn place(path: &Path, text: &str, begin: usize) -> String {
    let before = text.as_bytes().iter().take(begin);
    let line = 1 + before.filter(|byte| **byte == b'\n').count();
    format!("{}:{line}", path.display())
}

/// The policy ready for use, with transforms that nobody has keys or tokens of.
///
/// # Errors
/// Why it cannot be put in force.
pub(in crate::cli) fn compiled(policy: &model::Policy) -> Result<policy::Policy, String> {
    let scope = policies::Scope {
        resource: "",
        identity: "",
        vault: &Arc::new(Vault::in_memory(0)),
    };
    policies::policy(policy, &scope).map_err(|error| error.to_string())
}
