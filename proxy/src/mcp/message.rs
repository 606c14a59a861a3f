//! JSON-RPC 2.0.

use serde_json::{Value, json};

/// A request, or a notification, which has no name and wants no answer.
pub(crate) struct Message {
    pub(crate) id: Option<Value>,
    pub(crate) method: String,
    pub(crate) parameters: Value,
}

/// Why there is no result.
pub(crate) struct Fault {
    code: i32,
    text: &'static str,
}

impl Fault {
    pub(crate) fn parameters(text: &'static str) -> Self {
        Self {
            code: -32_602,
            text,
        }
    }

    pub(crate) fn method() -> Self {
        Self {
            code: -32_601,
            text: "there is no such method",
        }
    }

    pub(super) fn request(text: &'static str) -> Self {
        Self {
            code: -32_600,
            text,
        }
    }
}

impl Message {
    /// Reads a message. Several at once are none: this protocol has no batches any more.
    pub(crate) fn read(line: &[u8]) -> Result<Self, Fault> {
        let malformed = |_| Fault {
            code: -32_700,
            text: "not JSON",
        };
        let value: Value = serde_json::from_slice(line).map_err(malformed)?;
        if value["jsonrpc"] != "2.0" {
            return Err(Fault::request("not JSON-RPC 2.0"));
        }
        let id = match &value["id"] {
            Value::Null => None,
            id @ (Value::String(_) | Value::Number(_)) => Some(id.clone()),
            _ => return Err(Fault::request("a request is named by a text or a number")),
        };
        let method = value["method"].as_str();
        let method = method.ok_or_else(|| Fault::request("it names no method"))?;
        Ok(Self {
            id,
            method: method.to_owned(),
            parameters: value["params"].clone(),
        })
    }
}

/// A result.
pub(crate) fn answer(id: &Value, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// None.
pub(crate) fn fault(id: &Value, fault: &Fault) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": id,
        "error": { "code": fault.code, "message": fault.text },
    })
}
