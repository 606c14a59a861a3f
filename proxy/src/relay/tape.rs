//! A data thread's part of a recording: what was released to the client, and what came of it.
//!
//! Bytes are copied once, into a piece that goes to the recorder's thread when it is full, or after
//! a moment. Where the recorder has no room, the session waits, or drops the piece and says so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use velum_core::audit::record::{Record, SessionId};
use velum_core::recording::event::EVENT_HEAD_BYTES;
use velum_core::recording::{CHUNK_BYTES, Event, Kind, Stream};

use super::context::Context;
use crate::planes::ResourceSnapshot;
use crate::recording::recorder::{Gate, GateState, Piece, Recorder};

/// How long what a client saw may be in the gateway's memory only.
pub(super) const FLUSH: Duration = Duration::from_millis(200);
/// A piece with less room than this is full.
const LITTLE_BYTES: usize = 256;
/// Of shares of sessions.
const MILLION: u32 = 1_000_000;

/// Whether the session may go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    Yes,
    /// The recorder has to make room, or the file. It wakes the thread.
    Later,
    /// The recording cannot be written: the session has to end.
    Never,
}

/// Pieces of one stream.
struct Track {
    stream: Stream,
    open: Vec<u8>,
    /// As [`Piece::holds`].
    holds: u64,
}

/// See the module's text.
pub(super) struct Tape {
    recorder: Arc<Recorder>,
    gate: Arc<Gate>,
    session: SessionId,
    began: Instant,
    /// As the last round of the thread has it.
    now: Instant,
    order: u64,
    /// The client's first: a reader merges it into the piece of the server's that follows.
    client: Option<Track>,
    server: Track,
    /// What the recorder had no room for.
    full: VecDeque<Piece>,
    /// Bytes that were dropped and are not recorded as such yet.
    gap: u64,
    /// A flush is due, and the worker knows.
    pub(super) is_armed: bool,
    scratch: Vec<u8>,
}

impl Tape {
    /// The tape of a session that begins now; `None` for one that is not recorded.
    pub(super) fn of(
        session: SessionId,
        identity: &str,
        resource: &ResourceSnapshot,
        cx: &Context,
    ) -> Option<Self> {
        let share = resource.recorded.get(identity)?;
        let recorder = cx.shared.recorder.get()?;
        let is_chosen = session.0 % u128::from(MILLION) < u128::from(*share);
        is_chosen.then(|| Self::begin(recorder, session, (identity, &resource.name), cx))
    }

    fn begin(
        recorder: &Arc<Recorder>,
        session: SessionId,
        (identity, resource): (&str, &Arc<str>),
        cx: &Context,
    ) -> Self {
        let track = |stream| Track {
            stream,
            open: Vec::new(),
            holds: 0,
        };
        Self {
            gate: recorder.begin(session, cx.time, identity.into(), Arc::clone(resource)),
            session,
            began: cx.now,
            now: cx.now,
            order: 0,
            client: recorder.rules().keeps_client.then(|| track(Stream::Client)),
            server: track(Stream::Server),
            full: VecDeque::new(),
            gap: 0,
            is_armed: false,
            scratch: Vec::new(),
            recorder: Arc::clone(recorder),
        }
    }

    /// True if what the client sends is recorded.
    pub(super) fn keeps_client(&self) -> bool {
        self.client.is_some()
    }

    /// May anything more be judged?
    pub(super) fn ready(&mut self, now: Instant) -> Ready {
        self.now = now;
        match self.gate.state() {
            GateState::Opening => return Ready::Later,
            GateState::Failed => return Ready::Never,
            GateState::Open => {}
        }
        self.hand_over();
        match self.full.is_empty() {
            true => Ready::Yes,
            false => Ready::Later,
        }
    }

    /// What was released to the client.
    pub(super) fn released<'b>(&mut self, slices: impl Iterator<Item = &'b [u8]>) {
        for slice in slices {
            self.append(Kind::Server, slice);
        }
    }

    /// What Velum itself has told the client.
    pub(super) fn said(&mut self, bytes: &[u8]) {
        self.append(Kind::Server, bytes);
    }

    /// True if the recorder has no room for what is to be written.
    pub(super) fn is_stuck(&self) -> bool {
        !self.full.is_empty()
    }

    /// What the client sent.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        self.append(Kind::Client, bytes);
    }

    /// What the session's rows look like, where the client was not told.
    pub(super) fn described(&mut self, ordinal: u64, body: &[u8]) {
        let bytes = [&ordinal.to_be_bytes(), body].concat();
        self.append(Kind::Description, &bytes);
    }

    /// Audit records of the session.
    pub(super) fn records(&mut self, records: &[Record]) {
        for record in records {
            let mut bytes = std::mem::take(&mut self.scratch);
            bytes.clear();
            record.encode(&mut bytes);
            self.append(Kind::Record, &bytes);
            self.scratch = bytes;
        }
    }

    /// True if something waits to be flushed.
    pub(super) fn holds_any(&self) -> bool {
        !self.server.open.is_empty() || self.client.as_ref().is_some_and(|it| !it.open.is_empty())
    }

    /// Hands over what there is.
    pub(super) fn flush(&mut self) {
        self.close_pieces();
        self.hand_over();
    }

    /// Bytes of a stream may lie in several events; all else lies in one.
    fn append(&mut self, kind: Kind, mut bytes: &[u8]) {
        let micros = self.micros();
        let may_split = matches!(kind, Kind::Server | Kind::Client);
        while !bytes.is_empty() {
            // What is missing stands before all that follows it.
            self.tell_gap(micros);
            let room = CHUNK_BYTES.saturating_sub(self.open_bytes(kind) + EVENT_HEAD_BYTES);
            let wants = if may_split { LITTLE_BYTES } else { bytes.len() };
            if room < wants.min(bytes.len()) && self.open_bytes(kind) > 0 {
                self.close_pieces();
                self.hand_over();
                continue;
            }
            let most = if may_split { room } else { bytes.len() };
            let (head, rest) = bytes.split_at(most.min(bytes.len()));
            self.put(kind, micros, head);
            bytes = rest;
        }
        self.hand_over();
    }

    fn tell_gap(&mut self, micros: u64) {
        if self.gap > 0 {
            let gap = std::mem::take(&mut self.gap);
            self.put(Kind::Gap, micros, &gap.to_be_bytes());
            self.server.holds += gap;
        }
    }

    fn micros(&self) -> u64 {
        let micros = self.now.saturating_duration_since(self.began).as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX)
    }

    fn open_bytes(&self, kind: Kind) -> usize {
        match (&self.client, kind) {
            (Some(client), Kind::Client) => client.open.len(),
            _ => self.server.open.len(),
        }
    }

    fn put(&mut self, kind: Kind, micros: u64, bytes: &[u8]) {
        let track = match (&mut self.client, kind) {
            (Some(client), Kind::Client) => client,
            (None, Kind::Client) => return,
            _ => &mut self.server,
        };
        if track.open.capacity() == 0 {
            track.open = self.recorder.buffer();
        }
        self.order += 1;
        let event = Event {
            kind,
            order: self.order,
            micros,
            bytes,
        };
        event.encode(&mut track.open);
        if kind != Kind::Gap {
            track.holds += bytes.len() as u64;
        }
    }

    /// Both at once, so that the events of one pair of pieces all come before those of the next.
    fn close_pieces(&mut self) {
        for track in self.client.iter_mut().chain([&mut self.server]) {
            if !track.open.is_empty() {
                self.full.push_back(Piece {
                    session: self.session,
                    stream: track.stream,
                    events: std::mem::take(&mut track.open),
                    holds: std::mem::take(&mut track.holds),
                });
            }
        }
    }

    fn hand_over(&mut self) {
        // Nothing is written before the gate is open; what comes of the start-up is little.
        while let Some(piece) = self.full.pop_front() {
            match self.recorder.offer(piece) {
                Ok(()) => {}
                Err(piece) if self.recorder.rules().drops => {
                    self.gap += piece.holds;
                }
                Err(piece) => {
                    self.full.push_front(piece);
                    return;
                }
            }
        }
    }
}

/// However a session ends: what was shown is recorded, and the recording has its end.
impl Drop for Tape {
    fn drop(&mut self) {
        self.close_pieces();
        if self.gap > 0 {
            self.tell_gap(self.micros());
            self.close_pieces();
        }
        for piece in std::mem::take(&mut self.full) {
            self.recorder.force(piece);
        }
        self.recorder.end(self.session);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::sync::mpsc::Receiver;

    use velum_core::recording::Events;

    use super::*;
    use crate::planes::{Shared, snapshot};
    use crate::recording::recorder::{Message, Rules};

    /// A tape whose queue holds two pieces.
    fn tape(drops: bool, keeps_client: bool) -> (Tape, Receiver<Message>) {
        let rules = Rules {
            keeps_client,
            drops,
            queue_bytes: CHUNK_BYTES + 1,
        };
        let (recorder, received) = Recorder::new(rules);
        let (shared, _up) = Shared::new(snapshot::tests::empty(), 1).unwrap();
        let cx = Context::new(shared, 0);
        let tape = Tape::begin(&recorder, SessionId(7), ("app", &"ehr".into()), &cx);
        (tape, received)
    }

    /// What was handed over: bytes by kind, the sum of gaps, and whether the end has come.
    #[derive(Default, Debug, PartialEq)]
    struct Heard {
        server: Vec<u8>,
        client: Vec<u8>,
        gaps: u64,
        has_ended: bool,
    }

    fn hear(received: &Receiver<Message>, recorder: &Recorder, heard: &mut Heard) {
        while let Ok(message) = received.try_recv() {
            match message {
                Message::Begin(begin) => begin.gate.set(GateState::Open),
                Message::Piece(piece) => {
                    for event in Events::after(0, &piece.events) {
                        let event = event.unwrap();
                        match event.kind {
                            Kind::Server => heard.server.extend_from_slice(event.bytes),
                            Kind::Client => heard.client.extend_from_slice(event.bytes),
                            Kind::Gap => {
                                heard.gaps += u64::from_be_bytes(event.bytes.try_into().unwrap());
                            }
                            Kind::Record | Kind::Description => {}
                        }
                    }
                    recorder.written(piece.events);
                }
                Message::End(_) => heard.has_ended = true,
                Message::Close(_) => {}
            }
        }
    }

    fn rows(pieces: usize) -> Vec<u8> {
        let bytes = pieces * CHUNK_BYTES;
        (0..bytes).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn nothing_is_shown_before_the_file_is_there() {
        let (mut tape, received) = tape(false, false);
        let now = Instant::now();
        assert!(tape.ready(now) == Ready::Later);
        let Ok(Message::Begin(begin)) = received.try_recv() else {
            panic!("no beginning");
        };
        begin.gate.set(GateState::Open);
        assert!(tape.ready(now) == Ready::Yes);
        begin.gate.set(GateState::Failed);
        assert!(tape.ready(now) == Ready::Never);
    }

    #[test]
    fn a_full_queue_is_waited_for_and_nothing_is_lost() {
        let (mut tape, received) = tape(false, false);
        let recorder = Arc::clone(&tape.recorder);
        let mut heard = Heard::default();
        hear(&received, &recorder, &mut heard);
        let rows = rows(5);
        tape.released([&rows[..1_000], &rows[1_000..]].into_iter());
        assert!(tape.is_stuck() && tape.ready(Instant::now()) == Ready::Later);
        while tape.ready(Instant::now()) == Ready::Later {
            hear(&received, &recorder, &mut heard);
        }
        drop(tape);
        hear(&received, &recorder, &mut heard);
        assert!(heard.has_ended && heard.gaps == 0 && heard.server == rows);
    }

    #[test]
    fn what_is_dropped_is_said() {
        let (mut tape, received) = tape(true, false);
        let recorder = Arc::clone(&tape.recorder);
        let mut heard = Heard::default();
        hear(&received, &recorder, &mut heard);
        let rows = rows(5);
        let mut seen = 3;
        // The pieces that tell of a gap are dropped as well, more than once.
        for round in 0..3 {
            for _ in 0..4 {
                tape.released([&rows[round * 100..]].into_iter());
                assert!(tape.ready(Instant::now()) == Ready::Yes, "it goes on");
                seen += rows.len() - round * 100;
            }
            hear(&received, &recorder, &mut heard);
        }
        tape.said(b"end");
        drop(tape);
        hear(&received, &recorder, &mut heard);
        assert!(heard.has_ended && heard.server.ends_with(b"end"));
        let missing = (seen - heard.server.len()) as u64;
        assert!(missing > 0);
        assert_eq!(heard.gaps, missing);
    }

    #[test]
    fn what_the_client_sends_is_kept_where_it_is_asked_for() {
        for keeps_client in [false, true] {
            let (mut tape, received) = tape(false, keeps_client);
            let recorder = Arc::clone(&tape.recorder);
            let mut heard = Heard::default();
            tape.sent(b"SELECT 1");
            tape.said(b"1");
            assert!(tape.holds_any());
            tape.flush();
            hear(&received, &recorder, &mut heard);
            assert_eq!(heard.server, b"1");
            let sent: &[u8] = if keeps_client { b"SELECT 1" } else { b"" };
            assert_eq!(heard.client, sent);
        }
    }
}
