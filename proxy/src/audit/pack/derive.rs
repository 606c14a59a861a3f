//! The artefacts of a pack, from its records alone: whoever has the records has them too.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;

use sha2::Digest;
use velum_core::audit::record::{Body, Record};
use velum_core::time::Timestamp;

use super::archive::Hashed;
use super::manifest::Entry;
use super::totals::Totals;
use super::{ARTEFACTS, hex};
use crate::audit::export::join::{self, Join};
use crate::audit::export::{ExportError, Filter, Format, Kind, Row, Writer};
use crate::audit::read;

/// What was derived.
pub struct Derived {
    /// The artefacts' files.
    pub files: Vec<Entry>,
    /// Figures for the report.
    pub totals: Totals,
    /// Configurations that came into force: record, time and hash.
    pub configurations: Vec<(u64, Timestamp, [u8; 32])>,
}

/// Somebody else asks for the hash in the end.
struct Shared(Rc<RefCell<Hashed<Box<dyn Write>>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// One kind of rows, in each format.
struct Artefact {
    join: Box<dyn Join>,
    writers: Writers,
}

impl Artefact {
    fn new(kind: Kind, open: &mut Open<'_>) -> io::Result<Self> {
        let mut writers = Vec::new();
        for format in [Format::Json, Format::Csv] {
            let path = format!("{ARTEFACTS}/{}.{}", kind.as_str(), format.extension());
            let hashed = Rc::new(RefCell::new(Hashed::new(open(&path)?)));
            let writer = Writer::new(kind, format, Shared(Rc::clone(&hashed)))?;
            writers.push((path, writer, hashed));
        }
        let join = join::of(kind);
        Ok(Self { join, writers })
    }
}

/// Opens the file of an artefact.
pub type Open<'o> = dyn FnMut(&str) -> io::Result<Box<dyn Write>> + 'o;

/// Derives the artefacts of the excerpt in `log` after the `earlier` records, and writes them to
/// what `open` gives for their names.
///
/// # Errors
/// If a record cannot be read, or an artefact cannot be written.
pub fn derive(
    log: &Path,
    earlier: &[(u64, Record)],
    filter: &Filter,
    open: &mut Open<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Derived, ExportError> {
    let artefacts = Kind::ALL.iter().map(|kind| Artefact::new(*kind, open));
    let artefacts: io::Result<Vec<_>> = artefacts.collect();
    let mut all = All {
        artefacts: artefacts.map_err(ExportError::Write)?,
        totals: Totals::default(),
        configurations: Vec::new(),
        failed: None,
    };
    for (sequence, record) in earlier {
        all.tell(*sequence, record, filter);
    }
    read::scan(log, 0, progress, |sequence, record| {
        all.tell(sequence, &record, filter);
        all.failed.is_none()
    })?;
    all.end(filter).map_err(ExportError::Write)
}

struct All {
    artefacts: Vec<Artefact>,
    totals: Totals,
    configurations: Vec<(u64, Timestamp, [u8; 32])>,
    failed: Option<io::Error>,
}

impl All {
    fn tell(&mut self, sequence: u64, record: &Record, filter: &Filter) {
        if let Body::ConfigurationLoaded { sha256 } = &record.body {
            self.configurations.push((sequence, record.time, *sha256));
        }
        let (totals, failed) = (&mut self.totals, &mut self.failed);
        for Artefact { join, writers } in &mut self.artefacts {
            join.tell(sequence, record, &mut |row| {
                put(&row, filter, writers, totals, failed);
            });
        }
    }

    fn end(mut self, filter: &Filter) -> io::Result<Derived> {
        let (totals, failed) = (&mut self.totals, &mut self.failed);
        let mut files = Vec::new();
        for Artefact { join, writers } in &mut self.artefacts {
            join.end(&mut |row| put(&row, filter, writers, totals, failed));
            for (path, writer, hashed) in writers {
                writer.finish()?;
                let hashed = hashed.borrow();
                files.push(Entry {
                    path: std::mem::take(path),
                    bytes: hashed.bytes,
                    sha256: hex(&hashed.hash.clone().finalize()),
                });
            }
        }
        match self.failed {
            Some(error) => Err(error),
            None => Ok(Derived {
                files,
                totals: self.totals,
                configurations: self.configurations,
            }),
        }
    }
}

type Writers = Vec<(String, Writer<Shared>, Rc<RefCell<Hashed<Box<dyn Write>>>>)>;

fn put(
    row: &Row,
    filter: &Filter,
    writers: &mut Writers,
    totals: &mut Totals,
    failed: &mut Option<io::Error>,
) {
    if failed.is_some() || !filter.wants(row) {
        return;
    }
    totals.add(row);
    for (_, writer, _) in writers {
        if let Err(error) = writer.write(row) {
            *failed = Some(error);
        }
    }
}
