//! Bind: which statement a portal runs, in which formats, with which values.
//!
//! A Bind may carry a value of any size, so it is read in parts: names and formats are kept,
//! values only as tokens.

use std::rc::Rc;

use crate::audit::record::Channel;
use crate::audit::token::{Token, TokenKey, TokenStream};
use crate::bytes::Window;
use crate::cell::Encoding;
use crate::error::{Peer, Violation};
use crate::inspect::Inspect;
use crate::limits;
use crate::sql::SearchPath;
use crate::time::Timestamp;

use super::super::frame::{HEADER_BYTES, Header};
use super::admission::Refused;
use super::client::{check_name, too_many_portals, violation};
use super::pipeline::Awaited;
use super::shape::{self, Formats};
use super::statements::{Elements, Portal, Statement};
use super::{CLIENT, Halt, Session, Step};

const MALFORMED: Violation = Violation {
    peer: Peer::Client,
    what: "malformed Bind",
};
/// Values that a record names; of the others it says that they were.
const RECORDED_VALUES: usize = 1_000;
/// NAMEDATALEN is 64, but the server takes names of any length and cuts them.
const NAME_BYTES: usize = 16 * 1024;

/// What comes next.
enum Expect {
    PortalName,
    StatementName,
    /// Parameter formats: how many are left once their count is known.
    ParameterFormats(Option<u16>),
    ParameterCount,
    /// Parameters that are left: each begins with its length.
    Parameters(u16),
    /// Inside of a value: bytes left of it, parameters left after it.
    Value(usize, u16, Option<TokenStream>, Count),
    ResultFormats(Option<u16>),
}

/// How many elements a value has, if it is an array.
enum Count {
    /// By its text: commas.
    Text(usize),
    /// By its binary form: as much of its head as is there, and how long all of it is.
    Binary([u8; ARRAY_HEAD_BYTES], usize, usize),
}

/// Number of dimensions, flags, type of elements, length of the first dimension.
const ARRAY_HEAD_BYTES: usize = 16;

impl Count {
    fn feed(&mut self, part: &[u8]) {
        match self {
            Count::Text(commas) => *commas += memchr::memchr_iter(b',', part).count(),
            Count::Binary(head, filled, _) => {
                let room = head.get_mut(*filled..).unwrap_or_default();
                let taken = room.len().min(part.len());
                let (room, part) = (room.get_mut(..taken), part.get(..taken));
                if let (Some(room), Some(part)) = (room, part) {
                    room.copy_from_slice(part);
                }
                *filled += taken;
            }
        }
    }

    /// At most so many.
    fn elements(&self) -> u32 {
        let count = match self {
            Count::Text(commas) => *commas + 1,
            Count::Binary(head, ARRAY_HEAD_BYTES, length) => match head {
                [0, 0, 0, 1, _, _, _, _, _, _, _, _, first @ ..] => {
                    // The server takes no array of more than its bytes can hold.
                    (u32::from_be_bytes(*first) as usize).min(*length)
                }
                // Each element has a length of four bytes.
                _ => *length / 4,
            },
            Count::Binary(..) => 1,
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// A number of up to four bytes.
fn big_endian(bytes: &[u8]) -> u32 {
    let add = |sum, &byte| sum << 8 | u32::from(byte);
    bytes.iter().fold(0, add)
}

/// A Bind that is being read.
pub(super) struct BindStream {
    expect: Expect,
    /// Bytes of the body that are not read yet.
    left: usize,
    /// Bytes of an element that is not complete.
    partial: Vec<u8>,
    pub(super) portal: Vec<u8>,
    pub(super) statement: Vec<u8>,
    binds: Vec<Option<Token>>,
    /// Of the parameters; of one, of all of them.
    formats: Vec<Encoding>,
    /// Parameters read.
    parameters: u16,
    elements: Vec<Elements>,
    result_formats: Vec<Encoding>,
    /// By which the names of the statement are looked up.
    path: SearchPath,
}

impl BindStream {
    /// A Bind with a body of `body_bytes`.
    pub(super) fn new(body_bytes: usize) -> Self {
        Self {
            expect: Expect::PortalName,
            left: body_bytes,
            partial: Vec::new(),
            portal: Vec::new(),
            statement: Vec::new(),
            binds: Vec::new(),
            formats: Vec::new(),
            parameters: 0,
            elements: Vec::new(),
            result_formats: Vec::new(),
            path: SearchPath::Unknown,
        }
    }

    /// Bytes of the body that are still to come.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// True once both names are known; nothing before them may be forwarded.
    pub(super) fn names_are_known(&self) -> bool {
        !matches!(self.expect, Expect::PortalName | Expect::StatementName)
    }

    /// Reads the next part of the body, which must not exceed [`BindStream::left`].
    ///
    /// # Errors
    /// A body that is not a Bind.
    pub(super) fn feed(&mut self, mut part: &[u8], tokens: &TokenKey) -> Result<(), Violation> {
        self.left = self.left.checked_sub(part.len()).ok_or(MALFORMED)?;
        while !part.is_empty() {
            part = self.step(part, tokens)?;
        }
        if self.left == 0 {
            self.check_end()
        } else {
            Ok(())
        }
    }

    /// The portal that it makes.
    pub(super) fn into_portal(self, statement: Rc<Statement>) -> Rc<Portal> {
        Portal::new(
            statement,
            self.path,
            Formats::from_codes(&self.result_formats),
            self.binds,
            self.elements,
        )
    }

    fn check_end(&self) -> Result<(), Violation> {
        match self.expect {
            Expect::ResultFormats(Some(0)) => Ok(()),
            _ => Err(MALFORMED),
        }
    }

    /// Reads one element, or as much of it as there is. Returns the rest.
    fn step<'a>(&mut self, part: &'a [u8], tokens: &TokenKey) -> Result<&'a [u8], Violation> {
        match &mut self.expect {
            Expect::PortalName | Expect::StatementName => self.name(part),
            Expect::Value(left, _, token, count) => {
                let (value, rest) = part.split_at((*left).min(part.len()));
                *left -= value.len();
                count.feed(value);
                if let Some(token) = token {
                    token.update(value);
                }
                self.end_value();
                Ok(rest)
            }
            Expect::Parameters(_) => self.number::<4>(part, tokens),
            Expect::ResultFormats(Some(0)) => Err(MALFORMED),
            _ => self.number::<2>(part, tokens),
        }
    }

    fn name<'a>(&mut self, part: &'a [u8]) -> Result<&'a [u8], Violation> {
        let end = memchr::memchr(0, part);
        let text = part.get(..end.unwrap_or(part.len())).unwrap_or_default();
        self.partial.extend_from_slice(text);
        if self.partial.len() > NAME_BYTES {
            return Err(Violation {
                peer: Peer::Client,
                what: "name too long",
            });
        }
        let Some(end) = end else { return Ok(&[]) };
        let name = std::mem::take(&mut self.partial);
        if matches!(self.expect, Expect::PortalName) {
            self.portal = name;
            self.expect = Expect::StatementName;
        } else {
            self.statement = name;
            self.expect = Expect::ParameterFormats(None);
        }
        Ok(part.get(end + 1..).unwrap_or_default())
    }

    fn number<'a, const N: usize>(
        &mut self,
        part: &'a [u8],
        tokens: &TokenKey,
    ) -> Result<&'a [u8], Violation> {
        if self.partial.is_empty()
            && let Some((number, rest)) = part.split_first_chunk::<N>()
        {
            self.take_number(big_endian(number), tokens)?;
            return Ok(rest);
        }
        let missing = N - self.partial.len();
        let (head, rest) = part.split_at(missing.min(part.len()));
        self.partial.extend_from_slice(head);
        if self.partial.len() == N {
            let value = big_endian(&self.partial);
            self.partial.clear();
            self.take_number(value, tokens)?;
        }
        Ok(rest)
    }

    fn take_number(&mut self, value: u32, tokens: &TokenKey) -> Result<(), Violation> {
        // Two-byte elements never exceed u16.
        let short = (value & 0xffff) as u16;
        self.expect = match self.expect {
            Expect::ParameterFormats(None) => Expect::ParameterFormats(Some(short)),
            Expect::ParameterFormats(Some(left)) => {
                let format = shape::encoding(short as i16).ok_or(MALFORMED)?;
                self.formats.push(format);
                Expect::ParameterFormats(Some(left - 1))
            }
            Expect::ParameterCount => Expect::Parameters(short),
            Expect::Parameters(left) => self.begin_value(value as i32, left, tokens)?,
            Expect::ResultFormats(None) => Expect::ResultFormats(Some(short)),
            Expect::ResultFormats(Some(left)) => {
                self.result_formats
                    .push(shape::encoding(short as i16).ok_or(MALFORMED)?);
                Expect::ResultFormats(Some(left - 1))
            }
            _ => return Err(MALFORMED),
        };
        self.settle();
        Ok(())
    }

    fn begin_value(
        &mut self,
        length: i32,
        left: u16,
        tokens: &TokenKey,
    ) -> Result<Expect, Violation> {
        let recorded = self.binds.len() < RECORDED_VALUES;
        let format = match self.formats.as_slice() {
            [all] => Some(all),
            each => each.get(usize::from(self.parameters)),
        };
        let is_binary = matches!(format, Some(Encoding::Binary));
        self.parameters = self.parameters.saturating_add(1);
        if length == -1 {
            if recorded {
                self.binds.push(None);
            }
            return Ok(Expect::Parameters(left - 1));
        }
        let length = usize::try_from(length).map_err(|_| MALFORMED)?;
        let token = recorded.then(|| tokens.start());
        let count = match is_binary {
            true => Count::Binary([0; ARRAY_HEAD_BYTES], 0, length),
            false => Count::Text(0),
        };
        Ok(Expect::Value(length, left - 1, token, count))
    }

    /// Steps over counts that are zero and values that are empty.
    fn settle(&mut self) {
        if matches!(self.expect, Expect::ParameterFormats(Some(0))) {
            self.expect = Expect::ParameterCount;
        }
        self.end_value();
        if matches!(self.expect, Expect::Parameters(0)) {
            self.expect = Expect::ResultFormats(None);
        }
    }

    fn end_value(&mut self) {
        if let Expect::Value(0, left, token, count) = &mut self.expect {
            let left = *left;
            let count = count.elements();
            if count > 1 {
                let parameter = self.parameters;
                self.elements.push(Elements { parameter, count });
            }
            if let Some(token) = token.take() {
                self.binds.push(Some(token.finish()));
            }
            self.expect = if left == 0 {
                Expect::ResultFormats(None)
            } else {
                Expect::Parameters(left)
            };
        }
    }
}

impl<I: Inspect> Session<I> {
    pub(super) fn begin_bind(
        &mut self,
        header: Header,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let available = window.unjudged().len().min(header.frame_bytes);
        let mut bind = BindStream::new(header.body_bytes());
        bind.feed(&window.unjudged()[HEADER_BYTES..available], &self.tokens)?;
        if bind.left() > 0 && available < limits::ROW_WHOLE_BYTES.min(header.frame_bytes) {
            // Small ones are read whole; the work done on this part is little.
            self.window_wanted[CLIENT] = limits::ROW_WHOLE_BYTES.min(header.frame_bytes);
            return Err(Halt::Step(Step::NeedBytes));
        }
        if !bind.names_are_known() {
            return Err(violation("malformed Bind").into());
        }
        check_name(&bind.statement)?;
        check_name(&bind.portal)?;
        if !self.pipeline.is_skipping()
            && let Some(statement) = self.names.statement(&bind.statement)
        {
            bind.path = self.settle_path(&statement.text, window)?;
            // It is planned by this path, and SQL may fetch its rows.
            if bind.path != statement.path
                && let Some(refusal) = self.admit(&statement, &bind.path)?
            {
                if available < header.frame_bytes {
                    return Err(self.need_whole(CLIENT, header.frame_bytes));
                }
                let refused = Refused {
                    header,
                    text: &statement.text,
                    channel: Channel::Extended,
                    binds: &bind.binds,
                    refusal,
                    drops_unnamed: false,
                };
                self.refuse_message(refused, window, now);
                return Ok(());
            }
        }
        window.pass(available);
        if bind.left() == 0 {
            return self.bound(bind, window);
        }
        self.bind = Some(bind);
        Ok(())
    }

    /// All of a Bind is there.
    pub(super) fn bound(&mut self, bind: BindStream, window: &mut Window) -> Result<(), Halt> {
        if self.pipeline.is_skipping() {
            return Ok(());
        }
        if !self.names.has_room() {
            return Err(too_many_portals().into());
        }
        let statement = self
            .names
            .statement(&bind.statement)
            .unwrap_or_else(Statement::unknown);
        let name = bind.portal.clone();
        statement.take_name(&name);
        let portal = bind.into_portal(statement);
        self.epoch += 1;
        let undo = Some(self.names.set_portal(&name, Some(Rc::clone(&portal))));
        let is_indirect = portal.statement.text.is_indirect;
        self.follow_path(&portal.statement, &portal.path, false);
        self.pipeline.push(Awaited::Bind {
            portal: Rc::clone(&portal),
            undo,
        });
        if is_indirect && !self.rules.judges_nothing() {
            self.ask_about(&portal, &name, window);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements of the parameters of a Bind that comes in parts of this size.
    fn elements(formats: &[i16], values: &[&[u8]], part_bytes: usize) -> Vec<(u16, u32)> {
        let mut body = b"\0s\0".to_vec();
        body.extend((formats.len() as u16).to_be_bytes());
        formats.iter().for_each(|it| body.extend(it.to_be_bytes()));
        body.extend((values.len() as u16).to_be_bytes());
        for value in values {
            body.extend((value.len() as u32).to_be_bytes());
            body.extend(*value);
        }
        body.extend([0, 0]);
        let mut bind = BindStream::new(body.len());
        for part in body.chunks(part_bytes) {
            bind.feed(part, &TokenKey::new(&[1; 32])).unwrap();
        }
        let found = bind.elements.iter();
        found.map(|it| (it.parameter, it.count)).collect()
    }

    #[test]
    fn elements_of_arrays_are_counted_in_both_forms_however_they_come() {
        let array = |dimensions: u32, first: u32| {
            let mut array = Vec::new();
            for number in [dimensions, 0, 25, first, 1] {
                array.extend(number.to_be_bytes());
            }
            array.extend([0, 0, 0, 1, b'a'].repeat(8));
            array
        };
        let (one, two, liar) = (array(1, 8), array(2, 4), array(1, u32::MAX));
        for part_bytes in [1, 3, 7, 64, 1_000] {
            let text = elements(&[], &[b"1", b"{a,b,c}", b"{}"], part_bytes);
            assert_eq!(text, [(2, 3)]);
            let mixed = elements(&[0, 1, 1], &[b"{1,2}", &one, b"abcd"], part_bytes);
            assert_eq!(mixed, [(1, 2), (2, 8)]);
            let binary = elements(&[1], &[&two, &liar, b"", &one[..12]], part_bytes);
            assert_eq!(binary, [(1, 15), (2, 60)]);
        }
    }
}
