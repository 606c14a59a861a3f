//! What the log says of a person and of an identity: statements that name a value, and what an
//! identity has seen.
//!
//! A record holds no value. A literal or a bind value is there as a keyed token, so that whoever
//! has the log's key can ask whether a value that they know was named. What a result showed without
//! being named is not known by value: only rows and masked cells are counted.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Serialize;
use velum_core::audit::record::Body;
use velum_core::audit::token::Token;

use super::export::join::{Statement, Statements};
use super::export::{ExportError, Filter, Row};
use super::read;

/// Different values that are counted one by one.
const VALUES: usize = 1_000_000;
/// Different texts of statements that are listed.
const TEXTS: usize = 10_000;

/// The token of 24 hexadecimal digits.
pub fn token(text: &str) -> Option<Token> {
    let mut token = Token([0; 12]);
    let digits = text.as_bytes();
    if digits.len() != 24 {
        return None;
    }
    for (byte, pair) in token.0.iter_mut().zip(digits.chunks(2)) {
        for digit in pair {
            *byte = (*byte << 4) | char::from(*digit).to_digit(16)? as u8;
        }
    }
    Some(token)
}

/// Gives each statement that `filter` wants.
///
/// # Errors
/// If the log cannot be read on.
fn each(
    directory: &Path,
    filter: &Filter,
    progress: &mut dyn FnMut(u64),
    mut take: impl FnMut(&Statement, &Row),
) -> Result<(), ExportError> {
    let mut statements = Statements::default();
    let mut judge = |statement: Statement| {
        let row = statement.to_row();
        if filter.wants(&row) {
            take(&statement, &row);
        }
    };
    read::scan(directory, 0, progress, |sequence, record| {
        statements.tell(sequence, &record, &mut judge);
        true
    })?;
    statements.end(&mut judge);
    Ok(())
}

/// Gives the rows of statements that name one of these values; returns how many there are.
///
/// # Errors
/// If the log cannot be read on.
pub fn disclosures(
    directory: &Path,
    filter: &Filter,
    tokens: &[Token],
    progress: &mut dyn FnMut(u64),
    mut take: impl FnMut(&Row),
) -> Result<u64, ExportError> {
    let literals: Vec<String> = tokens
        .iter()
        .map(|token| format!("$<{}>", token.to_hex()))
        .collect();
    let mut found = 0;
    each(directory, filter, progress, |statement, row| {
        let Body::Intent { text, binds, .. } = &statement.intent.body else {
            return;
        };
        let is_bound = binds.iter().flatten().any(|bind| tokens.contains(bind));
        if is_bound || literals.iter().any(|literal| text.contains(literal)) {
            found += 1;
            take(row);
        }
    })?;
    Ok(found)
}

/// What an identity has seen.
#[derive(Debug, Default, Serialize)]
pub struct Exposure {
    /// Statements.
    pub statements: u64,
    /// Of those, refused by the policy.
    pub denied: u64,
    /// Of those, with an end that is not known: they may have shown anything that they ask for.
    pub unknown: u64,
    /// Rows that were released.
    pub rows: u64,
    /// Bytes that were released.
    pub bytes: u64,
    /// Rows of statements in which nothing was masked.
    pub rows_unmasked: u64,
    /// Cells that were masked, by rule or detector: the classes.
    pub masked: BTreeMap<String, u64>,
    /// The same by column and type, where the log says it.
    pub columns: BTreeMap<String, u64>,
    /// Columns under rules of which something was shown, with how: statements.
    pub shown: BTreeMap<String, u64>,
    /// Different values that statements named by a bind or a literal. Of subjects it is no count:
    /// a statement may name none and return many.
    pub values_named: u64,
    /// There were more than were counted.
    pub values_are_more: bool,
    /// By resource.
    pub resources: BTreeMap<String, u64>,
    /// The texts, which name the columns: times run, rows, masked cells.
    pub texts: BTreeMap<String, Shape>,
    /// Texts that are not listed.
    pub texts_left_out: u64,
}

/// Statements of one text.
#[derive(Debug, Default, Serialize)]
pub struct Shape {
    /// Times that it ran.
    pub runs: u64,
    /// Rows that it released.
    pub rows: u64,
    /// Cells of them that were masked.
    pub masked: u64,
}

/// Sums up.
///
/// # Errors
/// If the log cannot be read on.
pub fn exposure(
    directory: &Path,
    filter: &Filter,
    progress: &mut dyn FnMut(u64),
) -> Result<Exposure, ExportError> {
    let mut sum = Exposure::default();
    let mut values = HashSet::new();
    each(directory, filter, progress, |statement, _| {
        sum.add(statement, &mut values);
    })?;
    sum.values_named = values.len() as u64;
    Ok(sum)
}

impl Exposure {
    fn add(&mut self, statement: &Statement, values: &mut HashSet<Token>) {
        let Body::Intent {
            text,
            binds,
            decision,
            ..
        } = &statement.intent.body
        else {
            return;
        };
        self.statements += 1;
        self.denied += u64::from(decision.starts_with("deny"));
        self.unknown += u64::from(statement.status() == "unknown");
        let (rows, bytes) = statement.released();
        let masked: u64 = statement.masked().iter().map(|(_, cells)| cells).sum();
        self.rows += rows;
        self.bytes += bytes;
        if masked == 0 {
            self.rows_unmasked += rows;
        }
        for (masker, cells) in statement.masked() {
            *self.masked.entry(masker.clone()).or_default() += cells;
        }
        self.add_columns(statement);
        let resource = statement.intent.resource.to_string();
        *self.resources.entry(resource).or_default() += 1;
        for value in binds.iter().flatten().copied().chain(literals(text)) {
            match values.len() < VALUES || values.contains(&value) {
                true => drop(values.insert(value)),
                false => self.values_are_more = true,
            }
        }
        // Texts differ by their literals: they are one shape without them.
        let shape = shape(text);
        if self.texts.len() >= TEXTS && !self.texts.contains_key(&shape) {
            self.texts_left_out += 1;
            return;
        }
        let shape = self.texts.entry(shape).or_default();
        shape.runs += 1;
        shape.rows += rows;
        shape.masked += masked;
    }

    fn add_columns(&mut self, statement: &Statement) {
        let Some(masking) = statement.columns() else {
            return;
        };
        let or = |text: &str, none: &str| if text.is_empty() { none } else { text }.to_owned();
        for it in &masking.cells {
            let kind = or(&it.kind, "type not known");
            let column = or(&it.column, "not in a column");
            *self
                .columns
                .entry(format!("{column} ({kind})"))
                .or_default() += it.cells;
        }
        for it in &masking.outputs {
            for column in &it.columns {
                let way = format!("{column} ({})", it.how.as_str());
                *self.shown.entry(way).or_default() += 1;
            }
        }
    }
}

/// The tokens of a text's literals, each written `$<…>`.
fn literals(text: &str) -> impl Iterator<Item = Token> {
    text.split("$<")
        .skip(1)
        .filter_map(|rest| token(rest.get(..24)?))
}

/// A text with `$` in the place of every literal.
fn shape(text: &str) -> String {
    let mut parts = text.split("$<");
    let mut shape = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..25).filter(|it| it.ends_with('>')) {
            Some(literal) => {
                shape.push('$');
                shape.push_str(part.get(literal.len()..).unwrap_or_default());
            }
            None => {
                shape.push_str("$<");
                shape.push_str(part);
            }
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_and_left_out() {
        let text = "select a from t where b = $<000102030405060708090a0b> and c = $<x";
        let found: Vec<_> = literals(text).collect();
        assert_eq!(found, [Token([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])]);
        assert_eq!(shape(text), "select a from t where b = $ and c = $<x");
    }
}
