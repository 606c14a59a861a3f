//! A DataRow that is too large to be held: it streams in bounded memory, and its values are
//! masked at their own length.

use crate::bytes::Window;
use crate::cell::{ColumnPlan, StreamedCell};
use crate::error::{Peer, Violation};
use crate::inspect::Inspect;
use crate::policy::Policy;

use super::super::frame::{HEADER_BYTES, Header};
use super::results::ResultPlan;
use super::rulebook::Rulebook;
use super::{Halt, SERVER, Session, Step};

const MALFORMED: Violation = Violation {
    peer: Peer::Server,
    what: "malformed DataRow",
};
/// Tag, length and number of columns.
const ROW_HEAD_BYTES: usize = HEADER_BYTES + 2;

/// Where in the row the stream stands.
enum Place {
    /// Before the tag.
    Head,
    /// Before the length of the next column's value.
    Length,
    /// In a value that needs no judging: bytes left of it.
    Passing(usize),
    /// In a value that is judged.
    Judging(StreamedCell),
}

/// A row that is streamed.
pub(super) struct RowStream {
    place: Place,
    /// Bytes of the frame that are not judged yet.
    left: usize,
    /// The column that is read next, or now.
    column: usize,
}

impl RowStream {
    pub(super) fn new(header: Header) -> Self {
        Self {
            place: Place::Head,
            left: header.frame_bytes,
            column: 0,
        }
    }

    /// True if a part of the frame is released already.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.place, Place::Head)
    }

    /// Judges what is there. `Ok(None)` when the row is complete, `Ok(Some(n))` if `n` bytes
    /// have to be in the window before it can go on.
    pub(super) fn feed<I: Inspect>(
        &mut self,
        rules: &mut Rulebook<I>,
        plan: &ResultPlan,
        window: &mut Window,
    ) -> Result<Option<usize>, Halt> {
        loop {
            let available = window.unjudged().len();
            let needed = match &self.place {
                Place::Head => ROW_HEAD_BYTES,
                Place::Length if self.column == plan.columns.len() => {
                    return if self.left == 0 {
                        Ok(None)
                    } else {
                        Err(MALFORMED.into())
                    };
                }
                Place::Length => 4,
                Place::Passing(left) => 1.min(*left),
                Place::Judging(cell) => cell.wants(),
            };
            if needed > self.left {
                return Err(MALFORMED.into());
            }
            if available < needed {
                return Ok(Some(needed));
            }
            self.step(needed, rules, plan, window)?;
        }
    }

    fn step<I: Inspect>(
        &mut self,
        needed: usize,
        rules: &mut Rulebook<I>,
        plan: &ResultPlan,
        window: &mut Window,
    ) -> Result<(), Halt> {
        let judged = match &mut self.place {
            Place::Head => {
                let count = (plan.columns.len() as u16).to_be_bytes();
                if window.unjudged().get(HEADER_BYTES..ROW_HEAD_BYTES) != Some(&count[..]) {
                    let what = "DataRow with other columns";
                    return Err(Violation {
                        peer: Peer::Server,
                        what,
                    }
                    .into());
                }
                self.place = Place::Length;
                ROW_HEAD_BYTES
            }
            Place::Length => {
                self.begin_value(rules, plan, window)?;
                4
            }
            Place::Passing(left) => {
                let part = (*left).min(window.unjudged().len());
                *left -= part;
                if *left == 0 {
                    self.next_column();
                }
                part
            }
            Place::Judging(cell) => {
                let column = plan.columns.get(self.column).ok_or(MALFORMED)?;
                let bytes = window.unjudged_mut().get_mut(..needed).ok_or(MALFORMED)?;
                let judged = cell.feed(&mut rules.judge(), column, bytes)?;
                if cell.is_done() {
                    self.next_column();
                }
                judged
            }
        };
        window.pass(judged);
        self.left -= judged;
        Ok(())
    }

    fn next_column(&mut self) {
        self.column += 1;
        self.place = Place::Length;
    }

    fn begin_value<I: Inspect>(
        &mut self,
        rules: &Rulebook<I>,
        plan: &ResultPlan,
        window: &Window,
    ) -> Result<(), Halt> {
        let length = window.unjudged().first_chunk::<4>().ok_or(MALFORMED)?;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            self.next_column();
            return Ok(());
        }
        let length = usize::try_from(length).map_err(|_| MALFORMED)?;
        if length > self.left - 4 {
            return Err(MALFORMED.into());
        }
        let column = plan.columns.get(self.column).ok_or(MALFORMED)?;
        if length == 0 {
            self.next_column();
        } else if column.is_pass() {
            self.place = Place::Passing(length);
        } else {
            let encoding = plan.formats.get(self.column).ok_or(MALFORMED)?;
            let cell = StreamedCell::begin(rules.policy(), column, encoding, length)?;
            self.place = Place::Judging(cell);
        }
        Ok(())
    }
}

impl ResultPlan {
    /// Can a row of this result hold a value that is judged whole or not at all?
    pub(super) fn may_need_whole(&self, policy: &Policy) -> bool {
        let mut columns = self.columns.iter().enumerate();
        columns.any(|(index, column)| self.needs_whole(policy, index, column))
    }

    fn needs_whole(&self, policy: &Policy, index: usize, column: &ColumnPlan) -> bool {
        let encoding = self.formats.get(index);
        !column.is_pass()
            && encoding
                .is_none_or(|encoding| StreamedCell::may_need_whole(policy, column, encoding))
    }

    /// Refuses a row whose first bytes show that it cannot be streamed. A value that only begins
    /// behind them ends the session when it comes.
    pub(super) fn refuse_unstreamable(&self, policy: &Policy, row: &[u8]) -> Result<(), Halt> {
        let mut at = ROW_HEAD_BYTES;
        for (index, column) in self.columns.iter().enumerate() {
            let Some((length, _)) = row.get(at..).and_then(<[u8]>::split_first_chunk::<4>) else {
                break;
            };
            at += 4;
            // NULL has no bytes; any other negative length is met again by the stream.
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            at = at.saturating_add(length);
            if self.needs_whole(policy, index, column)
                && let Some(encoding) = self.formats.get(index)
            {
                StreamedCell::begin(policy, column, encoding, length)?;
            }
        }
        Ok(())
    }
}

impl<I: Inspect> Session<I> {
    /// Asks for what a streamed frame needs to go on.
    pub(super) fn need_part(&mut self, bytes: usize) -> Halt {
        self.window_wanted[SERVER] = bytes;
        Halt::Step(Step::NeedBytes)
    }
}
