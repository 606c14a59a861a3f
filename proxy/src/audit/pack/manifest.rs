//! What is in a pack, signed by the log's key.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use velum_core::audit::tree::{Note, NoteSigner, VerifierKey};

use super::{PackError, found, hex};

/// The manifest's file, the first of the archive.
pub const MANIFEST: &str = "manifest.json";
/// Its signature, the second: a signed note over its hash.
pub const SIGNATURE: &str = "manifest.note";
/// The first line of that note, which no checkpoint begins with.
const FORMAT: &str = "velum-pack/v1";
/// Longest manifest.
pub const MANIFEST_BYTES: u64 = 64 * 1024 * 1024;

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `velum-pack/v1`
    pub format: String,
    /// When it was made.
    pub made: String,
    /// By which program.
    pub program: String,
    /// The log.
    pub log: String,
    /// First moment of the period, RFC 3339 and nanoseconds since 1970.
    pub from: (String, u64),
    /// The moment after the last.
    pub to: (String, u64),
    /// First record of the excerpt.
    pub first: u64,
    /// Its last.
    pub last: u64,
    /// Records that the checkpoint covers.
    pub signed: u64,
    /// Its root.
    pub root: String,
    /// Verifier keys of the log when the pack was made.
    pub keys: Vec<String>,
    /// Configurations that were in force.
    pub configurations: Vec<Loaded>,
    /// Everything else in the archive, in its order.
    pub files: Vec<Entry>,
}

/// A configuration that came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loaded {
    /// The record that says so.
    pub sequence: u64,
    /// When.
    pub time: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// The text is in the pack.
    pub has_text: bool,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name in the archive.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

impl Entry {
    /// Of a file that is in memory.
    pub fn of(path: &str, bytes: &[u8]) -> Self {
        Self {
            path: path.to_owned(),
            bytes: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
        }
    }
}

impl Manifest {
    /// The name of the format.
    pub fn format() -> String {
        FORMAT.to_owned()
    }

    /// Reads one.
    ///
    /// # Errors
    /// If it is none, names a file that could lie outside of the archive, or one twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackError> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| found(format!("{MANIFEST} is no manifest: {error}")))?;
        if manifest.format != FORMAT {
            let format = manifest.format.escape_debug();
            return Err(found(format!("{MANIFEST} is of another format, {format}")));
        }
        let mut names: Vec<_> = manifest.files.iter().map(|file| &*file.path).collect();
        names.extend([MANIFEST, SIGNATURE]);
        names.sort_unstable();
        let is_twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        if is_twice || !names.iter().all(|name| is_inside(name)) {
            return Err(found(format!("{MANIFEST} names a file that no pack has")));
        }
        Ok(manifest)
    }

    /// The text of the note that is signed.
    fn note(&self, bytes: &[u8]) -> String {
        format!("{FORMAT}\n{}\n{}\n", self.log, hex(&Sha256::digest(bytes)))
    }

    /// Signs the manifest's bytes.
    ///
    /// # Errors
    /// If the log's name is not a line.
    pub fn sign(&self, bytes: &[u8], signer: &NoteSigner) -> Result<String, PackError> {
        let note = Note::new(&self.note(bytes));
        let mut note = note.map_err(|error| found(format!("the log's name: {error}")))?;
        note.sign(signer);
        Ok(note.to_string())
    }

    /// The signature is by one of these keys of the log, and is over these bytes.
    ///
    /// # Errors
    /// If it is not.
    pub fn verify(
        &self,
        bytes: &[u8],
        signature: &[u8],
        keys: &[VerifierKey],
    ) -> Result<(), PackError> {
        let wrong = |what: String| found(format!("{SIGNATURE}: {what}"));
        let note = Note::parse(signature).map_err(|error| wrong(error.to_string()))?;
        if note.text() != self.note(bytes) {
            return Err(wrong("it is of another manifest".to_owned()));
        }
        let signed = note
            .verify(keys)
            .map_err(|error| wrong(error.to_string()))?;
        // Nothing but the signature may stand there.
        match signed.iter().all(|it| it.key.name() == self.log)
            && note.signers().len() == signed.len()
        {
            true => Ok(()),
            false => Err(wrong(format!("not signed by {} alone", self.log))),
        }
    }
}

/// A relative path of plain names.
fn is_inside(path: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && !part.starts_with('.')
    };
    path.len() <= 100 && path.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::is_inside;

    #[test]
    fn names_stay_inside() {
        assert!(is_inside("log/tile/0/x001/234.p/17"));
        for path in [
            "",
            "/etc/passwd",
            "a//b",
            "../a",
            "a/..",
            "a/.b",
            "a\\b",
            "a b",
            "a\0",
        ] {
            assert!(!is_inside(path), "{path:?}");
        }
    }
}
