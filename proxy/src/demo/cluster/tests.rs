use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::*;

#[test]
fn starts_answers_restarts_and_leaves_nothing() {
    let mut cluster = Cluster::start(ClusterOptions::default()).unwrap();
    let root = cluster.folder.path().to_owned();
    assert_eq!(
        cluster
            .psql("select 1, null, 'a' union all select 2, 'x', 'b'")
            .unwrap(),
        "1||a\n2|x|b\n"
    );
    assert_eq!(
        cluster.psql("show data_directory").unwrap().trim_end(),
        cluster.data_dir().to_str().unwrap()
    );
    assert!(cluster.ready_in() > Duration::ZERO);
    let port = cluster.port();
    cluster.psql("create table kept (a int)").unwrap();
    cluster.restart().unwrap();
    assert_eq!(cluster.port(), port);
    assert_eq!(cluster.psql("select count(*) from kept").unwrap(), "0\n");
    let error = cluster.psql("select banana").unwrap_err();
    assert!(
        matches!(&error, ClusterError::Sql { sqlstate, .. } if sqlstate == "42703"),
        "{error}"
    );

    let server = cluster.server.as_ref().unwrap().id();
    drop(cluster);
    assert!(!root.exists());
    assert!(!Path::new(&format!("/proc/{server}")).exists());
}

#[test]
fn never_runs_as_root() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    let server = cluster.server.as_ref().unwrap().id();
    let owner = fs::metadata(format!("/proc/{server}")).unwrap().uid();
    assert_ne!(owner, 0);
    assert_eq!(owner, cluster.account.uid());
    assert_eq!(
        fs::metadata(cluster.data_dir()).unwrap().mode() & 0o777,
        0o700
    );
}

#[test]
fn two_run_side_by_side_and_a_wrong_password_is_refused() {
    let options = || ClusterOptions {
        settings: vec![("application_name".to_owned(), "it's".to_owned())],
        ..ClusterOptions::default()
    };
    let other = thread::spawn(move || Cluster::start(options()).unwrap());
    let one = Cluster::start(options()).unwrap();
    let two = other.join().unwrap();
    assert_ne!(one.port(), two.port());
    assert_eq!(two.psql("show max_connections").unwrap(), "200\n");
    let login = Login {
        user: "postgres",
        password: two.superuser_password(),
        database: "postgres",
    };
    let address = Address::Tcp(([127, 0, 0, 1], one.port()).into());
    let refused = Raw::connect(&address, &login).err().unwrap().to_string();
    assert!(refused.contains("28P01"), "{refused}");
}

#[test]
fn offers_tls_with_its_own_certificate() {
    let options = ClusterOptions {
        tls: true,
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).unwrap();
    assert_eq!(cluster.psql("show ssl").unwrap(), "on\n");
    let authority = fs::read_to_string(cluster.authority_file().unwrap()).unwrap();
    assert_eq!(authority, cluster.authority().unwrap().certificate_pem());
    let psql = cluster.installation().program("psql");
    if !psql.exists() {
        return;
    }
    let output = Command::new(psql)
        .args([
            "-XAtc",
            "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
        ])
        .arg(format!(
            "{}?sslmode=verify-full&sslrootcert={}",
            cluster.superuser_url(),
            cluster.authority_file().unwrap().display()
        ))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "t\n", "{output:?}");
}

/// The guard is what stops the server when this process is killed; here its pipe is closed.
#[test]
fn the_guard_stops_and_removes_an_orphan() {
    let mut cluster = Cluster::start(ClusterOptions::default()).unwrap();
    let root = cluster.folder.path().to_owned();
    cluster.folder.release_guard_for_test();
    let began = Instant::now();
    while root.exists() && began.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!root.exists());
    assert!(cluster.server.as_mut().unwrap().wait().is_ok());
}

/// Root runs the first test again as `nobody`, whose account needs no switch.
#[test]
fn an_ordinary_user_can_run_one_too() {
    if !rustix::process::geteuid().is_root() {
        return; // Then every test here is this test.
    }
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let run = || {
        let test = "demo::cluster::tests::starts_answers_restarts_and_leaves_nothing";
        let mut command = Command::new(&copy);
        command.args(["--exact", test]).current_dir("/");
        command.uid(65_534).gid(65_534).output()
    };
    // A thread that starts a program at this moment still holds the copy open for writing.
    let is_busy = |ran: &std::io::Result<_>| match ran {
        Err(error) => error.kind() == std::io::ErrorKind::ExecutableFileBusy,
        Ok(_) => false,
    };
    let mut ran = run();
    for _ in 0..100 {
        if !is_busy(&ran) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        ran = run();
    }
    let output = ran.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}");
}
