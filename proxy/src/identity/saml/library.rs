//! What the library refuses, in the words of [`Rejected`].

use saml_rs::{SamlError, error};

use super::Rejected;

impl From<SamlError> for Rejected {
    fn from(error: SamlError) -> Self {
        use SamlError as E;
        match error {
            E::Base64(_) => Self::NotBase64,
            E::Xml(_) | E::Invalid(_) | E::ProtocolProfile(_) | E::UndefinedStatus => Self::Profile,
            E::IssuerMismatch { .. } | E::UnmatchIssuer => Self::IssuerOther,
            E::DestinationMismatch { .. } | E::UnmatchDestination => Self::DestinationOther,
            E::InResponseToMismatch { .. } | E::InvalidInResponseTo => Self::RequestOther,
            E::RelayStateMismatch { .. } => Self::StateOther,
            E::AudienceMismatch { .. } | E::UnmatchAudience => Self::AudienceOther,
            E::UnrecognizedCondition { .. } => Self::Condition,
            E::StatusNotSuccess { .. } | E::FailedStatus { .. } => Self::NotSuccess,
            E::TimeWindowInvalid { .. } | E::ExpiredSession => Self::TimeOther,
            E::SubjectConfirmationInvalid { reason } => confirmation(reason),
            E::SubjectUnconfirmed => Self::Unconfirmed,
            E::ReplayDetected { .. } => Self::Replayed,
            E::AssertionSignatureRequired | E::SignatureMissing => Self::Unsigned,
            E::AlgorithmUnsupported => Self::AlgorithmRefused,
            E::PotentialWrappingAttack
            | E::SignedReferenceMismatch
            | E::ReferenceResolution { .. } => Self::Wrapped,
            _ => Self::SignatureWrong,
        }
    }
}

fn confirmation(reason: error::SubjectConfirmationReason) -> Rejected {
    use error::SubjectConfirmationReason as Reason;
    match reason {
        Reason::InResponseToMismatch => Rejected::RequestOther,
        Reason::TimeWindowInvalid => Rejected::TimeOther,
        _ => Rejected::Unconfirmed,
    }
}
