//! What is asked for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a grant's name begins with.
const PREFIX: &str = "gr_";
/// Crockford's base 32, in lower case: no letter that is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters behind the prefix: 80 bits.
const LETTERS: usize = 16;
/// Bits of chance behind the time in a name.
const CHANCE_BITS: u32 = 32;

/// A grant's name, such as `gr_06f3k2m8q0a1b2c3`. Names sort by the time they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrantId(u128);

impl GrantId {
    /// The name of what is asked for now; `chance` tells those of one millisecond apart.
    pub fn new(now: Timestamp, chance: u32) -> Self {
        let millis = now.0 / 1_000_000;
        Self((u128::from(millis) << CHANCE_BITS | u128::from(chance)) & ((1 << 80) - 1))
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for place in (0..LETTERS).rev() {
            let index = (self.0 >> (5 * place)) & 31;
            let letter = ALPHABET.get(index as usize).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

/// A text is not a grant's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoGrantId;

impl fmt::Display for NoGrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a grant's name is `{PREFIX}` and {LETTERS} letters and digits"
        )
    }
}

impl std::error::Error for NoGrantId {}

impl FromStr for GrantId {
    type Err = NoGrantId;

    fn from_str(text: &str) -> Result<Self, NoGrantId> {
        let letters = text.strip_prefix(PREFIX).ok_or(NoGrantId)?.as_bytes();
        if letters.len() != LETTERS {
            return Err(NoGrantId);
        }
        let mut id = 0_u128;
        for letter in letters {
            let digit = ALPHABET.iter().position(|known| known == letter);
            id = id << 5 | digit.ok_or(NoGrantId)? as u128;
        }
        Ok(Self(id))
    }
}

impl TryFrom<String> for GrantId {
    type Error = NoGrantId;

    fn try_from(text: String) -> Result<Self, NoGrantId> {
        text.parse()
    }
}

impl From<GrantId> for String {
    fn from(id: GrantId) -> Self {
        id.to_string()
    }
}

/// For whom access is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    /// The machine identity that is to have it.
    pub identity: String,
    /// On whose behalf it acts, the nearest first.
    pub chain: Vec<String>,
    /// Who asks: the identity itself or somebody for it.
    pub by: String,
    /// Groups of all of these.
    pub groups: BTreeSet<String>,
}

impl Requester {
    /// Everybody who would decide about themselves.
    pub fn everybody(&self) -> impl Iterator<Item = &str> {
        let names = [self.identity.as_str(), self.by.as_str()];
        names
            .into_iter()
            .chain(self.chain.iter().map(String::as_str))
    }
}

/// Who decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Verified name.
    pub id: String,
    /// On whose behalf they act, the nearest first.
    pub chain: Vec<String>,
    /// Roles and groups.
    pub groups: BTreeSet<String>,
}

impl Person {
    /// Are they the same, or does one act for the other, or both for a third?
    pub fn is_one_with(&self, other: &Self) -> bool {
        self.everybody()
            .any(|name| other.everybody().any(|own| own == name))
    }

    /// The person with everybody whom they act for.
    pub fn everybody(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.as_str()).chain(self.chain.iter().map(String::as_str))
    }
}

/// SHA-256 of a statement's exact text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatementHash(pub [u8; 32]);

impl TryFrom<String> for StatementHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "a statement's hash is 64 lower-case hexadecimal digits";
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() {
            return Err(WRONG);
        }
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else {
                return Err(WRONG);
            };
            *byte = digit(*high).ok_or(WRONG)? << 4 | digit(*low).ok_or(WRONG)?;
        }
        Ok(Self(hash))
    }
}

impl From<StatementHash> for String {
    fn from(hash: StatementHash) -> Self {
        hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What may be done. Sets hold exact names, so that one scope can be compared with another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The policy that holds in any case.
    pub policy: String,
    /// Tables as `schema.table`; `None`: all that the policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<BTreeSet<String>>,
    /// Columns as `schema.table.column`; `None`: all that the policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<BTreeSet<String>>,
    /// Kinds of commands, as `scope.commands` of a policy names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<BTreeSet<String>>,
    /// This statement and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<StatementHash>,
}

impl Scope {
    /// All that a policy allows.
    pub fn policy(name: impl Into<String>) -> Self {
        Self {
            policy: name.into(),
            ..Self::default()
        }
    }

    /// Does this allow nothing that `outer` does not?
    pub fn is_within(&self, outer: &Self) -> bool {
        let sets = [
            (&self.tables, &outer.tables),
            (&self.columns, &outer.columns),
            (&self.commands, &outer.commands),
        ];
        let is_subset = |(inner, outer): (&Option<BTreeSet<_>>, &Option<BTreeSet<_>>)| match outer {
            None => true,
            Some(outer) => inner.as_ref().is_some_and(|inner| inner.is_subset(outer)),
        };
        self.policy == outer.policy
            && sets.into_iter().all(is_subset)
            && (outer.statement.is_none() || self.statement == outer.statement)
    }
}

/// When.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Not before; `None`: as soon as it is approved.
    pub start: Option<Timestamp>,
    /// From its start, or else from the approval; `None` for standing grants alone.
    pub length_ms: Option<u64>,
}

impl Period {
    /// So long, from the approval on.
    pub fn of_ms(length_ms: u64) -> Self {
        Self {
            start: None,
            length_ms: Some(length_ms),
        }
    }

    /// The end, if it is fixed before anybody approves.
    pub fn end(&self) -> Option<Timestamp> {
        Some(self.start?.after_ms(self.length_ms?))
    }

    /// Is no moment in this that is not in `outer`?
    pub fn is_within(&self, outer: &Self) -> bool {
        let is_shorter = match (self.length_ms, outer.length_ms) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner <= outer,
        };
        match (self.start, outer.start) {
            (None, None) => is_shorter,
            (Some(inner), Some(start)) if inner >= start => match (self.end(), outer.end()) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(inner), Some(outer)) => inner <= outer,
            },
            _ => false,
        }
    }
}

/// What sort of grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Until it is revoked, as long as somebody reviews it in time.
    Standing,
    /// For the first session within the window.
    OneTime,
    /// For any session within the window.
    Timed,
    /// In an emergency: fewer have to agree, and somebody has to look at it after.
    BreakGlass,
}

impl Kind {
    /// All, in a fixed order.
    pub const ALL: [Self; 4] = [Self::Standing, Self::OneTime, Self::Timed, Self::BreakGlass];

    /// The name in interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::OneTime => "one-time",
            Self::Timed => "timed",
            Self::BreakGlass => "break-glass",
        }
    }
}

/// A request as it was made; never changed after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// For whom.
    pub requester: Requester,
    /// Name of the resource.
    pub resource: String,
    /// What may be done.
    pub scope: Scope,
    /// When.
    pub window: Period,
    /// What sort.
    pub kind: Kind,
    /// Why; never empty.
    pub reason: String,
    /// Reference to a ticket elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}
