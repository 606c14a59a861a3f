//! A session that is recorded: nothing of it is judged while its recording cannot take it.

use velum_core::error::{Peer, Refusal, SqlState};

use super::Open;
use crate::relay::context::Context;
use crate::relay::legs::Legs;
use crate::relay::link::About;
use crate::relay::tape::{FLUSH, Ready, Tape};

impl Open {
    /// The same session, recorded.
    pub(in crate::relay) fn recorded(mut self, tape: Option<Tape>) -> Self {
        if tape.is_some() {
            self.session.note_descriptions();
        }
        self.tape = tape;
        self
    }

    /// Hands over what the recording holds.
    pub(in crate::relay) fn flush_tape(&mut self, legs: &Legs, cx: &mut Context) {
        if let Some(tape) = &mut self.tape {
            tape.is_armed = false;
            tape.flush();
            if tape.is_stuck() {
                cx.parked.push(legs.id);
            }
        }
    }

    /// May anything more of the session be judged?
    pub(super) fn may_record(&mut self, about: &About, legs: &mut Legs, cx: &mut Context) -> bool {
        let Some(tape) = &mut self.tape else {
            return true;
        };
        match tape.ready(cx.now) {
            Ready::Yes => true,
            Ready::Later => {
                cx.parked.push(legs.id);
                false
            }
            Ready::Never => {
                let text = "the recording of this session cannot be written";
                self.terminate(about, legs, Refusal::new(SqlState::IO_ERROR, text), cx);
                false
            }
        }
    }

    /// Records what the client has sent since the last call of the session.
    pub(super) fn record_sent(&mut self, legs: &Legs) {
        if let Some(tape) = &mut self.tape
            && tape.keeps_client()
        {
            let bytes = legs.up.window.unjudged();
            tape.sent(bytes.get(self.client_seen..).unwrap_or_default());
        }
    }

    /// Records what the last call of the session has released to the client.
    pub(super) fn record_released(&mut self, from: Peer, legs: &Legs) {
        let Some(tape) = &mut self.tape else { return };
        for described in self.session.take_descriptions() {
            tape.described(described.ordinal, &described.body);
        }
        if from == Peer::Server {
            tape.released(legs.down.window.released().slices());
        }
    }

    /// What the recording holds goes to disk in a moment, whatever comes.
    pub(super) fn arm_tape(&mut self, about: &About, legs: &Legs, cx: &mut Context) {
        if let Some(tape) = &mut self.tape
            && !tape.is_armed
            && tape.holds_any()
        {
            tape.is_armed = true;
            cx.tapes.push_back((cx.now + FLUSH, legs.id, about.serial));
        }
    }
}
