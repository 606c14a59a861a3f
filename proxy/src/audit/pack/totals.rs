//! Figures of a period, added up row by row.

use std::collections::BTreeMap;

use velum_core::time::Timestamp;

use crate::audit::export::{Kind, Row, Value};

/// Rows that a report lists; the artefacts have all.
pub const LISTED: usize = 200;
const DAY_NS: u64 = 86_400 * 1_000_000_000;

/// One day, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Sessions that were opened.
    pub sessions: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Statements that were begun.
    pub statements: u64,
    /// Of those, refused by the policy.
    pub denied: u64,
    /// Cells that were masked.
    pub masked: u64,
}

/// What an identity did at a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Sessions.
    pub sessions: u64,
    /// Statements.
    pub statements: u64,
    /// Of those, refused by the policy.
    pub denied: u64,
    /// Rows that were released.
    pub rows: u64,
    /// Cells of them that were masked.
    pub masked: u64,
}

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By days since 1970.
    pub days: BTreeMap<u64, Day>,
    /// Masked cells by rule or detector.
    pub masked: BTreeMap<String, u64>,
    /// Masked cells by the type that detectors give their values.
    pub types: BTreeMap<String, u64>,
    /// Masked cells by table and column.
    pub columns: BTreeMap<String, u64>,
    /// Statements by how they ended.
    pub statuses: BTreeMap<String, u64>,
    /// Statements by decision: `allow` or `deny`, and the policy.
    pub decisions: BTreeMap<String, u64>,
    /// Refused connections by reason.
    pub refusals: BTreeMap<String, u64>,
    /// Decisions about grants by what happened.
    pub approvals: BTreeMap<String, u64>,
    /// By identity and resource.
    pub uses: BTreeMap<(String, String), Use>,
    /// The first of the decisions about grants.
    pub decided: Vec<Row>,
    /// The first of what was done by administrators and with the log.
    pub administered: Vec<Row>,
    /// Sessions whose statements' ends are not known.
    pub unknown: u64,
}

impl Totals {
    /// Takes a row.
    pub fn add(&mut self, row: &Row) {
        match row.kind {
            Kind::Sessions => self.session(row),
            Kind::Statements => self.statement(row),
            Kind::Masking => self.masking(row),
            Kind::Approvals => {
                count(&mut self.approvals, row.text("event"), 1);
                list(&mut self.decided, row);
            }
            Kind::Admin => list(&mut self.administered, row),
            Kind::Grants => {}
        }
    }

    fn day(&mut self, time: Timestamp) -> &mut Day {
        self.days.entry(time.0 / DAY_NS).or_default()
    }

    fn user(&mut self, row: &Row) -> &mut Use {
        let name = (row.identity.to_string(), row.resource.to_string());
        self.uses.entry(name).or_default()
    }

    fn session(&mut self, row: &Row) {
        if row.text("outcome") == "refused" {
            self.day(row.begin).refused += 1;
            let reason = match row.text("reason") {
                "" => row.text("sqlstate"),
                reason => reason,
            };
            count(&mut self.refusals, reason, 1);
            return;
        }
        self.day(row.begin).sessions += 1;
        self.user(row).sessions += 1;
    }

    fn statement(&mut self, row: &Row) {
        let decision = row.text("decision");
        let denied = u64::from(decision.starts_with("deny"));
        let day = self.day(row.begin);
        day.statements += 1;
        day.denied += denied;
        let user = self.user(row);
        user.statements += 1;
        user.denied += denied;
        user.rows += row.number("rows");
        let decision = match denied {
            0 => decision,
            _ => "deny",
        };
        count(&mut self.decisions, decision, 1);
        let status = row.text("status");
        count(&mut self.statuses, status, 1);
        self.unknown += u64::from(status == "unknown");
    }

    fn masking(&mut self, row: &Row) {
        let cells = row.number("cells");
        self.day(row.end).masked += cells;
        self.user(row).masked += cells;
        let masker = match (row.text("by"), row.get("name")) {
            (by, Value::Text(name)) => format!("{by} {name}"),
            (by, _) => by.to_owned(),
        };
        count(&mut self.masked, &masker, cells);
        let kind = match row.text("type") {
            "" => "not known",
            kind => kind,
        };
        count(&mut self.types, kind, cells);
        let column = match (row.text("table"), row.text("column")) {
            ("", "") => "not in a column, or not recorded".to_owned(),
            ("", column) if column.starts_with('#') => "computed".to_owned(),
            ("", column) => column.to_owned(),
            (table, column) => format!("{table}.{column}"),
        };
        count(&mut self.columns, &column, cells);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str, by: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += by,
        None => drop(counts.insert(name.to_owned(), by)),
    }
}

fn list(rows: &mut Vec<Row>, row: &Row) {
    if rows.len() < LISTED {
        rows.push(row.clone());
    }
}
