//! Certificates and keys, made into what rustls uses.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime,
};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use velum_core::identity::spiffe::is_trust_domain;

use super::model::{ServerTls, UpstreamTlsMode};
use super::reader::Section;
use super::secret::Secret;

/// PostgreSQL's protocol name in ALPN.
const ALPN: &[u8] = b"postgresql";

/// Reads `tls = { certificate, key, client_ca, client_crl, trust_domain }` of a listener.
pub(super) fn server(section: &Section<'_>) -> Option<ServerTls> {
    let chain = section
        .require("certificate")
        .and_then(|()| certificates(section, "certificate"));
    let key = section
        .require("key")
        .and_then(|()| private_key(section, "key"));
    let client_ca = section
        .has("client_ca")
        .then(|| certificates(section, "client_ca"));
    let crls = revocations(section);
    let trust_domain = trust_domain(section);
    section.finish();
    let (chain, key) = (chain?, key?);
    let client_ca = match client_ca {
        Some(certificates) => Some(roots(section, "client_ca", certificates?)?),
        None => None,
    };
    let verifies_clients = client_ca.is_some();
    let leaf = chain.first()?.to_vec();
    match server_config(chain, key, client_ca, crls?) {
        Ok(config) => Some(ServerTls {
            config: Arc::new(config),
            leaf,
            verifies_clients,
            trust_domain: trust_domain?,
        }),
        Err(reason) => {
            section.reporter.report(section.span.clone(), reason);
            None
        }
    }
}

/// The lists of `client_crl`, a file or several in PEM. `None`: one cannot be used.
fn revocations(section: &Section<'_>) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    let mut lists = Vec::new();
    for file in section.strings("client_crl") {
        let path = section.environment.directory.join(file.get_ref());
        let read = std::fs::read(&path).map_err(|error| error.to_string());
        let read = read.and_then(|text| {
            let lists: Result<Vec<_>, _> =
                CertificateRevocationListDer::pem_slice_iter(&text).collect();
            let lists = lists.map_err(|error| format!("not PEM: {error}"))?;
            match lists.is_empty() {
                true => Err("holds no PEM revocation list".to_owned()),
                false => Ok(lists),
            }
        });
        match read {
            Ok(read) => lists.extend(read),
            Err(reason) => {
                let message = format!("{}: {reason}", path.display());
                section.reporter.report(file.span(), message);
                return None;
            }
        }
    }
    without_authority(section, "client_crl");
    Some(lists)
}

/// `Some(None)`: there is none.
fn trust_domain(section: &Section<'_>) -> Option<Option<String>> {
    without_authority(section, "trust_domain");
    let Some(domain) = section.string("trust_domain") else {
        return Some(None);
    };
    if !is_trust_domain(domain.get_ref()) {
        section.reporter.report_with_hint(
            domain.span(),
            format!("`{}` is no name of a trust domain", domain.get_ref()),
            "write what stands behind `spiffe://` in the IDs, such as `prod.example`",
        );
        return None;
    }
    Some(Some(domain.into_inner()))
}

fn without_authority(section: &Section<'_>, key: &'static str) {
    if let (false, Some(value)) = (section.has("client_ca"), section.value(key)) {
        let message = format!("`{key}` means nothing without `client_ca`");
        section.reporter.report(value.span(), message);
    }
}

/// Reads `tls_ca`, `tls_certificate` and `tls_key` of a resource. `Some(None)` is no TLS.
pub(super) fn client(
    section: &Section<'_>,
    mode: UpstreamTlsMode,
) -> Option<Option<Arc<rustls::ClientConfig>>> {
    let ca = section
        .has("tls_ca")
        .then(|| certificates(section, "tls_ca"));
    let chain = section
        .has("tls_certificate")
        .then(|| certificates(section, "tls_certificate"));
    let key = section
        .has("tls_key")
        .then(|| private_key(section, "tls_key"));
    if mode == UpstreamTlsMode::Disable {
        for key in ["tls_ca", "tls_certificate", "tls_key"] {
            if let Some(value) = section.value(key) {
                let message = format!("`{key}` means nothing with `tls_mode = \"disable\"`");
                section.reporter.report(value.span(), message);
            }
        }
        return Some(None);
    }
    let identity = match (chain, key) {
        (Some(chain), Some(key)) => Some((chain?, key?)),
        (None, None) => None,
        _ => {
            let message = "`tls_certificate` and `tls_key` belong together";
            section.reporter.report(section.span.clone(), message);
            return None;
        }
    };
    let roots = match ca {
        Some(certificates) => Some(roots(section, "tls_ca", certificates?)?),
        None => None,
    };
    match client_config(mode, roots, identity) {
        Ok(config) => Some(Some(Arc::new(config))),
        Err(reason) => {
            section.reporter.report(section.span.clone(), reason);
            None
        }
    }
}

/// TLS to a database by what this machine trusts; `None` is no TLS.
///
/// # Errors
/// Why there is none.
pub(super) fn plain_client(
    mode: UpstreamTlsMode,
) -> Result<Option<Arc<rustls::ClientConfig>>, String> {
    match mode {
        UpstreamTlsMode::Disable => Ok(None),
        mode => client_config(mode, None, None).map(|config| Some(Arc::new(config))),
    }
}

/// Reads `ca` of an issuer: with which authorities its own certificate is verified.
pub(super) fn issuer(section: &Section<'_>) -> Option<Arc<rustls::ClientConfig>> {
    let roots = match section.has("ca") {
        true => Some(roots(section, "ca", certificates(section, "ca")?)?),
        false => None,
    };
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
        .and_then(|builder| Ok(builder.with_webpki_verifier(authorities(roots)?)));
    match config {
        Ok(config) => Some(Arc::new(config.with_no_client_auth())),
        Err(reason) => {
            section.reporter.report(section.span.clone(), reason);
            None
        }
    }
}

fn certificates(section: &Section<'_>, key: &'static str) -> Option<Vec<CertificateDer<'static>>> {
    let path = section.path(key)?;
    match read_certificates(path.get_ref()) {
        Ok(certificates) => Some(certificates),
        Err(reason) => {
            let message = format!("{}: {reason}", path.get_ref().display());
            section.reporter.report(path.span(), message);
            None
        }
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("not PEM: {error}"))?;
    match certificates.is_empty() {
        true => Err("holds no PEM certificate".to_owned()),
        false => Ok(certificates),
    }
}

/// A key may be given as a path, which is no secret, or as any other credential.
fn private_key(section: &Section<'_>, key: &'static str) -> Option<PrivateKeyDer<'static>> {
    let value = section.value(key)?;
    let secret = match value.get_ref().as_str() {
        Some(text) if !text.contains("PRIVATE KEY") => section.secret_file(key),
        _ => section.secret(key),
    }?;
    match parse_key(&secret) {
        Some(key) => Some(key),
        None => {
            let message = format!("{} holds no PEM private key", secret.origin());
            section.reporter.report(value.span(), message);
            None
        }
    }
}

fn parse_key(secret: &Secret) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(secret.expose()).ok()
}

fn roots(
    section: &Section<'_>,
    key: &'static str,
    certificates: Vec<CertificateDer<'static>>,
) -> Option<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        if let Err(error) = store.add(certificate) {
            let span = section
                .value(key)
                .map_or(section.span.clone(), |value| value.span());
            section
                .reporter
                .report(span, format!("not an authority's certificate: {error}"));
            return None;
        }
    }
    Some(store)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_ca: Option<RootCertStore>,
    crls: Vec<CertificateRevocationListDer<'static>>,
) -> Result<rustls::ServerConfig, String> {
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match client_ca {
        // A client without a certificate may still be one that proves itself otherwise.
        Some(roots) => builder.with_client_cert_verifier(
            client_verifier(roots, crls).map_err(|error| format!("`client_ca`: {error}"))?,
        ),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("certificate and key do not fit: {error}"))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// With lists, every certificate of a chain has to be on none, and each needs a list that says so
/// and is not out of date.
fn client_verifier(
    roots: RootCertStore,
    crls: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated();
    match crls.is_empty() {
        true => builder.build(),
        false => builder
            .with_crls(crls)
            .enforce_revocation_expiration()
            .build(),
    }
}

type ClientIdentity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_config(
    mode: UpstreamTlsMode,
    roots: Option<RootCertStore>,
    identity: Option<ClientIdentity>,
) -> Result<rustls::ClientConfig, String> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let verifier: Arc<dyn ServerCertVerifier> = match (mode, roots) {
        // libpq verifies the chain under `require` too if it is given an authority.
        (UpstreamTlsMode::Disable | UpstreamTlsMode::Require, None) => {
            Arc::new(Unverified(provider()))
        }
        (UpstreamTlsMode::VerifyFull, roots) => authorities(roots)?,
        (_, roots) => Arc::new(AnyName(authorities(roots)?)),
    };
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("`tls_certificate` and `tls_key` do not fit: {error}"))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn authorities(roots: Option<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let roots = match roots {
        Some(roots) => roots,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    if roots.is_empty() {
        return Err("no authority to verify the other side with: give `tls_ca` or `ca`".to_owned());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| error.to_string())
}

/// `verify-ca`: the chain counts, the name does not.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// `require`: encrypted, but towards whom is not known.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
