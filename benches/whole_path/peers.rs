//! What is compared: PostgreSQL itself, PgBouncer, balancers, and Velum under three policies, with
//! an audit log that follows instead of going before, and without hold-off.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path as File, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use velum_benches::process::{Running, free_port, start};
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};

use crate::balancers::{self, Balancer};

/// Velum's default.
const HOLD_OFF_US: u64 = 200;

/// One way to the database.
pub struct Path {
    /// For the report.
    pub name: &'static str,
    /// On 127.0.0.1.
    pub port: u16,
    /// Who logs in.
    pub user: &'static str,
    /// The process in between.
    pub proxy: Option<u32>,
    /// Its results differ from the database's.
    pub masks: bool,
    /// `pgbench`.
    pub pgbench: PathBuf,
}

/// Everything that runs; stops when dropped.
pub struct Peers {
    /// Direct first.
    pub paths: Vec<Path>,
    /// Velum as it would be without hold-off; for latencies only.
    pub without_hold_off: Path,
    _children: Vec<Running>,
    _folder: TempDir,
    _cluster: Cluster,
}

impl Peers {
    /// Starts all of them over a table of `rows` rows.
    pub fn start(rows: usize) -> Result<Self, String> {
        let options = ClusterOptions {
            hba: vec!["host all all 127.0.0.1/32 trust".to_owned()],
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start(options).map_err(|error| error.to_string())?;
        let pgbench = cluster.installation().program("pgbench");
        fill(&cluster, &pgbench, rows)?;
        let folder = TempDir::with_prefix("velum-bench-").map_err(|error| error.to_string())?;
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).map_err(|error| error.to_string())?;
        let mut others = vec![pgbouncer(folder.path(), cluster.port())?];
        others.extend(balancers::start_all(folder.path(), cluster.port())?);
        let velum = |name: &str, mode, hold_off_most_us| {
            velum(
                &folder.path().join(name),
                cluster.port(),
                mode,
                hold_off_most_us,
            )
        };
        let (gateway, velum_port) = velum("durable", "durable", HOLD_OFF_US)?;
        let (follower, bounded_port) = velum("bounded", "bounded", HOLD_OFF_US)?;
        let (eager, eager_port) = velum("eager", "durable", 0)?;
        let path = |name, port, user, proxy, masks| Path {
            name,
            port,
            user,
            proxy,
            masks,
            pgbench: pgbench.clone(),
        };
        let proxy = Some(gateway.id());
        let mut paths = vec![path("direct", cluster.port(), "postgres", None, false)];
        paths.extend(others.iter().map(|other| {
            let process = Some(other.running.id());
            path(other.name, other.port, "postgres", process, false)
        }));
        let name = "Velum, a column masked, audit bounded";
        let bounded = Some(follower.id());
        paths.extend([
            path("Velum, exempt", velum_port, "exempt", proxy, false),
            path("Velum, a column masked", velum_port, "rule", proxy, true),
            path("Velum, content scanned", velum_port, "content", proxy, true),
            path(name, bounded_port, "rule", bounded, true),
        ]);
        let name = "Velum, a column masked, no hold-off";
        let without_hold_off = path(name, eager_port, "rule", Some(eager.id()), true);
        let mut children = vec![gateway, follower, eager];
        children.extend(others.into_iter().map(|other| other.running));
        Ok(Self {
            paths,
            without_hold_off,
            _children: children,
            _folder: folder,
            _cluster: cluster,
        })
    }
}

fn fill(cluster: &Cluster, pgbench: &File, rows: usize) -> Result<(), String> {
    let sql = format!(
        "CREATE TABLE bulk AS SELECT n AS id,
            lpad((n % 665 + 1)::text, 3, '0') || '-' || lpad((n % 99 + 1)::text, 2, '0') || '-'
                || lpad((n % 9999 + 1)::text, 4, '0') AS ssn,
            'Town ' || n % 1000 AS city, n * 7 AS amount,
            repeat('stable since morning ', 8) AS note
        FROM generate_series(1, {rows}) n;
        VACUUM ANALYZE bulk"
    );
    for statement in sql.split(';') {
        cluster.psql(statement).map_err(|error| error.to_string())?;
    }
    let output = Command::new(pgbench)
        .args([
            "-i",
            "-q",
            "-s",
            "5",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "postgres",
        ])
        .args(["-p", &cluster.port().to_string()])
        .output()
        .map_err(|error| format!("pgbench: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn pgbouncer(folder: &File, upstream: u16) -> Result<Balancer, String> {
    let program = ["/usr/sbin/pgbouncer", "/usr/local/bin/pgbouncer"].into_iter();
    let program = program.map(File::new).find(|path| path.exists());
    let program = program.ok_or("no PgBouncer: run `make bench`, which installs it")?;
    let port = free_port();
    let file = folder.join("pgbouncer.ini");
    let text = format!(
        "[databases]\npostgres = host=127.0.0.1 port={upstream} user=postgres\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = session\n\
         unix_socket_dir =\nmax_client_conn = 100\ndefault_pool_size = 50\n\
         log_connections = 0\nlog_disconnections = 0\n"
    );
    fs::write(&file, text).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        command.args(["-u", "postgres"]);
    }
    let (running, port) = start(command.arg("-q").arg(&file), port)?;
    Ok(Balancer {
        name: "PgBouncer",
        running,
        port,
    })
}

/// A gateway in a folder of its own.
fn velum(
    folder: &File,
    upstream: u16,
    mode: &str,
    hold_off_most_us: u64,
) -> Result<(Running, u16), String> {
    let program = File::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/velum");
    if !program.exists() {
        return Err("no velum: run `make bench`, which builds it".to_owned());
    }
    let port = free_port();
    let identity = |name: &str| {
        format!(
            "[[identity]]\nname = \"{name}\"\nauth = \"trust\"\n\
             access = {{ postgres = \"{name}\" }}\n"
        )
    };
    let text = format!(
        "[gateway]\ndata_directory = \"data\"\nthreads = 1\n\
         hold_off_most_us = {hold_off_most_us}\n[audit]\n\
         directory = \"audit\"\nmode = \"{mode}\"\n\
         [[listener]]\naddress = \"127.0.0.1:{port}\"\n\
         [[resource]]\nname = \"postgres\"\nkind = \"postgres\"\n\
         address = \"127.0.0.1:{upstream}\"\ndatabase = \"postgres\"\nuser = \"postgres\"\n\
         tls_mode = \"disable\"\n{}{}{}\
         [[policy]]\nname = \"exempt\"\nexempt = true\n\
         [[policy]]\nname = \"content\"\n\
         content = {{ detectors = \"standard\", strategy = \"redact\" }}\n\
         [[policy]]\nname = \"rule\"\n\
         [[policy.rule]]\nname = \"ssn\"\ncolumn = \"public.bulk.ssn\"\nstrategy = \"redact\"\n",
        identity("exempt"),
        identity("rule"),
        identity("content"),
    );
    let file = folder.join("velum.toml");
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    fs::write(&file, text).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    start(
        command
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .current_dir(folder),
        port,
    )
}
