//! Statements that failed once, from `regressions.sql`. It has worlds:
//!
//! ```text
//! -- world
//! -- ruled: columns under a rule
//! definitions
//! -- touched: places of columns that may not be as the database has them
//! a statement, one text a line
//! -- clean
//! a statement that has to come as the database has it
//! ```

use super::schema::{Column, Flow, Schema};
use super::statement::{PROTOCOLS, Statement};
use super::support::gateway::Driver;
use super::types::Ty;
use super::world::World;
use velum_proxy::demo::cluster::Cluster;

const FILE: &str = include_str!("regressions.sql");

/// Runs them all by every protocol; the failures' texts.
pub(super) fn run(cluster: &Cluster, driver: Driver) -> Vec<String> {
    let mut failures = Vec::new();
    for (number, text) in FILE.split("-- world\n").skip(1).enumerate() {
        let mut parts = text.split("\n-- ");
        let head = parts.next().expect("a split has a first part");
        let (ruled, definitions) = head.split_once('\n').expect("definitions");
        let ruled = ruled
            .strip_prefix("-- ruled:")
            .expect("columns under a rule");
        let make = |run: &mut dyn FnMut(&str) -> bool| {
            assert!(run(definitions), "world {number} of regressions.sql");
            Schema {
                definitions: vec![definitions.to_owned()],
                ruled: ruled.split_whitespace().map(str::to_owned).collect(),
                ..Schema::default()
            }
        };
        let mut world = World::start(cluster, &format!("regression{number}"), driver, make);
        for case in parts {
            for protocol in PROTOCOLS {
                let mut statement = read(case);
                statement.protocol = *protocol;
                let verdict = world.judge(&statement);
                assert!(verdict.is_valid, "fails without the gateway: {case}");
                let failure = verdict.failure;
                failures.extend(failure.map(|failure| failure.text(&world.schema)));
            }
        }
    }
    failures
}

fn read(case: &str) -> Statement {
    let (class, steps) = case.split_once('\n').expect("a statement");
    let places = class.strip_prefix("touched:");
    let masked: Vec<usize> = places
        .unwrap_or_default()
        .split_whitespace()
        .map(|place| place.parse().expect("a column's place"))
        .collect();
    let columns = 1..=masked.iter().max().copied().unwrap_or(0);
    let column = |place: usize| Column {
        name: String::new(),
        ty: Ty::Text,
        flow: if masked.contains(&place) {
            Flow::Shown
        } else {
            Flow::Maybe
        },
    };
    Statement {
        steps: steps.trim().lines().map(str::to_owned).collect(),
        protocol: PROTOCOLS[0],
        columns: columns.map(column).collect(),
        is_touched: places.is_some(),
        is_opaque: false,
    }
}
