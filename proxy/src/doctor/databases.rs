//! What is behind the gateway: reachable, TLS, credential, version, clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Finding, rules};
use crate::config::Config;
use crate::config::model::{Resource, UpstreamTlsMode};
use crate::control::catalog::{self, Upstream};
use crate::credentials::Login;
use crate::credentials::once::Once;

/// Records of gateway and database are compared by their times.
const SKEW: Duration = Duration::from_secs(2);

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return vec![Finding::bad(
                "resources",
                error.to_string(),
                "see the limits above",
            )];
        }
    };
    let tasks = tokio::task::LocalSet::new();
    let mut findings = Vec::new();
    for resource in &config.resources {
        findings.extend(tasks.block_on(&runtime, examine_one(config, resource)));
    }
    findings
}

async fn examine_one(config: &Config, resource: &Resource) -> Vec<Finding> {
    let what = format!("resource {}", resource.name);
    let mut once = match Once::get(config, resource).await {
        Ok(once) => once,
        Err(error) => {
            let mend = "the credential is elsewhere: is it there, may we have it?";
            return vec![Finding::bad(what, error, mend)];
        }
    };
    let findings = examine_with(config, resource, what, &once.login).await;
    once.release().await;
    findings
}

async fn examine_with(
    config: &Config,
    resource: &Resource,
    what: String,
    login: &Arc<Login>,
) -> Vec<Finding> {
    let timeout = config.limits.connect_timeout;
    let Some(upstream) = Upstream::home(resource, login, timeout) else {
        let found = "not tried: the resource names no role for the gateway itself";
        return vec![Finding::warning(
            what,
            found,
            "give `catalog_user` to have it checked",
        )];
    };
    let client = match upstream.connect().await {
        Ok(client) => client,
        Err(error) => {
            let mend = match error.reason.as_str() {
                reason if reason.ends_with("28P01") => "the password is wrong",
                reason if reason.ends_with("28000") => {
                    "the server's pg_hba.conf does not let this role in from here"
                }
                reason if reason.ends_with("3D000") => "the database does not exist",
                _ => "is the address right, does the server run, is the way open?",
            };
            return vec![Finding::bad(what, error.to_string(), mend)];
        }
    };
    let tls = encryption(resource.tls_mode);
    let sql = "select pg_catalog.current_setting('server_version'), \
               extract(epoch from pg_catalog.clock_timestamp())::float8";
    let before = SystemTime::now();
    let row = match client.query_one(sql, &[]).await {
        Ok(row) => row,
        Err(_) => {
            return vec![Finding::bad(
                what,
                "logged in, but no answer",
                "see its log",
            )];
        }
    };
    let (Ok(version), Ok(server_time)) = (row.try_get::<_, String>(0), row.try_get::<_, f64>(1))
    else {
        return vec![Finding::bad(
            what,
            "not a PostgreSQL",
            "is the address right?",
        )];
    };
    let reached = format!("PostgreSQL {version}, {tls}, logged in");
    let mut findings = vec![
        Finding::good(what, reached),
        clock(resource, before, server_time),
    ];
    drop(client);
    findings.extend(match catalog::load(&upstream, None, 1).await {
        Ok(Some((catalog, _))) => rules::examine(config, resource, &catalog),
        Ok(None) => Vec::new(),
        Err(error) => vec![Finding::bad(
            format!("catalog of {}", resource.name),
            error.to_string(),
            "the role must be able to read pg_catalog; without it everything is masked",
        )],
    });
    findings
}

fn encryption(mode: UpstreamTlsMode) -> &'static str {
    match mode {
        UpstreamTlsMode::Disable => "without TLS",
        UpstreamTlsMode::Require => "TLS, not verified",
        UpstreamTlsMode::VerifyCa => "TLS, authority verified",
        UpstreamTlsMode::VerifyFull => "TLS, verified",
    }
}

/// The server read its clock between `before` and now: what lies outside is skew.
fn clock(resource: &Resource, before: SystemTime, server_time: f64) -> Finding {
    let what = format!("clock of {}", resource.name);
    let seconds = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64()
    };
    let (earliest, latest) = (seconds(before), seconds(SystemTime::now()));
    let ahead = (server_time - latest).max(0.0) - (earliest - server_time).max(0.0);
    match ahead.abs() > SKEW.as_secs_f64() {
        true => Finding::warning(
            what,
            format!("differs from ours by {ahead:+.1} s"),
            "keep both with an NTP client: records are compared by time",
        ),
        false => Finding::good(what, format!("within {:.1} s of ours", ahead.abs())),
    }
}
