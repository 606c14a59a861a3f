//! A server that answers as a recording says: whoever wants to see what a client saw asks it with a
//! client of their own. It has no database, and knows nothing that is not in the recording.
//!
//! A statement is one of the recording if its token is the recorded one, or if it is written as
//! the audit log has it. The same one twice is answered as it was the first and the second time.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use velum_core::audit::record::Channel;
use velum_core::audit::token::{Token, TokenKey};
use velum_core::bytes::Reader;
use velum_core::wire::postgres::frame::{self, HEADER_BYTES};

use super::index::{Entry, Index};
use super::read::ReadError;
use super::script::read_columns;

mod extended;

/// Longest message that is read of who asks.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// Requests before the start of a session.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// What can be asked.
pub struct Sandbox {
    index: Index,
    /// By which statements are known; without it those that are written as the audit log has them.
    tokens: Option<TokenKey>,
}

impl Sandbox {
    /// Of this recording.
    pub fn new(index: Index, tokens: Option<TokenKey>) -> Arc<Self> {
        Arc::new(Self { index, tokens })
    }

    /// Answers all who come.
    ///
    /// # Errors
    /// When nobody can come any more.
    pub fn run(self: &Arc<Self>, listener: &TcpListener) -> io::Result<()> {
        for stream in listener.incoming() {
            let (stream, sandbox) = (stream?, Arc::clone(self));
            std::thread::spawn(move || {
                // Who leaves in the middle is gone.
                let _over = sandbox.serve(stream);
            });
        }
        Ok(())
    }

    fn serve(&self, stream: TcpStream) -> Result<(), ReadError> {
        stream.set_nodelay(true)?;
        let mut asker = Asker {
            from: BufReader::new(stream.try_clone()?),
            to: BufWriter::new(stream),
        };
        if !asker.start(&self.index.parameters)? {
            return Ok(());
        }
        let mut visit = Visit::default();
        while let Some((tag, body)) = asker.message()? {
            match tag {
                b'X' => break,
                b'Q' => self.query(&mut visit, &mut asker, &body)?,
                _ => self.extended(&mut visit, &mut asker, tag, &body)?,
            }
        }
        Ok(())
    }

    fn query(&self, visit: &mut Visit, asker: &mut Asker, body: &[u8]) -> Result<(), ReadError> {
        visit.is_skipping = false;
        let text = Reader::new(body).cstr().unwrap_or_default();
        let Some((at, entry)) = self.find(visit, text, None) else {
            asker.refuse(&unknown(&self.index))?;
            return asker.ready(visit.status);
        };
        visit.cursor = at + 1;
        visit.status = entry.status;
        if entry.statement.channel != Channel::Extended {
            self.index.copy(&entry.whole, &mut asker.to)?;
            return Ok(asker.to.flush()?);
        }
        if let Some(description) = &entry.statement.description {
            if read_columns(description)
                .iter()
                .any(|column| column.is_binary)
            {
                let what = "the result was recorded in binary form";
                let hint = "ask for it by the extended protocol, with a client that reads that.";
                asker.refuse(&(what.to_owned(), hint.to_owned()))?;
                return asker.ready(visit.status);
            }
            asker.frame(b'T', description)?;
        }
        self.index.copy(&entry.rows, &mut asker.to)?;
        asker.ready(visit.status)
    }

    /// The next statement of the recording that this is, or else the first.
    fn find(
        &self,
        visit: &Visit,
        text: &[u8],
        binds: Option<&[Option<Vec<u8>>]>,
    ) -> Option<(usize, &Entry)> {
        let token = self.tokens.as_ref().map(|key| key.token(text));
        let squashed = squash(text);
        let is_it = |(_, entry): &(usize, &Entry)| {
            let statement = &entry.statement;
            let same =
                token == Some(statement.token) || squash(statement.text.as_bytes()) == squashed;
            same && binds.is_none_or(|binds| self.are_bound(binds, &statement.binds))
        };
        let entries = || self.index.entries.iter().enumerate();
        let later = entries().skip(visit.cursor).find(is_it);
        later.or_else(|| entries().find(is_it))
    }

    /// Without the key of the tokens, any values will do.
    fn are_bound(&self, binds: &[Option<Vec<u8>>], recorded: &[Option<Token>]) -> bool {
        let Some(key) = &self.tokens else {
            return binds.len() == recorded.len();
        };
        let bound = binds
            .iter()
            .map(|it| it.as_ref().map(|value| key.token(value)));
        bound.eq(recorded.iter().copied())
    }
}

/// How far somebody has come.
struct Visit {
    /// Behind the statement that was shown last.
    cursor: usize,
    /// Of the transaction.
    status: u8,
    /// After an error, until Sync.
    is_skipping: bool,
    prepared: Vec<(Vec<u8>, extended::Prepared)>,
    portals: Vec<(Vec<u8>, extended::Portal)>,
}

impl Default for Visit {
    fn default() -> Self {
        Self {
            cursor: 0,
            status: b'I',
            is_skipping: false,
            prepared: Vec::new(),
            portals: Vec::new(),
        }
    }
}

/// A message, and what could be done about it.
type Refusal = (String, String);

fn unknown(index: &Index) -> Refusal {
    let why = match (index.is_cut, index.has_gap) {
        (true, _) => ", which is cut",
        (_, true) => ", of which a part was dropped",
        _ => "",
    };
    (
        format!("this statement is not in the recording{why}"),
        "Ask what was asked, letter by letter; `velum sessions replay` shows it.".to_owned(),
    )
}

/// Without spaces that say nothing, and without a semicolon at the end.
fn squash(text: &[u8]) -> Vec<u8> {
    let words = text.split(|byte| byte.is_ascii_whitespace());
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    let mut squashed = words.join(&b' ');
    while squashed
        .last()
        .is_some_and(|last| matches!(last, b';' | b' '))
    {
        squashed.pop();
    }
    squashed
}

/// Who asks.
struct Asker {
    from: BufReader<TcpStream>,
    to: BufWriter<TcpStream>,
}

impl Asker {
    /// The start-up; false if there is no session to come.
    fn start(&mut self, parameters: &[Vec<u8>]) -> io::Result<bool> {
        loop {
            let mut head = [0; 8];
            self.from.read_exact(&mut head)?;
            let [a, b, c, d, code @ ..] = head;
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            if !(8..=MESSAGE_BYTES).contains(&length) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.from.read_exact(&mut vec![0; length - 8])?;
            match u32::from_be_bytes(code) {
                SSL_REQUEST | GSS_REQUEST => {
                    self.to.write_all(b"N")?;
                    self.to.flush()?;
                }
                CANCEL_REQUEST => return Ok(false),
                _ => break,
            }
        }
        self.frame(b'R', &[0; 4])?;
        for parameter in parameters {
            self.frame(b'S', parameter)?;
        }
        self.frame(b'K', &[0; 8])?;
        self.ready(b'I').map_err(io::Error::other)?;
        Ok(true)
    }

    /// The next message; `None` at the end.
    fn message(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        let mut head = [0; HEADER_BYTES];
        match self.from.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let [tag, a, b, c, d] = head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if !(4..=MESSAGE_BYTES).contains(&length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length - 4];
        self.from.read_exact(&mut body)?;
        Ok(Some((tag, body)))
    }

    fn frame(&mut self, tag: u8, body: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        frame::write(&mut bytes, tag, |out| out.extend_from_slice(body));
        self.to.write_all(&bytes)
    }

    fn ready(&mut self, status: u8) -> Result<(), ReadError> {
        self.frame(b'Z', &[status])?;
        Ok(self.to.flush()?)
    }

    fn refuse(&mut self, (message, hint): &Refusal) -> io::Result<()> {
        let mut body = Vec::new();
        for (tag, text) in [
            (b'S', "ERROR"),
            (b'V', "ERROR"),
            (b'C', "P0002"),
            (b'M', message),
            (b'H', hint),
        ] {
            body.push(tag);
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        self.frame(b'E', &body)
    }
}
