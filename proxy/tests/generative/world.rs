//! A database with a random schema, a gateway in front of it, and what is found of a statement.

use std::io;

use velum_proxy::demo::cluster::Cluster;

use super::check::{self, Canaries};
use super::choices::{self, Choices};
use super::report::Failure;
use super::run::{Answer, run};
use super::schema::Schema;
use super::statement::{Protocol, Statement};
use super::support::client::{Client, Login};
use super::support::clinic;
use super::support::gateway::{Driver, Gateway, Setup, UpstreamRole};

/// Generations that a failing statement is made shorter by.
const ATTEMPTS: usize = 600;

/// An identity, named as its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// Every statement may run: masking holds by itself.
    Open,
    /// What a policy with rules refuses where it says nothing.
    Guarded,
}

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Policy::Open => "open",
            Policy::Guarded => "guarded",
        }
    }
}

/// See the module's text. Fields drop in order.
pub(super) struct World {
    direct: Client,
    open: Client,
    guarded: Client,
    /// SQL has given names to statements or cursors in the sessions through the gateway: from then
    /// on, what the protocol names is masked.
    is_mixed: bool,
    canaries: Canaries,
    database: String,
    database_port: u16,
    gateway: Gateway,
    pub(super) schema: Schema,
}

/// What came of a statement.
#[derive(Default)]
pub(super) struct Verdict {
    /// Runs past the gateway.
    pub(super) is_valid: bool,
    /// Touches nothing under a rule, and runs: has to come as it is.
    pub(super) is_clean: bool,
    /// Shows a canary past the gateway.
    pub(super) shows: bool,
    /// Runs through it: by the open policy, and by the guarded one.
    pub(super) runs: [bool; 2],
    pub(super) failure: Option<Failure>,
}

impl World {
    /// A database called `name` whose schema `make` defines.
    pub(super) fn start(
        cluster: &Cluster,
        name: &str,
        driver: Driver,
        make: impl FnOnce(&mut dyn FnMut(&str) -> bool) -> Schema,
    ) -> Self {
        let role = clinic::ROLE;
        for sql in [
            format!("CREATE DATABASE {name} OWNER {role}"),
            format!("ALTER DATABASE {name} SET statement_timeout = '5s'"),
            format!("ALTER DATABASE {name} SET search_path = gen, public"),
            format!("ALTER DATABASE {name} SET timezone = 'UTC'"),
        ] {
            cluster.psql_in("postgres", &sql).expect("a database");
        }
        let mut direct = past(cluster.port(), name).expect("a direct connection");
        let schema = make(&mut |sql| {
            let frames = direct.simple(sql).expect("an answer");
            let done = check::complaints(&frames).is_empty();
            if !done {
                direct.simple("rollback").expect("an answer");
            }
            done
        });
        let upstream = UpstreamRole {
            port: cluster.port(),
            database: name.to_owned(),
            user: role.to_owned(),
            password: clinic::ROLE_PASSWORD.to_owned(),
        };
        let rules = rules(&schema.ruled);
        let gateway = Gateway::start(&Setup::new(driver, upstream, rules));
        let connect = |policy: Policy| gateway.connect(policy.name(), false);
        Self {
            direct,
            open: connect(Policy::Open),
            guarded: connect(Policy::Guarded),
            is_mixed: false,
            canaries: Canaries::new(&schema.definitions, &schema.needles),
            database: name.to_owned(),
            database_port: cluster.port(),
            gateway,
            schema,
        }
    }

    /// The statement that `choices` say, and what comes of it; a failing one is made shorter.
    pub(super) fn trial(&mut self, mut choices: Choices) -> Verdict {
        let statement = Statement::generate(&mut choices, &self.schema);
        let mut verdict = self.judge(&statement);
        let Some(failure) = verdict.failure.take() else {
            return verdict;
        };
        let (mut last, taken) = (None, choices.taken().to_vec());
        let shortest = choices::shrink(taken, ATTEMPTS, |candidate| {
            let mut choices = Choices::replay(candidate.to_vec());
            let statement = Statement::generate(&mut choices, &self.schema);
            let found = self.judge(&statement).failure?;
            if !found.is_like(&failure) {
                return None;
            }
            last = Some(found);
            Some(choices.taken().to_vec())
        });
        let statement = Statement::generate(&mut Choices::replay(shortest), &self.schema);
        let failure = self.judge(&statement).failure.or(last).unwrap_or(failure);
        verdict.failure = Some(failure);
        verdict
    }

    /// Runs a statement past the gateway and by each policy, and holds the answers against each
    /// other.
    pub(super) fn judge(&mut self, statement: &Statement) -> Verdict {
        let mut verdict = Verdict::default();
        let Ok(direct) = run(&mut self.direct, statement) else {
            self.direct = past(self.database_port, &self.database).expect("a direct connection");
            return verdict;
        };
        verdict.is_valid = direct.error.is_none();
        verdict.is_clean = verdict.is_valid && !statement.is_touched && !statement.is_opaque;
        let shown = self.canaries.find(&direct.bytes);
        verdict.shows = shown.is_some();
        let has_name = matches!(statement.protocol, Protocol::Named | Protocol::Pieces);
        if has_name && self.is_mixed {
            self.open = self.gateway.connect(Policy::Open.name(), false);
            self.guarded = self.gateway.connect(Policy::Guarded.name(), false);
            self.is_mixed = false;
        }
        let names = |step: &String| step.starts_with("prepare") || step.starts_with("declare");
        self.is_mixed |= statement.steps.iter().any(names);
        let fails = |kind, what, policy| Some(Failure::new(kind, what, policy, statement));
        if let (Some(what), false) = (shown, statement.is_touched) {
            verdict.failure = fails("the generator takes for clean what is not", what, None);
            return verdict;
        }
        for (place, policy) in [Policy::Open, Policy::Guarded].into_iter().enumerate() {
            let found = match self.through(policy, statement) {
                Err(error) => Some(("the session ended", error.to_string())),
                Ok(answer) => {
                    verdict.runs[place] = answer.error.is_none();
                    self.complain(statement, &direct, &answer)
                }
            };
            if let Some((kind, what)) = found {
                verdict.failure = fails(kind, what, Some(policy));
                return verdict;
            }
        }
        verdict
    }

    fn through(&mut self, policy: Policy, statement: &Statement) -> io::Result<Answer> {
        let client = match policy {
            Policy::Open => &mut self.open,
            Policy::Guarded => &mut self.guarded,
        };
        let answer = run(client, statement);
        if answer.is_err() {
            *client = self.gateway.connect(policy.name(), false);
        }
        answer
    }

    /// What is wrong with an answer through the gateway.
    fn complain(
        &self,
        statement: &Statement,
        direct: &Answer,
        answer: &Answer,
    ) -> Option<(&'static str, String)> {
        if let Some(found) = self.canaries.find(&answer.bytes) {
            return Some(("a canary came through", found));
        }
        if let Some(found) = check::shown(&statement.columns, direct, answer) {
            return Some(("a computed column came through", found));
        }
        if statement.is_touched || statement.is_opaque {
            return None;
        }
        let found = check::difference(direct, answer)?;
        let complaints = check::complaints(&answer.frames);
        Some((
            "what is clean is not equal",
            format!("{found} {complaints}"),
        ))
    }
}

fn past(port: u16, database: &str) -> io::Result<Client> {
    let login = Login::plain(port, clinic::ROLE, clinic::ROLE_PASSWORD);
    Client::connect(&login, database)
}

/// Identities and policies: the same rules, under which everything or little may run.
fn rules(ruled: &[String]) -> String {
    let mut text = String::new();
    let open = "scope.commands = \"all\"\nscope.functions = \"*\"\n\
                scope.predicates = \"allow\"\nscope.copies = \"allow\"";
    for (policy, scope) in [(Policy::Open, open), (Policy::Guarded, "")] {
        let name = policy.name();
        text.push_str(&format!(
            "[[identity]]\nname = \"{name}\"\nauth = \"scram\"\n\
             password = {{ file = \"client.password\" }}\n\
             access = {{ {} = \"{name}\" }}\n\n\
             [[policy]]\nname = \"{name}\"\n{scope}\n",
            clinic::DATABASE
        ));
        let strategies = [
            "strategy = \"redact\"",
            "strategy = \"null\"",
            "strategy = \"constant\"\nvalue = \"0\"",
        ];
        for (place, strategy) in strategies.iter().enumerate() {
            let columns = ruled.iter().skip(place).step_by(strategies.len());
            let columns: Vec<_> = columns.map(|column| format!("\"{column}\"")).collect();
            if !columns.is_empty() {
                text.push_str(&format!(
                    "[[policy.rule]]\nname = \"rule{place}\"\ncolumn = [{}]\n{strategy}\n\n",
                    columns.join(", ")
                ));
            }
        }
    }
    text
}
