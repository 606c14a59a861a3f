//! The SASL part of a client's login.

use std::sync::Arc;

use super::client::ClientStartup;
use super::scram;
use super::scram_server::{Proof, ScramServer};
use crate::bytes::Reader;
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};
use crate::identity::Rejection;
use crate::wire::postgres::frame;
use crate::wire::postgres::message::server;

/// AuthenticationOk
pub(super) const OK: u32 = 0;
/// AuthenticationCleartextPassword
pub(super) const CLEARTEXT_PASSWORD: u32 = 3;
/// AuthenticationSASL
pub(super) const SASL: u32 = 10;
/// AuthenticationSASLContinue
pub(super) const SASL_CONTINUE: u32 = 11;
/// AuthenticationSASLFinal
const SASL_FINAL: u32 = 12;

/// A login that waits for its proof.
pub(super) struct Login {
    pub(super) scram: ScramServer,
    /// The mechanism was chosen.
    pub(super) chosen: Option<Mechanism>,
    /// The certificate must bear this name too.
    pub(super) certificate: Option<String>,
    /// The keys of which any proves the account, in the order of the exchange's verifiers.
    pub(super) keys: Vec<Arc<str>>,
    pub(super) startup: ClientStartup,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    Plain,
    Plus,
}

impl Login {
    /// Takes one SASL message and writes the answer; true if the proof was right.
    pub(super) fn answer(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<bool, Denial> {
        let Some(mechanism) = self.chosen else {
            return self.choose(body, out);
        };
        if self.scram.awaits_first() {
            let answer = self.scram.first(mechanism == Mechanism::Plus, body)?;
            write_authentication(out, SASL_CONTINUE, answer.as_bytes());
            return Ok(false);
        }
        match self.scram.last(body)? {
            Proof::Right { answer, which } => {
                self.startup.identity.key = self.keys.get(which).cloned();
                write_authentication(out, SASL_FINAL, answer.as_bytes());
                Ok(true)
            }
            Proof::Wrong => Err(Denial::of_user(
                SqlState::INVALID_PASSWORD,
                "password authentication failed",
                &self.startup.user,
            )),
        }
    }

    /// SASLInitialResponse: mechanism, length or -1, client-first-message.
    fn choose(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<bool, Denial> {
        let mut reader = Reader::new(body);
        let short = |_| violation("invalid SASL initial response");
        let mechanism = match reader.cstr().map_err(short)? {
            name if name == scram::PLAIN.as_bytes() => Mechanism::Plain,
            name if name == scram::PLUS.as_bytes() && self.scram.offers_plus() => Mechanism::Plus,
            _ => {
                return Err(violation(
                    "client selected an invalid SASL authentication mechanism",
                ));
            }
        };
        let length = reader.i32().map_err(short)?;
        if length == -1 && reader.is_empty() {
            // No initial response: an empty challenge asks for it.
            self.chosen = Some(mechanism);
            write_authentication(out, SASL_CONTINUE, &[]);
            return Ok(false);
        }
        if usize::try_from(length) != Ok(reader.rest().len()) {
            return Err(violation("invalid SASL initial response"));
        }
        let answer = self
            .scram
            .first(mechanism == Mechanism::Plus, reader.rest())?;
        self.chosen = Some(mechanism);
        write_authentication(out, SASL_CONTINUE, answer.as_bytes());
        Ok(false)
    }
}

/// Why a client is turned away. A fault can be logged as it stands, so the user name, which
/// anybody can make up, is kept apart from it: the client alone is told.
pub(super) struct Denial {
    pub(super) fault: Fault,
    /// What no client is told.
    pub(super) reason: Option<Rejection>,
    user: Option<String>,
    untold: bool,
}

impl Denial {
    /// `message`, to which the client alone reads ` for user "…"` added.
    pub(super) fn of_user(code: SqlState, message: &str, user: &str) -> Self {
        Self {
            fault: Refusal::new(code, message).into(),
            reason: None,
            user: Some(user.to_owned()),
            untold: false,
        }
    }

    /// The same, with what records say and the client does not read.
    pub(super) fn because(self, rejection: Rejection) -> Self {
        Self {
            reason: Some(rejection),
            ..self
        }
    }

    /// For who sends no start-up message at all. As PostgreSQL, the peer is not answered: it may
    /// speak any protocol, or have hung up (its Terminate is such a message).
    pub(super) fn untold(violation: Violation) -> Self {
        Self {
            fault: violation.into(),
            reason: None,
            user: None,
            untold: true,
        }
    }

    /// In PostgreSQL's words; `None` if the client is told nothing.
    pub(super) fn told(&self) -> Option<Refusal> {
        if self.untold {
            return None;
        }
        let mut refusal = self.fault.to_refusal();
        if let Some(user) = &self.user {
            refusal.message = format!("{} for user \"{user}\"", refusal.message);
        }
        Some(refusal)
    }
}

impl<F: Into<Fault>> From<F> for Denial {
    fn from(fault: F) -> Self {
        Self {
            fault: fault.into(),
            reason: None,
            user: None,
            untold: false,
        }
    }
}

/// Authentication…: kind, then what belongs to it.
pub(super) fn write_authentication(out: &mut Vec<u8>, kind: u32, rest: &[u8]) {
    frame::write(out, server::AUTHENTICATION, |out| {
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(rest);
    });
}

/// AuthenticationSASL, the better mechanism first.
pub(super) fn write_mechanisms(out: &mut Vec<u8>, plus: bool) {
    let mut names = Vec::new();
    for name in [scram::PLUS, scram::PLAIN] {
        if plus || name != scram::PLUS {
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
    }
    names.push(0);
    write_authentication(out, SASL, &names);
}

fn violation(what: &'static str) -> Denial {
    Violation {
        peer: Peer::Client,
        what,
    }
    .into()
}
