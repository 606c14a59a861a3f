//! The leak suite, held against Velum by raw frames and by three drivers, and against a database
//! with nothing in front of it, where it has to find nearly everything.
//!
//! `LEAK_SUITE=show` prints each scorecard, and that of PgBouncer beside them where there is one.

mod support;

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use support::bed;
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, free_port};
use tempfile::TempDir;
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};
use velum_proxy::leak_suite::judge::Verdict;
use velum_proxy::leak_suite::run::{self, Options};
use velum_proxy::leak_suite::scorecard::{Line, Scorecard};
use velum_proxy::leak_suite::wire::Target;
use velum_proxy::leak_suite::{relay, vectors};

const POLICIES: &str = include_str!("../../corpus/leaks/velum.toml");
const DOCUMENT: &str = include_str!("../../docs/leak-conformance.md");
/// The identity for the whole suite, and the one whose statements may all run.
const GUARDED: &str = "suite";
const OPEN: &str = "suite-open";
/// The resource that is reached through the relay.
const BROKEN: &str = "broken";

/// Vectors that are known not to hold; docs/leak-conformance.md says why.
const KNOWN: &[&str] = &[];
/// The same, where drivers ask: safe, and less than could be shown.
const KNOWN_BY_DRIVERS: &[&str] = &["benign-prepared-sql"];
/// What refusing statements holds, and masking alone does not.
const SCOPED_GROUPS: &[&str] = &["oracles", "laundering"];

fn main() -> ExitCode {
    let bed: Shared = Arc::new(LazyLock::new(Box::new(Bed::start)));
    let mut trials = Vec::new();
    let mut add = |name: String, body: fn(&Bed, Driver), driver: Driver| {
        let bed = Arc::clone(&bed);
        trials.push(Trial::test(name, move || {
            body(&bed, driver);
            Ok(())
        }));
    };
    for driver in Driver::under_test() {
        add(format!("{driver}::wire"), wire, *driver);
    }
    if let [first, ..] = Driver::under_test() {
        add("every_statement_may_run".to_owned(), open, *first);
        add("psql".to_owned(), psql, *first);
        add("asyncpg".to_owned(), asyncpg, *first);
        add("pgjdbc".to_owned(), pgjdbc, *first);
        add("nothing_in_front".to_owned(), nothing, *first);
        if is_shown() {
            add("pgbouncer".to_owned(), pgbouncer, *first);
        }
    }
    trials.push(Trial::test("the_document_tells_of_every_vector", || {
        document();
        Ok(())
    }));
    support::run(trials)
}

type Shared = Arc<LazyLock<Bed, Box<dyn FnOnce() -> Bed + Send>>>;

/// One database, and a gateway for each data plane that leads there twice: straight, and through
/// the relay that breaks rows.
struct Bed {
    gateways: Vec<Gateway>,
    relay: SocketAddr,
    cluster: Cluster,
}

impl Bed {
    fn start() -> Self {
        let cluster = Cluster::start(ClusterOptions::default()).expect("a private PostgreSQL");
        clinic::create(&cluster);
        // More than a gateway's role should have: what holds is the gateway alone.
        let rights = format!(
            "ALTER ROLE {role} REPLICATION; GRANT pg_read_server_files, pg_write_server_files,
             pg_execute_server_program, pg_read_all_stats TO {role}",
            role = clinic::ROLE
        );
        cluster.psql(&rights).expect("rights");
        let files = format!(
            "GRANT EXECUTE ON FUNCTION pg_read_file(text), pg_read_binary_file(text) TO {}",
            clinic::ROLE
        );
        cluster.psql_in(clinic::DATABASE, &files).expect("rights");
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let database = SocketAddr::from((Ipv4Addr::LOCALHOST, cluster.port()));
        let relay = relay::start(at, database).expect("a relay");
        let start = |driver: &Driver| {
            let rules = rules(relay);
            Gateway::start(&Setup::new(*driver, bed::upstream(&cluster), rules))
        };
        Self {
            gateways: Driver::under_test().iter().map(start).collect(),
            relay,
            cluster,
        }
    }

    fn direct(&self) -> Target {
        local(self.cluster.port(), clinic::ROLE, clinic::ROLE_PASSWORD)
    }

    /// How `user` is asked through the gateway on `driver`.
    fn options(&self, driver: Driver, user: &str, tls: bool) -> Options {
        let mut gateways = self.gateways.iter();
        let gateway = gateways
            .find(|it| it.driver() == driver)
            .expect("a gateway");
        let mut proxy = local(gateway.port(), user, clinic::CLIENT_PASSWORD);
        proxy.authority = tls.then(|| gateway.authority_file());
        let through = Target {
            database: BROKEN.to_owned(),
            ..proxy.clone()
        };
        Options {
            proxy,
            direct: self.direct(),
            relay: Some((through, self.past_relay())),
            via: None,
            group: None,
        }
    }

    fn past_relay(&self) -> Target {
        Target {
            address: self.relay,
            ..self.direct()
        }
    }
}

fn local(port: u16, user: &str, password: &str) -> Target {
    Target {
        host: "localhost".to_owned(),
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        user: user.to_owned(),
        password: password.to_owned(),
        database: clinic::DATABASE.to_owned(),
        authority: None,
    }
}

fn rules(relay: SocketAddr) -> String {
    let identity = |name: &str| {
        format!(
            "[[identity]]\nname = \"{name}\"\nauth = \"scram\"\n\
             password = {{ file = \"client.password\" }}\n\
             access = {{ {} = \"{name}\", {BROKEN} = \"{name}\" }}\n\n",
            clinic::DATABASE
        )
    };
    format!(
        "[[resource]]\nname = \"{BROKEN}\"\nkind = \"postgres\"\naddress = \"{relay}\"\n\
         database = \"{}\"\nuser = \"{}\"\ntls_mode = \"disable\"\n\
         password = {{ file = \"upstream.password\" }}\n\n{}{}{POLICIES}",
        clinic::DATABASE,
        clinic::ROLE,
        identity(GUARDED),
        identity(OPEN),
    )
}

fn ask(options: &Options) -> Scorecard {
    let suite = run::suite().expect("the corpus is right");
    // Vectors write to the tables, and take it back: one run at a time.
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scorecard = run::run(options, &suite, || ()).expect("the suite runs");
    drop(alone);
    if is_shown() {
        let table = scorecard.table(&known());
        let _closed = writeln!(std::io::stdout(), "{table}");
    }
    scorecard
}

fn is_shown() -> bool {
    std::env::var("LEAK_SUITE").as_deref() == Ok("show")
}

fn known() -> Vec<String> {
    let all = KNOWN.iter().chain(KNOWN_BY_DRIVERS);
    all.map(|id| (*id).to_owned()).collect()
}

/// Everything held but what is known not to; that must fail still, or it is known no more.
#[track_caller]
fn holds(scorecard: &Scorecard, at_least: usize) {
    let table = scorecard.table(&known());
    assert!(scorecard.holds(&known()), "{table}");
    let held = scorecard.count(|it| *it == Verdict::Held);
    assert!(held >= at_least, "only {held} of {at_least}:\n{table}");
}

fn wire(bed: &Bed, driver: Driver) {
    let scorecard = ask(&bed.options(driver, GUARDED, driver == Driver::Epoll));
    let all = scorecard.lines.len();
    holds(&scorecard, all - KNOWN.len());
    for id in KNOWN {
        let mut failures = scorecard.failures();
        assert!(failures.any(|it| it.id == *id), "{id} holds by now");
    }
}

/// Masking holds by itself where every statement may run.
fn open(bed: &Bed, driver: Driver) {
    let scorecard = ask(&bed.options(driver, OPEN, true));
    let failures = scorecard
        .failures()
        .filter(|line| !SCOPED_GROUPS.contains(&line.group.as_str()));
    let failures: Vec<_> = failures
        .map(|line| (line.id.as_str(), line.verdict.words()))
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

fn psql(bed: &Bed, driver: Driver) {
    by_program(bed, driver, "python3", "psql.py");
}

fn asyncpg(bed: &Bed, driver: Driver) {
    let python = top().join(".cache/drivers/venv/bin/python");
    let python = python.display().to_string();
    by_program(bed, driver, &python, "asyncpg_driver.py");
}

fn pgjdbc(bed: &Bed, driver: Driver) {
    let java = "java -Xmx256m -XX:+UseSerialGC -Duser.timezone=UTC \
                -cp /usr/share/java/postgresql.jar";
    by_program(bed, driver, java, "Jdbc.java");
}

fn by_program(bed: &Bed, driver: Driver, command: &str, program: &str) {
    let installed = Command::new(top().join(".ci/tools"))
        .arg("drivers")
        .output();
    assert!(installed.expect(".ci/tools runs").status.success());
    let program = top().join("corpus/leaks/drivers").join(program);
    let mut options = bed.options(driver, GUARDED, true);
    options.via = Some(format!("{command} {}", program.display()));
    let scorecard = ask(&options);
    holds(&scorecard, 130);
}

/// The suite can fail: past every gateway nearly all of it is a leak.
fn nothing(bed: &Bed, _driver: Driver) {
    let direct = bed.direct();
    finds(&Options {
        proxy: direct.clone(),
        direct,
        relay: Some((bed.past_relay(), bed.past_relay())),
        via: None,
        group: None,
    });
}

fn finds(options: &Options) {
    let scorecard = ask(options);
    let lines = scorecard.lines.iter();
    let leaks = |line: &&Line| matches!(line.verdict, Verdict::Leaked(_));
    let (benign, others): (Vec<_>, Vec<_>) = lines.partition(|line| line.group == "benign");
    let leaked = others.iter().copied().filter(leaks).count();
    let table = scorecard.table(&[]);
    let asked = others.len();
    assert!(leaked * 100 >= asked * 95, "{leaked} of {asked}:\n{table}");
    // Benign statements return masked columns too, which nothing masks here.
    let is_fine = |line: &Line| line.verdict == Verdict::Held || leaks(&line);
    assert!(benign.iter().copied().all(is_fine), "{table}");
}

/// A pooler masks nothing: a contrast, where there is one.
fn pgbouncer(bed: &Bed, _driver: Driver) {
    let program = ["/usr/sbin/pgbouncer", "/usr/local/bin/pgbouncer"].into_iter();
    let Some(program) = program.map(Path::new).find(|path| path.exists()) else {
        eprintln!("no PgBouncer here: its scorecard is left out");
        return;
    };
    let folder = TempDir::with_prefix("velum-bouncer-").expect("a folder");
    let port = free_port();
    let text = format!(
        "[databases]\n{database} = host=127.0.0.1 port={} user={} password={}\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = session\n\
         server_reset_query = DISCARD ALL\nignore_startup_parameters = options,extra_float_digits\n\
         unix_socket_dir =\nlog_connections = 0\nlog_disconnections = 0\n",
        bed.cluster.port(),
        clinic::ROLE,
        clinic::ROLE_PASSWORD,
        database = clinic::DATABASE,
    );
    let file = folder.path().join("pgbouncer.ini");
    fs::write(&file, text).expect("a file");
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    open(folder.path(), 0o755).expect("permissions");
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.args(["-u", "postgres"]);
    }
    let child = command
        .arg("-q")
        .arg(&file)
        .spawn()
        .expect("PgBouncer starts");
    let _bouncer = Ended(child);
    let waits = 0..200;
    let is_up = |_: &u32| TcpStream::connect(("127.0.0.1", port)).is_ok();
    let mut waits = waits.inspect(|_| thread::sleep(Duration::from_millis(20)));
    assert!(waits.find(is_up).is_some(), "PgBouncer does not listen");
    let scorecard = ask(&Options {
        proxy: local(port, clinic::ROLE, clinic::ROLE_PASSWORD),
        direct: bed.direct(),
        relay: None,
        via: None,
        group: None,
    });
    let leaked = scorecard.count(|it| matches!(it, Verdict::Leaked(_)));
    assert!(leaked > 60, "only {leaked}:\n{}", scorecard.table(&[]));
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The document's table is that of the corpus.
fn document() {
    let suite = run::suite().expect("the corpus is right");
    let table = vectors::table(&suite);
    assert!(
        DOCUMENT.contains(&table),
        "docs/leak-conformance.md has another table than:\n{table}"
    );
    for id in known() {
        assert!(DOCUMENT.contains(&format!("`{id}`")), "{id} is not in it");
    }
}

fn top() -> PathBuf {
    let proxy = Path::new(env!("CARGO_MANIFEST_DIR"));
    proxy.parent().expect("proxy has a parent").to_owned()
}
