//! Where grants and keys are kept, if that is a server.

use std::time::Instant;

use super::Finding;
use crate::config::Config;
use crate::store::{Place, Store, StoreError};

/// Nothing of a store in the data directory: the gateway makes it.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let Place::Server(server) = &config.store else {
        return Vec::new();
    };
    let what = "store";
    let began = Instant::now();
    // It also makes the tables if there are none, as the gateway would.
    let looked = Store::of(config).and_then(|mut store| {
        let connected = began.elapsed();
        let began = Instant::now();
        let events = store.look(|tx| tx.last_event())?;
        Ok::<_, StoreError>((events, connected, began.elapsed()))
    });
    vec![match looked {
        Ok((events, connected, answered)) => Finding::good(
            what,
            format!(
                "{}: {events} events, connected in {connected:.1?}, answers in {answered:.1?}",
                server.shown()
            ),
        ),
        Err(error) => Finding::bad(
            what,
            format!("{}: {error}", server.shown()),
            "see \"Several gateways\" in docs/operations.md: its role, its database, who may \
             connect",
        ),
    }]
}
