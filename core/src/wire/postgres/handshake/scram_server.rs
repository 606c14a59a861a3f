//! The server's side of SCRAM-SHA-256(-PLUS): the client proves that it knows a password.

use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::Zeroizing;

use super::scram::{self, Attributes, BOUND_FLAG, MESSAGE_BYTES, NONCE_BYTES};
use super::verifier::ScramVerifier;
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};

/// One exchange.
pub(super) struct ScramServer {
    verifier: ScramVerifier,
    /// Any of these will do as well: they ask the same.
    others: Vec<ScramVerifier>,
    /// No such account: the exchange looks the same and cannot succeed.
    doomed: bool,
    /// Hash of our certificate; `Some` exactly if PLUS was offered.
    end_point: Option<Vec<u8>>,
    stage: Stage,
}

enum Stage {
    /// client-first-message is awaited; holds our part of the nonce.
    First { nonce: String },
    /// client-final-message is awaited.
    Final(Box<Offer>),
    /// The proof was judged, or the exchange failed.
    Over,
}

/// What was said so far.
struct Offer {
    client_first_bare: Vec<u8>,
    server_first: String,
    /// Both parts.
    nonce: Vec<u8>,
    /// What the client must repeat in `c=`: its GS2 header, and the certificate's hash if bound.
    binding: Vec<u8>,
    bound: bool,
}

/// How an exchange ended.
pub(super) enum Proof {
    /// Right; the server-final-message is to be sent.
    Right {
        /// That message.
        answer: String,
        /// By which verifier: 0 is the first, others count on from there.
        which: usize,
    },
    /// A wrong password, or no such account.
    Wrong,
}

impl ScramServer {
    pub(super) fn new(
        verifier: ScramVerifier,
        doomed: bool,
        nonce: &[u8; 18],
        end_point: Option<Vec<u8>>,
    ) -> Self {
        let nonce = BASE64_STANDARD.encode(nonce);
        Self {
            verifier,
            others: Vec::new(),
            doomed,
            end_point,
            stage: Stage::First { nonce },
        }
    }

    /// Takes other proofs too. One that would ask something else can prove nothing.
    pub(super) fn or(mut self, others: impl IntoIterator<Item = ScramVerifier>) -> Self {
        self.others.extend(others);
        self
    }

    /// True if the mechanism with channel binding is offered.
    pub(super) fn offers_plus(&self) -> bool {
        self.end_point.is_some()
    }

    /// True until the client-first-message was taken.
    pub(super) fn awaits_first(&self) -> bool {
        matches!(self.stage, Stage::First { .. })
    }

    /// Takes client-first-message, sent under PLUS if `plus`, and gives server-first-message.
    pub(super) fn first(&mut self, plus: bool, message: &[u8]) -> Result<String, Fault> {
        let Stage::First {
            nonce: server_nonce,
        } = std::mem::replace(&mut self.stage, Stage::Over)
        else {
            return Err(malformed());
        };
        check_message(message)?;
        let (header, bare) = self.split_header(plus, message)?;
        let mut attributes = Attributes::new(bare);
        match attributes.next().ok_or_else(malformed)? {
            Some((b'n', _)) => {} // The StartupMessage's user counts, as in PostgreSQL.
            Some((b'm', _)) => {
                return Err(unsupported(
                    "client requires an unsupported SCRAM extension",
                ));
            }
            _ => return Err(malformed()),
        }
        let client_nonce = attributes.expect(b'r').ok_or_else(malformed)?;
        if !scram::is_nonce(client_nonce) || client_nonce.len() > NONCE_BYTES {
            return Err(malformed());
        }
        while attributes.next().ok_or_else(malformed)?.is_some() {} // Optional extensions.
        let nonce = [client_nonce, server_nonce.as_bytes()].concat();
        let server_first = format!(
            "r={},s={},i={}",
            String::from_utf8_lossy(&nonce),
            BASE64_STANDARD.encode(&self.verifier.salt),
            self.verifier.iterations
        );
        let mut binding = header.to_vec();
        if plus {
            binding.extend_from_slice(self.end_point.as_deref().unwrap_or_default());
        }
        self.stage = Stage::Final(Box::new(Offer {
            client_first_bare: bare.to_vec(),
            server_first: server_first.clone(),
            nonce,
            binding,
            bound: plus,
        }));
        Ok(server_first)
    }

    /// Splits `gs2-header client-first-message-bare` and judges the header.
    fn split_header<'a>(
        &self,
        plus: bool,
        message: &'a [u8],
    ) -> Result<(&'a [u8], &'a [u8]), Fault> {
        let mut commas = memchr::memchr_iter(b',', message);
        let (Some(flag_end), Some(header_end)) = (commas.next(), commas.next()) else {
            return Err(malformed());
        };
        let (header, bare) = message
            .split_at_checked(header_end + 1)
            .ok_or_else(malformed)?;
        let flag = message.get(..flag_end).unwrap_or_default();
        match (flag, plus) {
            (b"n", false) => {}
            // It believes that we do not offer PLUS although we do: somebody took it out.
            (b"y", false) if self.offers_plus() => {
                return Err(Refusal::new(
                    SqlState::INVALID_AUTHORIZATION,
                    "SCRAM channel binding negotiation error",
                )
                .with_hint(
                    "The client believes that channel binding is not offered here, but it is.",
                )
                .into());
            }
            (b"y", false) => {}
            (BOUND_FLAG, true) => {}
            ([b'p', b'=', ..], true) => {
                return Err(unsupported("unsupported SCRAM channel-binding type"));
            }
            _ => return Err(malformed()),
        }
        if header_end != flag_end + 1 {
            return Err(unsupported(
                "client uses authorization identity, but it is not supported",
            ));
        }
        Ok((header, bare))
    }

    /// Takes client-final-message and judges the proof.
    pub(super) fn last(&mut self, message: &[u8]) -> Result<Proof, Fault> {
        let Stage::Final(offer) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(malformed());
        };
        check_message(message)?;
        let mut attributes = Attributes::new(message);
        let binding = attributes.expect(b'c').ok_or_else(malformed)?;
        check_binding(&offer, binding)?;
        let nonce = attributes.expect(b'r').ok_or_else(malformed)?;
        if nonce != offer.nonce {
            return Err(violation(
                "invalid SCRAM response: the nonce does not match",
            ));
        }
        let proof = loop {
            match attributes.next().ok_or_else(malformed)? {
                Some((b'p', proof)) => break proof,
                Some(_) => {} // Optional extensions.
                None => return Err(malformed()),
            }
        };
        // `proof` is the last attribute, so what stands before `,p=` is what was signed.
        let unproven = message.len().checked_sub(proof.len() + ",p=".len());
        let unproven = unproven
            .and_then(|end| message.get(..end))
            .ok_or_else(malformed)?;
        if !message.ends_with(proof) || attributes.next() != Some(None) {
            return Err(malformed());
        }
        let proof = scram::decode_key(proof).ok_or_else(malformed)?;

        let said: [&[u8]; 5] = [
            &offer.client_first_bare,
            b",",
            offer.server_first.as_bytes(),
            b",",
            unproven,
        ];
        let all = std::iter::once(&self.verifier).chain(&self.others);
        let mut found = None;
        for (which, verifier) in all.enumerate() {
            let signature = scram::hmac(&verifier.stored_key, &said);
            let client_key = Zeroizing::new(scram::xor(&proof, &signature));
            let fits = scram::equal(&scram::sha256(&*client_key), &verifier.stored_key);
            if fits & verifier.asks_as(&self.verifier) {
                found = Some((which, verifier));
            }
        }
        // All is computed before any of it is looked at: a stranger costs the same time.
        let (which, verifier) = match found {
            Some(found) if !self.doomed => found,
            _ => return Ok(Proof::Wrong),
        };
        let signature = scram::hmac(&verifier.server_key, &said);
        let answer = format!("v={}", BASE64_STANDARD.encode(signature));
        Ok(Proof::Right { answer, which })
    }
}

fn check_binding(offer: &Offer, said: &[u8]) -> Result<(), Fault> {
    if said == BASE64_STANDARD.encode(&offer.binding).as_bytes() {
        return Ok(());
    }
    if offer.bound {
        // A man in the middle ends TLS with another certificate than ours.
        return Err(Refusal::new(
            SqlState::INVALID_AUTHORIZATION,
            "SCRAM channel binding check failed",
        )
        .into());
    }
    Err(violation(
        "unexpected SCRAM channel-binding attribute in client-final-message",
    ))
}

fn check_message(message: &[u8]) -> Result<(), Fault> {
    if message.is_empty() || message.len() > MESSAGE_BYTES || message.contains(&0) {
        return Err(malformed());
    }
    Ok(())
}

fn malformed() -> Fault {
    violation("malformed SCRAM message")
}

fn violation(what: &'static str) -> Fault {
    Violation {
        peer: Peer::Client,
        what,
    }
    .into()
}

fn unsupported(message: &str) -> Fault {
    Refusal::new(SqlState::FEATURE_NOT_SUPPORTED, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 section 3: user `user`, password `pencil`.
    #[test]
    fn the_example_of_the_rfc() {
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = ScramVerifier::build(b"pencil", &salt, 4_096);
        let mut scram = ScramServer::new(verifier, false, &[0; 18], None);
        scram.stage = Stage::First {
            nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned(),
        };
        let first = scram.first(false, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(
            first.as_deref(),
            Ok("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        );
        let last = scram.last(
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
              p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        );
        let Ok(Proof::Right { answer, which: 0 }) = last else {
            panic!("the proof is right")
        };
        assert_eq!(answer, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert!(scram.last(b"c=biws").is_err(), "an exchange ends once");
    }

    /// The example's client among others; a verifier that would have asked otherwise counts
    /// nothing, also where it is the right one.
    #[test]
    fn any_of_several_verifiers_will_do() {
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = |password: &[u8], salt: &[u8]| ScramVerifier::build(password, salt, 4_096);
        let told = |first: ScramVerifier, others: Vec<ScramVerifier>| {
            let mut scram = ScramServer::new(first, false, &[0; 18], None).or(others);
            scram.stage = Stage::First {
                nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned(),
            };
            scram
                .first(false, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
                .unwrap();
            scram.last(
                b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                  p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            )
        };
        let (pen, pencil) = (verifier(b"pen", &salt), verifier(b"pencil", &salt));
        let both = told(pen.clone(), vec![verifier(b"ink", &salt), pencil.clone()]);
        assert!(matches!(both, Ok(Proof::Right { which: 2, ref answer })
            if answer == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(matches!(told(pen.clone(), vec![]), Ok(Proof::Wrong)));
        assert!(matches!(
            told(pencil, vec![pen]),
            Ok(Proof::Right { which: 0, .. })
        ));
        let mut odd = verifier(b"pencil", &salt);
        odd.iterations = 1;
        assert!(matches!(
            told(verifier(b"pen", &salt), vec![odd]),
            Ok(Proof::Wrong)
        ));
    }

    #[test]
    fn final_messages_that_are_refused() {
        let key = "A".repeat(43) + "=";
        let nonce = "abc".to_owned() + &BASE64_STANDARD.encode([1; 18]);
        let last = |message: String| {
            let verifier = ScramVerifier::build(b"pencil", b"salt", 1);
            let mut scram = ScramServer::new(verifier, false, &[1; 18], None);
            scram.first(false, b"n,,n=,r=abc").unwrap();
            scram.last(message.as_bytes())
        };
        assert!(matches!(
            last(format!("c=biws,r={nonce},p={key}")),
            Ok(Proof::Wrong)
        ));
        assert!(matches!(
            last(format!("c=biws,r={nonce},x=1,p={key}")),
            Ok(Proof::Wrong)
        ));
        for message in [
            format!("c=eSws,r={nonce},p={key}"),
            format!("c=,r={nonce},p={key}"),
            format!("c=biws,r={nonce}x,p={key}"),
            format!("c=biws,r=abc,p={key}"),
            format!("c=biws,p={key}"),
            format!("r={nonce},p={key}"),
            format!("c=biws,r={nonce}"),
            format!("c=biws,r={nonce},p="),
            format!("c=biws,r={nonce},p=AAAA"),
            format!("c=biws,r={nonce},p={key},x=1"),
            format!("c=biws,r={nonce},p={key},"),
            format!("c=biws,r={nonce},p={key}\0"),
            String::new(),
        ] {
            assert!(last(message.clone()).is_err(), "{message}");
        }
    }
}
