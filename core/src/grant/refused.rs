//! Why a move is not allowed. Each reason has a code of its own that interfaces may rely on.

use std::fmt;

use super::request::GrantId;
use super::state::State;

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A request without a reason.
    NoReason,
    /// A decision without a rationale.
    NoRationale,
    /// A text is longer than [`crate::limits::GRANT_TEXT_BYTES`].
    TooLongText,
    /// A request without an identity, a resource or a policy.
    Nameless,
    /// A name or ticket that is empty, longer than [`crate::limits::GRANT_NAME_BYTES`] or of more
    /// than one line, or more than [`crate::limits::GRANT_NAMES`] of them.
    Unprintable,
    /// A window of no length, or none for a grant that has to have one.
    NoWindow,
    /// A standing grant has a review instead of an end.
    StandingWindow,
    /// Longer than the terms allow.
    TooLong {
        /// What they allow.
        longest_ms: u64,
    },
    /// The window is over before anybody could decide.
    Past,
    /// The terms know no emergency.
    NoBreakGlass,
    /// An earlier emergency has not been reviewed.
    Unreviewed(GrantId),
    /// They would decide about themselves.
    SelfApproval(String),
    /// They have an interest of their own, by this group.
    Conflict(String),
    /// They are not among those who may decide about this.
    NotAnApprover,
    /// They have agreed already.
    Twice,
    /// A decision may not allow more than was asked for.
    WiderScope,
    /// A decision may not allow longer or other times than were asked for.
    WiderWindow,
    /// Only who asked may withdraw.
    NotTheRequester,
    /// It has come too far, or not far enough, for this.
    State(State),
    /// It does not hold yet.
    NotYet,
    /// Time is up.
    Expired,
    /// The standing grant's review is overdue.
    ReviewOverdue,
    /// The one session that it was for has begun.
    UsedUp,
    /// There is nothing to review.
    NothingToReview,
    /// It has been reviewed.
    Reviewed,
}

impl Refused {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoReason => "reason-missing",
            Self::NoRationale => "rationale-missing",
            Self::TooLongText => "text-too-long",
            Self::Nameless => "name-missing",
            Self::Unprintable => "name-malformed",
            Self::NoWindow => "window-missing",
            Self::StandingWindow => "standing-window",
            Self::TooLong { .. } => "window-too-long",
            Self::Past => "window-past",
            Self::NoBreakGlass => "break-glass-not-allowed",
            Self::Unreviewed(_) => "break-glass-unreviewed",
            Self::SelfApproval(_) => "self-approval",
            Self::Conflict(_) => "conflict-of-interest",
            Self::NotAnApprover => "not-an-approver",
            Self::Twice => "already-approved-by-you",
            Self::WiderScope => "scope-wider",
            Self::WiderWindow => "window-wider",
            Self::NotTheRequester => "not-the-requester",
            Self::State(state) => match state {
                State::Requested => "still-requested",
                State::Approved => "already-approved",
                State::Active => "already-active",
                State::Expired => "already-expired",
                State::Revoked => "already-revoked",
                State::Denied => "already-denied",
                State::Withdrawn => "already-withdrawn",
            },
            Self::NotYet => "not-yet",
            Self::Expired => "time-is-up",
            Self::ReviewOverdue => "review-overdue",
            Self::UsedUp => "used-up",
            Self::NothingToReview => "nothing-to-review",
            Self::Reviewed => "already-reviewed",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReason => f.write_str("a request needs a reason"),
            Self::NoRationale => f.write_str("a decision needs a rationale"),
            Self::TooLongText => write!(
                f,
                "a text is longer than {} bytes",
                crate::limits::GRANT_TEXT_BYTES
            ),
            Self::Nameless => f.write_str("a request names an identity, a resource and a policy"),
            Self::Unprintable => write!(
                f,
                "names and tickets have 1 to {} bytes on one line, and there are at most {}",
                crate::limits::GRANT_NAME_BYTES,
                crate::limits::GRANT_NAMES
            ),
            Self::NoWindow => f.write_str("the window has no length"),
            Self::StandingWindow => {
                f.write_str("a standing grant has no length; it is reviewed instead")
            }
            Self::TooLong { longest_ms } => {
                write!(
                    f,
                    "the window may have at most {} seconds",
                    longest_ms / 1_000
                )
            }
            Self::Past => f.write_str("the window is over already"),
            Self::NoBreakGlass => f.write_str("break-glass is not allowed here"),
            Self::Unreviewed(id) => {
                write!(
                    f,
                    "the identity's last emergency, {id}, has not been reviewed"
                )
            }
            Self::SelfApproval(who) => write!(f, "{who} would decide about their own request"),
            Self::Conflict(group) => {
                write!(
                    f,
                    "both are of the group `{group}`, which has an interest of its own"
                )
            }
            Self::NotAnApprover => f.write_str("somebody else has to decide about this request"),
            Self::Twice => f.write_str("you have approved it; another person has to"),
            Self::WiderScope => f.write_str("a decision may only narrow the scope"),
            Self::WiderWindow => f.write_str("a decision may only narrow the window"),
            Self::NotTheRequester => f.write_str("only who made a request may withdraw it"),
            Self::State(state) => write!(f, "it is {}", state.as_str()),
            Self::NotYet => f.write_str("its window has not begun"),
            Self::Expired => f.write_str("its time is up"),
            Self::ReviewOverdue => {
                f.write_str("its review is overdue; it holds again once it is reviewed")
            }
            Self::UsedUp => f.write_str("the one session that it was for has begun"),
            Self::NothingToReview => {
                f.write_str("only standing and ended break-glass grants are reviewed")
            }
            Self::Reviewed => f.write_str("it has been reviewed"),
        }
    }
}

impl std::error::Error for Refused {}
