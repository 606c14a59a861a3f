//! The Model Context Protocol, by which an agent asks for its own access: over standard input and
//! output (`velum mcp`), and over HTTP (`/mcp`).
//!
//! Pure: a message comes in, and an answer, or a request to the API, comes out. Whoever calls asks
//! the API as the agent, so that nothing can be done here that the API would not let them do.
//! <https://modelcontextprotocol.io/specification/2025-11-25>
//!
//! * [`message`]: JSON-RPC 2.0. [`tools`]: what there is to call.

mod message;
pub(crate) mod tools;

use serde_json::{Value, json};

pub(crate) use message::answer;
use message::{Fault, Message, fault};

/// Versions of the protocol that are spoken, the newest first.
const VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// Longest message.
pub(crate) const MESSAGE_BYTES: usize = 1024 * 1024;

/// What a message comes to.
pub(crate) enum Step {
    /// It wants no answer.
    Silence,
    /// This is the answer.
    Answer(Value),
    /// The API is to be asked; the answer to the request of this name is what the plan makes of
    /// that.
    Ask(Value, tools::Plan),
}

/// The answer to a message that was not read to its end.
pub(crate) fn too_long() -> Value {
    let error = Fault::request("a message has at most 1 MiB");
    fault(&Value::Null, &error)
}

/// Takes one message.
pub(crate) fn respond(line: &[u8]) -> Step {
    let message = match Message::read(line) {
        Ok(message) => message,
        Err(error) => return Step::Answer(fault(&Value::Null, &error)),
    };
    // Whatever is told without being asked changes nothing here.
    let Some(id) = message.id else {
        return Step::Silence;
    };
    let parameters = &message.parameters;
    let result = match message.method.as_str() {
        "initialize" => Ok(initialize(parameters)),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({ "tools": tools::all() })),
        "tools/call" => match call(parameters) {
            Ok(Ok(plan)) => return Step::Ask(id, plan),
            Ok(Err(error)) => Ok(tools::failed(&error)),
            Err(error) => Err(error),
        },
        _ => Err(Fault::method()),
    };
    Step::Answer(match result {
        Ok(result) => answer(&id, result),
        Err(error) => fault(&id, &error),
    })
}

fn call(parameters: &Value) -> Result<Result<tools::Plan, String>, Fault> {
    let name = parameters["name"].as_str();
    let name = name.ok_or_else(|| Fault::parameters("a call names its tool"))?;
    let arguments = match &parameters["arguments"] {
        Value::Null => json!({}),
        object @ Value::Object(_) => object.clone(),
        _ => return Err(Fault::parameters("arguments are an object")),
    };
    let planned = tools::plan(name, &arguments);
    planned.ok_or_else(|| Fault::parameters("there is no such tool"))
}

/// Who speaks a version that is not known is told one that is.
fn initialize(parameters: &Value) -> Value {
    let wanted = parameters["protocolVersion"].as_str();
    let version = VERSIONS.iter().find(|version| Some(**version) == wanted);
    json!({
        "protocolVersion": version.unwrap_or(&VERSIONS[0]),
        "capabilities": { "tools": { "listChanged": false } },
        "serverInfo": {
            "name": "velum",
            "title": "Velum: access to databases with patient data",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "instructions": "Ask for access with request_access, then look with access_status until \
            somebody has decided. Give no data of patients as a reason.",
    })
}
