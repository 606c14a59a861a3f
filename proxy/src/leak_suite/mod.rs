//! The leak suite: what no gateway in front of patients' data may let through, asked of one.
//!
//! Each vector of `corpus/leaks/vectors.toml` is asked twice, past the proxy and through it. Past
//! it the question has to show what it is after, so that a suite that asks nothing cannot pass;
//! through it nothing of that may be in any byte that arrives. Benign statements have to return
//! what they return past the proxy. Nothing here knows which proxy it is.
//!
//! * [`canary`]: the values that must not leave, in every form.
//! * [`vectors`]: the questions, as the files of the corpus declare them.
//! * [`wire`] asks in raw frames, [`driver`] through a program that uses a real driver.
//! * [`relay`] breaks what the database says, for proxies that believe it.
//! * [`judge`]: what two answers to one question mean.
//! * [`scorecard`]: all verdicts, for eyes and for programs.
//! * [`run`]: the whole.

pub mod canary;
pub mod driver;
pub mod judge;
pub mod relay;
pub mod run;
pub mod scorecard;
pub mod transcript;
pub mod vectors;
pub mod wire;
