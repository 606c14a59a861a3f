//! Asks a database to cancel what one of its sessions runs: a connection of its own, on which
//! nothing is answered.

use super::startup::{self, CANCEL_CODE, CANCEL_KEY_BYTES, TLS_CODE};
use super::upstream::{TlsAnswer, UpstreamTls, read_tls_answer};
use crate::bytes::{Outbox, Window};
use crate::error::{Fault, Refusal, SqlState};

/// Sends one CancelRequest, over TLS where the resource demands it: the key is a secret.
///
/// Drive it like [`super::UpstreamHandshake`]: [`CancelHandshake::start`], then
/// [`CancelHandshake::feed`] until [`CancelStep::Done`]; send what is in the outbox; close.
pub struct CancelHandshake {
    tls: UpstreamTls,
    pid: u32,
    key: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    AwaitTlsAnswer,
    AwaitTls,
    Ready,
    Over,
}

/// What the pump has to do next.
pub enum CancelStep {
    /// Receive more.
    NeedBytes,
    /// Upgrade the connection, call [`CancelHandshake::tls_established`], feed again.
    StartTls,
    /// The request is in the outbox. Send it, then close.
    Done,
    /// Close.
    Failed(Fault),
}

impl CancelHandshake {
    /// `pid` and `key` as the database sent them in BackendKeyData; the key has 4 bytes, or up
    /// to 256 under protocol 3.2.
    pub fn new(tls: UpstreamTls, pid: u32, key: Vec<u8>) -> Self {
        Self {
            tls,
            pid,
            key,
            state: State::Idle,
        }
    }

    /// Writes the first message. Call it once, when connected, then feed.
    pub fn start(&mut self, out: &mut Outbox) {
        if self.state != State::Idle {
            return;
        }
        match self.tls {
            UpstreamTls::Disable => self.state = State::Ready,
            UpstreamTls::Require => {
                startup::write(out.writer(), TLS_CODE, &[]);
                self.state = State::AwaitTlsAnswer;
            }
        }
    }

    /// The connection is encrypted now, and the certificate was verified.
    pub fn tls_established(&mut self) {
        if self.state == State::AwaitTls {
            self.state = State::Ready;
        }
    }

    /// Looks at what arrived; an empty window is fine.
    pub fn feed(&mut self, window: &mut Window, out: &mut Outbox) -> CancelStep {
        match self.state {
            State::Idle => CancelStep::NeedBytes,
            State::AwaitTls => CancelStep::StartTls,
            State::AwaitTlsAnswer => match read_tls_answer(window) {
                TlsAnswer::NeedBytes => CancelStep::NeedBytes,
                TlsAnswer::Accepted => {
                    self.state = State::AwaitTls;
                    CancelStep::StartTls
                }
                TlsAnswer::Failed(fault) => {
                    self.state = State::Over;
                    CancelStep::Failed(fault)
                }
            },
            State::Ready if self.key.is_empty() || self.key.len() > CANCEL_KEY_BYTES => {
                self.state = State::Over;
                let refusal = Refusal::new(
                    SqlState::CONNECTION_FAILURE,
                    "the cancel key cannot be sent",
                );
                CancelStep::Failed(refusal.into())
            }
            State::Ready => {
                let mut body = self.pid.to_be_bytes().to_vec();
                body.extend_from_slice(&self.key);
                startup::write(out.writer(), CANCEL_CODE, &body);
                self.state = State::Over;
                CancelStep::Done
            }
            State::Over => CancelStep::Done,
        }
    }
}
