//! What is masked, and which statements may run.

use serde::Serialize;
use velum_core::policy::guard::ProbeBudget;

use crate::config::secret::Secret;
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
