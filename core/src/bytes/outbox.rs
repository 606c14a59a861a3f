//! Bytes that Velum wrote itself.

/// A queue of authored bytes. Only core can append, so that whatever a sender finds here was
/// written by Velum and holds no byte of a result.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be sent.
    pub fn pending(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// True if nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Notes that the first `n` pending bytes were sent.
    ///
    /// # Panics
    /// If `n` is more than what is pending: the caller's mistake, never a peer's.
    pub fn consume(&mut self, n: usize) {
        assert!(n <= self.pending().len(), "consumed more than was pending");
        self.sent += n;
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        }
    }

    /// The buffer to append to.
    pub(crate) fn writer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}
