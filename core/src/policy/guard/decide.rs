//! The decision about the statements of a text.

use super::super::derived::{Taint, VIEW_DEPTH};
use super::super::{Policy, RuleId};
use super::{Denial, Guard, Predicates, Reason, Unguardable};
use crate::catalog::{Catalog, Relation};
use crate::sql::Analysis;
use crate::sql::effects::{Access, Class, Effects, Name, Place, RelationUse, SideEffect};
use crate::sql::lineage::{Flow, Kind, Origin, SearchPath, Test, Use, is_called, is_opaque};

/// What statements that may run cost and change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Values that columns under rules are compared with.
    pub probes: u32,
    /// Parameters with whose elements they are compared besides, by number from 1.
    pub lists: Vec<u16>,
    /// Names may stand for something else once it has run.
    pub changes_names: bool,
}

/// The decision about a text.
pub type Judged = Result<Admission, Denial>;

impl Policy {
    /// May the statements of a text run, one after the other? `in_flux`: the session's open
    /// transaction has changed what names stand for.
    ///
    /// # Errors
    /// See [`Reason`]: the first that is found.
    pub fn admit(&self, catalog: &Catalog, statements: &[Analysis], in_flux: bool) -> Judged {
        let mut admission = Admission::default();
        let Some(guard) = &self.guard else {
            return Ok(admission);
        };
        for statement in statements {
            let decision = Decision {
                policy: self,
                guard,
                catalog,
                path: &statement.path,
                in_flux: in_flux || admission.changes_names,
            };
            let compared = decision.statement(statement)?;
            admission.probes = admission.probes.saturating_add(compared.values);
            admission.lists.extend(compared.lists);
            admission.changes_names |= changes_names(&statement.effects);
        }
        Ok(admission)
    }

    /// Refuses a function that is called by its number, unless those of large objects are allowed.
    pub fn deny_call(&self, is_large_object: bool) -> Option<Denial> {
        let guard = self.guard.as_ref()?;
        if guard.statements.is_some() {
            return Some(self.deny(Reason::Statement));
        }
        let is_allowed = is_large_object && guard.allows_function("lo_open");
        let name = "called by its number".to_owned();
        (!is_allowed).then(|| self.deny(Reason::Function(name)))
    }

    /// Refuses, for a reason that no rule has.
    pub fn deny(&self, reason: Reason) -> Denial {
        Denial {
            reason,
            policy: self.name.clone(),
            rule: None,
        }
    }
}

/// With what columns under rules are compared.
#[derive(Default)]
struct Compared {
    values: u32,
    lists: Vec<u16>,
}

/// What a decision is made with.
struct Decision<'a> {
    policy: &'a Policy,
    guard: &'a Guard,
    catalog: &'a Catalog,
    path: &'a SearchPath,
    in_flux: bool,
}

impl Decision<'_> {
    /// Returns what columns under rules are compared with.
    fn statement(&self, statement: &Analysis) -> Result<Compared, Denial> {
        let effects = &statement.effects;
        self.commands(effects)?;
        self.side_effects(effects)?;
        self.relations(effects)?;
        self.functions(effects)?;
        if let Some(hidden) = self.policy.names_hidden(self.catalog, statement) {
            return Err(self.deny(Reason::Hidden(self.column_name(hidden).unwrap_or_default())));
        }
        self.policy
            .admit_cells(self.catalog, statement, self.in_flux)?;
        match &statement.lineage.uses {
            _ if !self.guard.judges_uses() => Ok(Compared::default()),
            Ok(_) if !self.policy.admits_guards(self.catalog, statement) => {
                Err(self.deny(Reason::SmallCells(Unguardable::Other)))
            }
            Ok(uses) => self.uses(effects, uses),
            // Nothing of a masked column can be in it.
            Err(_) if !self.touches_ruled(effects) && !self.in_flux => Ok(Compared::default()),
            Err(unresolved) => Err(self.deny(Reason::Unclear(*unresolved))),
        }
    }

    fn deny(&self, reason: Reason) -> Denial {
        self.policy.deny(reason)
    }

    fn deny_by(&self, rule: Option<RuleId>, reason: Reason) -> Denial {
        let rule = rule.and_then(|rule| self.policy.rule(rule));
        Denial {
            rule: rule.map(|rule| rule.name.clone()),
            ..self.deny(reason)
        }
    }

    // -- commands and what they do besides ---------------------------------------------------

    fn commands(&self, effects: &Effects) -> Result<(), Denial> {
        let refused = effects
            .commands
            .iter()
            .find(|class| !class.is_frame() && !self.guard.commands.contains(class));
        if let Some(class) = refused {
            return Err(self.deny(Reason::Command(*class)));
        }
        let makes_table = effects.side_effects.contains(&SideEffect::Into);
        if makes_table && !self.guard.commands.contains(&Class::CreateAs) {
            return Err(self.deny(Reason::Command(Class::CreateAs)));
        }
        let writes = effects.commands.iter().any(|class| class.writes()) || makes_table;
        if self.guard.read_only && writes {
            return Err(self.deny(Reason::ReadOnly));
        }
        let mut written = effects
            .relations
            .iter()
            .filter(|it| it.access != Access::Read);
        let is_server_open = self.guard.commands.contains(&Class::Server);
        if !is_server_open && written.any(|it| is_named_system(&it.name)) {
            return Err(self.deny(Reason::Command(Class::Server)));
        }
        self.definitions(effects)
    }

    /// Definitions that change, check or refer to tables under rules.
    fn definitions(&self, effects: &Effects) -> Result<(), Denial> {
        let defines = matches!(effects.class, Class::Alter | Class::Define);
        if !defines || self.guard.alters_ruled {
            return Ok(());
        }
        // What DROP names is gone, and tells nothing.
        let named = effects.relations.iter();
        let mut kept = named.filter(|it| it.access == Access::Define);
        if let Some(ruled) = kept.find_map(|it| self.ruled(it)) {
            return Err(self.deny(Reason::Altered(ruled)));
        }
        // A schema or a type, by whose new name no rule knows what is in it; a domain, whose
        // constraints are checked in columns that the statement does not name.
        if effects.class == Class::Alter && effects.relations.is_empty() {
            return Err(self.deny(Reason::Command(Class::Alter)));
        }
        let mut functions = effects.functions.iter();
        match functions.find(|name| is_opaque(self.catalog, name)) {
            Some(name) => {
                let bare = name.last().map_or("", String::as_str);
                Err(self.deny(Reason::Function(self.known_function(bare))))
            }
            None => Ok(()),
        }
    }

    fn side_effects(&self, effects: &Effects) -> Result<(), Denial> {
        let is_copy = matches!(effects.class, Class::CopyIn | Class::CopyOut);
        for effect in &effects.side_effects {
            let reason = match effect {
                SideEffect::Program => Reason::ServerFile,
                SideEffect::ServerFile if is_copy => Reason::ServerFile,
                SideEffect::ReadWrite if self.guard.read_only => Reason::ReadOnly,
                SideEffect::Setting(name) => match self.pinned(effects.class, name) {
                    Some(pinned) => Reason::Setting(pinned),
                    None => continue,
                },
                _ => continue,
            };
            return Err(self.deny(reason));
        }
        Ok(())
    }

    /// The setting that a change of `name` would change against the policy. A name that no text
    /// shows may be any; DISCARD goes back to what the policy has set.
    fn pinned(&self, class: Class, name: &str) -> Option<&'static str> {
        let is =
            |names: &[&str]| names.contains(&name) || name.is_empty() && class != Class::Discard;
        if self.guard.role.is_some() && is(&["role", "session_authorization"]) {
            return Some("the role");
        }
        if self.guard.read_only && is(&["default_transaction_read_only", "transaction_read_only"]) {
            return Some("default_transaction_read_only");
        }
        (self.guard.statement_timeout_ms.is_some() && is(&["statement_timeout"]))
            .then_some("statement_timeout")
    }

    // -- tables and functions ----------------------------------------------------------------

    fn relations(&self, effects: &Effects) -> Result<(), Denial> {
        let Some(granted) = &self.guard.tables else {
            return Ok(());
        };
        for named in &effects.relations {
            let candidates = self.candidates(&named.name);
            let is_granted = |relation: &Relation| {
                is_system(&relation.schema)
                    || granted.iter().any(|(schema, table)| {
                        schema.matches(relation.schema.as_bytes())
                            && table.matches(relation.name.as_bytes())
                    })
            };
            if let Some((_, refused)) = candidates.iter().find(|(_, it)| !is_granted(it)) {
                let name = format!("{}.{}", refused.schema, refused.name);
                return Err(self.deny(Reason::Table(Some(name))));
            }
            // What is made now is in no catalog yet.
            let is_new = named.access == Access::Define;
            if candidates.is_empty() && !is_new && !is_named_system(&named.name) {
                return Err(self.deny(Reason::Table(None)));
            }
        }
        Ok(())
    }

    /// The relations that a name may mean.
    fn candidates(&self, name: &Name) -> Vec<(u32, &Relation)> {
        candidates(self.catalog, self.path, name)
    }

    fn functions(&self, effects: &Effects) -> Result<(), Denial> {
        let fields = effects.fields.iter();
        let called = fields.filter(|name| is_called(self.catalog, name));
        for name in effects.functions.iter().chain(called) {
            let Some(bare) = name.last() else {
                continue;
            };
            if self.guard.allows_function(bare) {
                continue;
            }
            let is_listed = self.guard.functions.is_some();
            if is_side_door(name) || is_listed && is_opaque(self.catalog, name) {
                return Err(self.deny(Reason::Function(self.known_function(bare))));
            }
        }
        Ok(())
    }

    /// The name of a function, unless nobody but the client has said it.
    fn known_function(&self, name: &str) -> String {
        let is_known = crate::sql::is_builtin(name.as_bytes())
            || self.catalog.own_functions.contains(name)
            || self.catalog.has_word(name.as_bytes());
        match is_known {
            true => name.to_owned(),
            false => "that is not known".to_owned(),
        }
    }

    // -- columns under rules -----------------------------------------------------------------

    fn touches_ruled(&self, effects: &Effects) -> bool {
        let mut relations = effects.relations.iter();
        relations.any(|named| {
            let candidates = self.candidates(&named.name);
            candidates.is_empty() || self.ruled(named).is_some()
        })
    }

    /// The name of a relation, if one of its columns is under a rule.
    fn ruled(&self, named: &RelationUse) -> Option<String> {
        let candidates = self.candidates(&named.name);
        let ruled = candidates
            .iter()
            .find(|(oid, _)| self.policy.rules_relation(self.catalog, *oid));
        ruled.map(|(_, relation)| format!("{}.{}", relation.schema, relation.name))
    }

    fn uses(&self, effects: &Effects, uses: &[Use]) -> Result<Compared, Denial> {
        let mut compared = Compared::default();
        // What is compared is the better reason than that it may fail.
        let is_computed = |one: &&Use| one.place == Place::Computed;
        let others = uses.iter().filter(|one| !is_computed(one));
        for one in others.chain(uses.iter().filter(is_computed)) {
            let taint = self.told(one);
            let tells = !matches!(one.test, Test::Presence | Test::Count | Test::Into(_))
                && one.place != Place::Computed;
            if self.in_flux && tells && self.guard.predicates != Predicates::Allow {
                return Err(self.deny(Reason::InFlux));
            }
            if taint == Taint::Clean {
                continue;
            }
            let allowed = self.guard.predicates(taint.rule());
            let is_plan = effects.class == Class::Explain;
            // What a view computes is compared as what it is computed from would be.
            let is_stored = matches!(taint, Taint::Value(_));
            let is_fine = match &one.test {
                Test::Presence | Test::Count if self.guard.hides_nulls => false,
                Test::Presence if is_stored || is_row(&one.flow) => true,
                Test::Count => true,
                Test::Into(targets) => self.guard.copies || self.are_under(targets, taint),
                _ if allowed == Predicates::Allow => true,
                Test::Equality { values }
                    if allowed == Predicates::Equality
                        && is_stored
                        && (!is_plan || one.place == Place::Computed) =>
                {
                    compared.values = compared.values.saturating_add(*values);
                    true
                }
                // Those of a statement that is prepared in SQL come later, out of sight.
                Test::Listed { parameter }
                    if allowed == Predicates::Equality
                        && is_stored
                        && !is_plan
                        && effects.class != Class::Prepare =>
                {
                    compared.lists.push(*parameter);
                    true
                }
                Test::Column(other) => {
                    allowed == Predicates::Equality && self.is_same(self.taint(other), taint)
                }
                Test::Presence
                | Test::Equality { .. }
                | Test::Listed { .. }
                | Test::Members(_)
                | Test::Any => false,
            };
            if !is_fine {
                let column = self.column(&one.flow);
                let reason = match &one.test {
                    Test::Into(_) => Reason::Copied { column },
                    _ => Reason::Learnt {
                        column,
                        place: one.place,
                    },
                };
                return Err(self.deny_by(taint.rule(), reason));
            }
        }
        Ok(compared)
    }

    /// What a use must not tell. That a member of a document is just this takes knowing all of it.
    fn told(&self, one: &Use) -> Taint {
        let taint = self.taint(&one.flow);
        let is_safe = match &one.test {
            Test::Presence | Test::Count | Test::Into(_) => true,
            Test::Members(keys) => {
                let mut keys = keys.iter().map(|key| key.as_bytes());
                !keys.any(|key| self.policy.json_keys().find(key).is_some())
            }
            Test::Equality { .. } | Test::Listed { .. } => !one.flow.keys.is_empty(),
            // Which members are alike, not what they are.
            Test::Any if one.place == Place::Grouping => !one.flow.keys.is_empty(),
            Test::Column(_) | Test::Any => false,
        };
        match taint == Taint::Clean && !is_safe {
            true if self.policy.tells_of_members(self.catalog, &one.flow) => Taint::Whole(None),
            _ => taint,
        }
    }

    /// What a flow must not show, with the functions that the policy trusts taken at their word.
    fn taint(&self, flow: &Flow) -> Taint {
        let taint = self.policy.taint(self.catalog, flow, VIEW_DEPTH);
        if flow.kind != Kind::Opaque || self.guard.functions.is_none() {
            return taint;
        }
        let names = flow.functions.iter().map(|name| &**name);
        let opaque = |name: &&str| is_opaque(self.catalog, &[(*name).to_owned()]);
        let mut unknown = names.filter(opaque).peekable();
        let has_any = unknown.peek().is_some();
        match has_any && unknown.all(|name| self.guard.allows_function(name)) {
            true => {
                let computed = Flow {
                    kind: Kind::Derived,
                    ..flow.clone()
                };
                self.policy.taint(self.catalog, &computed, VIEW_DEPTH)
            }
            false => taint,
        }
    }

    /// Are all of these columns themselves under the rule that hides the value? What is computed
    /// from a value, or mixed of several, no rule shows as little of as it must.
    fn are_under(&self, targets: &[Origin], taint: Taint) -> bool {
        let mut taints = targets.iter().map(|target| {
            self.policy
                .taint(self.catalog, &Flow::plain(*target), VIEW_DEPTH)
        });
        !targets.is_empty() && taints.all(|target| self.is_same(target, taint))
    }

    /// Do both say that the value of a stored column is under the same rule? A rule that lists
    /// several columns is one for each.
    fn is_same(&self, one: Taint, other: Taint) -> bool {
        let (Taint::Value(one), Taint::Value(other)) = (one, other) else {
            return false;
        };
        let rules = self.policy.rule(one).zip(self.policy.rule(other));
        one == other || rules.is_some_and(|(one, other)| one.name == other.name)
    }

    /// Schema, table and column of the first source under a rule.
    fn column(&self, flow: &Flow) -> Option<String> {
        let mut sources = flow.sources.iter();
        let source = sources.find(|source| {
            let flow = Flow::plain(**source);
            self.policy.taint(self.catalog, &flow, VIEW_DEPTH) != Taint::Clean
        })?;
        self.column_name(*source)
    }

    /// Schema, table and column.
    fn column_name(&self, source: Origin) -> Option<String> {
        let relation = self.catalog.relations.get(&source.0)?;
        let column = self.catalog.column(source.0, source.1);
        let column = column.map_or("*", |(_, column)| column.name.as_str());
        Some(format!("{}.{}.{column}", relation.schema, relation.name))
    }
}

/// The relations that a name may mean.
pub(super) fn candidates<'a>(
    catalog: &'a Catalog,
    path: &SearchPath,
    name: &[String],
) -> Vec<(u32, &'a Relation)> {
    match name {
        [.., schema, name] => {
            let mut named = catalog.named(name);
            named.retain(|(_, relation)| *schema == relation.schema);
            named
        }
        [name] => path.find(catalog, "", name),
        [] => Vec::new(),
    }
}

/// Is it all of a table's row?
fn is_row(flow: &Flow) -> bool {
    !flow.sources.is_empty() && flow.sources.iter().all(|source| source.1 == 0)
}

pub(super) fn is_system(schema: &str) -> bool {
    matches!(schema, "pg_catalog" | "information_schema" | "pg_toast")
        || schema.starts_with("pg_temp_")
}

/// Relations of PostgreSQL's own that the catalog may not list.
fn is_named_system(name: &Name) -> bool {
    match name.as_slice() {
        [.., schema, _] => is_system(schema),
        [name] => name.starts_with("pg_"),
        [] => false,
    }
}

/// Does a function of this name read files, run texts, ask other servers, or keep what others can
/// read?
fn is_side_door(name: &Name) -> bool {
    let effects = crate::sql::effects::function_effects(name);
    effects.iter().any(|effect| {
        matches!(
            effect,
            SideEffect::ServerFile
                | SideEffect::RunsText
                | SideEffect::OtherServer
                | SideEffect::LargeObject
                | SideEffect::Replication
                | SideEffect::Signal
                | SideEffect::Server
        )
    })
}

/// May names stand for something else once the statement has run?
fn changes_names(effects: &Effects) -> bool {
    matches!(
        effects.class,
        Class::View | Class::Alter | Class::Code | Class::Routine
    )
}
