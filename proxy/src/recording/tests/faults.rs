//! Each write of a recording fails once, in each way that a disk fails: what was whole before it
//! is read, and that the rest is missing is seen.

use std::io::{self, Write};

use super::*;

/// How a write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// ENOSPC, nothing written.
    NoSpace,
    /// Half is written, and then EIO.
    Torn,
    /// The system takes nothing more.
    Nothing,
}

struct Failing {
    written: Vec<u8>,
    /// Writes up to and with the one that fails.
    left: u64,
    fault: Fault,
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fails = self.left == 1;
        self.left = self.left.saturating_sub(1);
        if !fails {
            self.written.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        match self.fault {
            Fault::NoSpace => Err(io::ErrorKind::StorageFull.into()),
            Fault::Torn => {
                self.written.extend_from_slice(&bytes[..bytes.len() / 2]);
                Err(io::Error::other("the disk is broken"))
            }
            Fault::Nothing => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ten chunks of the server's, a cell each; how many were whole, and the bytes that are kept.
fn recorded_until(nth: u64, fault: Fault) -> Option<(usize, Vec<u8>)> {
    let failing = Failing {
        written: Vec::new(),
        left: nth,
        fault,
    };
    let mut writer = Writer::begin(failing, header(5), &keys(1)).ok()?;
    for order in 1..=10 {
        let (mut events, before) = (Vec::new(), writer.walk().bytes());
        let event = Event {
            kind: Kind::Server,
            order,
            micros: order * 7,
            bytes: &[order as u8; 50],
        };
        event.encode(&mut events);
        if writer.chunk(Stream::Server, &events).is_err() {
            let mut written = writer.into_inner().written;
            written.truncate(before as usize);
            return Some((order as usize - 1, written));
        }
    }
    let before = writer.walk().bytes();
    let has_ended = writer.end().is_ok();
    let mut written = writer.into_inner().written;
    if !has_ended {
        written.truncate(before as usize);
    }
    Some((if has_ended { 11 } else { 10 }, written))
}

#[test]
fn what_was_whole_before_a_failed_write_is_read() {
    for fault in [Fault::NoSpace, Fault::Torn, Fault::Nothing] {
        let mut failures = 0;
        for nth in 1.. {
            // One that cannot begin has said so, and has no file that anybody would take for one.
            let Some((whole, bytes)) = recorded_until(nth, fault) else {
                failures += 1;
                continue;
            };
            let (found, ending) = read(&bytes, &keys(1));
            assert_eq!(found.len(), whole.min(10), "{fault:?} at {nth}");
            let is_whole = whole == 11;
            assert_eq!(ending.is_ok(), is_whole, "{fault:?} at {nth}");
            if is_whole {
                break;
            }
            failures += 1;
        }
        assert!(failures >= 12, "header, ten chunks and the end: {failures}");
    }
}
