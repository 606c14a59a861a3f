//! The extended protocol: a portal is a statement of the recording with the values it was run with.

use std::io::Write as _;

use velum_core::audit::record::Channel;
use velum_core::bytes::{Reader, Truncated};

use super::{Asker, Refusal, Sandbox, Visit, unknown};
use crate::recording::index::Entry;
use crate::recording::read::ReadError;
use crate::recording::script::read_columns;

/// OID of text: what a parameter is taken for where nobody said.
const TEXT: u32 = 25;

/// What Parse left.
#[derive(Clone, Default)]
pub(super) struct Prepared {
    text: Vec<u8>,
    types: Vec<u32>,
}

/// What Bind left.
#[derive(Clone, Default)]
pub(super) struct Portal {
    text: Vec<u8>,
    binds: Vec<Option<Vec<u8>>>,
    formats: Vec<i16>,
}

enum Answer {
    Done,
    No(Refusal),
    Malformed,
}

impl Sandbox {
    /// A message of the extended protocol.
    pub(super) fn extended(
        &self,
        visit: &mut Visit,
        asker: &mut Asker,
        tag: u8,
        body: &[u8],
    ) -> Result<(), ReadError> {
        match tag {
            b'S' => {
                visit.is_skipping = false;
                return asker.ready(visit.status);
            }
            b'H' => return Ok(asker.to.flush()?),
            // Data for a COPY, which was answered already.
            b'd' | b'c' | b'f' => return Ok(()),
            _ if visit.is_skipping => return Ok(()),
            _ => {}
        }
        let answer = match tag {
            b'P' => parse(visit, asker, body),
            b'B' => bind(visit, asker, body),
            b'D' => self.describe(visit, asker, body),
            b'E' => self.execute(visit, asker, body),
            b'C' => asker
                .frame(b'3', &[])
                .map(|()| Answer::Done)
                .map_err(Into::into),
            _ => Ok(Answer::Malformed),
        }?;
        let refusal = match answer {
            Answer::Done => return Ok(()),
            Answer::No(refusal) => refusal,
            Answer::Malformed => ("this message cannot be read".to_owned(), String::new()),
        };
        visit.is_skipping = true;
        asker.refuse(&refusal)?;
        Ok(())
    }

    fn entry(&self, visit: &Visit, portal: &Portal) -> Result<(usize, &Entry), Refusal> {
        let found = self.find(visit, &portal.text, Some(&portal.binds));
        let (at, entry) = found.ok_or_else(|| unknown(&self.index))?;
        let columns = entry.statement.description.as_deref().map(read_columns);
        let asked = |at: usize| match portal.formats.as_slice() {
            [] => 0,
            [all] => *all,
            each => each.get(at).copied().unwrap_or(0),
        };
        let differs = |(at, is_binary): (usize, bool)| (asked(at) == 1) != is_binary;
        let columns = columns.unwrap_or_default();
        let forms = columns.iter().map(|column| column.is_binary).enumerate();
        if forms.into_iter().any(differs) {
            let what = "the result was recorded in the other form, text or binary".to_owned();
            return Err((
                what,
                "Ask for it in the form that it was recorded in.".to_owned(),
            ));
        }
        Ok((at, entry))
    }

    fn describe(
        &self,
        visit: &mut Visit,
        asker: &mut Asker,
        body: &[u8],
    ) -> Result<Answer, ReadError> {
        let mut reader = Reader::new(body);
        let (Ok(kind), Ok(name)) = (reader.u8(), reader.cstr()) else {
            return Ok(Answer::Malformed);
        };
        let description = if kind == b'S' {
            let prepared = take(&visit.prepared, name).unwrap_or_default();
            let Some((_, entry)) = self.find(visit, &prepared.text, None) else {
                return Ok(Answer::No(unknown(&self.index)));
            };
            let count = entry.statement.binds.len().max(prepared.types.len());
            let mut types = u16::try_from(count)
                .unwrap_or(u16::MAX)
                .to_be_bytes()
                .to_vec();
            for at in 0..count {
                let known = prepared.types.get(at).filter(|it| **it != 0);
                types.extend_from_slice(&known.copied().unwrap_or(TEXT).to_be_bytes());
            }
            asker.frame(b't', &types)?;
            entry.statement.description.as_deref().map(without_formats)
        } else {
            let portal = take(&visit.portals, name).unwrap_or_default();
            match self.entry(visit, &portal) {
                Ok((_, entry)) => entry.statement.description.clone(),
                Err(refusal) => return Ok(Answer::No(refusal)),
            }
        };
        match description {
            Some(description) => asker.frame(b'T', &description)?,
            None => asker.frame(b'n', &[])?,
        }
        Ok(Answer::Done)
    }

    fn execute(
        &self,
        visit: &mut Visit,
        asker: &mut Asker,
        body: &[u8],
    ) -> Result<Answer, ReadError> {
        let Ok(name) = Reader::new(body).cstr() else {
            return Ok(Answer::Malformed);
        };
        let portal = take(&visit.portals, name).unwrap_or_default();
        let (at, entry) = match self.entry(visit, &portal) {
            Ok(found) => found,
            Err(refusal) => return Ok(Answer::No(refusal)),
        };
        if entry.statement.channel != Channel::Extended && entry.descriptions > 1 {
            let what = "several statements were recorded as one".to_owned();
            return Ok(Answer::No((what, "Ask by a simple query.".to_owned())));
        }
        self.index.copy(&entry.rows, &mut asker.to)?;
        visit.cursor = at + 1;
        visit.status = entry.status;
        visit.is_skipping = entry.has_failed;
        Ok(Answer::Done)
    }
}

fn parse(visit: &mut Visit, asker: &mut Asker, body: &[u8]) -> Result<Answer, ReadError> {
    let read = || -> Result<(Vec<u8>, Prepared), Truncated> {
        let mut reader = Reader::new(body);
        let name = reader.cstr()?.to_vec();
        let text = reader.cstr()?.to_vec();
        let count = reader.u16()?;
        let types = (0..count).map(|_| reader.u32()).collect::<Result<_, _>>()?;
        Ok((name, Prepared { text, types }))
    };
    let Ok((name, prepared)) = read() else {
        return Ok(Answer::Malformed);
    };
    put(&mut visit.prepared, name, prepared);
    asker.frame(b'1', &[])?;
    Ok(Answer::Done)
}

fn bind(visit: &mut Visit, asker: &mut Asker, body: &[u8]) -> Result<Answer, ReadError> {
    let read = |visit: &Visit| -> Result<(Vec<u8>, Portal), Truncated> {
        let mut reader = Reader::new(body);
        let name = reader.cstr()?.to_vec();
        let prepared = take(&visit.prepared, reader.cstr()?).unwrap_or_default();
        let formats = reader.u16()?;
        reader.take(usize::from(formats) * 2)?;
        let count = reader.u16()?;
        let mut value = || -> Result<Option<Vec<u8>>, Truncated> {
            let length = reader.i32()?;
            let length = usize::try_from(length).ok();
            let value = length.map(|length| reader.take(length)).transpose()?;
            Ok(value.map(<[u8]>::to_vec))
        };
        let binds = (0..count).map(|_| value()).collect::<Result<_, _>>()?;
        let formats = reader.u16()?;
        let formats = (0..formats).map(|_| reader.i16());
        let portal = Portal {
            text: prepared.text,
            binds,
            formats: formats.collect::<Result<_, _>>()?,
        };
        Ok((name, portal))
    };
    let Ok((name, portal)) = read(visit) else {
        return Ok(Answer::Malformed);
    };
    put(&mut visit.portals, name, portal);
    asker.frame(b'2', &[])?;
    Ok(Answer::Done)
}

fn take<T: Clone>(all: &[(Vec<u8>, T)], name: &[u8]) -> Option<T> {
    let found = all.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.clone())
}

/// Names that one visitor may give.
const NAMES: usize = 1_024;

fn put<T>(all: &mut Vec<(Vec<u8>, T)>, name: Vec<u8>, value: T) {
    all.retain(|(known, _)| *known != name);
    if all.len() >= NAMES {
        all.remove(0);
    }
    all.push((name, value));
}

/// A RowDescription for who has not bound yet: it says text.
fn without_formats(description: &[u8]) -> Vec<u8> {
    let mut body = description.to_vec();
    let mut at = 2;
    for _ in read_columns(description) {
        let name = body[at..].iter().position(|byte| *byte == 0).unwrap_or(0);
        at += name + 1 + 18;
        if let Some(format) = body.get_mut(at - 2..at) {
            format.fill(0);
        }
    }
    body
}
