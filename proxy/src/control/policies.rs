//! Makes of a policy's configuration what core judges by, for one identity at one resource.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use velum_core::inspect::DetectorId;
use velum_core::mask::Strategy;
use velum_core::mask::transform::{
    Absent, Alphabet, CheckDigit, DateShift, Format, MasterKey, Normal, Purpose, TokenForm,
    TokenVault, Transform, TransformKey,
};
use velum_core::policy::{Glob, Messages, Policy, Rule, Selector};
use velum_detectors::Detector;

use crate::config::model::{self, TransformKind};

use super::guard;
use super::snapshot::Unusable;
use super::vault::Vault;

/// Whom a policy is for.
pub(crate) struct Scope<'a> {
    pub(crate) resource: &'a str,
    pub(crate) identity: &'a str,
    /// Where random tokens come from.
    pub(crate) vault: &'a Arc<Vault>,
}

/// The keys of a policy's transforms.
struct Keys<'a> {
    scope: &'a Scope<'a>,
    /// `None`: all who have the policy have them in common.
    identity: Option<&'a str>,
    master: Option<MasterKey>,
}

impl<'a> Keys<'a> {
    fn new(policy: &model::Policy, scope: &'a Scope<'a>) -> Result<Self, Unusable> {
        let master = policy.key.as_ref().map(|key| MasterKey::new(key.expose()));
        Ok(Self {
            scope,
            identity: match policy.key_scope {
                model::KeyScope::Identity => Some(scope.identity),
                model::KeyScope::Resource => None,
            },
            master: master
                .transpose()
                .map_err(|weak| Unusable(weak.to_string()))?,
        })
    }

    /// The key of a transform that has one.
    fn of(&self, kind: &TransformKind) -> Result<TransformKey, Unusable> {
        let master = self.master.as_ref().zip(kind.key_of());
        let (master, value_type) =
            master.ok_or_else(|| Unusable(format!("`{}` needs a key", kind.name())))?;
        Ok(master.derive(&Purpose {
            resource: self.scope.resource,
            identity: self.identity,
            transform: kind.name(),
            value_type,
        }))
    }
}

/// The policy for those in `scope`.
///
/// # Errors
/// What the configuration's own checks let through and core refuses.
pub(crate) fn policy(policy: &model::Policy, scope: &Scope<'_>) -> Result<Policy, Unusable> {
    let canonical = serde_json::to_vec(policy).map_err(|error| Unusable(error.to_string()))?;
    let sha256: [u8; 32] = Sha256::digest(canonical).into();
    if policy.exempt {
        let mut exempt = Policy::exempt();
        exempt.name = policy.name.clone();
        exempt.sha256 = sha256;
        exempt.guard = guard::guard(policy)?;
        return Ok(exempt);
    }
    let keys = Keys::new(policy, scope)?;
    let rules: Result<Vec<_>, _> = policy
        .rules
        .iter()
        .map(|rule| self::rule(rule, &keys))
        .collect();
    let content = policy.content.as_ref();
    let content = content
        .map(|content| strategy(&content.strategy, &keys))
        .transpose()?;
    let messages = match policy.messages {
        model::MessageMode::Strict => Messages::Strict,
        model::MessageMode::Scan => Messages::Scan,
    };
    let transforms = policy
        .content
        .iter()
        .flat_map(|content| &content.transforms);
    let transforms: Result<Vec<_>, Unusable> = transforms
        .map(|(name, kind)| {
            let detector = Detector::from_name(name)
                .ok_or_else(|| Unusable(format!("there is no detector `{name}`")))?;
            Ok((
                DetectorId(detector as u16),
                Arc::new(transform(kind, &keys)?),
            ))
        })
        .collect();
    let name = policy.name.clone();
    let mut built = Policy::new(name, rules?, content, messages, sha256);
    built.guard = guard::guard(policy)?;
    Ok(built.with_transforms(transforms?))
}

fn rule(rule: &model::Rule, keys: &Keys<'_>) -> Result<Rule, Unusable> {
    let selector = match &rule.selector {
        model::SelectorKind::Column(schema, table, column) => Selector::Column {
            schema: glob(schema)?,
            table: glob(table)?,
            column: glob(column)?,
        },
        model::SelectorKind::ColumnName(pattern) => Selector::ColumnName(glob(pattern)?),
        model::SelectorKind::SqlType(name) => Selector::SqlType(name.clone()),
    };
    Ok(Rule {
        name: rule.name.clone(),
        selector,
        strategy: strategy(&rule.strategy, keys)?,
    })
}

/// A pattern of names that the configuration has checked.
pub(super) fn glob(pattern: &String) -> Result<Glob, Unusable> {
    Glob::new(pattern).map_err(|error| Unusable(format!("`{pattern}`: {error}")))
}

fn strategy(strategy: &model::StrategyKind, keys: &Keys<'_>) -> Result<Strategy, Unusable> {
    Ok(match strategy {
        model::StrategyKind::Redact => Strategy::Redact,
        model::StrategyKind::Null | model::StrategyKind::Hidden => Strategy::Null,
        model::StrategyKind::Constant(text) => Strategy::Constant(text.clone().into_bytes()),
        model::StrategyKind::Partial {
            keep_first,
            keep_last,
        } => Strategy::Partial {
            keep_first: usize::from(*keep_first),
            keep_last: usize::from(*keep_last),
        },
        model::StrategyKind::Transform(kind) => {
            Strategy::Transform(Arc::new(transform(kind, keys)?))
        }
    })
}

fn transform(kind: &TransformKind, keys: &Keys<'_>) -> Result<Transform, Unusable> {
    Ok(match kind {
        TransformKind::Year => Transform::Year,
        TransformKind::Zip3 => Transform::Zip3,
        TransformKind::Age90 => Transform::Age90,
        TransformKind::EmailDomain => Transform::EmailDomain,
        TransformKind::LastFour => Transform::LastFour,
        TransformKind::Bucket(width) => Transform::Bucket(*width),
        TransformKind::Ff1 {
            alphabet, check, ..
        } => Transform::Ff1(Format {
            alphabet: match alphabet {
                model::Alphabet::Digits => Alphabet::Digits,
                model::Alphabet::Alphanumeric => Alphabet::Alphanumeric,
            },
            check: match check {
                model::CheckDigit::None => CheckDigit::None,
                model::CheckDigit::Luhn => CheckDigit::Luhn,
                model::CheckDigit::Npi => CheckDigit::Npi,
            },
            key: keys.of(kind)?,
        }),
        TransformKind::Hmac(token) => Transform::Hmac(form(token), keys.of(kind)?),
        TransformKind::Random(token) => {
            let opened = keys.scope.vault.open();
            opened.map_err(|error| Unusable(format!("tokens of `random`: {error}")))?;
            let vault: Arc<dyn TokenVault> = Arc::clone(keys.scope.vault) as _;
            Transform::Random(form(token), keys.of(kind)?, vault)
        }
        TransformKind::DateShift {
            days,
            subject,
            by_key,
        } => Transform::DateShift(DateShift {
            days_most: *days,
            subject: subject.as_str().into(),
            absent: match by_key {
                true => Absent::ShiftByKey,
                false => Absent::Mask,
            },
            key: keys.of(kind)?,
        }),
    })
}

fn form(token: &model::Token) -> TokenForm {
    TokenForm {
        prefix: token.prefix.as_str().into(),
        characters: token.characters,
        normal: Normal {
            folds_case: token.folds_case,
            digits_only: token.digits_only,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn key(key_scope: model::KeyScope, resource: &str, identity: &str) -> TransformKey {
        let policy = model::Policy {
            name: "any".to_owned(),
            exempt: false,
            messages: model::MessageMode::Strict,
            rules: Vec::new(),
            content: None,
            key: Some(Secret::new(vec![7; 32], "here")),
            key_scope,
            scope: None,
            begin: 0,
        };
        let scope = Scope {
            resource,
            identity,
            vault: &Arc::new(Vault::in_memory(1)),
        };
        let kind = TransformKind::Ff1 {
            value_type: "mrn".to_owned(),
            alphabet: model::Alphabet::Digits,
            check: model::CheckDigit::None,
        };
        let keys = Keys::new(&policy, &scope).unwrap();
        keys.of(&kind).unwrap()
    }

    #[test]
    fn identities_have_keys_of_their_own_unless_the_policy_says_otherwise() {
        use model::KeyScope::{Identity, Resource};
        assert!(key(Identity, "ehr", "agent") == key(Identity, "ehr", "agent"));
        assert!(key(Identity, "ehr", "agent") != key(Identity, "ehr", "clerk"));
        assert!(key(Resource, "ehr", "agent") == key(Resource, "ehr", "clerk"));
        assert!(key(Resource, "ehr", "agent") != key(Resource, "lab", "agent"));
    }

    #[test]
    fn a_keyed_transform_is_not_built_without_a_key() {
        let policy = model::Policy {
            name: "any".to_owned(),
            exempt: false,
            messages: model::MessageMode::Strict,
            rules: vec![model::Rule {
                name: "dates".to_owned(),
                selector: model::SelectorKind::SqlType("date".to_owned()),
                strategy: model::StrategyKind::Transform(TransformKind::DateShift {
                    days: 30,
                    subject: "id".to_owned(),
                    by_key: false,
                }),
                predicates: None,
                begin: 0,
            }],
            content: None,
            key: None,
            key_scope: model::KeyScope::Identity,
            scope: None,
            begin: 0,
        };
        let scope = Scope {
            resource: "ehr",
            identity: "agent",
            vault: &Arc::new(Vault::in_memory(1)),
        };
        assert!(super::policy(&policy, &scope).is_err());
    }
}
