//! Who is told of what.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use velum_core::grant::{Event, EventKind};

use crate::config::secret::Secret;
use crate::identity::place::Place;

/// What somebody may want to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// Somebody asked.
    Requested,
    /// Somebody agreed.
    Approved,
    /// Somebody said no.
    Denied,
    /// Somebody ended it.
    Revoked,
    /// Its time is over, or nobody decided in time.
    Expired,
    /// An emergency, with an alarm.
    BreakGlass,
    /// A review is overdue.
    ReviewDue,
}

impl Occasion {
    /// All, as the configuration calls them.
    pub const ALL: [(&'static str, Self); 7] = [
        ("requested", Self::Requested),
        ("approved", Self::Approved),
        ("denied", Self::Denied),
        ("revoked", Self::Revoked),
        ("expired", Self::Expired),
        ("break-glass", Self::BreakGlass),
        ("review-due", Self::ReviewDue),
    ];

    /// What an event is an occasion for.
    pub fn of(event: &Event) -> Option<Self> {
        if event.alarm {
            return Some(Self::BreakGlass);
        }
        match event.kind {
            EventKind::Requested => Some(Self::Requested),
            EventKind::Approved => Some(Self::Approved),
            EventKind::Denied => Some(Self::Denied),
            EventKind::Revoked => Some(Self::Revoked),
            EventKind::Expired => Some(Self::Expired),
            EventKind::Overdue => Some(Self::ReviewDue),
            EventKind::Activated | EventKind::Withdrawn | EventKind::Used | EventKind::Reviewed => {
                None
            }
        }
    }

    /// The name in interfaces.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, occasion)| *occasion == self);
        found.map_or("", |(name, _)| name)
    }
}

/// `[[notify]]`
#[derive(Clone, Debug)]
pub struct Notify {
    /// Names it in lists.
    pub name: String,
    /// How, and where to.
    pub channel: Channel,
    /// Of what.
    pub occasions: BTreeSet<Occasion>,
    /// After so many attempts it is given up.
    pub attempts_most: u32,
    /// Between the first attempts.
    pub retry: Duration,
}

/// How somebody is told.
#[derive(Clone)]
pub enum Channel {
    /// A POST with a signature, as Standard Webhooks has it.
    Webhook {
        /// Where to.
        place: Place,
        /// Of the signature.
        secret: Secret,
        /// With which authorities.
        tls: Arc<rustls::ClientConfig>,
    },
    /// A POST as Slack, and who does as Slack does, takes it. Its address is a secret.
    Slack {
        /// Where to.
        place: Place,
        /// With which authorities.
        tls: Arc<rustls::ClientConfig>,
    },
    /// E-mail.
    Email(Email),
}

/// The address of a Slack channel is not shown.
impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook { .. } => "Webhook",
            Self::Slack { .. } => "Slack",
            Self::Email(_) => "Email",
        })
    }
}

/// How e-mail goes out.
#[derive(Clone)]
pub struct Email {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it speaks TLS.
    pub tls: MailTls,
    /// An authority in PEM, instead of those of this machine.
    pub ca: Option<Vec<u8>>,
    /// Who logs in.
    pub login: Option<(String, Secret)>,
    /// Who writes.
    pub from: String,
    /// Who reads, at least one.
    pub to: Vec<String>,
}

/// How a mail server speaks TLS; always verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// After STARTTLS, which has to succeed.
    StartTls,
    /// From the first byte.
    Wrapped,
    /// Not at all; only on loopback.
    Off,
}
