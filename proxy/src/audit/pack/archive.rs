//! The container: a POSIX tar in zstd, and a digest of it all behind it.
//!
//! ```text
//! archive = zstd(tar) trailer
//! trailer = 0x184d2a5e | length u32 | "velum-pack/v1\0\0\0" | SHA-256 of what stands before it
//! ```
//!
//! The trailer is a frame that zstd skips (RFC 8878, 3.1.2; little-endian), so that other programs
//! unpack the archive as it is. Of each list of files there is exactly one tar: headers say nothing
//! but name and size. What differs from it is refused, and so is any byte that was changed.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

use super::{PackError, found, io_at};

const MAGIC: [u8; 4] = 0x184d_2a5e_u32.to_le_bytes();
const MARK: &[u8; 16] = b"velum-pack/v1\0\0\0";
const TRAILER_BYTES: usize = 4 + 4 + 16 + 32;
const BLOCK_BYTES: usize = 512;
const BUFFER_BYTES: usize = 1024 * 1024;
/// Fast, and within some per cent of the slower ones on records.
const LEVEL: i32 = 3;

/// Counts and hashes what goes through.
pub(in crate::audit) struct Hashed<I> {
    pub(in crate::audit) inner: I,
    pub(in crate::audit) hash: Sha256,
    pub(in crate::audit) bytes: u64,
}

impl<I> Hashed<I> {
    pub(in crate::audit) fn new(inner: I) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hash.update(into.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}

/// The one header of a file of this name and size.
fn header(path: &str, bytes: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

fn padding(bytes: u64) -> usize {
    (BLOCK_BYTES as u64).wrapping_sub(bytes) as usize % BLOCK_BYTES
}

/// Writes an archive.
pub(in crate::audit) struct Packer {
    tar: zstd::stream::write::Encoder<'static, Hashed<BufWriter<File>>>,
}

impl Packer {
    pub(in crate::audit) fn new(file: File) -> io::Result<Self> {
        let out = Hashed::new(BufWriter::with_capacity(BUFFER_BYTES, file));
        let mut tar = zstd::stream::write::Encoder::new(out, LEVEL)?;
        tar.include_checksum(true)?;
        Ok(Self { tar })
    }

    /// Appends a file, which has to have this size.
    pub(in crate::audit) fn add(
        &mut self,
        path: &str,
        bytes: u64,
        from: &mut dyn Read,
    ) -> io::Result<()> {
        self.tar.write_all(header(path, bytes)?.as_bytes())?;
        let copied = io::copy(&mut from.take(bytes), &mut self.tar)?;
        if copied != bytes {
            let what = format!("{path} has become shorter");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        self.tar.write_all(&[0; BLOCK_BYTES][..padding(bytes)])
    }

    /// Ends the archive; returns when it is on disk.
    pub(in crate::audit) fn finish(mut self) -> io::Result<()> {
        self.tar.write_all(&[0; 2 * BLOCK_BYTES])?;
        let out = self.tar.finish()?;
        let trailer = trailer(&out.hash.finalize());
        let mut file = out.inner;
        file.write_all(&trailer)?;
        file.into_inner()?.sync_all()
    }
}

fn trailer(sha256: &[u8]) -> Vec<u8> {
    let mut trailer = MAGIC.to_vec();
    trailer.extend_from_slice(&((TRAILER_BYTES - 8) as u32).to_le_bytes());
    trailer.extend_from_slice(MARK);
    trailer.extend_from_slice(sha256);
    trailer
}

/// Reads an archive.
pub(in crate::audit) struct Unpacker {
    tar: zstd::stream::read::Decoder<'static, BufReader<io::Take<File>>>,
}

impl Unpacker {
    /// Opens an archive whose bytes are those that were written; tells `progress` how many are
    /// looked at.
    pub(in crate::audit) fn open(
        mut file: File,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PackError> {
        let io = || io_at("the archive");
        let length = file.metadata().map_err(io())?.len();
        let Some(end) = length.checked_sub(TRAILER_BYTES as u64) else {
            return Err(found("the archive is no pack: it is too short"));
        };
        let mut whole = Hashed::new((&mut file).take(end));
        let mut block = vec![0; BUFFER_BYTES];
        while whole.read(&mut block).map_err(io())? > 0 {
            progress(whole.bytes);
        }
        let expected = trailer(&whole.hash.finalize());
        let mut there = Vec::new();
        file.read_to_end(&mut there).map_err(io())?;
        if there != expected {
            let is_pack = there.get(..24) == expected.get(..24);
            return Err(found(match is_pack {
                true => "the archive is not the one that was made: its digest does not fit",
                false => "the archive is no pack, or its end was cut off",
            }));
        }
        file.seek(SeekFrom::Start(0)).map_err(io())?;
        let from = BufReader::with_capacity(BUFFER_BYTES, file.take(end));
        let tar = zstd::stream::read::Decoder::with_buffer(from).map_err(io())?;
        Ok(Self { tar })
    }

    /// The size of the next file, which has to have this name.
    pub(in crate::audit) fn next(&mut self, path: &str) -> Result<u64, PackError> {
        let mut there = tar::Header::new_ustar();
        self.exact(there.as_mut_bytes(), path)?;
        let size = there.entry_size().unwrap_or(u64::MAX);
        let expected = header(path, size).map_err(io_at(path))?;
        match there.as_bytes() == expected.as_bytes() {
            true => Ok(size),
            false => Err(found(format!(
                "{path} should follow in the archive, and does not"
            ))),
        }
    }

    /// Gives the bytes of the file that [`Unpacker::next`] has named.
    pub(in crate::audit) fn content(
        &mut self,
        path: &str,
        bytes: u64,
        out: &mut dyn Write,
    ) -> Result<(), PackError> {
        let copied = io::copy(&mut (&mut self.tar).take(bytes), out).map_err(broken(path))?;
        let mut rest = [0; BLOCK_BYTES];
        let padding = &mut rest[..padding(bytes)];
        self.exact(padding, path)?;
        match copied == bytes && padding.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(found(format!(
                "{path} is cut off, or padded with something"
            ))),
        }
    }

    /// Nothing more follows.
    pub(in crate::audit) fn end(&mut self) -> Result<(), PackError> {
        let mut rest = Vec::new();
        let most = 2 * BLOCK_BYTES as u64 + 1;
        let read = (&mut self.tar).take(most).read_to_end(&mut rest);
        read.map_err(broken("the archive's end"))?;
        match rest == [0; 2 * BLOCK_BYTES] {
            true => Ok(()),
            false => Err(found("a file in the archive is not in the manifest")),
        }
    }

    fn exact(&mut self, into: &mut [u8], path: &str) -> Result<(), PackError> {
        self.tar.read_exact(into).map_err(broken(path))
    }
}

/// The archive's digest was right: then it was made so.
fn broken(path: &str) -> impl FnOnce(io::Error) -> PackError {
    let path = path.to_owned();
    move |error| found(format!("{path} cannot be unpacked: {error}"))
}
