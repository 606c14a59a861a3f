//! Why somebody is not let in. A browser is told one and the same; the audit log is told this.

use std::time::Instant;

use axum::http::StatusCode;
use axum::http::request::Parts;
use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::time::Timestamp;

use super::super::Api;
use super::super::auth::WRONG_PER_MINUTE;
use super::super::problem::Problem;
use super::address;
use crate::identity::code::Unredeemed;
use crate::identity::saml::Rejected;
use crate::observe;
use crate::store::sessions::Session;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// See the module's text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::api) enum Why {
            /// What came of the code.
            Code(Unredeemed),
            /// What came of a SAML response.
            Saml(Rejected),
            $($(#[$doc])* $name,)+
        }

        impl Why {
            /// What a record says.
            pub(super) fn as_str(self) -> &'static str {
                match self {
                    Why::Code(why) => why.as_str(),
                    Why::Saml(why) => why.as_str(),
                    $(Why::$name => $text,)+
                }
            }
        }
    };
}

reasons! {
    /// Two parsers could take different ones.
    ParameterTwice => "the answer has a parameter twice",
    /// An answer that nobody has asked for.
    StateMissing => "the answer does not say which log-in it is of",
    /// Made up, forgotten, or of before the last start.
    StateUnknown => "no such log-in is under way",
    /// The same answer again.
    StateReplayed => "the log-in was answered before",
    /// See `attempts::WITHIN`.
    StateExpired => "the log-in took too long",
    /// No cookie of the browser that has begun.
    BrowserMissing => "the browser has begun no log-in: its cookie is missing",
    /// A log-in of somebody else's browser, put into this one.
    BrowserOther => "another browser has begun the log-in",
    /// The answer came to the address of another issuer.
    IssuerMixed => "the answer came from another issuer than the log-in was begun at",
    /// `iss`, RFC 9207.
    IssuerOther => "the answer names another issuer",
    /// The issuer's configuration says that it names itself.
    IssuerMissing => "the answer does not name its issuer, which always does",
    /// `error`
    IssuerRefused => "the issuer has not let them in",
    /// Neither a code nor an error.
    CodeMissing => "the answer has no code",
    /// The issuer's configuration cannot be had.
    IssuerUnreachable => "the issuer cannot be reached",
    /// The configuration was reloaded in between.
    IssuerGone => "nobody logs in at this issuer any more",
    /// None of their groups does anything.
    NoRole => "none of their groups may do anything here",

    /// Not `name.secret`.
    CookieMalformed => "the cookie is malformed",
    /// Somebody has planted one.
    CookieTwice => "the browser has several cookies of the name",
    /// Made up, or over for long.
    SessionUnknown => "there is no such session",
    /// The name is right, the secret is not.
    CookieWrong => "the cookie's secret is wrong",
    /// A copy: its owner has a newer one.
    CookieOld => "the cookie was exchanged for another: somebody has a copy",
    /// Logged out, revoked, or found to be over before.
    SessionEnded => "the session has ended",
    /// `idle_timeout_ms`
    SessionIdle => "the session was not used for too long",
    /// `absolute_timeout_ms`
    SessionExpired => "the session has lasted too long",
    /// After a reload.
    NotCovered => "the configuration lets them do nothing any more",
    /// `Origin` or `Sec-Fetch-Site`.
    CrossSite => "another site has caused the change",
    /// Neither of them: no browser of these years.
    OriginMissing => "it is not known which site has caused the change",
    /// See `door::HEADER`.
    HeaderMissing => "the change lacks the header that other sites cannot send",

    /// By its owner.
    LoggedOut => "logged out",
    /// By an administrator.
    Revoked => "revoked",
    /// The same browser has another session now.
    Replaced => "logged in anew",
}

/// A log-in that is refused.
pub(super) struct Refusal {
    pub(super) why: Why,
    /// `oidc` or `saml`
    pub(super) way: &'static str,
    /// Name of the issuer; empty: not known.
    pub(super) issuer: String,
    /// Whom the issuer has named; empty: nobody.
    pub(super) actor: String,
}

impl Refusal {
    /// Records it, and gives what the browser is told.
    pub(super) async fn tell(self, api: &Api, parts: &Parts) -> Problem {
        let mut record = record("login_refused", None, self.why.as_str(), parts);
        if let Body::Login {
            way, issuer, actor, ..
        } = &mut record.body
        {
            self.way.clone_into(way);
            *issuer = self.issuer;
            *actor = self.actor;
        }
        let problem = Problem::new(
            StatusCode::FORBIDDEN,
            "login-refused",
            "the log-in was refused",
        );
        let hint = "begin again; who runs the gateway finds the reason in its audit log";
        noted(api, parts, record, problem.with_hint(hint)).await
    }
}

/// Records a session that is refused, and gives what the browser is told.
pub(super) async fn shut(api: &Api, parts: &Parts, session: Option<&Session>, why: Why) -> Problem {
    let record = record("session_refused", session, why.as_str(), parts);
    let is_foreign = matches!(
        why,
        Why::CrossSite | Why::OriginMissing | Why::HeaderMissing
    );
    let problem = match is_foreign {
        true => {
            let detail = "a change by a cookie takes this gateway's own pages";
            let hint = "send `velum-request: 1`, from the origin of the gateway itself";
            Problem::new(StatusCode::FORBIDDEN, "cross-site", detail).with_hint(hint)
        }
        false => Problem::unauthenticated("the session is not in force")
            .with_hint("log in again: GET /api/v1/login lists where"),
    };
    noted(api, parts, record, problem).await
}

/// Writes the record, unless the address has too many of them.
async fn noted(api: &Api, parts: &Parts, record: Record, problem: Problem) -> Problem {
    let now = Instant::now();
    let taken = api
        .rates
        .take_stranger("address", address(parts), WRONG_PER_MINUTE, now);
    if let Err(seconds) = taken {
        return Problem::rate(seconds);
    }
    // Refused it is in any case; a log that fails ends the gateway by itself.
    let _written = api.desk.append(vec![record]).await;
    problem
}

/// A record about a session, or about none yet.
pub(super) fn record(
    event: &str,
    session: Option<&Session>,
    reason: &str,
    parts: &Parts,
) -> Record {
    record_at(
        event,
        session,
        reason,
        &address(parts).to_string(),
        observe::now(),
    )
}

/// The same of an address and a moment.
pub(super) fn record_at(
    event: &str,
    session: Option<&Session>,
    reason: &str,
    client_address: &str,
    time: Timestamp,
) -> Record {
    let holder = session.map(|session| &session.holder);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Record {
        time,
        session: SessionId(0),
        identity: "".into(),
        resource: "".into(),
        body: Body::Login {
            event: event.to_owned(),
            way: text(holder.map(|holder| holder.way.as_str())),
            issuer: text(holder.map(|holder| holder.issuer.as_str())),
            actor: text(holder.map(|holder| holder.subject.as_str())),
            session: text(session.map(|session| session.id.as_str())),
            client_address: client_address.to_owned(),
            reason: reason.to_owned(),
        },
    }
}
