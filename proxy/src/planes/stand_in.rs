//! Names of core and detectors that are not there yet, so that the threads' types compile.

/// `velum_core::policy::Policy`
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `Policy::sha256`
    pub sha256: [u8; 32],
}
/// `velum_core::wire::postgres::handshake::Account`
#[derive(Clone, Debug)]
pub struct Account {
    /// `Account::name`
    pub name: String,
}
/// `velum_core::wire::postgres::handshake::ScramKeys`
#[derive(Clone)]
pub struct ScramKeys;
/// `velum_detectors::Detectors`
pub type Detectors = velum_core::inspect::Nothing;
