//! Single keys from a terminal.

use std::io::{self, BufRead};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::cli::complain;

/// What a key asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Pause,
    Next,
    Faster,
    Slower,
    Search,
    Quit,
}

/// The terminal, whose keys come one by one until this is dropped.
pub(super) struct Keyboard {
    before: Termios,
}

impl Keyboard {
    /// `None` if there is no terminal.
    pub(super) fn open() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let keyboard = Self { before };
        keyboard.single_keys();
        Some(keyboard)
    }

    fn single_keys(&self) {
        let mut single = self.before.clone();
        single.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        let _stays_as_it_is = tcsetattr(io::stdin(), OptionalActions::Now, &single);
    }

    fn lines(&self) {
        let _stays_as_it_is = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }

    /// The next key that means something, if one comes in time.
    pub(super) fn wait(&mut self, patience: Duration) -> Option<Key> {
        let stdin = io::stdin();
        let mut waited = [PollFd::new(&stdin, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        if poll(&mut waited, Some(&patience)).ok()? == 0 {
            return None;
        }
        let mut byte = [0];
        match rustix::io::read(&stdin, &mut byte).ok()? {
            0 => Some(Key::Quit),
            _ => match byte {
                [b' '] => Some(Key::Pause),
                [b'n' | b'\n'] => Some(Key::Next),
                [b'+'] => Some(Key::Faster),
                [b'-'] => Some(Key::Slower),
                [b'/'] => Some(Key::Search),
                [b'q'] => Some(Key::Quit),
                _ => None,
            },
        }
    }

    /// A line, such as what is looked for; `None` if it is empty.
    pub(super) fn line(&mut self) -> Option<String> {
        self.lines();
        complain("/");
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        self.single_keys();
        let line = line.trim().to_owned();
        read.is_ok().then_some(line).filter(|line| !line.is_empty())
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.lines();
    }
}
