//! People at the gateway's own interfaces: they log in at real providers by a real HTTP client with
//! a cookie jar, and everything that somebody else would try in their place is tried.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod browser;
mod code;
mod device;
#[path = "../../src/identity/tests/forge.rs"]
mod forge;
mod hostile;
mod saml;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::process::ExitCode;

use libtest_mimic::Trial;

fn main() -> ExitCode {
    let cases: &[(&'static str, fn())] = &[
        ("code::a_person_logs_in_decides_and_leaves", code::decides),
        ("code::whoever_is_not_the_person_is_refused", code::refused),
        (
            "code::sessions_outlive_a_restart_and_no_reload_against_them",
            code::lasts,
        ),
        (
            "hostile::tokens_of_a_hostile_issuer_are_refused",
            hostile::refused,
        ),
        (
            "device::somebody_logs_in_by_another_machine",
            device::logs_in,
        ),
        (
            "device::an_issuer_without_the_flow_says_so",
            device::without,
        ),
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
