//! Marks of masked values: keyed hashes, kept in memory until the session ends.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::limits::RECEIPT_COLUMNS;

/// A keyed hash of a value: HMAC-SHA-256, truncated to 128 bits.
pub type Mark = [u8; 16];

/// What a session's marks are made by. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

/// What makes the marks of one column.
#[derive(Clone)]
pub struct ColumnKey(Zeroizing<[u8; 32]>);

impl Secret {
    /// From 32 random bytes that are used for one session.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, to be sealed.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of a column.
    pub fn column(&self, name: &str) -> ColumnKey {
        ColumnKey(self.derive("velum receipt column", name))
    }

    /// What salts a column's leaves are made by.
    pub(super) fn blinding(&self, name: &str) -> Zeroizing<[u8; 32]> {
        self.derive("velum receipt blinding", name)
    }

    fn derive(&self, purpose: &str, name: &str) -> Zeroizing<[u8; 32]> {
        let mut mac = keyed(&self.0);
        mac.update(purpose.as_bytes());
        mac.update(b"\n");
        mac.update(name.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

impl ColumnKey {
    /// From what [`ColumnKey::expose`] gave.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, for who is to check a claim about the column.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The mark of a whole value.
    pub fn mark(&self, value: &[u8]) -> Mark {
        let mut mac = keyed(&self.0);
        mac.update(value);
        mark(mac)
    }
}

/// What a record says of a column's key.
pub fn key_hash(key: &ColumnKey) -> [u8; 32] {
    let hasher = Sha256::new_with_prefix(b"velum receipt key\n");
    hasher.chain_update(key.expose()).finalize().into()
}

pub(super) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // RFC 2104: a key shorter than the block is padded with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    Hmac::new(&(*block).into())
}

fn mark(mac: Hmac<Sha256>) -> Mark {
    let digest = mac.finalize().into_bytes();
    let mut mark = [0; 16];
    mark.copy_from_slice(&digest[..16]);
    mark
}

/// Marks are as good as random: their first bytes are hash enough.
#[derive(Default)]
pub struct MarkHasher(u64);

impl Hasher for MarkHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }
}

/// The marks of one column.
struct Column {
    name: String,
    key: Hmac<Sha256>,
    marks: HashSet<Mark, BuildHasherDefault<MarkHasher>>,
    missed: u64,
}

/// The marks of a session, bounded.
pub struct Kept {
    secret: Secret,
    columns: Vec<Column>,
    /// Marks that may be added.
    room: usize,
    /// Cells of columns that have no room.
    missed: u64,
}

/// A value that comes in parts.
pub struct ValueStream(Hmac<Sha256>);

impl ValueStream {
    /// The next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }
}

impl Kept {
    /// For at most so many different values, over all columns.
    pub fn new(secret: Secret, values_most: usize) -> Self {
        Self {
            secret,
            columns: Vec::new(),
            room: values_most,
            missed: 0,
        }
    }

    /// The number of a column by which it is added to; `None` if there is no room for one more.
    pub fn column(&mut self, name: &str) -> Option<usize> {
        let known = self.columns.iter().position(|column| column.name == name);
        if known.is_some() || self.columns.len() >= RECEIPT_COLUMNS {
            return known;
        }
        self.columns.push(Column {
            key: keyed(self.secret.column(name).expose()),
            name: name.to_owned(),
            marks: HashSet::default(),
            missed: 0,
        });
        Some(self.columns.len() - 1)
    }

    /// Adds a value of a cell.
    pub fn add(&mut self, column: usize, value: &[u8]) {
        if let Some(mut stream) = self.start(column) {
            stream.update(value);
            self.finish(column, stream);
        }
    }

    /// Begins a value that comes in parts.
    pub fn start(&self, column: usize) -> Option<ValueStream> {
        let column = self.columns.get(column)?;
        Some(ValueStream(column.key.clone()))
    }

    /// Adds a value that has come in parts.
    pub fn finish(&mut self, column: usize, stream: ValueStream) {
        let mark = mark(stream.0);
        let Some(column) = self.columns.get_mut(column) else {
            return;
        };
        if column.marks.contains(&mark) {
            return;
        }
        match self.room.checked_sub(1) {
            Some(room) => {
                self.room = room;
                column.marks.insert(mark);
            }
            None => column.missed += 1,
        }
    }

    /// A cell was masked whose value cannot be added.
    pub fn miss(&mut self, column: Option<usize>) {
        match column.and_then(|column| self.columns.get_mut(column)) {
            Some(column) => column.missed += 1,
            None => self.missed += 1,
        }
    }

    /// True if it has nothing to commit to.
    pub fn is_empty(&self) -> bool {
        self.columns.iter().all(|column| column.marks.is_empty())
    }

    /// Cells that were missed: by column, and those without one under an empty name.
    pub fn missed(&self) -> impl Iterator<Item = (&str, u64)> {
        let columns = self.columns.iter();
        let columns = columns.map(|column| (column.name.as_str(), column.missed));
        columns.chain([("", self.missed)])
    }

    /// What the marks are made by, and the marks of each column, sorted.
    pub fn into_marks(self) -> (Secret, Vec<(String, Vec<Mark>)>) {
        let sorted = |column: Column| {
            let mut marks: Vec<Mark> = column.marks.into_iter().collect();
            marks.sort_unstable();
            (column.name, marks)
        };
        (self.secret, self.columns.into_iter().map(sorted).collect())
    }
}
