//! What logs in at a database: a secret that is read with the file, or one that is somewhere else
//! and may change while the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use super::model::{Credential, VaultReference};
use super::reader::Section;
use super::tls;
use crate::identity::place::Place;
use crate::store::secrets;

/// Bounds of how often a value is read again, and how often it is if nobody says.
const SECOND_MS: u64 = 1_000;
const DAY_MS: u64 = 86_400_000;
const REFRESH_MS: u64 = 300_000;

impl Section<'_> {
    /// As [`Section::secret`], and besides `{ sealed = … }` or `{ vault = { … } }`.
    pub(super) fn credential(&self, key: &'static str) -> Option<Credential> {
        let section = self.not_inline(key)?;
        let plain = ["file", "env", "systemd", "command"];
        let is_plain = plain.into_iter().any(|it| section.has(it));
        let elsewhere = [section.has("sealed"), section.has("vault")];
        match (is_plain, elsewhere) {
            (false, [true, false]) => {
                let name = section.required_string("sealed");
                section.finish();
                let name = name?;
                if let Err(reason) = secrets::check_name(name.get_ref()) {
                    self.reporter.report(name.span(), reason);
                    return None;
                }
                Some(Credential::Sealed(name.into_inner()))
            }
            (false, [false, true]) => {
                let vault = section.section("vault");
                section.finish();
                let vault = vault?;
                let reference = reference(&vault);
                vault.finish();
                reference.map(Arc::new).map(Credential::Vault)
            }
            (true, [true, _] | [_, true]) | (false, [true, true]) => {
                let message = format!("`{key}` names several places; one has to hold the secret");
                self.reporter.report(section.span.clone(), message);
                None
            }
            (_, [false, false]) => {
                let (span, source) = self.source(key, &section, ", `sealed`, `vault`")?;
                self.readable(span, source.read_now())
                    .map(Credential::Known)
            }
        }
    }
}

/// `vault = { address, path, field, token, ca, namespace, refresh_ms }`
fn reference(section: &Section<'_>) -> Option<VaultReference> {
    let address = section.required_string("address");
    let path = section.required_string("path");
    let field = section.string("field").map(toml::Spanned::into_inner);
    let namespace = section.string("namespace").map(toml::Spanned::into_inner);
    let refresh_ms = section.integer("refresh_ms", SECOND_MS..=DAY_MS, REFRESH_MS);
    let token = section.require("token").and_then(|()| {
        let table = section.not_inline("token")?;
        section.source("token", &table, "")
    });
    let tls = tls::issuer(section);
    if field.is_none()
        && let Some(value) = section.value("refresh_ms")
    {
        let message = "`refresh_ms` means nothing without `field`: a lease says when it ends";
        section.reporter.report(value.span(), message);
    }
    let (address, path) = (address?, path?);
    let trimmed = address.get_ref().trim_end_matches('/').to_owned();
    if let Err(reason) = Place::read(&trimmed) {
        section.reporter.report_with_hint(
            address.span(),
            format!("`{}`: {reason}", address.get_ref()),
            "write it as VAULT_ADDR has it, such as `https://vault.example.org:8200`",
        );
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    let parts = path.get_ref().split('/');
    let is_path = path.get_ref().bytes().all(plain)
        && parts.clone().count() > 1
        && parts.clone().all(|part| !matches!(part, "" | "." | ".."));
    if !is_path {
        section.reporter.report_with_hint(
            path.span(),
            format!("`{}` is no path of the API", path.get_ref()),
            "write it behind `/v1/`: `secret/data/ehr`, `kv/ehr` or `database/creds/reader`",
        );
        return None;
    }
    Some(VaultReference {
        address: trimmed,
        path: path.into_inner(),
        field,
        namespace,
        token: token?.1,
        tls: tls?,
        refresh: Duration::from_millis(refresh_ms),
    })
}
