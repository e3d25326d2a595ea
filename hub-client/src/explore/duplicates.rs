//! Images that are there more than once: the same bytes, or nearly the same features.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroUsize;

use ndarray::{ArrayView2, Axis};
use registry_schema::manifest::Distance;

use crate::explore::ExploreError;
use crate::explore::neighbours::Neighbours;

/// Images that are one and the same, or nearly.
#[derive(Clone, Debug, PartialEq)]
pub struct DuplicateGroup {
    /// The rows in order, at least two.
    pub rows: Vec<usize>,
    /// Whether all have the same bytes.
    pub is_exact: bool,
    /// The farthest that a row is from its nearest in the group; 0 for the same bytes.
    pub distance: f32,
}

/// Finds rows with one digest, and rows no farther apart than `radius`. Nearness is handed on: when A
/// is near B and B near C, all three are one group. Groups come by their first row.
///
/// # Errors
/// [`ExploreError::NotFinite`], [`ExploreError::Lengths`].
pub fn duplicates<D: Eq + Hash>(
    rows: ArrayView2<'_, f32>,
    digests: &[D],
    distance: Distance,
    radius: f32,
    threads: NonZeroUsize,
) -> Result<Vec<DuplicateGroup>, ExploreError> {
    if digests.len() != rows.nrows() {
        return Err(ExploreError::Lengths {
            rows: rows.nrows(),
            what: "digests",
            found: digests.len(),
        });
    }
    // 1. each content once
    let mut first_of = HashMap::new();
    let mut contents: Vec<Vec<usize>> = Vec::new();
    for (row, digest) in digests.iter().enumerate() {
        let content = *first_of.entry(digest).or_insert_with(|| {
            contents.push(Vec::new());
            contents.len() - 1
        });
        contents[content].push(row);
    }
    // 2. contents that are near one another
    let firsts: Vec<usize> = contents.iter().map(|rows| rows[0]).collect();
    let distinct = rows.select(Axis(0), &firsts);
    let mut sets = Sets::new(firsts.len());
    let mut nearest = vec![f32::INFINITY; firsts.len()];
    Neighbours::new(distinct.view(), distance, threads)?.within(radius, |one, other| {
        sets.join(one, other.row);
        for content in [one, other.row] {
            nearest[content] = nearest[content].min(other.distance);
        }
    })?;
    // 3. groups of more than one image
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); firsts.len()];
    for content in 0..firsts.len() {
        let leader = sets.leader(content);
        groups[leader].push(content);
    }
    let group = |of: Vec<usize>| {
        let mut rows: Vec<usize> = of.iter().flat_map(|&one| contents[one].clone()).collect();
        rows.sort_unstable();
        let far = of.iter().map(|&content| nearest[content]);
        DuplicateGroup {
            is_exact: of.len() == 1,
            distance: if of.len() == 1 {
                0.0
            } else {
                far.fold(0.0, f32::max)
            },
            rows,
        }
    };
    let mut groups: Vec<_> = groups.into_iter().map(group).collect();
    groups.retain(|group| group.rows.len() > 1);
    groups.sort_by_key(|group| group.rows[0]);
    Ok(groups)
}

/// Disjoint sets of numbers, each led by its smallest.
struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn leader(&mut self, mut one: usize) -> usize {
        while self.0[one] != one {
            self.0[one] = self.0[self.0[one]];
            one = self.0[one];
        }
        one
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.leader(one), self.leader(other));
        self.0[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use ndarray::array;

    #[test]
    fn same_bytes_and_near_features_make_groups() {
        let rows = array![[0.0_f32], [5.0], [5.25], [0.0], [5.5], [9.0], [9.0]];
        let digests = ["a", "b", "c", "a", "d", "e", "f"];
        let threads = NonZeroUsize::new(2).unwrap();
        let groups = duplicates(rows.view(), &digests, Distance::Euclidean, 0.25, threads).unwrap();
        let expected = [
            (vec![0, 3], true, 0.0),
            (vec![1, 2, 4], false, 0.25),
            (vec![5, 6], false, 0.0),
        ];
        let found: Vec<_> = groups
            .into_iter()
            .map(|group| (group.rows, group.is_exact, group.distance))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_row_wants_a_digest() {
        let rows = array![[0.0_f32], [5.0]];
        let found = duplicates(
            rows.view(),
            &["a"],
            Distance::Cosine,
            0.1,
            NonZeroUsize::MIN,
        );
        assert!(matches!(
            found,
            Err(ExploreError::Lengths {
                rows: 2,
                found: 1,
                ..
            })
        ));
    }
}
