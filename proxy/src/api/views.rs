//! What the API takes and shows. Times are RFC 3339 in UTC, lengths whole seconds.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use velum_core::grant::{Kind, Period, Scope};
use velum_core::time::Timestamp;

pub(crate) use super::people::sessions::{MeView, SessionView, WayView};
use super::problem::Problem;
use crate::observe::rfc3339;
use crate::store::events::Numbered;
use crate::store::grants::Stored;
use crate::store::keys::{ApiKey, Role};
use crate::store::machine_keys::MachineKeyRow;
use crate::store::notifications::{Delivery, Notification};
pub(crate) use crate::store::sessions::Way;

/// What sort of grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KindView {
    Standing,
    OneTime,
    #[default]
    Timed,
    BreakGlass,
}

impl From<KindView> for Kind {
    fn from(view: KindView) -> Self {
        match view {
            KindView::Standing => Self::Standing,
            KindView::OneTime => Self::OneTime,
            KindView::Timed => Self::Timed,
            KindView::BreakGlass => Self::BreakGlass,
        }
    }
}

/// A request for access.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGrant {
    /// The machine identity that is to have it.
    pub identity: String,
    /// On whose behalf it acts, the nearest first: none of these may approve.
    #[serde(default)]
    pub chain: Vec<String>,
    /// Name of the resource.
    pub resource: String,
    /// What sort.
    #[serde(default)]
    pub kind: KindView,
    /// Tables as `schema.table`; all that the policy allows if it is not given.
    #[serde(default)]
    pub tables: Option<BTreeSet<String>>,
    /// Columns as `schema.table.column`, for reading: no others of any table.
    #[serde(default)]
    pub columns: Option<BTreeSet<String>>,
    /// Kinds of commands, such as `select`.
    #[serde(default)]
    pub commands: Option<BTreeSet<String>>,
    /// SHA-256 of the one statement that is to run, in hexadecimal.
    #[serde(default)]
    pub statement_sha256: Option<String>,
    /// Not before; as soon as it is approved if it is not given.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub start: Option<String>,
    /// From its start, or else from the approval.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// Why. Identifiers of patients in it are masked before it is stored.
    pub reason: String,
    /// Reference to a ticket elsewhere.
    #[serde(default)]
    pub ticket: Option<String>,
}

/// An approval.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approve {
    /// Why. Identifiers of patients in it are masked before it is stored.
    pub rationale: String,
    /// Fewer tables than were asked for.
    #[serde(default)]
    pub tables: Option<BTreeSet<String>>,
    /// Fewer columns than were asked for.
    #[serde(default)]
    pub columns: Option<BTreeSet<String>>,
    /// Fewer commands than were asked for.
    #[serde(default)]
    pub commands: Option<BTreeSet<String>>,
    /// A later start than was asked for.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub start: Option<String>,
    /// Less time than was asked for.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// Any other decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    /// Why. Identifiers of patients in it are masked before it is stored.
    pub rationale: String,
}

/// A grant.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct GrantView {
    pub id: String,
    /// Counts its changes; also the ETag.
    pub version: u64,
    /// `requested`, `approved`, `active`, `expired`, `revoked`, `denied` or `withdrawn`
    pub state: String,
    /// `standing`, `one-time`, `timed` or `break-glass`
    pub kind: String,
    pub identity: String,
    pub chain: Vec<String>,
    pub requested_by: String,
    pub resource: String,
    pub policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<BTreeSet<String>>,
    /// SHA-256 of the one statement that may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_sha256: Option<String>,
    pub reason: String,
    pub ticket: Option<String>,
    #[schema(format = DateTime)]
    pub requested_at: String,
    /// As it was asked for, or has been narrowed to.
    #[schema(format = DateTime)]
    pub start: Option<String>,
    pub seconds: Option<u64>,
    /// How many have to agree.
    pub approvals_needed: u8,
    pub approvals: Vec<ApprovalView>,
    /// When it holds; there once it is decided.
    #[schema(format = DateTime)]
    pub from: Option<String>,
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// When a standing grant has to be reviewed.
    #[schema(format = DateTime)]
    pub review_by: Option<String>,
    /// That moment has passed: it holds no more until it is reviewed.
    pub is_overdue: bool,
    /// An emergency that somebody has to review.
    pub owes_review: bool,
    /// The session that a one-time grant let in.
    pub used_by: Option<String>,
    pub review: Option<ApprovalView>,
    /// Who ended it, and why; without a name: time passed.
    pub ended: Option<ApprovalView>,
}

/// What somebody decided.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ApprovalView {
    pub by: String,
    pub rationale: String,
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<&Stored> for GrantView {
    fn from(stored: &Stored) -> Self {
        let grant = &stored.grant;
        let request = &grant.request;
        let view = |by: &str, rationale: &str, at| ApprovalView {
            by: by.to_owned(),
            rationale: rationale.to_owned(),
            at: rfc3339(at),
        };
        let approvals = grant.approvals.iter();
        let review = grant.review.as_ref();
        let ended = grant.ended.as_ref();
        Self {
            id: grant.id.to_string(),
            version: stored.version,
            state: grant.state.as_str().to_owned(),
            kind: request.kind.as_str().to_owned(),
            identity: request.requester.identity.clone(),
            chain: request.requester.chain.clone(),
            requested_by: request.requester.by.clone(),
            resource: request.resource.clone(),
            policy: grant.scope.policy.clone(),
            tables: grant.scope.tables.clone(),
            columns: grant.scope.columns.clone(),
            commands: grant.scope.commands.clone(),
            statement_sha256: grant.scope.statement.map(String::from),
            reason: request.reason.clone(),
            ticket: request.ticket.clone(),
            requested_at: rfc3339(grant.requested_at),
            start: grant.window.start.map(rfc3339),
            seconds: grant.window.length_ms.map(|ms| ms / 1_000),
            approvals_needed: grant.needed(),
            approvals: approvals
                .map(|it| view(&it.by.id, &it.rationale, it.at))
                .collect(),
            from: grant.interval.map(|it| rfc3339(it.from)),
            until: grant.interval.and_then(|it| it.until).map(rfc3339),
            review_by: grant.review_by.map(rfc3339),
            is_overdue: grant.is_overdue,
            owes_review: grant.owes_review(),
            used_by: grant.used_by.clone(),
            review: review.map(|it| view(&it.by, &it.rationale, it.at)),
            ended: ended.map(|it| view(&it.by, &it.why, it.at)),
        }
    }
}

/// A page of grants, the newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct GrantPage {
    pub items: Vec<GrantView>,
    /// What to give as `after` for the next page; without it this is the last.
    pub next: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct EventView {
    pub sequence: u64,
    pub grant: String,
    /// `requested`, `approved`, `activated`, `denied`, `withdrawn`, `revoked`, `expired`, `used`,
    /// `overdue` or `reviewed`
    pub event: String,
    #[schema(format = DateTime)]
    pub at: String,
    pub identity: String,
    pub resource: String,
    /// Who did it; empty: time passed.
    pub who: String,
    pub why: String,
    pub what: String,
    /// Somebody has to hear of it at once.
    pub alarm: bool,
}

impl From<&Numbered> for EventView {
    fn from(Numbered { sequence, event }: &Numbered) -> Self {
        Self {
            sequence: *sequence,
            grant: event.grant.to_string(),
            event: event.kind.as_str().to_owned(),
            at: rfc3339(event.at),
            identity: event.identity.clone(),
            resource: event.resource.clone(),
            who: event.who.clone(),
            why: event.why.clone(),
            what: event.what.clone(),
            alarm: event.alarm,
        }
    }
}

/// A list that comes whole.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct All<T> {
    pub items: Vec<T>,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// The person or machine that it speaks for.
    pub owner: String,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// Groups that count for who may approve.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Identities that a requester may ask for; `["*"]` is any.
    #[serde(default)]
    pub identities: BTreeSet<String>,
    /// On whose behalf they act: these cannot approve what the owner asks for, nor the owner
    /// what these ask for.
    #[serde(default)]
    pub chain: Vec<String>,
    /// Until it expires; 90 days if it is not given.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// A key, without its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct KeyView {
    pub id: String,
    pub version: u64,
    pub owner: String,
    pub roles: BTreeSet<Role>,
    pub groups: BTreeSet<String>,
    /// `["*"]` is any.
    pub identities: BTreeSet<String>,
    pub chain: Vec<String>,
    pub created_by: String,
    /// Made at the machine itself for the first start: each use is audited.
    pub is_bootstrap: bool,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub expires_at: String,
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    /// To the minute.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    /// The key itself, in the first answer to the request that made it and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl From<&ApiKey> for KeyView {
    fn from(key: &ApiKey) -> Self {
        let bearer = &key.bearer;
        let any = || BTreeSet::from(["*".to_owned()]);
        Self {
            id: key.id.clone(),
            version: key.version,
            owner: bearer.owner.clone(),
            roles: bearer.roles.clone(),
            groups: bearer.groups.clone(),
            identities: bearer.identities.clone().unwrap_or_else(any),
            chain: bearer.chain.clone(),
            created_by: bearer.created_by.clone(),
            is_bootstrap: bearer.is_bootstrap,
            created_at: rfc3339(key.created_at),
            expires_at: rfc3339(key.expires_at),
            revoked_at: key.revoked_at.map(rfc3339),
            last_used_at: key.last_used_at.map(rfc3339),
            key: None,
        }
    }
}

/// A key by which an identity is to log in at its databases.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMachineKey {
    /// An identity of the configuration with `auth = "key"`.
    pub identity: String,
    /// What it is for.
    #[serde(default)]
    pub note: String,
    /// Until it expires; 90 days if it is not given.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// Such a key, without its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct MachineKeyView {
    pub id: String,
    pub version: u64,
    pub identity: String,
    pub note: String,
    pub created_by: String,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub expires_at: String,
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    /// To the minute.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    /// The key itself, in the first answer to the request that made it and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl From<&MachineKeyRow> for MachineKeyView {
    fn from(key: &MachineKeyRow) -> Self {
        Self {
            id: key.id.clone(),
            version: key.version,
            identity: key.identity.clone(),
            note: key.note.clone(),
            created_by: key.created_by.clone(),
            created_at: rfc3339(key.created_at),
            expires_at: rfc3339(key.expires_at),
            revoked_at: key.revoked_at.map(rfc3339),
            last_used_at: key.last_used_at.map(rfc3339),
            key: None,
        }
    }
}

/// A notification, without what it tells.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct NotificationView {
    /// The same at each attempt.
    pub id: String,
    /// Name of its `[[notify]]`.
    pub target: String,
    /// What it tells of.
    pub event: String,
    pub state: Delivery,
    pub attempts: u32,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it is tried next, while it waits.
    #[schema(format = DateTime)]
    pub due_at: Option<String>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

impl From<&Notification> for NotificationView {
    fn from(it: &Notification) -> Self {
        Self {
            id: it.id.clone(),
            target: it.target.clone(),
            event: it.occasion.clone(),
            state: it.state,
            attempts: it.attempts,
            created_at: rfc3339(it.created_at),
            due_at: (it.state == Delivery::Waiting).then(|| rfc3339(it.due_at)),
            last_error: it.last_error.clone(),
        }
    }
}

/// An identity of the configuration.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct IdentityView {
    pub name: String,
    pub access: Vec<AccessView>,
}

/// What an identity may reach.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AccessView {
    pub resource: String,
    pub policy: String,
    /// `required`: somebody has to agree first; `standing`: it may come at any time.
    pub grant: String,
    /// What happens without a grant: `refuse`, `request` or `wait`.
    pub on_missing: Option<String>,
}

/// A moment of a request.
pub(super) fn moment(name: &str, text: &str) -> Result<Timestamp, Problem> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok();
    let nanos = parsed.and_then(|time| u64::try_from(time.unix_timestamp_nanos()).ok());
    nanos.map(Timestamp).ok_or_else(|| {
        let detail = format!("`{name}` is no time by RFC 3339");
        Problem::unprocessable("time-malformed", detail)
            .with_hint("write it like 2026-11-27T06:00:00Z")
    })
}

/// Start and length of a request.
pub(super) fn window(start: Option<&str>, seconds: Option<u64>) -> Result<Period, Problem> {
    Ok(Period {
        start: start.map(|text| moment("start", text)).transpose()?,
        length_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
    })
}

/// What a request is about, under the policy that the configuration gives the identity.
pub(super) fn scope(new: &NewGrant, policy: &str, is_exempt: bool) -> Result<Scope, Problem> {
    let statement = new.statement_sha256.clone().map(TryInto::try_into);
    let statement = statement
        .transpose()
        .map_err(|wrong: &str| Problem::unprocessable("statement-malformed", wrong))?;
    let scope = Scope {
        policy: policy.to_owned(),
        tables: new.tables.clone(),
        columns: new.columns.clone(),
        commands: new.commands.clone(),
        statement,
    };
    let enforceable = crate::grants::is_enforceable(&scope, is_exempt);
    enforceable.map_err(|why| Problem::unprocessable("scope-not-enforceable", why.to_string()))?;
    Ok(scope)
}
