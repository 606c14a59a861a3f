//! `velum scan`: finds PHI in texts, JSON lines and CSV, and masks it.
//!
//! ```text
//! inputs ─▶ windows (text) ──┐        ┌─▶ worker ─┐
//!           batches (lines,  ├─ jobs ─┼─▶ worker ─┼─ pieces, in order ─▶ report
//!           records)         ┘        └─▶ worker ─┘
//! ```
//!
//! Memory is bounded by the number of jobs in flight and their size, whatever the size of the
//! input; a text is cut at places that depend on its bytes alone.

mod batches;
mod inputs;
mod json;
mod position;
mod records;
mod report;
mod scanner;
mod stream;
mod table;
mod windows;

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use velum_core::inspect::Inspect;

use super::{DONE, FOUND, MISUSE, complain, engine, ordered};
use batches::{Batches, Borders};
use inputs::{Input, Kind, Open};
use records::Machine;
use report::{Report, Summary, Wants};
use scanner::{Piece, Scanner};
use table::Header;
use windows::{Window, Windows};

/// Find PHI in files or standard input. Exit status: 0 nothing found, 1 found, 2 bad input.
#[derive(Args)]
pub(super) struct Scan {
    /// Files and directories; `-` or nothing is standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the input is read.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Write the input to standard output with all findings masked.
    #[arg(long)]
    mask: bool,
    /// Print findings as they are, not masked.
    #[arg(long, conflicts_with = "mask")]
    show: bool,
    /// Look for these types only, such as `ssn,name`.
    #[arg(long, value_delimiter = ',', value_name = "TYPE,…")]
    types: Vec<String>,
    /// The detector pack to scan with; made by `velum tune`.
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// What separates cells of CSV: one character, or `tab`.
    #[arg(long, default_value = ",", value_parser = delimiter)]
    delimiter: u8,
    /// The first record of CSV names no columns.
    #[arg(long)]
    no_header: bool,
    /// Scan files that hold NUL bytes as well; else they are named and skipped.
    #[arg(long)]
    binary: bool,
    /// Print a summary as a JSON document, in place of findings.
    #[arg(long)]
    json: bool,
    /// Print neither findings nor a summary: the exit status says it all.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Any text, scanned as prose.
    Text,
    /// A document a line, `{"id","text","column"?}`; spans come out, a line for each.
    Jsonl,
    /// A table; its first record names the columns.
    Csv,
}

/// What the reader hands to the workers, and they on to the report.
enum Job {
    Begin(String),
    Text(Window),
    Lines(Vec<u8>),
    Records(Vec<u8>, Arc<Header>),
    End,
    Skip(String, &'static str),
    Failed(String),
}

enum Done {
    Begin(String),
    Piece(Box<Piece>),
    End,
    Skip(String, &'static str),
    Failed(String),
}

/// Scans; returns the exit status.
pub(super) fn run(arguments: &Scan) -> u8 {
    let engine = match engine::load(arguments.pack.as_deref(), &arguments.types) {
        Ok(engine) => engine,
        Err(error) => return misuse(&error),
    };
    let (inputs, errors) = inputs::list(&arguments.files);
    if arguments.mask && inputs.len() > 1 {
        return misuse("--mask writes one output: name one file");
    }
    let scanner = arguments.scanner(engine);
    let mut report = Report::new(arguments.wants(), total(&inputs));
    for (path, error) in errors {
        report.error(&format!("{}: {error}", path.display()));
    }
    ordered::run(
        ordered::cores(),
        |send| {
            let mut reader = Reader {
                arguments,
                scanner: &scanner,
                send,
            };
            let _enough = inputs.iter().try_for_each(|input| reader.input(input));
        },
        |job| match job {
            Job::Begin(name) => Done::Begin(name),
            Job::Text(window) => Done::Piece(Box::new(scanner.text(window))),
            Job::Lines(batch) => Done::Piece(Box::new(scanner.json_lines(&batch))),
            Job::Records(batch, header) => {
                let piece = scanner.records(&batch, arguments.delimiter, &header);
                Done::Piece(Box::new(piece))
            }
            Job::End => Done::End,
            Job::Skip(name, reason) => Done::Skip(name, reason),
            Job::Failed(what) => Done::Failed(what),
        },
        |done| {
            match done {
                Done::Begin(name) => report.begin(name),
                Done::Piece(piece) => return report.piece(*piece),
                Done::End => return report.end(),
                Done::Skip(name, reason) => report.skip(name, reason),
                Done::Failed(what) => report.error(&what),
            }
            true
        },
    );
    match report.finish() {
        (_, false) => MISUSE,
        (true, true) => FOUND,
        (false, true) => DONE,
    }
}

impl Scan {
    fn scanner(&self, engine: velum_detectors::Detectors) -> Scanner {
        let prints = !self.quiet && !self.json;
        let is_jsonl = self.format == Format::Jsonl;
        Scanner {
            engine,
            wants_hits: prints && !self.mask && !is_jsonl,
            wants_masked: self.mask,
            wants_spans: prints && !self.mask && is_jsonl,
            is_clear: self.show,
        }
    }

    fn wants(&self) -> Wants {
        Wants {
            summary: match (self.quiet, self.json) {
                (true, _) => Summary::None,
                (false, false) => Summary::Text,
                (false, true) if self.mask => Summary::JsonAside,
                (false, true) => Summary::Json,
            },
            progress: !self.quiet,
            file_names: true,
        }
    }
}

/// Takes inputs apart.
struct Reader<'r> {
    arguments: &'r Scan,
    scanner: &'r Scanner,
    send: &'r mut dyn FnMut(Job) -> bool,
}

impl Reader<'_> {
    /// Sends all of an input; `None` if no more is wanted.
    fn input(&mut self, input: &Input) -> Option<()> {
        let name = input.name();
        let open = match input.open() {
            Ok(open) => open,
            Err(error) => return self.send(Job::Failed(format!("{name}: {error}"))),
        };
        match open.kind {
            Kind::Wide => {
                let what = "UTF-16: convert it to UTF-8 first";
                return self.send(Job::Failed(format!("{name}: {what}")));
            }
            // What is piped or masked is wanted whole.
            Kind::Binary
                if !self.arguments.binary && !self.arguments.mask && *input != Input::Standard =>
            {
                return self.send(Job::Skip(name, "binary; --binary scans it"));
            }
            Kind::Binary | Kind::Text => {}
        }
        self.send(Job::Begin(name.clone()))?;
        match self.content(open) {
            Ok(wanted) => wanted?,
            Err(error) => self.send(Job::Failed(format!("{name}: {error}")))?,
        }
        self.send(Job::End)
    }

    fn content(&mut self, open: Open) -> io::Result<Option<()>> {
        let stream = open.stream;
        match self.arguments.format {
            Format::Text => {
                let mut windows = Windows::new(stream, self.scanner.engine.horizon_bytes());
                while let Some(window) = windows.next()? {
                    if self.send(Job::Text(window)).is_none() {
                        return Ok(None);
                    }
                }
            }
            Format::Jsonl => {
                let mut batches = Batches::new(stream, Borders::Lines);
                while let Some(batch) = batches.next()? {
                    if self.send(Job::Lines(batch)).is_none() {
                        return Ok(None);
                    }
                }
            }
            Format::Csv => return self.table(stream),
        }
        Ok(Some(()))
    }

    fn table(&mut self, stream: impl Read) -> io::Result<Option<()>> {
        let delimiter = self.arguments.delimiter;
        let mut batches = Batches::new(stream, Borders::Records(Machine::new(delimiter)));
        let mut header = Header::default();
        let mut first = None;
        if !self.arguments.no_header
            && let Some(names) = batches.first()?
        {
            header = Header::read(&names, delimiter, &self.scanner.engine);
            // It may be the first record of a table without names: it is scanned as any other.
            if self.send(Job::Records(names, Arc::default())).is_none() {
                return Ok(None);
            }
            first = batches.next()?;
            header.learn(
                first.as_deref().unwrap_or_default(),
                delimiter,
                &self.scanner.engine,
            );
        }
        let header = Arc::new(header);
        while let Some(batch) = first
            .take()
            .map_or_else(|| batches.next(), |it| Ok(Some(it)))?
        {
            if self
                .send(Job::Records(batch, Arc::clone(&header)))
                .is_none()
            {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    fn send(&mut self, job: Job) -> Option<()> {
        (self.send)(job).then_some(())
    }
}

/// Bytes of all inputs, if all are known.
fn total(inputs: &[Input]) -> Option<u64> {
    inputs.iter().map(Input::bytes).sum()
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [b'"' | b'\n' | b'\r'] => Err("a quote or line break cannot be one".to_owned()),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("one ASCII character, or `tab`".to_owned()),
    }
}

fn misuse(what: &str) -> u8 {
    complain(&format!("velum scan: {what}\n"));
    MISUSE
}
