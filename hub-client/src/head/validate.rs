//! Cross-validation: how good a head is on images it has not seen, from the labelled images alone.
//!
//! *Why blocks that hold an image of each class?* Leaving out a single image shifts the balance of
//! classes against the class that is asked for, and with weak features accuracy then falls below
//! chance (Austin et al., *Distributional bias compromises leave-one-out cross-validation*, Science
//! Advances 2025). With blocks that hold out every class alike, what is left keeps the balance.

use ndarray::{Array2, ArrayView2, Axis};

use super::calibrate::{self, Calibration};
use super::metrics::{Metrics, Reliability, most_probable};
use super::sample::Sample;
use super::solver::{Design, Fit, Request, Ridge, codes};
use super::train::HeldOut;
use super::transform::{Transform, TransformKind, narrow};
use super::{PREDICT_BLOCK, linear_scores};
use crate::explore::SplitMix64;

/// Penalties are taken as equally good when their held-out log losses differ by no more: the
/// stronger penalty is chosen then.
const INDISTINGUISHABLE: f64 = 2e-3;

/// Gradient tolerance of the fits made here; held-out scores do not change visibly past it.
const TOLERANCE: f64 = 1e-4;

/// Which rows are held out together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Blocks in each repeat.
    pub(crate) blocks: usize,
    /// For each repeat, the block of each row.
    pub(crate) repeats: Vec<Vec<usize>>,
}

/// What the chosen penalty did on held-out images.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// C of logistic regression, λ of ridge regression.
    pub(super) strength: f64,
    pub(super) temperature: f64,
    pub(super) held_out: HeldOut,
    /// n·repeats × K, repeat by repeat.
    pub(super) probabilities: Array2<f32>,
    /// The true classes of its rows.
    pub(super) truth: Vec<usize>,
}

impl Choice {
    fn new(
        strength: f64,
        scores: ArrayView2<'_, f64>,
        classes: &[String],
        images: usize,
        truth: Vec<usize>,
        plan: &Plan,
        tried: usize,
    ) -> Self {
        let calibration = calibrate::fit_temperature(scores, &truth, images);
        let probabilities = calibrate::probabilities(scores, calibration.temperature);
        let metrics = Metrics::new(probabilities.view(), &truth, classes);
        let reliability = Reliability::new(probabilities.view(), &truth);
        Self {
            strength,
            temperature: calibration.temperature,
            held_out: HeldOut::new(metrics, reliability, images, plan, tried),
            probabilities,
            truth,
        }
    }

    /// Whether the most probable class was the true one, for each row.
    pub(super) fn hits(&self) -> Vec<bool> {
        let rows = self.probabilities.rows().into_iter().zip(&self.truth);
        rows.map(|(row, &class)| most_probable(row.iter().copied()) == class)
            .collect()
    }

    /// The mean over the repeats of each image's probabilities, n×K.
    pub(super) fn mean_probabilities(&self, images: usize) -> Array2<f64> {
        let mut mean = Array2::zeros((images, self.probabilities.ncols()));
        for (index, row) in self.probabilities.rows().into_iter().enumerate() {
            let mut target = mean.row_mut(index % images);
            target.zip_mut_with(&row, |sum, &value| *sum += f64::from(value));
        }
        mean / (self.probabilities.nrows() / images.max(1)).max(1) as f64
    }
}

/// Chooses among penalties of a ridge regression by the mean square of held-out errors, with exact
/// held-out scores; of equally good ones the strongest.
///
/// The rows were transformed by what was learnt from all of them, held-out ones too: the mean alone, no
/// label. Learning it anew for each block would cost a decomposition each, and changes little: over 100
/// draws each from four sets of photographs, stated accuracy was 0.08 to 0.34 points higher than with means
/// of what is kept at 10 images in all, where it was otherwise 1 to 3 points too low, and −0.03 to 0.11 at 20.
pub(super) fn choose_ridge(
    ridge: &Ridge<'_>,
    targets: &[usize],
    classes: &[String],
    plan: &Plan,
    lambdas: &[f64],
) -> Choice {
    let wanted = codes(targets, classes.len());
    let mut descending = lambdas.to_vec();
    descending.sort_by(|a, b| b.total_cmp(a));
    let mut best: Option<(f64, f64, Vec<Array2<f64>>)> = None;
    for lambda in descending {
        let scores: Vec<Array2<f64>> = plan
            .repeats
            .iter()
            .map(|blocks| ridge.held_out(lambda, blocks))
            .collect();
        let error: f64 = scores
            .iter()
            .map(|scores| (scores - &wanted).iter().map(|e| e * e).sum::<f64>())
            .sum();
        if best.as_ref().is_none_or(|(least, ..)| error < *least) {
            best = Some((error, lambda, scores));
        }
    }
    let (_, lambda, scores) = best.unwrap_or_default();
    let views: Vec<_> = scores.iter().map(|scores| scores.view()).collect();
    let all = ndarray::concatenate(Axis(0), &views).unwrap_or_default();
    let truth = targets.repeat(plan.repeats.len());
    Choice::new(
        lambda,
        all.view(),
        classes,
        targets.len(),
        truth,
        plan,
        lambdas.len(),
    )
}

impl Plan {
    /// Deals the rows of each class to blocks in random order, several times over when there are few.
    /// `None` when a class has fewer than two rows: nothing of it would be left to learn from.
    ///
    /// With at most ten rows in the smallest class each block holds exactly one row of that class;
    /// with more, a tenth (a fifth of thousands, a third of tens of thousands).
    pub(super) fn new(targets: &[usize], classes: usize, seed: u64) -> Option<Self> {
        let (most_blocks, repeats) = match targets.len() {
            0..=60 => (10, 10),
            61..=250 => (10, 4),
            251..=2_000 => (10, 1),
            2_001..=10_000 => (5, 1),
            _ => (3, 1),
        };
        Self::deal(targets, classes, seed, most_blocks, repeats)
    }

    /// As [`Self::new`], with as many blocks as the smallest class has rows, however many these are.
    pub(crate) fn one_of_each(targets: &[usize], classes: usize, seed: u64) -> Option<Self> {
        let repeats = match targets.len() {
            0..=60 => 10,
            61..=250 => 4,
            _ => 1,
        };
        Self::deal(targets, classes, seed, usize::MAX, repeats)
    }

    /// As [`Self::new`], in two blocks: what is held out is predicted by a head from half the rows.
    pub(crate) fn halves(targets: &[usize], classes: usize, seed: u64) -> Option<Self> {
        let repeats = if targets.len() <= 60 { 10 } else { 2 };
        Self::deal(targets, classes, seed, 2, repeats)
    }

    fn deal(
        targets: &[usize],
        classes: usize,
        seed: u64,
        most_blocks: usize,
        repeats: usize,
    ) -> Option<Self> {
        let mut members = vec![Vec::new(); classes];
        for (row, &class) in targets.iter().enumerate() {
            members[class].push(row);
        }
        let smallest = members.iter().map(Vec::len).min();
        let blocks = smallest.filter(|&smallest| smallest >= 2)?.min(most_blocks);
        let mut random = SplitMix64::new(seed);
        let repeats = (0..repeats)
            .map(|_| deal(&mut members, targets.len(), blocks, &mut random))
            .collect();
        Some(Self { blocks, repeats })
    }
}

/// Tries penalties on held-out blocks, and chooses one and a temperature by the log loss.
///
/// Everything is learnt anew without the block, the transform too, from what is kept and the images
/// without a label, as the head itself learns it: a mean or a scale that has seen the held-out images
/// makes them look easier than new ones are. `template` says what to fit; its targets, C, tolerance and
/// start are replaced. `grid` ascends.
pub(super) fn choose(
    sample: &Sample<'_>,
    kind: TransformKind,
    template: &Request<'_>,
    classes: &[String],
    plan: &Plan,
    grid: &[f64],
) -> Option<Choice> {
    let rows = sample.targets.len();
    let mut scores =
        vec![Array2::<f64>::zeros((rows * plan.repeats.len(), classes.len())); grid.len()];
    for (repeat, blocks) in plan.repeats.iter().enumerate() {
        for block in 0..plan.blocks {
            let (held_out, kept): (Vec<usize>, Vec<usize>) =
                (0..rows).partition(|&row| blocks[row] == block);
            let fold = Fold::new(sample, kind, &kept);
            let predicted = fold.scores(sample, &held_out, template, grid);
            for (predicted, scores) in predicted.iter().zip(&mut scores) {
                for (&row, predicted) in held_out.iter().zip(predicted.rows()) {
                    scores.row_mut(repeat * rows + row).assign(&predicted);
                }
            }
        }
    }
    let truth = sample.targets.repeat(plan.repeats.len());
    let calibrations: Vec<Calibration> = scores
        .iter()
        .map(|scores| calibrate::fit_temperature(scores.view(), &truth, rows))
        .collect();
    let best = calibrations
        .iter()
        .map(|calibration| calibration.loss)
        .fold(f64::INFINITY, f64::min);
    let chosen = calibrations
        .iter()
        .position(|calibration| calibration.loss <= best + INDISTINGUISHABLE)?;
    Some(Choice::new(
        grid[chosen],
        scores[chosen].view(),
        classes,
        rows,
        truth,
        plan,
        grid.len(),
    ))
}

/// What is learnt from when a block is held out.
struct Fold<'a> {
    transform: Transform,
    design: Design<'a>,
    targets: Vec<usize>,
}

impl<'a> Fold<'a> {
    fn new(sample: &Sample<'a>, kind: TransformKind, kept: &[usize]) -> Self {
        let transform = sample.transform(kind, kept);
        let design = Design::over(sample.transformed(kept, transform.clone()));
        let targets = kept.iter().map(|&row| sample.targets[row]).collect();
        Self {
            transform,
            design,
            targets,
        }
    }

    /// The scores of held-out features by a head for each penalty.
    fn scores(
        mut self,
        sample: &Sample<'_>,
        held_out: &[usize],
        template: &Request<'_>,
        grid: &[f64],
    ) -> Vec<Array2<f64>> {
        let mut start: Option<Fit> = None;
        let mut score = |&c: &f64| {
            let request = Request {
                targets: &self.targets,
                c,
                tolerance: TOLERANCE,
                start: start.as_ref(),
                ..*template
            };
            let fit = self.design.fit(&request);
            let (weights, bias) = self.design.coefficients(&fit);
            start = Some(fit);
            let (weights, bias) = (weights.mapv(narrow), bias.mapv(narrow));
            let mut scores = Array2::zeros((held_out.len(), template.classes));
            let blocks = scores.axis_chunks_iter_mut(Axis(0), PREDICT_BLOCK);
            for (mut scores, rows) in blocks.into_iter().zip(held_out.chunks(PREDICT_BLOCK)) {
                let features = sample.select(rows);
                let found = linear_scores(features.view(), &self.transform, &weights, &bias);
                scores.assign(&found);
            }
            scores
        };
        grid.iter().map(&mut score).collect()
    }
}

/// One repeat: each class's rows in random order, dealt to the blocks in turn. Each class goes on
/// where the one before stopped, so that what is left over does not pile up in the first blocks.
fn deal(
    members: &mut [Vec<usize>],
    rows: usize,
    blocks: usize,
    random: &mut SplitMix64,
) -> Vec<usize> {
    let mut assignment = vec![0; rows];
    let mut next = 0;
    for class in members {
        random.shuffle(class);
        for &row in class.iter() {
            assignment[row] = next % blocks;
            next += 1;
        }
    }
    assignment
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::solver::RidgeRequest;
    use super::*;

    #[test]
    fn each_block_holds_each_class() {
        let targets: Vec<usize> = [vec![0; 5], vec![1; 5], vec![2; 13]].concat();
        let plan = Plan::new(&targets, 3, 7).unwrap();
        assert_eq!((plan.blocks, plan.repeats.len()), (5, 10));
        for blocks in &plan.repeats {
            for block in 0..5 {
                let count = |class| {
                    (0..targets.len())
                        .filter(|&i| blocks[i] == block && targets[i] == class)
                        .count()
                };
                assert_eq!((count(0), count(1)), (1, 1));
                assert!((2..=3).contains(&count(2)));
            }
        }
        assert_ne!(plan.repeats[0], plan.repeats[1]);
        assert_eq!(
            Plan::new(&targets, 3, 7).unwrap(),
            plan,
            "the same seed gives the same plan"
        );
    }

    #[test]
    fn a_mean_that_saw_the_held_out_images_flatters_little() {
        let (images, dimensions, draws) = (20, 24, 30);
        let labels: Vec<usize> = (0..images).map(|row| row % 2).collect();
        let right = |scores: &Array2<f64>, rows: &[usize]| {
            let pairs = scores.rows().into_iter().zip(rows);
            let right =
                pairs.filter(|(row, index)| most_probable(row.iter().copied()) == labels[**index]);
            right.count()
        };
        let ridge =
            |rows: ArrayView2<'_, f32>, targets: &[usize], work: &mut dyn FnMut(&Ridge<'_>)| {
                let request = RidgeRequest {
                    targets,
                    classes: 2,
                    row_weights: None,
                    towards: None,
                };
                work(&Ridge::new(rows, &request).unwrap());
            };
        let kind = TransformKind::CentredL2;
        let (mut shared, mut anew, mut all) = (0, 0, 0);
        let mut random = SplitMix64::new(3);
        for draw in 0..draws {
            let features = Array2::from_shape_fn((images, dimensions), |(row, column)| {
                let own = if column == labels[row] { 0.8 } else { 0.0 };
                narrow(own + 1.0 + random.share() + random.share())
            });
            let mut plan = Plan::new(&labels, 2, draw).unwrap();
            plan.repeats.truncate(2);
            let rows = Transform::fit(kind, features.view()).apply(features.view());
            ridge(rows.view(), &labels, &mut |ridge| {
                for blocks in &plan.repeats {
                    let everyone: Vec<usize> = (0..images).collect();
                    shared += right(&ridge.held_out(0.1, blocks), &everyone);
                    all += images;
                }
            });
            for (blocks, block) in plan
                .repeats
                .iter()
                .flat_map(|blocks| (0..plan.blocks).map(move |b| (blocks, b)))
            {
                let (out, kept): (Vec<usize>, Vec<usize>) =
                    (0..images).partition(|&row| blocks[row] == block);
                let known = features.select(Axis(0), &kept);
                let transform = Transform::fit(kind, known.view());
                let targets: Vec<usize> = kept.iter().map(|&row| labels[row]).collect();
                ridge(
                    transform.apply(known.view()).view(),
                    &targets,
                    &mut |ridge| {
                        let (weights, bias) = ridge.coefficients(0.1);
                        let (weights, bias) = (weights.mapv(narrow), bias.mapv(narrow));
                        let fresh = features.select(Axis(0), &out);
                        anew += right(
                            &linear_scores(fresh.view(), &transform, &weights, &bias),
                            &out,
                        );
                    },
                );
            }
        }
        let [shared, anew] = [shared, anew].map(|count| count as f64 / all as f64);
        assert!(
            (0.6..0.98).contains(&anew),
            "neither easy nor hopeless: {anew}"
        );
        assert!((shared - anew).abs() < 0.01, "{shared} {anew}");
    }

    #[test]
    fn one_image_of_a_class_cannot_be_held_out() {
        assert_eq!(Plan::new(&[0, 0, 0, 1], 2, 7), None);
    }

    #[test]
    fn one_of_each_has_a_block_for_every_row_of_the_smallest_class() {
        let targets = [vec![0; 13], vec![1; 17]].concat();
        let plan = Plan::one_of_each(&targets, 2, 4).unwrap();
        assert_eq!((plan.blocks, plan.repeats.len()), (13, 10));
        for blocks in plan.repeats {
            let of_first = |block| blocks[..13].iter().filter(|&&own| own == block).count();
            assert!((0..13).all(|block| of_first(block) == 1));
        }
    }

    #[test]
    fn blocks_grow_with_the_data() {
        let plan = |images: usize| {
            Plan::new(&(0..images).map(|row| row % 2).collect::<Vec<_>>(), 2, 1).unwrap()
        };
        assert_eq!((plan(100).blocks, plan(100).repeats.len()), (10, 4));
        assert_eq!((plan(5_000).blocks, plan(50_000).blocks), (5, 3));
    }
}
