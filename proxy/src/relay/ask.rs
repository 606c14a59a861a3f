//! A client that is known, and needs a grant: it waits for the control thread's answer.

use std::sync::Arc;
use std::time::Instant;

use velum_core::error::{Peer, Refusal, SqlState};
use velum_core::grant::GrantId;
use velum_core::limits::AUTH_MESSAGE_BYTES;
use velum_core::policy::Policy;
use velum_core::wire::postgres::handshake::ClientStartup;
use velum_core::wire::postgres::message;

use super::context::Context;
use super::dial::{Basis, Dialing};
use super::legs::{Fill, Legs};
use super::link::{About, Counted, Phase, Turn, refused};
use crate::planes::{
    Admission, ControlRequest, GrantAnswer, GrantQuestion, GrantRule, Missing, ResourceSnapshot,
};

/// What the control thread gets beyond what it promised, before nobody waits for it any more.
const GRACE_MS: u64 = 10_000;

/// The grant by which a session goes on.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) id: GrantId,
    /// When it ends by itself. By a clock that does not step, so that stepping the other back
    /// gives nobody more time.
    pub(super) until: Option<Instant>,
}

/// See the module's text.
pub(super) struct Asking {
    startup: Option<ClientStartup>,
    resource: Arc<ResourceSnapshot>,
    policy: Arc<Policy>,
    counted: Option<Counted>,
    answer: Arc<GrantAnswer>,
}

impl Asking {
    /// Asks, or tells the client that this is not possible now.
    pub(super) fn begin(
        startup: ClientStartup,
        (resource, policy): (Arc<ResourceSnapshot>, Arc<Policy>),
        rule: GrantRule,
        counted: Counted,
        about: &mut About,
        legs: &mut Legs,
        cx: &mut Context,
    ) -> Turn {
        let answer = Arc::<GrantAnswer>::default();
        let question = GrantQuestion {
            identity: startup.identity.name.clone(),
            resource: Arc::clone(&resource.name),
            policy: Arc::clone(&policy),
            session: about.session,
            rule,
            answer: Arc::clone(&answer),
        };
        let asking = Self {
            startup: Some(startup),
            resource,
            policy,
            counted: Some(counted),
            answer,
        };
        let request = ControlRequest::Grant(Box::new(question));
        if cx.shared.requests.try_send(request).is_err() {
            let text = "too many clients wait for a grant";
            let refusal = Refusal::new(SqlState::TOO_MANY_CONNECTIONS, text);
            return asking.refuse(&refusal, about, legs, cx);
        }
        let wait_ms = match rule.on_missing {
            Missing::Wait(wait) => u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            Missing::Refuse | Missing::Request => 0,
        };
        about.deadline = Some(cx.after_ms(wait_ms.saturating_add(GRACE_MS)));
        Turn::To(Phase::Asking(Box::new(asking)))
    }

    pub(super) fn turn(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Turn {
        legs.flush(Peer::Client, cx);
        // What the client says already is for later; that it hangs up is for now.
        loop {
            match legs.fill(Peer::Client, AUTH_MESSAGE_BYTES, false, cx) {
                Fill::Ready if legs.up.window.unjudged().len() < AUTH_MESSAGE_BYTES => {}
                Fill::Over => return Turn::End,
                Fill::Ready | Fill::Pending | Fill::Full => break,
            }
        }
        if legs.client.lost {
            return Turn::End;
        }
        match self.answer.take() {
            None => {
                cx.parked.push(legs.id);
                Turn::Rest
            }
            Some(Ok(admission)) => self.admitted(admission, about, legs, cx),
            Some(Err(refusal)) => self.refuse(&refusal, about, legs, cx),
        }
    }

    fn admitted(
        &mut self,
        admission: Admission,
        about: &mut About,
        legs: &mut Legs,
        cx: &mut Context,
    ) -> Turn {
        // It may have ended since it was looked up.
        if !cx.shared.grants.load().holds(admission.grant) {
            return self.refuse(&over(admission.grant), about, legs, cx);
        }
        let (Some(startup), Some(counted)) = (self.startup.take(), self.counted.take()) else {
            return Turn::End;
        };
        about.grant = Some(Held {
            id: admission.grant,
            until: admission.until,
        });
        about.deadline = Some(cx.after_ms(about.snapshot.limits.connect_timeout_ms));
        let basis = Basis {
            sha256: self.policy.sha256,
            has_grant: true,
        };
        let resource = Arc::clone(&self.resource);
        let dialing = Dialing::new(startup, resource, admission.policy, basis, counted);
        Turn::To(Phase::Dialing(Box::new(dialing)))
    }

    fn refuse(&self, refusal: &Refusal, about: &About, legs: &mut Legs, cx: &mut Context) -> Turn {
        let identity = self.startup.as_ref().map_or("", |it| &it.identity.name);
        let record = refused(about, identity, refusal.code, cx);
        cx.journal.append(&[record], None, cx.now);
        message::refuse(&mut legs.client.outbox, refusal);
        Turn::End
    }
}

/// What a session reads when its grant's time is up.
pub(super) fn expired(grant: GrantId) -> Refusal {
    let text = format!("terminating connection because its grant {grant} has expired");
    Refusal::new(SqlState::ADMIN_SHUTDOWN, text).with_hint("Ask for another: velum grants request")
}

/// What a session reads when its grant was taken from it.
pub(super) fn over(grant: GrantId) -> Refusal {
    let text = format!("terminating connection because its grant {grant} is in force no longer");
    Refusal::new(SqlState::ADMIN_SHUTDOWN, text)
        .with_hint(format!("See why: velum grants show {grant}"))
}

/// What a client reads when nobody has answered for too long.
pub(super) fn unanswered() -> Refusal {
    let text = "the gateway did not look up grants in time";
    Refusal::new(SqlState::CANNOT_CONNECT_NOW, text)
}
