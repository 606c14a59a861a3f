//! All verdicts, for eyes and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::judge::Verdict;
use super::vectors::{GROUPS, Vector};

/// What has become of a whole run.
pub struct Scorecard {
    /// Raw frames, or a driver's program.
    pub way: String,
    /// Each vector.
    pub lines: Vec<Line>,
}

/// What has become of one vector.
pub struct Line {
    /// Its id.
    pub id: String,
    /// Its group.
    pub group: String,
    /// What it is about.
    pub title: String,
    /// What has become of it.
    pub verdict: Verdict,
}

impl Line {
    /// A vector's line.
    pub fn new(vector: &Vector, verdict: Verdict) -> Self {
        Self {
            id: vector.id.clone(),
            group: vector.group.clone(),
            title: vector.title.clone(),
            verdict,
        }
    }
}

impl Verdict {
    /// In a word or two, and what is said beside it.
    pub fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Held => ("held", ""),
            Self::Leaked(what) => ("LEAKED", what),
            Self::Broke(what) => ("BROKE THE BENIGN", what),
            Self::Lost(what) => ("CONNECTION LOST", what),
            Self::ShowsNothing(what) => ("SHOWS NOTHING", what),
            Self::NotRun(why) => ("not run", why),
        }
    }

    /// Neither held nor left out.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Held | Self::NotRun(_))
    }
}

impl Scorecard {
    /// How many verdicts are so.
    pub fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| is(&line.verdict)).count()
    }

    /// Everything that was asked held, but for the ids in `open`.
    pub fn holds(&self, open: &[String]) -> bool {
        let mut failures = self.failures();
        self.count(|it| *it == Verdict::Held) > 0 && failures.all(|line| open.contains(&line.id))
    }

    /// The lines that count against the proxy, or against the suite.
    pub fn failures(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.verdict.is_failure())
    }

    /// A table by group and vector, and a total.
    pub fn table(&self, open: &[String]) -> String {
        let mut out = format!("leak suite, asked by {}\n", self.way);
        let width = self.lines.iter().map(|line| line.id.len()).max();
        let width = width.unwrap_or_default();
        for group in GROUPS {
            let lines: Vec<&Line> = self.lines.iter().filter(|it| it.group == group).collect();
            let held = lines.iter().filter(|it| it.verdict == Verdict::Held);
            if !lines.is_empty() {
                let _ = writeln!(out, "\n{group}: {} of {} held", held.count(), lines.len());
            }
            for line in lines {
                let (word, what) = line.verdict.words();
                let mark = match line.verdict.is_failure() && open.contains(&line.id) {
                    true => " (known to be open)",
                    false => "",
                };
                let said = match what {
                    "" => line.title.clone(),
                    what => format!("{}: {what}", line.title),
                };
                let _ = writeln!(out, "  {:<width$}  {word}{mark}  {said}", line.id);
            }
        }
        let _ = writeln!(out, "\n{}", self.total(open));
        out
    }

    /// One sentence.
    pub fn total(&self, open: &[String]) -> String {
        let known = self.failures().filter(|line| open.contains(&line.id));
        format!(
            "{}: {} held, {} leaked, {} broke the benign, {} connections lost, {} show nothing, \
             {} not run; {} of the failures known to be open",
            self.way,
            self.count(|it| *it == Verdict::Held),
            self.count(|it| matches!(it, Verdict::Leaked(_))),
            self.count(|it| matches!(it, Verdict::Broke(_))),
            self.count(|it| matches!(it, Verdict::Lost(_))),
            self.count(|it| matches!(it, Verdict::ShowsNothing(_))),
            self.count(|it| matches!(it, Verdict::NotRun(_))),
            known.count(),
        )
    }

    /// As a document.
    pub fn json(&self, open: &[String]) -> Value {
        let lines = self.lines.iter().map(|line| {
            let (word, what) = line.verdict.words();
            json!({
                "id": line.id,
                "group": line.group,
                "title": line.title,
                "verdict": word.to_lowercase(),
                "detail": what,
                "open": open.contains(&line.id),
            })
        });
        json!({
            "way": self.way,
            "holds": self.holds(open),
            "vectors": lines.collect::<Vec<_>>(),
        })
    }
}
