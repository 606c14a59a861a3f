//! Why a response is refused. The browser is told one and the same for all of them.

macro_rules! rejected {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// Why a response is refused: fixed texts, which never hold a part of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rejected {
            $($(#[$doc])* $name,)+
        }

        impl Rejected {
            /// What a record says.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Rejected::$name => $text,)+
                }
            }
        }
    };
}

rejected! {
    /// No `SAMLResponse`.
    Missing => "there is no response",
    /// See [`super::RESPONSE_BYTES`] and the limits of [`super::shape`].
    Oversized => "the response is too large, or nested too deeply",
    /// What is sent.
    NotBase64 => "the response is not Base64",
    /// Not well formed, or not UTF-8.
    NotXml => "the response is not well-formed XML",
    /// Another message.
    NotAResponse => "it is no SAML response",
    /// Two readers could stop at different places.
    Comment => "the response has a comment",
    /// `<![CDATA[`
    CharacterData => "the response has a CDATA section",
    /// `<?`
    Instruction => "the response has a processing instruction",
    /// `<!DOCTYPE`
    DocType => "the response has a document type",
    /// Other than those that XML itself has.
    Entity => "the response refers to an entity",
    /// Which of them would be signed?
    IdTwice => "an ID of the response is given twice",
    /// None.
    AssertionMissing => "the response has no assertion",
    /// More than one.
    AssertionsSeveral => "the response has several assertions",
    /// No key to decrypt with is configured.
    Encrypted => "the assertion is encrypted",
    /// Signed content is elsewhere than where it is looked for.
    Wrapped => "a signature or an assertion is not where it belongs",
    /// The assertion itself.
    Unsigned => "the assertion is not signed",
    /// `signed_responses`
    ResponseUnsigned => "the response is not signed",
    /// One each.
    SignaturesSeveral => "an element is signed twice",
    /// Exactly one subject and one statement that they have shown who they are.
    StatementMissing => "the assertion does not say exactly once who has shown who they are",

    /// Not by a key of the metadata, or not over these bytes.
    SignatureWrong => "the signature is wrong, or by no key of the identity provider",
    /// SHA-1, HMAC, other transforms.
    AlgorithmRefused => "the signature is by an algorithm that is refused",
    /// Of the response or the assertion.
    IssuerOther => "the response is of another identity provider",
    /// `Destination`
    DestinationOther => "the response is for another address",
    /// `InResponseTo`
    RequestOther => "the response answers another request",
    /// `RelayState`
    StateOther => "the response came with another state",
    /// `Audience`
    AudienceOther => "the assertion is for another audience",
    /// `NotBefore`, `NotOnOrAfter`
    TimeOther => "the assertion is not valid yet, or not any more",
    /// No time at all.
    TimeInvalid => "a time of the assertion is invalid",
    /// `SessionNotOnOrAfter`
    SessionOver => "the identity provider has ended the session already",
    /// `SubjectConfirmation`: `Recipient`, `InResponseTo`, `NotOnOrAfter`, bearer
    Unconfirmed => "the assertion is not confirmed for whoever brings it here now",
    /// A condition that is not understood.
    Condition => "the assertion has a condition that is not understood",
    /// `Status`
    NotSuccess => "the identity provider has not let them in",
    /// Missing or in another form than the protocol has it.
    Profile => "the response is not as the protocol has it",
    /// The same assertion again.
    Replayed => "the assertion was used before",

    /// No such attribute, or several values.
    SubjectMissing => "the assertion does not have exactly one value that names them",
    /// As those of tokens.
    SubjectInvalid => "their name is not printable ASCII of at most 255 characters",
    /// It is another one at each log-in.
    SubjectTransient => "their name is a transient one",
    /// Too many, or too long.
    GroupsInvalid => "the assertion's groups are invalid",
    /// It was asked for.
    InstantMissing => "the assertion does not say when they showed who they are",
    /// They were asked to do so again.
    InstantOld => "they showed who they are before they were asked to do so again",
}
