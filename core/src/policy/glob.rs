//! Patterns of names: `*` is any run of characters, `?` is one.

use std::fmt;

/// PostgreSQL's names have at most 63 bytes; a longer pattern is a mistake.
const PATTERN_BYTES: usize = 255;

/// A compiled pattern. ASCII letters match in either case; everything else as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    /// ASCII lower case, runs of `*` collapsed.
    pattern: Box<[u8]>,
    /// Letters match in their own case only.
    keeps_case: bool,
}

/// Why a pattern does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobError {
    /// It has no character.
    Empty,
    /// It has more than 255 bytes.
    TooLong,
    /// A character that other pattern languages give a meaning (`[ ] { } \`) or a control
    /// character: taken literally it would silently match nothing.
    Unsupported(char),
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GlobError::Empty => f.write_str("the pattern is empty; `*` matches every name"),
            GlobError::TooLong => write!(f, "the pattern is longer than {PATTERN_BYTES} bytes"),
            GlobError::Unsupported(character) => write!(
                f,
                "{character:?} has no meaning in a pattern; only `*` (any characters) and `?` \
                 (one character) do"
            ),
        }
    }
}

impl std::error::Error for GlobError {}

impl Glob {
    /// True if it matches one name only.
    pub fn is_exact(&self) -> bool {
        !self.pattern.iter().any(|byte| matches!(byte, b'*' | b'?'))
    }

    /// Compiles `pattern`.
    ///
    /// # Errors
    /// See [`GlobError`].
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        if pattern.is_empty() {
            return Err(GlobError::Empty);
        }
        if pattern.len() > PATTERN_BYTES {
            return Err(GlobError::TooLong);
        }
        let odd = |c: char| c.is_control() || matches!(c, '[' | ']' | '{' | '}' | '\\');
        if let Some(character) = pattern.chars().find(|&c| odd(c)) {
            return Err(GlobError::Unsupported(character));
        }
        let mut compiled = pattern.to_ascii_lowercase().into_bytes();
        compiled.dedup_by(|b, a| *a == b'*' && *b == b'*');
        Ok(Self {
            pattern: compiled.into_boxed_slice(),
            keeps_case: false,
        })
    }

    /// The same for texts in which the case of letters counts.
    ///
    /// # Errors
    /// See [`GlobError`].
    pub fn in_case(pattern: &str) -> Result<Self, GlobError> {
        Self::new(pattern)?;
        let mut compiled = pattern.as_bytes().to_vec();
        compiled.dedup_by(|b, a| *a == b'*' && *b == b'*');
        Ok(Self {
            pattern: compiled.into_boxed_slice(),
            keeps_case: true,
        })
    }

    /// The pattern that matches every name.
    pub fn any() -> Self {
        Self {
            pattern: Box::new(*b"*"),
            keeps_case: false,
        }
    }

    fn fold(&self, byte: u8) -> u8 {
        match self.keeps_case {
            true => byte,
            false => byte.to_ascii_lowercase(),
        }
    }

    /// Does the whole of `name` match? Names may be any bytes; what is not UTF-8 is matched
    /// byte by byte.
    pub fn matches(&self, name: &[u8]) -> bool {
        let mut pattern = &self.pattern[..];
        let mut name = name;
        // Where to go on when a later part does not match: after the last `*`, one character on.
        let mut retry: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern.split_first(), name.split_first()) {
                (None, None) => return true,
                (Some((b'*', rest)), _) => {
                    retry = Some((rest, name));
                    pattern = rest;
                    continue;
                }
                (Some((b'?', rest)), Some(_)) => {
                    pattern = rest;
                    name = skip_character(name);
                    continue;
                }
                (Some((wanted, rest)), Some((byte, others))) if *wanted == self.fold(*byte) => {
                    pattern = rest;
                    name = others;
                    continue;
                }
                _ => {}
            }
            let Some((after_star, tried)) = retry else {
                return false;
            };
            if tried.is_empty() {
                return false;
            }
            let next = tried.get(1..).unwrap_or_default();
            retry = Some((after_star, next));
            pattern = after_star;
            name = next;
        }
    }
}

/// `name` without its first UTF-8 character; without its first byte if that is none.
fn skip_character(name: &[u8]) -> &[u8] {
    let length = name.utf8_chunks().next().map_or(1, |chunk| {
        chunk.valid().chars().next().map_or(1, char::len_utf8)
    });
    name.get(length..).unwrap_or_default()
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", String::from_utf8_lossy(&self.pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern).unwrap().matches(name.as_bytes())
    }

    #[test]
    fn literals_match_whole_names_in_either_case() {
        assert!(matches("ssn", "ssn"));
        assert!(matches("SSN", "ssn"));
        assert!(matches("ssn", "SsN"));
        assert!(!matches("ssn", "ssn2"));
        assert!(!matches("ssn", "xssn"));
        assert!(!matches("ssn", ""));
    }

    #[test]
    fn stars_and_marks() {
        assert!(matches("*", ""));
        assert!(matches("*", "anything"));
        assert!(matches("*ssn*", "patient_ssn_hash"));
        assert!(matches("a*b*c", "axxbyybzc"));
        assert!(!matches("a*b*c", "axxbyybz"));
        assert!(matches("a**b", "ab"));
        assert!(matches("mrn?", "mrn1"));
        assert!(!matches("mrn?", "mrn"));
        assert!(matches("na?e", "na\u{e4}e"));
        assert!(!matches("na??e", "na\u{e4}e"));
        assert!(matches("*\u{e4}", "xx\u{e4}"));
    }

    #[test]
    fn a_mark_takes_one_byte_of_what_is_not_utf8() {
        assert!(Glob::new("a?b").unwrap().matches(b"a\xffb"));
        assert!(Glob::new("*").unwrap().matches(b"\xff\xfe"));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(Glob::new(""), Err(GlobError::Empty));
        assert_eq!(Glob::new(&"x".repeat(256)), Err(GlobError::TooLong));
        assert_eq!(Glob::new("ss[nm]"), Err(GlobError::Unsupported('[')));
        assert_eq!(Glob::new("a\nb"), Err(GlobError::Unsupported('\n')));
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        let pattern = "a*".repeat(100);
        assert!(!matches(&pattern, &format!("{}b", "a".repeat(99))));
    }
}
