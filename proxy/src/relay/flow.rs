//! One direction of a link: its window, what the next receive gets, and what the last one brought.

use std::time::Instant;

use velum_core::bytes::Window;
use velum_core::limits::{MESSAGE_WHOLE_BYTES, WINDOW_BULK_BYTES};

use super::context::Context;
use super::hold::HoldOff;
use super::legs::{End, Fill};
use super::op::Incoming;
use super::pace;
use super::pool::{Class, PICK_BYTES, Pool};
use super::tls::{Broken, Pulled};

/// A window with less room than this is compacted into a larger one before it is received
/// into again, if its sizes allow.
const TIGHT_BYTES: usize = 2 * 1024;

/// One direction.
pub(super) struct Flow {
    pub(super) window: Window,
    /// The window is in an operation.
    pub(super) away: bool,
    /// What the next receive gets.
    pub(super) class: Class,
    /// The last receive filled its buffer.
    pub(super) filled: bool,
    pub(super) hold: HoldOff,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            window: Window::default(),
            away: false,
            class: Class::Pick,
            filled: false,
            hold: HoldOff::default(),
        }
    }
}

impl Flow {
    /// Takes over what a receive, begun before the window went away, has brought meanwhile.
    pub(super) fn append(&mut self, mut newer: Window, pool: &mut Pool) {
        match newer.detach() {
            Some(storage) => pool.put(storage),
            None => self.window.extend(newer.unjudged()),
        }
    }

    /// Judges, and sees to it that the next receive brings no more than can be judged in a turn.
    pub(super) fn paced<T>(&mut self, judge: impl FnOnce(&mut Window) -> T) -> T {
        let bytes = self.window.unjudged().len();
        if bytes < pace::WORTH_TIMING_BYTES {
            return judge(&mut self.window);
        }
        let began = Instant::now();
        let judged = judge(&mut self.window);
        let done = bytes.saturating_sub(self.window.unjudged().len());
        self.window.pace(pace::receive_most(done, began.elapsed()));
        judged
    }

    /// Gives the storage of an empty window back to the pool.
    pub(super) fn rest(&mut self, pool: &mut Pool) {
        if self.class == Class::Pick
            && let Some(storage) = self.window.detach()
        {
            pool.put(storage);
        }
    }

    /// Learns from a receive of `n` bytes into `room` of a buffer of `capacity`.
    pub(super) fn note(&mut self, n: usize, room: usize, capacity: usize) {
        self.filled = n > 0 && n == room;
        self.hold.note(n, self.filled);
        if self.filled {
            self.class = Class::holding(capacity).larger();
        } else if n < PICK_BYTES {
            self.class = Class::Pick;
        }
    }

    /// Makes a received buffer the window's storage.
    pub(super) fn adopt(&mut self, buffer: Vec<u8>, n: usize, pool: &mut Pool) {
        self.note(n, buffer.len(), buffer.len());
        if let Some(storage) = self.window.detach() {
            pool.put(storage);
            pool.put(self.window.upgrade(buffer));
            self.window.commit(n);
        } else {
            self.window.extend(buffer.get(..n).unwrap_or_default());
            pool.put(buffer);
        }
    }

    pub(super) fn receive_into(
        &mut self,
        tls: bool,
        wanted: usize,
        pool: &mut Pool,
    ) -> Option<Incoming> {
        if tls {
            // The records come into a buffer of their own.
            if let Some(storage) = self.window.detach() {
                pool.put(storage);
            }
            return Some(match self.class {
                Class::Pick => Incoming::Pick,
                class => Incoming::Buffer(pool.take(class)),
            });
        }
        if self.class == Class::Pick {
            self.rest(pool);
            if self.window.capacity() == 0 {
                return Some(Incoming::Pick);
            }
        }
        if !self.make_room(wanted, pool) {
            return None;
        }
        self.away = true;
        Some(Incoming::Window(std::mem::take(&mut self.window)))
    }

    /// Decrypts what has come; `None` if that gave nothing.
    pub(super) fn decrypt(
        &mut self,
        end: &mut End,
        wanted: usize,
        cx: &mut Context,
    ) -> Result<Option<Fill>, Broken> {
        let Some(tls) = &mut end.tls else {
            return Ok(None);
        };
        if !self.make_room(wanted, &mut cx.pool) {
            return Ok(Some(Fill::Full));
        }
        let pulled = tls.pull(&mut self.window)?;
        if let Some(spent) = tls.spent() {
            cx.pool.put(spent);
        }
        if pulled == Pulled::End {
            end.eof = true;
        }
        if pulled == Pulled::Bytes {
            return Ok(Some(Fill::Ready));
        }
        if let Some(storage) = self.window.detach() {
            cx.pool.put(storage);
        }
        Ok(None)
    }

    /// Sees to it that the window has spare room; false if it is full and may not grow.
    fn make_room(&mut self, wanted: usize, pool: &mut Pool) -> bool {
        self.window.compact();
        let capacity = self.window.capacity();
        let spare = self.window.spare_mut().len();
        let target = if spare > TIGHT_BYTES {
            self.class.bytes()
        } else if capacity < WINDOW_BULK_BYTES {
            Class::holding(capacity + 1).bytes().max(self.class.bytes())
        } else if spare == 0 {
            // Memory follows what has arrived: at most twice that, and only if it is asked for.
            wanted.min(MESSAGE_WHOLE_BYTES).min(capacity * 2)
        } else {
            capacity
        };
        if target > capacity {
            let class = Class::holding(target);
            let storage = if class.bytes() >= target {
                pool.take(class)
            } else {
                vec![0; target]
            };
            pool.put(self.window.upgrade(storage));
        }
        !self.window.spare_mut().is_empty()
    }
}
