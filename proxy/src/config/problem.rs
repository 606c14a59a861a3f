//! Mistakes in a configuration file, collected so that all are shown at once.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the file that it concerns; empty at 0 if it concerns the whole file.
    pub span: Range<usize>,
    /// What is wrong; never quotes a secret.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Every mistake of one file, with what is needed to show them.
#[derive(Debug)]
pub struct Problems {
    path: PathBuf,
    text: String,
    concealed: Vec<Range<usize>>,
    problems: Vec<Problem>,
}

/// Where readers of the file leave their mistakes.
#[derive(Default)]
pub(super) struct Reporter {
    problems: RefCell<Vec<Problem>>,
    concealed: RefCell<Vec<Range<usize>>>,
}

impl Reporter {
    pub(super) fn report(&self, span: Range<usize>, message: impl Into<String>) {
        let problem = Problem {
            span,
            message: message.into(),
            hint: None,
        };
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn report_with_hint(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = Problem {
            span,
            message: message.into(),
            hint: Some(hint.into()),
        };
        self.problems.borrow_mut().push(problem);
    }

    /// These bytes hold a secret: no line that is shown may contain them.
    pub(super) fn conceal(&self, span: Range<usize>) {
        self.concealed.borrow_mut().push(span);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    pub(super) fn into_problems(self, path: &Path, text: &str) -> Problems {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        Problems {
            path: path.to_owned(),
            text: text.to_owned(),
            concealed: self.concealed.into_inner(),
            problems,
        }
    }
}

/// Where a problem stands in its file, counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Problems {
    /// The mistakes in the order of the file.
    pub fn as_slice(&self) -> &[Problem] {
        &self.problems
    }

    /// Line and column of a mistake.
    pub fn position(&self, problem: &Problem) -> Position {
        let start = self.boundary(problem.span.start);
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
        }
    }

    /// All mistakes as text: file:line:column, the line, a caret, a hint.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for problem in &self.problems {
            self.write_problem(&mut out, problem);
        }
        let count = self.problems.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        let _ = writeln!(out, "{}: {count} {noun}", self.path.display());
        out
    }

    /// All mistakes as a JSON document.
    pub fn to_json(&self) -> serde_json::Value {
        let mistakes: Vec<_> = self
            .problems
            .iter()
            .map(|problem| {
                let Position { line, column } = self.position(problem);
                serde_json::json!({
                    "line": line, "column": column,
                    "message": problem.message, "hint": problem.hint,
                })
            })
            .collect();
        serde_json::json!({ "file": self.path, "ok": false, "mistakes": mistakes })
    }

    fn write_problem(&self, out: &mut String, problem: &Problem) {
        let Position { line, column } = self.position(problem);
        let start = self.boundary(problem.span.start);
        let line_start = self.text[..start]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |rest| start + rest);
        let end = self.boundary(problem.span.end).clamp(start, line_end);
        let carets = self.text[start..end].chars().count().max(1);
        let shown = self.shown(line_start..line_end);
        let gutter = line.to_string().len();

        let _ = writeln!(
            out,
            "{}:{line}:{column}: {}",
            self.path.display(),
            problem.message
        );
        let _ = writeln!(out, "  {line} | {shown}");
        let indent = " ".repeat(column - 1);
        let _ = writeln!(out, "  {:gutter$} | {indent}{}", "", "^".repeat(carets));
        if let Some(hint) = &problem.hint {
            let _ = writeln!(out, "  {:gutter$} = {hint}", "");
        }
        out.push('\n');
    }

    /// The text of a line, secrets replaced by asterisks and tabs by spaces, so that the caret
    /// stands below its character.
    fn shown(&self, line: Range<usize>) -> String {
        let secret = |at: usize| self.concealed.iter().any(|span| span.contains(&at));
        let text = &self.text[line.clone()];
        text.char_indices()
            .map(|(offset, char)| match char {
                _ if secret(line.start + offset) => '*',
                char if char.is_control() => ' ',
                char => char,
            })
            .collect()
    }

    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// The candidate that a misspelt word most likely meant.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "`a`, `b` or `c`".
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
