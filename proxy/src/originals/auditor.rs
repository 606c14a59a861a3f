//! An auditor's key: the public part is in the configuration, the secret one is the auditor's.

use std::fmt;

use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::OriginalsError;

const PUBLIC: &str = "velum-auditor";
const SECRET: &str = "velum-auditor-secret";
const INFO: &[u8] = b"velum originals 1";
const NAME_BYTES: usize = 64;

/// The public part. Shown as `velum-auditor+NAME+HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auditor {
    name: String,
    public: [u8; 32],
}

/// The secret part. Wiped when dropped, never shown.
pub struct AuditorSecret {
    /// The public part.
    pub auditor: Auditor,
    secret: Zeroizing<Vec<u8>>,
}

/// A sealed text: what the recipient needs to find its key, and the text.
pub(super) type Sealed = (Vec<u8>, Vec<u8>);

/// Makes a key: the secret part as a line for a file, which is the only copy.
///
/// # Errors
/// If the name cannot be one, or the library refuses.
pub fn keygen(name: &str) -> Result<(Auditor, Zeroizing<String>), OriginalsError> {
    if !is_name(name) {
        return Err(OriginalsError::Malformed(
            "name: write letters, digits, `.`, `-` and `_`, 64 at most",
        ));
    }
    let pair = SUITE.generate_key_pair();
    let (public, secret) = pair.map_err(|_| OriginalsError::Failed)?;
    let public = <[u8; 32]>::try_from(public.0).map_err(|_| OriginalsError::Failed)?;
    let auditor = Auditor {
        name: name.to_owned(),
        public,
    };
    let (public, secret) = (hex(&public), Zeroizing::new(hex(secret.secret_bytes())));
    let line = format!("{SECRET}+{name}+{public}+{}\n", *secret);
    Ok((auditor, Zeroizing::new(line)))
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

impl Auditor {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, public) = text
            .strip_prefix(PUBLIC)?
            .strip_prefix('+')?
            .split_once('+')?;
        let public = unhex(public)?.try_into().ok()?;
        is_name(name).then(|| Self {
            name: name.to_owned(),
            public,
        })
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names the key: 8 bytes of its hash.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.public);
        hex(digest.get(..8).unwrap_or_default())
    }

    /// Name and id.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.id())
    }

    pub(super) fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Sealed, OriginalsError> {
        let public = HpkePublicKey(self.public.to_vec());
        let sealed = SUITE.seal(INFO, context, plain, &public);
        let (found_by, body) = sealed.map_err(|_| OriginalsError::Failed)?;
        Ok((found_by.0, body))
    }
}

impl fmt::Display for Auditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}+{}+{}", self.name, hex(&self.public))
    }
}

impl AuditorSecret {
    /// Reads the line of [`keygen`].
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix(SECRET)?.strip_prefix('+')?;
        let (public, secret) = rest.rsplit_once('+')?;
        Some(Self {
            auditor: Auditor::parse(&format!("{PUBLIC}+{public}"))?,
            secret: Zeroizing::new(unhex(secret)?),
        })
    }

    pub(super) fn open(
        &self,
        context: &[u8],
        (found_by, body): &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, OriginalsError> {
        let secret = HpkePrivateKey::from(self.secret.to_vec());
        let found_by = EncapsulatedSecret(found_by.clone());
        let opened = SUITE.open(&found_by, INFO, context, body, &secret);
        opened
            .map(Zeroizing::new)
            .map_err(|_| OriginalsError::Forged)
    }
}
