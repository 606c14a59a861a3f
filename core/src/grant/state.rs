//! A grant, and what can be asked of it.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::refused::Refused;
use super::request::{GrantId, Kind, Period, Person, Request, Scope};
use super::terms::Terms;
use crate::audit::record::SessionId;
use crate::time::Timestamp;

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Somebody has to decide.
    Requested,
    /// Decided; its window has not begun.
    Approved,
    /// It holds.
    Active,
    /// It was over, or nobody decided in time.
    Expired,
    /// Somebody ended it.
    Revoked,
    /// Somebody said no.
    Denied,
    /// Who asked does not need it any more.
    Withdrawn,
}

impl State {
    /// All, in a fixed order.
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Approved,
        Self::Active,
        Self::Expired,
        Self::Revoked,
        Self::Denied,
        Self::Withdrawn,
    ];

    /// The name in interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// From here it never holds again.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Requested | Self::Approved | Self::Active)
    }
}

/// Somebody agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who, with the groups that they had.
    pub by: Person,
    /// Why.
    pub rationale: String,
    /// When.
    pub at: Timestamp,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Who ended it; empty: time passed.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// Somebody looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Who.
    pub by: String,
    /// What they found.
    pub rationale: String,
    /// When.
    pub at: Timestamp,
}

/// When it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after; `None` for standing grants.
    pub until: Option<Timestamp>,
}

/// All that is known of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Its name.
    pub id: GrantId,
    /// As it was asked for.
    pub request: Request,
    /// Who has to agree.
    pub terms: Terms,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// What has been decided of the scope so far; within the request's.
    pub scope: Scope,
    /// What has been decided of the window so far; within the request's.
    pub window: Period,
    /// Where it stands.
    pub state: State,
    /// Who has agreed, each once.
    pub approvals: Vec<Approval>,
    /// When it holds; there once it is decided.
    pub interval: Option<Interval>,
    /// When a standing grant has to be reviewed.
    pub review_by: Option<Timestamp>,
    /// That moment has passed.
    pub is_overdue: bool,
    /// The session, in hexadecimal, that a one-time grant let in.
    pub used_by: Option<String>,
    /// The last review.
    pub review: Option<Review>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// The latest moment that it knows of: a clock that steps back is not followed.
    pub clock: Timestamp,
}

/// A grant. Only moves change it; what is read back is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Facts", into = "Facts")]
pub struct Grant(pub(super) Facts);

impl Deref for Grant {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl From<Grant> for Facts {
    fn from(grant: Grant) -> Self {
        grant.0
    }
}

impl TryFrom<Facts> for Grant {
    type Error = &'static str;

    /// Refuses what no sequence of moves leads to.
    fn try_from(facts: Facts) -> Result<Self, Self::Error> {
        let decided = matches!(facts.state, State::Approved | State::Active);
        let needed = usize::from(needed(&facts.request, &facts.terms));
        let fails = [
            (
                !facts.scope.is_within(&facts.request.scope),
                "the scope is wider than what was asked for",
            ),
            (
                !facts.window.is_within(&facts.request.window),
                "the window is wider than what was asked for",
            ),
            (
                decided && facts.approvals.len() < needed,
                "it holds with too few approvals",
            ),
            (
                decided && facts.interval.is_none(),
                "it holds, and nothing says when",
            ),
            (
                facts.interval.is_some_and(|it| it.is_longer_than(&facts)),
                "it holds longer than what was asked for",
            ),
            (
                facts.state.is_final() != facts.ended.is_some(),
                "its end and its state do not agree",
            ),
            (
                names_twice(&facts.approvals),
                "somebody has approved it twice",
            ),
        ];
        match fails.into_iter().find(|(fails, _)| *fails) {
            Some((_, why)) => Err(why),
            None => Ok(Self(facts)),
        }
    }
}

impl Interval {
    fn is_longer_than(&self, facts: &Facts) -> bool {
        match (self.until, facts.window.length_ms) {
            (None, None) => false,
            (Some(until), Some(length_ms)) => until > self.from.after_ms(length_ms),
            (None, Some(_)) | (Some(_), None) => true,
        }
    }
}

fn names_twice(approvals: &[Approval]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    approvals
        .iter()
        .any(|approval| !seen.insert(&approval.by.id))
}

/// How many have to agree.
pub(super) fn needed(request: &Request, terms: &Terms) -> u8 {
    let number = match (request.kind, terms.break_glass) {
        (Kind::BreakGlass, Some(emergency)) => emergency.people,
        _ => terms.approvals,
    };
    number.max(1)
}

impl Grant {
    /// How many have to agree.
    pub fn needed(&self) -> u8 {
        needed(&self.request, &self.terms)
    }

    /// May a session be let in by it now? With `session`: may it go on?
    ///
    /// # Errors
    /// Why not.
    pub fn usable(&self, session: Option<SessionId>, now: Timestamp) -> Result<(), Refused> {
        let now = now.max(self.clock);
        match (self.state, self.interval) {
            (State::Approved | State::Active, Some(interval)) if now < interval.from => {
                return Err(Refused::NotYet);
            }
            (State::Approved | State::Active, Some(interval)) => {
                if interval.until.is_some_and(|until| now >= until) {
                    return Err(Refused::Expired);
                }
            }
            (state, _) => return Err(Refused::State(state)),
        }
        if self.is_overdue || self.review_by.is_some_and(|by| now >= by) {
            return Err(Refused::ReviewOverdue);
        }
        let is_other = |used_by: &String| session.map(session_name).as_ref() != Some(used_by);
        if self.request.kind == Kind::OneTime && self.used_by.as_ref().is_some_and(is_other) {
            return Err(Refused::UsedUp);
        }
        Ok(())
    }

    /// Has an emergency ended that nobody has looked at yet, or is one going on?
    pub fn owes_review(&self) -> bool {
        self.request.kind == Kind::BreakGlass && self.interval.is_some() && self.review.is_none()
    }

    /// When the next step happens by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        match (self.state, self.interval) {
            (State::Requested, _) => Some(self.pending_until()),
            (State::Approved, Some(interval)) => Some(interval.from),
            (State::Active, Some(interval)) => {
                let review = self.review_by.filter(|_| !self.is_overdue);
                interval.until.into_iter().chain(review).min()
            }
            _ => None,
        }
    }

    /// When a request is not decided any more.
    pub(super) fn pending_until(&self) -> Timestamp {
        let pending = self.requested_at.after_ms(self.terms.pending_ms);
        self.window.end().map_or(pending, |end| end.min(pending))
    }
}

/// How records name a session.
pub(super) fn session_name(session: SessionId) -> String {
    format!("{:032x}", session.0)
}
