//! The verdict on a token that a client has shown, while its handshake waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use velum_core::identity::rules;
use velum_core::identity::{Assertion, Rejection};
use velum_core::time::Timestamp;
use velum_core::wire::postgres::handshake::Presented;

use super::context::Context;
use crate::identity::Issuer;
use crate::identity::slot::Asked;
use crate::identity::verify::{Unverified, Verified, verify};
use crate::planes::{ControlRequest, Snapshot};

/// A token whose verdict is not there yet.
pub(super) struct Shown {
    presented: Presented,
    /// Keys are being fetched: whose, and how many loads will have ended.
    waits: Option<(Arc<Issuer>, u64)>,
}

/// A token that proves its identity.
pub(super) struct Proven {
    pub(super) assertion: Arc<Assertion>,
    /// When sessions by it end; `None`: they do not end with it.
    pub(super) ends: Option<Instant>,
}

impl Shown {
    pub(super) fn new(presented: Presented) -> Self {
        let waits = None;
        Self { presented, waits }
    }

    /// The verdict; `None` while keys are being fetched.
    pub(super) fn verdict(
        &mut self,
        snapshot: &Snapshot,
        cx: &Context,
    ) -> Option<Result<Proven, Rejection>> {
        if let Some((issuer, ended)) = &self.waits
            && issuer.slot.ended() < *ended
        {
            return None;
        }
        let verified = verify(&snapshot.issuers, &self.presented.token, cx.now, cx.time);
        match verified {
            Ok(verified) => Some(self.identify(verified, cx)),
            Err(Unverified::Rejected(rejection)) => Some(Err(rejection)),
            // They were fetched for it, and it is not among them.
            Err(Unverified::NeedsKeys(_, why)) if self.waits.is_some() => Some(Err(why)),
            Err(Unverified::NeedsKeys(issuer, why)) => match issuer.slot.ask(cx.now) {
                Asked::TooSoon => Some(Err(why)),
                Asked::Wait { ended, is_first } => {
                    if is_first && !request(&issuer, cx) {
                        issuer.slot.take_back();
                        return Some(Err(Rejection::KeysUnasked));
                    }
                    self.waits = Some((issuer, ended));
                    None
                }
            },
        }
    }

    fn identify(&self, verified: Verified, cx: &Context) -> Result<Proven, Rejection> {
        let Verified { issuer, assertion } = verified;
        // Nobody is called so: the handshake refuses a stranger whatever is found here.
        let asked = self.presented.identity.as_deref().unwrap_or_default();
        let identity = rules::choose(&issuer.identities, asked, &assertion)?;
        let expires = ends(&assertion, issuer.clock_skew_ms, cx.now, cx.time);
        Ok(Proven {
            ends: expires.filter(|_| identity.ends_with_token),
            assertion: Arc::new(assertion),
        })
    }
}

fn request(issuer: &Arc<Issuer>, cx: &Context) -> bool {
    let issuer = Arc::clone(issuer);
    cx.shared
        .requests
        .try_send(ControlRequest::Keys { issuer })
        .is_ok()
}

/// When a token is not taken any more, on the clock of deadlines.
fn ends(assertion: &Assertion, skew_ms: u64, now: Instant, time: Timestamp) -> Option<Instant> {
    let until_ms = assertion
        .expires_s
        .saturating_mul(1_000)
        .saturating_add(skew_ms);
    let left_ms = until_ms.saturating_sub(time.0 / 1_000_000);
    now.checked_add(Duration::from_millis(left_ms))
}
