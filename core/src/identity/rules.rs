//! Which identity an assertion is: the claims that an identity asks for, and exactly one identity
//! that they fit.

use super::assertion::Assertion;
use super::claims::Claim;
use super::rejection::Rejection;
use crate::policy::Glob;

/// What a claim has to be. Types count: `"1"` is not `1`.
#[derive(Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This text, byte by byte.
    Text(String),
    /// A text that the pattern fits, in the same case. `*` stands for any characters.
    Pattern(Glob),
    /// This number.
    Whole(u64),
    /// This.
    Bool(bool),
}

impl Wanted {
    /// A list fits if one of its items does. Nothing fits what is missing.
    fn fits(&self, claim: &Claim) -> bool {
        match (self, claim) {
            (_, Claim::List(items)) => items.iter().any(|item| self.fits_item(item)),
            (_, claim) => self.fits_item(claim),
        }
    }

    fn fits_item(&self, claim: &Claim) -> bool {
        match (self, claim) {
            (Wanted::Text(wanted), Claim::Text(text)) => wanted == text,
            (Wanted::Pattern(pattern), Claim::Text(text)) => pattern.matches(text.as_bytes()),
            (Wanted::Whole(wanted), Claim::Whole(number)) => wanted == number,
            (Wanted::Bool(wanted), Claim::Bool(value)) => wanted == value,
            _ => false,
        }
    }
}

/// One claim that an identity asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimRule {
    /// See [`super::claims::Claims::find`].
    pub path: String,
    /// What has to be there.
    pub wanted: Wanted,
}

/// An identity that proves itself by a token.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The user name that it has to ask for.
    pub name: String,
    /// One of these has to be in the token's audience; empty: the issuer's own list is enough.
    pub audiences: Vec<String>,
    /// All of these have to hold; at least one.
    pub claims: Vec<ClaimRule>,
    /// Its sessions end when the token expires.
    pub ends_with_token: bool,
}

impl TokenIdentity {
    fn is(&self, assertion: &Assertion) -> Result<bool, Rejection> {
        let mut is_it = !self.claims.is_empty();
        if !self.audiences.is_empty() {
            is_it &= self
                .audiences
                .iter()
                .any(|it| assertion.audience.contains(it));
        }
        for rule in &self.claims {
            let claim = assertion.claims.find(&rule.path)?;
            is_it &= claim.is_some_and(|claim| rule.wanted.fits(claim));
        }
        Ok(is_it)
    }
}

/// The identity among those of one issuer that an assertion is, if it is the one that was asked
/// for. Claims that fit two identities are nobody's: which rights they give would hang on a name
/// that the client chose.
///
/// # Errors
/// [`Rejection::IdentityNone`], [`Rejection::IdentitiesSeveral`], [`Rejection::IdentityOther`],
/// [`Rejection::ClaimAmbiguous`].
pub fn choose<'i>(
    identities: &'i [TokenIdentity],
    asked: &str,
    assertion: &Assertion,
) -> Result<&'i TokenIdentity, Rejection> {
    let mut found = None;
    for identity in identities {
        if !identity.is(assertion)? {
            continue;
        }
        if found.is_some() {
            return Err(Rejection::IdentitiesSeveral);
        }
        found = Some(identity);
    }
    let found = found.ok_or(Rejection::IdentityNone)?;
    match found.name == asked {
        true => Ok(found),
        false => Err(Rejection::IdentityOther),
    }
}
