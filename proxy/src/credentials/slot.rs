//! The log-in that is in force at a resource.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::login::Login;
use crate::config::model::{Credential, VaultReference};
use crate::seal::SealError;

/// Where what is in a slot comes from, if it may change while the gateway runs.
#[derive(Clone, PartialEq)]
pub enum Reference {
    /// The store, by name.
    Sealed(String),
    /// A HashiCorp Vault.
    Vault(Arc<VaultReference>),
}

/// See the module's text.
pub struct LoginSlot {
    reference: Option<Reference>,
    current: ArcSwapOption<Login>,
}

impl LoginSlot {
    /// The slot of a credential: filled if it was read with the configuration.
    ///
    /// # Errors
    /// As [`Login::of`].
    pub fn new(credential: Option<&Credential>) -> Result<Self, SealError> {
        let known = |password: Option<&[u8]>| -> Result<Self, SealError> {
            Ok(Self {
                reference: None,
                current: ArcSwapOption::from_pointee(Login::of(password)?),
            })
        };
        let reference = match credential {
            None => return known(None),
            Some(Credential::Known(secret)) => return known(Some(secret.expose())),
            Some(Credential::Sealed(name)) => Reference::Sealed(name.clone()),
            Some(Credential::Vault(vault)) => Reference::Vault(Arc::clone(vault)),
        };
        Ok(Self {
            reference: Some(reference),
            current: ArcSwapOption::empty(),
        })
    }

    /// Where its log-in comes from; `None`: from the configuration.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// What the next dial takes; `None`: there is nothing to log in with.
    pub fn load(&self) -> Option<Arc<Login>> {
        self.current.load_full()
    }

    /// Puts another log-in in force, or none.
    pub fn store(&self, login: Option<Arc<Login>>) {
        self.current.store(login);
    }
}
