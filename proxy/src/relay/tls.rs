//! TLS on one socket: records in, plain bytes out, and the other way round. No I/O here.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use sha2::{Digest, Sha256, Sha384, Sha512};
use velum_core::bytes::{Outbox, Window};
use velum_core::identity::spiffe::SpiffeId;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::op::Sealed;

/// Plain bytes that are turned into records at a time: what a slow reader can hold up.
const SEAL_BYTES: usize = 256 * 1024;
/// Slices that go into one call of rustls.
const SLICES: usize = 64;

/// What [`Tls::pull`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulled {
    /// The window has new bytes.
    Bytes,
    /// Nothing is left: receive more.
    Nothing,
    /// The peer ended the stream.
    End,
}

/// The peer broke TLS. An alert may wait in [`Tls::records`].
#[derive(Debug)]
pub(super) struct Broken;

/// One TLS connection.
pub(super) struct Tls {
    connection: Connection,
    /// Records that rustls has not taken yet: `cipher[taken..filled]`.
    cipher: Vec<u8>,
    taken: usize,
    filled: usize,
    /// The last pull ended because the window was full.
    behind: bool,
}

impl Tls {
    pub(super) fn server(config: &Arc<ServerConfig>) -> Result<Self, Broken> {
        let connection = ServerConnection::new(Arc::clone(config)).map_err(|_| Broken)?;
        Ok(Self::new(connection.into()))
    }

    pub(super) fn client(
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, Broken> {
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(|_| Broken)?;
        Ok(Self::new(connection.into()))
    }

    fn new(connection: Connection) -> Self {
        Self {
            connection,
            cipher: Vec::new(),
            taken: 0,
            filled: 0,
            behind: true,
        }
    }

    /// Takes a buffer with `n` bytes of records. The one before must be used up: receive only
    /// after [`Tls::pull`] said [`Pulled::Nothing`].
    pub(super) fn absorb(&mut self, buffer: Vec<u8>, n: usize) {
        debug_assert_eq!(self.taken, self.filled, "records left over");
        self.cipher = buffer;
        self.taken = 0;
        self.filled = n;
    }

    /// The buffer of used-up records, for the pool.
    pub(super) fn spent(&mut self) -> Option<Vec<u8>> {
        if self.taken < self.filled || self.cipher.is_empty() {
            return None;
        }
        (self.taken, self.filled) = (0, 0);
        Some(std::mem::take(&mut self.cipher))
    }

    /// True until the handshake is complete.
    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// True if plain bytes may wait to be pulled without receiving more.
    pub(super) fn may_pull(&self) -> bool {
        self.behind || self.has_records()
    }

    fn has_records(&self) -> bool {
        self.taken < self.filled
    }

    /// Lets rustls work on the records that have come, up to the end of the handshake.
    pub(super) fn shake(&mut self) -> Result<(), Broken> {
        while self.has_records() && self.connection.is_handshaking() {
            self.take_records()?;
        }
        Ok(())
    }

    /// Decrypts into the window's spare room until that is full or records run out.
    pub(super) fn pull(&mut self, window: &mut Window) -> Result<Pulled, Broken> {
        let mut pulled = Pulled::Nothing;
        loop {
            let spare = window.spare_mut();
            if spare.is_empty() {
                self.behind = true;
                return Ok(pulled);
            }
            match self.connection.reader().read(spare) {
                Ok(0) => {
                    return Ok(if pulled == Pulled::Bytes {
                        pulled
                    } else {
                        Pulled::End
                    });
                }
                Ok(n) => {
                    window.commit(n);
                    pulled = Pulled::Bytes;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // rustls says UnexpectedEof where a close_notify is missing.
                Err(_) => return Ok(Pulled::End),
            }
            self.behind = false;
            if !self.has_records() {
                return Ok(pulled);
            }
            self.take_records()?;
        }
    }

    /// Gives rustls one helping of records.
    fn take_records(&mut self) -> Result<(), Broken> {
        let mut records = self.cipher.get(self.taken..self.filled).unwrap_or_default();
        let before = records.len();
        let read = self.connection.read_tls(&mut records);
        self.taken += before - records.len();
        match read {
            // After close_notify nothing counts any more.
            Ok(0) => self.taken = self.filled,
            Ok(_) => {}
            Err(_) => return Err(Broken),
        }
        self.connection
            .process_new_packets()
            .map(drop)
            .map_err(|_| Broken)
    }

    /// Encrypts released bytes and notes them as sent.
    pub(super) fn seal_window(&mut self, window: &mut Window, buffer: Vec<u8>) -> Option<Sealed> {
        let mut out = buffer;
        let mut budget = SEAL_BYTES;
        while budget > 0 && window.released_bytes() > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut used = 0;
            for (place, slice) in slices.iter_mut().zip(window.released().slices()) {
                *place = IoSlice::new(slice);
                used += 1;
            }
            let n = self.write(slices.get(..used).unwrap_or_default(), &mut out);
            if n == 0 {
                break;
            }
            window.consume(n);
            budget = budget.saturating_sub(n);
        }
        self.finish(out)
    }

    /// Encrypts authored bytes and notes them as sent.
    pub(super) fn seal_outbox(&mut self, outbox: &mut Outbox, buffer: Vec<u8>) -> Option<Sealed> {
        let mut out = buffer;
        while !outbox.is_empty() {
            let n = self.write(&[IoSlice::new(outbox.pending())], &mut out);
            if n == 0 {
                break;
            }
            outbox.consume(n);
        }
        self.finish(out)
    }

    /// Says goodbye.
    pub(super) fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// True if the handshake, an alert or a key update has something to send.
    pub(super) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// What the connection itself has to say.
    pub(super) fn records(&mut self, buffer: Vec<u8>) -> Option<Sealed> {
        self.finish(buffer)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], out: &mut Vec<u8>) -> usize {
        // Writing to rustls fails only for a want of memory, and to a Vec never.
        let n = self.connection.writer().write_vectored(slices).unwrap_or(0);
        self.drain(out);
        n
    }

    fn drain(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            if self.connection.write_tls(out).unwrap_or(0) == 0 {
                break;
            }
        }
    }

    fn finish(&mut self, mut out: Vec<u8>) -> Option<Sealed> {
        self.drain(&mut out);
        (!out.is_empty()).then(|| Sealed::new(out))
    }

    /// True if the client negotiated the protocol's own ALPN name.
    pub(super) fn alpn_is_postgresql(&self) -> bool {
        self.connection.alpn_protocol() == Some(b"postgresql")
    }

    /// Common name and subject alternative names of the peer's verified certificate.
    pub(super) fn peer_names(&self) -> Vec<String> {
        let Some(certificate) = self.connection.peer_certificates().and_then(<[_]>::first) else {
            return Vec::new();
        };
        certificate_names(certificate)
    }

    /// The workload of a trust domain that the peer's verified certificate names.
    pub(super) fn peer_workload(&self, trust_domain: &str) -> Option<SpiffeId> {
        let certificate = self.connection.peer_certificates()?.first()?;
        workload(certificate).filter(|id| id.trust_domain() == trust_domain)
    }

    /// RFC 5929 `tls-server-end-point` of the peer's certificate.
    pub(super) fn peer_end_point(&self) -> Option<Vec<u8>> {
        server_end_point(self.connection.peer_certificates()?.first()?)
    }
}

fn certificate_names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    let mut names: Vec<String> = certificate
        .subject()
        .iter_common_name()
        .filter_map(|name| name.as_str().ok().map(str::to_owned))
        .collect();
    if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
        names.extend(
            alternatives
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    GeneralName::DNSName(name)
                    | GeneralName::URI(name)
                    | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
                    _ => None,
                }),
        );
    }
    names
}

/// The SPIFFE ID of an X509-SVID: its only URI, and no authority's. Two URIs are nobody's.
fn workload(der: &[u8]) -> Option<SpiffeId> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    if certificate.is_ca() {
        return None;
    }
    let names = certificate.subject_alternative_name().ok()??;
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    let uris: Vec<String> = names.value.general_names.iter().filter_map(uri).collect();
    match uris.as_slice() {
        [uri] => SpiffeId::read(uri).ok(),
        _ => None,
    }
}

/// Hash of a certificate for channel binding, RFC 5929 section 4.1: the hash of its signature
/// algorithm, SHA-256 in the place of MD5 and SHA-1. `None` if the algorithm has no hash of its
/// own, such as Ed25519.
pub fn server_end_point(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    match algorithm.as_str() {
        // md5, sha1 and sha256 with RSA; sha1 and sha256 with ECDSA.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => Some(Sha256::digest(der).to_vec()),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(Sha384::digest(der).to_vec()),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(Sha512::digest(der).to_vec()),
        _ => None,
    }
}
