//! An agent asks for its own access by the Model Context Protocol: the reference client,
//! `velum mcp` or HTTP, and a real gateway.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::Trial;
use serde_json::{Value, json};
use support::bed::{Bed, upstream};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, free_port};

const SSN: &str = "536-22-8145";

fn main() -> ExitCode {
    // The data plane is not asked.
    let driver = Driver::under_test().first().copied();
    let ways = [
        ("an_agent_asks_for_itself", Way::Stdio),
        ("an_agent_asks_over_http", Way::Http),
    ];
    let trials = driver.into_iter().flat_map(|driver| {
        ways.map(|(name, way)| {
            Trial::test(name, move || {
                asks(driver, way);
                Ok(())
            })
        })
    });
    support::run(trials.collect())
}

/// How the client speaks.
#[derive(Clone, Copy)]
enum Way {
    /// To `velum mcp`.
    Stdio,
    /// To the gateway itself.
    Http,
}

struct House {
    gateway: Gateway,
    api: String,
    way: Way,
}

impl House {
    fn new(bed: &Bed, driver: Driver, way: Way) -> Self {
        let port = free_port();
        let identity = |name: &str| {
            format!(
                "[[identity]]\nname = \"{name}\"\nauth = \"scram\"\n\
                 password = {{ file = \"client.password\" }}\naccess.{} = \
                 {{ policy = \"masked\", grant = \"required\" }}\n\n",
                clinic::DATABASE
            )
        };
        let rules = format!(
            "[api]\nlisten = \"127.0.0.1:{port}\"\n\n{}{}{}",
            identity("agent"),
            identity("other"),
            clinic::rules()
        );
        let setup = Setup::new(driver, upstream(&bed.cluster), rules);
        Self {
            gateway: Gateway::start(&setup),
            api: format!("http://127.0.0.1:{port}"),
            way,
        }
    }

    fn velum(&self, key: &str, arguments: &[&str]) -> Output {
        let mut velum = Command::new(env!("CARGO_BIN_EXE_velum"));
        velum.args(arguments);
        velum.env("VELUM_API", &self.api).env("VELUM_KEY", key);
        let output = velum.output().expect("velum runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output
    }

    fn key(&self, admin: &str, arguments: &[&str]) -> String {
        let output = self.velum(admin, &[&["keys", "create"], arguments].concat());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What the reference client was told.
    fn talk(&self, key: &str, calls: &Value) -> Value {
        let folder = installed();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/client.py");
        let mut child = Command::new(folder.join(".cache/drivers/venv/bin/python"))
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let wanted = match self.way {
            Way::Stdio => json!({
                "command": env!("CARGO_BIN_EXE_velum"),
                "arguments": ["mcp", "--url", self.api],
                "environment": { "VELUM_KEY": key },
                "calls": calls,
            }),
            Way::Http => json!({
                "address": format!("{}/mcp", self.api),
                "key": key,
                "calls": calls,
            }),
        };
        let mut stdin = child.stdin.take().expect("a pipe");
        write!(stdin, "{wanted}").expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

fn asks(driver: Driver, way: Way) {
    let bed = Bed::shared();
    let house = House::new(&bed, driver, way);
    let config = house.gateway.config_file().display().to_string();
    let made = house.velum("", &["keys", "bootstrap", "--config", &config]);
    let admin = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let asks = house.key(
        &admin,
        &[
            "--owner",
            "agent",
            "--role",
            "requester",
            "--identity",
            "agent",
        ],
    );
    let ann = house.key(&admin, &["--owner", "ann", "--role", "approver"]);

    let id = first(&house, &asks);
    house.velum(
        &ann,
        &["grants", "deny", &id, "--rationale", "name the month"],
    );
    second(&house, &asks, &id);
}

fn wanted(identity: &str) -> Value {
    json!({
        "identity": identity, "resource": clinic::DATABASE, "seconds": 600,
        "reason": format!("report for patient SSN {SSN}"),
    })
}

/// It asks, looks, and gets nothing that is not its own; gives its request.
fn first(house: &House, asks: &str) -> String {
    let mut odd = wanted("agent");
    odd["approvals"] = json!(0);
    let told = house.talk(
        asks,
        &json!([
            ["request_access", wanted("agent")],
            ["access_status", { "id": "$first" }],
            ["list_my_grants", {}],
            ["request_access", wanted("other")],
            ["request_access", odd],
            ["access_status", { "id": "gr_0000000000000000" }],
        ]),
    );
    assert_eq!(told["server"], "velum");
    let tools = [
        "request_access",
        "access_status",
        "list_my_grants",
        "withdraw_request",
        "explain_denial",
    ];
    assert_eq!(told["tools"], json!(tools));
    let result = |index: usize| &told["results"][index];
    let id = result(0)["value"]["id"]
        .as_str()
        .expect("a name")
        .to_owned();
    assert_eq!(result(1)["value"]["state"], "requested");
    let listed = result(2)["value"]["grants"].as_array().map(Vec::len);
    assert_eq!(listed, Some(1));
    for (index, why) in [
        (3, "forbidden"),
        (4, "no argument of this tool"),
        (5, "not-found"),
    ] {
        assert_eq!(result(index)["is_error"], true, "{}", result(index));
        let text = result(index)["text"].as_str().expect("a text");
        assert!(text.contains(why), "{text}");
    }
    assert!(
        !told.to_string().contains(SSN),
        "a reason comes back as it was typed"
    );

    id
}

/// It takes one back, and hears why another was denied.
fn second(house: &House, asks: &str, id: &str) {
    let told = house.talk(
        asks,
        &json!([
            ["request_access", wanted("agent")],
            ["withdraw_request", { "id": "$first", "rationale": "not needed" }],
            ["explain_denial", { "id": id }],
            ["withdraw_request", { "id": id, "rationale": "too late" }],
        ]),
    );
    let result = |index: usize| &told["results"][index];
    assert_eq!(result(1)["value"]["state"], "withdrawn");
    assert_eq!(result(2)["value"]["state"], "denied");
    assert_eq!(result(2)["value"]["ended"]["by"], "ann");
    assert_eq!(result(2)["value"]["ended"]["rationale"], "name the month");
    assert_eq!(result(3)["is_error"], true);
}

/// The top of the tree, with the Python packages installed.
fn installed() -> &'static Path {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("proxy has a parent");
    let output = Command::new(top.join(".ci/tools")).arg("services").output();
    let output = output.expect(".ci/tools runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "installing the services: {text}");
    top
}
