//! `velum mcp`: an agent asks for its access itself, by the Model Context Protocol over standard
//! input and output, a message a line.
//!
//! It is a client of the HTTP API like any other, with the agent's own key or token.

use std::io::{BufRead, Read, Write};

use clap::Args;
use serde_json::Value;

use super::Connection;
use super::client::Client;
use crate::cli::{DONE, MISUSE, complain};
use crate::mcp::{self, MESSAGE_BYTES, Step, tools};

/// Serve an agent by the Model Context Protocol, on standard input and output.
#[derive(Args)]
pub(in crate::cli) struct Mcp {
    #[command(flatten)]
    connection: Connection,
}

/// Serves until its input ends.
pub(in crate::cli) fn run(arguments: &Mcp) -> u8 {
    let client = match Client::new(&arguments.connection) {
        Ok(client) => client,
        Err(failed) => {
            complain(&failed.to_string());
            return failed.status();
        }
    };
    let ask = |plan: &tools::Plan| {
        let answered = match &plan.body {
            None => client.get::<Value>(&plan.path),
            Some(body) => client.post::<Value>(&plan.path, body, None),
        };
        answered.map_err(|failed| failed.to_string())
    };
    match serve(std::io::stdin().lock(), std::io::stdout().lock(), &ask) {
        Ok(()) => DONE,
        Err(error) => {
            complain(&format!("{error}\n"));
            MISUSE
        }
    }
}

type Ask<'a> = dyn Fn(&tools::Plan) -> Result<Value, String> + 'a;

fn serve(mut input: impl BufRead, mut output: impl Write, ask: &Ask<'_>) -> std::io::Result<()> {
    loop {
        let mut line = Vec::new();
        let most = MESSAGE_BYTES as u64 + 1;
        let n = (&mut input).take(most).read_until(b'\n', &mut line)?;
        if n == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = if n > MESSAGE_BYTES {
            skip_line(&mut input, &line)?;
            mcp::too_long()
        } else {
            match mcp::respond(&line) {
                Step::Silence => continue,
                Step::Answer(answer) => answer,
                Step::Ask(id, plan) => mcp::answer(&id, plan.result(ask(&plan))),
            }
        };
        // A line ends a message: JSON has none inside.
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
}

/// Reads on to the end of a line whose beginning is known.
fn skip_line(input: &mut impl BufRead, beginning: &[u8]) -> std::io::Result<()> {
    match beginning.last() {
        Some(b'\n') => Ok(()),
        _ => input.skip_until(b'\n').map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use serde_json::json;

    use super::*;

    fn told(lines: &str) -> Vec<Value> {
        let mut output = Vec::new();
        let ask = |plan: &tools::Plan| match plan.path.ends_with("/gr_1") {
            true => Ok(json!({ "id": "gr_1", "state": "denied", "ended": { "by": "ann" } })),
            false => Err("it says no".to_owned()),
        };
        serve(lines.as_bytes(), &mut output, &ask).unwrap();
        let lines = String::from_utf8(output).unwrap();
        let lines = lines.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn each_request_is_answered_and_nothing_else() {
        let answers = told(concat!(
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","#,
            r#""params":{"protocolVersion":"2025-03-26"}}"#,
            "\n",
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            "\n\n",
            r#"{"jsonrpc":"2.0","id":"x","method":"tools/list"}"#,
            "\n",
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","#,
            r#""params":{"name":"explain_denial","arguments":{"id":"gr_1"}}}"#,
            "\n",
        ));
        assert_eq!(answers.len(), 3);
        assert_eq!(answers[0]["result"]["protocolVersion"], "2025-03-26");
        assert_eq!(answers[1]["id"], "x");
        assert_eq!(answers[1]["result"]["tools"].as_array().unwrap().len(), 5);
        let told = &answers[2]["result"];
        assert_eq!(told["structuredContent"]["ended"]["by"], "ann");
        assert_eq!(told["isError"], false);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, code) in [
            ("nonsense", -32_700),
            ("[]", -32_600),
            (r#"{"id":1,"method":"ping"}"#, -32_600),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32_600),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32_600),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"grants/approve"}"#,
                -32_601,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#,
                -32_602,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"approve"}}"#,
                -32_602,
            ),
        ] {
            let answers = told(&format!("{line}\n"));
            assert_eq!(answers[0]["error"]["code"], code, "{line}");
        }
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        for longer in [0, 1, 5_000_000] {
            let long = "x".repeat(MESSAGE_BYTES + longer);
            let answers = told(&format!("{long}\n{ping}\n"));
            assert_eq!(answers[0]["error"]["code"], -32_600, "{longer}");
            assert_eq!((&answers[1]["id"], answers.len()), (&json!(1), 2));
        }
    }

    #[test]
    fn what_fails_is_a_result() {
        for (arguments, text) in [
            (json!({ "id": "gr_2" }), "it says no"),
            (json!({ "id": "../keys" }), "`id` is no name of a grant"),
            (json!({}), "`id` names the grant"),
        ] {
            let call = json!({
                "jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": { "name": "access_status", "arguments": arguments },
            });
            let answers = told(&format!("{call}\n"));
            assert_eq!(answers[0]["result"]["isError"], true);
            assert_eq!(answers[0]["result"]["content"][0]["text"], text);
        }
    }
}
