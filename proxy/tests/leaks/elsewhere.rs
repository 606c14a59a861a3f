//! Views that others replace, through the gateway or beside it, right before a statement.

use crate::support::bed::{Bed, upstream};
use crate::support::client::{Client, rows};
use crate::support::clinic;
use crate::support::gateway::{Driver, Gateway, Setup};

use super::clean;

/// Replaces the view by `run`, and reads it at once: what is masked of it must not leave, and what
/// is not comes as it is.
fn flip(client: &mut Client, view: &str, mut run: impl FnMut(&str)) {
    for _ in 0..4 {
        for (column, is_clean) in [("city", true), ("nick", false)] {
            run(&format!(
                "CREATE OR REPLACE VIEW {view} AS
                    SELECT id, {column}::text AS x FROM clinic.patients"
            ));
            for sql in [
                format!("SELECT x FROM {view} WHERE id = 1"),
                format!("SELECT upper(x) FROM {view} WHERE id = 1"),
                format!("COPY (SELECT x || '' FROM {view}) TO STDOUT"),
            ] {
                let frames = client.simple(&sql).expect("an answer");
                if is_clean && sql.starts_with("SELECT x") {
                    let town = rows(&frames)[0][0].clone();
                    assert_eq!(town.as_deref(), Some(&b"Town 1"[..]), "{sql}");
                }
            }
        }
    }
    clean(client);
}

fn name(what: &str, driver: Driver, tls: bool) -> String {
    let tls = if tls { "tls" } else { "plain" };
    format!("clinic.{what}_{driver}_{tls}")
}

pub(crate) fn through_the_gateway(bed: &Bed, driver: Driver, tls: bool) {
    let gateway = bed.gateway(driver);
    let mut other = gateway.connect(clinic::EXEMPT, tls);
    let mut client = gateway.connect(clinic::MASKED, tls);
    flip(&mut client, &name("through", driver, tls), |sql| {
        other.simple(sql).expect("done");
    });
}

pub(crate) fn beside_the_gateway(bed: &Bed, driver: Driver, tls: bool) {
    let mut setup = Setup::clinic(driver, upstream(&bed.cluster));
    setup
        .upstream_tls
        .push_str("\ncatalog_check = \"statement\"");
    let gateway = Gateway::start(&setup);
    let mut client = gateway.connect(clinic::MASKED, tls);
    let mut other = bed.direct();
    flip(&mut client, &name("beside", driver, tls), |sql| {
        other.simple(sql).expect("done");
    });
}
