//! Keys that the gateway makes for machines, on both data planes: passwords to any driver, several
//! at once, over when they are revoked or expire, with their sessions.

mod support;

use std::path::PathBuf;
use std::process::{Command, ExitCode, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;
use support::bed::{Bed, upstream};
use support::client::{Client, error_code};
use support::gateway::{Driver, Gateway, Setup, free_port};
use support::{clinic, memory};

/// Something that happens soon happens within this.
const SOON: Duration = Duration::from_secs(30);
const AGENT: &str = "keyed_agent";

type Body = fn(&Bed, Driver);

fn main() -> ExitCode {
    let bed = Bed::shared();
    let cases: &[(&str, Body)] = &[
        ("a_key_is_a_password_to_any_driver", any_driver),
        ("revocation_ends_sessions", revocation),
        ("a_key_ends_by_itself", expiry),
        ("what_is_no_key_lets_nobody_in", forged),
        ("a_key_outlives_a_restart", restart),
        ("an_idle_gateway_has_forgotten_keys", forgotten),
    ];
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        for (name, body) in cases {
            let (bed, driver, body) = (Arc::clone(&bed), *driver, *body);
            trials.push(Trial::test(format!("{driver}::{name}"), move || {
                body(&bed, driver);
                Ok(())
            }));
        }
    }
    support::run(trials)
}

/// A gateway with an identity that logs in by keys, and an administrator of its API.
struct House {
    gateway: Gateway,
    api: String,
    admin: String,
}

/// A key as it was shown.
struct Key {
    id: String,
    text: String,
}

impl House {
    fn new(bed: &Bed, driver: Driver) -> Self {
        let port = free_port();
        let rules = format!(
            "[api]\nlisten = \"127.0.0.1:{port}\"\n\n[[identity]]\nname = \"{AGENT}\"\n\
             auth = \"key\"\naccess = {{ {} = \"exempt\" }}\n\n{}",
            clinic::DATABASE,
            clinic::rules()
        );
        let gateway = Gateway::start(&Setup::new(driver, upstream(&bed.cluster), rules));
        let mut house = Self {
            api: format!("http://127.0.0.1:{port}"),
            gateway,
            admin: String::new(),
        };
        let config = house.gateway.config_file().display().to_string();
        let first = house.velum(&["keys", "bootstrap", "--config", &config]);
        assert!(first.status.success(), "{first:?}");
        house.admin = String::from_utf8_lossy(&first.stdout).trim().to_owned();
        house
    }

    fn velum(&self, arguments: &[&str]) -> Output {
        let mut velum = Command::new(env!("CARGO_BIN_EXE_velum"));
        velum.args(arguments);
        velum
            .env("VELUM_API", &self.api)
            .env("VELUM_KEY", &self.admin);
        velum.output().expect("velum runs")
    }

    /// The answer of a command that has to work.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.velum(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn key(&self, more: &[&str]) -> Key {
        let made = self.json(&[&["keys", "create", "--identity", AGENT], more].concat());
        let text = |name: &str| made[name].as_str().expect(name).to_owned();
        Key {
            id: text("id"),
            text: text("key"),
        }
    }

    fn revoke(&self, key: &Key) {
        let revoked = self.json(&["keys", "revoke", &key.id, "--rationale", "it leaked"]);
        assert!(revoked["revoked_at"].is_string(), "{revoked}");
    }

    fn log_in(&self, password: &str, tls: bool) -> Result<Client, String> {
        let mut login = self.gateway.login(AGENT, tls);
        password.clone_into(&mut login.password);
        Client::connect(&login, clinic::DATABASE).map_err(|error| error.to_string())
    }

    fn let_in(&self, key: &Key) -> Client {
        let client = self.log_in(&key.text, false);
        client.unwrap_or_else(|told| panic!("{told}\n{}", self.gateway.log()))
    }

    fn refused(&self, password: &str) {
        let told = self.log_in(password, false).err().expect("it was let in");
        let wrong = format!("28P01: password authentication failed for user \"{AGENT}\"");
        assert_eq!(told, wrong);
    }

    /// What the list says of a key.
    fn listed(&self, key: &Key) -> Value {
        let all = self.json(&["keys", "list", "--machines"]);
        let mut items = all["items"].as_array().expect("a list").iter();
        let found = items.find(|item| item["id"] == *key.id);
        found.expect("it is listed").clone()
    }
}

/// psql binds the channel; tokio-postgres is a driver of a kind of its own.
fn any_driver(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver);
    let (one, two) = (house.key(&["--note", "loader"]), house.key(&[]));
    for key in [&one, &two] {
        let output = psql(bed, &house.gateway, &key.text);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), clinic::ROLE);
        tokio_postgres(&house.gateway, &key.text);
    }
    let listed = house.listed(&one);
    assert_eq!(listed["note"], "loader");
    assert!(listed.get("key").is_none(), "it was shown once");
    until("its use is noted", || {
        house.listed(&one)["last_used_at"].is_string()
    });
    let refused = house.velum(&["keys", "create", "--identity", clinic::EXEMPT]);
    assert!(!refused.status.success(), "it logs in otherwise");
    for arguments in [&["keys", "create"][..], &["keys", "create", "--owner", "x"]] {
        assert_eq!(house.velum(arguments).status.code(), Some(2));
    }

    assert!(house.gateway.stop(), "it drains");
    let log = house.gateway.audit(&["show", "--json"]);
    let records: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let opened = records.iter().filter(|it| it["event"] == "session_opened");
    let by: Vec<_> = opened
        .map(|it| {
            (
                it["method"].as_str(),
                it["issuer"].as_str(),
                it["subject"].as_str(),
            )
        })
        .collect();
    let wanted = |key: &str| (Some("key"), Some("urn:velum:keys"), Some(key.to_owned()));
    for key in [&one, &two] {
        let (method, issuer, subject) = wanted(&key.id);
        assert!(by.contains(&(method, issuer, subject.as_deref())), "{by:?}");
    }
    let made = records
        .iter()
        .filter(|it| it["event"] == "machine_key_created");
    assert_eq!(made.count(), 2);
    for (path, bytes) in house.gateway.files() {
        for key in [&one, &two] {
            let secret = secret_of(&key.text);
            let holds = clinic::contains(&bytes, secret.as_bytes());
            assert!(!holds, "{} holds a key", path.display());
        }
    }
}

/// A gateway that has nothing to do has no key in memory: neither those of machines, nor the one by
/// which they were made.
fn forgotten(bed: &Bed, driver: Driver) {
    let house = House::new(bed, driver);
    let keys = [house.key(&[]), house.key(&["--note", "the other"])];
    for key in &keys {
        drop(house.let_in(key));
        drop(house.log_in(&key.text, true).expect("let in"));
    }
    house.refused("velumdb_m0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for text in [&keys[0].text, &keys[1].text, &house.admin] {
        let found = memory::holds(&house.gateway, secret_of(text));
        assert_eq!(found, Vec::<String>::new());
    }
}

/// Within a second, whatever they do; those by another key go on.
fn revocation(bed: &Bed, driver: Driver) {
    let house = House::new(bed, driver);
    let (leaked, other) = (house.key(&[]), house.key(&[]));
    let (idle, mut busy, mut open) = (
        house.let_in(&leaked),
        house.let_in(&leaked),
        house.let_in(&leaked),
    );
    let mut stays = house.let_in(&other);
    open.simple("BEGIN; SELECT 1").expect("a transaction");
    busy.write(|out| postgres_protocol::message::frontend::query("SELECT pg_sleep(60)", out))
        .expect("sent");
    house.revoke(&leaked);
    let began = Instant::now();
    for mut client in [idle, busy, open] {
        let frames = client.until_closed(SOON).expect("closed");
        let told = frames.iter().rev().find_map(|frame| frame.error());
        let (code, message) = told.expect("told why");
        assert_eq!(code, "57P01");
        assert!(message.contains("its key has been revoked"), "{message}");
    }
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    house.refused(&leaked.text);
    let frames = stays.simple("SELECT 1").expect("it goes on");
    assert_eq!(error_code(&frames), None);
    let again = house.velum(&["keys", "revoke", &leaked.id, "--rationale", "twice"]);
    assert_eq!(again.status.code(), Some(1));
}

fn expiry(bed: &Bed, driver: Driver) {
    let house = House::new(bed, driver);
    let key = house.key(&["--for", "3s"]);
    let mut client = house.let_in(&key);
    let frames = client.until_closed(SOON).expect("closed");
    let told = frames.iter().rev().find_map(|frame| frame.error());
    let (code, message) = told.expect("told why");
    assert_eq!(code, "57P01");
    assert!(message.contains("its key has expired"), "{message}");
    house.refused(&key.text);
}

/// Behind the name, which has no `_`; the secret may have some.
fn secret_of(key: &str) -> &str {
    key.splitn(3, '_').nth(2).expect("a secret")
}

/// A stranger and an identity without a key are asked alike, and told alike.
fn forged(bed: &Bed, driver: Driver) {
    let house = House::new(bed, driver);
    house.refused("velumdb_m0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let key = house.key(&[]);
    house.let_in(&key);
    let (id, secret) = (&key.id, secret_of(&key.text));
    let mut other = key.text.clone();
    other.replace_range(other.len() - 2.., "__");
    let upper = key.text.to_uppercase();
    for wrong in [
        "",
        id,
        secret,
        &upper,
        &other,
        &house.admin,
        clinic::CLIENT_PASSWORD,
    ] {
        house.refused(wrong);
    }
    let mut login = house.gateway.login(clinic::EXEMPT, false);
    login.password.clone_from(&key.text);
    let told = Client::connect(&login, clinic::DATABASE).err();
    assert!(
        told.expect("it is another's")
            .to_string()
            .starts_with("28P01")
    );
    // Nor does it open the API.
    let mut velum = Command::new(env!("CARGO_BIN_EXE_velum"));
    velum.args(["keys", "list"]).env("VELUM_API", &house.api);
    let output = velum
        .env("VELUM_KEY", &key.text)
        .output()
        .expect("velum runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

fn restart(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver);
    let (kept, gone) = (house.key(&[]), house.key(&[]));
    house.revoke(&gone);
    house.gateway.restart();
    house.let_in(&kept);
    house.refused(&gone.text);
}

fn psql(bed: &Bed, gateway: &Gateway, key: &str) -> Output {
    let mut psql = Command::new(bed.cluster.installation().program("psql"));
    psql.args(["-X", "-A", "-t", "-c", "SELECT current_user"])
        .env("PGHOST", "localhost")
        .env("PGHOSTADDR", "127.0.0.1")
        .env("PGPORT", gateway.port().to_string())
        .env("PGUSER", AGENT)
        .env("PGDATABASE", clinic::DATABASE)
        .env("PGPASSWORD", key)
        .env("PGSSLMODE", "verify-full")
        .env("PGCHANNELBINDING", "require")
        .env("PGSSLROOTCERT", authority(gateway));
    psql.output().expect("psql runs")
}

fn authority(gateway: &Gateway) -> PathBuf {
    gateway.authority_file()
}

fn tokio_postgres(gateway: &Gateway, key: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(gateway.port())
            .user(AGENT)
            .dbname(clinic::DATABASE)
            .password(key);
        let connected = config.connect(tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("it is let in");
        let driven = tokio::spawn(connection);
        let row = client.query_one("SELECT 7", &[]).await.expect("a row");
        assert_eq!(row.get::<_, i32>(0), 7);
        drop(client);
        let _ended = driven.await;
    });
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "it does not happen: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
