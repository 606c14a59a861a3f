//! The keys of an `[[identity]]` that proves itself by tokens.

use toml::Spanned;
use toml::de::DeValue;
use velum_core::policy::Glob;

use super::model::*;
use super::reader::Section;

/// Claims that are held to what the `[[issuer]]` says, or that say nothing of who somebody is.
const NOT_OURS: &[&str] = &["iss", "aud", "exp", "nbf", "iat", "jti"];

/// Reads them. Where the identity proves itself in another way, none of them may be there.
pub(super) fn oidc(section: &Section<'_>, is_oidc: bool) -> Option<Oidc> {
    if !is_oidc {
        for key in [
            "issuer",
            "audiences",
            "claims",
            "end_with_token",
            "token_by",
        ] {
            if let Some(value) = section.value(key) {
                let message = format!("`{key}` means nothing without `auth = \"oidc\"`");
                section.reporter.report(value.span(), message);
            }
        }
        return None;
    }
    let issuer = section.required_string("issuer");
    let audiences = section.strings("audiences");
    let ends_with_token = !section.has("end_with_token") || section.boolean("end_with_token");
    let ways = [
        ("password", TokenBy::Password),
        ("oauthbearer", TokenBy::OauthBearer),
    ];
    let token_by = section.choice("token_by", &ways, TokenBy::Password);
    let claims = claims(section);
    Some(Oidc {
        issuer: issuer?.into_inner(),
        audiences: audiences.into_iter().map(Spanned::into_inner).collect(),
        claims: claims?,
        ends_with_token,
        token_by,
    })
}

fn claims(section: &Section<'_>) -> Option<Vec<(String, ClaimValue)>> {
    let entries = section.entries("claims");
    if entries.is_empty() {
        section.reporter.report_with_hint(
            section
                .value("claims")
                .map_or(section.span.clone(), |value| value.span()),
            "every token of the issuer would be this identity",
            "say which: `claims = { sub = \"…\" }`",
        );
        return None;
    }
    let mut claims = Vec::new();
    let mut is_whole = true;
    for (name, value) in entries {
        if NOT_OURS.contains(&name.get_ref().as_str()) {
            let message = format!(
                "`{}` does not tell one identity from others",
                name.get_ref()
            );
            let hint = "`iss` is what `issuer` says, `aud` what `audiences` says";
            section
                .reporter
                .report_with_hint(name.span(), message, hint);
            is_whole = false;
            continue;
        }
        match claim(section, &name, value) {
            Some(claim) => claims.push((name.into_inner(), claim)),
            None => is_whole = false,
        }
    }
    is_whole.then_some(claims)
}

fn claim(
    section: &Section<'_>,
    name: &Spanned<String>,
    value: &Spanned<DeValue<'_>>,
) -> Option<ClaimValue> {
    match value.get_ref() {
        DeValue::String(text) => return Some(ClaimValue::Text(text.clone().into_owned())),
        DeValue::Boolean(value) => return Some(ClaimValue::Bool(*value)),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            if let Ok(number) = u64::from_str_radix(&digits, number.radix()) {
                return Some(ClaimValue::Whole(number));
            }
        }
        DeValue::Table(table) => {
            if let (1, Some(pattern)) = (table.len(), table.get("glob"))
                && let Some(text) = pattern.get_ref().as_str()
            {
                return glob(section, pattern, text);
            }
        }
        _ => {}
    }
    section.reporter.report_with_hint(
        value.span(),
        format!(
            "`{}` must be a text, a number from 0, true, false or a pattern",
            name.get_ref()
        ),
        "a pattern is written `{ glob = \"refs/heads/release-*\" }`; a path with dots has quotes \
         around it: `\"kubernetes.io.namespace\"`",
    );
    None
}

fn glob(section: &Section<'_>, pattern: &Spanned<DeValue<'_>>, text: &str) -> Option<ClaimValue> {
    match Glob::in_case(text) {
        Ok(_) => Some(ClaimValue::Glob(text.to_owned())),
        Err(error) => {
            section.reporter.report(pattern.span(), error.to_string());
            None
        }
    }
}
