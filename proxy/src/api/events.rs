//! `/api/v1/events`: what happens, as it happens.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;
use tokio::sync::watch;

use super::Api;
use super::auth::is_in_force;
use super::grants::{grant_id, visible};
use super::people::door;
use super::principal::Principal;
use super::problem::Problem;
use super::views::{All, EventView};
use crate::grants::Failure;
use crate::store::events::Numbered;

/// Streams that one caller may have open.
const STREAMS_OF_ONE: usize = 8;
/// When to try again, who has too many.
const RETRY_AFTER_S: u64 = 10;
/// Events that are fetched at once.
const AT_ONCE: u32 = 100;
/// How often something is sent where nothing happens, so that nobody on the way hangs up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// All that happened to one grant.
#[utoipa::path(get, path = "/api/v1/grants/{id}/events", tag = "grants",
    params(("id" = String, Path)),
    responses((status = 200, body = All<EventView>), (status = "4XX", body = Problem)))]
pub(super) async fn of_grant(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<All<EventView>>, Problem> {
    let id = grant_id(&id)?;
    visible(&api, &principal, id).await?;
    let events = api.desk.look(move |tx| Ok(tx.events_of(id)?)).await?;
    let items = events.iter().map(EventView::from).collect();
    Ok(Json(All { items }))
}

/// A stream of server-sent events, from now on or behind `Last-Event-ID`. Who only asks hears of
/// their own identities. It ends when the key or the session does.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(("Last-Event-ID" = Option<u64>, Header)),
    responses((status = 200, body = EventView, content_type = "text/event-stream"),
        (status = "4XX", body = Problem)))]
pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    principal: Principal,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = api.streams.enter(&api, &principal.caller)?;
    let after = match headers.get("last-event-id") {
        Some(value) => {
            let number = value.to_str().ok().and_then(|text| text.parse().ok());
            number.ok_or_else(|| Problem::bad("`Last-Event-ID` is the number of an event"))?
        }
        None => api.desk.look(|tx| Ok(tx.last_event()?)).await?,
    };
    let listener = Listener {
        news: api.desk.news(),
        api,
        principal,
        after,
        queue: VecDeque::new(),
        _place: place,
    };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Listener {
    api: Arc<Api>,
    principal: Principal,
    after: u64,
    queue: VecDeque<Numbered>,
    news: watch::Receiver<u64>,
    _place: Place,
}

/// Streams that are open, by caller.
#[derive(Default)]
pub(super) struct Streams(Mutex<HashMap<String, usize>>);

/// One of them, until it is dropped.
struct Place {
    api: Arc<Api>,
    caller: String,
}

impl Streams {
    /// A place for one more of `caller`. Streams never take more than half of the connections:
    /// whoever decides and revokes finds one.
    fn enter(&self, api: &Arc<Api>, caller: &str) -> Result<Place, Problem> {
        let config = api.desk.config();
        let connections = config.api.as_ref().map_or(0, |api| api.connections);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.entry(caller.to_owned()).or_default();
        if *own >= STREAMS_OF_ONE || all >= connections / 2 {
            return Err(Problem::rate(RETRY_AFTER_S));
        }
        *own += 1;
        Ok(Place {
            api: Arc::clone(api),
            caller: caller.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let streams = self.api.streams.0.lock();
        let mut open = streams.unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.caller) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

impl Listener {
    /// The next event that the caller may hear of; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(numbered) = self.queue.pop_front() {
                if self.principal.sees(&numbered.event.identity) {
                    return sent(&numbered);
                }
            }
            let left = self.left()?;
            self.news.borrow_and_update();
            let fetched = self.fetch().await.ok()?;
            match fetched.last() {
                Some(last) => {
                    self.after = last.sequence;
                    self.queue.extend(fetched);
                }
                None => tokio::select! {
                    changed = self.news.changed() => changed.ok()?,
                    () = tokio::time::sleep(left) => return None,
                },
            }
        }
    }

    /// How long the caller's credential is good for; `None` if it is no longer.
    fn left(&self) -> Option<Duration> {
        let left = self.principal.until.micros_since(self.api.desk.now());
        (left > 0).then(|| Duration::from_micros(left))
    }

    async fn fetch(&self) -> Result<Vec<Numbered>, Failure> {
        let after = self.after;
        let caller = self.principal.caller.clone();
        let config = self.api.desk.config();
        let now = self.api.desk.now();
        let look = self.api.desk.look(move |tx| {
            if let Some(id) = caller.strip_prefix("key:") {
                let key = tx.key(id)?.filter(|key| is_in_force(key, now));
                key.ok_or(Failure::Unknown)?;
            }
            if let Some(id) = caller.strip_prefix("session:") {
                let session = tx.session(id)?;
                let holds = session.filter(|it| door::in_force(it, &config, now).is_ok());
                holds.ok_or(Failure::Unknown)?;
            }
            Ok(tx.events_after(after, AT_ONCE)?)
        });
        look.await
    }
}

fn sent(numbered: &Numbered) -> Option<Event> {
    let data = serde_json::to_string(&EventView::from(numbered)).ok()?;
    let event = Event::default().id(numbered.sequence.to_string());
    Some(event.event(numbered.event.kind.as_str()).data(data))
}
