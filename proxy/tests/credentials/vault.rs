//! A Vault as its API documentation has it, over HTTP on loopback: KV version 2, and a database
//! engine that makes and drops roles in the real PostgreSQL.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::clinic;
use super::{Database, Driver};

/// The token that it takes.
pub const TOKEN: &str = "hvs.test-token-2f61";

#[derive(Default)]
pub struct State {
    /// Values of the one secret there is.
    pub value: String,
    /// Leases by their names, with the role, when it was made and how long one can hold at most.
    pub leases: BTreeMap<String, (String, Instant)>,
    pub made: usize,
    pub renewed: usize,
    pub revoked: Vec<String>,
    /// Paths that were asked for.
    pub asked: Vec<String>,
    /// It does not answer but with 503.
    pub is_sealed: bool,
}

/// See the module's text. It ends with the process.
pub struct Vault {
    pub port: u16,
    pub state: Arc<Mutex<State>>,
}

/// Seconds that a lease holds, and that one can hold at most.
pub const TTL_S: u64 = 2;
pub const TTL_MOST_S: u64 = 6;

impl Vault {
    pub fn start(database: &Database, driver: Driver) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let (database, shared) = (Arc::clone(database), Arc::clone(&state));
        let name = format!("{driver}-{port}");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &database, &name, &shared);
            }
        });
        Self { port, state }
    }

    /// The value of a resource's `password`.
    pub fn credential(&self, rest: &str) -> String {
        format!(
            "{{ vault = {{ address = \"http://127.0.0.1:{}\", \
             token = {{ file = \"vault.token\" }}, namespace = \"clinic\", {rest} }} }}",
            self.port
        )
    }
}

fn serve(stream: TcpStream, database: &Database, name: &str, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let header = |name: &str| {
        let mut lines = head.iter().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").and_then(|it| it.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).expect("a body");
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let mut words = head[0].split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let mut state = state.lock().expect("no panic");
    state.asked.push(format!("{method} {path}"));
    let is_known = header("x-vault-token").as_deref() == Some(TOKEN)
        && header("x-vault-request").as_deref() == Some("true")
        && header("x-vault-namespace").as_deref() == Some("clinic");
    let (status, answer) = match (state.is_sealed, is_known, method, path) {
        (true, ..) => (503, errors("Vault is sealed")),
        (_, false, ..) => (403, errors("permission denied")),
        (_, _, "GET", "/v1/secret/data/ehr") => (200, kv2(&state.value)),
        (_, _, "GET", "/v1/database/creds/reader") => (200, creds(&mut state, database, name)),
        (_, _, "PUT", "/v1/sys/leases/renew") => renew(&mut state, &body),
        (_, _, "PUT", "/v1/sys/leases/revoke") => revoke(&mut state, database, &body),
        _ => (404, errors("no handler for route")),
    };
    let answer = match status {
        204 => String::new(),
        _ => answer.to_string(),
    };
    let mut stream = reader.into_inner();
    let _closed = write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{answer}",
        answer.len()
    );
}

fn errors(text: &str) -> Value {
    json!({ "errors": [text] })
}

fn kv2(value: &str) -> Value {
    json!({
        "request_id": "6f0d0f1c", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": {
            "data": { "password": value, "note": "beside it" },
            "metadata": {
                "created_time": "2026-01-01T00:00:00Z", "custom_metadata": null,
                "deletion_time": "", "destroyed": false, "version": 3,
            },
        },
        "wrap_info": null, "warnings": null, "auth": null, "mount_type": "kv",
    })
}

fn creds(state: &mut State, database: &Database, name: &str) -> Value {
    state.made += 1;
    let user = format!("v-token-reader-{name}-{}", state.made);
    let sql = format!(
        "CREATE ROLE \"{user}\" LOGIN PASSWORD 'made-{}' IN ROLE {}",
        state.made,
        clinic::ROLE
    );
    database.psql(&sql).expect("a role");
    let id = format!("database/creds/reader/{}", state.made);
    state
        .leases
        .insert(id.clone(), (user.clone(), Instant::now()));
    json!({
        "request_id": "0b4c", "lease_id": id, "renewable": true, "lease_duration": TTL_S,
        "data": { "password": format!("made-{}", state.made), "username": user },
        "wrap_info": null, "warnings": null, "auth": null, "mount_type": "database",
    })
}

/// As Vault does, it is cut to what is left of the longest time, and refused after.
fn renew(state: &mut State, body: &Value) -> (u16, Value) {
    let id = body["lease_id"].as_str().unwrap_or_default();
    let Some((_, since)) = state.leases.get(id) else {
        return (400, errors("lease not found"));
    };
    let left = Duration::from_secs(TTL_MOST_S).saturating_sub(since.elapsed());
    let wanted = body["increment"].as_u64().unwrap_or(TTL_S);
    let answer = json!({
        "request_id": "7c2e", "lease_id": id, "renewable": true,
        "lease_duration": wanted.min(left.as_secs()),
        "data": null, "wrap_info": null, "warnings": null, "auth": null,
    });
    state.renewed += 1;
    (200, answer)
}

fn revoke(state: &mut State, database: &Database, body: &Value) -> (u16, Value) {
    let id = body["lease_id"].as_str().unwrap_or_default();
    if let Some((user, _)) = state.leases.remove(id) {
        database
            .psql(&format!("DROP ROLE \"{user}\""))
            .expect("it goes");
        state.revoked.push(user);
    }
    (204, Value::Null)
}
