//! The canonical bytes of a record: what the log stores, hashes and proves.
//!
//! ```text
//!  ┌────────────┬─────────┬──────┬──────┬─────────┬──────────┬──────────┬────────┐
//!  │ length u32 │ version │ kind │ time │ session │ identity │ resource │ body … │
//!  └────────────┴─────────┴──────┴──────┴─────────┴──────────┴──────────┴────────┘
//!  length counts what follows it · version u8 · kind u8 · time u64 · session u128
//! ```
//!
//! Integers are big-endian; a string or a list is its length as u32 and then its bytes or items;
//! a flag is 0 or 1; an optional value is a flag and, if it is 1, the value. A record has exactly
//! one encoding, and only that one is decoded.
//!
//! What a kind of record got later stands at its end, and is left out where it says nothing, so
//! that records that were written before decode as they did.
#![deny(clippy::indexing_slicing)]

mod custody;
mod evidence;
mod masking;
mod receipt;

use std::fmt;
use std::sync::Arc;

use super::record::{Asserted, Body, Channel, Effect, Record, SessionId, Status};
use super::token::Token;
use crate::bytes::{Reader, Truncated};
use crate::grant::EventKind;
use crate::time::Timestamp;

/// Grows with every change of the layout; older ones stay readable.
const VERSION: u8 = 1;
/// Kinds of what people decide.
const GRANT: u8 = 20;
const ADMINISTRATION: u8 = 21;
const LOGIN: u8 = 22;
/// Kinds of what is evidence beside the log.
const RECORDING: u8 = 40;
const ORIGINALS: u8 = 42;
/// Bytes of the length in front.
const LENGTH_BYTES: usize = 4;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They end too early.
    Truncated,
    /// They go on after the record's end.
    Trailing,
    /// They were written by another version of Velum.
    Version(u8),
    /// A field has a value that no encoder writes.
    Invalid(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Truncated => f.write_str("record ends too early"),
            DecodeError::Trailing => f.write_str("bytes after the record's end"),
            DecodeError::Version(version) => write!(f, "unknown record version {version}"),
            DecodeError::Invalid(field) => write!(f, "invalid {field} in a record"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<Truncated> for DecodeError {
    fn from(_: Truncated) -> Self {
        DecodeError::Truncated
    }
}

impl Record {
    /// Appends the record's canonical bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let length_at = out.len();
        out.extend_from_slice(&[0; LENGTH_BYTES]);
        let (kind, body) = (kind(&self.body), &self.body);
        let mut to = Encoder { out };
        to.u8(VERSION);
        to.u8(kind);
        to.u64(self.time.0);
        to.out.extend_from_slice(&self.session.0.to_be_bytes());
        to.str(&self.identity);
        to.str(&self.resource);
        to.body(body);
        let length = length_of(out.len() - length_at - LENGTH_BYTES);
        if let Some(place) = out.get_mut(length_at..length_at + LENGTH_BYTES) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// Reads the canonical bytes of one record.
    ///
    /// # Errors
    /// Anything but what [`Record::encode`] writes, bytes after the end included.
    pub fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
        let (record, rest) = Record::split(bytes)?;
        if !rest.is_empty() {
            return Err(DecodeError::Trailing);
        }
        let mut from = Decoder {
            rest: Reader::new(record.get(LENGTH_BYTES..).unwrap_or(&[])),
        };
        let version = from.u8()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let kind = from.u8()?;
        let time = Timestamp(from.u64()?);
        let session = SessionId((u128::from(from.u64()?) << 64) | u128::from(from.u64()?));
        let identity = Arc::from(from.str()?);
        let resource = Arc::from(from.str()?);
        let body = from.body(kind)?;
        if !from.rest.is_empty() {
            return Err(DecodeError::Trailing);
        }
        Ok(Record {
            time,
            session,
            identity,
            resource,
            body,
        })
    }

    /// Cuts the first record off bytes that hold many: its bytes and the rest.
    ///
    /// # Errors
    /// If the first record is not complete.
    pub fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
        let length = Reader::new(bytes).u32()? as usize;
        let end = length
            .checked_add(LENGTH_BYTES)
            .ok_or(DecodeError::Truncated)?;
        bytes.split_at_checked(end).ok_or(DecodeError::Truncated)
    }
}

fn kind(body: &Body) -> u8 {
    match body {
        Body::SessionOpened { .. } => 1,
        Body::SessionClosed { .. } => 2,
        Body::Intent { .. } => 3,
        Body::Outcome { .. } => 4,
        Body::OutcomeUnknown { .. } => 5,
        Body::ConnectionRefused { .. } => 6,
        Body::ConfigurationLoaded { .. } => 7,
        Body::Gateway { .. } => 8,
        // From 32 on: the log about itself.
        Body::SigningKey { .. } => 32,
        Body::CheckpointOverruled { .. } => 33,
        Body::Grant { .. } => GRANT,
        Body::Administration { .. } => ADMINISTRATION,
        Body::Login { .. } => LOGIN,
        Body::Custody(it) => custody::kind(it),
        Body::Recording { .. } => RECORDING,
        Body::Receipt(_) => receipt::KIND,
        Body::Originals { .. } => ORIGINALS,
    }
}

/// Nothing in a record comes near 4 GiB: texts are bounded by [`crate::limits`].
fn length_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

impl Encoder<'_> {
    fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn length(&mut self, length: usize) {
        self.out.extend_from_slice(&length_of(length).to_be_bytes());
    }

    fn str(&mut self, text: &str) {
        self.length(text.len());
        self.out.extend_from_slice(text.as_bytes());
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::SessionOpened {
                method,
                client_address,
                client_tls,
                server_tls,
                role,
                database,
                policy,
                assertion,
            } => {
                self.str(method);
                self.str(client_address);
                self.u8(u8::from(*client_tls));
                self.u8(u8::from(*server_tls));
                self.str(role);
                self.str(database);
                self.out.extend_from_slice(policy);
                if let Some(assertion) = assertion {
                    self.asserted(assertion);
                }
            }
            Body::SessionClosed {
                reason,
                statements,
                bytes,
            } => {
                self.str(reason);
                self.u64(*statements);
                self.u64(*bytes);
            }
            Body::Intent { .. } | Body::Outcome { .. } => self.statement(body),
            Body::OutcomeUnknown { statement } => self.u64(*statement),
            Body::ConnectionRefused {
                client_address,
                sqlstate,
                reason,
            } => {
                self.str(client_address);
                self.out.extend_from_slice(sqlstate);
                if !reason.is_empty() {
                    self.str(reason);
                }
            }
            Body::ConfigurationLoaded { sha256 } => self.out.extend_from_slice(sha256),
            Body::Gateway { event } => self.str(event),
            Body::SigningKey { key, previous } => {
                self.str(key);
                self.u8(u8::from(previous.is_some()));
                if let Some(previous) = previous {
                    self.str(previous);
                }
            }
            Body::CheckpointOverruled { cause } => self.str(cause),
            Body::Grant { .. } | Body::Administration { .. } | Body::Login { .. } => {
                self.decision(body);
            }
            Body::Custody(it) => custody::encode(self, it),
            Body::Recording { .. } | Body::Originals { .. } => self.recording(body),
            Body::Receipt(it) => receipt::encode(self, it),
        }
    }

    /// What people decide.
    fn decision(&mut self, body: &Body) {
        match body {
            Body::Grant {
                grant,
                event,
                sequence,
                actor,
                why,
                what,
                alarm,
            } => {
                self.str(&grant.to_string());
                self.u8(event.code());
                self.u64(*sequence);
                self.str(actor);
                self.str(why);
                self.str(what);
                self.u8(u8::from(*alarm));
            }
            Body::Administration {
                actor,
                event,
                subject,
            } => {
                self.str(actor);
                self.str(event);
                self.str(subject);
            }
            Body::Login {
                event,
                way,
                issuer,
                actor,
                session,
                client_address,
                reason,
            } => {
                for text in [event, way, issuer, actor, session, client_address, reason] {
                    self.str(text);
                }
            }
            _ => {}
        }
    }

    fn asserted(&mut self, assertion: &Asserted) {
        self.str(&assertion.issuer);
        self.str(&assertion.subject);
        self.length(assertion.chain.len());
        for party in &assertion.chain {
            self.str(party);
        }
    }

    /// The two records that every statement has.
    fn statement(&mut self, body: &Body) {
        match body {
            Body::Intent {
                statement,
                effect,
                channel,
                text,
                token,
                binds,
                decision,
            } => {
                self.u64(*statement);
                self.u8(match effect {
                    Effect::Read => 0,
                    Effect::MayWrite => 1,
                });
                self.u8(match channel {
                    Channel::Simple => 0,
                    Channel::Extended => 1,
                    Channel::FunctionCall => 2,
                });
                self.str(text);
                self.out.extend_from_slice(&token.0);
                self.length(binds.len());
                for bind in binds {
                    self.u8(u8::from(bind.is_some()));
                    self.out.extend(bind.iter().flat_map(|token| token.0));
                }
                self.str(decision);
            }
            Body::Outcome {
                statement,
                status,
                command,
                sqlstate,
                rows,
                bytes,
                masked,
                masking,
                duration_us,
            } => {
                self.u64(*statement);
                self.u8(match status {
                    Status::Completed => 0,
                    Status::Suspended => 1,
                    Status::Failed => 2,
                    Status::Skipped => 3,
                    Status::Unknown => 4,
                });
                self.str(command);
                self.u8(u8::from(sqlstate.is_some()));
                self.out.extend(sqlstate.iter().flatten());
                self.u64(*rows);
                self.u64(*bytes);
                self.length(masked.len());
                for (name, count) in masked {
                    self.str(name);
                    self.u64(*count);
                }
                self.u64(*duration_us);
                if let Some(masking) = masking {
                    masking::encode(self, masking);
                }
            }
            _ => {}
        }
    }
}

struct Decoder<'a> {
    rest: Reader<'a>,
}

impl<'a> Decoder<'a> {
    fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.rest.u8()?)
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.rest.take(N)?;
        bytes.try_into().map_err(|_| DecodeError::Truncated)
    }

    fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Invalid(field)),
        }
    }

    fn str(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.rest.u32()? as usize;
        std::str::from_utf8(self.rest.take(length)?).map_err(|_| DecodeError::Invalid("text"))
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        Ok(self.str()?.to_owned())
    }

    /// A list; memory grows with the items that are there, not with the count that is claimed.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.rest.u32()?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn body(&mut self, kind: u8) -> Result<Body, DecodeError> {
        Ok(match kind {
            1 => Body::SessionOpened {
                method: self.string()?,
                client_address: self.string()?,
                client_tls: self.flag("client_tls")?,
                server_tls: self.flag("server_tls")?,
                role: self.string()?,
                database: self.string()?,
                policy: self.array()?,
                assertion: self.asserted()?,
            },
            2 => Body::SessionClosed {
                reason: self.string()?,
                statements: self.u64()?,
                bytes: self.u64()?,
            },
            3 => self.intent()?,
            4 => self.outcome()?,
            5 => Body::OutcomeUnknown {
                statement: self.u64()?,
            },
            6 => Body::ConnectionRefused {
                client_address: self.string()?,
                sqlstate: self.array()?,
                reason: self.reason()?,
            },
            7 => Body::ConfigurationLoaded {
                sha256: self.array()?,
            },
            8 => Body::Gateway {
                event: self.string()?,
            },
            32 => Body::SigningKey {
                key: self.string()?,
                previous: match self.flag("previous")? {
                    true => Some(self.string()?),
                    false => None,
                },
            },
            33 => Body::CheckpointOverruled {
                cause: self.string()?,
            },
            RECORDING => self.recording()?,
            ORIGINALS => self.originals()?,
            receipt::KIND => Body::Receipt(receipt::decode(self)?),
            GRANT => self.grant()?,
            ADMINISTRATION => Body::Administration {
                actor: self.string()?,
                event: self.string()?,
                subject: self.string()?,
            },
            LOGIN => Body::Login {
                event: self.string()?,
                way: self.string()?,
                issuer: self.string()?,
                actor: self.string()?,
                session: self.string()?,
                client_address: self.string()?,
                reason: self.string()?,
            },
            _ if custody::is_kind(kind) => Body::Custody(custody::decode(self, kind)?),
            _ => return Err(DecodeError::Invalid("kind")),
        })
    }

    fn grant(&mut self) -> Result<Body, DecodeError> {
        let grant = self.str()?.parse();
        let event = EventKind::from_code(self.u8()?);
        Ok(Body::Grant {
            grant: grant.map_err(|_| DecodeError::Invalid("grant"))?,
            event: event.ok_or(DecodeError::Invalid("event"))?,
            sequence: self.u64()?,
            actor: self.string()?,
            why: self.string()?,
            what: self.string()?,
            alarm: self.flag("alarm")?,
        })
    }

    fn asserted(&mut self) -> Result<Option<Asserted>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        Ok(Some(Asserted {
            issuer: self.string()?,
            subject: self.string()?,
            chain: self.list(Self::string)?,
        }))
    }

    fn reason(&mut self) -> Result<String, DecodeError> {
        if self.rest.is_empty() {
            return Ok(String::new());
        }
        match self.str()? {
            "" => Err(DecodeError::Invalid("reason")),
            reason => Ok(reason.to_owned()),
        }
    }

    fn intent(&mut self) -> Result<Body, DecodeError> {
        Ok(Body::Intent {
            statement: self.u64()?,
            effect: match self.u8()? {
                0 => Effect::Read,
                1 => Effect::MayWrite,
                _ => return Err(DecodeError::Invalid("effect")),
            },
            channel: match self.u8()? {
                0 => Channel::Simple,
                1 => Channel::Extended,
                2 => Channel::FunctionCall,
                _ => return Err(DecodeError::Invalid("channel")),
            },
            text: Arc::from(self.str()?),
            token: Token(self.array()?),
            binds: self.list(|from| {
                Ok(if from.flag("bind")? {
                    Some(Token(from.array()?))
                } else {
                    None
                })
            })?,
            decision: Arc::from(self.str()?),
        })
    }

    fn outcome(&mut self) -> Result<Body, DecodeError> {
        Ok(Body::Outcome {
            statement: self.u64()?,
            status: match self.u8()? {
                0 => Status::Completed,
                1 => Status::Suspended,
                2 => Status::Failed,
                3 => Status::Skipped,
                4 => Status::Unknown,
                _ => return Err(DecodeError::Invalid("status")),
            },
            command: self.string()?,
            sqlstate: if self.flag("sqlstate")? {
                Some(self.array()?)
            } else {
                None
            },
            rows: self.u64()?,
            bytes: self.u64()?,
            masked: self.list(|from| Ok((from.string()?, from.u64()?)))?,
            duration_us: self.u64()?,
            masking: masking::decode(self)?,
        })
    }
}

#[cfg(any(test, fuzzing))]
/// Body of the fuzz target: bytes that decode are the encoding of what they decode to.
pub fn fuzz_decode(bytes: &[u8]) {
    if let Ok(record) = Record::decode(bytes) {
        let mut again = Vec::new();
        record.encode(&mut again);
        assert_eq!(again, bytes);
        let json = record.to_json();
        assert!(json.starts_with('{') && json.ends_with('}') && !json.contains('\n'));
    }
}

#[cfg(test)]
mod tests;
