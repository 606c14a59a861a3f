//! Makes of a policy's scope what decides about statements.

use std::sync::Arc;

use velum_core::policy::RuleId;
use velum_core::policy::guard::{Guard, Predicates, VolumeBudget};
use velum_core::sql::effects::Class;

use super::policies::glob;
use super::snapshot::Unusable;
use crate::config::model::{Policy, PredicateMode, Scope, StrategyKind, VolumeLimits};

/// The guard of a policy. One that has rules has a guard, whether or not it has a scope: what its
/// rules hide could be learnt otherwise.
///
/// # Errors
/// What the configuration's own checks let through and core refuses.
pub(super) fn guard(policy: &Policy) -> Result<Option<Guard>, Unusable> {
    let mut guard = match &policy.scope {
        Some(scope) => scoped(scope)?,
        None if policy.rules.is_empty() => return Ok(None),
        None => Guard::default(),
    };
    for (index, rule) in policy.rules.iter().enumerate() {
        let Ok(id) = u16::try_from(index).map(RuleId) else {
            break;
        };
        if let Some(mode) = rule.predicates {
            guard.by_rule.insert(id, predicates(mode));
        }
        if rule.strategy == StrategyKind::Hidden {
            guard.hidden.insert(id);
        }
    }
    Ok(Some(guard))
}

fn scoped(scope: &Scope) -> Result<Guard, Unusable> {
    let default = Guard::default();
    let listed = scope.commands.as_ref().map(|keys| {
        let is_listed = |class: &Class| keys.iter().any(|key| key == class.key());
        Class::all().filter(is_listed).collect()
    });
    let pairs = |(schema, table): &(String, String)| Ok((glob(schema)?, glob(table)?));
    let tables = scope.tables.as_ref();
    let tables = tables.map(|tables| tables.iter().map(pairs).collect::<Result<_, Unusable>>());
    let functions = scope.functions.as_ref();
    let functions = functions.map(|names| names.iter().map(glob).collect::<Result<_, _>>());
    Ok(Guard {
        alters_ruled: listed
            .as_ref()
            .is_some_and(|listed: &std::collections::BTreeSet<_>| listed.contains(&Class::Alter)),
        commands: listed.unwrap_or(default.commands),
        tables: tables.transpose()?,
        functions: functions.transpose()?,
        statements: None,
        read_only: scope.read_only,
        role: scope.role.clone(),
        statement_timeout_ms: scope.statement_timeout_ms,
        predicates: predicates(scope.predicates),
        copies: scope.copies,
        by_rule: default.by_rule,
        hides_nulls: scope.hides_nulls,
        hidden: default.hidden,
        probes: scope.probes.unwrap_or(default.probes),
        volume: scope.volume.as_ref().map(volume).transpose()?,
        small_cells: scope.small_cells,
    })
}

fn volume(limits: &VolumeLimits) -> Result<Arc<VolumeBudget>, Unusable> {
    let column = |(schema, table, column): &(String, String, String)| {
        Ok((glob(schema)?, glob(table)?, glob(column)?))
    };
    let columns = limits.subject_columns.iter().map(column);
    Ok(Arc::new(VolumeBudget {
        rows: limits.rows,
        bytes: limits.bytes,
        subjects: limits.subjects,
        subject_columns: columns.collect::<Result<_, Unusable>>()?,
        window_s: limits.window_s,
    }))
}

fn predicates(mode: PredicateMode) -> Predicates {
    match mode {
        PredicateMode::Refuse => Predicates::Refuse,
        PredicateMode::Equality => Predicates::Equality,
        PredicateMode::Allow => Predicates::Allow,
    }
}
