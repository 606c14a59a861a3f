//! The aggregates that PostgreSQL has.

use crate::catalog::Catalog;

/// Which rows contribute to an aggregate, as far as its arguments say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contributing {
    /// All of them.
    All,
    /// Those in which the first so many arguments have a value.
    Arguments(usize),
    /// Those in which what WITHIN GROUP orders by has a value.
    Ordered,
    /// Those in which the argument adds something.
    Summed,
}

/// What is asked of a row before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Nothing.
    None,
    /// Whether the values are there.
    Present,
    /// Whether the value is there and is not zero.
    NotZero,
}

impl Test {
    /// The part of it that asks whether there is a value.
    pub fn presence(self) -> Self {
        match self {
            Test::None => Test::None,
            Test::Present | Test::NotZero => Test::Present,
        }
    }
}

impl Contributing {
    /// What is asked of a row.
    pub fn test(self) -> Test {
        match self {
            Contributing::All => Test::None,
            Contributing::Arguments(_) | Contributing::Ordered => Test::Present,
            Contributing::Summed => Test::NotZero,
        }
    }
}

/// Aggregates that see every row. Sorted.
const OF_ALL: [&str; 7] = [
    "array_agg",
    "json_agg",
    "json_object_agg",
    "json_object_agg_unique",
    "jsonb_agg",
    "jsonb_object_agg",
    "jsonb_object_agg_unique",
];
/// Aggregates that see rows in which the argument (of `string_agg` the first one) has a value.
/// Sorted.
const OF_ONE: [&str; 22] = [
    "any_value",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "count",
    "every",
    "json_agg_strict",
    "jsonb_agg_strict",
    "max",
    "min",
    "range_agg",
    "range_intersect_agg",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];
/// Aggregates that see rows in which both arguments have a value. Sorted.
const OF_TWO: [&str; 16] = [
    "corr",
    "covar_pop",
    "covar_samp",
    "json_object_agg_strict",
    "json_object_agg_unique_strict",
    "jsonb_object_agg_strict",
    "jsonb_object_agg_unique_strict",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
];
/// Aggregates that add values. Sorted.
const SUMS: [&str; 2] = ["avg", "sum"];
/// Aggregates of what WITHIN GROUP orders by. Sorted.
const ORDERED: [&str; 3] = ["mode", "percentile_cont", "percentile_disc"];
/// Functions that look at other rows of a window and make no aggregate of them. Sorted.
const WINDOW: [&str; 11] = [
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];
/// Functions that are harmless and may give another value each time. Sorted.
const UNSTEADY: [&str; 12] = [
    "array_sample",
    "array_shuffle",
    "clock_timestamp",
    "currval",
    "gen_random_uuid",
    "lastval",
    "random",
    "random_normal",
    "timeofday",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
];

/// Which rows contribute to the built-in aggregate of this name.
pub(super) fn contributing(bare: &str) -> Option<Contributing> {
    let is_in = |list: &[&str]| list.binary_search(&bare).is_ok();
    Some(match () {
        () if is_in(&OF_ALL) => Contributing::All,
        () if is_in(&OF_ONE) => Contributing::Arguments(1),
        () if is_in(&OF_TWO) => Contributing::Arguments(2),
        () if is_in(&SUMS) => Contributing::Summed,
        () if is_in(&ORDERED) => Contributing::Ordered,
        () => return None,
    })
}

/// Is a function of this name an aggregate?
pub(super) fn is_aggregate<S: AsRef<str>>(catalog: &Catalog, name: &[S]) -> bool {
    let Some(bare) = name.last().map(AsRef::as_ref) else {
        return false;
    };
    contributing(bare).is_some() || is_own(catalog, bare)
}

/// Is there an aggregate of this name that is not PostgreSQL's?
pub(super) fn is_own(catalog: &Catalog, bare: &str) -> bool {
    catalog.own_aggregates.contains(bare)
}

/// Does a function of this name look at a window, and make no aggregate of it?
pub(super) fn is_window(bare: &str) -> bool {
    WINDOW.binary_search(&bare).is_ok()
}

/// Does the built-in function of this name give the same value for the same arguments?
pub(super) fn is_steady(catalog: &Catalog, name: &[String]) -> bool {
    let bare = match name {
        [bare] if !catalog.own_functions.contains(bare) => bare,
        [schema, bare] if schema == "pg_catalog" => bare,
        _ => return false,
    };
    crate::sql::functions::is_harmless(bare.as_bytes())
        && !bare.starts_with("pg_")
        && UNSTEADY.binary_search(&bare.as_str()).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(OF_ALL.is_sorted() && OF_ONE.is_sorted() && OF_TWO.is_sorted());
        assert!(SUMS.is_sorted() && ORDERED.is_sorted());
        assert!(WINDOW.is_sorted() && UNSTEADY.is_sorted());
    }
}
