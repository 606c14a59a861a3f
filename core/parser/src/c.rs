//! The one call into C: text in, packed parse tree out. Nothing else here is unsafe.
//!
//! The library that `pg_query` builds is called without that package's own wrapper, which walks
//! every tree a second time and panics where it meets a shape that it does not expect. The
//! layouts below are those of `pg_query.h` in the pinned version.

use std::ffi::{CStr, c_char, c_int};

use crate::{Lexing, ParseError};

/// `PG_QUERY_DISABLE_BACKSLASH_QUOTE`
const NO_BACKSLASH_QUOTE: c_int = 16;
/// `PG_QUERY_DISABLE_STANDARD_CONFORMING_STRINGS`
const NO_STANDARD_STRINGS: c_int = 32;
/// `PG_QUERY_DISABLE_ESCAPE_STRING_WARNING`: warnings go to the process's stderr.
const NO_ESCAPE_WARNING: c_int = 64;

#[repr(C)]
struct Packed {
    bytes: usize,
    data: *mut c_char,
}

#[repr(C)]
struct Parsed {
    tree: Packed,
    stderr: *mut c_char,
    /// NULL if there is a tree.
    error: *mut Failure,
}

/// The beginning of `PgQueryError`.
#[repr(C)]
struct Failure {
    message: *mut c_char,
}

/// How the messages begin that a tree is too deep for the library.
const TOO_DEEP: [&[u8]; 2] = [
    b"stack depth limit exceeded",
    b"parse tree is nested too deeply",
];

unsafe extern "C" {
    fn pg_query_parse_protobuf_opts(text: *const c_char, options: c_int) -> Parsed;
    fn pg_query_free_protobuf_parse_result(parsed: Parsed);
}

/// The tree of `text` in its packed form, handed to `read`.
///
/// # Errors
/// [`ParseError::Syntax`] if the grammar refuses the text, [`ParseError::TooDeep`] if the library
/// could not go through its tree on the stack at hand.
pub(crate) fn parse<R>(
    text: &CStr,
    lexing: Lexing,
    read: impl FnOnce(&[u8]) -> R,
) -> Result<R, ParseError> {
    let mut options = NO_ESCAPE_WARNING;
    if !lexing.standard_conforming_strings {
        options |= NO_STANDARD_STRINGS;
    }
    if !lexing.backslash_quote {
        options |= NO_BACKSLASH_QUOTE;
    }
    let guard = serial::turn();
    // SAFETY: the text ends with a NUL and outlives the call. The library keeps its state by
    // thread, catches its own errors before it returns, and checks its use of the stack.
    let parsed = unsafe { pg_query_parse_protobuf_opts(text.as_ptr(), options) };
    drop(guard);
    let result = if parsed.error.is_null() && !parsed.tree.data.is_null() {
        // SAFETY: without an error, `data` points to `bytes` bytes that live until they are freed.
        let packed =
            unsafe { std::slice::from_raw_parts(parsed.tree.data.cast::<u8>(), parsed.tree.bytes) };
        Ok(read(packed))
    } else {
        // SAFETY: an error lives until it is freed, and its message is NULL or a C string.
        let message = unsafe {
            let message = parsed.error.as_ref().map(|failure| failure.message);
            message
                .filter(|message| !message.is_null())
                .map(|message| CStr::from_ptr(message))
        };
        let message = message.map_or(&b""[..], CStr::to_bytes);
        let is_deep = TOO_DEEP.iter().any(|start| message.starts_with(start));
        Err(if is_deep {
            ParseError::TooDeep
        } else {
            ParseError::Syntax
        })
    };
    // SAFETY: the result is the library's own, and nobody uses it after this.
    unsafe { pg_query_free_protobuf_parse_result(parsed) };
    result
}

/// As it is published, the library leads the process's stderr elsewhere for the time of a parse.
/// Two threads at that would lose it for good. It does not where `DEBUG` is defined, which this
/// repository's settings for cargo do.
mod serial {
    #[cfg(parser_redirects_stderr)]
    pub(super) fn turn() -> impl Sized {
        use std::sync::{Mutex, PoisonError};
        static TURN: Mutex<()> = Mutex::new(());
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(not(parser_redirects_stderr))]
    pub(super) fn turn() -> impl Sized {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a warning of the grammar's would be caught in.
    #[test]
    #[cfg(not(parser_redirects_stderr))]
    fn the_library_leaves_stderr_alone() {
        // SAFETY: as above; `stderr` is NULL or a C string until it is freed.
        let caught = unsafe {
            let parsed = pg_query_parse_protobuf_opts(c"select '\\'".as_ptr(), NO_STANDARD_STRINGS);
            pg_query_free_protobuf_parse_result(parsed);
            let parsed =
                pg_query_parse_protobuf_opts(c"select '\\\\'".as_ptr(), NO_STANDARD_STRINGS);
            assert!(parsed.error.is_null());
            let caught = !parsed.stderr.is_null() && *parsed.stderr != 0;
            pg_query_free_protobuf_parse_result(parsed);
            caught
        };
        assert!(!caught, "a warning was caught in the place of stderr");
    }
}
