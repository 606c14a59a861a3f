//! Buffers of a data thread, by size. A session holds one only while bytes are in it or a
//! large receive is under way.

use velum_core::limits::{WINDOW_BULK_BYTES, WINDOW_SMALL_BYTES};
use zeroize::Zeroize;

/// What a driver picks for a link that has waited without a buffer.
pub const PICK_BYTES: usize = 4 * 1024;
/// Buffers of each size that a thread keeps for the next session; more are given back to the
/// system.
const KEEP: [usize; 3] = [1_024, 256, 32];

/// Sizes of buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// [`PICK_BYTES`]
    Pick = 0,
    /// [`WINDOW_SMALL_BYTES`]
    Small = 1,
    /// [`WINDOW_BULK_BYTES`]
    Bulk = 2,
}

impl Class {
    const ALL: [Class; 3] = [Class::Pick, Class::Small, Class::Bulk];

    /// Length of a buffer.
    pub fn bytes(self) -> usize {
        match self {
            Class::Pick => PICK_BYTES,
            Class::Small => WINDOW_SMALL_BYTES,
            Class::Bulk => WINDOW_BULK_BYTES,
        }
    }

    /// One size up; the largest stays.
    pub fn larger(self) -> Class {
        match self {
            Class::Pick => Class::Small,
            Class::Small | Class::Bulk => Class::Bulk,
        }
    }

    /// The smallest size that has room for `bytes`; the largest if none has.
    pub fn holding(bytes: usize) -> Class {
        Class::ALL
            .into_iter()
            .find(|class| class.bytes() >= bytes)
            .unwrap_or(Class::Bulk)
    }
}

/// Free buffers.
#[derive(Default)]
pub struct Pool {
    free: [Vec<Vec<u8>>; 3],
}

impl Pool {
    /// A buffer whose length is `class.bytes()`. The content of a large one is left from earlier
    /// use, possibly by another session: whoever takes it reads only what was received into it.
    pub fn take(&mut self, class: Class) -> Vec<u8> {
        match self.free.get_mut(class as usize).and_then(Vec::pop) {
            Some(buffer) => buffer,
            None => vec![0; class.bytes()],
        }
    }

    /// Gives a buffer back. One of a size that is not kept is freed. A small one, in which somebody
    /// may have logged in, is wiped; the large ones are for results alone.
    pub fn put(&mut self, mut buffer: Vec<u8>) {
        let class = Class::ALL
            .into_iter()
            .find(|class| class.bytes() == buffer.len());
        if class.is_some_and(|class| class < Class::Bulk) {
            buffer.as_mut_slice().zeroize();
        }
        if let Some(class) = class
            && let Some(free) = self.free.get_mut(class as usize)
            && KEEP
                .get(class as usize)
                .is_some_and(|&keep| free.len() < keep)
        {
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_by_size() {
        let mut pool = Pool::default();
        let mut buffer = pool.take(Class::Small);
        buffer[0] = 7;
        pool.put(buffer);
        pool.put(vec![0; 100]);
        assert_eq!(pool.take(Class::Pick).len(), PICK_BYTES);
        assert_eq!(pool.take(Class::Small)[0], 0, "it is wiped");
        assert_eq!(Class::holding(1), Class::Pick);
        assert_eq!(Class::holding(PICK_BYTES + 1), Class::Small);
        assert_eq!(Class::holding(usize::MAX), Class::Bulk);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut pool = Pool::default();
        for _ in 0..100 {
            pool.put(vec![0; Class::Bulk.bytes()]);
        }
        assert_eq!(
            pool.free[Class::Bulk as usize].len(),
            KEEP[Class::Bulk as usize]
        );
    }
}
