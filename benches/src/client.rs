//! A client that asks and reads as fast as it can.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Room for what is read at once: of a small answer, and of one that fills that.
const SMALL_BYTES: usize = 16 * 1024;
const BULK_BYTES: usize = 256 * 1024;

/// A session of `user` with the database `postgres` at a port of 127.0.0.1.
///
/// # Panics
/// If there is none.
pub fn connect(port: u16, user: &str) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    log_in(stream, user)
}

/// The same over a stream that is there already.
///
/// # Panics
/// If it fails.
pub fn log_in<S: Read + Write>(mut stream: S, user: &str) -> S {
    let mut body = 0x30000u32.to_be_bytes().to_vec();
    for text in ["user", user, "database", "postgres", ""] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    let length = (body.len() as u32 + 4).to_be_bytes();
    stream
        .write_all(&[&length[..], &body].concat())
        .expect("sent");
    until_ready(&mut stream, |_| {});
    stream
}

/// Asks, and reads the whole answer.
///
/// # Panics
/// If the connection breaks.
pub fn query<S: Read + Write>(stream: &mut S, sql: &str, sink: impl FnMut(&[u8])) {
    ask(stream, sql);
    until_ready(stream, sink);
}

/// Asks; the answer is read by [`until_ready`].
///
/// # Panics
/// If the connection breaks.
pub fn ask<S: Write>(stream: &mut S, sql: &str) {
    let mut message = vec![b'Q'];
    message.extend_from_slice(&(sql.len() as u32 + 5).to_be_bytes());
    message.extend_from_slice(sql.as_bytes());
    message.push(0);
    stream.write_all(&message).expect("sent");
}

/// Reads until the last bytes are a ReadyForQuery. No row of these tables ends so.
///
/// # Panics
/// If the connection breaks.
pub fn until_ready<S: Read>(stream: &mut S, mut sink: impl FnMut(&[u8])) {
    let mut buffer = vec![0; SMALL_BYTES];
    let mut tail = Vec::new();
    while !tail.ends_with(b"Z\0\0\0\x05I") {
        let count = stream.read(&mut buffer).expect("an answer");
        assert_ne!(
            count,
            0,
            "the connection was closed: {}",
            String::from_utf8_lossy(&tail)
        );
        let piece = &buffer[..count];
        sink(piece);
        tail.extend_from_slice(&piece[count.saturating_sub(6)..]);
        tail.drain(..tail.len().saturating_sub(6));
        if count == SMALL_BYTES {
            buffer.resize(BULK_BYTES, 0);
        }
    }
}
