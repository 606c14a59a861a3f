//! `velum login` by the device flow of npm's oidc-provider, with a browser elsewhere.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::browser::{Browser, Seen, join};
use super::code;
use super::support::gateway::free_port;
use super::world::{Program, World};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The value of a hidden field of a page.
fn field(page: &str, name: &str) -> String {
    let at = page
        .find(&format!("name=\"{name}\""))
        .unwrap_or_else(|| panic!("{page}"));
    let tag = page[..at].rfind('<').expect("a tag");
    let end = at + page[at..].find('>').expect("its end");
    let value = page[tag..end].split("value=\"").nth(1);
    value
        .and_then(|it| it.split('"').next())
        .expect("a value")
        .to_owned()
}

/// A person agrees in their browser.
fn agree(browser: &mut Browser, address: &str) -> Seen {
    let page = browser.get(address);
    let fields = |page: &str| {
        let names = ["xsrf", "user_code"];
        names.map(|name| (name, field(page, name)))
    };
    let [xsrf, code] = fields(&page.body);
    let at = address.split('?').next().expect("an address").to_owned();
    let page = browser.form(&at, &[(xsrf.0, &xsrf.1), (code.0, &code.1)]);
    let [xsrf, code] = fields(&page.body);
    let asked = browser.form(
        &at,
        &[(xsrf.0, &xsrf.1), (code.0, &code.1), ("confirm", "yes")],
    );
    let next = asked.location.unwrap_or_else(|| panic!("{}", asked.body));
    match browser.follow(&join(&at, &next), "nowhere") {
        Err(seen) => seen,
        Ok(url) => panic!("{url}"),
    }
}

/// `velum login`, and a person who agrees; what it printed.
fn log_in(world: &World, home: &Path) -> Output {
    let mut command = world.command(home, None, &["login", "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("velum runs");
    let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut lines = String::new();
    let address = loop {
        let mut line = String::new();
        let read = told.read_line(&mut line).expect("a line");
        assert!(read > 0, "it ended: {lines}");
        lines.push_str(&line);
        if let Some(address) = line.trim_end().strip_prefix("or open ") {
            break address.to_owned();
        }
    };
    let seen = agree(&mut world.browser(), &address);
    assert_eq!(seen.status, 200, "{}", seen.body);
    std::io::Read::read_to_string(&mut told, &mut lines).expect("text");
    let mut output = child.wait_with_output().expect("it ends");
    output.stderr = lines.into_bytes();
    output
}

pub fn logs_in() {
    let (mut provider, world) = code::world("");
    let home = tempfile::tempdir().expect("a folder");
    let stranger = world.velum(home.path(), None, &["grants", "list"]);
    assert_eq!(stranger.status.code(), Some(2));
    assert!(
        text(&stranger.stderr).contains("velum login"),
        "{}",
        text(&stranger.stderr)
    );

    provider.tell("account ann");
    let output = log_in(&world, home.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let me: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&me["id"], &me["is_fresh"]),
        (&"ann".into(), &true.into()),
        "{me}"
    );
    let file = home.path().join("velum/login");
    let kept = std::fs::read_to_string(&file).expect("a file");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    let token = kept["token"].as_str().expect("a token").to_owned();
    assert!(kept["refresh_token"].is_string());
    for printed in [&output.stdout, &output.stderr] {
        let signature = token.rsplit('.').next().expect("a part");
        assert!(!text(printed).contains(signature), "a token was printed");
    }

    // Other commands show it; a key goes first where there is one.
    let list = world.velum(home.path(), None, &["grants", "list", "--json"]);
    assert!(list.status.success(), "{}", text(&list.stderr));
    assert_eq!(who(&world, home.path(), None).as_deref(), Some("ann"));
    assert_eq!(
        who(&world, home.path(), Some(&world.key)).as_deref(),
        Some("bootstrap")
    );

    // To no other gateway.
    let mut elsewhere = world.command(home.path(), None, &["whoami"]);
    elsewhere.env("VELUM_API", format!("https://localhost:{}", free_port()));
    let output = elsewhere.output().expect("velum runs");
    assert!(
        text(&output.stderr).contains("another gateway"),
        "{}",
        text(&output.stderr)
    );
}

/// Who is logged in here.
fn who(world: &World, home: &Path, key: Option<&str>) -> Option<String> {
    let output = world.velum(home, key, &["whoami", "--json"]);
    let me: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    me["id"].as_str().map(str::to_owned)
}

/// A token is exchanged before it ends, and given back at the end.
pub fn exchanged() {
    let (mut provider, world) = code::world("");
    let home = tempfile::tempdir().expect("a folder");
    provider.tell("short 31");
    let output = log_in(&world, home.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let file = home.path().join("velum/login");
    let read = || -> Value {
        let kept = std::fs::read_to_string(&file).expect("a file");
        serde_json::from_str(&kept).expect("JSON")
    };
    let before = read();
    provider.tell("short 300");
    thread::sleep(Duration::from_millis(1_500));
    assert_eq!(who(&world, home.path(), None).as_deref(), Some("ann"));
    let after = read();
    assert_ne!(before["token"], after["token"]);
    assert_ne!(before["refresh_token"], after["refresh_token"]);
    let out = Command::new(env!("CARGO_BIN_EXE_velum"))
        .arg("logout")
        .env("XDG_CONFIG_HOME", home.path())
        .output()
        .expect("velum runs");
    let told = text(&out.stderr);
    assert!(
        told.contains("logged out") && !told.contains("not told"),
        "{told}"
    );
    assert!(!file.exists());
    assert_eq!(who(&world, home.path(), None), None);
}

/// A provider without the flow, and a gateway that does not offer it.
pub fn without() {
    let (port, provider_port) = (free_port(), free_port());
    let _provider = Program::start(
        "provider.js",
        &[
            ("PROVIDER_PORT", provider_port.to_string()),
            ("PROVIDER_REDIRECT", "https://localhost/callback".to_owned()),
            ("PROVIDER_DEVICE", "no".to_owned()),
        ],
    );
    let world = World::new(port, &code::issuer(provider_port));
    let home = tempfile::tempdir().expect("a folder");
    let output = world.velum(home.path(), None, &["login"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("offers no device flow"),
        "{}",
        text(&output.stderr)
    );
    let output = world.velum(home.path(), None, &["login", "--issuer", "other"]);
    assert!(
        text(&output.stderr).contains("known: staff"),
        "{}",
        text(&output.stderr)
    );
}
