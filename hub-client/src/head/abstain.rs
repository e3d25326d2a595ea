//! When a head should not answer: two different reasons, kept apart.
//!
//! *Unsure*: several classes are plausible. By conformal prediction (Vovk, Gammerman and Shafer,
//! *Algorithmic Learning in a Random World*, 2005) with probabilities of held-out images: a class is
//! plausible when its probability is at least the one that all but a share α of its own images had.
//! Of n images of a class that is the ⌈(n+1)(1−α)⌉-th largest probability. So the plausible classes
//! hold the true one for a share 1−α of new images *of each class* (the Mondrian form, §4.5 there);
//! a limit for all classes together holds it on average only, and may miss a rare class half of the
//! time. A class with fewer than ⌈1/α⌉−1 images has no limit of its own, and takes the one of all.
//! One class is an answer, several are a doubt. As the probabilities come from heads trained on part
//! of the images, what is proven is 1−2α (Barber et al., *Predictive inference with the jackknife+*,
//! 2021); what is usual is 1−α.
//!
//! *Unlike anything shown*: the image lies farther from the labelled images than they lie from each
//! other, whatever the probabilities say (`nearness.rs`).

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::metrics::{legible, most_probable};
use super::nearness;

/// Between two neighbouring probabilities of f32 from 0.01 up: what a limit is below the probability
/// it is taken from, so that no rounding excludes the image it comes from.
const ROUNDING: f64 = 1e-9;

/// When not to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Abstention {
    /// What the head promises.
    pub limits: Limits,
    /// Directions of labelled images, m×D, each of length 1; none of heads of the first format.
    pub(super) references: Array2<f32>,
}

/// Limits past which there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Share of new images of each class whose true class is to be among the plausible ones, 0 to 1.
    pub coverage: f64,
    /// For each class the probability from which it is plausible, K; none when there are too few labelled
    /// images for the coverage: `⌈1/(1−coverage)⌉ − 1` are needed.
    pub plausible_from: Option<Vec<f64>>,
    /// An image is unlike the labelled ones when its distance is larger; none when nothing is kept to
    /// compare with.
    pub unlike_above: Option<f64>,
}

impl Abstention {
    /// Of heads that were made before there was any: always answer.
    pub(super) fn never(dimension: usize) -> Self {
        let limits = Limits {
            coverage: 0.0,
            plausible_from: None,
            unlike_above: None,
        };
        Self {
            limits,
            references: Array2::zeros((0, dimension)),
        }
    }

    /// From transformed rows of labelled images to compare with (of more than [`nearness::REFERENCES`], evenly
    /// spaced ones are kept), and probabilities (n·repeats × K) of all n with their true classes `truth`
    /// while they were held out; `per_class` counts the images of each class.
    pub(super) fn new(
        rows: ArrayView2<'_, f32>,
        held_out: Option<(ArrayView2<'_, f32>, &[usize])>,
        per_class: &[usize],
        coverage: f64,
    ) -> Self {
        let references = nearness::references(rows);
        let limits = Limits {
            coverage,
            plausible_from: held_out.and_then(|(probabilities, truth)| {
                plausible_from(probabilities, truth, per_class, coverage)
            }),
            unlike_above: nearness::unlike_above(&references).map(legible),
        };
        Self { limits, references }
    }

    /// Directions of labelled images, m×D, each of length 1; none of heads of the first format.
    pub fn references(&self) -> ArrayView2<'_, f32> {
        self.references.view()
    }

    /// As [`Limits::plausible`].
    pub fn plausible(&self, probabilities: ArrayView1<'_, f32>) -> Vec<usize> {
        self.limits.plausible(probabilities)
    }
}

impl Limits {
    /// The classes that are plausible for probabilities (K), most probable first; none when all or no class
    /// would be.
    pub fn plausible(&self, probabilities: ArrayView1<'_, f32>) -> Vec<usize> {
        let mut order = self.all_plausible(probabilities);
        if order.len() == probabilities.len() {
            order.clear();
        }
        order
    }

    /// The same, but all when all are. Where any class is plausible the most probable one is, too: with
    /// limits of their own, the answer could else be a class that is not the most probable.
    pub(super) fn all_plausible(&self, probabilities: ArrayView1<'_, f32>) -> Vec<usize> {
        let likeliest = most_probable(probabilities.iter().copied());
        let Some(limits) = &self.plausible_from else {
            return vec![likeliest];
        };
        let is_plausible = |class: usize| f64::from(probabilities[class]) >= limits[class];
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        if !order.iter().any(|&class| is_plausible(class)) {
            return Vec::new();
        }
        order.retain(|&class| class == likeliest || is_plausible(class));
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        order
    }
}

/// The limit of each class: its own where it has images enough, else that of all.
fn plausible_from(
    probabilities: ArrayView2<'_, f32>,
    truth: &[usize],
    per_class: &[usize],
    coverage: f64,
) -> Option<Vec<f64>> {
    let mut all = Vec::with_capacity(truth.len());
    let mut of_class = vec![Vec::new(); per_class.len()];
    for (row, &class) in probabilities.rows().into_iter().zip(truth) {
        all.push(row[class]);
        of_class[class].push(row[class]);
    }
    let together = limit(all, per_class.iter().sum(), coverage)?;
    let own = of_class.into_iter().zip(per_class);
    Some(
        own.map(|(found, &images)| limit(found, images, coverage).unwrap_or(together))
            .collect(),
    )
}

/// The ⌈(n+1)·coverage⌉-th largest of the probabilities of n images, each of which has as many as there
/// were repeats; none when that is more than n.
fn limit(mut probabilities: Vec<f32>, images: usize, coverage: f64) -> Option<f64> {
    probabilities.sort_by(|a, b| b.total_cmp(a));
    let repeats = probabilities.len() / images.max(1);
    let wanted = (images as f64 + 1.0) * coverage;
    // The smallest whole number that is not below it; counted up, as there are few.
    let rank = (0..=images).find(|&rank| rank as f64 >= wanted - 1e-9)?;
    let last = (rank * repeats).checked_sub(1)?;
    let found = probabilities.get(last)?;
    Some(legible((f64::from(*found) - ROUNDING).max(0.0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::transform::narrow;
    use super::*;
    use crate::explore::SplitMix64;
    use ndarray::array;

    /// Probabilities of a class that is right as often as they say.
    fn honest(uniform: &mut SplitMix64, images: usize) -> (Array2<f32>, Vec<usize>) {
        let mut truth = Vec::new();
        let mut rows = Array2::zeros((images, 3));
        for mut row in rows.rows_mut() {
            let (a, b) = (uniform.share(), uniform.share());
            let (low, high) = (a.min(b), a.max(b));
            let shares = [low, high - low, 1.0 - high];
            let pick = uniform.share();
            truth.push(if pick < low {
                0
            } else {
                usize::from(pick >= high) + 1
            });
            row.iter_mut()
                .zip(shares)
                .for_each(|(value, share)| *value = narrow(share));
        }
        (rows, truth)
    }

    /// The first class is common and easy, the second rare and hard: what its own images get is lower.
    fn uneven(uniform: &mut SplitMix64, common: usize, rare: usize) -> (Array2<f32>, Vec<usize>) {
        let truth = [vec![0; common], vec![1; rare]].concat();
        let mut rows = Array2::zeros((truth.len(), 3));
        for (mut row, &class) in rows.rows_mut().into_iter().zip(&truth) {
            let own = [0.7 + 0.3 * uniform.share(), 0.1 + 0.8 * uniform.share()][class];
            row[class] = narrow(own);
            row[1 - class] = narrow((1.0 - own) * 0.75);
            row[2] = narrow((1.0 - own) * 0.25);
        }
        (rows, truth)
    }

    fn count(truth: &[usize]) -> Vec<usize> {
        let of = |class| truth.iter().filter(|&&one| one == class).count();
        (0..3).map(of).collect()
    }

    fn abstention(known: &Array2<f32>, truth: &[usize], coverage: f64) -> Abstention {
        let rows = Array2::from_elem((truth.len(), 2), 1.0_f32);
        let held_out = Some((known.view(), truth));
        Abstention::new(rows.view(), held_out, &count(truth), coverage)
    }

    /// The share of each class's images whose class reaches its limit.
    fn covered(limits: &[f64], fresh: &Array2<f32>, truth: &[usize]) -> Vec<(usize, usize)> {
        let mut found = vec![(0, 0); limits.len()];
        for (row, &class) in fresh.rows().into_iter().zip(truth) {
            found[class].0 += usize::from(f64::from(row[class]) >= limits[class]);
            found[class].1 += 1;
        }
        found
    }

    #[test]
    fn plausible_classes_hold_the_true_one_as_often_as_asked() {
        let mut uniform = SplitMix64::new(5);
        for coverage in [0.8, 0.9] {
            let (mut hits, mut images) = (0, 0);
            for _ in 0..200 {
                let (known, truth) = honest(&mut uniform, 60);
                let limits = abstention(&known, &truth, coverage).limits.plausible_from;
                let (fresh, truth) = honest(&mut uniform, 40);
                for (hit, all) in covered(&limits.unwrap(), &fresh, &truth) {
                    hits += hit;
                    images += all;
                }
            }
            let share = hits as f64 / images as f64;
            // Between 1−α and 1−α+1/(n+1) of each class, n about 20; three standard errors are 0.015.
            assert!(
                (coverage - 0.015..coverage + 0.07).contains(&share),
                "{coverage}: {share}"
            );
        }
    }

    #[test]
    fn a_rare_class_is_covered_like_the_others() {
        let mut uniform = SplitMix64::new(8);
        let (mut own, mut together) = ([(0, 0); 2], [(0, 0); 2]);
        for _ in 0..200 {
            let (known, truth) = uneven(&mut uniform, 45, 12);
            let limits = abstention(&known, &truth, 0.9)
                .limits
                .plausible_from
                .unwrap();
            let all: Vec<f32> = known
                .rows()
                .into_iter()
                .zip(&truth)
                .map(|(row, &class)| row[class])
                .collect();
            let pooled = vec![limit(all, truth.len(), 0.9).unwrap(); 3];
            let (fresh, truth) = uneven(&mut uniform, 40, 40);
            for (sums, limits) in [(&mut own, &limits), (&mut together, &pooled)] {
                for (sum, found) in sums.iter_mut().zip(covered(limits, &fresh, &truth)) {
                    *sum = (sum.0 + found.0, sum.1 + found.1);
                }
            }
        }
        let share = |(hits, images): (usize, usize)| hits as f64 / images as f64;
        // Of 12 images the twelfth: 12/13 are expected.
        for found in own {
            assert!((0.885..0.95).contains(&share(found)), "{own:?}");
        }
        assert!(
            share(together[0]) > 0.99 && share(together[1]) < 0.7,
            "{together:?}"
        );
    }

    #[test]
    fn a_class_with_few_images_takes_the_limit_of_all() {
        let mut uniform = SplitMix64::new(3);
        let (known, truth) = uneven(&mut uniform, 30, 8);
        let limits = abstention(&known, &truth, 0.9)
            .limits
            .plausible_from
            .unwrap();
        let all = known
            .rows()
            .into_iter()
            .zip(&truth)
            .map(|(row, &class)| row[class]);
        let together = limit(all.collect(), 38, 0.9).unwrap();
        assert!(limits[0] > together, "30 images are enough");
        assert_eq!(limits[1..], [together, together], "8 and 0 are not");
    }

    #[test]
    fn too_few_images_promise_nothing() {
        let held_out = array![[0.9_f32, 0.1, 0.0], [0.2, 0.8, 0.0]];
        let abstention = abstention(&held_out, &[0, 1], 0.9);
        assert_eq!(abstention.limits.plausible_from, None);
        assert_eq!(abstention.plausible(array![0.4_f32, 0.6].view()), [1]);
    }

    #[test]
    fn one_several_and_all_classes() {
        let mut abstention = Abstention::never(2);
        abstention.limits.plausible_from = Some(vec![0.3; 3]);
        assert_eq!(abstention.plausible(array![0.1_f32, 0.8, 0.1].view()), [1]);
        assert_eq!(
            abstention.plausible(array![0.31_f32, 0.49, 0.2].view()),
            [1, 0]
        );
        assert!(
            abstention
                .plausible(array![0.34_f32, 0.33, 0.33].view())
                .is_empty()
        );
        abstention.limits.plausible_from = Some(vec![0.9; 3]);
        assert!(
            abstention
                .plausible(array![0.6_f32, 0.3, 0.1].view())
                .is_empty()
        );
    }

    #[test]
    fn what_is_plausible_holds_the_most_probable() {
        let mut abstention = Abstention::never(2);
        abstention.limits.plausible_from = Some(vec![0.9, 0.2, 0.9]);
        assert_eq!(
            abstention.plausible(array![0.6_f32, 0.3, 0.1].view()),
            [0, 1],
            "0.6 is below its limit, and no answer for it"
        );
        assert_eq!(abstention.plausible(array![0.0_f32, 1.0, 0.0].view()), [1]);
    }

    #[test]
    fn the_image_a_limit_comes_from_is_plausible() {
        let probabilities: Vec<f32> = (0..9_u8).map(|step| 0.1 + f32::from(step) * 0.1).collect();
        let found = limit(probabilities.clone(), 9, 0.9).unwrap();
        assert!(probabilities.iter().all(|&one| f64::from(one) >= found));
    }
}
