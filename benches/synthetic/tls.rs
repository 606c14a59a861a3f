//! What TLS towards the client costs: of a result, and of a session's beginning.

use std::fmt::Write as _;
use std::time::Instant;

use rustls::HandshakeKind;
use velum_benches::process::cpu_seconds;

use crate::Extent;
use crate::answers::{Answer, Recorded, SHAPES};
use crate::blast::{rounds, spread};
use crate::gateway::Gateway;
use crate::path::Path;

/// Policies, in clear and with TLS.
pub fn paths(gateway: &Gateway) -> Result<Vec<[Path; 2]>, String> {
    let names = [
        ("exempt", "exempt", "exempt, TLS"),
        ("content", "content scanned", "content scanned, TLS"),
    ];
    let pair = |(user, clear, encrypted)| {
        let plain = Path::through(gateway, clear, user);
        let with_tls = plain.clone().named(encrypted).with_tls(gateway, true)?;
        Ok([plain, with_tls])
    };
    names.into_iter().map(pair).collect()
}

/// CPU a GiB with TLS beside the same in clear, and beside what passes in clear unseen.
pub fn table(recorded: &Recorded, pairs: &[[Path; 2]], extent: &Extent) -> String {
    let mut text = "## TLS towards the client\n\n\
                    CPU of the gateway; the ratios are those of a round\n\n\
                    | rows | policy | s a GiB in clear | with TLS | ratio | of an exempt one in \
                    clear |\n|---|---|---|---|---|---|\n"
        .to_owned();
    let paths = pairs.concat();
    for shape in SHAPES {
        let all = rounds(recorded, &paths, Answer::Shape(shape), extent);
        let exempt = all.first().map(|rounds| rounds.cpus.clone());
        let exempt = exempt.unwrap_or_default();
        for (pair, both) in pairs.iter().zip(all.chunks(2)) {
            let [plain, with_tls] = both else { continue };
            let (plain, with_tls) = (&plain.cpus, &with_tls.cpus);
            let _ = writeln!(
                text,
                "| {shape:?} | {} | {} | {} | {} | {} |",
                pair[0].name,
                spread(plain.clone()),
                spread(with_tls.clone()),
                spread(ratios(with_tls, plain)),
                spread(ratios(with_tls, &exempt)),
            );
        }
    }
    text.push('\n');
    text
}

fn ratios(these: &[f64], those: &[f64]) -> Vec<f64> {
    these.iter().zip(those).map(|(a, b)| a / b).collect()
}

/// Sessions that begin one after the other: in clear, with a whole handshake, resumed.
///
/// # Errors
/// A handshake that is not of the declared kind.
pub fn handshakes(gateway: &Gateway, extent: &Extent) -> Result<String, String> {
    let clear = Path::through(gateway, "in clear", "exempt");
    let whole = clear.clone().named("TLS, whole handshake");
    let resumed = clear.clone().named("TLS, resumed");
    let kinds = [
        (clear, None),
        (whole.with_tls(gateway, false)?, Some(HandshakeKind::Full)),
        (
            resumed.with_tls(gateway, true)?,
            Some(HandshakeKind::Resumed),
        ),
    ];
    // The session that others resume.
    kinds.iter().for_each(|(path, _)| drop(path.open()));
    let mut all = vec![(Vec::new(), Vec::new()); kinds.len()];
    for round in 0..extent.rounds {
        eprintln!("handshakes: round {} of {}", round + 1, extent.rounds);
        for ((path, kind), (rates, cpus)) in kinds.iter().zip(&mut all) {
            let (rate, cpu) = begin(path, *kind, extent.handshakes)?;
            rates.push(rate);
            cpus.push(cpu);
        }
    }
    let mut text = format!(
        "## Sessions that begin and end\n\n{} rounds of {}, one after the other\n\n\
         | way in | sessions a second | CPU of the gateway, ms each |\n|---|---|---|\n",
        extent.rounds, extent.handshakes
    );
    for ((path, _), (rates, cpus)) in kinds.iter().zip(all) {
        let (rate, cpu) = (spread(rates), spread(cpus));
        let _ = writeln!(text, "| {} | {rate} | {cpu} |", path.name);
    }
    text.push('\n');
    Ok(text)
}

fn begin(path: &Path, kind: Option<HandshakeKind>, count: usize) -> Result<(f64, f64), String> {
    let cpu = || path.process.map_or(0.0, cpu_seconds);
    let (cpu_before, began) = (cpu(), Instant::now());
    for _ in 0..count {
        let found = path.open().handshake();
        if found != kind {
            return Err(format!("{}: a handshake of kind {found:?}", path.name));
        }
    }
    let count = count as f64;
    let rate = count / began.elapsed().as_secs_f64();
    Ok((rate, (cpu() - cpu_before) * 1e3 / count))
}
