//! The file operations that a log needs: through io_uring, through plain system calls, and with
//! faults in tests.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

pub(crate) use super::disk::sync_directory;
use super::{disk, segment};

/// Makes, writes and syncs segments. A log holds one file at a time.
#[allow(
    async_fn_in_trait,
    reason = "the control thread's futures never cross threads"
)]
pub trait Medium {
    /// An open segment.
    type File;

    /// Makes a segment that begins with `sequence`, of `bytes` bytes, header and name on disk.
    ///
    /// # Errors
    /// The system's; nothing was promised for this segment yet.
    async fn create(&self, sequence: u64, bytes: u64) -> io::Result<Self::File>;

    /// Writes `bytes` at offset `at`; returns how many were written, and the buffer.
    async fn write_at(
        &self,
        file: &Self::File,
        bytes: Vec<u8>,
        at: u64,
    ) -> (io::Result<usize>, Vec<u8>);

    /// Returns when all bytes written so far are on disk.
    ///
    /// # Errors
    /// The system's; what was written since the last sync may be lost.
    async fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Cuts the segment to the bytes that were used, and closes it.
    ///
    /// # Errors
    /// The system's.
    async fn finish(&self, file: Self::File, bytes: u64) -> io::Result<()>;
}

/// A directory, by plain system calls that block the thread.
#[derive(Debug)]
pub struct PlainDisk {
    directory: PathBuf,
}

impl PlainDisk {
    /// Segments in `directory`.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }
}

impl Medium for PlainDisk {
    type File = Made;

    async fn create(&self, sequence: u64, bytes: u64) -> io::Result<Made> {
        create_segment(&self.directory, sequence, bytes, OFlags::empty())
    }

    async fn write_at(&self, file: &Made, bytes: Vec<u8>, at: u64) -> (io::Result<usize>, Vec<u8>) {
        (disk::write_at(&file.file, &bytes, at), bytes)
    }

    async fn sync(&self, file: &Made) -> io::Result<()> {
        disk::sync_data(&file.file)?;
        file.check()
    }

    async fn finish(&self, file: Made, bytes: u64) -> io::Result<()> {
        disk::set_len(&file.file, bytes)?;
        disk::sync_all(&file.file)
    }
}

/// A directory, by io_uring: the thread does other work while the disk is busy. Must be used
/// inside of a tokio-uring runtime.
#[derive(Debug)]
pub struct RingDisk {
    directory: PathBuf,
}

impl RingDisk {
    /// Segments in `directory`.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }
}

/// A segment of a [`RingDisk`].
pub struct RingFile {
    ring: tokio_uring::fs::File,
    /// For what tokio-uring has no operation.
    plain: Made,
}

impl Medium for RingDisk {
    type File = RingFile;

    async fn create(&self, sequence: u64, bytes: u64) -> io::Result<RingFile> {
        let plain = create_segment(&self.directory, sequence, bytes, OFlags::DSYNC)?;
        Ok(RingFile {
            ring: tokio_uring::fs::File::from_std(plain.file.try_clone()?),
            plain,
        })
    }

    async fn write_at(
        &self,
        file: &RingFile,
        bytes: Vec<u8>,
        at: u64,
    ) -> (io::Result<usize>, Vec<u8>) {
        file.ring.write_at(bytes, at).submit().await
    }

    async fn sync(&self, file: &RingFile) -> io::Result<()> {
        // O_DSYNC: the write has ended with a sync, and with the error of that sync. Two
        // operations would cross to the kernel's workers and back twice.
        file.plain.check()
    }

    async fn finish(&self, file: RingFile, bytes: u64) -> io::Result<()> {
        file.plain.file.set_len(bytes)?;
        file.ring.sync_all().await?;
        file.ring.close().await
    }
}

/// A segment as it was made.
pub struct Made {
    file: File,
    size_bytes: u64,
}

impl Made {
    /// What was written is still there for a reader to find.
    fn check(&self) -> io::Result<()> {
        let now = rustix::fs::fstat(&self.file)?;
        if now.st_nlink == 0 {
            return Err(io::Error::other("the segment was removed"));
        }
        match u64::try_from(now.st_size) {
            Ok(size_bytes) if size_bytes >= self.size_bytes => Ok(()),
            _ => Err(io::Error::other("the segment was cut")),
        }
    }
}

/// Once in a segment's life, so it may block.
fn create_segment(directory: &Path, sequence: u64, bytes: u64, flags: OFlags) -> io::Result<Made> {
    let path = directory.join(segment::file_name(sequence));
    disk::name()?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .custom_flags(flags.bits().cast_signed())
        .mode(0o600)
        .open(path)?;
    preallocate(&file, bytes)?;
    disk::write_all_at(&file, &segment::header(sequence), 0)?;
    disk::sync_all(&file)?;
    sync_directory(directory)?;
    let size_bytes = file.metadata()?.len();
    Ok(Made { file, size_bytes })
}

/// Takes the space now, so that a full disk shows before anything was promised.
fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    disk::name()?;
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        // A file system that cannot: writes take the space as they come.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        other => Ok(other?),
    }
}
