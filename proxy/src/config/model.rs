//! The configuration as the gateway uses it: checked, names resolved, secrets read.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use velum_core::grant::Terms;
use velum_core::identity::spiffe::SpiffeId;
use velum_core::identity::token::Algorithm;
use velum_core::policy::guard::ProbeBudget;

use super::secret::Secret;
use crate::identity::keys::KeySet;

/// A whole configuration without mistakes.
#[derive(Debug)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file's text.
    pub sha256: [u8; 32],
    /// `[gateway]`
    pub gateway: Gateway,
    /// `[[listener]]`, at least one.
    pub listeners: Vec<Listener>,
    /// `[audit]`
    pub audit: Audit,
    /// `[[issuer]]`, names and addresses unique.
    pub issuers: Vec<Issuer>,
    /// `[[identity]]`, names unique.
    pub identities: Vec<Identity>,
    /// `[[resource]]`, names unique.
    pub resources: Vec<Resource>,
    /// `[[policy]]`, names unique.
    pub policies: Vec<Policy>,
    /// `[limits]`
    pub limits: Limits,
    /// `[api]`, if there is one.
    pub api: Option<Api>,
    /// `[grants]`: who has to agree to new requests.
    pub grants: Terms,
}

/// How the data plane waits for the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// io_uring where the kernel lets us, epoll otherwise.
    Auto,
    /// io_uring or no start.
    IoUring,
    /// epoll.
    Epoll,
}

/// `[gateway]`
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Which driver.
    pub driver: Driver,
    /// Data threads; `None` is one a core.
    pub threads: Option<usize>,
    /// How long sessions may finish their work after SIGTERM.
    pub drain_timeout: Duration,
    /// Where keys that Velum makes for itself live, and random tokens.
    pub data_directory: PathBuf,
    /// Values that may have a random token, in all.
    pub random_tokens_most: usize,
    /// How often the catalogs of the databases are checked for changes.
    pub catalog_refresh: Duration,
    /// The longest that a receive in the middle of a bulk result waits for more; 0 is not at all.
    pub hold_off_most: Duration,
}

/// Must clients use TLS?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// It is not offered.
    Off,
    /// As the client likes.
    Optional,
    /// A client without it is refused.
    Required,
}

/// `[[listener]]`
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// Must clients use TLS?
    pub tls_mode: TlsMode,
    /// The certificate; there unless `tls_mode` is off.
    pub tls: Option<ServerTls>,
    /// Tokens may come without TLS; only on loopback.
    pub tokens_in_clear: bool,
}

/// The gateway's own end of TLS.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Certificate chain, key, client authorities and ALPN, ready for use.
    pub config: Arc<rustls::ServerConfig>,
    /// DER of the leaf certificate, for SCRAM's channel binding.
    pub leaf: Vec<u8>,
    /// Client certificates are asked for and verified.
    pub verifies_clients: bool,
    /// Whose workloads the client authorities may name.
    pub trust_domain: Option<String>,
}

/// What has to be on disk before a result byte leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditMode {
    /// The record of the statement.
    Durable,
    /// At most so much may be lost.
    Bounded {
        /// Age of the oldest record that is not on disk.
        within: Duration,
        /// Bytes of records that are not on disk.
        bytes: u64,
    },
}

/// `[audit]`
#[derive(Clone, Debug)]
pub struct Audit {
    /// Where the segments are.
    pub directory: PathBuf,
    /// What has to be on disk before a result byte leaves.
    pub mode: AuditMode,
    /// Key of the tokens; `None` is one that is made in the data directory.
    pub key: Option<Secret>,
    /// Size of one segment.
    pub segment_bytes: u64,
    /// What the log is called in its checkpoints; `None` is as before, or after its first key.
    pub origin: Option<String>,
    /// Key that signs checkpoints; `None` is one that is made in the data directory.
    pub signing_key: Option<Secret>,
    /// While keys are exchanged: the one before.
    pub previous_signing_key: Option<Secret>,
    /// Start though the log is not what its last checkpoint says. Of the command line.
    pub accepts_mismatch: bool,
}

/// What an identity must know: never in clear in what is written.
#[derive(Clone, Debug)]
pub enum Knowledge {
    /// A password in clear, as read from its credential.
    Password(Secret),
    /// PostgreSQL's `SCRAM-SHA-256$iterations:salt$stored:server`.
    Verifier(Secret),
}

/// How an identity proves itself.
#[derive(Clone, Debug)]
pub enum Auth {
    /// By SCRAM-SHA-256.
    Scram(Knowledge),
    /// By a TLS client certificate.
    Certificate,
    /// By both.
    ScramAndCertificate(Knowledge),
    /// By a TLS client certificate of a workload.
    Spiffe(SpiffeId),
    /// By a token of an issuer.
    Oidc(Oidc),
    /// Not at all; only on loopback listeners.
    Trust,
}

/// Whose tokens prove an identity, and what they have to claim.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// Name of the issuer.
    pub issuer: String,
    /// One of these has to be in the token's audience; empty: the issuer's list is enough.
    pub audiences: Vec<String>,
    /// All have to hold; at least one.
    pub claims: Vec<(String, ClaimValue)>,
    /// Sessions end when the token expires.
    pub ends_with_token: bool,
    /// How it comes in.
    pub token_by: TokenBy,
}

/// What a claim has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// This text.
    Text(String),
    /// A text that the pattern fits.
    Glob(String),
    /// This number.
    Whole(u64),
    /// This.
    Bool(bool),
}

/// How a token comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenBy {
    /// As a password in clear, over TLS.
    Password,
    /// By SASL OAUTHBEARER.
    OauthBearer,
}

/// `[[issuer]]`
#[derive(Clone, Debug)]
pub struct Issuer {
    /// What identities refer to.
    pub name: String,
    /// What `iss` has to be, byte by byte; its configuration is below it.
    pub url: String,
    /// One of these has to be in `aud`; at least one.
    pub audiences: Vec<String>,
    /// How its tokens may be signed; at least one.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may be apart.
    pub clock_skew: Duration,
    /// Where its keys come from.
    pub keys: IssuerKeys,
    /// Path of the claim that has groups.
    pub groups_claim: String,
    /// The scope that clients are told to ask for.
    pub scope: String,
    /// What members of groups may do by the API: group, role.
    pub roles: Vec<(String, String)>,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// A file that is read with the configuration.
    Fixed(KeySet),
    /// The issuer itself, as OpenID Connect Discovery says.
    Fetched {
        /// With which authorities.
        tls: Arc<rustls::ClientConfig>,
        /// They are fetched again after so long at the latest.
        ttl: Duration,
        /// They serve for so long where they cannot be.
        kept: Duration,
    },
}

/// Which policy holds for an identity at a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Name of the resource.
    pub resource: String,
    /// Name of the policy.
    pub policy: String,
    /// Somebody has to agree first; `None`: it is a standing access.
    pub grant: Option<GrantNeeded>,
}

/// What an access needs besides a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantNeeded {
    /// What happens to a client without one.
    pub on_missing: OnMissing,
    /// How long it is kept waiting.
    pub wait: Duration,
    /// For how long a request that is made in its place asks.
    pub wanted: Duration,
}

/// What happens to a client without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// It is refused.
    Refuse,
    /// It is refused, with the number of a request that was made in its place.
    Request,
    /// It waits until somebody decides about such a request.
    Wait,
}

/// `[api]`
#[derive(Clone, Debug)]
pub struct Api {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The certificate; there unless it listens on a loopback address.
    pub tls: Option<ServerTls>,
    /// Where people reach it, without a slash at the end; for messages.
    pub url: Option<String>,
    /// What one caller may ask, on average.
    pub requests_per_minute: u32,
    /// Longest body of a request.
    pub body_bytes: usize,
    /// Connections at once.
    pub connections: usize,
    /// From the first byte of a request to its answer.
    pub request_timeout: Duration,
}

/// `[[identity]]`
#[derive(Clone, Debug)]
pub struct Identity {
    /// What the client gives as its user; `*` is any.
    pub name: String,
    /// How it proves itself.
    pub auth: Auth,
    /// Name in the client's certificate.
    pub certificate_name: String,
    /// Resources that it may reach, at least one.
    pub access: Vec<Access>,
}

/// A name that is given, or whatever the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameOrAny {
    /// `*`
    Any,
    /// This one.
    Fixed(String),
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceAddress {
    /// Over TCP.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// Path of the Unix socket itself.
    Unix(PathBuf),
}

/// How much of the database's TLS is verified; libpq's `sslmode` of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamTlsMode {
    /// No TLS.
    Disable,
    /// TLS, but nobody is verified.
    Require,
    /// The certificate's authority is verified.
    VerifyCa,
    /// The authority and the name.
    VerifyFull,
}

/// Connections to a database that wait for the next client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// So many at once, on all threads.
    pub most: usize,
    /// So long each.
    pub idle: Duration,
}

/// `[[resource]]`
#[derive(Clone, Debug)]
pub struct Resource {
    /// What identities refer to; clients ask for it as their database.
    pub name: String,
    /// Where it is.
    pub address: ResourceAddress,
    /// Database at the server.
    pub database: NameOrAny,
    /// Role at the server.
    pub user: NameOrAny,
    /// Role of the gateway's own sessions, which read the catalog; `None` if `user` is any and
    /// no `catalog_user` is given.
    pub catalog_user: Option<String>,
    /// Changes of the catalog are looked for before every statement, not only now and then.
    pub checks_statements: bool,
    /// Connections to the database that outlive their clients; `None`: none does.
    pub reuse: Option<Reuse>,
    /// Connections to the database at once; `None`: any number.
    pub connections_most: Option<usize>,
    /// The database reads in `application_name` who is connected.
    pub stamps_identity: bool,
    /// How much of TLS is verified.
    pub tls_mode: UpstreamTlsMode,
    /// Ready for use; there unless `tls_mode` is disable.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Password of the role.
    pub password: Option<Secret>,
}

/// What stands in the place of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyKind {
    /// As many X.
    Redact,
    /// Characters at the ends stay.
    Partial {
        /// At the beginning.
        keep_first: u16,
        /// At the end.
        keep_last: u16,
    },
    /// A fixed text.
    Constant(String),
    /// NULL.
    Null,
    /// The column is not there for the client; where it comes all the same, NULL.
    Hidden,
    /// Something of the value is kept.
    Transform(TransformKind),
}

/// What is kept of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransformKind {
    /// The year of a date.
    Year,
    /// Three digits of a ZIP code.
    Zip3,
    /// Ages up to 89.
    Age90,
    /// The domain of an e-mail address.
    EmailDomain,
    /// The last four letters or digits.
    LastFour,
    /// A whole number, rounded down to a multiple of this.
    Bucket(u32),
    /// The form.
    Ff1 {
        /// What the values are.
        value_type: String,
        /// Which characters are encrypted.
        alphabet: Alphabet,
        /// What the last digit is.
        check: CheckDigit,
    },
    /// Which values are equal, by HMAC.
    Hmac(Token),
    /// Which values are equal, by tokens that are drawn at random.
    Random(Token),
    /// The days between dates of one subject.
    DateShift {
        /// By up to this many.
        days: u16,
        /// Column of the same table that says whose row it is.
        subject: String,
        /// All dates are shifted alike where a result does not have it.
        by_key: bool,
    },
}

impl TransformKind {
    /// The name that the configuration and the derivation of keys know it by.
    pub fn name(&self) -> &'static str {
        match self {
            TransformKind::Year => "year",
            TransformKind::Zip3 => "zip3",
            TransformKind::Age90 => "age90",
            TransformKind::EmailDomain => "email_domain",
            TransformKind::LastFour => "last_four",
            TransformKind::Bucket(_) => "bucket",
            TransformKind::Ff1 { .. } => "ff1",
            TransformKind::Hmac(_) => "hmac",
            TransformKind::Random(_) => "random",
            TransformKind::DateShift { .. } => "date_shift",
        }
    }

    /// What its key is of; `None`: it has none.
    pub fn key_of(&self) -> Option<&str> {
        match self {
            TransformKind::Ff1 { value_type, .. } => Some(value_type),
            TransformKind::Hmac(token) | TransformKind::Random(token) => Some(&token.value_type),
            // All dates of a subject are shifted alike.
            TransformKind::DateShift { .. } => Some("date"),
            _ => None,
        }
    }
}

/// Which characters are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// Digits.
    Digits,
    /// Digits and letters.
    Alphanumeric,
}

/// What the last digit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckDigit {
    /// One like the others.
    None,
    /// Luhn's.
    Luhn,
    /// That of a National Provider Identifier.
    Npi,
}

/// How a token is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// What the values are.
    pub value_type: String,
    /// Stands before it in text.
    pub prefix: String,
    /// Behind the prefix.
    pub characters: u8,
    /// Letters count the same in either case.
    pub folds_case: bool,
    /// Only digits count.
    pub digits_only: bool,
}

/// Who has keys of transforms in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// All identities with the policy, at one resource.
    Resource,
    /// Nobody: each identity has its own.
    Identity,
}

/// Which columns a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectorKind {
    /// Three patterns: schema, table, column.
    Column(String, String, String),
    /// A pattern of an output or base column's name, and of keys in JSON.
    ColumnName(String),
    /// Name of an SQL type.
    SqlType(String),
}

/// What may be learnt of masked columns by comparing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PredicateMode {
    /// Nothing.
    Refuse,
    /// Whether they equal a value that the client knows.
    Equality,
    /// Whatever a condition tells.
    Allow,
}

/// `[policy.scope]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// Keys of the commands that may run; `None`: those that hold where nothing is said.
    pub commands: Option<Vec<String>>,
    /// Two patterns each: schema, table; `None`: all.
    pub tables: Option<Vec<(String, String)>>,
    /// Patterns of functions' names that may be called; `None`: all, their results masked.
    pub functions: Option<Vec<String>>,
    /// Nothing may be written.
    pub read_only: bool,
    /// Role of the session.
    pub role: Option<String>,
    /// Time limit of statements.
    pub statement_timeout_ms: Option<u32>,
    /// Where a rule says nothing itself.
    pub predicates: PredicateMode,
    /// Every masked value is NULL, and no condition may be about one.
    pub hides_nulls: bool,
    /// Masked values may be written where no rule holds.
    pub copies: bool,
    /// How many values masked columns may be compared with; `None`: the default.
    #[serde(serialize_with = "probes")]
    pub probes: Option<ProbeBudget>,
    /// How much may be carried away; `None`: any amount.
    pub volume: Option<VolumeLimits>,
    /// Of fewer persons than this no aggregate is shown; `None`: of any number.
    pub small_cells: Option<u32>,
}

/// `scope.volume`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeLimits {
    /// Rows in a window; `None`: any number, as of the others.
    pub rows: Option<u64>,
    /// Bytes of the frames that hold them.
    pub bytes: Option<u64>,
    /// Different values of the subject columns.
    pub subjects: Option<u64>,
    /// Three patterns each: schema, table, column of what says whose row it is.
    pub subject_columns: Vec<(String, String, String)>,
    /// Length of a window in seconds.
    pub window_s: u32,
}

fn probes<S: serde::Serializer>(
    probes: &Option<ProbeBudget>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let numbers = probes.map(|budget| (budget.limit, budget.window_s));
    numbers.serialize(serializer)
}

/// `[[policy.rule]]`; one that lists several columns counts once for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Under which its masked cells are counted.
    pub name: String,
    /// Which columns.
    pub selector: SelectorKind,
    /// What stands in the place of a value.
    pub strategy: StrategyKind,
    /// What may be learnt of it; `None`: what the scope says.
    pub predicates: Option<PredicateMode>,
    /// Byte of the file at which it begins.
    #[serde(skip)]
    pub begin: usize,
}

/// Which detectors look at content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectorSet {
    /// All that are on by default.
    Standard,
    /// These, and names of persons and facilities in running text.
    Full,
    /// These.
    Named(Vec<String>),
    /// These, with names in running text.
    FullNamed(Vec<String>),
}

/// `content` of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Which detectors.
    pub detectors: DetectorSet,
    /// What stands in the place of a finding.
    pub strategy: StrategyKind,
    /// What is kept of what these detectors find in columns of tables.
    pub transforms: Vec<(String, TransformKind)>,
}

/// What becomes of errors' and notices' texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageMode {
    /// Whatever could quote a value is masked.
    Strict,
    /// They are scanned as content.
    Scan,
}

/// `[[policy]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// What identities refer to.
    pub name: String,
    /// Nothing is masked.
    pub exempt: bool,
    /// What becomes of errors' and notices' texts.
    pub messages: MessageMode,
    /// In order; the first that fits a column holds.
    pub rules: Vec<Rule>,
    /// What is looked for where no rule decides.
    pub content: Option<Content>,
    /// Which statements may run; `None`: all under a policy without rules, and what
    /// [`Guard::default`](velum_core::policy::guard::Guard) says under one with rules.
    pub scope: Option<Scope>,
    /// Byte of the file at which it begins.
    #[serde(skip)]
    pub begin: usize,
    /// From which the keys of its transforms are derived; there if one of them has any.
    #[serde(skip)]
    pub key: Option<Secret>,
    /// Who has them in common.
    pub key_scope: KeyScope,
}

/// `[limits]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions: usize,
    /// Connections at a time that have not authenticated yet.
    pub pre_auth: usize,
    /// Until the database has let us in.
    pub connect_timeout: Duration,
}

impl Config {
    /// The resource of this name.
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == name)
    }

    /// The issuer of this name.
    pub fn issuer(&self, name: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.name == name)
    }

    /// The policies that any identity has at a resource, by name.
    pub fn policies_at(&self, resource: &Resource) -> impl Iterator<Item = &Policy> {
        let accesses = self.identities.iter().flat_map(|it| &it.access);
        let here = accesses.filter(|access| access.resource == resource.name);
        let names: BTreeSet<&str> = here.map(|access| access.policy.as_str()).collect();
        names.into_iter().filter_map(|name| self.policy(name))
    }

    /// True if anything here is about grants or the API: both need the store.
    pub fn uses_store(&self) -> bool {
        let mut accesses = self.identities.iter().flat_map(|it| &it.access);
        self.api.is_some() || accesses.any(|access| access.grant.is_some())
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }
}
