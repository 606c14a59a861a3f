//! Who a cookie stands for.
//!
//! A cookie has a name and a secret. When something is changed by it and it has not been
//! exchanged for a while, the browser is sent another secret; the one before holds until the
//! browser comes with the new one, and a moment longer for what was under way. Who comes with it
//! after that has a copy, and the session is over for both.

use std::collections::BTreeSet;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use velum_core::time::Timestamp;
use zeroize::Zeroizing;

use super::super::Api;
use super::super::principal::{Principal, Role, Shown};
use super::super::problem::Problem;
use super::cookie::{self, Jar, SameSite};
use super::open::{ID_LETTERS, covered, hash, opens};
use super::own_url;
use super::refusal::{self, Why, record};
use crate::config::Config;
use crate::grants::Failure;
use crate::grants::desk::Happened;
use crate::identity::code::random;
use crate::store::StoreError;
use crate::store::sessions::{Session, Way};

/// What a page has to send with a change: other sites cannot without being asked by the browser
/// whether they may, which is never answered.
pub(in crate::api) const HEADER: &str = "velum-request";
/// For so long a request that was under way may bring the secret before.
const LATE_MS: u64 = 10_000;
/// A use is noted at most this often: it is a write.
const NOTED_EVERY_MS: u64 = 60_000;

/// Name and secret of a cookie's value.
pub(super) fn parts(value: &str) -> Option<(&str, &str)> {
    let (id, secret) = value.split_once('.')?;
    let is_id = id.len() == ID_LETTERS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_secret = secret.len() == 43 && secret.is_ascii();
    (is_id && is_secret).then_some((id, secret))
}

/// Why there is nobody.
enum Shut {
    /// It is refused, and if there is a session it goes on.
    Refused(Why, Option<Box<Session>>),
    /// It is refused, and the session is over.
    Over(Why, Box<Session>),
    /// The store does not work.
    Failed(Problem),
}

impl From<Failure> for Shut {
    fn from(failure: Failure) -> Self {
        Shut::Failed(failure.into())
    }
}

/// Whom the cookie of a request stands for; `None`: it has none.
///
/// # Errors
/// 401 for a cookie that is good for nothing, 403 for a change that is not of the gateway's own
/// pages.
pub(in crate::api) async fn by_cookie(
    head: &Parts,
    api: &Api,
) -> Result<Option<Principal>, Problem> {
    let config = api.desk.config();
    let name = cookie::name(cookie::SESSION, &config);
    let entered = match cookie::values(&head.headers, &name)[..] {
        [] => return Ok(None),
        [value] => enter(value, head, api, &config).await,
        _ => Err(Shut::Refused(Why::CookieTwice, None)),
    };
    let (why, session) = match entered {
        Ok(principal) => return Ok(Some(principal)),
        Err(Shut::Failed(problem)) => return Err(problem),
        Err(Shut::Refused(why, session)) => (why, session),
        Err(Shut::Over(why, session)) => {
            end(api, &session, why, head).await?;
            (why, Some(session))
        }
    };
    let is_foreign = matches!(
        why,
        Why::CrossSite | Why::OriginMissing | Why::HeaderMissing
    );
    if let (false, Some(jar)) = (is_foreign, head.extensions.get::<Jar>()) {
        jar.put(&cookie::clear(cookie::SESSION, &config));
    }
    Err(refusal::shut(api, head, session.as_deref(), why).await)
}

async fn enter(value: &str, head: &Parts, api: &Api, config: &Config) -> Result<Principal, Shut> {
    let (id, secret) = parts(value).ok_or(Shut::Refused(Why::CookieMalformed, None))?;
    let wanted = id.to_owned();
    let found = api.desk.look(move |tx| Ok(tx.session(&wanted)?)).await?;
    let session = Box::new(found.ok_or(Shut::Refused(Why::SessionUnknown, None))?);
    let now = api.desk.now();
    let which = which(&session, secret, now);
    if which == Which::None {
        return Err(Shut::Refused(Why::CookieWrong, Some(session)));
    }
    if session.ended.is_some() {
        return Err(Shut::Refused(Why::SessionEnded, Some(session)));
    }
    if which == Which::Copy {
        return Err(Shut::Over(Why::CookieOld, session));
    }
    let roles = match in_force(&session, config, now) {
        Ok(roles) => roles,
        Err(why) => return Err(Shut::Over(why, session)),
    };
    let is_change = !matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if let (true, Err(why)) = (is_change, is_own(&head.headers, config)) {
        return Err(Shut::Refused(why, Some(session)));
    }
    let until = session
        .expires_at
        .min(session.used_at.after_ms(idle_ms(config)));
    let principal = principal(&session, roles, until, config);
    use_it(session, which, is_change, head, api, config).await?;
    Ok(principal)
}

/// Which of its secrets it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Current,
    Next,
    /// The one before, of a request that was under way.
    Late,
    /// The one before, long after; or one that was sent to another browser than the one that has
    /// gone on without it.
    Copy,
    None,
}

fn which(session: &Session, secret: &str, now: Timestamp) -> Which {
    let values = &session.values;
    if opens(&values.current, secret) {
        return Which::Current;
    }
    if values.next.is_some_and(|(next, _)| opens(&next, secret)) {
        return Which::Next;
    }
    if values.lost.is_some_and(|lost| opens(&lost, secret)) {
        return Which::Copy;
    }
    match values.last {
        Some((last, until)) if opens(&last, secret) => match now < until {
            true => Which::Late,
            false => Which::Copy,
        },
        _ => Which::None,
    }
}

/// What somebody may do by a session; or why it is over.
pub(in crate::api) fn in_force(
    session: &Session,
    config: &Config,
    now: Timestamp,
) -> Result<BTreeSet<Role>, Why> {
    if session.ended.is_some() {
        return Err(Why::SessionEnded);
    }
    if now >= session.expires_at {
        return Err(Why::SessionExpired);
    }
    if now >= session.used_at.after_ms(idle_ms(config)) {
        return Err(Why::SessionIdle);
    }
    covered(&session.holder, config).ok_or(Why::NotCovered)
}

fn idle_ms(config: &Config) -> u64 {
    u64::try_from(config.login.idle.as_millis()).unwrap_or(u64::MAX)
}

fn principal(
    session: &Session,
    roles: BTreeSet<Role>,
    until: Timestamp,
    config: &Config,
) -> Principal {
    let holder = &session.holder;
    let path = match holder.way {
        Way::Oidc => holder.issuer.clone(),
        Way::Saml => format!("saml/{}", holder.issuer),
    };
    Principal {
        // As tokens have it: it is one person, whichever way they come in.
        id: holder.subject.clone(),
        caller: format!("session:{}", session.id),
        roles,
        groups: holder.groups.iter().cloned().collect(),
        identities: None,
        chain: Vec::new(),
        until,
        shown: Some(Shown {
            proof: holder.proof.clone(),
            login: format!("{}/api/v1/login/{path}?prompt=login", own_url(config)),
        }),
    }
}

/// Has a page of the gateway's own caused this?
fn is_own(headers: &HeaderMap, config: &Config) -> Result<(), Why> {
    let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    let (site, from) = (text("sec-fetch-site"), text(header::ORIGIN.as_str()));
    if site.is_some_and(|site| site != "same-origin") {
        return Err(Why::CrossSite);
    }
    if from.is_some_and(|from| Some(from) != origin(own_url(config)).as_deref()) {
        return Err(Why::CrossSite);
    }
    if site.is_none() && from.is_none() {
        return Err(Why::OriginMissing);
    }
    match headers.contains_key(HEADER) {
        true => Ok(()),
        false => Err(Why::HeaderMissing),
    }
}

/// The origin of an address as browsers write it, RFC 6454 section 6.2.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?.to_ascii_lowercase();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(usual).unwrap_or(&authority);
    Some(format!("{scheme}://{authority}"))
}

/// Notes the use, and exchanges the secret where it is time.
async fn use_it(
    mut session: Box<Session>,
    which: Which,
    is_change: bool,
    head: &Parts,
    api: &Api,
    config: &Config,
) -> Result<(), Shut> {
    let now = api.desk.now();
    let noted_every_ms = NOTED_EVERY_MS.min(idle_ms(config) / 4);
    let mut is_noted = now < session.used_at.after_ms(noted_every_ms);
    let values = &mut session.values;
    if which == Which::Next {
        values.last = Some((values.current, now.after_ms(LATE_MS)));
        values.current = values.next.take().map_or(values.current, |(next, _)| next);
        values.since = now;
        is_noted = false;
    }
    let rotate_ms = u64::try_from(config.login.rotate.as_millis()).unwrap_or(u64::MAX);
    let is_due = now >= values.since.after_ms(rotate_ms);
    // Another answer may be on its way to the browser with a new secret.
    let is_sent = values
        .next
        .is_some_and(|(_, at)| now < at.after_ms(LATE_MS));
    let mut fresh: Option<Zeroizing<String>> = None;
    if which == Which::Current && is_change && is_due && !is_sent {
        let secret = random().map_err(|_| Failure::Closed)?;
        values.lost = values.next.map(|(next, _)| next).or(values.lost);
        values.next = Some((hash(&secret), now));
        fresh = Some(secret);
        is_noted = false;
    }
    if is_noted {
        return Ok(());
    }
    session.used_at = now;
    let id = session.id.clone();
    let touched = api.desk.change(move |tx, _| {
        let is_first = match tx.touch_session(&session) {
            Ok(()) => true,
            // Another request has done it a moment before.
            Err(StoreError::Conflict) => false,
            Err(error) => return Err(error.into()),
        };
        Ok((is_first, Happened::default()))
    });
    let is_first = touched.await?;
    if let (true, Some(secret), Some(jar)) = (is_first, fresh, head.extensions.get::<Jar>()) {
        let value = Zeroizing::new(format!("{id}.{}", *secret));
        jar.put(&cookie::set(
            cookie::SESSION,
            &value,
            SameSite::Lax,
            None,
            config,
        ));
    }
    Ok(())
}

/// Ends a session, once.
pub(super) async fn end(
    api: &Api,
    session: &Session,
    why: Why,
    head: &Parts,
) -> Result<(), Failure> {
    let event = match why {
        Why::LoggedOut => "logged_out",
        _ => "session_ended",
    };
    let record = record(event, Some(session), why.as_str(), head);
    let id = session.id.clone();
    let ended = api.desk.change(move |tx, now| {
        let records = match tx.end_session(&id, why.as_str(), now) {
            Ok(()) => vec![record],
            Err(StoreError::Conflict) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let happened = Happened {
            records,
            ..Happened::default()
        };
        Ok(((), happened))
    });
    ended.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_write_them() {
        for (url, expected) in [
            ("https://velum.example", "https://velum.example"),
            ("https://Velum.Example:443/velum", "https://velum.example"),
            ("https://velum.example:8443", "https://velum.example:8443"),
            ("http://127.0.0.1:6480", "http://127.0.0.1:6480"),
        ] {
            assert_eq!(origin(url).as_deref(), Some(expected));
        }
        assert_eq!(origin(""), None);
    }

    #[test]
    fn a_cookie_has_a_name_and_a_secret() {
        let secret = "a".repeat(43);
        assert!(parts(&format!("0123456789abcdef.{secret}")).is_some());
        for none in [
            String::new(),
            secret.clone(),
            format!("0123456789abcde.{secret}"),
            format!("0123456789abcdeg.{secret}"),
            format!("0123456789abcdef.{secret}a"),
            "0123456789abcdef.".to_owned(),
        ] {
            assert!(parts(&none).is_none(), "{none}");
        }
    }
}
