//! Sets of bytes of a text, as sorted ranges that neither touch nor overlap.

use std::ops::Range;

/// The set of all bytes that lie in one of the ranges.
pub(super) fn union(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut union: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match union.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => union.push(range),
        }
    }
    union
}

/// Letters and digits of `text` within `range`.
pub(super) fn letters(text: &str, range: Range<usize>) -> usize {
    let slice = text.get(range).unwrap_or_default();
    slice.chars().filter(|c| c.is_alphanumeric()).count()
}

/// The parts of `range` that lie in the set.
pub(super) fn within(
    range: Range<usize>,
    set: &[Range<usize>],
) -> impl Iterator<Item = Range<usize>> + '_ {
    let first = set.partition_point(|other| other.end <= range.start);
    set.iter()
        .skip(first)
        .map_while(move |other| {
            (other.start < range.end)
                .then(|| other.start.max(range.start)..other.end.min(range.end))
        })
        .filter(|part| !part.is_empty())
}

/// Letters and digits of `text` within `range` that lie in the set.
pub(super) fn letters_within(text: &str, range: Range<usize>, set: &[Range<usize>]) -> usize {
    within(range, set).map(|part| letters(text, part)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unions_join_what_touches() {
        assert_eq!(union(vec![5..7, 0..2, 2..4, 6..6]), [0..4, 5..7]);
    }

    #[test]
    fn parts_are_cut_to_the_range() {
        let set = [0..2, 4..6, 8..9];
        let parts = |range| within(range, &set).collect::<Vec<_>>();
        assert_eq!(parts(1..5), [1..2, 4..5]);
        assert!(parts(2..4).is_empty());
        assert_eq!(parts(0..9), set);
        assert_eq!(letters_within("a-é c", 0..6, &set[..1]), 1);
    }
}
