//! One PostgreSQL and one gateway for each data plane.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock};

use libtest_mimic::Trial;
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};

use super::client::{Client, Login};
use super::clinic;
use super::gateway::{Driver, Gateway, Setup, UpstreamRole};

/// See the module's text. Fields drop in order: the gateways before the database.
pub struct Bed {
    gateways: Vec<Gateway>,
    /// The database.
    pub cluster: Cluster,
}

/// A bed that starts when a trial first uses it and stops when the last trial is gone.
pub type Shared = Arc<LazyLock<Bed, Box<dyn FnOnce() -> Bed + Send>>>;

impl Bed {
    /// A bed with the clinic's tables.
    pub fn shared() -> Shared {
        Arc::new(LazyLock::new(Box::new(Bed::start)))
    }

    fn start() -> Self {
        let cluster = Cluster::start(ClusterOptions::default()).expect("a private PostgreSQL");
        clinic::create(&cluster);
        let start = |driver| Gateway::start(&Setup::clinic(driver, upstream(&cluster)));
        let gateways = Driver::under_test()
            .iter()
            .map(|driver| start(*driver))
            .collect();
        Self { gateways, cluster }
    }

    /// The gateway on `driver`.
    pub fn gateway(&self, driver: Driver) -> &Gateway {
        let found = self
            .gateways
            .iter()
            .find(|gateway| gateway.driver() == driver);
        found.expect("a gateway for each driver under test")
    }

    /// A client past the gateway, as the role that the gateway itself uses.
    pub fn direct(&self) -> Client {
        let login = Login::plain(self.cluster.port(), clinic::ROLE, clinic::ROLE_PASSWORD);
        Client::connect(&login, clinic::DATABASE).expect("a direct connection")
    }
}

/// The role with which gateways reach `cluster`.
pub fn upstream(cluster: &Cluster) -> UpstreamRole {
    UpstreamRole {
        port: cluster.port(),
        database: clinic::DATABASE.to_owned(),
        user: clinic::ROLE.to_owned(),
        password: clinic::ROLE_PASSWORD.to_owned(),
    }
}

/// What a trial does: with a bed, on a driver, with TLS or without.
pub type Body = fn(&Bed, Driver, bool);

/// One trial for each driver, and for TLS off and on, named `driver::tls::name`.
pub fn matrix(
    bed: &Shared,
    name: &str,
    body: impl Fn(&Bed, Driver, bool) + Copy + Send + 'static,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        for tls in [false, true] {
            let transport = if tls { "tls" } else { "plain" };
            let (bed, driver) = (Arc::clone(bed), *driver);
            trials.push(Trial::test(
                format!("{driver}::{transport}::{name}"),
                move || {
                    with_log(&bed, driver, || body(&bed, driver, tls));
                    Ok(())
                },
            ));
        }
    }
    trials
}

/// Runs a trial's body; if it panics, the gateway's log is printed beside it.
pub fn with_log(bed: &Bed, driver: Driver, body: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
        let log = bed.gateway(driver).log();
        let tail: Vec<&str> = log.lines().rev().take(30).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        eprintln!("--- log of velum on {driver}\n{}\n---", tail.join("\n"));
        resume_unwind(panic);
    }
}
