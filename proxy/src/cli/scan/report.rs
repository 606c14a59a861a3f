//! What is printed: findings as `grep` prints them, what could not be read, and a summary.

use std::io::{self, IsTerminal, StdoutLock, Write};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use velum_core::inspect::{DetectorId, Finding};
use velum_core::mask::redact;
use velum_detectors::Detector;

use super::position::Position;
use super::scanner::{Counts, Hit, Piece};

const DIM: Style = Style::new().dimmed();
const NAME: Style = AnsiColor::Magenta.on_default();
const NUMBER: Style = AnsiColor::Green.on_default();
const PLAIN: Style = Style::new();
/// Shorter runs need no bar.
const PATIENCE: Duration = Duration::from_millis(400);

/// Standard output and standard error of one run.
pub(super) struct Report {
    out: io::BufWriter<StdoutLock<'static>>,
    /// Findings are in colour.
    is_coloured: bool,
    /// The summary is in colour.
    is_summary_coloured: bool,
    wants: Wants,
    bar: ProgressBar,
    started: Instant,
    input: Input,
    totals: Totals,
}

/// What is printed beside findings and data.
#[derive(Clone, Copy)]
pub(super) struct Wants {
    pub(super) summary: Summary,
    pub(super) progress: bool,
    /// Files are named, even if there is only one.
    pub(super) file_names: bool,
}

/// How a run is summed up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Summary {
    None,
    /// A line for people, on standard error.
    Text,
    /// A document on standard output.
    Json,
    /// A document on standard error, because standard output has the data.
    JsonAside,
}

/// The input whose pieces arrive.
#[derive(Default)]
struct Input {
    name: String,
    position: Position,
    spill: usize,
    found: u64,
}

#[derive(Default)]
struct Totals {
    counts: Counts,
    bytes: u64,
    files: u64,
    files_found: u64,
    skipped: Vec<(String, &'static str)>,
    errors: Vec<String>,
}

impl Report {
    pub(super) fn new(wants: Wants, bytes: Option<u64>) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let out = io::stdout().lock();
        Self {
            is_coloured: out.is_terminal() && !unwanted,
            is_summary_coloured: io::stderr().is_terminal() && !unwanted,
            // A bar between findings would be a mess.
            bar: bar(wants.progress && !out.is_terminal(), bytes),
            out: io::BufWriter::with_capacity(64 * 1024, out),
            wants,
            started: Instant::now(),
            input: Input::default(),
            totals: Totals::default(),
        }
    }

    /// The pieces of this input follow.
    pub(super) fn begin(&mut self, name: String) {
        self.totals.files += 1;
        self.input = Input {
            name,
            ..Input::default()
        };
    }

    /// Prints what came of the next part of the input; false if nobody reads it.
    pub(super) fn piece(&mut self, mut piece: Piece) -> bool {
        for problem in &piece.problems {
            let at = problem.position.after(self.input.position);
            let place = format!("{}:{}:{}", self.input.name, at.line + 1, at.column + 1);
            self.error(&format!("{place}: {}", problem.what));
        }
        let covered = self.input.spill.min(piece.out.len());
        let spilled = Finding {
            start: 0,
            end: covered,
            detector: DetectorId(0),
        };
        redact(&mut piece.out, &[spilled]);
        let rest = self
            .input
            .spill
            .saturating_sub(usize::try_from(piece.bytes).unwrap_or(0));
        self.input.spill = rest.max(piece.spill);

        let hits = piece.hits.iter();
        let written = hits
            .map(|hit| self.hit(hit))
            .collect::<io::Result<Vec<()>>>();
        let written = written.and_then(|_| self.out.write_all(&piece.out));
        self.input.position = piece.end.after(self.input.position);
        self.input.found += piece.counts.total();
        self.totals.counts.merge(&piece.counts);
        self.totals.bytes += piece.bytes;
        if self.started.elapsed() > PATIENCE {
            self.bar.set_position(self.totals.bytes);
        }
        written.is_ok()
    }

    /// The input is at its end.
    pub(super) fn end(&mut self) -> bool {
        self.totals.files_found += u64::from(self.input.found > 0);
        self.out.flush().is_ok()
    }

    /// A file that was not scanned on purpose.
    pub(super) fn skip(&mut self, name: String, reason: &'static str) {
        if self.wants.summary != Summary::None {
            self.say(&format!("velum scan: {name}: skipped: {reason}\n"));
        }
        self.totals.skipped.push((name, reason));
    }

    /// Something could not be read: `what` names the file.
    pub(super) fn error(&mut self, what: &str) {
        self.say(&format!("velum scan: {what}\n"));
        self.totals.errors.push(what.to_owned());
    }

    /// Prints the summary; returns whether something was found, and whether all was read.
    pub(super) fn finish(mut self) -> (bool, bool) {
        self.bar.finish_and_clear();
        let has_found = self.totals.counts.total() > 0;
        let is_read = self.totals.errors.is_empty();
        match self.wants.summary {
            Summary::None => {}
            Summary::Text => super::super::complain(&self.text_summary()),
            Summary::Json => {
                let _closed = writeln!(self.out, "{}", self.json_summary());
            }
            Summary::JsonAside => super::super::complain(&format!("{}\n", self.json_summary())),
        }
        let _closed = self.out.flush();
        (has_found, is_read)
    }

    fn hit(&mut self, hit: &Hit) -> io::Result<()> {
        let at = hit.position.after(self.input.position);
        let [name, number, kind, dim] = match self.is_coloured {
            true => [NAME, NUMBER, style(hit.detector), DIM],
            false => [PLAIN; 4],
        };
        if self.wants.file_names {
            write!(self.out, "{name}{}{name:#}:", self.input.name)?;
        }
        let (line, column) = (at.line + 1, at.column + 1);
        write!(
            self.out,
            "{number}{line}{number:#}:{number}{column}{number:#}: "
        )?;
        write!(
            self.out,
            "{kind}{}{kind:#} {}",
            label(hit.detector),
            hit.text
        )?;
        match &hit.column {
            Some(column) => {
                let column = column.escape_debug();
                writeln!(self.out, " {dim}[{column}]{dim:#}")
            }
            None => writeln!(self.out),
        }
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| super::super::complain(line));
    }

    /// One line, with the types in their colours.
    fn text_summary(&self) -> String {
        let totals = &self.totals;
        let found = totals.counts.found().map(|(detector, count)| {
            let kind = if self.is_summary_coloured {
                style(detector)
            } else {
                PLAIN
            };
            format!("{kind}{}{kind:#} {count}", label(detector))
        });
        let found: Vec<_> = found.collect();
        let scanned = format!(
            "{} scanned in {:.1} s",
            files(totals.files, totals.bytes),
            self.started.elapsed().as_secs_f64()
        );
        let skipped = match totals.skipped.len() {
            0 => String::new(),
            count => format!(", {count} skipped"),
        };
        match found.is_empty() {
            true => format!("{scanned}{skipped}: nothing found\n"),
            false => format!(
                "{scanned}{skipped}: {} in {}: {}\n",
                plural(totals.counts.total(), "finding"),
                plural(totals.files_found, "file"),
                found.join(", ")
            ),
        }
    }

    fn json_summary(&self) -> serde_json::Value {
        let totals = &self.totals;
        let by_type: serde_json::Map<_, _> = totals
            .counts
            .found()
            .map(|(detector, count)| (label(detector), json!(count)))
            .collect();
        let skip = |(name, reason): &(String, &str)| json!({ "file": name, "reason": reason });
        json!({
            "files": totals.files,
            "files_with_findings": totals.files_found,
            "bytes": totals.bytes,
            "findings": totals.counts.total(),
            "by_type": by_type,
            "skipped": totals.skipped.iter().map(skip).collect::<Vec<_>>(),
            "errors": totals.errors,
        })
    }
}

fn bar(is_wanted: bool, bytes: Option<u64>) -> ProgressBar {
    if !is_wanted {
        return ProgressBar::hidden();
    }
    let bar = match bytes {
        Some(bytes) => ProgressBar::new(bytes),
        None => ProgressBar::new_spinner(),
    };
    let template = match bytes {
        Some(_) => "{bar:32.cyan/dim} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "{spinner:.cyan} {bytes} {bytes_per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    // Draws nothing where standard error is no terminal.
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    bar
}

/// Colours say how grave a type is: red names a person, yellow finds one, cyan narrows.
fn style(detector: Detector) -> Style {
    use Detector::{Account, Address, Age, CreditCard, Date, Device, Email, Fax, HealthPlan, Ip};
    use Detector::{Dea, License, Mrn, Name, Npi, Org, Other, Phone, Ssn, Url, Vin, Zip};
    let color = match detector {
        Ssn | Mrn | Name | CreditCard | HealthPlan | Account => AnsiColor::Red,
        Phone | Fax | Email | Address | License | Vin | Device => AnsiColor::Yellow,
        Date | Age | Zip | Ip | Url | Npi | Dea | Org | Other => AnsiColor::Cyan,
    };
    color.on_default().bold()
}

/// The type as outside tools know it.
fn label(detector: Detector) -> String {
    detector.name().to_ascii_uppercase()
}

fn files(count: u64, bytes: u64) -> String {
    let size = indicatif::HumanBytes(bytes);
    format!("{} ({size})", plural(count, "file"))
}

fn plural(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}
