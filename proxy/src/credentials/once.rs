//! The log-in of a resource for a command that asks it once.

use std::sync::Arc;

use super::login::Login;
use super::secrets::{self, SecretError};
use super::vault::{self, Given};
use crate::config::Config;
use crate::config::model::{Credential, Resource, VaultReference};
use crate::store::Store;

/// A log-in, and what has to be given back after.
pub struct Once {
    /// The log-in.
    pub login: Arc<Login>,
    lease: Option<(Arc<VaultReference>, String)>,
}

impl Once {
    /// Gets what the configuration names.
    ///
    /// # Errors
    /// Why there is nothing to log in with.
    pub async fn get(config: &Config, resource: &Resource) -> Result<Self, String> {
        let mut lease = None;
        let login = match &resource.password {
            None => Login::of(None),
            Some(Credential::Known(secret)) => Login::of(Some(secret.expose())),
            Some(Credential::Sealed(name)) => {
                let value = sealed(config, name).map_err(|error| error.to_string())?;
                Login::of(Some(&value))
            }
            Some(Credential::Vault(vault)) => {
                let given = vault::read(vault).await;
                match given.map_err(|error| format!("{}: {error}", vault.address))? {
                    Given::Value(value) => Login::of(Some(&value)),
                    Given::Account {
                        user,
                        password,
                        lease: held,
                    } => {
                        lease = Some((Arc::clone(vault), held.id));
                        Login::of_user(user, &password)
                    }
                }
            }
        };
        let login = login.map_err(|error| error.to_string())?;
        Ok(Self {
            login: Arc::new(login),
            lease,
        })
    }

    /// Gives back what was lent. A Vault that cannot be asked ends the lease in its time.
    pub async fn release(&mut self) {
        if let Some((vault, lease)) = self.lease.take() {
            let _ends_by_itself = vault::revoke(&vault, &lease).await;
        }
    }
}

fn sealed(config: &Config, name: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, SecretError> {
    let directory = &config.gateway.data_directory;
    if !config.store.may_exist(directory) {
        return Err(SecretError::Unset(name.to_owned()));
    }
    let sealer = secrets::sealer(&config.sealing, directory);
    let sealer = sealer.map_err(|error| SecretError::Seal(name.to_owned(), error))?;
    Store::of(config)?.look(|tx| secrets::get(tx, &sealer, name))
}
