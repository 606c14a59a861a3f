//! What stands before the bodies: magic, version, and the table of sections.

use super::{BadPack, CHECKSUM_BYTES, MAGIC, PACK_BYTES, SECTIONS, VERSION};

/// Longest name of a section.
const NAME_BYTES: usize = 64;

/// The table of a pack.
pub(super) struct Header<'p> {
    /// Names and lengths of the bodies.
    pub(super) entries: Vec<(&'p [u8], usize)>,
    /// Bytes before the first body.
    bytes: usize,
    /// Sum of the lengths; with `bytes` at most [`PACK_BYTES`].
    body_bytes: usize,
}

impl<'p> Header<'p> {
    /// Reads the table; what it announces need not be there.
    pub(super) fn read(pack: &'p [u8]) -> Result<Self, BadPack> {
        let mut rest = pack;
        let head = &pack[..pack.len().min(MAGIC.len())];
        if head.is_empty() || !MAGIC.starts_with(head) {
            return Err(BadPack::Foreign);
        }
        take(&mut rest, MAGIC.len())?;
        let version = number(&mut rest, 4)?;
        match u32::try_from(version).unwrap_or(u32::MAX) {
            VERSION => {}
            0 => return Err(BadPack::Malformed("there is no version 0")),
            version => return Err(BadPack::Newer { version }),
        }
        let count = number(&mut rest, 4)?;
        if count > SECTIONS as u64 {
            return Err(BadPack::Malformed("too many sections"));
        }
        let mut entries = Vec::new();
        let mut body_bytes = 0usize;
        for _ in 0..count {
            let length = number(&mut rest, 1)? as usize;
            let name = take(&mut rest, length)?;
            let length = usize::try_from(number(&mut rest, 8)?).map_err(|_| BadPack::TooLarge)?;
            body_bytes = body_bytes.saturating_add(length);
            if body_bytes > PACK_BYTES {
                return Err(BadPack::TooLarge);
            }
            entries.push((name, length));
        }
        Ok(Self {
            entries,
            bytes: pack.len() - rest.len(),
            body_bytes,
        })
    }

    /// Length of the whole pack.
    pub(super) fn total_bytes(&self) -> usize {
        self.bytes + self.body_bytes + CHECKSUM_BYTES
    }

    /// Names are well formed, unique and sorted.
    pub(super) fn check_names(&self) -> Result<(), BadPack> {
        if !self.entries.iter().all(|(name, _)| is_name(name)) {
            return Err(BadPack::Malformed("a section has a bad name"));
        }
        match self.entries.is_sorted_by(|a, b| a.0 < b.0) {
            true => Ok(()),
            false => Err(BadPack::Malformed("its sections are not in order")),
        }
    }

    /// Names and bodies; `content` holds all of them.
    pub(super) fn sections(&self, content: &'p [u8]) -> impl Iterator<Item = (&'p str, &'p [u8])> {
        let mut rest = content.get(self.bytes..).unwrap_or_default();
        self.entries.iter().map_while(move |(name, length)| {
            let (body, after) = rest.split_at_checked(*length)?;
            rest = after;
            Some((std::str::from_utf8(name).ok()?, body))
        })
    }

    /// The bytes before the bodies of `sections`.
    pub(super) fn write(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&(sections.len() as u32).to_be_bytes());
        for (name, body) in sections {
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
        out
    }
}

/// Whether a section may be called so.
pub(super) fn is_name(name: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    (1..=NAME_BYTES).contains(&name.len()) && name.iter().all(is_part)
}

fn take<'p>(rest: &mut &'p [u8], length: usize) -> Result<&'p [u8], BadPack> {
    let (taken, after) = rest.split_at_checked(length).ok_or(BadPack::Truncated)?;
    *rest = after;
    Ok(taken)
}

fn number(rest: &mut &[u8], length: usize) -> Result<u64, BadPack> {
    let bytes = take(rest, length)?;
    Ok(bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
