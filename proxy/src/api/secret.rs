//! Keys of the API as they are shown once: `velum_<id>_<secret>`.
//!
//! The secret has 256 bits of chance, so that its SHA-256 can be stored: there is nothing to guess,
//! and so nothing for a slow hash to slow down.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use velum_core::time::Timestamp;
use zeroize::Zeroizing;

use crate::store::keys::{ApiKey, Bearer};

/// What a key begins with, so that scanners for secrets know it.
const PREFIX: &str = "velum";
/// Letters of a key's name.
const ID_LETTERS: usize = 12;
/// What is hashed with the secret: the hash is of no use elsewhere.
const PURPOSE: &[u8] = b"velum api key v1\0";

/// A new key, and the text that its owner gets.
///
/// # Errors
/// When the system gives no random bytes.
pub fn draw(
    bearer: Bearer,
    created_at: Timestamp,
    expires_at: Timestamp,
) -> Result<(ApiKey, Zeroizing<String>), getrandom::Error> {
    let mut id = [0; ID_LETTERS / 2];
    getrandom::fill(&mut id)?;
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret)?;
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(*secret));
    let text = Zeroizing::new(format!("{PREFIX}_{id}_{}", *secret));
    let key = ApiKey {
        id,
        secret_sha256: hash(&secret),
        bearer,
        created_at,
        expires_at,
        revoked_at: None,
        last_used_at: None,
        version: 1,
    };
    Ok((key, text))
}

/// Name and secret of a key; `None` if the text is none.
pub fn parts(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text
        .strip_prefix(PREFIX)?
        .strip_prefix('_')?
        .split_once('_')?;
    let is_id = id.len() == ID_LETTERS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_secret = (32..=128).contains(&secret.len()) && secret.is_ascii();
    (is_id && is_secret).then_some((id, secret))
}

/// Is it the key's secret? Takes the same time whichever letter is wrong.
pub fn opens(key: &ApiKey, secret: &str) -> bool {
    hash(secret).ct_eq(&key.secret_sha256).into()
}

fn hash(secret: &str) -> [u8; 32] {
    let digest = Sha256::new().chain_update(PURPOSE).chain_update(secret);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn a_key_opens_with_its_own_text_only() {
        let bearer = || Bearer {
            owner: "ann".to_owned(),
            roles: Default::default(),
            groups: Default::default(),
            identities: None,
            chain: Vec::new(),
            created_by: "root".to_owned(),
            is_bootstrap: false,
        };
        let (key, text) = draw(bearer(), Timestamp(1), Timestamp(2)).unwrap();
        let (other, _) = draw(bearer(), Timestamp(1), Timestamp(2)).unwrap();
        let (id, secret) = parts(&text).unwrap();
        assert_eq!(id, key.id);
        assert!(opens(&key, secret) && !opens(&other, secret));
        assert!(!opens(&key, &secret[1..]) && !opens(&key, ""));
        let cut = &text[..text.len() - 20];
        for none in [
            "",
            "velum",
            "velum__",
            "velum_12_ab",
            cut,
            &text[1..],
            &text.to_uppercase(),
        ] {
            assert!(parts(none).is_none(), "{none}");
        }
    }
}
