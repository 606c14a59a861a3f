//! The bytes of a segment.
//!
//! ```text
//! segment = header frame* zero*
//! header  = "VELUMLOG" | version u32 | 0 u32 | first sequence u64 | crc32c u32 | 0 u32
//! frame   = length u32 | crc32c u32 | sequence u64 | durable u64 | payload (length bytes)
//! ```
//!
//! Numbers are big-endian. A frame's checksum covers all of it but itself. `durable` is the
//! last sequence that was known to be on disk when the frame was written: it tells a torn tail,
//! which nobody was promised, from damage to what had been acknowledged. Segments are made at
//! full size, so a length of 0 followed by nothing but zeros is the end.

/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 32;
/// Bytes of a frame before its payload.
pub const FRAME_HEADER_BYTES: usize = 24;
/// Longest payload.
pub const PAYLOAD_BYTES: usize = velum_core::limits::RECORD_BYTES;

const MAGIC: &[u8; 8] = b"VELUMLOG";
const VERSION: u32 = 1;
const EXTENSION: &str = ".velumlog";

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'b> {
    /// Counts up from 1 over all segments of a log.
    pub sequence: u64,
    /// Last sequence on disk when this frame was written.
    pub durable: u64,
    /// Canonical bytes of a record.
    pub payload: &'b [u8],
    /// Where the next frame begins.
    pub end: usize,
}

/// What stands at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'b> {
    /// A whole frame.
    Frame(Frame<'b>),
    /// Nothing but zeros, or nothing at all.
    End,
    /// Neither.
    Bad,
}

/// Name of the segment that begins with `sequence`.
pub fn file_name(sequence: u64) -> String {
    format!("{sequence:020}{EXTENSION}")
}

/// The sequence that a segment's name promises.
pub fn sequence_of(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(EXTENSION)?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// The header of the segment that begins with `sequence`.
pub fn header(sequence: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_be_bytes());
    header[16..24].copy_from_slice(&sequence.to_be_bytes());
    let crc = crc32c::crc32c(&header[..24]);
    header[24..28].copy_from_slice(&crc.to_be_bytes());
    header
}

/// The sequence that a segment begins with; `None` if it has no whole header.
pub fn first_sequence(segment: &[u8]) -> Option<u64> {
    let sequence = u64_at(segment, 16)?;
    (segment.get(..HEADER_BYTES)? == header(sequence)).then_some(sequence)
}

/// Appends a frame. `payload` is at most [`PAYLOAD_BYTES`] long, which the caller checks.
pub fn push_frame(out: &mut Vec<u8>, sequence: u64, durable: u64, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&durable.to_be_bytes());
    out.extend_from_slice(payload);
    let crc = checksum(&out[start..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_be_bytes());
}

/// What stands at offset `at`.
pub fn place(segment: &[u8], at: usize) -> Place<'_> {
    match frame(segment, at) {
        Some(frame) => Place::Frame(frame),
        None if is_zero(segment.get(at..).unwrap_or_default()) => Place::End,
        None => Place::Bad,
    }
}

/// What stands at offset `at`: a frame, or nothing but zeros to the end.
///
/// # Errors
/// What is wrong with bytes that are neither.
pub fn inspect(segment: &[u8], at: usize) -> Result<Option<Frame<'_>>, &'static str> {
    match place(segment, at) {
        Place::Frame(frame) => return Ok(Some(frame)),
        Place::End => return Ok(None),
        Place::Bad => {}
    }
    let (Some(length), Some(_)) = (u32_at(segment, at), u64_at(segment, at + 16)) else {
        return Err("the frame's head is cut off");
    };
    let length = length as usize;
    if length == 0 || length > PAYLOAD_BYTES {
        return Err("the frame has a length that no record has");
    }
    let end = at + FRAME_HEADER_BYTES + length;
    let Some(bytes) = segment.get(at..end) else {
        return Err("the frame reaches beyond the segment");
    };
    match u32_at(bytes, 4) == Some(checksum(bytes)) {
        false => Err("the frame's checksum does not fit its bytes"),
        true => Err("the frame says that it was on disk before it was written"),
    }
}

/// The first whole frame after `at` whose sequence lies above `above`: what a torn write may
/// have left behind a hole.
pub fn next_frame_after(segment: &[u8], at: usize, above: u64) -> Option<Frame<'_>> {
    let room = segment.len().saturating_sub(at);
    let highest = above.saturating_add(1 + (room / FRAME_HEADER_BYTES) as u64);
    (at + 1..segment.len()).find_map(|at| {
        let sequence = u64_at(segment, at + 8)?;
        // Cheap, and rules out nearly every place before a checksum is computed.
        if sequence <= above || sequence > highest {
            return None;
        }
        frame(segment, at)
    })
}

fn frame(segment: &[u8], at: usize) -> Option<Frame<'_>> {
    let length = u32_at(segment, at)? as usize;
    if length == 0 || length > PAYLOAD_BYTES {
        return None;
    }
    let end = at.checked_add(FRAME_HEADER_BYTES)?.checked_add(length)?;
    let bytes = segment.get(at..end)?;
    let frame = Frame {
        sequence: u64_at(bytes, 8)?,
        durable: u64_at(bytes, 16)?,
        payload: bytes.get(FRAME_HEADER_BYTES..)?,
        end,
    };
    (u32_at(bytes, 4)? == checksum(bytes) && frame.durable < frame.sequence).then_some(frame)
}

fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..])
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// True if there is no other byte than 0.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    // In blocks, so that the compiler vectorises it: a fresh segment has 64 MiB of them.
    let (blocks, rest) = bytes.as_chunks::<64>();
    let block_is_zero = |block: &[u8; 64]| block.iter().fold(0, |all, byte| all | byte) == 0;
    blocks.iter().all(block_is_zero) && rest.iter().all(|byte| *byte == 0)
}
