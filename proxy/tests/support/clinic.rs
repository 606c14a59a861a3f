//! The tables of the leak suite, with the identities and policies that the tests have.

use velum_proxy::demo::cluster::Cluster;
pub use velum_proxy::leak_suite::canary::{PATIENTS, contains, leaks, ssn, ssn_number};
use velum_proxy::leak_suite::vectors::SCHEMA;

/// The database, and the gateway's resource of the same name.
pub const DATABASE: &str = "clinic";
/// The role that gateways use.
pub const ROLE: &str = "clinic_gateway";
/// Its password, which no client may ever see.
pub const ROLE_PASSWORD: &str = "upstream-0f2b7d5e-secret";
/// Password of every identity.
pub const CLIENT_PASSWORD: &str = "client-9c1f-secret";
/// The identity under rules and content detection.
pub const MASKED: &str = "robot";
/// The identity under content detection alone.
pub const CONTENT: &str = "reader";
/// The identity under rules without content detection.
pub const RULES: &str = "clerk";
/// The identity that sees everything.
pub const EXEMPT: &str = "auditor";
/// The identity under the same rules, with what holds for statements where a policy says nothing.
pub const GUARDED: &str = "guest";
/// The identity that may read some tables, under a role of its own.
pub const SCOPED: &str = "student";
/// The identity for which some columns are not there.
pub const UNSEEING: &str = "intern";
/// The same, that may meet some patients only.
pub const LIMITED: &str = "courier";
/// The identity that sees no aggregate of one or two patients.
pub const COUNTING: &str = "statistician";
/// The role of that identity's sessions.
pub const READ_ROLE: &str = "clinic_student";
/// Columns that no rule and no detector is about.
pub const CLEAN: &[&str] = &[
    "id", "city", "seen", "amount", "score", "ident", "active", "tags", "small",
];

/// Makes role, database, tables and functions.
pub fn create(cluster: &Cluster) {
    let run = |database: &str, sql: &str| {
        cluster
            .psql_in(database, sql)
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    };
    run(
        "postgres",
        &format!(
            "CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE_PASSWORD}';
             CREATE ROLE {READ_ROLE}; GRANT {READ_ROLE} TO {ROLE}"
        ),
    );
    run(
        "postgres",
        &format!("CREATE DATABASE {DATABASE} OWNER {ROLE}"),
    );
    run(DATABASE, &format!("SET ROLE {ROLE}; {}", schema()));
}

fn schema() -> String {
    format!(
        "{SCHEMA}
         GRANT USAGE ON SCHEMA clinic TO {READ_ROLE};
         GRANT SELECT ON ALL TABLES IN SCHEMA clinic TO {READ_ROLE};"
    )
}

/// Identities and policies of the configuration.
pub fn rules() -> String {
    let identity = |name: &str, policy: &str| {
        format!(
            "[[identity]]\nname = \"{name}\"\nauth = \"scram\"\n\
             password = {{ file = \"client.password\" }}\n\
             access = {{ {DATABASE} = \"{policy}\" }}\n\n"
        )
    };
    let mut text = String::new();
    text.push_str(&identity(MASKED, "masked"));
    text.push_str(&identity(CONTENT, "content"));
    text.push_str(&identity(RULES, "rules"));
    text.push_str(&identity(EXEMPT, "exempt"));
    text.push_str(&identity(GUARDED, "guarded"));
    text.push_str(&identity(SCOPED, "scoped"));
    text.push_str(&identity(UNSEEING, "unseeing"));
    text.push_str(&identity(LIMITED, "limited"));
    text.push_str(&identity(COUNTING, "counting"));
    text.push_str(
        r#"
[[policy]]
name = "exempt"
exempt = true

[[policy]]
name = "content"
messages = "scan"
content = { detectors = ["ssn", "email", "phone"], strategy = "redact" }

"#,
    );
    for (name, keys) in [("unseeing", ""), ("limited", BUDGET), ("counting", CELLS)] {
        text.push_str(&format!(
            "[[policy]]\nname = \"{name}\"\nmessages = \"strict\"\n{keys}\n{HIDING_RULES}"
        ));
    }
    let content = r#"content = { detectors = ["ssn", "email", "phone"], strategy = "redact" }"#;
    for (name, keys) in [
        ("guarded", content),
        ("scoped", &format!("{content}\n{READ_SCOPE}")),
        ("rules", OPEN_SCOPE),
        ("masked", &format!("{content}\n{OPEN_SCOPE}")),
    ] {
        text.push_str(&format!(
            "[[policy]]\nname = \"{name}\"\nmessages = \"strict\"\n{keys}\n{COLUMN_RULES}"
        ));
    }
    text
}

/// Every statement may run: what is masked must hold by itself.
const OPEN_SCOPE: &str = r#"scope.commands = "all"
scope.functions = "*"
scope.predicates = "allow"
scope.copies = "allow""#;

/// Reading, of some tables, under another role.
const READ_SCOPE: &str = r#"scope.commands = "select"
scope.tables = ["clinic.patients", "clinic.seen"]
scope.functions = []
scope.read_only = true
scope.role = "clinic_student"
scope.statement_timeout_ms = 20_000"#;

/// As many patients as have canaries.
const BUDGET: &str = r#"scope.volume = { subjects = 5, subject_columns = ["clinic.patients.id"] }"#;

/// No aggregate of fewer patients than three.
const CELLS: &str = r#"scope.small_cells = 3
scope.volume = { subject_columns = ["clinic.patients.id", "clinic.visits.patient"] }"#;

/// Columns that are hidden.
const HIDING_RULES: &str = r#"
[[policy.rule]]
name = "unseen"
column = ["clinic.patients.ssn*", "clinic.patients.nick", "clinic.numbers.ssn"]
strategy = "hidden"

[[policy.rule]]
name = "others"
column = [
    "clinic.patients.born", "clinic.patients.salary", "clinic.patients.token",
    "clinic.patients.photo", "clinic.patients.phone", "clinic.patients.secret",
    "clinic.patients.address", "clinic.patients.aliases", "clinic.patients.doc",
    "clinic.patients.note", "clinic.patients.mail",
]
strategy = "redact"

"#;

/// Rules of the last policy before them.
const COLUMN_RULES: &str = r#"
[[policy.rule]]
name = "constant"
column = "clinic.patients.nick"
strategy = "constant"
value = "hidden"

[[policy.rule]]
name = "null"
column = "clinic.patients.secret"
strategy = "null"

[[policy.rule]]
name = "partial"
column = "clinic.patients.phone"
strategy = "partial"
keep_last = 2

[[policy.rule]]
name = "addresses"
sql_type = "inet"
strategy = "redact"

[[policy.rule]]
name = "names"
column_name = "ssn*"
strategy = "redact"

[[policy.rule]]
name = "columns"
column = [
    "clinic.patients.born",
    "clinic.patients.salary",
    "clinic.patients.token",
    "clinic.patients.photo",
    "clinic.patients.alias*",
    "clinic.patients.mail",
]
strategy = "redact"
"#;
