//! Whole tables, in every form in which PostgreSQL sends rows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::gateway::Gateway;
use super::render::Screen;
use super::scenes::Identity;
use super::verdict::Verdict;
use crate::demo::ehr::Table;

/// The first rows of a table, in the forms that the whole table is not read in.
const ROWS: &str = "order by id limit 2000";

/// Reads every table through Velum and searches what came.
pub(super) fn play(
    gateway: &Gateway,
    interrupted: &AtomicBool,
    verdict: &mut Verdict,
    screen: &mut Screen,
) -> Result<()> {
    screen.heading(
        "Whole tables",
        "Every table by COPY; its first rows also by SELECT, CSV and binary COPY, for both \
         identities. All of it is searched for the SSN of every patient, and for everything \
         that identifies the first thousand.",
    )?;
    for table in Table::ALL {
        let name = table.name();
        let copy = format!("copy (select * from clinic.{name}) to stdout");
        let (bytes, elapsed) = read(gateway, Identity::EtlBot, &copy, verdict)?;
        let seconds = elapsed.as_secs_f64();
        let megabytes = u32::try_from(bytes).map_or(0.0, f64::from) / 1e6;
        screen.line(&format!("{name:<14} {megabytes:7.1} MB in {seconds:6.3} s"))?;
        for identity in [Identity::EtlBot, Identity::AnalystAgent] {
            for sql in forms(name) {
                if interrupted.load(Ordering::Relaxed) {
                    return Ok(());
                }
                read(gateway, identity, &sql, verdict)?;
            }
        }
    }
    Ok(())
}

fn forms(name: &str) -> [String; 4] {
    let rows = format!("select * from clinic.{name} {ROWS}");
    [
        format!("copy ({rows}) to stdout (format csv, header, force_quote *)"),
        format!("copy ({rows}) to stdout (format binary)"),
        format!("select whole from (select t as whole from clinic.{name} t {ROWS}) rows"),
        rows,
    ]
}

/// Returns how many bytes came, and in what time; the search comes after.
fn read(
    gateway: &Gateway,
    identity: Identity,
    sql: &str,
    verdict: &mut Verdict,
) -> Result<(usize, Duration)> {
    let mut client = gateway.connect(identity)?;
    let began = Instant::now();
    client
        .drain(sql)
        .with_context(|| format!("{}: {sql}", identity.name()))?;
    let elapsed = began.elapsed();
    verdict.search(&format!("{}: {sql}", identity.name()), client.received());
    Ok((client.received().len(), elapsed))
}
