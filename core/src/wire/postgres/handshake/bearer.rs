//! A login by a token: asking for it, taking it, and saying what came of it.
//!
//! ```text
//!  password way     AuthenticationCleartextPassword ▶   ◀ PasswordMessage          ▶ Ok | error
//!  OAUTHBEARER      AuthenticationSASL ▶   ◀ SASLInitialResponse                   ▶ Ok
//!                                                       ▶ status  ◀ 0x01           ▶ error
//! ```
//! Who verifies the token is outside: between taking it and the verdict the handshake waits.
//! OAUTHBEARER is RFC 7628, as PostgreSQL 18 speaks it.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::account::{Account, TokenWay};
use super::client::ClientStartup;
use super::login::{self, Denial};
use crate::bytes::Reader;
use crate::error::{Peer, Refusal, SqlState, Violation};
use crate::identity::{Assertion, Method, Rejection};
use crate::limits;

/// The mechanism's name.
const OAUTHBEARER: &str = "OAUTHBEARER";
/// Between the parts of a message, RFC 7628 section 3.1.
const SEPARATOR: u8 = 0x01;

/// A token that somebody has shown and nobody has verified. No `Debug`: it is a credential.
pub struct Presented {
    /// The identity whose user name was given; `None`: there is no such user. The token is to be
    /// verified all the same, so that a stranger waits as long.
    pub identity: Option<String>,
    /// Wiped when dropped.
    pub token: Zeroizing<Vec<u8>>,
}

/// What was found of a token.
pub(super) type Verdict = Result<Arc<Assertion>, Rejection>;

/// See the module's text.
pub(super) struct TokenLogin {
    way: TokenWay,
    is_known: bool,
    stage: Stage,
    pub(super) startup: ClientStartup,
}

enum Stage {
    /// The token is awaited.
    Asked,
    /// OAUTHBEARER was chosen without a token in the same message.
    Chosen,
    /// The verdict is awaited.
    Taken,
    /// The client was told by a status, and has to answer that.
    Told(Rejection),
}

/// How a login goes on after a verdict.
pub(super) enum Judged {
    In(ClientStartup),
    /// Once the client has answered.
    Out,
}

impl TokenLogin {
    /// Asks for the token.
    pub(super) fn new(
        way: TokenWay,
        account: Option<&Account>,
        startup: ClientStartup,
        out: &mut Vec<u8>,
    ) -> Self {
        match way {
            TokenWay::Password => {
                login::write_authentication(out, login::CLEARTEXT_PASSWORD, &[]);
            }
            TokenWay::Bearer(_) => {
                let names = format!("{OAUTHBEARER}\0\0");
                login::write_authentication(out, login::SASL, names.as_bytes());
            }
        }
        Self {
            way,
            is_known: account.is_some(),
            stage: Stage::Asked,
            startup,
        }
    }

    /// Longest message that is taken now, with its header.
    pub(super) fn message_bytes(&self) -> usize {
        match self.stage {
            Stage::Told(_) => limits::AUTH_MESSAGE_BYTES,
            _ => limits::TOKEN_MESSAGE_BYTES,
        }
    }

    /// What is missing, for who sends something else.
    pub(super) fn expected(&self) -> &'static str {
        match self.way {
            TokenWay::Password => "expected password response",
            TokenWay::Bearer(_) => "expected SASL response",
        }
    }

    /// True once the token was taken and before the verdict.
    pub(super) fn awaits_verdict(&self) -> bool {
        matches!(self.stage, Stage::Taken)
    }

    /// Takes one message; gives the token if it holds one.
    pub(super) fn take(
        &mut self,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Presented>, Denial> {
        let token = match (&self.way, &self.stage) {
            (_, Stage::Told(rejection)) => {
                // RFC 7628 section 3.2.3; whatever else it says, it is turned away.
                return Err(denial(&self.startup.user, *rejection));
            }
            (_, Stage::Taken) => return Err(violation("unexpected message")),
            (TokenWay::Password, _) => password(body)?,
            (TokenWay::Bearer(_), Stage::Asked) => match initial_response(body)? {
                Some(response) => bearer(response)?,
                None => {
                    login::write_authentication(out, login::SASL_CONTINUE, &[]);
                    self.stage = Stage::Chosen;
                    return Ok(None);
                }
            },
            (TokenWay::Bearer(_), Stage::Chosen) => bearer(body)?,
        };
        self.stage = Stage::Taken;
        let identity = self.is_known.then(|| self.startup.identity.name.clone());
        let token = Zeroizing::new(token.to_vec());
        Ok(Some(Presented { identity, token }))
    }

    /// Goes on by a verdict.
    pub(super) fn judge(&mut self, verdict: Verdict, out: &mut Vec<u8>) -> Result<Judged, Denial> {
        let verdict = match self.is_known {
            true => verdict,
            false => Err(Rejection::UserUnknown),
        };
        match (verdict, &self.way) {
            (Ok(assertion), _) => {
                self.startup.identity.method = Method::Oidc;
                self.startup.identity.assertion = Some(assertion);
                Ok(Judged::In(self.startup.clone()))
            }
            (Err(rejection), TokenWay::Password) => Err(denial(&self.startup.user, rejection)),
            (Err(rejection), TokenWay::Bearer(discovery)) => {
                login::write_authentication(out, login::SASL_CONTINUE, discovery.as_bytes());
                self.stage = Stage::Told(rejection);
                Ok(Judged::Out)
            }
        }
    }
}

/// One and the same for whatever is wrong with a token.
fn denial(user: &str, rejection: Rejection) -> Denial {
    let message = "password authentication failed";
    Denial::of_user(SqlState::INVALID_PASSWORD, message, user).because(rejection)
}

/// PasswordMessage: one text that ends with its only zero.
fn password(body: &[u8]) -> Result<&[u8], Denial> {
    match body.split_last() {
        Some((0, text)) if !text.contains(&0) => Ok(text),
        _ => Err(violation("invalid password packet size")),
    }
}

/// SASLInitialResponse: mechanism, length or -1, client response; `None` if that is to come.
fn initial_response(body: &[u8]) -> Result<Option<&[u8]>, Denial> {
    let mut reader = Reader::new(body);
    let short = |_| violation("invalid SASL initial response");
    if reader.cstr().map_err(short)? != OAUTHBEARER.as_bytes() {
        let text = "client selected an invalid SASL authentication mechanism";
        return Err(violation(text));
    }
    let length = reader.i32().map_err(short)?;
    if length == -1 && reader.is_empty() {
        return Ok(None);
    }
    match usize::try_from(length) == Ok(reader.rest().len()) {
        true => Ok(Some(reader.rest())),
        false => Err(violation("invalid SASL initial response")),
    }
}

/// `n,,` 0x01 *(key `=` value 0x01) 0x01, RFC 7628 section 3.1. The token of `auth`, which is empty
/// where a client only wants to know whom to ask for one.
fn bearer(message: &[u8]) -> Result<&[u8], Denial> {
    let malformed = || violation("malformed OAUTHBEARER message");
    let (header, rest) = match message {
        [flag, b',', rest @ ..] => (*flag, rest),
        _ => return Err(malformed()),
    };
    match header {
        // No channel is bound either way.
        b'n' | b'y' => {}
        _ => return Err(malformed()),
    }
    let Some(pairs) = rest.strip_prefix(&[b',', SEPARATOR]) else {
        if rest.starts_with(b"a=") {
            let text = "client uses authorization identity, but it is not supported";
            return Err(Refusal::new(SqlState::FEATURE_NOT_SUPPORTED, text).into());
        }
        return Err(malformed());
    };
    let pairs = match pairs.strip_suffix(&[SEPARATOR, SEPARATOR]) {
        Some(pairs) => pairs,
        None => return Err(malformed()),
    };
    let mut auth = None;
    for pair in pairs.split(|&byte| byte == SEPARATOR) {
        let at = memchr::memchr(b'=', pair).ok_or_else(malformed)?;
        let (key, value) = pair.split_at_checked(at).ok_or_else(malformed)?;
        let printable = |&byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..0x7f);
        let is_key = !key.is_empty() && key.iter().all(u8::is_ascii_alphabetic);
        if !is_key || !value.iter().all(printable) {
            return Err(malformed());
        }
        if key == b"auth" && auth.replace(value.get(1..).unwrap_or_default()).is_some() {
            return Err(malformed());
        }
    }
    let auth = auth.ok_or_else(malformed)?;
    if auth.is_empty() {
        return Ok(auth);
    }
    let (scheme, token) = auth.split_at_checked(7).ok_or_else(malformed)?;
    match scheme.eq_ignore_ascii_case(b"bearer ") {
        true => Ok(token.trim_ascii_start()),
        false => Err(malformed()),
    }
}

fn violation(what: &'static str) -> Denial {
    Violation {
        peer: Peer::Client,
        what,
    }
    .into()
}
