//! How a notification reads.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use velum_core::grant::Event;

use crate::observe::rfc3339;
use crate::store::notifications::Notification;

/// What is told of an event. Reason and rationale were masked when they were stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The grant.
    pub grant: String,
    /// When.
    pub at: String,
    /// What happened.
    pub event: String,
    /// Whose access it is.
    pub identity: String,
    /// To what.
    pub resource: String,
    /// Who did it; empty: nobody, time passed.
    pub actor: String,
    /// Why, in their words.
    pub why: String,
    /// What was decided.
    pub what: String,
    /// Somebody has to hear of it at once.
    pub alarm: bool,
    /// Where it can be looked at, by who may.
    pub url: Option<String>,
}

impl Told {
    /// Of an event; `base` is where people reach the API.
    pub fn new(event: &Event, base: Option<&str>) -> Self {
        let grant = event.grant.to_string();
        Self {
            at: rfc3339(event.at),
            event: event.kind.as_str().to_owned(),
            identity: event.identity.clone(),
            resource: event.resource.clone(),
            actor: event.who.clone(),
            why: plain(&event.why),
            what: plain(&event.what),
            alarm: event.alarm,
            url: base.map(|base| format!("{base}/api/v1/grants/{grant}")),
            grant,
        }
    }
}

/// The body of a webhook.
pub fn body(notification: &Notification, told: &Told) -> Value {
    json!({
        "type": format!("grant.{}", notification.occasion),
        "timestamp": told.at,
        "data": told,
    })
}

/// One line that says it all.
pub fn headline(notification: &Notification, told: &Told) -> String {
    let mark = if told.alarm { "ALARM: " } else { "" };
    let by = match told.actor.as_str() {
        "" => String::new(),
        actor => format!(" by {actor}"),
    };
    let line = format!(
        "{mark}{}: {} to {}{by} ({})",
        notification.occasion, told.identity, told.resource, told.grant
    );
    plain(&line)
}

/// The lines below that.
pub fn details(told: &Told) -> String {
    let lines = [
        ("why", told.why.as_str()),
        ("what", told.what.as_str()),
        ("at", told.at.as_str()),
        ("see", told.url.as_deref().unwrap_or_default()),
    ];
    let lines = lines.into_iter().filter(|(_, text)| !text.is_empty());
    let lines = lines.map(|(name, text)| format!("{name}: {}\n", plain(text)));
    lines.collect()
}

/// Slack's own form: what others wrote is text, and neither markup nor a mention.
pub fn slack(notification: &Notification, told: &Told) -> Value {
    let text = format!("{}\n{}", headline(notification, told), details(told));
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    json!({ "text": text, "mrkdwn": false, "unfurl_links": false })
}

/// On one line.
fn plain(text: &str) -> String {
    let kept = |char: char| if char.is_control() { ' ' } else { char };
    text.chars().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::notifications::Delivery;
    use velum_core::time::Timestamp;

    #[test]
    fn what_others_wrote_is_text() {
        let told = Told {
            grant: "gr_1".to_owned(),
            at: "2026-01-01T00:00:00.000Z".to_owned(),
            event: "requested".to_owned(),
            identity: "agent".to_owned(),
            resource: "ehr".to_owned(),
            actor: "dora\r\nBcc: eve@example.org".to_owned(),
            why: "<!channel> *now*\n<https://evil.example|approve>".to_owned(),
            what: String::new(),
            alarm: true,
            url: None,
        };
        let notification = Notification {
            id: "1-x".to_owned(),
            target: "x".to_owned(),
            occasion: "break-glass".to_owned(),
            document: String::new(),
            created_at: Timestamp(0),
            due_at: Timestamp(0),
            attempts: 0,
            state: Delivery::Waiting,
            last_error: None,
        };
        let headline = headline(&notification, &told);
        assert!(headline.starts_with("ALARM: break-glass: agent to ehr by dora  Bcc:"));
        assert!(!headline.contains(['\r', '\n']));
        let slack = slack(&notification, &told);
        let text = slack["text"].as_str().unwrap_or_default();
        assert!(
            !text.contains('<') && text.contains("&lt;!channel&gt;"),
            "{text}"
        );
        assert_eq!(details(&told).lines().count(), 2);
    }
}
