//! A recording as a capture of packets (pcapng), for Wireshark and its like.
//!
//! The connection around the messages is made up: its addresses, sequence numbers and the start-up.
//! So is what the client sent, where that was not recorded: it is told from the statements as the
//! audit log has them.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use etherparse::PacketBuilder;
use velum_core::audit::record::{Body, Channel, Record};
use velum_core::recording::{Event, Kind};
use velum_core::time::Timestamp;
use velum_core::wire::postgres::message;

/// Payload of one packet.
const SEGMENT_BYTES: usize = 32 * 1024;
/// Raw IP.
const LINK_TYPE: u16 = 101;
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 5432);
const CLIENT: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 2), 50_000);
/// Of what the server says before the session's first record.
const EARLY_BYTES: usize = 64 * 1024;
const PROTOCOL_3_0: u32 = 0x0003_0000;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

/// Writes packets.
pub struct Capture<W> {
    out: W,
    began: Timestamp,
    client: (Ipv4Addr, u16),
    /// Next sequence numbers, the client's first.
    sent: [u32; 2],
    /// The client's own bytes are in the recording.
    has_client: bool,
    is_open: bool,
    /// What the server said before it was told whose session this is.
    early: Vec<u8>,
    packet: Vec<u8>,
}

impl<W: Write> Capture<W> {
    /// Begins a file. `has_client`: what the client sent will come as it is.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin(mut out: W, began: Timestamp, has_client: bool) -> io::Result<Self> {
        // Section header: byte order, version 1.0, length not known.
        let mut section = 0x1A2B_3C4Du32.to_le_bytes().to_vec();
        section.extend_from_slice(&[1, 0, 0, 0]);
        section.extend_from_slice(&u64::MAX.to_le_bytes());
        block(&mut out, 0x0A0D_0D0A, &section)?;
        // Interface: times are microseconds by default, packets of any length.
        let mut interface = LINK_TYPE.to_le_bytes().to_vec();
        interface.extend_from_slice(&[0; 6]);
        block(&mut out, 1, &interface)?;
        Ok(Self {
            out,
            began,
            client: CLIENT,
            sent: [1_000, 2_000],
            has_client,
            is_open: false,
            early: Vec::new(),
            packet: Vec::new(),
        })
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// Those of the file.
    pub fn take(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event.kind {
            Kind::Server if !self.is_open && self.early.len() < EARLY_BYTES => {
                self.early.extend_from_slice(event.bytes);
                Ok(())
            }
            Kind::Server => self.say(From::Server, event.micros, event.bytes),
            Kind::Client => self.say(From::Client, event.micros, event.bytes),
            Kind::Record => match Record::decode(event.bytes) {
                Ok(record) => self.record(&record, event.micros),
                Err(_) => Ok(()),
            },
            Kind::Description | Kind::Gap => Ok(()),
        }
    }

    /// Ends the connection.
    ///
    /// # Errors
    /// Those of the file.
    pub fn end(mut self, micros: u64) -> io::Result<()> {
        for from in [From::Client, From::Server] {
            self.packet(from, micros, Flags::Fin, &[])?;
        }
        self.out.flush()
    }

    fn record(&mut self, record: &Record, micros: u64) -> io::Result<()> {
        match &record.body {
            Body::SessionOpened {
                client_address,
                database,
                ..
            } => {
                if let Ok(SocketAddr::V4(address)) = client_address.parse() {
                    self.client = (*address.ip(), address.port());
                }
                self.open(micros, &record.identity, database)
            }
            Body::Intent { text, channel, .. } if !self.has_client => {
                let mut bytes = Vec::new();
                match channel {
                    Channel::Extended => {
                        message::write_parse(&mut bytes, b"", text.as_bytes());
                        message::write_bind(&mut bytes, b"", b"");
                        message::write_execute(&mut bytes, b"");
                    }
                    Channel::Simple | Channel::FunctionCall => {
                        message::write_query(&mut bytes, text.as_bytes());
                    }
                }
                self.say(From::Client, micros, &bytes)
            }
            Body::SessionClosed { .. } if !self.has_client => {
                self.say(From::Client, micros, b"X\0\0\0\x04")
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, micros: u64, user: &str, database: &str) -> io::Result<()> {
        if std::mem::replace(&mut self.is_open, true) {
            return Ok(());
        }
        self.packet(From::Client, micros, Flags::Syn, &[])?;
        self.packet(From::Server, micros, Flags::SynAck, &[])?;
        self.packet(From::Client, micros, Flags::Ack, &[])?;
        let mut startup = vec![0; 4];
        startup.extend_from_slice(&PROTOCOL_3_0.to_be_bytes());
        for text in ["user", user, "database", database] {
            startup.extend_from_slice(text.as_bytes());
            startup.push(0);
        }
        startup.push(0);
        let length = u32::try_from(startup.len()).unwrap_or(u32::MAX);
        startup[..4].copy_from_slice(&length.to_be_bytes());
        self.say(From::Client, micros, &startup)?;
        self.say(From::Server, micros, b"R\0\0\0\x08\0\0\0\0")?;
        let early = std::mem::take(&mut self.early);
        self.say(From::Server, micros, &early)
    }

    fn say(&mut self, from: From, micros: u64, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(SEGMENT_BYTES) {
            self.packet(from, micros, Flags::Push, part)?;
        }
        Ok(())
    }

    fn packet(&mut self, from: From, micros: u64, flags: Flags, bytes: &[u8]) -> io::Result<()> {
        let ((source, source_port), (target, target_port)) = match from {
            From::Client => (self.client, SERVER),
            From::Server => (SERVER, self.client),
        };
        let (own, other) = match from {
            From::Client => (0, 1),
            From::Server => (1, 0),
        };
        let (sequence, acknowledged) = (self.sent[own], self.sent[other]);
        let step = PacketBuilder::ipv4(source.octets(), target.octets(), 64).tcp(
            source_port,
            target_port,
            sequence,
            u16::MAX,
        );
        let step = match flags {
            Flags::Syn => step.syn(),
            Flags::SynAck => step.syn().ack(acknowledged),
            Flags::Ack => step.ack(acknowledged),
            Flags::Push => step.ack(acknowledged).psh(),
            Flags::Fin => step.ack(acknowledged).fin(),
        };
        self.packet.clear();
        step.write(&mut self.packet, bytes)
            .map_err(io::Error::other)?;
        let counts = matches!(flags, Flags::Syn | Flags::SynAck | Flags::Fin);
        let length = u32::try_from(bytes.len()).unwrap_or(0) + u32::from(counts);
        self.sent[own] = sequence.wrapping_add(length);
        self.write(micros)
    }

    fn write(&mut self, micros: u64) -> io::Result<()> {
        let time = (self.began.0 / 1_000).saturating_add(micros);
        let length = u32::try_from(self.packet.len()).unwrap_or(u32::MAX);
        let mut body = vec![0; 4];
        body.extend_from_slice(&((time >> 32) as u32).to_le_bytes());
        body.extend_from_slice(&(time as u32).to_le_bytes());
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(&self.packet);
        block(&mut self.out, 6, &body)
    }
}

#[derive(Clone, Copy)]
enum Flags {
    Syn,
    SynAck,
    Ack,
    Push,
    Fin,
}

/// A block: type, length, body filled up to 32 bits, length.
fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let padding = body.len().wrapping_neg() % 4;
    let length = u32::try_from(12 + body.len() + padding).unwrap_or(u32::MAX);
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(body)?;
    out.write_all(&[0; 3][..padding])?;
    out.write_all(&length.to_le_bytes())
}
