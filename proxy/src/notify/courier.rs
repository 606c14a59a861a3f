//! Delivers what is due, again and again, on the control thread.

use std::sync::Arc;
use std::time::Duration;

use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::time::Timestamp;

use super::message::{self, Told};
use super::{mail, webhook};
use crate::backoff;
use crate::config::Config;
use crate::config::model::{Channel, Notify};
use crate::grants::desk::Happened;
use crate::grants::{Desk, Failure};
use crate::observe::{self, Field};
use crate::store::Tx;
use crate::store::notifications::Notification;

/// How many are on their way at once.
const AT_ONCE: u32 = 8;
/// The longest wait between two attempts.
const RETRY_MOST: Duration = Duration::from_secs(3_600);
/// Where nothing is due.
const IDLE: Duration = Duration::from_secs(60);
/// Where the store is away.
const STORE_RETRY: Duration = Duration::from_secs(2);
/// How often it is noted what became of a delivery, until the store is there: otherwise it would be
/// delivered again.
const NOTED_MOST: u32 = 30;
/// What was delivered is kept so long for who looks.
const KEPT_NS: u64 = 30 * 24 * 3_600 * 1_000_000_000;

/// Runs for ever.
pub(crate) async fn run(desk: Arc<Desk>) {
    let mut news = desk.news();
    loop {
        let wait = match round(&desk).await {
            Ok(wait) => wait,
            Err(error) if error.is_passing() => STORE_RETRY,
            Err(error) => {
                let cause = error.to_string();
                observe::event("notifications-not-read", &[("cause", Field::Name(&cause))]);
                IDLE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = news.changed() => if changed.is_err() {
                return;
            },
            () = desk.notified() => {}
        }
    }
}

/// Delivers what is due now; how long nothing is then.
async fn round(desk: &Arc<Desk>) -> Result<Duration, Failure> {
    loop {
        let now = desk.now();
        let (is_due, next) = desk.look(move |tx| Ok(tx.due_notifications(now)?)).await?;
        let due = match is_due {
            true => desk.change(take).await?,
            false => Vec::new(),
        };
        if due.is_empty() {
            let wait = next.map(|next| Duration::from_micros(next.micros_since(desk.now())));
            return Ok(wait.map_or(IDLE, |wait| wait.min(IDLE)));
        }
        let config = desk.config();
        let tasks = due.into_iter().map(|notification| {
            let (desk, config) = (Arc::clone(desk), Arc::clone(&config));
            tokio::task::spawn_local(async move { deliver(&desk, &config, notification).await })
        });
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            // One that panicked has said so, and is due again.
            if let Ok(settled) = task.await {
                settled?;
            }
        }
    }
}

/// Those that are this gateway's to deliver, of all that share the store.
fn take(tx: &Tx<'_>, now: Timestamp) -> Result<(Vec<Notification>, Happened), Failure> {
    let taken = tx.take_notifications(now, AT_ONCE)?;
    Ok((taken, Happened::default()))
}

async fn deliver(
    desk: &Arc<Desk>,
    config: &Config,
    notification: Notification,
) -> Result<(), Failure> {
    let target = config
        .notify
        .iter()
        .find(|it| it.name == notification.target);
    let sent = match target {
        Some(target) => send(target, &notification).await,
        None => Err("the configuration names it no more".to_owned()),
    };
    let attempts = notification.attempts + 1;
    match sent {
        Ok(()) => {
            noted(desk, move |tx, now| {
                tx.notification_sent(&notification.id)?;
                tx.forget_notifications(Timestamp(now.0.saturating_sub(KEPT_NS)))?;
                Ok(Happened::default())
            })
            .await
        }
        Err(error) => {
            let again = target.filter(|target| attempts < target.attempts_most);
            let wait = again.map(|target| backoff::wait(attempts, target.retry, RETRY_MOST));
            fail(desk, notification, error, wait).await
        }
    }
}

/// Notes what became of a delivery, also where the store is away for a while.
async fn noted(
    desk: &Arc<Desk>,
    job: impl Fn(&Tx<'_>, Timestamp) -> Result<Happened, Failure> + Clone + Send + 'static,
) -> Result<(), Failure> {
    let mut attempts = 1;
    loop {
        let job = job.clone();
        let noted = desk.change(move |tx, now| Ok(((), job(tx, now)?))).await;
        match noted {
            Err(error) if error.is_passing() && attempts < NOTED_MOST => {
                attempts += 1;
                tokio::time::sleep(STORE_RETRY).await;
            }
            noted => return noted,
        }
    }
}

async fn fail(
    desk: &Arc<Desk>,
    notification: Notification,
    error: String,
    wait: Option<Duration>,
) -> Result<(), Failure> {
    let fields = [
        ("notification", Field::Name(&notification.id)),
        ("cause", Field::Name(&error)),
    ];
    match wait {
        None => observe::event("notification-given-up", &fields),
        Some(_) if notification.attempts == 0 => {
            observe::event("notification-not-delivered", &fields);
        }
        Some(_) => {}
    }
    noted(desk, move |tx, now| {
        let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let due = wait_ms.map(|wait_ms| now.after_ms(wait_ms));
        tx.notification_failed(&notification.id, &error, due)?;
        let given_up = Record {
            time: now,
            session: SessionId(0),
            identity: "".into(),
            resource: "".into(),
            body: Body::Administration {
                actor: "velum".to_owned(),
                event: "notification_given_up".to_owned(),
                subject: notification.id.clone(),
            },
        };
        Ok(Happened {
            records: if due.is_none() {
                vec![given_up]
            } else {
                vec![]
            },
            ..Happened::default()
        })
    })
    .await
}

async fn send(target: &Notify, notification: &Notification) -> Result<(), String> {
    let told: Result<Told, _> = serde_json::from_str(&notification.document);
    let told = told.map_err(|_| "the stored notification cannot be read".to_owned())?;
    match &target.channel {
        Channel::Webhook { place, secret, tls } => {
            let body = message::body(notification, &told).to_string().into_bytes();
            let at_s = observe::now().0 / 1_000_000_000;
            let signed = webhook::signature(secret.expose(), &notification.id, at_s, &body);
            let headers = [
                ("webhook-id", notification.id.as_str()),
                ("webhook-timestamp", &at_s.to_string()),
                ("webhook-signature", &signed),
            ];
            webhook::post(place, tls, body, &headers).await
        }
        Channel::Slack { place, tls } => {
            let body = message::slack(notification, &told).to_string().into_bytes();
            webhook::post(place, tls, body, &[]).await
        }
        Channel::Email(email) => {
            let subject = message::headline(notification, &told);
            let text = message::details(&told);
            mail::send(email, &notification.id, subject, text).await
        }
    }
}
