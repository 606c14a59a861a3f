//! Which column is masked by which rule. (interface stub)
/// Index of a rule in its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u16);
