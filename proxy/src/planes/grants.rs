//! Grants as data threads see them: which hold, and the answer to who asks for one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use velum_core::audit::record::SessionId;
use velum_core::error::Refusal;
use velum_core::grant::GrantId;
use velum_core::policy::Policy;
use velum_core::time::Timestamp;

/// The grants that hold. Built by the control thread, never changed after, swapped whole.
#[derive(Debug, Default)]
pub struct ActiveGrants {
    /// Grows with every set.
    pub epoch: u64,
    /// When each ends; `None`: not by itself.
    pub until: HashMap<GrantId, Option<Timestamp>>,
}

impl ActiveGrants {
    /// Does it hold?
    pub fn holds(&self, id: GrantId) -> bool {
        self.until.contains_key(&id)
    }
}

/// What an identity needs at a resource before it is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantRule {
    /// What happens without a grant.
    pub on_missing: Missing,
    /// For how long a request that is made in the client's place asks.
    pub wanted: Duration,
}

/// What happens to a client without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is refused.
    Refuse,
    /// It is refused, and a request is made.
    Request,
    /// A request is made, and it waits so long.
    Wait(Duration),
}

/// A client asks to be let in.
pub struct GrantQuestion {
    /// Who.
    pub identity: String,
    /// Where to.
    pub resource: Arc<str>,
    /// Under which policy.
    pub policy: Arc<Policy>,
    /// The session that it would be.
    pub session: SessionId,
    /// What it needs.
    pub rule: GrantRule,
    /// Where the answer goes. Once the client has gone, nobody else holds it.
    pub answer: Arc<GrantAnswer>,
}

/// A client is let in.
#[derive(Clone)]
pub struct Admission {
    /// By this grant.
    pub grant: GrantId,
    /// When it ends by itself, by a clock that does not step.
    pub until: Option<Instant>,
    /// The policy, as narrow as the grant.
    pub policy: Arc<Policy>,
}

/// Where the control thread leaves its answer; it wakes all threads after.
#[derive(Default)]
pub struct GrantAnswer(Mutex<Option<Result<Admission, Refusal>>>);

impl GrantAnswer {
    /// Control thread: the answer.
    pub fn give(&self, answer: Result<Admission, Refusal>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// Data thread: the answer, once.
    pub fn take(&self) -> Option<Result<Admission, Refusal>> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.take()
    }

    /// Control thread: does anybody wait for it still?
    pub fn is_awaited(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
    }
}
