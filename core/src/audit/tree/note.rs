//! Signed notes: a text and the signatures over it (C2SP signed-note, tlog-cosignature).

use std::fmt;

use super::key::{KeyId, KeyKind, NoteSigner, VerifierKey, is_name};
use super::{from_base64, to_base64};
use crate::limits::{NOTE_BYTES, NOTE_SIGNATURES};

/// What a signature line begins with: an em dash and a space.
const DASH: &str = "— ";
/// Bytes of a key id.
const ID_BYTES: usize = 4;

/// Why a note is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// Not a signed note at all.
    Malformed(&'static str),
    /// A known key's signature is wrong: the note was forged or changed.
    BadSignature {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// No known key has signed; these have.
    UnknownKeys(Vec<String>),
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoteError::Malformed(what) => write!(f, "not a signed note: {what}"),
            NoteError::BadSignature { name, id } => {
                write!(
                    f,
                    "the signature by {name} (key {id}) does not fit the text"
                )
            }
            NoteError::UnknownKeys(signers) => {
                write!(f, "signed by no known key, but by {}", signers.join(", "))
            }
        }
    }
}

impl std::error::Error for NoteError {}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: String,
    id: KeyId,
    signature: Vec<u8>,
}

/// A text with signatures that nobody has verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    lines: Vec<Line>,
}

/// Who has signed a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key.
    pub key: VerifierKey,
    /// Of a cosignature: when the witness signed, in seconds since the Unix epoch.
    pub time_s: Option<u64>,
}

impl Note {
    /// A note to sign. The text is lines, each ended by a line feed.
    ///
    /// # Errors
    /// If it could not be told from its signatures.
    pub fn new(text: &str) -> Result<Self, NoteError> {
        check(text)?;
        Ok(Self {
            text: text.to_owned(),
            lines: Vec::new(),
        })
    }

    /// Reads a signed note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`]
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed;
        if bytes.len() > NOTE_BYTES {
            return Err(malformed("it is too long"));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        // The last empty line separates, whatever empty lines the text has.
        let border = whole.rfind("\n\n").ok_or(malformed("no empty line"))?;
        let (text, signatures) = whole.split_at(border + 1);
        check(text)?;
        let signatures = signatures.strip_prefix('\n').unwrap_or(signatures);
        if signatures.is_empty() {
            return Err(malformed("it has no signature"));
        }
        let mut note = Self::new(text)?;
        note.append(signatures)?;
        Ok(note)
    }

    /// Adds signature lines, as a witness answers them.
    ///
    /// # Errors
    /// [`NoteError::Malformed`]; the note is as it was then.
    pub fn append(&mut self, signatures: &str) -> Result<(), NoteError> {
        let malformed = NoteError::Malformed;
        let lines = signatures.strip_suffix('\n');
        let lines = lines.ok_or(malformed("the last line is not ended"))?;
        let lines: Option<Vec<Line>> = lines.split('\n').map(Line::parse).collect();
        let lines = lines.ok_or(malformed("a signature line is not `— name Base64`"))?;
        if self.lines.len() + lines.len() > NOTE_SIGNATURES {
            return Err(malformed("it has too many signatures"));
        }
        self.lines.extend(lines);
        Ok(())
    }

    /// Signs the text.
    pub fn sign(&mut self, signer: &NoteSigner) {
        let signature = signer.sign(self.text.as_bytes()).to_vec();
        self.push(signer, signature);
    }

    /// Signs the text as a witness of this moment, in seconds since the Unix epoch. Returns the
    /// signature line.
    pub fn cosign(&mut self, signer: &NoteSigner, time_s: u64) -> String {
        let mut signature = time_s.to_be_bytes().to_vec();
        signature.extend_from_slice(&signer.sign(&cosigned(time_s, &self.text)));
        self.push(signer, signature)
    }

    fn push(&mut self, signer: &NoteSigner, signature: Vec<u8>) -> String {
        let key = signer.verifier();
        let line = Line {
            name: key.name().to_owned(),
            id: key.id(),
            signature,
        };
        let text = line.to_string();
        self.lines.push(line);
        text
    }

    /// The text, which means nothing unless [`Note::verify`] says so.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which of the keys have signed. Signatures of others are ignored.
    ///
    /// # Errors
    /// If one of the keys has not signed this text, though the note says so; if none has.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<Signed>, NoteError> {
        let mut signed: Vec<Signed> = Vec::new();
        for line in &self.lines {
            let known = |key: &&VerifierKey| key.name() == line.name && key.id() == line.id;
            let Some(key) = keys.iter().find(known) else {
                continue;
            };
            let Some(time_s) = line.verify(key, &self.text) else {
                return Err(NoteError::BadSignature {
                    name: line.name.clone(),
                    id: line.id,
                });
            };
            if !signed.iter().any(|other| other.key == *key) {
                let key = key.clone();
                signed.push(Signed { key, time_s });
            }
        }
        match signed.is_empty() {
            false => Ok(signed),
            true => Err(NoteError::UnknownKeys(self.signers())),
        }
    }

    /// Forgets all signature lines but those by these keys.
    pub fn keep_only(&mut self, keys: &[VerifierKey]) {
        let is_by = |line: &Line, key: &VerifierKey| key.name() == line.name && key.id() == line.id;
        self.lines
            .retain(|line| keys.iter().any(|key| is_by(line, key)));
    }

    /// Who says to have signed: name and key id.
    pub fn signers(&self) -> Vec<String> {
        let lines = self.lines.iter();
        lines
            .map(|line| format!("{} (key {})", line.name, line.id))
            .collect()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.lines.iter().try_for_each(|line| line.fmt(f))
    }
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let (name, data) = line.strip_prefix(DASH)?.split_once(' ')?;
        let data = from_base64(data)?;
        let (id, signature) = data.split_first_chunk::<ID_BYTES>()?;
        (is_name(name) && !signature.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: KeyId(*id),
            signature: signature.to_vec(),
        })
    }

    /// `Some` if the key has signed the text; with the time of a cosignature.
    fn verify(&self, key: &VerifierKey, text: &str) -> Option<Option<u64>> {
        match key.kind() {
            KeyKind::Ed25519 => {
                let good = key.verifies(text.as_bytes(), &self.signature);
                good.then_some(None)
            }
            KeyKind::Cosignature => {
                let (time_s, signature) = self.signature.split_first_chunk()?;
                let time_s = u64::from_be_bytes(*time_s);
                let good = time_s < 1 << 63 && key.verifies(&cosigned(time_s, text), signature);
                good.then_some(Some(time_s))
            }
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut data = self.id.0.to_vec();
        data.extend_from_slice(&self.signature);
        writeln!(f, "{DASH}{} {}", self.name, to_base64(&data))
    }
}

/// What a witness signs.
fn cosigned(time_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}

fn check(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("its text has no line end"));
    }
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(NoteError::Malformed("it has control characters"));
    }
    Ok(())
}
