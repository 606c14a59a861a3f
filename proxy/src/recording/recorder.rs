//! The way from the data threads to the thread that writes recordings.
//!
//! Pieces wait in a queue that is bounded in bytes. A data thread that finds it full goes on with
//! nothing of that session until there is room: it does not read from the database. Or, if the
//! configuration says so, it drops the piece, and the recording says that it did.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use velum_core::audit::record::SessionId;
use velum_core::recording::{CHUNK_BYTES, Stream};
use velum_core::time::Timestamp;

/// Buffers that are kept for the next pieces.
const SPARE: usize = 64;

/// Whether a session's recording is there to be written.
#[derive(Debug)]
pub struct Gate(AtomicU8);

/// See [`Gate::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GateState {
    /// Its file and its key are being made: nothing may be shown yet.
    Opening = 0,
    /// It is.
    Open = 1,
    /// It cannot be written: the session has to end.
    Failed = 2,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU8::new(GateState::Opening as u8)))
    }

    /// How it stands.
    pub fn state(&self) -> GateState {
        match self.0.load(Ordering::Acquire) {
            0 => GateState::Opening,
            1 => GateState::Open,
            _ => GateState::Failed,
        }
    }

    /// Moves on; there is no way back.
    pub(crate) fn set(&self, state: GateState) {
        self.0.fetch_max(state as u8, Ordering::AcqRel);
    }
}

/// A session whose recording begins.
pub(crate) struct Begin {
    pub(crate) session: SessionId,
    pub(crate) began: Timestamp,
    pub(crate) identity: Arc<str>,
    pub(crate) resource: Arc<str>,
    pub(crate) gate: Arc<Gate>,
}

/// Events of a session, as [`velum_core::recording::Events`] reads them.
pub struct Piece {
    /// Whose.
    pub session: SessionId,
    /// Of which stream.
    pub stream: Stream,
    /// The events.
    pub events: Vec<u8>,
    /// Bytes that are missing without it: its own, and those of gaps that it tells of.
    pub holds: u64,
}

/// What the recorder's thread hears of.
pub(crate) enum Message {
    Begin(Begin),
    Piece(Piece),
    End(SessionId),
    /// No more will come; answered when all is written.
    Close(oneshot::Sender<()>),
}

/// What the configuration says of all recordings.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What clients send is recorded, under a key of its own.
    pub keeps_client: bool,
    /// What does not fit the queue is dropped; otherwise it is waited for.
    pub drops: bool,
    /// Bytes that may wait in the queue.
    pub queue_bytes: usize,
}

/// Held by every data thread.
pub struct Recorder {
    rules: Rules,
    messages: Sender<Message>,
    queued_bytes: AtomicUsize,
    /// Somebody waits for room.
    is_wanted: AtomicBool,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Recorder {
    /// The two ends of the queue.
    pub(crate) fn new(rules: Rules) -> (Arc<Self>, Receiver<Message>) {
        let (messages, received) = channel();
        let recorder = Self {
            rules,
            messages,
            queued_bytes: AtomicUsize::new(0),
            is_wanted: AtomicBool::new(false),
            spare: Mutex::default(),
        };
        (Arc::new(recorder), received)
    }

    /// What the configuration says.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Begins the recording of a session. Nothing may be shown to its client until the gate is
    /// open; data threads are woken when it is.
    pub fn begin(
        &self,
        session: SessionId,
        began: Timestamp,
        identity: Arc<str>,
        resource: Arc<str>,
    ) -> Arc<Gate> {
        let gate = Gate::new();
        let begin = Begin {
            session,
            began,
            identity,
            resource,
            gate: Arc::clone(&gate),
        };
        if self.messages.send(Message::Begin(begin)).is_err() {
            gate.set(GateState::Failed);
        }
        gate
    }

    /// Hands a piece over, if there is room.
    ///
    /// # Errors
    /// The piece, if there is none. Data threads are woken when there is.
    pub fn offer(&self, piece: Piece) -> Result<(), Piece> {
        if self.is_full() {
            // In this order: who makes room looks at the mark after it has.
            self.is_wanted.store(true, Ordering::SeqCst);
            if self.is_full() {
                return Err(piece);
            }
        }
        self.force(piece);
        Ok(())
    }

    /// Hands a piece over in any case: at a session's end, which waits for nothing.
    pub fn force(&self, piece: Piece) {
        self.queued_bytes
            .fetch_add(piece.events.len(), Ordering::SeqCst);
        // A thread that is gone has failed every gate before.
        let _gone = self.messages.send(Message::Piece(piece));
    }

    /// The session is over.
    pub fn end(&self, session: SessionId) {
        let _gone = self.messages.send(Message::End(session));
    }

    /// Waits until all that was handed over is written.
    pub async fn close(&self) {
        let (done, is_done) = oneshot::channel();
        if self.messages.send(Message::Close(done)).is_ok() {
            let _gone = is_done.await;
        }
    }

    /// An empty buffer for a piece.
    pub fn buffer(&self) -> Vec<u8> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = spare.pop();
        buffer.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES))
    }

    fn is_full(&self) -> bool {
        self.queued_bytes.load(Ordering::SeqCst) >= self.rules.queue_bytes
    }

    /// A piece has been written. True if somebody waits for the room and is to be woken.
    pub(crate) fn written(&self, mut events: Vec<u8>) -> bool {
        let bytes = events.len();
        let before = self.queued_bytes.fetch_sub(bytes, Ordering::SeqCst);
        if events.capacity() <= 2 * CHUNK_BYTES {
            events.clear();
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < SPARE {
                spare.push(events);
            }
        }
        // At half, so that data threads are not woken for every piece.
        before.saturating_sub(bytes) <= self.rules.queue_bytes / 2
            && self.is_wanted.swap(false, Ordering::SeqCst)
    }
}
