//! Body of the fuzz target: any bytes as a pack.

use sha2::{Digest, Sha256};

use super::{CHECKSUM_BYTES, Pack};

/// Whatever is read is written back as it was. The bytes are tried as they are, and with the
/// checksum mended, so that the fuzzer reaches what stands behind it.
pub fn run(bytes: &[u8]) {
    round_trip(bytes);
    if let Some(content) = bytes.len().checked_sub(CHECKSUM_BYTES) {
        let mut mended = bytes[..content].to_vec();
        mended.extend_from_slice(&Sha256::digest(&bytes[..content]));
        round_trip(&mended);
    }
}

fn round_trip(bytes: &[u8]) {
    if let Ok(pack) = Pack::read(bytes) {
        assert!(pack.write() == bytes, "a pack has one form");
    }
}
