//! Body of the fuzz target: bytes that are read as a recording are what a writer writes of it.

use super::walk::{HEAD_BYTES, HEADER_BYTES};
use super::{Ending, Events, Header, Walk};

/// Walks over `bytes` as a file, its chunks taken as if they were not sealed.
pub fn fuzz_recording(bytes: &[u8]) {
    let Some((header, mut rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return;
    };
    let Ok(header) = Header::parse(header) else {
        return;
    };
    let mut walk = Walk::new(header);
    let mut last = 0;
    let mut written = header.to_bytes().to_vec();
    while let Some((head, behind)) = rest.split_first_chunk::<HEAD_BYTES>() {
        let Ok(head) = walk.head(head) else { return };
        let Some((body, behind)) = behind.split_at_checked(head.length) else {
            return;
        };
        assert_eq!(walk.next(head.stream, body.len()), head);
        written.extend_from_slice(&head.to_bytes());
        let mut again = Vec::new();
        let events = Events::after(last, body);
        let is_whole = events.map(|event| {
            event.map(|event| {
                last = event.order;
                event.encode(&mut again);
            })
        });
        if is_whole.collect::<Result<Vec<_>, _>>().is_ok() {
            assert_eq!(again, body);
        }
        if let Ok(ending) = Ending::parse(body) {
            assert_eq!(ending.to_bytes(), body);
        }
        written.extend_from_slice(body);
        walk.step(head, body);
        rest = behind;
    }
    assert_eq!(walk.bytes() as usize, written.len());
    assert!(bytes.starts_with(&written));
}
