//! Forwarding a CancelRequest: a connection of its own to the same upstream.

use std::io;
use std::sync::Arc;

use velum_core::error::Peer;
use velum_core::limits::AUTH_MESSAGE_BYTES;
use velum_core::wire::postgres::handshake::{CancelHandshake, CancelStep};

use super::context::Context;
use super::dial::{Connect, Connector, encryption, start_tls};
use super::legs::{Fill, Legs, Shaken};
use super::link::{About, Turn};
use crate::planes::CancelTarget;

/// A cancel on its way. Never counted as a session.
pub(super) struct Cancelling {
    target: Arc<CancelTarget>,
    connector: Connector,
    handshake: CancelHandshake,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Feeding,
    Shaking,
    /// The upstream closes when it has delivered the signal; the client, which waits for our
    /// close, then knows that it was.
    AwaitingClose,
}

impl Cancelling {
    pub(super) fn new(target: Arc<CancelTarget>) -> Self {
        let encryption = encryption(&target.resource);
        let handshake = CancelHandshake::new(encryption, target.process_id, target.key.to_vec());
        Self {
            connector: Connector::at(target.address),
            target,
            handshake,
            stage: Stage::Connecting,
        }
    }

    pub(super) fn connected(&mut self, result: io::Result<()>) {
        self.connector.connected(result);
    }

    pub(super) fn turn(&mut self, _about: &mut About, legs: &mut Legs, cx: &mut Context) -> Turn {
        loop {
            match self.stage {
                Stage::Connecting => match self.connector.turn(&self.target.resource, legs, cx) {
                    Connect::Pending => return Turn::Rest,
                    Connect::Failed => return Turn::End,
                    Connect::Done => {
                        self.handshake.start(&mut legs.server.outbox);
                        self.stage = Stage::Feeding;
                    }
                },
                Stage::Shaking => match legs.shake(Peer::Server, cx) {
                    Shaken::Pending => return Turn::Rest,
                    Shaken::Failed => return Turn::End,
                    Shaken::Done => {
                        self.handshake.tls_established();
                        self.stage = Stage::Feeding;
                    }
                },
                Stage::Feeding => {
                    if let Some(turn) = self.feed(legs, cx) {
                        return turn;
                    }
                }
                Stage::AwaitingClose => {
                    if legs.flush(Peer::Server, cx) || legs.discard(Peer::Server, cx) {
                        return Turn::Rest;
                    }
                    return Turn::End;
                }
            }
        }
    }

    fn feed(&mut self, legs: &mut Legs, cx: &mut Context) -> Option<Turn> {
        if legs.down.away {
            return Some(Turn::Rest);
        }
        match self
            .handshake
            .feed(&mut legs.down.window, &mut legs.server.outbox)
        {
            CancelStep::NeedBytes => {
                if legs.flush(Peer::Server, cx) {
                    return Some(Turn::Rest);
                }
                match legs.fill(Peer::Server, AUTH_MESSAGE_BYTES, false, cx) {
                    Fill::Ready => None,
                    Fill::Pending => Some(Turn::Rest),
                    Fill::Over | Fill::Full => Some(Turn::End),
                }
            }
            CancelStep::StartTls if start_tls(&self.target.resource, legs) => {
                self.stage = Stage::Shaking;
                None
            }
            CancelStep::StartTls | CancelStep::Failed(_) => Some(Turn::End),
            CancelStep::Done => {
                self.stage = Stage::AwaitingClose;
                None
            }
        }
    }
}
