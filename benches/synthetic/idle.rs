//! Memory of sessions that have worked and rest.

use std::fmt::Write as _;
use std::fs;

use velum_benches::client::query;

use crate::Extent;
use crate::answers::{Answer, Recorded};
use crate::gateway::Gateway;
use crate::path::{Path, Stream};
use crate::plot::{Axis, Line, plot};

/// KiB of resident memory a session.
pub struct Resting {
    tls: bool,
    sessions: usize,
    kib: f64,
}

/// Sessions open, ask for one result each, and stay; their gateway's memory grows by so much.
pub fn measure(
    recorded: &Recorded,
    upstream: u16,
    extent: &Extent,
) -> Result<Vec<Resting>, String> {
    let question = recorded.question(Answer::SMALL);
    let mut all = Vec::new();
    for tls in [false, true] {
        // One of its own: what others have given back would be used first.
        let gateway = &Gateway::start(upstream)?;
        let mut path = Path::through(gateway, "resting", "exempt");
        if tls {
            path = path.with_tls(gateway, true)?;
        }
        let mut sessions: Vec<Box<dyn Stream>> = Vec::new();
        // Buffers that are kept for whoever comes next are there before the first counts.
        for _ in 0..100 {
            drop(session(&path, &question));
        }
        let before = resident_kib(gateway.id())?;
        for count in extent.sessions {
            eprintln!("{count} sessions{}", if tls { " with TLS" } else { "" });
            while sessions.len() < *count {
                sessions.push(session(&path, &question));
            }
            let grown = resident_kib(gateway.id())? - before;
            all.push(Resting {
                tls,
                sessions: *count,
                kib: grown / *count as f64,
            });
        }
    }
    Ok(all)
}

fn session(path: &Path, question: &str) -> Box<dyn Stream> {
    let mut stream = path.open();
    query(&mut stream, question, |_| {});
    stream
}

fn resident_kib(process: u32) -> Result<f64, String> {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| "no VmRSS".to_owned())
}

/// By number of sessions.
pub fn table(all: &[Resting]) -> String {
    let mut text = "## Sessions that rest after a result\n\n\
                    | sessions | TLS | resident KiB each |\n|---|---|---|\n"
        .to_owned();
    for resting in all {
        let tls = if resting.tls { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "| {} | {tls} | {:.1} |",
            resting.sessions, resting.kib
        );
    }
    text
}

/// The same as SVG.
pub fn curve(all: &[Resting]) -> String {
    let line = |name, tls| {
        let mut line = Line::new(name);
        let mine = all.iter().filter(|it| it.tls == tls);
        line.points
            .extend(mine.map(|it| (it.sessions as f64, it.kib)));
        line
    };
    let lines = [line("plain", false), line("TLS", true)];
    plot(
        "KiB of resident memory a session that rests",
        Axis::log("sessions"),
        "KiB",
        &lines,
    )
}
