//! A connection to the database that outlives its client: what the database said when the log-in
//! was over, to be said to the next client too, and how the traces of the last one are cleared.
//!
//! `DISCARD ALL` puts back what the log-in set and drops the rest: parameters, the role, temporary
//! tables, prepared statements, cursors, advisory locks, LISTEN. What extensions keep in a backend
//! of their own accord it does not know.

use crate::bytes::{Outbox, Window};
use crate::error::Peer;
use crate::wire::postgres::frame::{self, HEADER_BYTES};
use crate::wire::postgres::message::{client, server};

/// A database that says more than this before it is ready is not reused.
pub const GREETING_BYTES: usize = 16 * 1024;
const CLEAR: &[u8] = b"DISCARD ALL\0";

/// What stands at the head of the window after the log-in, see [`greeting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Not all of it is there.
    NeedBytes,
    /// ParameterStatus, BackendKeyData and notices up to the ReadyForQuery, and nothing after it.
    Greeting,
    /// Anything else: such a connection serves one client.
    Other,
}

/// Says whether `unjudged`, all that came after AuthenticationOk, is a whole greeting.
pub fn greeting(unjudged: &[u8]) -> Head {
    let mut rest = unjudged;
    loop {
        let header = match frame::header(rest, Peer::Server) {
            Ok(Some(header)) => header,
            Ok(None) if unjudged.len() <= GREETING_BYTES => return Head::NeedBytes,
            Ok(None) | Err(_) => return Head::Other,
        };
        match header.tag {
            server::PARAMETER_STATUS | server::BACKEND_KEY_DATA | server::NOTICE_RESPONSE => {}
            server::READY_FOR_QUERY => {
                return match rest.len().cmp(&header.frame_bytes) {
                    std::cmp::Ordering::Less => Head::NeedBytes,
                    std::cmp::Ordering::Equal => Head::Greeting,
                    std::cmp::Ordering::Greater => Head::Other,
                };
            }
            _ => return Head::Other,
        }
        if header.frame_bytes > GREETING_BYTES {
            return Head::Other;
        }
        match rest.get(header.frame_bytes..) {
            Some(next) => rest = next,
            None => return Head::NeedBytes,
        }
    }
}

/// Where clearing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// Receive more.
    NeedBytes,
    /// The connection is as it was after its log-in; the window is empty.
    Yes,
    /// It is not, or the database said what is not understood: close it.
    No,
}

/// Puts a connection back to where its log-in left it.
pub struct Clearing {
    greeting: Vec<u8>,
    /// CommandComplete has come.
    is_complete: bool,
}

impl Clearing {
    /// Asks for it. The connection must be idle, outside of any transaction; `greeting` is what
    /// [`greeting()`] found whole when it began.
    pub fn ask(greeting: Vec<u8>, out: &mut Outbox) -> Self {
        frame::write(out.writer(), client::QUERY, |body| {
            body.extend_from_slice(CLEAR);
        });
        Self {
            greeting,
            is_complete: false,
        }
    }

    /// What the next client is greeted with; once.
    pub fn take_greeting(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.greeting)
    }

    /// Takes what arrived since [`Clearing::ask`].
    pub fn feed(&mut self, window: &mut Window) -> Cleared {
        loop {
            let header = match frame::header(window.unjudged(), Peer::Server) {
                Ok(Some(header)) if header.frame_bytes <= GREETING_BYTES => header,
                Ok(None) => return Cleared::NeedBytes,
                Ok(Some(_)) | Err(_) => return Cleared::No,
            };
            let Some(frame) = window.unjudged().get(..header.frame_bytes) else {
                return Cleared::NeedBytes;
            };
            let body = frame.get(HEADER_BYTES..).unwrap_or_default();
            let is_good = match header.tag {
                server::COMMAND_COMPLETE => {
                    !std::mem::replace(&mut self.is_complete, true) && body == CLEAR
                }
                // A parameter that went back to what the greeting says of it.
                server::PARAMETER_STATUS => says(&self.greeting, frame),
                server::NOTICE_RESPONSE => true,
                server::READY_FOR_QUERY => self.is_complete && body == b"I",
                _ => false,
            };
            if !is_good {
                return Cleared::No;
            }
            let is_last = header.tag == server::READY_FOR_QUERY;
            window.skip(header.frame_bytes);
            if is_last {
                return match window.unjudged().is_empty() {
                    true => Cleared::Yes,
                    false => Cleared::No,
                };
            }
        }
    }
}

/// Says goodbye to the database.
pub fn leave(out: &mut Outbox) {
    frame::write(out.writer(), client::TERMINATE, |_| {});
}

/// Is `frame` one of the greeting's?
fn says(greeting: &[u8], frame: &[u8]) -> bool {
    let mut rest = greeting;
    while let Ok(Some(header)) = frame::header(rest, Peer::Server) {
        let Some((first, next)) = rest.split_at_checked(header.frame_bytes) else {
            return false;
        };
        if first == frame {
            return true;
        }
        rest = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame::write(&mut out, tag, |out| out.extend_from_slice(body));
        out
    }

    fn login() -> Vec<u8> {
        [
            message(b'S', b"TimeZone\0Etc/UTC\0"),
            message(b'S', b"client_encoding\0UTF8\0"),
            message(b'K', &[0, 0, 0, 7, 1, 2, 3, 4]),
            message(b'Z', b"I"),
        ]
        .concat()
    }

    /// What feeding `answer` in two pieces, cut at `cut`, comes to.
    fn cleared(answer: &[u8], cut: usize) -> Cleared {
        let mut clearing = Clearing::ask(login(), &mut Outbox::new());
        let mut window = Window::default();
        let (first, second) = answer.split_at(cut);
        window.extend(first);
        match clearing.feed(&mut window) {
            Cleared::NeedBytes => {}
            other => return other,
        }
        window.extend(second);
        clearing.feed(&mut window)
    }

    #[test]
    fn a_greeting_is_whole_only_at_its_end() {
        let login = login();
        for end in 0..login.len() {
            assert_eq!(greeting(&login[..end]), Head::NeedBytes, "{end} bytes");
        }
        assert_eq!(greeting(&login), Head::Greeting);
        assert_eq!(greeting(&[&login[..], b"N"].concat()), Head::Other);
        assert_eq!(greeting(&message(b'E', b"S\0")), Head::Other);
        assert_eq!(greeting(b"S\0\0\0\0"), Head::Other, "a length of 0");
        assert_eq!(greeting(b"S\x7f\0\0\0"), Head::Other, "a large one");
    }

    #[test]
    fn a_cleared_connection_is_as_after_its_login_however_it_says_so() {
        let answer = [
            message(b'S', b"TimeZone\0Etc/UTC\0"),
            message(b'N', b"S\0"),
            message(b'C', CLEAR),
            message(b'Z', b"I"),
        ]
        .concat();
        for cut in 0..=answer.len() {
            assert_eq!(cleared(&answer, cut), Cleared::Yes, "cut at {cut}");
        }
    }

    #[test]
    fn whatever_else_it_says_it_is_not() {
        let (done, ready) = (message(b'C', CLEAR), message(b'Z', b"I"));
        let wrong: [&[Vec<u8>]; 8] = [
            std::slice::from_ref(&ready),
            &[done.clone(), done.clone(), ready.clone()],
            &[message(b'C', b"DISCARD TEMP\0"), ready.clone()],
            &[done.clone(), message(b'Z', b"T")],
            &[done.clone(), message(b'Z', b"E")],
            &[message(b'E', b"SERROR\0"), ready.clone()],
            &[message(b'A', b"\0\0\0\x07x\0canary\0"), done.clone()],
            &[message(b'S', b"TimeZone\0Asia/Tokyo\0"), done.clone()],
        ];
        for messages in wrong {
            let answer = messages.concat();
            for cut in 0..=answer.len() {
                let cleared = cleared(&answer, cut);
                assert_ne!(cleared, Cleared::Yes, "{}", answer.escape_ascii());
            }
        }
        let more = [done, ready, message(b'N', b"S\0")].concat();
        assert_eq!(cleared(&more, 0), Cleared::No, "something follows");
    }
}
