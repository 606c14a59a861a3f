//! Addresses of issuers and of their documents.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

/// Longest address.
const ADDRESS_BYTES: usize = 2_048;

/// An address that something may be fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// TLS, and verified; without it only where nobody else can be: on loopback.
    pub is_secure: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Host and port as the address has them.
    pub authority: String,
    /// From the first slash.
    pub path: String,
}

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPlace(&'static str);

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NoPlace {}

impl Place {
    /// Reads `https://host[:port][/path]`, or `http://` with a loopback address.
    ///
    /// # Errors
    /// A text that is none, or that has a user, a query or a fragment.
    pub fn read(text: &str) -> Result<Self, NoPlace> {
        if text.len() > ADDRESS_BYTES {
            return Err(NoPlace("the address is too long"));
        }
        if text.contains(['#', '?', '@', '\\']) {
            return Err(NoPlace(
                "no user, query or fragment belongs in such an address",
            ));
        }
        let uri: Uri = text.parse().map_err(|_| NoPlace("not an address"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(NoPlace("not a whole address"));
        };
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let is_secure = match scheme {
            "https" => true,
            "http" if is_loopback(host) => false,
            "http" => return Err(NoPlace("without TLS only a loopback address can be asked")),
            _ => return Err(NoPlace("not an address with https")),
        };
        if host.is_empty() {
            return Err(NoPlace("it names no host"));
        }
        let usual = if is_secure { 443 } else { 80 };
        Ok(Self {
            is_secure,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(usual),
            authority: authority.as_str().to_owned(),
            path: uri.path().to_owned(),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_trusted_is_an_address() {
        for (text, host, port, path) in [
            ("https://issuer.example", "issuer.example", 443, "/"),
            (
                "https://issuer.example:8443/realms/a",
                "issuer.example",
                8443,
                "/realms/a",
            ),
            ("http://127.0.0.1:9000", "127.0.0.1", 9000, "/"),
            ("http://[::1]:9000/x", "::1", 9000, "/x"),
        ] {
            let place = Place::read(text).unwrap();
            assert_eq!(
                (place.host.as_str(), place.port, place.path.as_str()),
                (host, port, path)
            );
        }
        for text in [
            "",
            "issuer.example",
            "/keys",
            "http://issuer.example",
            "http://localhost.example",
            "http://localhost",
            "http://127.0.0.1@evil.example/",
            "https://user@issuer.example",
            "https://issuer.example/?a=b",
            "https://issuer.example/#a",
            "https://issuer.example\\@evil.example",
            "file:///etc/passwd",
            "ftp://issuer.example",
            "https://issuer example",
        ] {
            assert!(Place::read(text).is_err(), "{text}");
        }
        assert!(Place::read(&format!("https://a.example/{}", "a".repeat(3_000))).is_err());
    }
}
