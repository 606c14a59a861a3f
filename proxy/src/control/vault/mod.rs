//! Random tokens of this process: gone when it ends.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use velum_core::mask::transform::{Fingerprint, TokenVault};

/// Tokens that are remembered: some 25 MB.
const TOKENS_MOST: usize = 262_144;

/// Remembers in memory which bytes were drawn for which value. What it has no more room for is
/// masked.
pub struct MemoryVault {
    tokens: Mutex<HashMap<Fingerprint, [u8; 32]>>,
    most: usize,
}

impl Default for MemoryVault {
    fn default() -> Self {
        Self::with_room_for(TOKENS_MOST)
    }
}

impl MemoryVault {
    /// A vault for so many values.
    pub fn with_room_for(most: usize) -> Self {
        Self {
            tokens: Mutex::default(),
            most,
        }
    }
}

impl TokenVault for MemoryVault {
    fn token(&self, fingerprint: &Fingerprint) -> Option<[u8; 32]> {
        // Whoever panicked with the lock held had put a whole entry or none.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tokens.get(fingerprint) {
            return Some(*known);
        }
        if tokens.len() >= self.most {
            return None;
        }
        let mut drawn = [0; 32];
        getrandom::fill(&mut drawn).ok()?;
        tokens.insert(*fingerprint, drawn);
        Some(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_drawn_once_and_as_long_as_there_is_room() {
        let vault = MemoryVault::with_room_for(2);
        let token = |number| vault.token(&Fingerprint([number; 32]));
        let (one, two) = (token(1), token(2));
        assert!(one.is_some() && two.is_some() && one != two);
        assert_eq!(token(3), None);
        assert_eq!((token(1), token(2)), (one, two));
        let other = MemoryVault::with_room_for(2);
        assert_ne!(other.token(&Fingerprint([1; 32])), one);
    }
}
