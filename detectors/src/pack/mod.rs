//! The file that carries what was learnt from a corpus: one container, named sections, where
//! they come from, and a checksum over all of it.
//!
//! ```text
//! ┌────────────┬────────────┬──────────┬────────────────────────┬──────────────┬────────────┐
//! │ "VELUMPAK" │ version u32│ count u32│ count × (name, length) │ bodies, in   │ SHA-256 of │
//! │ 8 bytes    │            │          │ u8 n · n bytes · u64   │ that order   │ all before │
//! └────────────┴────────────┴──────────┴────────────────────────┴──────────────┴────────────┘
//! ```
//!
//! Numbers are big-endian. Names are of `a-z`, `0-9` and `_`, unique, and sorted, so that equal
//! packs are equal bytes. The section `provenance` is text and always there.
//!
//! The checksum finds damage. It is no signature: who may write the file decides what it says.

mod header;
mod provenance;

use std::fmt;

use sha2::{Digest, Sha256};

use header::Header;
pub use provenance::Provenance;

/// What a pack begins with.
pub const MAGIC: &[u8; 8] = b"VELUMPAK";
/// The version of the container that is written, and the newest that is read.
pub const VERSION: u32 = 1;
/// Largest pack that is read or written.
pub const PACK_BYTES: usize = 64 * 1024 * 1024;
/// Most sections of a pack.
pub const SECTIONS: usize = 64;

const CHECKSUM_BYTES: usize = 32;
const PROVENANCE: &str = "provenance";

/// What was learnt from a corpus, in named sections.
///
/// A dictionary may hold real names, so a pack cannot be printed; [`fmt::Debug`] is missing for
/// that reason.
#[derive(Clone, PartialEq, Eq)]
pub struct Pack {
    provenance: Provenance,
    /// Sorted by name; without the provenance.
    sections: Vec<(String, Vec<u8>)>,
}

/// Why bytes are no pack. Depends on nothing but the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadPack {
    /// They do not begin as a pack does.
    Foreign,
    /// A version of the container that this program does not know.
    Newer {
        /// The version that the file names.
        version: u32,
    },
    /// They end before what the header announces.
    Truncated,
    /// More than [`PACK_BYTES`].
    TooLarge,
    /// The checksum does not fit: some byte has changed.
    Corrupt,
    /// The container contradicts itself.
    Malformed(&'static str),
    /// A section that this program cannot use, or its content, with the reason.
    Section {
        /// Name of the section.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Pack {
    /// A pack without sections.
    pub fn new(provenance: Provenance) -> Self {
        Self {
            provenance,
            sections: Vec::new(),
        }
    }

    /// Adds a section, or replaces the one of that name.
    ///
    /// # Errors
    /// A name that is not of 1 to 64 characters `a-z`, `0-9`, `_`, or that is `provenance`; more
    /// than [`SECTIONS`] sections; more than [`PACK_BYTES`] in all.
    pub fn insert(&mut self, name: &str, body: Vec<u8>) -> Result<(), BadPack> {
        if name == PROVENANCE || !header::is_name(name.as_bytes()) {
            return Err(BadPack::Malformed("a section has a bad name"));
        }
        let others = self.sections.iter().filter(|(other, _)| other != name);
        let (count, bytes) = others.fold((1, body.len()), |(count, bytes), (_, body)| {
            (count + 1, bytes.saturating_add(body.len()))
        });
        if count >= SECTIONS {
            return Err(BadPack::Malformed("too many sections"));
        }
        // What is not a body takes less than a kilobyte a section.
        if bytes > PACK_BYTES - SECTIONS * 1024 {
            return Err(BadPack::TooLarge);
        }
        match self.place(name) {
            Ok(at) => self.sections[at].1 = body,
            Err(at) => self.sections.insert(at, (name.to_owned(), body)),
        }
        Ok(())
    }

    /// The body of a section.
    pub fn section(&self, name: &str) -> Option<&[u8]> {
        let at = self.place(name).ok()?;
        self.sections.get(at).map(|(_, body)| body.as_slice())
    }

    /// Names and bodies, in the order of the names.
    pub fn sections(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        let sections = self.sections.iter();
        sections.map(|(name, body)| (name.as_str(), body.as_slice()))
    }

    /// Where it comes from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Reads a whole pack.
    ///
    /// # Errors
    /// The first reason why the bytes are no pack. Memory grows only with the bytes that are
    /// there, whatever lengths they announce.
    pub fn read(bytes: &[u8]) -> Result<Self, BadPack> {
        if bytes.len() > PACK_BYTES {
            return Err(BadPack::TooLarge);
        }
        let header = Header::read(bytes)?;
        let sealed = header.total_bytes() - CHECKSUM_BYTES;
        let (content, checksum) = bytes.split_at_checked(sealed).ok_or(BadPack::Truncated)?;
        match checksum.len() {
            CHECKSUM_BYTES => {}
            less if less < CHECKSUM_BYTES => return Err(BadPack::Truncated),
            _ => return Err(BadPack::Malformed("there is more behind the end")),
        }
        if Sha256::digest(content).as_slice() != checksum {
            return Err(BadPack::Corrupt);
        }
        header.check_names()?;
        let mut provenance = None;
        let mut sections = Vec::with_capacity(header.entries.len());
        for (name, body) in header.sections(content) {
            match name {
                PROVENANCE => provenance = Some(Provenance::read(body)?),
                _ => sections.push((name.to_owned(), body.to_vec())),
            }
        }
        let provenance =
            provenance.ok_or(BadPack::Malformed("it does not say where it is from"))?;
        Ok(Self {
            provenance,
            sections,
        })
    }

    /// The bytes that [`Pack::read`] reads. Equal packs give equal bytes.
    pub fn write(&self) -> Vec<u8> {
        let provenance = self.provenance.write();
        let own = (PROVENANCE, provenance.as_bytes());
        let mut sections: Vec<(&str, &[u8])> = self.sections().chain([own]).collect();
        sections.sort_unstable_by_key(|(name, _)| *name);
        let mut out = Header::write(&sections);
        for (_, body) in sections {
            out.extend_from_slice(body);
        }
        let checksum = Sha256::digest(&out);
        out.extend_from_slice(&checksum);
        out
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.sections
            .binary_search_by(|(other, _)| other.as_str().cmp(name))
    }
}

impl fmt::Display for BadPack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => write!(f, "not a detector pack"),
            Self::Newer { version } => write!(
                f,
                "version {version} of the pack format; this program reads up to {VERSION}"
            ),
            Self::Truncated => write!(f, "the pack is cut off"),
            Self::TooLarge => write!(f, "larger than {} MiB", PACK_BYTES / (1024 * 1024)),
            Self::Corrupt => write!(f, "the pack is damaged: its checksum does not fit"),
            Self::Malformed(what) => write!(f, "a malformed pack: {what}"),
            Self::Section { name, reason } => write!(f, "section {name:?} of the pack: {reason}"),
        }
    }
}

impl std::error::Error for BadPack {}

#[cfg(any(test, fuzzing))]
pub mod fuzz;

#[cfg(test)]
mod tests;
