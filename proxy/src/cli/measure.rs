//! Runs an engine over labelled texts, on all cores, with its speed on one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use velum_detectors::corpus::Document;
use velum_detectors::eval::{self, Table, Verdict};
use velum_detectors::{Detector, Detectors};

use super::ordered;

/// Documents that a worker takes at once.
const CHUNK_DOCUMENTS: usize = 64;

/// What an engine did with a corpus.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) table: Table,
    /// In the order of the documents.
    pub(super) misses: Vec<Miss>,
    /// By set.
    pub(super) speeds: BTreeMap<String, Speed>,
}

/// Bytes and the time of one core that they took.
#[derive(Clone, Copy, Default)]
pub(super) struct Speed {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

/// A place where an engine and a label do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// Index of the document.
    pub(super) document: usize,
    pub(super) span: Range<usize>,
    pub(super) kind: MissKind,
    pub(super) detector: Detector,
    pub(super) tag: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum MissKind {
    /// Some of a label stays open.
    Leaked,
    /// A finding touches no label.
    Spurious,
}

impl MissKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Leaked => "leaked",
            Self::Spurious => "spurious",
        }
    }
}

impl Speed {
    /// Megabytes a second; `None` if nothing was measured.
    pub(super) fn megabytes_per_second(self) -> Option<f64> {
        let seconds = self.time.as_secs_f64();
        (seconds > 0.0).then(|| self.bytes as f64 / 1e6 / seconds)
    }
}

impl Measured {
    /// All sets together.
    pub(super) fn speed(&self) -> Speed {
        self.speeds
            .values()
            .fold(Speed::default(), |sum, speed| Speed {
                bytes: sum.bytes + speed.bytes,
                time: sum.time + speed.time,
            })
    }

    fn add(&mut self, other: Self) {
        self.table.merge(&other.table);
        self.misses.extend(other.misses);
        for (set, speed) in other.speeds {
            let sum = self.speeds.entry(set).or_default();
            sum.bytes += speed.bytes;
            sum.time += speed.time;
        }
    }
}

/// Measures; `progress` hears how many documents are done.
pub(super) fn measure(
    documents: &[&Document],
    engine: &Detectors,
    mut progress: impl FnMut(usize),
) -> Measured {
    let mut all = Measured::default();
    let mut done = 0;
    ordered::run(
        ordered::cores(),
        |send| {
            let _enough = (0..documents.len()).step_by(CHUNK_DOCUMENTS).all(send);
        },
        |first| {
            let last = documents.len().min(first + CHUNK_DOCUMENTS);
            chunk(first, &documents[first..last], engine)
        },
        |measured| {
            done = documents.len().min(done + CHUNK_DOCUMENTS);
            all.add(measured);
            progress(done);
            true
        },
    );
    all
}

fn chunk(first: usize, documents: &[&Document], engine: &Detectors) -> Measured {
    let mut measured = Measured::default();
    let mut findings = Vec::new();
    for (place, document) in documents.iter().enumerate() {
        findings.clear();
        let started = thread_time();
        eval::inspect(document, engine, &mut findings);
        let time = thread_time().saturating_sub(started);
        let speed = measured.speeds.entry(document.set.clone()).or_default();
        speed.bytes += document.text.len();
        speed.time += time;
        let verdict = eval::judge(document, &findings);
        measured.table.add(document, &verdict);
        measured
            .misses
            .extend(misses(first + place, document, &verdict));
    }
    measured
}

/// What this thread has used of a core: other work on the machine does not count.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn misses(place: usize, document: &Document, verdict: &Verdict) -> Vec<Miss> {
    let leaks = verdict.leaks.iter().filter_map(|leak| {
        let label = document.labels.get(leak.label)?;
        Some(Miss {
            document: place,
            span: label.start..label.end,
            kind: MissKind::Leaked,
            detector: label.detector,
            tag: label.tag.clone(),
        })
    });
    let spurious = verdict.spurious.iter().map(|spurious| Miss {
        document: place,
        span: spurious.span.clone(),
        kind: MissKind::Spurious,
        detector: spurious.detector,
        tag: String::new(),
    });
    leaks.chain(spurious).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_add_up_to_the_whole() {
        let line = r#"{"set":"s","text":"SSN 531-77-0294, Zed at a@example.org","spans":[
            {"start":4,"end":15,"type":"SSN"},{"start":17,"end":20,"type":"AGE","tag":"t"}]}"#;
        let document = Document::from_json(line).expect("a labelled text");
        let documents = vec![&document; 3 * CHUNK_DOCUMENTS + 7];
        let engine = Detectors::select(&["ssn", "email"]).expect("they are known");
        let mut heard = Vec::new();
        let measured = measure(&documents, &engine, |done| heard.push(done));
        assert_eq!(
            measured.table,
            eval::evaluate(documents.iter().copied(), &engine)
        );
        assert_eq!(heard, [64, 128, 192, 199]);
        assert_eq!(measured.speed().bytes, 199 * document.text.len());
        let last = measured.misses.last().expect("there are some");
        assert_eq!(
            (last.document, last.kind, last.span.clone()),
            (198, MissKind::Spurious, 24..37)
        );
        assert_eq!(measured.misses.len(), 2 * 199);
    }
}
