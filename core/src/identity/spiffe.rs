//! SPIFFE IDs: names of workloads, as their certificates have them.
//!
//! <https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>

use std::fmt;

/// Longest ID.
const ID_BYTES: usize = 2_048;
/// Longest trust domain.
const DOMAIN_BYTES: usize = 255;

/// `spiffe://trust-domain/path`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpiffeId {
    text: String,
    /// Where the trust domain ends.
    path_at: usize,
}

/// What is wrong with a text that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSpiffeId {
    /// A fixed text.
    pub what: &'static str,
}

impl fmt::Display for InvalidSpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a SPIFFE ID of a workload: {}", self.what)
    }
}

impl std::error::Error for InvalidSpiffeId {}

impl SpiffeId {
    /// Reads the ID of a workload. There is one spelling of each.
    ///
    /// # Errors
    /// Another scheme, a trust domain or path with characters that none has, no path (which names
    /// the trust domain itself), or more than 2,048 bytes.
    pub fn read(text: &str) -> Result<Self, InvalidSpiffeId> {
        let wrong = |what| InvalidSpiffeId { what };
        if text.len() > ID_BYTES {
            return Err(wrong("it is too long"));
        }
        const SCHEME: &str = "spiffe://";
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or(wrong("it does not begin with spiffe://"))?;
        let (domain, path) = rest.split_once('/').ok_or(wrong("it has no path"))?;
        if !is_trust_domain(domain) {
            return Err(wrong(
                "its trust domain has other characters than a-z, 0-9, `.`, `-`, `_`",
            ));
        }
        for segment in path.split('/') {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            if matches!(segment, "" | "." | "..") {
                return Err(wrong(
                    "a part of its path is empty or stands for another one",
                ));
            }
            if !segment.bytes().all(plain) {
                return Err(wrong(
                    "its path has other characters than letters, digits, `.`, `-`, `_`",
                ));
            }
        }
        Ok(Self {
            text: text.to_owned(),
            path_at: SCHEME.len() + domain.len(),
        })
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose authority vouches for it.
    pub fn trust_domain(&self) -> &str {
        let named = self.text.get(..self.path_at).unwrap_or_default();
        named.rsplit('/').next().unwrap_or_default()
    }
}

/// Is this the name of a trust domain?
pub fn is_trust_domain(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=DOMAIN_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_each() {
        let id = SpiffeId::read("spiffe://prod.example/ns/ehr/sa/loader").map_err(|it| it.what);
        let domain = id.as_ref().map(SpiffeId::trust_domain);
        assert_eq!(domain, Ok("prod.example"));
        for text in [
            "",
            "spiffe://",
            "spiffe://prod.example",
            "spiffe://prod.example/",
            "spiffe:///path",
            "SPIFFE://prod.example/a",
            "https://prod.example/a",
            "spiffe://Prod.example/a",
            "spiffe://prod.example:8443/a",
            "spiffe://user@prod.example/a",
            "spiffe://pr\u{43e}d.example/a",
            "spiffe://prod.example//a",
            "spiffe://prod.example/a/",
            "spiffe://prod.example/./a",
            "spiffe://prod.example/a/../b",
            "spiffe://prod.example/a%2fb",
            "spiffe://prod.example/a?b",
            "spiffe://prod.example/a#b",
            "spiffe://prod.example/a b",
            "spiffe://prod.example/a\0",
        ] {
            assert!(SpiffeId::read(text).is_err(), "{text}");
        }
        let long = format!("spiffe://prod.example/{}", "a".repeat(2_048));
        assert!(SpiffeId::read(&long).is_err());
    }
}
