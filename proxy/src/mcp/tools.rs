//! What an agent can call. Each is one request to the API, and how its answer is shown.

use serde_json::{Map, Value, json};

const GRANTS: &str = "/api/v1/grants";

/// Descriptions of all tools.
pub(crate) fn all() -> Vec<Value> {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let texts = |about: &str| {
        let item = json!({ "type": "string" });
        json!({ "type": "array", "items": item, "description": about })
    };
    let id = || json!({ "id": text("Name of the grant, such as gr_06f3k2m8q0a1b2c3.") });
    vec![
        tool(
            "request_access",
            "Ask for access to a database. Somebody has to agree before it holds.",
            &json!({
                "identity": text("The machine identity that is to have access."),
                "resource": text("The database, as the gateway calls it."),
                "reason": text("Why, in a sentence, without data of patients."),
                "seconds": { "type": "integer", "minimum": 1, "description": "For how long." },
                "tables": texts("Only these tables, as schema.table."),
                "columns": texts("Only these columns, as schema.table.column, for reading."),
                "commands": texts("Only these commands, such as select."),
                "ticket": text("Reference to a ticket elsewhere."),
            }),
            &["identity", "resource", "reason"],
            false,
        ),
        tool(
            "access_status",
            "How a request or a grant stands: its state, scope, end, and who has agreed.",
            &id(),
            &["id"],
            true,
        ),
        tool(
            "list_my_grants",
            "The requests and grants of the identities that you may ask for, the newest first.",
            &json!({
                "identity": text("Only of this identity."),
                "state": text("Only in this state, such as requested, active, denied or expired."),
            }),
            &[],
            true,
        ),
        tool(
            "withdraw_request",
            "Take back your own request, while nobody has decided about it.",
            &json!({
                "id": text("Name of the grant."),
                "rationale": text("Why, in a sentence."),
            }),
            &["id", "rationale"],
            false,
        ),
        tool(
            "explain_denial",
            "Why a request was denied, or a grant ended: by whom, when, and in which words.",
            &id(),
            &["id"],
            true,
        ),
    ]
}

fn tool(name: &str, about: &str, properties: &Value, required: &[&str], reads: bool) -> Value {
    json!({
        "name": name,
        "description": about,
        "inputSchema": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        },
        "annotations": { "readOnlyHint": reads, "destructiveHint": false, "openWorldHint": false },
    })
}

/// A request to the API.
pub(crate) struct Plan {
    /// `None`: it is a GET.
    pub(crate) body: Option<Value>,
    pub(crate) path: String,
    show: fn(Value) -> Value,
}

impl Plan {
    /// What an agent reads of the API's answer.
    pub(crate) fn result(&self, answered: Result<Value, String>) -> Value {
        match answered {
            Ok(value) => {
                let value = (self.show)(value);
                json!({
                    "content": [{ "type": "text", "text": format!("{value:#}") }],
                    "structuredContent": value,
                    "isError": false,
                })
            }
            Err(error) => failed(&error),
        }
    }
}

/// What fails is a result as well, which the agent reads.
pub(crate) fn failed(error: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": error.trim_end() }], "isError": true })
}

/// What a call of a tool comes to; `None` if there is none of this name.
pub(crate) fn plan(name: &str, arguments: &Value) -> Option<Result<Plan, String>> {
    Some(match name {
        "request_access" => request(arguments),
        "access_status" => named(arguments, as_it_is),
        "list_my_grants" => Ok(list(arguments)),
        "withdraw_request" => withdraw(arguments),
        "explain_denial" => named(arguments, explain),
        _ => return None,
    })
}

fn as_it_is(value: Value) -> Value {
    value
}

fn request(arguments: &Value) -> Result<Plan, String> {
    let known = [
        "identity", "resource", "reason", "seconds", "tables", "columns", "commands", "ticket",
    ];
    let mut body = Map::from_iter([("kind".to_owned(), json!("timed"))]);
    // What stands in it is the API's to judge.
    for (key, value) in arguments.as_object().into_iter().flatten() {
        if !known.contains(&key.as_str()) {
            return Err(format!("`{key}` is no argument of this tool"));
        }
        if !value.is_null() {
            body.insert(key.clone(), value.clone());
        }
    }
    Ok(Plan {
        body: Some(Value::Object(body)),
        path: GRANTS.to_owned(),
        show: as_it_is,
    })
}

fn named(arguments: &Value, show: fn(Value) -> Value) -> Result<Plan, String> {
    Ok(Plan {
        body: None,
        path: format!("{GRANTS}/{}", id(arguments)?),
        show,
    })
}

fn list(arguments: &Value) -> Plan {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for key in ["identity", "state"] {
        if let Some(value) = arguments[key].as_str() {
            query.append_pair(key, value);
        }
    }
    query.append_pair("limit", "50");
    Plan {
        body: None,
        path: format!("{GRANTS}?{}", query.finish()),
        show: |mut page| json!({ "grants": page["items"].take() }),
    }
}

fn withdraw(arguments: &Value) -> Result<Plan, String> {
    Ok(Plan {
        body: Some(json!({ "rationale": arguments["rationale"] })),
        path: format!("{GRANTS}/{}/withdraw", id(arguments)?),
        show: as_it_is,
    })
}

fn explain(mut grant: Value) -> Value {
    let next = match grant["state"].as_str().unwrap_or_default() {
        "denied" => "Ask again only with what was missing: another reason, less time, less scope.",
        "expired" => "Ask again if access is still needed.",
        "requested" => "Nobody has decided yet: look again later.",
        "active" => "It holds: connect.",
        _ => "Ask again if access is still needed, and say what has changed.",
    };
    json!({
        "id": grant["id"].take(),
        "state": grant["state"].take(),
        "ended": grant["ended"].take(),
        "next": next,
    })
}

/// As a part of a path: nothing in it leads elsewhere.
fn id(arguments: &Value) -> Result<String, String> {
    let id = arguments["id"].as_str();
    let id = id.ok_or_else(|| "`id` names the grant".to_owned())?;
    match id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        true => Ok(id.to_owned()),
        false => Err("`id` is no name of a grant".to_owned()),
    }
}
