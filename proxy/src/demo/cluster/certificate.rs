//! Certificates for a private cluster: an authority of its own and what it signs.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, date_time_ymd,
};

/// A certificate authority that lives as long as this value.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its private key, both PEM.
pub struct Signed {
    /// The certificate.
    pub certificate_pem: String,
    /// Its key, PKCS #8.
    pub key_pem: String,
}

impl Authority {
    /// A new authority with a fresh key.
    ///
    /// # Errors
    /// Those of key generation.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Velum throw-away authority");
        Ok(Self {
            issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?,
        })
    }

    /// The authority's own certificate, PEM.
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server certificate for `localhost` and the loopback addresses.
    ///
    /// # Errors
    /// Those of key generation.
    pub fn server(&self) -> Result<Signed, rcgen::Error> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        self.sign(
            "localhost",
            names.to_vec(),
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// A client certificate whose common name and subject alternative name is `name`.
    ///
    /// # Errors
    /// A `name` that is not a DNS name, or those of key generation.
    pub fn client(&self, name: &str) -> Result<Signed, rcgen::Error> {
        self.sign(
            name,
            vec![name.to_owned()],
            ExtendedKeyUsagePurpose::ClientAuth,
        )
    }

    /// A client certificate with these URIs, as a workload has exactly one.
    ///
    /// # Errors
    /// A URI that is not ASCII, or those of key generation.
    pub fn workload(&self, common_name: &str, uris: &[&str]) -> Result<Signed, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        for uri in uris {
            let name = SanType::URI((*uri).try_into()?);
            params.subject_alt_names.push(name);
        }
        self.sign_params(params, common_name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A list that revokes the certificates of these serial numbers, PEM. Those of the authority
    /// are drawn at random otherwise.
    ///
    /// # Errors
    /// Those of signing.
    pub fn revoke(&self, serial_numbers: &[&[u8]]) -> Result<String, rcgen::Error> {
        let revoked = |serial: &&[u8]| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: serial_numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer)?.pem()
    }

    fn sign(
        &self,
        common_name: &str,
        names: Vec<String>,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Signed, rcgen::Error> {
        self.sign_params(CertificateParams::new(names)?, common_name, usage)
    }

    fn sign_params(
        &self,
        mut params: CertificateParams,
        common_name: &str,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Signed, rcgen::Error> {
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Signed {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}
