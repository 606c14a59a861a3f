//! Descriptions: what statements and portals return, kept for when their rows come.

use std::rc::Rc;

use crate::bytes::Window;
use crate::error::{Refusal, SqlState};
use crate::inspect::Inspect;
use crate::limits;

use super::super::frame::{HEADER_BYTES, Header};
use super::super::message::server;
use super::pipeline::{Awaited, Target};
use super::server::{body_mut, violation};
use super::shape::RowShape;
use super::statements::Described as Description;
use super::{Halt, Session, Step};

/// What the rows of a statement look like, where only Velum had asked.
pub struct Described {
    /// The statement, as its records count.
    pub ordinal: u64,
    /// Body of the RowDescription, its names as a client may see them.
    pub body: Vec<u8>,
}

impl<I: Inspect> Session<I> {
    /// From now on descriptions that the client does not get to see are kept for
    /// [`Session::take_descriptions`]: who reads what the client saw needs them.
    pub fn note_descriptions(&mut self) {
        self.descriptions = Some(Vec::new());
    }

    /// Those since the last call, in order.
    pub fn take_descriptions(&mut self) -> Vec<Described> {
        let noted = self.descriptions.as_mut();
        noted.map(std::mem::take).unwrap_or_default()
    }

    /// Notes the answer to a question of Velum's own about a portal.
    fn note_description(&mut self, header: Header, window: &mut Window) {
        if self.descriptions.is_none() || header.tag != server::ROW_DESCRIPTION {
            return;
        }
        let Some(ordinal) = self.pipeline.next_execute() else {
            return;
        };
        let body = body_mut(window, header);
        self.rules.veil_names(body);
        let body = body.to_vec();
        if let Some(noted) = &mut self.descriptions {
            noted.push(Described { ordinal, body });
        }
    }

    pub(super) fn row_description(
        &mut self,
        header: Header,
        window: &mut Window,
    ) -> Result<(), Halt> {
        let body = &window.unjudged()[HEADER_BYTES..header.frame_bytes];
        self.expect_catalog()?;
        if let Some(injected) = self.described_as_before(body) {
            return self.end_describe(header, injected, window);
        }
        let (shape, formats) = RowShape::parse(body)?;
        let needs_it = self.rules.needs_subjects() || self.rules.policy().counts_subjects();
        let has_source = shape.has_computed() || needs_it;
        let source = has_source.then(|| self.source()).flatten();
        let shape = shape.computed(source);
        let mut unknown = self.rules.unknown(shape.facts());
        unknown.extend(self.unknown_names(&shape));
        let is_plain = !has_source && unknown.is_empty();
        let epoch = self.rules.epoch();
        if unknown.iter().any(|unknown| !self.asked.contains(unknown)) {
            if self.asked.len() > limits::COLUMNS {
                self.asked.clear();
            }
            self.asked.extend(unknown);
            self.awaits_catalog = true;
            return Err(Halt::Step(Step::AwaitCatalog));
        }
        let front = self.pipeline.front();
        let statement = front.and_then(|front| front.statement());
        let quotes = statement.is_some_and(|statement| statement.text.quotes_others);
        let shape = shape.quoting(quotes);
        match self.pipeline.front() {
            Some(Awaited::Query { .. }) if self.answering.result.is_none() => {
                self.begin_result(Rc::new(shape), formats);
            }
            Some(Awaited::Describe { target, injected }) => {
                let injected = *injected;
                match target {
                    Target::Statement(statement) => {
                        self.names.charge_statement(statement, shape.state_bytes());
                        statement.recall(shape);
                    }
                    Target::Portal(portal) => {
                        self.names.charge_portal(portal, shape.state_bytes());
                        let statement = &portal.statement;
                        let shape = statement.recall(shape);
                        if is_plain {
                            statement.keep_description(body, epoch, &shape, &formats);
                        }
                        portal.take_description(Description::Rows(shape), Some(formats));
                    }
                    Target::Copy(statement, index, _) => {
                        statement.set_copy_shape(*index, Rc::new(shape));
                    }
                }
                if self.names.is_overfull() {
                    let text = "descriptions of statements and portals exceed the session's memory";
                    return Err(Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, text)
                        .with_hint("Close statements and portals that are not needed any more.")
                        .into());
                }
                return self.end_describe(header, injected, window);
            }
            _ => return Err(violation("RowDescription out of place").into()),
        }
        self.rules.veil_names(body_mut(window, header));
        window.pass(header.frame_bytes);
        Ok(())
    }

    /// The portal that is described looks as the last one of its statement did, by the same rules:
    /// nothing has to be made of it again. Says whether the Describe is Velum's own.
    fn described_as_before(&mut self, body: &[u8]) -> Option<bool> {
        let epoch = self.rules.epoch();
        let Some(Awaited::Describe {
            target: Target::Portal(portal),
            injected,
        }) = self.pipeline.front()
        else {
            return None;
        };
        let (shape, formats) = portal.statement.description(body, epoch)?;
        self.names.charge_portal(portal, shape.state_bytes());
        portal.take_description(Description::Rows(shape), Some(formats));
        let injected = *injected;
        (!self.names.is_overfull()).then_some(injected)
    }

    /// The answer to a Describe is complete.
    pub(super) fn end_describe(
        &mut self,
        header: Header,
        injected: bool,
        window: &mut Window,
    ) -> Result<(), Halt> {
        let answered = self.pipeline.pop();
        if injected {
            if let Some(Awaited::Describe {
                target: Target::Portal(_),
                ..
            }) = answered
            {
                self.note_description(header, window);
            }
            window.skip(header.frame_bytes);
        } else {
            if header.tag == server::ROW_DESCRIPTION {
                self.rules.veil_names(body_mut(window, header));
            }
            window.pass(header.frame_bytes);
        }
        Ok(())
    }

    pub(super) fn parameter_description(
        &mut self,
        header: Header,
        window: &mut Window,
    ) -> Result<(), Halt> {
        let body = &window.unjudged()[HEADER_BYTES..header.frame_bytes];
        // PostgreSQL prepares statements of more parameters than the count can say, and then
        // writes its low 16 bits.
        let well_formed = body.split_first_chunk::<2>().is_some_and(|(count, types)| {
            let (types, rest) = types.as_chunks::<4>();
            rest.is_empty() && types.len() & 0xffff == usize::from(u16::from_be_bytes(*count))
        });
        if !well_formed {
            return Err(violation("malformed ParameterDescription").into());
        }
        match self.pipeline.front() {
            Some(Awaited::Describe { injected: true, .. }) => window.skip(header.frame_bytes),
            Some(Awaited::Describe {
                target: Target::Statement(..),
                ..
            }) => {
                window.pass(header.frame_bytes);
            }
            _ => return Err(violation("ParameterDescription out of place").into()),
        }
        Ok(())
    }

    /// ParseComplete, BindComplete, CloseComplete and NoData.
    pub(super) fn bare_answer(&mut self, header: Header, window: &mut Window) -> Result<(), Halt> {
        if header.body_bytes() != 0 {
            return Err(violation("message with an unexpected body").into());
        }
        let injected = match (header.tag, self.pipeline.front()) {
            (server::PARSE_COMPLETE, Some(Awaited::Parse { injected, .. }))
            | (server::CLOSE_COMPLETE, Some(Awaited::Close { injected, .. })) => *injected,
            (server::BIND_COMPLETE, Some(Awaited::Bind { .. })) => false,
            (server::NO_DATA, Some(Awaited::Describe { target, injected })) => {
                match target {
                    Target::Portal(portal) => portal.take_description(Description::NoRows, None),
                    Target::Statement(..) | Target::Copy(..) => {}
                }
                *injected
            }
            _ => return Err(violation("answer out of place").into()),
        };
        if !injected {
            self.note_names();
        }
        self.pipeline.pop();
        if injected {
            window.skip(header.frame_bytes);
        } else {
            window.pass(header.frame_bytes);
        }
        Ok(())
    }
}
