//! User and password, as they are held: sealed under a key of this process, and open only while
//! somebody logs in.
//!
//! The key is in the process as well. What this keeps is that no password lies about in memory for
//! as long as the gateway runs, where a stray copy of a page would show it.

use std::sync::OnceLock;

use arc_swap::ArcSwapOption;
use velum_core::wire::postgres::handshake::ScramKeys;
use zeroize::Zeroizing;

use crate::audit::key::random;
use crate::seal::{SealError, Sealer};

/// What is sealed under the key of the process.
const CONTEXT: &[u8] = b"a password in memory";

/// How the gateway logs in at a database. No `Debug`.
pub struct Login {
    user: Option<String>,
    password: Option<Vec<u8>>,
    /// SCRAM keys of the last log-in, which save the next one 4,096 hashes.
    pub scram_keys: ArcSwapOption<ScramKeys>,
}

impl Login {
    /// A password, or none, for the user that the configuration names.
    ///
    /// # Errors
    /// When the system gives no random bytes, or the cryptographic library refuses.
    pub fn of(password: Option<&[u8]>) -> Result<Self, SealError> {
        Ok(Self {
            user: None,
            password: password.map(veil).transpose()?,
            scram_keys: ArcSwapOption::empty(),
        })
    }

    /// A user, with a password.
    ///
    /// # Errors
    /// As [`Login::of`].
    pub fn of_user(user: String, password: &[u8]) -> Result<Self, SealError> {
        Ok(Self {
            user: Some(user),
            ..Self::of(Some(password))?
        })
    }

    /// Who logs in; `None`: whom the configuration names.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password; drop it when it has been used.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn password(&self) -> Result<Option<Zeroizing<Vec<u8>>>, SealError> {
        let open = |veiled: &Vec<u8>| process_key()?.open(CONTEXT, veiled);
        self.password.as_ref().map(open).transpose()
    }
}

fn veil(password: &[u8]) -> Result<Vec<u8>, SealError> {
    process_key()?.seal(CONTEXT, password)
}

fn process_key() -> Result<&'static Sealer, SealError> {
    static KEY: OnceLock<Sealer> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let fresh = random().map_err(SealError::NoKey)?;
    let fresh = Sealer::of_key(&fresh)?;
    Ok(KEY.get_or_init(|| fresh))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn a_password_is_open_only_while_it_is_used() {
        let login = Login::of_user("reader".to_owned(), b"correct horse").unwrap();
        assert_eq!(login.user(), Some("reader"));
        let held = login.password.as_deref().unwrap();
        assert!(!held.windows(5).any(|window| window == b"horse"));
        assert_eq!(
            login.password().unwrap().unwrap().as_slice(),
            b"correct horse"
        );
        assert!(Login::of(None).unwrap().password().unwrap().is_none());
    }
}
