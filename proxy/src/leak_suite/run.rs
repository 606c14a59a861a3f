//! Asks every vector past the proxy and through it.

use std::io;

use super::driver::Driver;
use super::judge::{Verdict, judge};
use super::scorecard::{Line, Scorecard};
use super::transcript::Transcript;
use super::vectors::{self, Suite, Vector};
use super::wire::{self, Target};
use crate::demo::raw::Raw;

/// Who is asked, and how.
pub struct Options {
    /// The proxy.
    pub proxy: Target,
    /// The database behind it.
    pub direct: Target,
    /// [`super::relay`]: as the proxy leads to it, and past the proxy.
    pub relay: Option<(Target, Target)>,
    /// A driver's program; `None` is raw frames.
    pub via: Option<String>,
    /// This group alone.
    pub group: Option<String>,
}

/// Runs the suite; `step` hears of each vector that is done.
///
/// # Errors
/// If the database cannot be reached, or a driver's program cannot be started.
pub fn run(options: &Options, suite: &Suite, step: impl Fn()) -> io::Result<Scorecard> {
    let mut drivers = match &options.via {
        None => None,
        Some(command) => Some((
            Driver::start(command, &options.direct)?,
            Driver::start(command, &options.proxy)?,
        )),
    };
    let mut aside = options.direct.connect()?;
    let mut lines = Vec::new();
    for vector in chosen(suite, options.group.as_deref()) {
        let verdict = match &mut drivers {
            None => by_frames(options, vector, &mut aside)?,
            Some(_) if vector.needs_frames() => Verdict::NotRun("raw frames only".to_owned()),
            Some(drivers) => by_driver(vector, drivers, &mut aside)?,
        };
        lines.push(Line::new(vector, verdict));
        step();
    }
    Ok(Scorecard {
        way: options.via.clone().unwrap_or_else(|| "wire".to_owned()),
        lines,
    })
}

/// The vectors of a group, or all.
pub fn chosen<'a>(suite: &'a Suite, group: Option<&str>) -> Vec<&'a Vector> {
    let vectors = suite.vectors.iter();
    vectors
        .filter(|vector| group.is_none_or(|group| vector.group == group))
        .collect()
}

fn by_frames(options: &Options, vector: &Vector, aside: &mut Raw) -> io::Result<Verdict> {
    let (proxy, direct) = match (&options.relay, vector.relay) {
        (_, false) => (&options.proxy, &options.direct),
        (Some((proxy, direct)), true) => (proxy, direct),
        (None, true) => {
            return Ok(Verdict::NotRun("needs --relay".to_owned()));
        }
    };
    let plain = framed(vector, aside, |aside| Ok(wire::ask(direct, vector, aside)))?;
    let seen = framed(vector, aside, |aside| Ok(wire::ask(proxy, vector, aside)))?;
    Ok(judge(vector, &plain, &seen))
}

fn by_driver(
    vector: &Vector,
    (direct, through): &mut (Driver, Driver),
    aside: &mut Raw,
) -> io::Result<Verdict> {
    let plain = framed(vector, aside, |aside| direct.ask(vector, aside))?;
    if plain.lost.is_some() {
        return Ok(Verdict::NotRun("the driver itself gives up".to_owned()));
    }
    let seen = framed(vector, aside, |aside| through.ask(vector, aside))?;
    Ok(match judge(vector, &plain, &seen) {
        // Drivers keep much to themselves; what they received is what the frames have shown.
        Verdict::ShowsNothing(why) => Verdict::NotRun(format!("the driver shows nothing: {why}")),
        verdict => verdict,
    })
}

/// Asks between what a vector wants done before and after, by a session past the proxy.
fn framed(
    vector: &Vector,
    aside: &mut Raw,
    ask: impl FnOnce(&mut Raw) -> io::Result<Transcript>,
) -> io::Result<Transcript> {
    let tell = |aside: &mut Raw, texts: &[String]| -> io::Result<()> {
        for text in texts {
            let frames = aside.simple(text)?;
            if let Some((code, message)) = frames.iter().find_map(|frame| frame.error()) {
                let what = format!("{}: {code} {message}: {text}", vector.id);
                return Err(io::Error::other(what));
            }
        }
        Ok(())
    };
    tell(aside, &vector.before)?;
    let transcript = ask(aside)?;
    tell(aside, &vector.after)?;
    Ok(transcript)
}

/// The suite that comes with the program.
///
/// # Errors
/// If its files are wrong.
pub fn suite() -> io::Result<Suite> {
    vectors::load().map_err(io::Error::other)
}
