//! Where an issuer lets people log in: its configuration, OpenID Connect Discovery 1.0 section 3.

use std::sync::Arc;
use std::time::Duration;

use velum_core::identity::Rejection;
use velum_core::identity::claims::{Claim, Claims};

use super::configuration_url;
use super::http::{FetchError, get};
use super::place::Place;

/// The document has to be there within this.
const WITHIN: Duration = Duration::from_secs(5);

/// How a client shows its secret, OpenID Connect Core section 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretBy {
    /// `client_secret_basic`, what holds where nothing is said.
    Header,
    /// `client_secret_post`
    Body,
}

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Where browsers go. May have a query.
    pub authorization: String,
    /// Where codes are exchanged for tokens.
    pub token: String,
    /// Where devices begin, RFC 8628.
    pub device: Option<String>,
    /// Where tokens are given back, RFC 7009.
    pub revocation: Option<String>,
    /// Answers to browsers name the issuer, RFC 9207.
    pub names_itself: bool,
    /// How secrets are shown.
    pub secret_by: SecretBy,
}

impl Endpoints {
    /// Reads the configuration of `issuer`.
    ///
    /// # Errors
    /// What is no JSON, another issuer's, or lacks or spoils an address that is needed.
    pub fn read(issuer: &str, configuration: &[u8]) -> Result<Self, &'static str> {
        let claims = Claims::read(configuration, Rejection::ClaimsNotJson);
        let claims = claims.map_err(|_| "not a JSON object with one meaning")?;
        let text = |name: &str| match claims.get(name) {
            Some(Claim::Text(text)) => Some(text.clone()),
            _ => None,
        };
        if text("issuer").as_deref() != Some(issuer) {
            return Err("it is the configuration of another issuer");
        }
        let authorization = text("authorization_endpoint");
        let authorization = authorization.ok_or("it does not say where people log in")?;
        let bare = authorization.split('?').next().unwrap_or_default();
        Place::read(bare).map_err(|_| "the address where people log in cannot be trusted")?;
        let token = text("token_endpoint").ok_or("it does not say where tokens are")?;
        let device = text("device_authorization_endpoint");
        let revocation = text("revocation_endpoint");
        let addresses = [Some(&token), device.as_ref(), revocation.as_ref()];
        if addresses
            .into_iter()
            .flatten()
            .any(|it| Place::read(it).is_err())
        {
            return Err("an address that secrets go to cannot be trusted");
        }
        let names_itself = claims.get("authorization_response_iss_parameter_supported");
        let methods = match claims.get("token_endpoint_auth_methods_supported") {
            Some(Claim::List(methods)) => methods.as_slice(),
            _ => &[],
        };
        let knows = |name: &str| methods.contains(&Claim::Text(name.to_owned()));
        let by_body = knows("client_secret_post") && !knows("client_secret_basic");
        Ok(Self {
            authorization,
            token,
            device,
            revocation,
            names_itself: names_itself == Some(&Claim::Bool(true)),
            secret_by: if by_body {
                SecretBy::Body
            } else {
                SecretBy::Header
            },
        })
    }

    /// Fetches them from the issuer at `url`.
    ///
    /// # Errors
    /// An issuer that does not answer in time, or not as it should.
    pub(crate) async fn fetch(
        url: &str,
        tls: &Arc<rustls::ClientConfig>,
    ) -> Result<Self, FetchError> {
        let at = configuration_url(url);
        let fetched = tokio::time::timeout(WITHIN, get(&at, tls)).await;
        let late = format!("no answer within {} s", WITHIN.as_secs());
        let answer = fetched.unwrap_or_else(|_| Err(FetchError::new(&at, late)))?;
        Self::read(url, &answer.body).map_err(|reason| FetchError::new(&at, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://issuer.example/a";
    const GOOD: &str = r#"{
        "issuer": "https://issuer.example/a",
        "authorization_endpoint": "https://login.example/auth?tenant=a",
        "token_endpoint": "https://issuer.example/token",
        "device_authorization_endpoint": "https://issuer.example/device",
        "authorization_response_iss_parameter_supported": true,
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"]
    }"#;

    #[test]
    fn a_configuration_says_where() {
        let read = Endpoints::read(ISSUER, GOOD.as_bytes()).unwrap();
        assert_eq!(read.authorization, "https://login.example/auth?tenant=a");
        assert_eq!(
            read.device.as_deref(),
            Some("https://issuer.example/device")
        );
        assert_eq!((read.names_itself, read.secret_by), (true, SecretBy::Body));
        let basic = GOOD.replacen("private_key_jwt", "client_secret_basic", 1);
        let read = Endpoints::read(ISSUER, basic.as_bytes()).unwrap();
        assert_eq!(read.secret_by, SecretBy::Header);
    }

    #[test]
    fn none_that_cannot_be_trusted_is_taken() {
        for (from, to) in [
            ("issuer.example/a", "issuer.example/b"),
            ("https://login", "http://login"),
            ("https://login.example", "javascript:alert(1)"),
            (
                "https://issuer.example/token",
                "http://issuer.example/token",
            ),
            (
                "https://issuer.example/device",
                "https://user@issuer.example/",
            ),
            ("\"token_endpoint\"", "\"Token_endpoint\""),
            (
                "\"issuer\"",
                "\"token_endpoint\": \"https://evil.example\", \"issuer\"",
            ),
        ] {
            let bad = GOOD.replacen(from, to, 1);
            assert!(Endpoints::read(ISSUER, bad.as_bytes()).is_err(), "{to}");
        }
    }
}
