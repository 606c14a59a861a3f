//! Reading.

use std::io::{self, Read};

const READ_BYTES: usize = 64 * 1024;

/// Appends what the stream has, at most 64 KiB; false at its end.
pub(super) fn fill(stream: &mut impl Read, held: &mut Vec<u8>) -> io::Result<bool> {
    let before = held.len();
    held.resize(before + READ_BYTES, 0);
    loop {
        let read = stream.read(&mut held[before..]);
        if read
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
        {
            continue;
        }
        held.truncate(before + *read.as_ref().unwrap_or(&0));
        return read.map(|count| count > 0);
    }
}

/// Hands out at most so many bytes at once.
#[cfg(test)]
pub(super) struct Slow<'b>(pub(super) &'b [u8], pub(super) usize);

#[cfg(test)]
impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(into.len()).min(self.0.len());
        into[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}
