//! Rows as events of the Open Cybersecurity Schema Framework, version 1.8.
//!
//! | rows | class |
//! | --- | --- |
//! | sessions | Authentication (3002): a logon, and a logoff where there was one |
//! | statements, masking | Datastore Activity (6005) |
//! | approvals | Entity Management (3004), the entity is the grant |
//! | grants | User Access Management (3005): assigned, and revoked where it is over |
//! | admin | Application Lifecycle (6002); Entity Management (3004) for keys and the log |
//!
//! What a class has no attribute for is in `unmapped`, under the names of the other formats.

use std::net::SocketAddr;

use serde_json::{Value as Json, json};
use velum_core::time::Timestamp;

use super::row::{Kind, Row, Value};

/// Version of the schema.
const VERSION: &str = "1.8.0";

const INFORMATIONAL: u8 = 1;
const MEDIUM: u8 = 3;
const HIGH: u8 = 4;
const OTHER: u8 = 99;

const SUCCESS: u8 = 1;
const FAILURE: u8 = 2;

/// What all events have.
struct Event {
    class: u32,
    activity: u8,
    severity: u8,
    status: u8,
    time: Timestamp,
}

impl Event {
    fn new(class: u32, activity: u8, time: Timestamp) -> Self {
        Self {
            class,
            activity,
            severity: INFORMATIONAL,
            status: SUCCESS,
            time,
        }
    }

    /// The event of a row, with the attributes of its class.
    fn of(self, row: &Row, attributes: Json) -> Json {
        let uid = format!("{}-{}", row.kind.as_str(), row.number("sequence"));
        let mut event = json!({
            "activity_id": self.activity,
            "category_uid": self.class / 1_000,
            "class_uid": self.class,
            "type_uid": u64::from(self.class) * 100 + u64::from(self.activity),
            "time": self.time.0 / 1_000_000,
            "severity_id": self.severity,
            "status_id": self.status,
            "metadata": {
                "version": VERSION,
                "uid": uid,
                "sequence": row.number("sequence"),
                "log_name": "velum-audit",
                "product": {
                    "name": "Velum",
                    "vendor_name": "Velum",
                    "version": env!("CARGO_PKG_VERSION"),
                },
            },
            "unmapped": row,
        });
        if let (Json::Object(event), Json::Object(attributes)) = (&mut event, attributes) {
            event.extend(attributes);
        }
        event
    }
}

/// The events of a row.
pub(super) fn events(row: &Row) -> Vec<Json> {
    match row.kind {
        Kind::Sessions => session(row),
        Kind::Statements => vec![statement(row)],
        Kind::Masking => vec![masking(row)],
        Kind::Approvals => vec![approval(row)],
        Kind::Grants => grant(row),
        Kind::Admin => vec![admin(row)],
    }
}

/// A name that may be missing: an attribute that is required says so then.
fn named(name: &str) -> &str {
    match name {
        "" => "unknown",
        name => name,
    }
}

fn endpoint(address: &str) -> Json {
    match address.parse::<SocketAddr>() {
        Ok(address) => json!({ "ip": address.ip().to_string(), "port": address.port() }),
        Err(_) => json!({ "name": named(address) }),
    }
}

fn session(row: &Row) -> Vec<Json> {
    let attributes = || {
        json!({
            "user": { "name": named(&row.identity) },
            "service": { "name": named(&row.resource) },
            "src_endpoint": endpoint(row.text("client_address")),
            "session": { "uid": row.text("session") },
            "auth_protocol_id": OTHER,
            "auth_protocol": named(row.text("method")),
            "is_cleartext": matches!(row.get("client_tls"), Value::Flag(false)),
            "is_remote": true,
            "status_code": row.text("sqlstate"),
            "status_detail": row.text("reason"),
        })
    };
    let mut logon = Event::new(3_002, 1, row.begin);
    if row.text("outcome") == "refused" {
        (logon.severity, logon.status) = (MEDIUM, FAILURE);
        return vec![logon.of(row, attributes())];
    }
    let mut events = vec![logon.of(row, attributes())];
    if let Value::Time(closed) = row.get("closed") {
        events.push(Event::new(3_002, 2, *closed).of(row, attributes()));
    }
    events
}

/// What Datastore Activity asks for.
fn datastore(row: &Row) -> Json {
    let address = row.text("client_address");
    let source = match address {
        "" => json!({ "uid": row.text("session") }),
        address => endpoint(address),
    };
    json!({
        "actor": {
            "user": { "name": named(&row.identity) },
            "session": { "uid": row.text("session") },
        },
        "src_endpoint": source,
        "database": { "name": named(&row.resource), "type_id": 1, "type": "Relational" },
        "type_id": 1,
        "type": "Database",
    })
}

fn statement(row: &Row) -> Json {
    let activity = match row.text("command") {
        "UPDATE" | "MERGE" => 2,
        "INSERT" => 5,
        "DELETE" | "TRUNCATE TABLE" => 7,
        command if command.starts_with("CREATE") => 6,
        _ => 4,
    };
    let mut event = Event::new(6_005, activity, row.begin);
    let is_denied = row.text("decision").starts_with("deny");
    if is_denied {
        event.severity = MEDIUM;
    }
    event.status = match row.text("status") {
        "completed" | "suspended" if !is_denied => SUCCESS,
        "running" | "unknown" if !is_denied => 0,
        _ => FAILURE,
    };
    let mut attributes = datastore(row);
    if let Json::Object(attributes) = &mut attributes {
        let text = row.text("text");
        attributes.insert("query_info".to_owned(), json!({ "query_string": text }));
        attributes.insert("status_code".to_owned(), json!(row.text("sqlstate")));
        attributes.insert("status_detail".to_owned(), json!(row.text("decision")));
        let duration_ms = row.number("duration_us") / 1_000;
        attributes.insert("duration".to_owned(), json!(duration_ms));
        attributes.insert("count".to_owned(), json!(1));
    }
    event.of(row, attributes)
}

fn masking(row: &Row) -> Json {
    let mut attributes = datastore(row);
    if let Json::Object(attributes) = &mut attributes {
        attributes.insert("activity_name".to_owned(), json!("Mask"));
        let table = row.text("table");
        if !table.is_empty() {
            attributes.insert("table".to_owned(), json!({ "name": table }));
        }
        attributes.insert("count".to_owned(), json!(row.number("cells")));
    }
    Event::new(6_005, OTHER, row.end).of(row, attributes)
}

/// The attributes of Entity Management: who, with what, why.
fn entity(kind: &str, name: &str, actor: &str, comment: &str) -> Json {
    json!({
        "entity": { "name": named(name), "type": kind },
        "actor": { "user": { "name": named(actor) } },
        "comment": comment,
    })
}

fn approval(row: &Row) -> Json {
    let activity = match row.text("event") {
        "requested" => 1,
        "reviewed" => 2,
        "approved" | "denied" => 3,
        "withdrawn" => 4,
        "activated" => 10,
        "revoked" | "expired" => 11,
        "overdue" => 12,
        _ => OTHER,
    };
    let mut event = Event::new(3_004, activity, row.begin);
    if *row.get("alarm") == Value::Flag(true) {
        event.severity = HIGH;
    }
    let comment = row.text("why");
    let attributes = entity(
        "access grant",
        row.text("grant"),
        row.text("actor"),
        comment,
    );
    event.of(row, attributes)
}

fn grant(row: &Row) -> Vec<Json> {
    let attributes = || {
        json!({
            "user": { "name": named(&row.identity) },
            "privileges": [row.text("what")],
            "resources": [{ "name": named(&row.resource), "type": "database" }],
            "comment": row.text("reason"),
        })
    };
    let mut events = Vec::new();
    if let Value::Time(activated) = row.get("activated") {
        events.push(Event::new(3_005, 1, *activated).of(row, attributes()));
    }
    match (row.get("over"), events.is_empty()) {
        (Value::Time(over), false) => {
            events.push(Event::new(3_005, 2, *over).of(row, attributes()));
        }
        // It never held: asked for, and perhaps refused.
        (_, true) => {
            let mut event = Event::new(3_005, OTHER, row.begin);
            event.status = FAILURE;
            events.push(event.of(row, attributes()));
        }
        _ => {}
    }
    events
}

fn admin(row: &Row) -> Json {
    let name = row.text("event");
    let lifecycle = match name {
        "gateway_started" => Some(3),
        "gateway_stopped" => Some(4),
        "configuration_loaded" => Some(8),
        "gateway_draining" => Some(OTHER),
        _ => None,
    };
    if let Some(activity) = lifecycle {
        let app = json!({ "app": { "name": "Velum", "vendor_name": "Velum" } });
        return Event::new(6_002, activity, row.begin).of(row, app);
    }
    let (kind, activity) = match name {
        "key_created" => ("API key", 1),
        "key_revoked" => ("API key", 4),
        "evidence_taken" => ("audit log", 2),
        "hold_placed" => ("legal hold", 1),
        "hold_released" => ("legal hold", 4),
        "records_expired" => ("audit log", 4),
        _ => ("audit log", OTHER),
    };
    let mut event = Event::new(3_004, activity, row.begin);
    if matches!(name, "bootstrap_key_used" | "checkpoint_overruled") {
        event.severity = HIGH;
    }
    let attributes = entity(
        kind,
        row.text("subject"),
        row.text("actor"),
        row.text("detail"),
    );
    event.of(row, attributes)
}
