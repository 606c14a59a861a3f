//! `/metrics`: the gateway's figures, as Prometheus reads them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Api;
use super::principal::{Principal, Role};
use super::problem::Problem;
use crate::audit::ship::cursor;
use crate::audit::store;
use crate::audit::witness::ask;
use crate::config::Config;
use crate::planes::Shared;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Figures of the data plane, read where it keeps them for itself.
#[derive(Clone)]
struct Figures(Arc<Shared>);

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures")
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counters = &self.0.counters;
        let gauges = [
            (
                "connections",
                "Client connections now open",
                &counters.connections,
            ),
            (
                "greeting",
                "Of those, not authenticated yet",
                &counters.pre_auth,
            ),
            (
                "sessions",
                "Authenticated sessions now open",
                &counters.sessions,
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value.load(Ordering::Relaxed) as u64);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let totals = [
            ("accepted", "Connections ever accepted", &counters.accepted),
            (
                "cancels",
                "Cancel requests that matched a session",
                &counters.cancels,
            ),
            (
                "cancels_unknown",
                "Cancel requests that matched none",
                &counters.cancels_unknown,
            ),
            (
                "receives_held_off",
                "Receives of bulk results that let bytes gather first",
                &counters.held_off,
            ),
            (
                "connections_resumed",
                "Sessions that went on with a connection to the database that another had left",
                &counters.resumed,
            ),
        ];
        for (name, help, value) in totals {
            let total = ConstCounter::new(value.load(Ordering::Relaxed));
            let metric = encoder.encode_descriptor(name, help, None, total.metric_type())?;
            total.encode(metric)?;
        }
        Ok(())
    }
}

/// How far the log was sent, as the destinations' cursors say.
#[derive(Debug)]
struct Shipped {
    /// Destination, and the last record that it has taken.
    taken: Vec<(String, u64)>,
    /// Witness, and the records that it has cosigned.
    witnessed: Vec<(String, u64)>,
    /// Records that the log's checkpoint covers.
    signed: u64,
}

impl Shipped {
    fn of(config: &Config) -> Self {
        let names = config.ship.iter().map(|to| &to.name);
        let names = names.chain(config.archive.iter().map(|to| &to.name));
        let taken = names.map(|name| {
            let path = cursor::path(&config.gateway.data_directory, name);
            (name.clone(), cursor::load(&path).sequence)
        });
        let checkpoint = store::read_checkpoint(&config.audit.directory);
        let signed = checkpoint.ok().flatten().and_then(|it| store::size_of(&it));
        let witnesses = config.witnesses.iter().map(|witness| {
            let kept = store::read_note(&ask::file(&config.audit.directory, &witness.name));
            let records = kept.ok().and_then(|it| store::size_of(&it));
            (witness.name.clone(), records.unwrap_or(0))
        });
        Self {
            taken: taken.collect(),
            witnessed: witnesses.collect(),
            signed: signed.unwrap_or(0),
        }
    }
}

impl Collector for Shipped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = ConstGauge::new(self.signed);
        let help = "Audit records that are signed";
        let metric = encoder.encode_descriptor("audit_signed", help, None, gauge.metric_type())?;
        gauge.encode(metric)?;
        let families = [
            (
                "audit_shipped",
                "The last audit record that a destination has taken",
                "to",
                &self.taken,
            ),
            (
                "audit_witnessed",
                "Audit records that a witness has cosigned",
                "by",
                &self.witnessed,
            ),
        ];
        for (name, help, label, values) in families {
            if values.is_empty() {
                continue;
            }
            let kind = gauge.metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (name, value) in values {
                let labels = [(label, name.as_str())];
                ConstGauge::new(*value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// All figures, for who may read everything.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = str), (status = 401), (status = 403)))]
pub(super) async fn metrics(
    State(api): State<Arc<Api>>,
    caller: Principal,
) -> Result<impl IntoResponse, Problem> {
    caller.must_be(&[Role::Auditor, Role::Admin])?;
    let mut registry = Registry::with_prefix("velum");
    registry.register_collector(Box::new(Figures(Arc::clone(api.desk.shared()))));
    registry.register_collector(Box::new(Shipped::of(&api.desk.config())));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|_| Problem::timeout())?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text))
}
