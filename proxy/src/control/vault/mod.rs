//! Random tokens: which bytes were drawn for which value, as long as the data directory lives.

mod file;
mod keeper;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use velum_core::mask::transform::{Fingerprint, TokenVault};

use keeper::Keeper;

/// Name of the file in the data directory.
const FILE: &str = "random-tokens.vault";

/// A value and what was drawn for it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    fingerprint: Fingerprint,
    token: [u8; 32],
}

/// Remembers which bytes were drawn for which value. What it has no more room for, and what it
/// cannot keep, is masked.
pub struct Vault {
    /// `None`: tokens are gone when the process ends.
    directory: Option<PathBuf>,
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    tokens: HashMap<Fingerprint, [u8; 32]>,
    /// Of a vault with a directory, from when it is opened.
    keeper: Option<Keeper>,
}

impl Vault {
    /// A vault for so many values, in the memory of this process.
    pub fn in_memory(most: usize) -> Self {
        Self {
            directory: None,
            most,
            held: Mutex::default(),
        }
    }

    /// A vault for so many values, kept in a file of the directory. Nothing is read or made
    /// before [`Vault::open`].
    pub fn kept_in(directory: PathBuf, most: usize) -> Self {
        Self {
            directory: Some(directory),
            ..Self::in_memory(most)
        }
    }

    /// Reads what was kept, if it is kept and was not read before.
    ///
    /// # Errors
    /// With the path: another gateway has the file, it is damaged, or the directory cannot be used.
    pub fn open(&self) -> io::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let mut held = self.held();
        if held.keeper.is_some() {
            return Ok(());
        }
        let path = directory.join(FILE);
        let with_path =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let (file, entries) = file::open(&path).map_err(with_path)?;
        held.keeper = Some(Keeper::start(file).map_err(with_path)?);
        let known = entries.iter().map(|entry| (entry.fingerprint, entry.token));
        held.tokens = known.collect();
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Whoever panicked with the lock held had put a whole entry or none.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenVault for Vault {
    fn token(&self, fingerprint: &Fingerprint) -> Option<[u8; 32]> {
        let mut held = self.held();
        if let Some(known) = held.tokens.get(fingerprint) {
            return Some(*known);
        }
        if held.tokens.len() >= self.most {
            return None;
        }
        let mut token = [0; 32];
        getrandom::fill(&mut token).ok()?;
        let entry = Entry {
            fingerprint: *fingerprint,
            token,
        };
        let is_kept = match &held.keeper {
            Some(keeper) => keeper.keep(entry),
            None => self.directory.is_none(),
        };
        is_kept.then(|| {
            held.tokens.insert(entry.fingerprint, token);
            token
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(vault: &Vault, number: u8) -> Option<[u8; 32]> {
        vault.token(&Fingerprint([number; 32]))
    }

    #[test]
    fn tokens_are_drawn_once_and_as_long_as_there_is_room() {
        let vault = Vault::in_memory(2);
        let (one, two) = (token(&vault, 1), token(&vault, 2));
        assert!(one.is_some() && two.is_some() && one != two);
        assert_eq!(token(&vault, 3), None);
        assert_eq!((token(&vault, 1), token(&vault, 2)), (one, two));
        assert_ne!(token(&Vault::in_memory(2), 1), one);
    }

    #[test]
    fn tokens_outlive_the_process_that_drew_them() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("data");
        let vault = Vault::kept_in(directory.clone(), 4);
        assert_eq!(token(&vault, 1), None, "nothing is read yet");
        assert!(!directory.exists());
        vault.open().unwrap();
        vault.open().unwrap();
        let drawn = [1, 2, 3].map(|number| token(&vault, number));
        assert!(drawn.iter().all(Option::is_some));
        let other = Vault::kept_in(directory.clone(), 4);
        let refused = other.open().unwrap_err().to_string();
        assert!(refused.contains("another gateway"), "{refused}");
        drop(vault);

        other.open().unwrap();
        assert_eq!([1, 2, 3].map(|number| token(&other, number)), drawn);
        assert!(token(&other, 4).is_some());
        assert_eq!(token(&other, 5), None, "no more room");
        drop(other);
        let smaller = Vault::kept_in(directory, 2);
        smaller.open().unwrap();
        assert_eq!([1, 2, 3].map(|number| token(&smaller, number)), drawn);
        assert_eq!(token(&smaller, 6), None, "no more room");
    }

    #[test]
    fn what_cannot_be_kept_is_not_drawn() {
        // Writes to it fail as on a full disk.
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let vault = Vault::kept_in(PathBuf::from("unused"), 8);
        vault.held().keeper = Some(Keeper::start(file::Held(full.unwrap())).unwrap());
        let first = token(&vault, 1);
        assert!(first.is_some(), "the disk has not been heard of yet");
        let began = std::time::Instant::now();
        let mut number = 1;
        while token(&vault, number).is_some() {
            assert!(began.elapsed().as_secs() < 10, "it goes on drawing");
            number = number.wrapping_add(1);
            std::thread::sleep(std::time::Duration::from_millis(1));
            if number == 8 {
                number = 2;
            }
        }
        assert_eq!(token(&vault, 1), first, "what is known stays");
    }
}
