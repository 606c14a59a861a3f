//! Stands between a proxy and its database, and breaks a row that carries a mark.
//!
//! A proxy that trusts its database passes on what it cannot read. The mark is in the statement:
//! `SELECT 'break:count', ssn FROM clinic.patients WHERE id = 1` asks for a row with a wrong count
//! of cells. All else goes through as it is, without TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::canary::contains;

/// SSLRequest and GSSENCRequest, from the length on; the answer to both is no.
const ENCRYPTION: [[u8; 8]; 2] = [[0, 0, 0, 8, 4, 210, 22, 47], [0, 0, 0, 8, 4, 210, 22, 48]];

/// Listens at `at` and leads to `database`, for as long as the process lives. Returns the address.
///
/// # Errors
/// Those of listening.
pub fn start(at: SocketAddr, database: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(at)?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || carry(client, database));
        }
    });
    Ok(address)
}

/// Carries one connection; whatever fails ends it.
fn carry(mut client: TcpStream, database: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(database)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut startup = first_packet(&mut client)?;
    while ENCRYPTION.iter().any(|request| startup == request) {
        client.write_all(b"N")?;
        startup = first_packet(&mut client)?;
    }
    server.write_all(&startup)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ended = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let ended = answers(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    ended
}

fn first_packet(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    client.read_exact(&mut packet)?;
    let length = packet.first_chunk::<4>().copied().unwrap_or_default();
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if !(8..=10_000).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    packet.resize(length, 0);
    client.read_exact(packet.get_mut(4..).unwrap_or_default())?;
    Ok(packet)
}

/// Frame by frame from the database to the client.
fn answers(server: &mut TcpStream, client: &mut TcpStream) -> io::Result<()> {
    let mut stray = Vec::new();
    loop {
        let mut frame = vec![0; 5];
        server.read_exact(&mut frame)?;
        let length = frame.get(1..5).and_then(<[u8]>::first_chunk::<4>);
        let length = u32::from_be_bytes(length.copied().unwrap_or_default());
        let length = usize::try_from(length).map_err(io::Error::other)?;
        frame.resize(length + 1, 0);
        server.read_exact(frame.get_mut(5..).unwrap_or_default())?;
        let tag = frame.first().copied().unwrap_or_default();
        match mark(&frame).filter(|_| tag == b'D') {
            None => client.write_all(&frame)?,
            Some(Mark::Dribble) => {
                for byte in frame {
                    client.write_all(&[byte])?;
                }
            }
            Some(Mark::Stray) => stray = frame,
            Some(mark) => client.write_all(&broken(mark, frame))?,
        }
        if tag == b'Z' {
            client.write_all(&std::mem::take(&mut stray))?;
        }
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Count,
    Negative,
    Beyond,
    Short,
    Huge,
    Unknown,
    Copy,
    Error,
    Stray,
    Dribble,
}

const MARKS: [(&str, Mark); 10] = [
    ("break:count", Mark::Count),
    ("break:negative", Mark::Negative),
    ("break:beyond", Mark::Beyond),
    ("break:short", Mark::Short),
    ("break:huge", Mark::Huge),
    ("break:unknown", Mark::Unknown),
    ("break:copy", Mark::Copy),
    ("break:error", Mark::Error),
    ("break:stray", Mark::Stray),
    ("break:dribble", Mark::Dribble),
];

fn mark(frame: &[u8]) -> Option<Mark> {
    let mut marks = MARKS.iter();
    let found = marks.find(|(text, _)| contains(frame, text.as_bytes()));
    found.map(|(_, mark)| *mark)
}

/// The row with one thing wrong. It has two cells, the first of them the mark.
fn broken(mark: Mark, mut row: Vec<u8>) -> Vec<u8> {
    let mut put = |at: usize, bytes: &[u8]| {
        let end = at + bytes.len();
        if let Some(place) = row.get_mut(at..end) {
            place.copy_from_slice(bytes);
        }
    };
    match mark {
        Mark::Count => put(5, &[0, 9]),
        Mark::Negative => put(7, &(-7_i32).to_be_bytes()),
        Mark::Beyond => put(7, &1_000_i32.to_be_bytes()),
        Mark::Short => put(1, &20_u32.to_be_bytes()),
        Mark::Huge => put(1, &0x7fff_ffff_u32.to_be_bytes()),
        Mark::Unknown => put(0, b"y"),
        Mark::Copy => put(0, b"d"),
        Mark::Error => put(0, b"E"),
        Mark::Stray | Mark::Dribble => {}
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_broken_by_its_mark() {
        let row = b"D\0\0\0\x1b\0\x02\0\0\0\x0bbreak:count\0\0\0\x02ab".to_vec();
        let found = mark(&row).map(|mark| broken(mark, row.clone()));
        assert_eq!(found.expect("a mark")[5..7], [0, 9]);
        assert!(mark(b"D\0\0\0\x06\0\0").is_none());
    }
}
