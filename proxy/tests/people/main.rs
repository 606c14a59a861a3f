//! People at the gateway's own interfaces: they log in at real providers by a real HTTP client with
//! a cookie jar, and everything that somebody else would try in their place is tried.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod browser;
mod code;
mod device;
#[path = "../../src/identity/tests/forge.rs"]
mod forge;
mod hostile;
mod keys;
mod saml;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::process::ExitCode;

use libtest_mimic::Trial;

fn main() -> ExitCode {
    let cases: &[(&'static str, fn())] = &[
        ("code::a_person_logs_in_decides_and_leaves", code::decides),
        ("code::spoilt_answers_are_refused", code::spoilt),
        ("code::an_answer_is_for_one_browser_and_once", code::others),
        ("code::a_session_lasts_until_somebody_ends_it", code::lasts),
        ("code::a_reload_ends_what_it_does_not_cover", code::reload),
        ("hostile::tokens_of_a_hostile_issuer", hostile::refused),
        ("saml::a_person_logs_in_at_a_real_provider", saml::logs_in),
        ("saml::forged_responses_are_refused", saml::refused),
        ("saml::others_assertions_are_refused", saml::refused_as_well),
        ("saml::an_assertion_is_used_once", saml::once),
        (
            "device::somebody_logs_in_by_another_machine",
            device::logs_in,
        ),
        (
            "device::a_token_is_exchanged_and_given_back",
            device::exchanged,
        ),
        (
            "device::an_issuer_without_the_flow_says_so",
            device::without,
        ),
        ("keys::nobody_is_locked_out_for_ever", keys::recovered),
    ];
    let trials = cases.iter().map(|(name, body)| {
        let body = *body;
        Trial::test(*name, move || {
            body();
            Ok(())
        })
    });
    support::run(trials.collect())
}
