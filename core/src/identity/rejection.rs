//! Why a token is refused. The client is told one and the same for all of them.

use std::fmt;

macro_rules! rejections {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// Why a token is refused: fixed texts, which never hold a part of the token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rejection {
            $($(#[$doc])* $name,)+
        }

        impl Rejection {
            /// All of them.
            pub const ALL: &[Rejection] = &[$(Rejection::$name,)+];

            /// What a record says.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Rejection::$name => $text,)+
                }
            }
        }
    };
}

rejections! {
    /// Nothing was sent.
    Empty => "there is no token",
    /// See [`crate::limits::TOKEN_BYTES`].
    Oversized => "the token is too large",
    /// Not `header.payload.signature`, RFC 7515 section 3.1.
    NotCompact => "not a signed token in compact form",
    /// Five parts, RFC 7516.
    Encrypted => "the token is encrypted",
    /// RFC 7515 section 2: base64url without padding, and without bits left over.
    NotBase64 => "a part of the token is not base64url",
    /// The header.
    HeaderNotJson => "the token's header is not a JSON object",
    /// The payload.
    ClaimsNotJson => "the token's claims are not a JSON object",
    /// RFC 7519 section 4: names within a claims set must be unique.
    DuplicateMember => "a JSON object of the token names a member twice",
    /// See [`super::claims::DEPTH`].
    TooDeep => "the token's JSON is nested too deeply",
    /// `cty`, RFC 7519 section 5.2.
    Nested => "the token holds another token",

    /// No `alg`, or one that is no text.
    AlgorithmMissing => "the token names no algorithm",
    /// RFC 8725 section 3.2.
    AlgorithmNone => "the token is not signed: alg none",
    /// HS256 and the like: whoever can verify could sign.
    AlgorithmSymmetric => "the token is signed with a shared secret",
    /// Not known here.
    AlgorithmUnknown => "the token names an unknown algorithm",
    /// Not in the issuer's list.
    AlgorithmRefused => "the issuer's tokens must not be signed by this algorithm",
    /// `crit`, RFC 7515 section 4.1.11.
    Critical => "the token has a critical header that is not understood",
    /// `b64`, RFC 7797.
    Unencoded => "the token's payload is not encoded",
    /// `zip`
    Compressed => "the token is compressed",
    /// `jwk`, `x5c`: a token must not bring the key that it is verified by.
    EmbeddedKey => "the token brings its own key",
    /// `jku`, `x5u`: nor say where to get it.
    KeyReference => "the token says where to get its key",
    /// `typ`, RFC 8725 section 3.11.
    TypeRefused => "the token is of another type",
    /// `kid` is no text, or a long one.
    KeyIdInvalid => "the token's key id is invalid",

    /// No `iss`, or one that is no text.
    IssuerMissing => "the token names no issuer",
    /// Compared byte by byte.
    IssuerUnknown => "the token's issuer is not known",
    /// No `kid`, where the issuer has several keys.
    KeyIdMissing => "the token names no key, and the issuer has several",
    /// Even after the keys were fetched again, or they were a moment ago.
    KeyUnknown => "the issuer has no such key",
    /// An RSA key does not verify ES256.
    KeyMismatch => "the key is not one for the token's algorithm",
    /// Nothing was fetched yet.
    KeysMissing => "the issuer's keys could not be fetched yet",
    /// See `keys_kept_ms`.
    KeysOutdated => "the issuer's keys are too old: it cannot be reached",
    /// What it says.
    SignatureWrong => "the token's signature is wrong",

    /// No `sub`, or one that is no text.
    SubjectMissing => "the token names no subject",
    /// OpenID Connect Core section 2: at most 255 ASCII characters.
    SubjectInvalid => "the token's subject is not printable ASCII of at most 255 characters",
    /// No `aud`.
    AudienceMissing => "the token names no audience",
    /// Neither a text nor a list of texts.
    AudienceInvalid => "the token's audience is invalid",
    /// None of those that are configured.
    AudienceOther => "the token is for another audience",
    /// No `exp`.
    ExpiryMissing => "the token never expires",
    /// Not a whole number of seconds.
    ExpiryInvalid => "the token's time of expiry is invalid",
    /// More than ten years from now.
    ExpiryFar => "the token expires too far in the future",
    /// `exp` and the clock skew are over.
    Expired => "the token has expired",
    /// Not a whole number of seconds.
    NotBeforeInvalid => "the token's not-before time is invalid",
    /// `nbf` and the clock skew are to come.
    NotYetValid => "the token is not valid yet",
    /// Not a whole number of seconds.
    IssuedAtInvalid => "the token's time of issue is invalid",
    /// `iat` is to come.
    IssuedInFuture => "the token was issued in the future",
    /// `cnf`, RFC 7800: of no use to whoever merely holds it.
    Bound => "the token is bound to a key that cannot be proven here",
    /// `act`, RFC 8693 section 4.1, or `on_behalf_of`.
    DelegationInvalid => "the token's chain of delegation is invalid",
    /// See [`super::assertion::CHAIN`].
    DelegationLong => "the token's chain of delegation is too long",
    /// Neither a text nor a list of texts, or too many.
    GroupsInvalid => "the token's groups are invalid",
    /// A path with dots leads to two claims.
    ClaimAmbiguous => "a claim can be read in two ways",

    /// None of the issuer's.
    IdentityNone => "no identity has such claims",
    /// More than one of the issuer's.
    IdentitiesSeveral => "more than one identity has such claims",
    /// Not the user name that was given.
    IdentityOther => "the claims are another identity's",
    /// The user name is no identity's.
    UserUnknown => "there is no such user",
    /// The control thread has too much to do.
    KeysUnasked => "the issuer's keys could not be asked for",
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Rejection {}
