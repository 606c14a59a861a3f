//! Tokens in the place of values: by HMAC, the same for the same value under one key, or drawn at
//! random and remembered.

use std::sync::Arc;

use super::super::types::Scalar;
use super::super::{Malformed, decode};
use super::value::Form;
use super::{Around, TransformKey};
use crate::cell::Encoding;

/// RFC 4648's base32 in lower case: nothing in it is mistaken for a number by a spreadsheet, and
/// any column of text holds it.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Fewest characters that tell values apart, 50 bits.
pub const TOKEN_CHARACTERS_LEAST: u8 = 10;
/// Most characters that 32 bytes have.
pub const TOKEN_CHARACTERS_MOST: u8 = 51;

/// How values are made equal that are written differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Normal {
    /// Letters count the same in either case.
    pub folds_case: bool,
    /// Everything but ASCII's digits is left out.
    pub digits_only: bool,
}

/// What a token looks like.
#[derive(Clone)]
pub struct TokenForm {
    /// Stands before it in text, such as `mrn_`. Left out where a column has no room for it.
    pub prefix: Box<str>,
    /// Behind the prefix, [`TOKEN_CHARACTERS_LEAST`] to [`TOKEN_CHARACTERS_MOST`]; fewer where a
    /// column has no room for them.
    pub characters: u8,
    /// What counts as the same value. Blanks around it never count.
    pub normal: Normal,
}

/// By which a vault knows a value: nobody can compute it or turn it around without the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// Remembers the tokens that were drawn for values.
pub trait TokenVault: Send + Sync {
    /// The random bytes that stand for the value: those that were drawn when it was first seen, or
    /// new ones, not derived from the value in any way. `None`: there is no answer now, or no more
    /// room, and the value is masked.
    fn token(&self, fingerprint: &Fingerprint) -> Option<[u8; 32]>;
}

/// Where the bytes of a token come from.
#[derive(Clone)]
pub(super) enum Source<'a> {
    /// The key and the value.
    Value(&'a TransformKey),
    /// Chance.
    Vault(&'a TransformKey, &'a Arc<dyn TokenVault>),
}

/// Puts a token in the place of a value of text, of a UUID or of a whole number of eight bytes;
/// narrower numbers would give the same token to different values.
pub(super) fn token(
    source: &Source<'_>,
    style: &TokenForm,
    around: &Around<'_>,
    form: Form,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let plain = plain(form, value)?;
    let normal = style.normal.apply(&plain);
    if normal.is_empty() {
        return Err(Malformed);
    }
    let bytes = match source {
        Source::Value(key) => key.mac(&[&normal]),
        Source::Vault(key, vault) => {
            let fingerprint = Fingerprint(key.mac(&[&normal]));
            vault.token(&fingerprint).ok_or(Malformed)?
        }
    };
    match (form.scalar, bytes.first_chunk()) {
        (Scalar::Text, _) => write_text(style, around.width.limit(value), &bytes, out),
        (Scalar::Int8, Some(eight)) => {
            let number = u64::from_be_bytes(*eight) >> 1;
            form.write_integer(number.cast_signed(), out)
        }
        (Scalar::Uuid, _) => write_uuid(form.encoding, &bytes, out),
        _ => Err(Malformed),
    }
}

/// The value as text, the same for both encodings.
fn plain(form: Form, value: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut text = Vec::new();
    match (form.scalar, form.encoding) {
        (Scalar::Text, _) => text.extend_from_slice(value),
        (Scalar::Int8, _) => text.extend_from_slice(form.integer(value)?.to_string().as_bytes()),
        (Scalar::Uuid, Encoding::Binary) => {
            decode::text(Scalar::Uuid, value, &mut text)?;
        }
        (Scalar::Uuid, Encoding::Text) => text.extend(value.to_ascii_lowercase()),
        _ => return Err(Malformed),
    }
    Ok(text)
}

impl Normal {
    fn apply(self, text: &[u8]) -> Vec<u8> {
        let text = text.trim_ascii();
        let folded = match std::str::from_utf8(text) {
            _ if !self.folds_case => text.to_vec(),
            Ok(text) => text.to_lowercase().into_bytes(),
            Err(_) => text.to_ascii_lowercase(),
        };
        match self.digits_only {
            true => folded.into_iter().filter(u8::is_ascii_digit).collect(),
            false => folded,
        }
    }
}

fn write_text(
    style: &TokenForm,
    limit: Option<usize>,
    bytes: &[u8; 32],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let least = usize::from(TOKEN_CHARACTERS_LEAST);
    let wanted = usize::from(style.characters.min(TOKEN_CHARACTERS_MOST));
    let room = limit.unwrap_or(usize::MAX);
    let prefix = style.prefix.chars().count();
    let (prefix, characters) = match room.saturating_sub(prefix) {
        behind if behind >= least => (&*style.prefix, wanted.min(behind)),
        _ if room >= least => ("", wanted.min(room)),
        _ => return Err(Malformed),
    };
    out.extend_from_slice(prefix.as_bytes());
    out.extend((0..characters).map(|index| base32(bytes, index)));
    Ok(())
}

/// The character of these five bits.
fn base32(bytes: &[u8; 32], index: usize) -> u8 {
    let bit = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or_default();
        usize::from(byte >> (7 - at % 8) & 1)
    };
    let five = (index * 5..index * 5 + 5).fold(0, |sum, at| sum << 1 | bit(at));
    ALPHABET.get(five).copied().unwrap_or(b'a')
}

/// A UUID of version 8, which RFC 9562 leaves to whoever makes it.
fn write_uuid(encoding: Encoding, bytes: &[u8; 32], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut uuid: [u8; 16] = *bytes.first_chunk().ok_or(Malformed)?;
    for (index, kept, set) in [(6, 0x0f, 0x80), (8, 0x3f, 0x80)] {
        if let Some(byte) = uuid.get_mut(index) {
            *byte = *byte & kept | set;
        }
    }
    match encoding {
        Encoding::Binary => out.extend_from_slice(&uuid),
        Encoding::Text => {
            decode::text(Scalar::Uuid, &uuid, out)?;
        }
    }
    Ok(())
}
