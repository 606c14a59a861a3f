//! Who has to agree, and the bounds of what can be asked for. Fixed when the request is made: a
//! configuration that is loosened later loosens no request that is open.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// How many have to agree; at least 1.
    pub approvals: u8,
    /// Of whom; empty: whoever may approve at all.
    pub approvers: BTreeSet<String>,
    /// Of which groups; empty: of any.
    pub approver_groups: BTreeSet<String>,
    /// Groups with an interest of their own: a member does not decide about another's request.
    pub conflicts: BTreeSet<String>,
    /// Longest window.
    pub longest_ms: u64,
    /// How long a request waits for its decision.
    pub pending_ms: u64,
    /// How long a standing grant holds until it has to be reviewed.
    pub review_ms: u64,
    /// What holds in an emergency; `None`: nothing does, there is no such grant.
    pub break_glass: Option<BreakGlass>,
}

/// What holds in an emergency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// How many have to agree: 2, or 1 and an alarm.
    pub people: u8,
    /// Longest window.
    pub longest_ms: u64,
}

impl BreakGlass {
    /// Does the glass break with an alarm?
    pub fn alarms(&self) -> bool {
        self.people < 2
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            approvals: 1,
            approvers: BTreeSet::new(),
            approver_groups: BTreeSet::new(),
            conflicts: BTreeSet::new(),
            longest_ms: 8 * HOUR_MS,
            pending_ms: DAY_MS,
            review_ms: 90 * DAY_MS,
            break_glass: None,
        }
    }
}
