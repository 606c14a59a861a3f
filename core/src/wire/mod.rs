//! Wire protocols, one folder each.

pub mod postgres;
