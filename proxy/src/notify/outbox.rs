//! What is to be told, and to whom.

use velum_core::time::Timestamp;

use super::message::Told;
use crate::config::Config;
use crate::config::model::Occasion;
use crate::store::events::Numbered;
use crate::store::notifications::{Delivery, Notification};
use crate::store::{StoreError, Tx};

/// Writes what these events call for, in the transaction that stored them.
///
/// # Errors
/// Those of the disk.
pub fn enqueue(
    tx: &Tx<'_>,
    config: &Config,
    events: &[Numbered],
    now: Timestamp,
) -> Result<(), StoreError> {
    for Numbered { sequence, event } in events {
        let Some(occasion) = Occasion::of(event) else {
            continue;
        };
        let wanted = config
            .notify
            .iter()
            .filter(|it| it.occasions.contains(&occasion));
        for target in wanted {
            let told = Told::new(
                event,
                config.api.as_ref().and_then(|api| api.url.as_deref()),
            );
            tx.enqueue(&Notification {
                id: format!("{sequence}-{}", target.name),
                target: target.name.clone(),
                occasion: occasion.as_str().to_owned(),
                document: serde_json::to_string(&told)?,
                created_at: event.at,
                due_at: now,
                attempts: 0,
                state: Delivery::Waiting,
                last_error: None,
            })?;
        }
    }
    Ok(())
}
