//! Every way in: how clients prove themselves to the gateway, and how the gateway proves itself
//! to the database. On both data planes.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::Signal;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use support::client::{Client, Login, rows};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, UpstreamRole};
use velum_proxy::demo::cluster::{Cluster, ClusterOptions, Signed};

/// Roles of the database by how they prove themselves.
const ROLES: &[(&str, &str)] = &[
    ("by_scram", "host all by_scram 127.0.0.1/32 scram-sha-256"),
    ("by_md5", "host all by_md5 127.0.0.1/32 md5"),
    ("by_password", "host all by_password 127.0.0.1/32 password"),
    (
        "by_certificate",
        "hostssl all by_certificate 127.0.0.1/32 cert",
    ),
    ("by_trust", "host all by_trust 127.0.0.1/32 trust"),
];

type Database = Arc<LazyLock<Cluster>>;
type Body = fn(&Cluster, Driver);

fn main() -> ExitCode {
    let database: Database = Arc::new(LazyLock::new(database));
    let cases: &[(&str, Body)] = &[
        ("upstream_scram", |c, d| reaches(c, d, "by_scram", &plain())),
        ("upstream_scram_over_tls", |c, d| {
            reaches(c, d, "by_scram", &verified(c))
        }),
        ("upstream_md5", |c, d| reaches(c, d, "by_md5", &plain())),
        ("upstream_md5_over_tls", |c, d| {
            reaches(c, d, "by_md5", &verified(c))
        }),
        ("upstream_password_over_tls", |c, d| {
            reaches(c, d, "by_password", &verified(c))
        }),
        ("upstream_password_in_clear_is_refused", |c, d| {
            refuses(c, d, "by_password", &plain())
        }),
        ("upstream_trust", |c, d| reaches(c, d, "by_trust", &plain())),
        (
            "upstream_of_another_authority_is_refused",
            another_authority,
        ),
        ("upstream_certificate", upstream_certificate),
        ("client_scram_plus", scram_plus),
        ("client_certificate", client_certificate),
        ("client_workload", client_workload),
        ("client_certificate_revoked", client_revoked),
        ("client_direct_tls", direct_tls),
        ("client_gss_request_is_declined", gss_request),
        ("client_newer_protocol_is_negotiated", newer_protocol),
    ];
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        for (name, body) in cases {
            let (database, driver, body) = (Arc::clone(&database), *driver, *body);
            trials.push(Trial::test(format!("{driver}::{name}"), move || {
                body(&database, driver);
                Ok(())
            }));
        }
    }
    support::run(trials)
}

fn database() -> Cluster {
    let options = ClusterOptions {
        tls: true,
        hba: ROLES.iter().map(|(_, line)| (*line).to_owned()).collect(),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).expect("a private PostgreSQL");
    for (role, _) in ROLES {
        let method = if *role == "by_md5" {
            "md5"
        } else {
            "scram-sha-256"
        };
        let password = clinic::ROLE_PASSWORD;
        let sql = format!(
            "SET password_encryption = '{method}'; CREATE ROLE {role} LOGIN PASSWORD '{password}'"
        );
        cluster.psql(&sql).expect("a role");
    }
    cluster
}

fn plain() -> String {
    "tls_mode = \"disable\"".to_owned()
}

/// TLS with the database's authority.
fn verified(cluster: &Cluster) -> String {
    let authority = cluster.authority_file().expect("the database offers TLS");
    format!(
        "tls_mode = \"verify-full\"\ntls_ca = \"{}\"",
        authority.display()
    )
}

fn setup(cluster: &Cluster, driver: Driver, role: &str, tls: &str) -> Setup {
    let upstream = UpstreamRole {
        port: cluster.port(),
        database: "postgres".to_owned(),
        user: role.to_owned(),
        password: clinic::ROLE_PASSWORD.to_owned(),
    };
    let mut setup = Setup::clinic(driver, upstream);
    setup.upstream_tls = tls.to_owned();
    setup
}

/// Asks the database who it talks to, and whether that is encrypted.
fn who(client: &mut Client) -> (String, bool) {
    let question = "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let rows = rows(&client.simple(question).expect("an answer"));
    let text = |at: usize| String::from_utf8(rows[0][at].clone().expect("a value")).expect("text");
    (text(0), text(1) == "t")
}

fn reaches(cluster: &Cluster, driver: Driver, role: &str, tls: &str) {
    let gateway = Gateway::start(&setup(cluster, driver, role, tls));
    // The second login finds what the first left: keys of SCRAM are kept.
    for _ in 0..2 {
        let mut client = gateway.connect(clinic::EXEMPT, false);
        assert_eq!(who(&mut client), (role.to_owned(), tls.contains("verify")));
    }
}

fn refuses(cluster: &Cluster, driver: Driver, role: &str, tls: &str) {
    let gateway = Gateway::start(&setup(cluster, driver, role, tls));
    let refused = Client::connect(&gateway.login(clinic::EXEMPT, false), clinic::DATABASE);
    let error = refused.err().expect("nobody is let in").to_string();
    assert!(
        !error.contains(clinic::ROLE_PASSWORD) && !error.contains(role),
        "{error}"
    );
    let secret = clinic::ROLE_PASSWORD;
    assert!(
        !gateway.log().contains(secret),
        "the log holds the credential"
    );
}

fn another_authority(cluster: &Cluster, driver: Driver) {
    let stranger = tempfile::NamedTempFile::new().expect("a file");
    let authority = velum_proxy::demo::cluster::Authority::new().expect("an authority");
    std::fs::write(stranger.path(), authority.certificate_pem()).expect("written");
    let tls = format!(
        "tls_mode = \"verify-ca\"\ntls_ca = \"{}\"",
        stranger.path().display()
    );
    refuses(cluster, driver, "by_scram", &tls);
}

fn upstream_certificate(cluster: &Cluster, driver: Driver) {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = cluster.authority().expect("the database offers TLS");
    let Signed {
        certificate_pem,
        key_pem,
    } = authority.client("by_certificate").expect("signed");
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("c.key"));
    std::fs::write(&certificate, certificate_pem).expect("written");
    secret(&key, &key_pem);
    let tls = format!(
        "{}\ntls_certificate = \"{}\"\ntls_key = \"{}\"",
        verified(cluster),
        certificate.display(),
        key.display()
    );
    reaches(cluster, driver, "by_certificate", &tls);
}

fn secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("permissions");
}

/// libpq's command line in its environment; true if it printed 1.
fn psql(gateway: &Gateway, user: &str, more: &[(&str, &str)]) -> Result<(), String> {
    let mut command = Command::new("psql");
    command.args(["-X", "-A", "-t", "-c", "SELECT 1"]);
    command
        .env("PGHOST", "localhost")
        .env("PGHOSTADDR", "127.0.0.1")
        .env("PGPORT", gateway.port().to_string())
        .env("PGUSER", user)
        .env("PGDATABASE", clinic::DATABASE)
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", gateway.authority_file())
        .envs(more.iter().copied());
    let output = command.output().expect("psql runs");
    match output.status.success() && output.stdout == b"1\n" {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// libpq insists on channel binding, which is to the gateway's own certificate.
fn scram_plus(cluster: &Cluster, driver: Driver) {
    let gateway = Gateway::start(&setup(cluster, driver, "by_scram", &plain()));
    let password = ("PGPASSWORD", clinic::CLIENT_PASSWORD);
    let insist = ("PGCHANNELBINDING", "require");
    psql(&gateway, clinic::EXEMPT, &[password, insist]).expect("channel binding");
    let wrong = psql(&gateway, clinic::EXEMPT, &[("PGPASSWORD", "wrong"), insist]);
    assert!(
        wrong
            .expect_err("let in")
            .contains("password authentication failed")
    );
}

fn client_certificate(cluster: &Cluster, driver: Driver) {
    let mut setup = setup(cluster, driver, "by_scram", &plain());
    setup.client_certificates = true;
    setup.rules.push_str(&format!(
        "\n[[identity]]\nname = \"pipeline\"\nauth = \"certificate\"\n\
         access = {{ {} = \"exempt\" }}\n",
        clinic::DATABASE
    ));
    let gateway = Gateway::start(&setup);
    let with = |(certificate, key): &(std::path::PathBuf, std::path::PathBuf)| {
        let certificate = certificate.display().to_string();
        let key = key.display().to_string();
        psql(
            &gateway,
            "pipeline",
            &[("PGSSLCERT", &certificate), ("PGSSLKEY", &key)],
        )
    };
    with(&gateway.client_certificate("pipeline")).expect("the right certificate");
    with(&gateway.client_certificate("somebody")).expect_err("another name was let in");
    psql(&gateway, "pipeline", &[]).expect_err("no certificate was let in");
}

fn with_files(gateway: &Gateway, user: &str, files: &(PathBuf, PathBuf)) -> Result<(), String> {
    let certificate = files.0.display().to_string();
    let key = files.1.display().to_string();
    let files = [
        ("PGSSLCERT", certificate.as_str()),
        ("PGSSLKEY", key.as_str()),
    ];
    psql(gateway, user, &files)
}

/// A workload is its certificate's only URI, and of the trust domain that the listener believes.
fn client_workload(cluster: &Cluster, driver: Driver) {
    let id = "spiffe://prod.example/ns/ehr/sa/loader";
    let mut setup = setup(cluster, driver, "by_scram", &plain());
    setup.client_certificates = true;
    setup.trust_domain = Some("prod.example".to_owned());
    setup.rules.push_str(&format!(
        "\n[[identity]]\nname = \"loader\"\nauth = \"spiffe\"\nspiffe_id = \"{id}\"\n\
         access = {{ {} = \"exempt\" }}\n",
        clinic::DATABASE
    ));
    let gateway = Gateway::start(&setup);
    let with = |common_name: &str, uris: &[&str]| {
        let signed = gateway
            .authority()
            .workload(common_name, uris)
            .expect("signed");
        with_files(&gateway, "loader", &gateway.certificate_files(&signed))
    };
    with("anything", &[id]).expect("the workload");
    for (common_name, uris) in [
        (id, &[][..]),
        ("loader", &[]),
        ("x", &["spiffe://prod.example/ns/ehr/sa/loader2"]),
        ("x", &["spiffe://prod.example/ns/ehr/sa/load"]),
        ("x", &["spiffe://dev.example/ns/ehr/sa/loader"]),
        ("x", &[id, "spiffe://prod.example/ns/ehr/sa/other"]),
        ("x", &[id, "https://prod.example"]),
        ("x", &["SPIFFE://prod.example/ns/ehr/sa/loader"]),
    ] {
        let told = with(common_name, uris).expect_err("let in");
        assert!(
            told.contains("certificate authentication failed"),
            "{uris:?}: {told}"
        );
    }
    psql(&gateway, "loader", &[]).expect_err("no certificate was let in");
}

/// A list of revoked certificates holds from a reload on.
fn client_revoked(cluster: &Cluster, driver: Driver) {
    let mut setup = setup(cluster, driver, "by_scram", &plain());
    setup.client_certificates = true;
    setup.rules.push_str(&format!(
        "\n[[identity]]\nname = \"pipeline\"\nauth = \"certificate\"\n\
         access = {{ {} = \"exempt\" }}\n",
        clinic::DATABASE
    ));
    let gateway = Gateway::start(&setup);
    let client = || gateway.authority().client("pipeline").expect("signed");
    let (lost, kept) = (client(), client());
    let with =
        |signed: &Signed| with_files(&gateway, "pipeline", &gateway.certificate_files(signed));
    with(&lost).expect("not revoked yet");
    let der = CertificateDer::from_pem_slice(lost.certificate_pem.as_bytes()).expect("PEM");
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).expect("a certificate");
    let list = gateway.authority().revoke(&[certificate.raw_serial()]);
    gateway.put("revoked.pem", &list.expect("signed"));
    let file = gateway.config_file();
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let authority = "client_ca = \"authority.pem\"";
    let revoking = format!("{authority}, client_crl = \"revoked.pem\"");
    gateway.put("velum.toml", &text.replace(authority, &revoking));
    gateway.signal(Signal::HUP);
    let began = Instant::now();
    while !gateway.log().contains(" reloaded ") {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{}",
            gateway.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    with(&lost).expect_err("a revoked certificate was let in");
    with(&kept).expect("another one of that name");
}

/// TLS from the first byte, with the protocol's name in ALPN; without the name it is refused.
fn direct_tls(cluster: &Cluster, driver: Driver) {
    let gateway = Gateway::start(&setup(cluster, driver, "by_scram", &plain()));
    let login = gateway.login(clinic::EXEMPT, true);
    let mut client = Client::connect_direct(&login, clinic::DATABASE, true).expect("let in");
    assert_eq!(who(&mut client).0, "by_scram");
    let refused = Client::connect_direct(&login, clinic::DATABASE, false);
    assert!(refused.is_err(), "TLS without ALPN was let in");
}

fn gss_request(cluster: &Cluster, driver: Driver) {
    let gateway = Gateway::start(&setup(cluster, driver, "by_scram", &plain()));
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).expect("a connection");
    let request = [8u32.to_be_bytes(), 80877104u32.to_be_bytes()].concat();
    stream.write_all(&request).expect("sent");
    let mut answer = [0];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, *b"N");
    // The same connection may go on, once.
    stream.write_all(&request).expect("sent");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.first() != Some(&b'N'), "declined again and again");
}

/// A client of a later minor version is told what is spoken here, and that an option is unknown.
fn newer_protocol(cluster: &Cluster, driver: Driver) {
    let gateway = Gateway::start(&setup(cluster, driver, "by_scram", &plain()));
    let login: Login = gateway.login(clinic::EXEMPT, false);
    let mut client = Client::open(&login).expect("a connection");
    let mut body = 0x0003_03e7_u32.to_be_bytes().to_vec();
    for text in [
        "user",
        clinic::EXEMPT,
        "database",
        clinic::DATABASE,
        "_pq_.new",
        "1",
        "",
    ] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    client
        .send(&[&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat())
        .expect("sent");
    let frame = client.frame().expect("an answer");
    assert_eq!(frame.tag, b'v', "NegotiateProtocolVersion");
    assert!(clinic::contains(&frame.body, b"_pq_.new"));
    client
        .log_in(clinic::CLIENT_PASSWORD)
        .expect("the login goes on");
    assert_eq!(who(&mut client).0, "by_scram");
}
