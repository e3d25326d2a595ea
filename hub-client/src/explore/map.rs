//! A map of images: near on paper means alike.
//!
//! Each image is drawn towards its nearest others and pushed away from random ones, from a start along
//! the two first principal axes: the method of UMAP (McInnes, Healy and Melville, arXiv 1802.03426),
//! one move after the other, so that a seed gives one map. What a map shows of neighbours is right
//! mostly; distances between groups, sizes and gaps mean little.

use std::num::NonZeroUsize;

use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use registry_schema::manifest::Distance;

use crate::explore::ExploreError;
use crate::explore::neighbours::{Neighbour, Neighbours, narrow};
use crate::explore::projection::Projection;
use crate::explore::random::SplitMix64;

/// Principal axes that are kept before neighbours are looked for.
const AXES: usize = 64;

/// Nearest others that draw an image.
const NEAREST: usize = 15;

/// Random others that push, for each that draws.
const PUSHES: usize = 5;

/// Rounds for up to [`MANY`] images, and for more.
const ROUNDS: (usize, usize) = (400, 150);
const MANY: usize = 10_000;

/// `1 / (1 + a·d^(2b))` falls as it should from a distance of 0.1 on: the values of the paper's
/// implementation for its defaults (minimum distance 0.1, spread 1).
const A: f64 = 1.576_943_460_405_378;
const B: f64 = 0.895_060_878_122_706_7;

/// Longest single move along one coordinate, in the first round.
const STEP: f64 = 4.0;

/// Places of n images (n×D features) on a sheet, n×2, each coordinate from 0 to 1.
///
/// # Errors
/// [`ExploreError::NotFinite`].
pub fn map(
    rows: ArrayView2<'_, f32>,
    seed: u64,
    threads: NonZeroUsize,
) -> Result<Array2<f32>, ExploreError> {
    let images = rows.nrows();
    if images < 2 {
        super::neighbours::check_finite(rows)?;
        return Ok(Array2::from_elem((images, 2), 0.5));
    }
    let mut places = start(&Projection::fit(rows, 2)?.apply(rows));
    if images > 3 && rows.ncols() > 1 {
        // Few dimensions are compared as they are: a copy would turn them, and keep the distances.
        let few: CowArray<'_, f32, Ix2> = match rows.ncols() > AXES {
            true => Projection::fit(rows, AXES)?.apply(rows).into(),
            false => rows.into(),
        };
        let index = Neighbours::new(few.view(), Distance::Euclidean, threads)?;
        let nearest = index.nearest_others(NEAREST.min(images - 1))?;
        settle(&mut places, &edges(nearest), seed);
    }
    Ok(fit_to_sheet(&places))
}

/// Along the first two axes, scaled to a sheet of ±10.
fn start(projected: &Array2<f32>) -> Vec<[f64; 2]> {
    let coordinate =
        |row: usize, axis: usize| projected.get((row, axis)).copied().map_or(0.0, f64::from);
    let mut places: Vec<_> = (0..projected.nrows())
        .map(|row| [coordinate(row, 0), coordinate(row, 1)])
        .collect();
    let largest = places
        .iter()
        .flatten()
        .fold(0.0_f64, |most, one| most.max(one.abs()));
    if largest > 0.0 {
        places
            .iter_mut()
            .flatten()
            .for_each(|one| *one *= 10.0 / largest);
    }
    places
}

/// Two images and how strongly they belong together, 0 to 1. There are fifteen of them for each image, so they
/// are kept small.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edge {
    one: u32,
    other: u32,
    strength: f32,
}

/// How strongly each image belongs to its neighbours, `exp(−(d − ρ)/σ)`, made the same from both
/// sides: `a + b − ab`.
fn edges(nearest: Vec<Vec<Neighbour>>) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(nearest.iter().map(Vec::len).sum());
    for (row, others) in nearest.into_iter().enumerate() {
        let (closest, width) = reach(&others);
        for other in others {
            let beyond = (f64::from(other.distance) - closest).max(0.0);
            let strength = if width > 0.0 {
                (-beyond / width).exp()
            } else {
                1.0
            };
            edges.push(Edge {
                one: number(row.min(other.row)),
                other: number(row.max(other.row)),
                strength: narrow(strength),
            });
        }
    }
    edges.sort_unstable_by(|left, right| {
        let place = (left.one, left.other).cmp(&(right.one, right.other));
        place.then(left.strength.total_cmp(&right.strength))
    });
    edges.dedup_by(|next, kept| {
        let is_same = (kept.one, kept.other) == (next.one, next.other);
        if is_same {
            kept.strength += next.strength - kept.strength * next.strength;
        }
        is_same
    });
    edges
}

/// A row as an edge keeps it: so many that they do not fit have no features in any memory.
fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// ρ: the distance of the nearest that is not in the same place; σ such that the strengths of all
/// neighbours add up to the logarithm of their number.
fn reach(others: &[Neighbour]) -> (f64, f64) {
    let distances = || others.iter().map(|other| f64::from(other.distance));
    let closest = distances()
        .filter(|&far| far > 0.0)
        .fold(f64::INFINITY, f64::min);
    if !closest.is_finite() {
        return (0.0, 0.0);
    }
    let target = (others.len() as f64).log2().max(1.0);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut width = 1.0;
    for _ in 0..64 {
        let sum: f64 = distances()
            .map(|far| (-(far - closest).max(0.0) / width).exp())
            .sum();
        if (sum - target).abs() < 1e-5 {
            break;
        }
        if sum > target {
            high = width;
            width = f64::midpoint(low, high);
        } else {
            low = width;
            width = if high.is_finite() {
                f64::midpoint(low, high)
            } else {
                width * 2.0
            };
        }
    }
    let mean = distances().sum::<f64>() / others.len().max(1) as f64;
    (closest, width.max(1e-3 * mean))
}

/// Moves the places: strong edges often, weak ones seldom, all ever less.
fn settle(places: &mut [[f64; 2]], edges: &[Edge], seed: u64) {
    let rounds = if places.len() <= MANY {
        ROUNDS.0
    } else {
        ROUNDS.1
    };
    let strongest = edges.iter().map(|edge| edge.strength).fold(0.0, f32::max);
    let mut random = SplitMix64::new(seed);
    let mut due: Vec<f32> = edges.iter().map(|edge| strongest / edge.strength).collect();
    for round in 0..rounds {
        let step = 1.0 - round as f64 / rounds as f64;
        for (edge, due) in edges.iter().zip(&mut due) {
            if f64::from(*due) > (round + 1) as f64 {
                continue;
            }
            *due += strongest / edge.strength;
            let (one, other) = (edge.one as usize, edge.other as usize);
            let pull = between(places, one, other, |squared| {
                -2.0 * A * B * squared.powf(B - 1.0) / (1.0 + A * squared.powf(B))
            });
            shift(&mut places[one], pull, step);
            shift(&mut places[other], pull, -step);
            for _ in 0..PUSHES {
                let stranger = random.below(places.len());
                if stranger == one {
                    continue;
                }
                let push = between(places, one, stranger, |squared| {
                    2.0 * B / ((1e-3 + squared) * (1.0 + A * squared.powf(B)))
                });
                shift(&mut places[one], push, step);
            }
        }
    }
}

/// The move of `one` along the line to `other`; none when they are in the same place.
fn between(places: &[[f64; 2]], one: usize, other: usize, force: impl Fn(f64) -> f64) -> [f64; 2] {
    let (from, to) = (places[one], places[other]);
    let line = [from[0] - to[0], from[1] - to[1]];
    let squared = line[0] * line[0] + line[1] * line[1];
    if squared <= 0.0 {
        return [0.0; 2];
    }
    let force = force(squared);
    line.map(|part| (force * part).clamp(-STEP, STEP))
}

fn shift(place: &mut [f64; 2], by: [f64; 2], step: f64) {
    place[0] += step * by[0];
    place[1] += step * by[1];
}

/// Both coordinates from 0 to 1, by one scale, in the middle of the sheet.
fn fit_to_sheet(places: &[[f64; 2]]) -> Array2<f32> {
    let range = |axis: usize| {
        let values = places.iter().map(|place| place[axis]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let ranges = [range(0), range(1)];
    let side = ranges
        .iter()
        .map(|(low, high)| high - low)
        .fold(0.0, f64::max);
    Array2::from_shape_fn((places.len(), 2), |(row, axis)| {
        let (low, high) = ranges[axis];
        let middle = f64::midpoint(low, high);
        if side > 0.0 {
            narrow(((places[row][axis] - middle) / side + 0.5).clamp(0.0, 1.0))
        } else {
            0.5
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::sample::{blobs, points};

    fn threads(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    #[test]
    fn groups_stay_together() {
        let (rows, truth) = blobs(&[40, 30, 20, 30], 12, 8);
        let places = map(rows.view(), 0, threads(2)).unwrap();
        let index = Neighbours::new(places.view(), Distance::Euclidean, threads(1)).unwrap();
        let nearest = index.nearest_others(5).unwrap();
        let own = |(row, others): (usize, &Vec<Neighbour>)| {
            let of_group = others.iter().filter(|one| truth[one.row] == truth[row]);
            of_group.count()
        };
        let own: usize = nearest.iter().enumerate().map(own).sum();
        assert!(own as f64 / (120.0 * 5.0) > 0.97, "{own} of 600");
    }

    #[test]
    fn a_map_tells_more_of_neighbours_than_two_axes() {
        // Twenty groups in twenty directions do not fit two axes.
        let (rows, _) = blobs(&[12; 20], 20, 4);
        let kept = |places: ArrayView2<'_, f32>| {
            let near = |rows: ArrayView2<'_, f32>| {
                let index = Neighbours::new(rows, Distance::Euclidean, threads(1)).unwrap();
                index.nearest_others(10).unwrap()
            };
            let pairs = near(rows.view()).into_iter().zip(near(places));
            pairs
                .map(|(true_ones, others)| {
                    let is_true = |one: &&Neighbour| true_ones.iter().any(|t| t.row == one.row);
                    others.iter().filter(is_true).count()
                })
                .sum::<usize>()
        };
        let mapped = map(rows.view(), 1, threads(1)).unwrap();
        let axes = Projection::fit(rows.view(), 2).unwrap().apply(rows.view());
        let (mapped, axes) = (kept(mapped.view()), kept(axes.view()));
        assert!(5 * mapped > 6 * axes, "{mapped} and {axes} of 2400");
    }

    #[test]
    fn a_seed_gives_one_map() {
        let rows = points(90, 10, 2);
        let one = map(rows.view(), 7, threads(1)).unwrap();
        assert_eq!(one, map(rows.view(), 7, threads(4)).unwrap());
        assert_ne!(one, map(rows.view(), 8, threads(4)).unwrap());
        assert!(one.iter().all(|place| (0.0..=1.0).contains(place)));
    }

    #[test]
    fn few_or_equal_images_have_places_too() {
        for images in 0..6 {
            let places = map(points(images, 5, 1).view(), 0, threads(2)).unwrap();
            assert_eq!(places.dim(), (images, 2));
            assert!(places.iter().all(|place| place.is_finite()));
        }
        let same = Array2::from_elem((20, 4), 3.0_f32);
        let places = map(same.view(), 0, threads(2)).unwrap();
        assert!(places.iter().all(|&place| place == 0.5));
    }
}
