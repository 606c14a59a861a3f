//! SAML 2.0, as a service provider: the browser is sent to an identity provider by redirect, and
//! brings an assertion back by POST.
//!
//! ```text
//!  start ─▶ AuthnRequest ─▶ identity provider ─▶ browser ─▶ response
//!              shape::check ─▶ signature, issuer, audience, recipient, times (saml-rs) ─▶ Person
//! ```
//!
//! * [`shape`]: what a response may look like at all.
//! * [`rejected`]: why one is refused; for the audit alone. `library`: what saml-rs calls that.

mod library;
pub mod rejected;
pub mod shape;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine};
use saml_rs::{
    AcsEndpoint, AssertionSignaturePolicy, AudienceValidationPolicy, BrowserInput, ClockSkew,
    EntityId, ForceAuthn, FormField, IdpDescriptor, MessageId, MetadataTrustPolicy, NameIdFormat,
    PendingAuthnRequest, RelayStateParam, ReplayCache, ReplayKey, ReplayPolicy,
    ResponseSignaturePolicy, Saml, SamlError, SamlInstant, SamlValidationContext, Sp, SpConfig,
    SpValidationPolicy, SsoResponse, SsoResponseBinding, SsoSession, StartSso, XmlSignatureProfile,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use velum_core::identity::token::is_subject;
use velum_core::time::Timestamp;

use super::code::Proof;
pub use rejected::Rejected;

/// Largest response.
pub const RESPONSE_BYTES: usize = 256 * 1024;
/// Groups that an assertion may name, and bytes of each.
const GROUPS: usize = 1_024;
const GROUP_BYTES: usize = 256;

/// What the configuration says of an identity provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name in the configuration.
    pub name: String,
    /// The attribute that has groups.
    pub groups_attribute: String,
    /// The attribute that names people; `None`: the subject's NameID does.
    pub subject_attribute: Option<String>,
    /// Responses have to be signed besides their assertions.
    pub signed_responses: bool,
    /// Responses that nobody here has asked for are taken.
    pub is_idp_initiated: bool,
    /// How far clocks may be apart.
    pub clock_skew: Duration,
}

/// An identity provider, and what this gateway is to it.
pub struct Provider {
    settings: Settings,
    sp: Saml<Sp>,
    idp: IdpDescriptor,
    acs: AcsEndpoint,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.settings.name)
    }
}

/// A request that is on its way.
pub struct Started {
    /// Where the browser goes.
    pub url: String,
    /// The request's name, which the response has to name.
    pub request: String,
}

/// Whom an identity provider vouches for.
#[derive(Debug)]
pub struct Person {
    /// What it calls them: printable ASCII of at most 255 characters.
    pub subject: String,
    /// Groups that they are in.
    pub groups: Vec<String>,
    /// How and when they showed who they are.
    pub proof: Proof,
    /// What must not come again, and until when.
    pub spent: Vec<(String, Timestamp)>,
    /// When the identity provider ends their session.
    pub until: Option<Timestamp>,
}

impl Provider {
    /// A provider by its metadata, for a gateway that people reach at `url`.
    ///
    /// # Errors
    /// Why the metadata or an address cannot be used.
    pub fn new(settings: Settings, url: &str, metadata: &str) -> Result<Self, String> {
        let wrong = |error: SamlError| error.to_string();
        if metadata.contains("<!") {
            return Err("it has a comment or a document type, which is refused".to_owned());
        }
        let base = format!("{url}/api/v1/login/saml/{}", settings.name);
        let entity = EntityId::try_new(format!("{base}/metadata")).map_err(wrong)?;
        let acs = AcsEndpoint::post(format!("{base}/acs")).map_err(wrong)?;
        let validation = SpValidationPolicy {
            assertions: AssertionSignaturePolicy::RequireSigned,
            responses: match settings.signed_responses {
                true => ResponseSignaturePolicy::RequireSigned,
                false => ResponseSignaturePolicy::RequireForEncryptedCbc,
            },
            xml_signatures: XmlSignatureProfile::StrictRsaSha2,
            audience: AudienceValidationPolicy::Validate,
            ..SpValidationPolicy::recommended()
        };
        let config = SpConfig::builder(entity)
            .acs_endpoint(acs.clone())
            .validation(validation)
            .build()
            .map_err(wrong)?;
        let trust = MetadataTrustPolicy::UnsignedForCompatibility;
        let provider = Self {
            settings,
            sp: Saml::sp(config).map_err(wrong)?,
            // Whoever writes the configuration vouches for the file.
            idp: IdpDescriptor::from_metadata_xml(metadata, trust).map_err(wrong)?,
            acs,
        };
        // What is missing in the metadata is found now, and not by the first person.
        provider.start("probe", false)?;
        Ok(provider)
    }

    /// What the configuration says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The identity provider's own name.
    pub fn entity_id(&self) -> &str {
        self.idp.entity_id().as_str()
    }

    /// What the identity provider has to know of this gateway.
    pub fn metadata(&self) -> &str {
        self.sp.metadata_xml()
    }

    /// Sends a browser to log in, with a state of at most 80 bytes that it brings back.
    ///
    /// # Errors
    /// Where no request can be made.
    pub fn start(&self, state: &str, is_fresh: bool) -> Result<Started, String> {
        let wrong = |error: SamlError| error.to_string();
        let mut options = StartSso::redirect().relay_state(relay(Some(state)).map_err(wrong)?);
        if is_fresh {
            options = options.force_authn(ForceAuthn::Required);
        }
        let started = self.sp.start_sso(&self.idp, options).map_err(wrong)?;
        Ok(Started {
            url: started.outbound.redirect_url().map_err(wrong)?.to_owned(),
            request: started.pending.request_id().as_str().to_owned(),
        })
    }

    /// Whom a response vouches for. `asked` are the state and the name of the request that it
    /// answers; without them nobody has asked.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn finish(
        &self,
        response: &str,
        asked: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Result<Person, Rejected> {
        let compact: String = response.split_ascii_whitespace().collect();
        if compact.len() > RESPONSE_BYTES.div_ceil(3) * 4 {
            return Err(Rejected::Oversized);
        }
        let xml = BASE64_STANDARD
            .decode(&compact)
            .map_err(|_| Rejected::NotBase64)?;
        let xml = String::from_utf8(xml).map_err(|_| Rejected::NotXml)?;
        let shape = shape::check(&xml)?;
        if self.settings.signed_responses && !shape.response_signed {
            return Err(Rejected::ResponseUnsigned);
        }
        if shape
            .sender
            .as_deref()
            .is_some_and(|it| it != self.entity_id())
        {
            return Err(Rejected::IssuerOther);
        }
        // What was looked at is what is verified.
        let mut fields = vec![FormField::new("SAMLResponse", BASE64_STANDARD.encode(&xml))];
        fields.extend(asked.map(|(state, _)| FormField::new("RelayState", state)));
        let input = BrowserInput::<SsoResponse>::post(fields);
        let mut spent = Spent::default();
        let skew_ms = i64::try_from(self.settings.clock_skew.as_millis()).unwrap_or(0);
        let context =
            SamlValidationContext::new(system_time(now), ReplayPolicy::RequireCache(&mut spent))
                .with_clock_skew(ClockSkew::from_millis(-skew_ms, skew_ms));
        let session = match asked {
            Some((state, request)) => {
                let pending = self.pending(state, request).map_err(Rejected::from)?;
                self.sp.finish_sso(&self.idp, &pending, input, context)
            }
            None => self.sp.accept_unsolicited_sso(&self.idp, input, context),
        };
        let session = session.map_err(Rejected::from)?;
        if asked.is_none() && session.in_response_to().is_some() {
            return Err(Rejected::RequestOther);
        }
        self.person(&session, shape, spent.0, now)
    }

    fn pending(&self, state: &str, request: &str) -> Result<PendingAuthnRequest, SamlError> {
        PendingAuthnRequest::try_new(
            MessageId::try_new(request)?,
            relay(Some(state))?,
            self.acs.clone(),
            SsoResponseBinding::Post,
            self.idp.entity_id().clone(),
        )
    }

    fn person(
        &self,
        session: &SsoSession,
        shape: shape::Shape,
        spent: Vec<(String, Timestamp)>,
        now: Timestamp,
    ) -> Result<Person, Rejected> {
        let subject = match &self.settings.subject_attribute {
            Some(name) => match &values(session, name)[..] {
                [one] => one.clone(),
                _ => return Err(Rejected::SubjectMissing),
            },
            None => {
                // Another name at each log-in is nobody's.
                if session.name_id().format() == Some(&NameIdFormat::Transient) {
                    return Err(Rejected::SubjectTransient);
                }
                session.name_id().value().to_owned()
            }
        };
        if !is_subject(&subject) {
            return Err(Rejected::SubjectInvalid);
        }
        let groups = values(session, &self.settings.groups_attribute);
        if groups.len() > GROUPS || groups.iter().any(|group| group.len() > GROUP_BYTES) {
            return Err(Rejected::GroupsInvalid);
        }
        let authn = session.authn_session();
        let at = authn.authn_instant().map(instant).transpose()?;
        let until = authn.not_on_or_after().map(instant).transpose()?;
        if until.is_some_and(|until| until <= now) {
            return Err(Rejected::SessionOver);
        }
        Ok(Person {
            subject,
            groups,
            proof: Proof {
                at_s: at.map(|at| at.0 / 1_000_000_000),
                amr: Vec::new(),
                acr: shape.context,
            },
            spent,
            until,
        })
    }
}

fn relay(state: Option<&str>) -> Result<RelayStateParam, SamlError> {
    RelayStateParam::try_from_option(state)
}

/// All values of the attributes of this name.
fn values(session: &SsoSession, name: &str) -> Vec<String> {
    let attributes = session.attributes().as_slice().iter();
    let named = attributes.filter(|attribute| attribute.name() == name);
    let values = named.flat_map(|attribute| attribute.values());
    values.map(|value| value.as_str().to_owned()).collect()
}

fn instant(instant: &SamlInstant) -> Result<Timestamp, Rejected> {
    let parsed = OffsetDateTime::parse(instant.as_str(), &Rfc3339);
    let nanos = parsed
        .map_err(|_| Rejected::TimeInvalid)?
        .unix_timestamp_nanos();
    let nanos = u64::try_from(nanos).map_err(|_| Rejected::TimeInvalid)?;
    Ok(Timestamp(nanos))
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(at.0)
}

/// Names of what was accepted, for the store to look whether they have come before.
#[derive(Default)]
struct Spent(Vec<(String, Timestamp)>);

impl ReplayCache for Spent {
    fn check_and_store(&mut self, key: ReplayKey, until: SystemTime) -> Result<(), SamlError> {
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.0.push((key.cache_key(), Timestamp(until)));
        Ok(())
    }
}
