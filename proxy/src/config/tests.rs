//! A table of mistakes, and the shape of what is shown.

mod cells;
mod credentials;
mod grants;
mod login;
mod notify;
mod originals;
mod receipts;
mod recordings;
mod store;
mod tokens;
mod transforms;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::model::Credential;
use super::*;

/// A directory with a password, a certificate and its key.
struct House(tempfile::TempDir);

impl House {
    fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        house.file("password", 0o600, b"correct horse\n");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        house.file("server.crt", 0o644, made.cert.pem().as_bytes());
        house.file(
            "server.key",
            0o600,
            made.signing_key.serialize_pem().as_bytes(),
        );
        house
    }

    fn file(&self, name: &str, mode: u32, bytes: &[u8]) {
        let path = self.0.path().join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(bytes).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(mode))
            .unwrap();
    }

    fn parse(&self, text: &str) -> Result<Config, Problems> {
        let variable = |name: &str| match name {
            "PASSWORD" => Some("from the environment".to_owned()),
            "CREDENTIALS_DIRECTORY" => Some(self.0.path().display().to_string()),
            _ => None,
        };
        let environment = Environment {
            directory: self.0.path().to_owned(),
            variable: &variable,
        };
        parse(Path::new("velum.toml"), text, &environment)
    }

    /// The messages of all mistakes, in order.
    fn mistakes(&self, text: &str) -> Vec<String> {
        let problems = self.parse(text).expect_err("the file has mistakes");
        problems
            .as_slice()
            .iter()
            .map(|problem| problem.message.clone())
            .collect()
    }
}

const GOOD: &str = r#"
[gateway]
driver = "epoll"
threads = 2

[[listener]]
address = "127.0.0.1:6432"
tls_mode = "optional"
tls = { certificate = "server.crt", key = "server.key" }

[audit]
directory = "audit"
mode = "bounded"
bounded_ms = 50

[[identity]]
name = "agent"
auth = "scram"
password = { file = "password" }
access = { ehr = "masked" }

[[resource]]
name = "ehr"
kind = "postgres"
address = "localhost:5433"
database = "ehr"
user = "velum"
tls_mode = "disable"
password = { env = "PASSWORD" }

[[policy]]
name = "masked"
content = { detectors = ["ssn", "email"], strategy = "redact" }

[[policy.rule]]
name = "social-security"
column = ["public.patient.ssn", "claims.*.subscriber_*"]
strategy = "partial"
keep_last = 4
"#;

#[test]
fn a_good_file_comes_out_typed() {
    let house = House::new();
    let config = house
        .parse(GOOD)
        .map_err(|problems| problems.to_text())
        .unwrap();
    assert_eq!(config.gateway.driver, model::Driver::Epoll);
    assert_eq!(config.gateway.threads, Some(2));
    assert_eq!(config.listeners[0].tls_mode, model::TlsMode::Optional);
    assert!(config.listeners[0].tls.is_some());
    assert_eq!(config.audit.directory, house.0.path().join("audit"));
    let within = std::time::Duration::from_millis(50);
    let bounded = model::AuditMode::Bounded {
        within,
        bytes: 1024 * 1024,
    };
    assert_eq!(config.audit.mode, bounded);
    let model::Auth::Scram(model::Knowledge::Password(password)) = &config.identities[0].auth
    else {
        panic!("{:?}", config.identities[0].auth);
    };
    assert_eq!(
        password.expose(),
        b"correct horse",
        "the line end is no part of it"
    );
    let upstream = config.resource("ehr").unwrap();
    assert_eq!(
        upstream
            .password
            .as_ref()
            .unwrap()
            .known()
            .unwrap()
            .expose(),
        b"from the environment"
    );
    assert_eq!(upstream.catalog_user.as_deref(), Some("velum"));
    let policy = config.policy("masked").unwrap();
    assert_eq!(policy.rules.len(), 2, "a rule for each selector");
    assert!(!format!("{config:?}").contains("horse"));
    assert!(!format!("{config:?}").contains("from the environment"));
}

/// What is replaced in the good file, by what, and a mistake that follows.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "threads = 2",
        "thread = 2",
        "unknown key `thread` in `gateway`",
    ),
    (
        "threads = 2",
        "threads = 5000",
        "`threads` must be between 0 and 1024",
    ),
    (
        "threads = 2",
        "threads = \"2\"",
        "`threads` must be a whole number, this is a value of type string",
    ),
    (
        "\"epoll\"",
        "\"epol\"",
        "`epol` is not a known value of `driver`",
    ),
    (
        "127.0.0.1:6432",
        "127.0.0.1",
        "`127.0.0.1` is not an address",
    ),
    (
        "tls = {",
        "# tls = {",
        "`tls_mode` asks for TLS, but the listener has no certificate",
    ),
    (
        "key = \"server.key\"",
        "key = \"server.crt\"",
        "is open to every user",
    ),
    (
        "\"server.crt\"",
        "\"nothing.crt\"",
        "nothing.crt: No such file",
    ),
    (
        "\"server.crt\"",
        "\"password\"",
        "password: holds no PEM certificate",
    ),
    (
        "\"server.key\"",
        "\"password\"",
        "password holds no PEM private key",
    ),
    ("directory = \"audit\"", "", "`audit` lacks `directory`"),
    (
        "mode = \"bounded\"",
        "mode = \"bounded\"\norigin = \"a log\"",
        "`a log` cannot name a log",
    ),
    (
        "mode = \"bounded\"",
        "mode = \"bounded\"\nsigning_key = { file = \"password\" }",
        "password does not hold 64 hexadecimal digits",
    ),
    (
        "mode = \"bounded\"",
        "mode = \"bounded\"\nprevious_signing_key = { file = \"password\" }",
        "`previous_signing_key` means nothing without `signing_key`",
    ),
    (
        "mode = \"bounded\"",
        "",
        "`bounded_ms` means nothing without `mode = \"bounded\"`",
    ),
    (
        "auth = \"scram\"",
        "auth = \"trust\"",
        "a password means nothing without SCRAM",
    ),
    (
        "password = { file = \"password\" }",
        "",
        "SCRAM needs a `password` or a `verifier`",
    ),
    (
        "{ file = \"password\" }",
        "\"hunter2\"",
        "`password` holds a secret in the file itself",
    ),
    (
        "{ file = \"password\" }",
        "{ file = \"open\" }",
        "is open to every user",
    ),
    (
        "{ file = \"password\" }",
        "{ file = \"empty\" }",
        "is empty",
    ),
    (
        "{ file = \"password\" }",
        "{ file = \"gone\" }",
        "cannot read",
    ),
    (
        "{ file = \"password\" }",
        "{}",
        "needs exactly one of `file`, `env`, `systemd` and `command`",
    ),
    (
        "{ env = \"PASSWORD\" }",
        "{ env = \"NOPE\" }",
        "the environment variable `NOPE` is not set",
    ),
    (
        "{ env = \"PASSWORD\" }",
        "{ systemd = \"../x\" }",
        "has no path",
    ),
    (
        "access = { ehr",
        "access = { her",
        "there is no resource `her`",
    ),
    ("\"masked\" }", "\"maskd\" }", "there is no policy `maskd`"),
    (
        "access = { ehr = \"masked\" }",
        "",
        "the identity may reach nothing",
    ),
    (
        "\"postgres\"",
        "\"postgresql\"",
        "`postgresql` is not a known value of `kind`",
    ),
    (
        "localhost:5433",
        "localhost:0",
        "`localhost:0` is not an address",
    ),
    (
        "user = \"velum\"",
        "user = \"*\"",
        "the rules of `masked` need the catalog of `ehr`",
    ),
    ("user = \"velum\"", "", "`resource` lacks `user`"),
    (
        "name = \"masked\"",
        "name = \"masked\"\nexempt = true",
        "an exempt policy masks nothing",
    ),
    (
        "public.patient.ssn",
        "patient.ssn",
        "`patient.ssn` does not name a column",
    ),
    ("keep_last = 4", "", "`partial` keeps nothing"),
    (
        "keep_last = 4",
        "keep_last = 4\nvalue = \"x\"",
        "`value` means nothing without",
    ),
    (
        "strategy = \"partial\"",
        "strategy = \"null\"",
        "`keep_last` means nothing without",
    ),
    (
        "\"ssn\", \"email\"]",
        "\"sn\", \"email\"]",
        "there is no detector `sn`",
    ),
    (
        "[\"ssn\", \"email\"]",
        "\"everything\"",
        "there is no detector `everything`",
    ),
    (
        "public.patient.ssn",
        "public.patient.[a-z]",
        "not a pattern of names",
    ),
    (
        "password = { file = \"password\" }",
        "verifier = { file = \"password\" }",
        "holds no SCRAM verifier",
    ),
    (
        "column = [",
        "columns = [",
        "unknown key `columns` in `policy.rule`",
    ),
];

#[test]
fn every_class_of_mistake_is_named() {
    let house = House::new();
    house.file("open", 0o644, b"x");
    house.file("empty", 0o600, b"\n");
    for (from, to, expected) in MISTAKES {
        assert!(GOOD.contains(from), "{from}");
        let mistakes = house.mistakes(&GOOD.replacen(from, to, 1));
        let named = mistakes.iter().any(|mistake| mistake.contains(expected));
        assert!(named, "{to:?}: {mistakes:?} lacks {expected:?}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_the_file() {
    let house = House::new();
    let text = GOOD
        .replace("threads = 2", "threds = 2")
        .replace("127.0.0.1:6432", "nowhere")
        .replace("user = \"velum\"", "usr = \"velum\"")
        .replace("strategy = \"partial\"", "strategy = \"partail\"");
    let mistakes = house.mistakes(&text);
    let expected = [
        "unknown key `threds`",
        "`nowhere` is not",
        "lacks `user`",
        "unknown key `usr`",
        "`partail`",
    ];
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
    for (mistake, expected) in mistakes.iter().zip(expected) {
        assert!(mistake.contains(expected), "{mistakes:?}");
    }
}

#[test]
fn a_mistake_shows_its_place_its_line_and_advice() {
    let house = House::new();
    let text = house
        .parse(&GOOD.replace("threads = 2", "thread = 2"))
        .unwrap_err()
        .to_text();
    let expected = "velum.toml:4:1: unknown key `thread` in `gateway`\n  \
                    4 | thread = 2\n    | ^^^^^^\n    = did you mean `threads`?\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("velum.toml: 1 mistake\n"), "{text}");
}

#[test]
fn a_line_that_is_not_toml_is_one_mistake() {
    let house = House::new();
    for broken in ["threads = ]2 [", "threads = \"2", "threads 2 2"] {
        let mistakes = house.mistakes(&GOOD.replace("threads = 2", broken));
        assert_eq!(mistakes.len(), 1, "{broken}: {mistakes:?}");
    }
}

#[test]
fn an_inline_secret_is_never_shown() {
    let house = House::new();
    let inline = GOOD.replace("{ file = \"password\" }", "\"hunter2\"");
    let text = house.parse(&inline).unwrap_err().to_text();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("password = *********"), "{text}");
    let broken = GOOD.replace("{ file = \"password\" }", "\"hunter2");
    let text = house.parse(&broken).unwrap_err().to_text();
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn trust_stays_on_loopback_and_anybody_is_only_trusted() {
    let house = House::new();
    let trusted = GOOD
        .replace("auth = \"scram\"", "auth = \"trust\"")
        .replace("password = { file = \"password\" }", "");
    assert!(house.parse(&trusted).is_ok());
    let open = trusted.replace("127.0.0.1:6432", "0.0.0.0:6432");
    assert_eq!(
        house.mistakes(&open),
        ["`agent` is trusted, but 0.0.0.0:6432 is not a loopback address"]
    );
    let anybody = GOOD.replace("name = \"agent\"", "name = \"*\"");
    assert_eq!(
        house.mistakes(&anybody),
        ["an identity that is anybody (`*`) can only be trusted"]
    );
}

#[test]
fn names_given_twice_and_missing_sections_are_mistakes() {
    let house = House::new();
    let second = GOOD.find("[[policy]]").unwrap();
    let twice = format!("{GOOD}\n{}", &GOOD[second..]);
    assert_eq!(
        house.mistakes(&twice),
        ["the policy `masked` is given twice"]
    );
    let rule = GOOD.find("[[policy.rule]]").unwrap();
    let twice = format!("{GOOD}\n{}", &GOOD[rule..]);
    assert_eq!(
        house.mistakes(&twice),
        ["the rule `social-security` is given twice"]
    );
    let mistakes = house.mistakes("");
    assert_eq!(mistakes.len(), 5, "{mistakes:?}");
}

#[test]
fn only_one_resource_passes_every_database_on() {
    let house = House::new();
    let start = GOOD.find("[[resource]]").unwrap();
    let end = GOOD.find("[[policy]]").unwrap();
    let any = GOOD.replace("database = \"ehr\"", "database = \"*\"");
    assert!(house.parse(&any).is_ok());
    let second = GOOD[start..end]
        .replace("database = \"ehr\"", "database = \"*\"")
        .replace("name = \"ehr\"", "name = \"lab\"");
    let mistakes = house.mistakes(&format!("{any}\n{second}"));
    assert_eq!(mistakes.len(), 1);
    assert!(
        mistakes[0].contains("passes every database on already"),
        "{mistakes:?}"
    );
}

#[test]
fn columns_count_characters_and_tabs_keep_the_caret_in_place() {
    let house = House::new();
    let text = house
        .parse("# ö\n[gateway]\n\tthread = 1")
        .unwrap_err()
        .to_text();
    assert!(
        text.contains("velum.toml:3:2: unknown key `thread`"),
        "{text}"
    );
    assert!(text.contains("3 |  thread = 1\n    |  ^^^^^^\n"), "{text}");
}

#[test]
fn the_example_works_as_it_stands() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/velum.example.toml");
    let config = load(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.path, path);
}

#[test]
fn a_file_that_anybody_may_write_is_refused() {
    let house = House::new();
    let path = house.0.path().join("velum.toml");
    house.file("velum.toml", 0o666, b"");
    let refused = load(&path).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|text| text.contains("chmod o-w")));
    house.file("velum.toml", 0o644, b"");
    let refused = load(&path).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|text| !text.contains("chmod")));
}

proptest::proptest! {
    /// Whatever stands in the file, the answer is a list of mistakes and never a panic.
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", cut in 0usize..GOOD.len()) {
        let environment =
            Environment { directory: PathBuf::from("/nonexistent"), variable: &|_| None };
        let inserted = format!("{}{text}{}", &GOOD[..cut], &GOOD[cut..]);
        for text in [text.as_str(), &GOOD[..cut], &inserted] {
            if let Err(problems) = parse(Path::new("velum.toml"), text, &environment) {
                proptest::prop_assert!(!problems.to_text().is_empty());
            }
        }
    }
}
