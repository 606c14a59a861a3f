//! Records that are rows by themselves: keys, configurations, runs, and the log itself.

use std::sync::Arc;

use velum_core::audit::custody::{Act, Custody};
use velum_core::audit::record::{Body, Record};

use super::{Join, hex};
use crate::audit::export::row::{Kind, Row, Value};
use crate::observe::rfc3339;

/// See the module's text.
pub(super) struct Admin;

impl Join for Admin {
    fn tell(&mut self, sequence: u64, record: &Record, out: &mut dyn FnMut(Row)) {
        let Some([event, actor, subject, detail]) = told(&record.body) else {
            return;
        };
        let values = vec![
            Value::Number(sequence),
            Value::Time(record.time),
            Value::text(event),
            Value::text(actor),
            Value::text(subject),
            Value::text(detail),
        ];
        out(Row {
            kind: Kind::Admin,
            begin: record.time,
            end: record.time,
            identity: Arc::clone(&record.identity),
            resource: Arc::clone(&record.resource),
            values,
        });
    }

    fn end(&mut self, _out: &mut dyn FnMut(Row)) {}
}

/// Event, actor, subject and detail.
fn told(body: &Body) -> Option<[String; 4]> {
    let none = String::new;
    Some(match body {
        Body::Administration {
            actor,
            event,
            subject,
        } => [event.clone(), actor.clone(), subject.clone(), none()],
        Body::ConfigurationLoaded { sha256 } => [
            "configuration_loaded".to_owned(),
            none(),
            hex(sha256),
            none(),
        ],
        Body::Gateway { event } => [format!("gateway_{event}"), none(), none(), none()],
        Body::SigningKey { key, previous } => {
            let before = previous.as_ref();
            let before = before.map_or(String::new(), |before| format!("beside {before}"));
            ["signing_key".to_owned(), none(), key.clone(), before]
        }
        Body::CheckpointOverruled { cause } => [
            "checkpoint_overruled".to_owned(),
            none(),
            none(),
            cause.clone(),
        ],
        Body::Custody(custody) => of_custody(custody),
        _ => return None,
    })
}

fn of_custody(custody: &Custody) -> [String; 4] {
    let (subject, detail) = match &custody.act {
        Act::Taken { what, scope } => (what.clone(), scope.clone()),
        Act::Held {
            hold,
            identity,
            resource,
            from,
            until,
            why,
        } => {
            let any = |name: &str| if name.is_empty() { "any" } else { name }.to_owned();
            let scope = format!(
                "identity {}, resource {}, {} to {}",
                any(identity),
                any(resource),
                rfc3339(*from),
                rfc3339(*until)
            );
            (hold.clone(), format!("{scope}: {why}"))
        }
        Act::Released { hold, why } => (hold.clone(), why.clone()),
        Act::Expired {
            segments, terms, ..
        } => {
            let runs = segments
                .iter()
                .map(|it| format!("{}-{}", it.first, it.last));
            (runs.collect::<Vec<_>>().join(" "), terms.clone())
        }
    };
    let event = custody.act.as_str().to_owned();
    [event, custody.actor.clone(), subject, detail]
}
