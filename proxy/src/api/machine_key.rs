//! Keys of machines as they are shown once: `velumdb_<id>_<secret>`, the password of an identity.
//!
//! What is stored is a SCRAM verifier, so that no driver has to change, and the channel is bound
//! where the driver can. The secret has 256 bits of chance: there is nothing to guess.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use velum_core::time::Timestamp;
use velum_core::wire::postgres::handshake::ScramVerifier;
use zeroize::Zeroizing;

use crate::store::machine_keys::MachineKeyRow;

/// What a key begins with, so that scanners for secrets know it.
const PREFIX: &str = "velumdb";
/// What the names of these keys begin with, and those of the API's do not.
pub const ID_PREFIX: &str = "m";
const ID_BYTES: usize = 6;
const SALT_BYTES: usize = 16;

/// What a new key is to be.
pub struct Order {
    /// Who logs in by it.
    pub identity: String,
    /// What it is for.
    pub note: String,
    /// Who makes it.
    pub created_by: String,
    /// From when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A new key, and the text that its owner gets. `sibling` is a verifier of the same identity: all
/// have its salt, as the salt is asked with before it is known which key answers.
///
/// # Errors
/// When the system gives no random bytes.
pub fn draw(
    order: Order,
    sibling: Option<&ScramVerifier>,
) -> Result<(MachineKeyRow, Zeroizing<String>), getrandom::Error> {
    let mut id = [0; ID_BYTES];
    getrandom::fill(&mut id)?;
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let id = format!("{ID_PREFIX}{id}");
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret)?;
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(*secret));
    let text = Zeroizing::new(format!("{PREFIX}_{id}_{}", *secret));
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    let salt = sibling.map_or(&salt[..], ScramVerifier::salt);
    // As a stranger is asked, so that nobody sees a difference.
    let iterations = ScramVerifier::DEFAULT_ITERATIONS;
    let verifier = ScramVerifier::build(text.as_bytes(), salt, iterations);
    let Order {
        identity,
        note,
        created_by,
        created_at,
        expires_at,
    } = order;
    let row = MachineKeyRow {
        id,
        version: 1,
        identity,
        verifier: verifier.to_text().to_string(),
        note,
        created_by,
        created_at,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    Ok((row, text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn keys_of_an_identity_have_a_salt_in_common_and_nothing_else() {
        let order = || Order {
            identity: "agent".to_owned(),
            note: String::new(),
            created_by: "root".to_owned(),
            created_at: Timestamp(1),
            expires_at: Timestamp(2),
        };
        let (one, text) = draw(order(), None).unwrap();
        let verifier = ScramVerifier::parse(&one.verifier).unwrap();
        let (two, other) = draw(order(), Some(&verifier)).unwrap();
        let sibling = ScramVerifier::parse(&two.verifier).unwrap();
        assert_eq!(verifier.salt(), sibling.salt());
        assert!(one.id != two.id && *text != *other && one.verifier != two.verifier);
        let again = ScramVerifier::build(text.as_bytes(), verifier.salt(), 4_096);
        assert_eq!(*again.to_text(), one.verifier);
        assert!(text.starts_with(&format!("velumdb_{}_", one.id)) && text.len() < 72);
        assert!(
            crate::api::secret::parts(&text).is_none(),
            "it is no key of the API"
        );
    }
}
