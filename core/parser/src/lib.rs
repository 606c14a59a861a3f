//! PostgreSQL's own grammar behind one door: a text goes in, its parse tree comes out, within
//! limits.
//!
//! The grammar is C (libpg_query, made from PostgreSQL 18's source), so it has a package of its
//! own; `core` itself forbids unsafe code and knows only [`read`]. What the door holds:
//!
//! * A text of any bytes gives a tree or an error, in bounded time, memory and stack: its length
//!   is limited, the library checks its use of the stack, and a tree that is deeper or larger
//!   than the limits is refused before anybody else sees it.
//! * What changes how a server reads a text is an argument ([`Lexing`]) or an error.
//! * An error never quotes the text.
//! * A [`Census`] says what a tree holds by construction. Whoever walks a tree by hand can prove
//!   with it that nothing was missed.
#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "the grammar is C")]
mod c;
mod census;
mod depth;
mod likeness;
#[cfg(test)]
mod tests;

use std::ffi::CString;
use std::fmt;

use prost::Message;

pub use census::Census;
pub use likeness::is_alike;
/// The nodes of a tree.
pub use pg_query::protobuf as tree;

/// Stack that unpacking, visiting and dropping a tree of [`DEPTH_MAX`] levels takes at most, with
/// the visitor's share; see `the_deepest_tree_fits_the_stack`.
const STACK_BYTES: usize = 1536 * 1024;
/// What a thread that has less left gets for the time of a visit. The library itself uses up to
/// 2 MiB, which it checks, and half a MiB to say so.
const NEW_STACK_BYTES: usize = 4 * 1024 * 1024;
/// The deepest tree that is given out, whatever the limits say.
pub const DEPTH_MAX: usize = 192;
/// Levels of the packed form for a level of the tree (each node has a wrapper), and at its ends.
const PACKED_LEVELS: (usize, usize) = (2, 16);

/// Bounds of a text and its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text.
    pub text_bytes: usize,
    /// Nodes on the longest way from a statement down; at most [`DEPTH_MAX`] are heeded.
    pub depth: usize,
    /// Nodes of one statement.
    pub nodes: usize,
}

/// Settings of a session that change how the server reads a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lexing {
    /// `standard_conforming_strings`: a backslash in an ordinary literal is itself.
    pub standard_conforming_strings: bool,
    /// `backslash_quote` is not `off`: `\'` is a quote in a literal with escapes. In UTF-8, `on`
    /// and `safe_encoding` are the same.
    pub backslash_quote: bool,
    /// `client_encoding` is UTF-8. In another one a byte of a character can look like a
    /// backslash or a quote.
    pub utf8: bool,
}

impl Default for Lexing {
    /// A server's own defaults, and UTF-8.
    fn default() -> Self {
        Self {
            standard_conforming_strings: true,
            backslash_quote: true,
            utf8: true,
        }
    }
}

/// Why a text has no tree. Holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Longer than [`Limits::text_bytes`].
    TooLong,
    /// A NUL byte, which ends a text for the server.
    Nul,
    /// Not UTF-8, or the client's encoding is another one.
    NotUtf8,
    /// Deeper than [`Limits::depth`].
    TooDeep,
    /// More nodes than [`Limits::nodes`].
    TooManyNodes,
    /// The grammar refuses it; the server would, too, unless its grammar is another version's.
    Syntax,
    /// The tree came out in a form that this program does not know.
    Unreadable,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseError::TooLong => "the text is too long to be analysed",
            ParseError::Nul => "the text holds a NUL byte",
            ParseError::NotUtf8 => "the text is not UTF-8",
            ParseError::TooDeep => "the text is nested too deeply to be analysed",
            ParseError::TooManyNodes => "the text has too many parts to be analysed",
            ParseError::Syntax => "the text is not SQL as PostgreSQL 18 reads it",
            ParseError::Unreadable => "the parse tree is not understood",
        })
    }
}

impl std::error::Error for ParseError {}

/// One statement of a text.
pub struct Statement<'a> {
    /// Its root.
    pub node: &'a tree::node::Node,
    /// What it holds.
    pub census: Census,
}

/// What a part of a tree holds, wherever it stands in it; `None` if it cannot be gone through. The
/// tree has been within the limits.
pub fn census<T: serde::Serialize>(part: &T) -> Option<Census> {
    let limits = Limits {
        text_bytes: usize::MAX,
        depth: usize::MAX,
        nodes: usize::MAX,
    };
    census::take(part, &limits).ok()
}

/// Parses `text` and hands its statements to `visit`, on a stack that is large enough for the
/// deepest tree.
///
/// # Errors
/// See [`ParseError`]; `visit` is then not called.
pub fn read<R>(
    text: &[u8],
    lexing: Lexing,
    limits: &Limits,
    visit: impl FnOnce(&[Statement<'_>]) -> R,
) -> Result<R, ParseError> {
    if text.len() > limits.text_bytes {
        return Err(ParseError::TooLong);
    }
    if text.contains(&0) {
        return Err(ParseError::Nul);
    }
    if !lexing.utf8 {
        return Err(ParseError::NotUtf8);
    }
    let text = std::str::from_utf8(text).map_err(|_| ParseError::NotUtf8)?;
    let text = CString::new(text).map_err(|_| ParseError::Nul)?;
    let depth = limits.depth.min(DEPTH_MAX);
    let limits = &Limits { depth, ..*limits };
    stacker::maybe_grow(STACK_BYTES, NEW_STACK_BYTES, || {
        let parsed = c::parse(&text, lexing, |packed| {
            if depth::exceeds(packed, PACKED_LEVELS.0 * depth + PACKED_LEVELS.1) {
                return Err(ParseError::TooDeep);
            }
            tree::ParseResult::decode(packed).map_err(|_| ParseError::Unreadable)
        })??;
        let mut statements = Vec::with_capacity(parsed.stmts.len());
        for raw in &parsed.stmts {
            let root = raw.stmt.as_deref().ok_or(ParseError::Unreadable)?;
            statements.push(Statement {
                node: root.node.as_ref().ok_or(ParseError::Unreadable)?,
                census: census::take(root, limits)?,
            });
        }
        Ok(visit(&statements))
    })
}
