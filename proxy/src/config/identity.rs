//! `[[identity]]`

use velum_core::identity::spiffe::SpiffeId;
use velum_core::wire::postgres::handshake::ScramVerifier;

use super::api;
use super::model::*;
use super::oidc;
use super::reader::{Named, Section};
use super::recordings;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Scram,
    Certificate,
    Both,
    Oidc,
    Spiffe,
    Key,
    Trust,
}

/// Reads one `[[identity]]`.
pub(super) fn identity(section: &Section<'_>) -> Option<Identity> {
    let name = section.required_string("name");
    let methods = [
        ("scram", Method::Scram),
        ("certificate", Method::Certificate),
        ("scram+certificate", Method::Both),
        ("oidc", Method::Oidc),
        ("spiffe", Method::Spiffe),
        ("key", Method::Key),
        ("trust", Method::Trust),
    ];
    let method = section.required_choice("auth", &methods);
    let knowledge = knowledge(section, method);
    let tokens = oidc::oidc(section, method == Some(Method::Oidc));
    let spiffe_id = spiffe_id(section, method == Some(Method::Spiffe));
    let certificate_name = section.string("certificate_name");
    let access = access(section);
    if access.is_empty() && (section.has("access") || name.is_some()) {
        section.reporter.report_with_hint(
            section.span.clone(),
            "the identity may reach nothing",
            "add `access = { resource-name = \"policy-name\" }`",
        );
    }
    let name = name?;
    if name.get_ref() == "*" && method.is_some_and(|method| method != Method::Trust) {
        let message = "an identity that is anybody (`*`) can only be trusted";
        section
            .reporter
            .report_with_hint(name.span(), message, "name it, or use auth = \"trust\"");
    }
    let auth = match (method?, knowledge) {
        (Method::Spiffe, _) => Auth::Spiffe(spiffe_id?),
        (Method::Key, _) => Auth::Key,
        (Method::Oidc, _) => Auth::Oidc(tokens?),
        (Method::Scram, knowledge) => Auth::Scram(knowledge?),
        (Method::Both, knowledge) => Auth::ScramAndCertificate(knowledge?),
        (Method::Certificate, _) => Auth::Certificate,
        (Method::Trust, _) => Auth::Trust,
    };
    let name = name.into_inner();
    let certificate_name = certificate_name.map_or_else(|| name.clone(), |name| name.into_inner());
    Some(Identity {
        name,
        auth,
        certificate_name,
        access,
    })
}

/// The name of a policy, or a table with `policy` and what it takes besides.
fn access(section: &Section<'_>) -> Vec<Access> {
    let mut all = Vec::new();
    for (resource, value) in section.named("access") {
        let (policy, grant, record) = match value {
            Named::Text(policy) => (Some(policy), None, 0),
            Named::Section(section) => {
                let policy = section.required_string("policy");
                let grant = api::needed(&section);
                let record = recordings::share(&section);
                section.finish();
                (policy, grant, record)
            }
        };
        if let Some(policy) = policy {
            all.push(Access {
                resource: resource.into_inner(),
                policy: policy.into_inner(),
                grant,
                record,
            });
        }
    }
    all
}

/// `spiffe_id`: there with SPIFFE, and with nothing else.
fn spiffe_id(section: &Section<'_>, is_wanted: bool) -> Option<SpiffeId> {
    if !is_wanted {
        if let Some(value) = section.value("spiffe_id") {
            let message = "`spiffe_id` means nothing without `auth = \"spiffe\"`";
            section.reporter.report(value.span(), message);
        }
        return None;
    }
    let text = section.required_string("spiffe_id")?;
    match SpiffeId::read(text.get_ref()) {
        Ok(id) => Some(id),
        Err(error) => {
            section.reporter.report_with_hint(
                text.span(),
                error.to_string(),
                "write it as its certificate has it: `spiffe://prod.example/ns/ehr/sa/loader`",
            );
            None
        }
    }
}

/// The password or the verifier: exactly one where SCRAM is used, none elsewhere.
fn knowledge(section: &Section<'_>, method: Option<Method>) -> Option<Knowledge> {
    let password = section.secret("password");
    let verifier = section.secret("verifier");
    let given = (section.has("password"), section.has("verifier"));
    let wanted = match method? {
        Method::Scram | Method::Both => true,
        Method::Certificate | Method::Spiffe | Method::Oidc | Method::Key | Method::Trust => false,
    };
    let mistake = match (wanted, given) {
        (true, (false, false)) => "SCRAM needs a `password` or a `verifier`",
        (true, (true, true)) => "`password` and `verifier` exclude each other",
        (false, (true, _) | (_, true)) => "a password means nothing without SCRAM",
        _ => return known(section, password, verifier),
    };
    section.reporter.report(section.span.clone(), mistake);
    None
}

fn known(
    section: &Section<'_>,
    password: Option<super::Secret>,
    verifier: Option<super::Secret>,
) -> Option<Knowledge> {
    if let Some(password) = password {
        return Some(Knowledge::Password(password));
    }
    let verifier = verifier?;
    let text = std::str::from_utf8(verifier.expose()).unwrap_or_default();
    match ScramVerifier::parse(text) {
        Ok(_) => Some(Knowledge::Verifier(verifier)),
        Err(error) => {
            section.reporter.report_with_hint(
                section
                    .value("verifier")
                    .map_or(section.span.clone(), |value| value.span()),
                format!("{} holds no SCRAM verifier: {error}", verifier.origin()),
                "it looks like PostgreSQL's pg_authid.rolpassword",
            );
            None
        }
    }
}
