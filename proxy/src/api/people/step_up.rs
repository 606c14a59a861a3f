//! Deciding takes somebody who has shown who they are a moment ago, or by a method that is enough:
//! a browser that was left open, or its cookie, is not enough to let anybody in.

use axum::http::StatusCode;
use velum_core::identity::Assertion;
use velum_core::time::Timestamp;

use super::super::Api;
use super::super::principal::{Principal, Shown};
use super::super::problem::Problem;
use super::own_url;
use crate::config::Config;
use crate::config::model::StepUp;
use crate::identity::code::Proof;
use crate::observe;

/// Clocks may be apart by so much.
const SKEW_S: u64 = 60;

impl Principal {
    /// Refuses a person who has not shown who they are lately. Keys and machines are asked for
    /// nothing more: they have nothing else to show.
    ///
    /// # Errors
    /// Where to log in.
    pub(in crate::api) fn must_be_fresh(&self, api: &Api) -> Result<(), Problem> {
        let Some(shown) = &self.shown else {
            return Ok(());
        };
        let config = api.desk.config();
        let wanted = &config.login.step_up;
        if is_enough(&shown.proof, wanted, observe::now()) {
            return Ok(());
        }
        let seconds = wanted.within.as_secs();
        let detail = format!("this takes a log-in of the last {seconds} seconds");
        let mut problem = Problem::new(StatusCode::FORBIDDEN, "step-up-required", detail)
            .with_hint(format!(
                "log in again at {}, or by velum login",
                shown.login
            ));
        problem.login = Some(shown.login.as_str().into());
        Err(problem)
    }
}

/// Is the proof recent, or of a kind that is enough?
pub(super) fn is_enough(proof: &Proof, wanted: &StepUp, now: Timestamp) -> bool {
    let now_s = now.0 / 1_000_000_000;
    let is_recent = proof.at_s.is_some_and(|at_s| {
        at_s <= now_s.saturating_add(SKEW_S) && now_s < at_s.saturating_add(wanted.within.as_secs())
    });
    is_recent
        || proof.amr.iter().any(|method| wanted.amr.contains(method))
        || proof
            .acr
            .as_ref()
            .is_some_and(|context| wanted.acr.contains(context))
}

/// How the person behind a token has shown who they are; `None` where people do not log in at its
/// issuer.
pub(in crate::api) fn of_token(assertion: &Assertion, config: &Config) -> Option<Shown> {
    let issuer = config
        .issuers
        .iter()
        .find(|it| it.url == assertion.issuer)?;
    issuer.login.as_ref()?;
    Some(Shown {
        // What is malformed shows nothing.
        proof: Proof::of(&assertion.claims).unwrap_or_default(),
        login: format!(
            "{}/api/v1/login/{}?prompt=login",
            own_url(config),
            issuer.name
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lately_or_by_a_method_that_is_enough() {
        let wanted = StepUp {
            within: Duration::from_secs(100),
            amr: vec!["hwk".to_owned()],
            acr: vec!["urn:mfa".to_owned()],
        };
        let now = Timestamp(1_000 * 1_000_000_000);
        let proof = |at_s, amr: &str, acr: Option<&str>| Proof {
            at_s,
            amr: vec![amr.to_owned()],
            acr: acr.map(str::to_owned),
        };
        for (proof, expected) in [
            (Proof::default(), false),
            (proof(Some(901), "pwd", None), true),
            (proof(Some(900), "pwd", None), false),
            (proof(Some(1_060), "pwd", None), true),
            (proof(Some(1_061), "pwd", None), false),
            (proof(Some(u64::MAX), "pwd", None), false),
            (proof(None, "hwk", None), true),
            (proof(None, "HWK", Some("mfa")), false),
            (proof(Some(1), "pwd", Some("urn:mfa")), true),
        ] {
            assert_eq!(is_enough(&proof, &wanted, now), expected, "{proof:?}");
        }
    }
}
