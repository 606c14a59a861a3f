//! `/mcp`

use super::*;

fn call(tool: &str, arguments: &Value) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": tool, "arguments": arguments },
    })
}

fn wanted(identity: &str) -> Value {
    json!({
        "identity": identity, "resource": "ehr", "seconds": 600,
        "reason": "report for patient SSN 536-22-8145",
    })
}

#[tokio::test]
async fn an_agent_can_do_what_its_key_can() {
    let house = House::new().await;
    let agent = house.key("agent", &[Role::Requester], &["agent"]).await;
    let asked = call("request_access", &wanted("agent"));
    let seen = house.post(&agent, "/mcp", &asked, &[]).await;
    let result = &seen.body["result"];
    assert_eq!(
        (seen.status, &result["isError"]),
        (StatusCode::OK, &json!(false)),
        "{result}"
    );
    let id = result["structuredContent"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!seen.body.to_string().contains("536-22-8145"));
    let listed = call("list_my_grants", &json!({ "state": "requested" }));
    let seen = house.post(&agent, "/mcp", &listed, &[]).await;
    let grants = &seen.body["result"]["structuredContent"]["grants"];
    assert_eq!(grants[0]["id"], id);
    let taken = call(
        "withdraw_request",
        &json!({ "id": id, "rationale": "not needed" }),
    );
    let seen = house.post(&agent, "/mcp", &taken, &[]).await;
    assert_eq!(
        seen.body["result"]["structuredContent"]["state"],
        "withdrawn"
    );

    let other = call("request_access", &wanted("clerk"));
    let seen = house.post(&agent, "/mcp", &other, &[]).await;
    let result = &seen.body["result"];
    assert_eq!(result["isError"], true);
    assert!(
        result["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("(forbidden)"),
        "{result}"
    );
}

#[tokio::test]
async fn nobody_else_and_nothing_else() {
    let house = House::new().await;
    let agent = house.key("agent", &[Role::Requester], &["agent"]).await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let seen = house.post("nonsense", "/mcp", &list, &[]).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    let origin = [("origin", "https://evil.example")];
    let seen = house.post(&agent, "/mcp", &list, &origin).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert_eq!(
        house.get(&agent, "/mcp").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let seen = house.post(&agent, "/mcp", &told, &[]).await;
    assert_eq!(seen.status, StatusCode::ACCEPTED);
    let seen = house.post(&agent, "/mcp", &list, &[]).await;
    assert_eq!(seen.body["result"]["tools"].as_array().unwrap().len(), 5);
}
