//! What a word says about the words beside it.

/// Roles of a word; a word may have several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles(pub(crate) u16);

impl Roles {
    /// `Dr`, `Mrs`.
    pub(crate) const TITLE: Self = Self(1);
    /// `daughter`.
    pub(crate) const KIN: Self = Self(1 << 1);
    /// `MD`, behind a name.
    pub(crate) const CREDENTIAL: Self = Self(1 << 2);
    /// `surgeon`.
    pub(crate) const JOB: Self = Self(1 << 3);
    /// `reports`, what persons do.
    pub(crate) const SAYS: Self = Self(1 << 4);
    /// `by`, `paged`: a person follows.
    pub(crate) const BY: Self = Self(1 << 5);
    /// `patient`, `attending`: the label of a person.
    pub(crate) const FIELD: Self = Self(1 << 6);
    /// Months and days.
    pub(crate) const DATE: Self = Self(1 << 7);
    /// `van`, `de`.
    pub(crate) const PARTICLE: Self = Self(1 << 8);
    /// `Jr`.
    pub(crate) const SUFFIX: Self = Self(1 << 9);
    /// `disease`, `catheter`: what an eponym names.
    pub(crate) const HEAD: Self = Self(1 << 10);
    /// `hospital`.
    pub(crate) const ORG_HEAD: Self = Self(1 << 11);
    /// `mg`, `daily`.
    pub(crate) const DOSE: Self = Self(1 << 12);
    /// `radiology`.
    pub(crate) const DEPARTMENT: Self = Self(1 << 13);
    /// `the`, `with`.
    pub(crate) const FUNCTION: Self = Self(1 << 14);
    /// `may`, `will`.
    pub(crate) const MODAL: Self = Self(1 << 15);

    /// Names of the roles in the lists.
    pub(crate) const ALL: [(&'static str, Self); 16] = [
        ("title", Self::TITLE),
        ("kin", Self::KIN),
        ("credential", Self::CREDENTIAL),
        ("job", Self::JOB),
        ("says", Self::SAYS),
        ("by", Self::BY),
        ("field", Self::FIELD),
        ("date", Self::DATE),
        ("particle", Self::PARTICLE),
        ("suffix", Self::SUFFIX),
        ("head", Self::HEAD),
        ("orghead", Self::ORG_HEAD),
        ("dose", Self::DOSE),
        ("dept", Self::DEPARTMENT),
        ("function", Self::FUNCTION),
        ("modal", Self::MODAL),
    ];

    pub(crate) const fn has(self, role: Self) -> bool {
        self.0 & role.0 != 0
    }

    /// Either's roles.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }
}
