//! What an issuer says about whoever shows its token, once the token is verified.

use super::claims::{Claim, Claims};
use super::rejection::Rejection;
use super::token::is_subject;

/// Parties of a chain of delegation, at most.
pub const CHAIN: usize = 8;
/// Groups that an assertion may name, and bytes of each.
const GROUPS: usize = 1_024;
const GROUP_BYTES: usize = 256;

/// A token that was verified: its signature is right, and its issuer, audience and times are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `iss`, as the configuration spells it.
    pub issuer: String,
    /// `sub`: printable ASCII of at most 255 characters.
    pub subject: String,
    /// `aud`
    pub audience: Vec<String>,
    /// Of the claim that the configuration names.
    pub groups: Vec<String>,
    /// `exp`, in seconds since the Unix epoch.
    pub expires_s: u64,
    /// In whose name, over whom, by whom; empty where nobody acts for anybody else.
    pub chain: Vec<Party>,
    /// All that the token claims.
    pub claims: Claims,
}

/// Somebody in a chain of delegation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// `sub`, as that of an assertion.
    pub subject: String,
    /// `iss`; `None`: that of the token.
    pub issuer: Option<String>,
}

impl Assertion {
    /// The chain as a record has it: subjects, with their issuers where they have their own.
    pub fn chain_texts(&self) -> Vec<String> {
        let text = |party: &Party| match &party.issuer {
            Some(issuer) => format!("{} ({issuer})", party.subject),
            None => party.subject.clone(),
        };
        self.chain.iter().map(text).collect()
    }
}

/// The chain of delegation, from the one in whose name it is to the one who acts.
///
/// `act` (RFC 8693 section 4.1) makes the token's subject the first and the outermost actor the
/// last; `on_behalf_of` (also `on-behalf-of`) makes the token's subject the last.
pub(super) fn chain(subject: &str, claims: &Claims) -> Result<Vec<Party>, Rejection> {
    let mut origins = ["on_behalf_of", "on-behalf-of"]
        .iter()
        .filter_map(|name| claims.get(name));
    let this = Party {
        subject: subject.to_owned(),
        issuer: None,
    };
    match (claims.get("act"), origins.next(), origins.next()) {
        (None, None, _) => Ok(Vec::new()),
        (Some(act), None, _) => {
            let mut chain = nested(act, "act")?;
            chain.push(this);
            chain.reverse();
            bounded(chain)
        }
        (None, Some(Claim::Text(text)), None) => bounded(vec![party(text, None)?, this]),
        (None, Some(origin), None) => {
            let mut chain = nested(origin, "on_behalf_of")?;
            chain.reverse();
            chain.push(this);
            bounded(chain)
        }
        // Who would be first?
        _ => Err(Rejection::DelegationInvalid),
    }
}

/// An object with `sub`, perhaps `iss`, and perhaps another such object below `name`.
fn nested(outermost: &Claim, name: &str) -> Result<Vec<Party>, Rejection> {
    let mut parties = Vec::new();
    let mut next = Some(outermost);
    while let Some(claim) = next {
        let Claim::Object(members) = claim else {
            return Err(Rejection::DelegationInvalid);
        };
        let Some(Claim::Text(subject)) = members.get("sub") else {
            return Err(Rejection::DelegationInvalid);
        };
        let issuer = match members.get("iss") {
            None => None,
            Some(Claim::Text(issuer)) => Some(issuer.as_str()),
            Some(_) => return Err(Rejection::DelegationInvalid),
        };
        parties.push(party(subject, issuer)?);
        if parties.len() >= CHAIN {
            return Err(Rejection::DelegationLong);
        }
        next = members.get(name);
    }
    Ok(parties)
}

fn party(subject: &str, issuer: Option<&str>) -> Result<Party, Rejection> {
    if !is_subject(subject) || !issuer.is_none_or(is_subject) {
        return Err(Rejection::DelegationInvalid);
    }
    Ok(Party {
        subject: subject.to_owned(),
        issuer: issuer.map(str::to_owned),
    })
}

fn bounded(chain: Vec<Party>) -> Result<Vec<Party>, Rejection> {
    match chain.len() <= CHAIN {
        true => Ok(chain),
        false => Err(Rejection::DelegationLong),
    }
}

/// The groups at `path`: a text or a list of texts; none if there is no such claim.
pub(super) fn groups(path: &str, claims: &Claims) -> Result<Vec<String>, Rejection> {
    let groups = texts(claims.find(path)?).ok_or(Rejection::GroupsInvalid)?;
    let long = groups.iter().any(|group| group.len() > GROUP_BYTES);
    match groups.len() > GROUPS || long {
        true => Err(Rejection::GroupsInvalid),
        false => Ok(groups),
    }
}

/// A text or a list of texts as a list; `None` if the claim is anything else.
pub(super) fn texts(claim: Option<&Claim>) -> Option<Vec<String>> {
    let text = |claim: &Claim| match claim {
        Claim::Text(text) => Some(text.clone()),
        _ => None,
    };
    match claim {
        None => Some(Vec::new()),
        Some(Claim::List(items)) => items.iter().map(text).collect(),
        Some(one) => text(one).map(|text| vec![text]),
    }
}
