//! The tables, and every form in which a canary could leave.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use velum_proxy::demo::cluster::Cluster;

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
/// The role of that identity's sessions.
pub const READ_ROLE: &str = "clinic_student";
/// Rows of `clinic.patients` that hold canaries; one more row holds NULLs.
pub const PATIENTS: usize = 5;

/// Columns that no rule and no detector is about.
pub const CLEAN: &[&str] = &[
    "id", "city", "seen", "amount", "score", "ident", "active", "tags", "small",
];

/// Something that must not leave.
pub struct Canary {
    /// What it is, for messages.
    pub name: String,
    /// Its bytes in one form.
    pub bytes: Vec<u8>,
}

/// Social security number of patient `row`, with dashes.
pub fn ssn(row: usize) -> String {
    format!("531-7{row}-029{row}")
}

/// The same as a number.
pub fn ssn_number(row: usize) -> i64 {
    ssn(row).replace('-', "").parse().expect("digits")
}

/// Values of patient `row` that are under a rule, in the forms in which they are stored.
fn stored(row: usize) -> Vec<(&'static str, String)> {
    vec![
        ("ssn", ssn(row)),
        ("salary", format!("73151.0{row}")),
        (
            "token",
            format!("c0ffee0{row}-5eed-4bad-8bad-00c0ffee0{row}aa"),
        ),
        ("phone", format!("212-555-0{row}71")),
        ("nick", format!("Zaphod{row}brox")),
        ("secret", format!("xyzzy-{row}-plugh")),
        ("address", format!("203.0.113.{row}7")),
        ("alias", format!("Frodo{row}Baggins")),
        ("photo", format!("PHOTO{row}CANARY")),
        ("mail", format!("patient.{row}@mail-canary.example")),
    ]
}

/// Every form of every canary.
pub fn canaries() -> Vec<Canary> {
    let mut found = Vec::new();
    for row in 1..=PATIENTS {
        for (name, value) in stored(row) {
            let mut push = |form: &str, bytes: Vec<u8>| {
                found.push(Canary {
                    name: format!("{name} {row} {form}"),
                    bytes,
                });
            };
            let plain = value.clone().into_bytes();
            let bare: Vec<u8> = plain
                .iter()
                .copied()
                .filter(u8::is_ascii_alphanumeric)
                .collect();
            for (form, bytes) in [("plain", plain), ("bare", bare)] {
                let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
                push(&format!("{form} hex"), hex(&bytes).into_bytes());
                push(
                    &format!("{form} HEX"),
                    hex(&bytes).to_uppercase().into_bytes(),
                );
                for (shift, text) in base64_anywhere(&bytes).into_iter().enumerate() {
                    push(&format!("{form} base64+{shift}"), text.into_bytes());
                }
                push(&format!("{form} reversed"), reversed);
                push(form, bytes);
            }
        }
        let number = ssn_number(row);
        let mut push = |form: &str, bytes: Vec<u8>| {
            found.push(Canary {
                name: format!("number {row} {form}"),
                bytes,
            });
        };
        push("int8", number.to_be_bytes().to_vec());
        push("int4", (number as i32).to_be_bytes().to_vec());
        push("born", format!("1931-03-0{row}").into_bytes());
        push(
            "born, written out",
            format!("(1931, 3, {row})").into_bytes(),
        );
        let token = format!("c0ffee0{row}5eed4bad8bad00c0ffee0{row}aa");
        push("uuid", unhex(&token));
    }
    found
}

/// Names of the canaries in `bytes`.
pub fn leaks(bytes: &[u8]) -> Vec<String> {
    let canaries = canaries();
    let found = canaries
        .iter()
        .filter(|canary| contains(bytes, &canary.bytes));
    found.map(|canary| canary.name.clone()).collect()
}

/// Is `needle` in `bytes`?
pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

/// The part of the base64 text that does not depend on the neighbours, for each alignment.
fn base64_anywhere(bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    for shift in 0..3 {
        let skip = (3 - shift) % 3;
        let whole = (bytes.len() - skip) / 3 * 3;
        texts.push(STANDARD_NO_PAD.encode(&bytes[skip..skip + whole]));
    }
    texts
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let parse = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    pairs
        .map(|pair| parse(pair).expect("hexadecimal"))
        .collect()
}

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
    let mut sql = String::from(
        "CREATE SCHEMA clinic;
        CREATE TABLE clinic.patients (
            id int PRIMARY KEY, city text, seen timestamptz, amount numeric(10,2), score float8,
            ident uuid, active bool, tags text[], small int2,
            ssn text UNIQUE, ssn_number int8, ssn_int int4, born date, salary numeric(12,2),
            token uuid, photo bytea, phone text, nick text, secret text, address inet,
            aliases text[], doc jsonb, note text, mail text,
            CHECK (small > 0));
        CREATE TABLE clinic.numbers (id int, ssn int8);
        CREATE TABLE clinic.arrivals (id int, what text);
        CREATE VIEW clinic.seen AS SELECT id, ssn AS s, nick AS n, born AS b FROM clinic.patients;
        CREATE FUNCTION clinic.tell(number int) RETURNS void LANGUAGE plpgsql AS $$
            BEGIN RAISE NOTICE 'patient % has SSN % and mail %', number,
                (SELECT ssn FROM clinic.patients WHERE id = number),
                (SELECT mail FROM clinic.patients WHERE id = number); END $$;
        CREATE FUNCTION clinic.ssn_of(number int) RETURNS text LANGUAGE sql STABLE AS $$
            SELECT ssn FROM clinic.patients WHERE id = number $$;
        CREATE FUNCTION clinic.same(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$;
        CREATE VIEW clinic.told AS
            SELECT id, format('%s of %s', nick, city) AS n FROM clinic.patients;
        CREATE TABLE clinic.marked (ssn_kept text,
            start text GENERATED ALWAYS AS (left(ssn_kept, 6)) STORED);
        SET timezone = 'UTC';",
    );
    for row in 1..=PATIENTS {
        let values: std::collections::BTreeMap<_, _> = stored(row).into_iter().collect();
        let number = ssn_number(row);
        sql.push_str(&format!(
            "INSERT INTO clinic.patients VALUES ({row}, 'Town {row}', '2024-01-0{row} 10:00Z',
                {row}00.5, {row}.25, '00000000-0000-4000-8000-00000000000{row}', true,
                ARRAY['a{row}', 'b'], {row},
                '{ssn}', {number}, {number}, '1931-03-0{row}', {salary}, '{token}', '{photo}',
                '{phone}', '{nick}', '{secret}', '{address}', ARRAY['{alias}', NULL, 'x'],
                '{{\"visit\": {row}, \"ssn\": \"{bare}x\", \"deep\": {{\"ssn\": [\"{ssn}\"]}}}}',
                'Seen in clinic; SSN {ssn}, write to {mail} about it.', '{mail}');
            INSERT INTO clinic.numbers VALUES ({row}, {number});",
            ssn = values["ssn"],
            bare = values["ssn"].replace('-', ""),
            salary = values["salary"],
            token = values["token"],
            photo = values["photo"],
            phone = values["phone"],
            nick = values["nick"],
            secret = values["secret"],
            address = values["address"],
            alias = values["alias"],
            mail = values["mail"],
        ));
    }
    sql.push_str(
        "INSERT INTO clinic.patients (id, city, small) VALUES (6, 'Nowhere', 1);
        INSERT INTO clinic.marked SELECT ssn FROM clinic.patients;",
    );
    sql.push_str(&format!(
        "GRANT USAGE ON SCHEMA clinic TO {READ_ROLE};
         GRANT SELECT ON ALL TABLES IN SCHEMA clinic TO {READ_ROLE};"
    ));
    sql
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
    for (name, keys) in [("unseeing", ""), ("limited", BUDGET)] {
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
