//! Which extractor to take, from few labels, and which of the others it may be instead.
//!
//! *Which are worse?* Somebody is always best by chance, the more easily the more there are. So an extractor is
//! called worse only when it could hardly look as bad as it does beside the others if it were the best of them:
//! that happens to the best one 1 time in 10 at most. The signs of the differences on each image are turned at
//! random, the same ones for all extractors, and the largest of the differences so found, in units of their own
//! length, is set beside the largest that was seen (a randomisation test: Fisher, *The Design of Experiments*,
//! 1935; the largest of many: Westfall and Young, *Resampling-Based Multiple Testing*, 1993; beside the best:
//! Hsu, *Multiple Comparisons*, 1996). That needs no normal distribution, and copies of one extractor do not
//! count as many.
//!
//! Errors on held-out images depend on one another, for most of what each head has learnt from is the same. So
//! what was seen is made smaller by the root of the share of the images that heads learn from, which is the
//! correction of Nadeau and Bengio (*Inference for the Generalization Error*, Machine Learning 52, 2003) for
//! blocks of this size.
//!
//! *Which to take?* Figures on few labels mislead: taking whatever measures best does worse than always
//! staying with the extractor that is best in general. So the favourite stays, unless it would look as bad
//! beside the others hardly ever by chance, and one of them is better by more than the standard error of their
//! difference. Of several such ones that is taken whose difference is most standard errors. *Hardly ever* is 1
//! time in 20 for a favourite for which there is a reason: then, from ten labels, who follows the advice is no
//! worse off than who always takes the favourite. It is 3 times in 10 for one that was only guessed, where
//! staying costs more than leaving.
//! `docs/CATALOGUE-EVIDENCE.md` has what all this is worth.

use ndarray::{Array2, ArrayView1, Axis};

use super::HeldOut;
use crate::explore::SplitMix64;

/// How many more labels to ask for while the figures do not decide.
pub const MORE_LABELS: usize = 8;

/// The best of all is called worse in this share of cases, at most.
pub const WRONG: f64 = 0.1;

/// A favourite with a reason stays when it would look as bad more often than this by chance.
const LEAVE: f64 = 0.05;

/// The same for one that was guessed.
const LEAVE_GUESSED: f64 = 0.3;

/// So often signs are drawn.
const DRAWS: usize = 999;

/// Two sums of the same numbers differ by less than this when they are the same sum.
const ROUNDING: f64 = 1e-9;

/// The extractor that stays unless another is clearly better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Favourite {
    /// Its place among those that are measured.
    pub place: usize,
    /// Whether there is a reason for it: somebody works with it, or it was made for such images. Being the largest,
    /// or named first, is none.
    pub has_reason: bool,
}

/// How one extractor stands beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one to take.
    Take,
    /// It may be the best of all.
    CannotTell,
    /// One of the others is better by more than chance explains.
    Worse,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The extractor to take.
    pub take: usize,
    /// Whether that is another than the favourite.
    pub leaves_favourite: bool,
    /// How each stands.
    pub verdicts: Vec<Verdict>,
    /// Whether all others are worse: if not, label [`MORE_LABELS`] more.
    pub is_settled: bool,
}

/// Decides between extractors by what was seen of each on the same images, in the same order and blocks.
/// The same input gives the same answer.
pub fn decide(favourite: Favourite, measured: &[&HeldOut]) -> Decision {
    let errors: Vec<&[f64]> = measured
        .iter()
        .map(|one| one.squared_errors.as_slice())
        .collect();
    let blocks = measured.iter().map(|one| one.blocks).min().unwrap_or(1);
    let chances = chances(&errors, blocks);
    let take = taken(favourite, &errors, &chances);
    let verdict = |one: usize| match chances[one] <= WRONG {
        _ if one == take => Verdict::Take,
        true => Verdict::Worse,
        false => Verdict::CannotTell,
    };
    let verdicts: Vec<_> = (0..errors.len()).map(verdict).collect();
    Decision {
        take,
        leaves_favourite: take != favourite.place,
        is_settled: !verdicts.contains(&Verdict::CannotTell),
        verdicts,
    }
}

/// The favourite, or who of those that may be the best is better than it by most standard errors.
fn taken(favourite: Favourite, errors: &[&[f64]], chances: &[f64]) -> usize {
    let limit = match favourite.has_reason {
        true => LEAVE,
        false => LEAVE_GUESSED,
    };
    let favourite = favourite.place;
    let mut take = (favourite, 1.0);
    if chances[favourite] > limit {
        return favourite;
    }
    for one in (0..errors.len()).filter(|&one| one != favourite && chances[one] > WRONG) {
        let standard_errors = difference(errors[favourite], errors[one]);
        if standard_errors > take.1 {
            take = (one, standard_errors);
        }
    }
    take.0
}

/// By how many of its standard errors the second has smaller errors.
fn difference(one: &[f64], other: &[f64]) -> f64 {
    let images = one.len().max(1) as f64;
    let differences = || one.iter().zip(other).map(|(one, other)| one - other);
    let mean = differences().sum::<f64>() / images;
    let squared: f64 = differences().map(|one| (one - mean).powi(2)).sum();
    let variance = squared / (images - 1.0).max(1.0);
    // Extractors that see the same do not differ, however sure that is.
    if mean == 0.0 {
        0.0
    } else {
        mean / (variance / images).sqrt()
    }
}

/// Of each, how often it would look as bad as it does beside any of the others if it were as good as they are.
/// `blocks` of the images were held out, one after the other.
fn chances(errors: &[&[f64]], blocks: usize) -> Vec<f64> {
    let images = errors.first().map_or(0, |first| first.len());
    let pairs = Pairs(errors.len());
    // Columns: by how much the first of a pair has larger errors, of length 1.
    let mut differences = Array2::<f64>::zeros((images, pairs.count()));
    for (mut column, (one, other)) in differences.columns_mut().into_iter().zip(pairs.all()) {
        for (row, value) in column.iter_mut().enumerate() {
            *value = errors[one][row] - errors[other][row];
        }
        let length = column.dot(&column).sqrt();
        if length > 0.0 {
            column /= length;
        }
    }
    let mut random = SplitMix64::new(0);
    let signs = Array2::from_shape_simple_fn((DRAWS, images), || match random.bits() & 1 {
        0 => 1.0,
        _ => -1.0,
    });
    let by_chance = signs.dot(&differences);
    let seen = differences.sum_axis(Axis(0));
    let kept = (1.0 - 1.0 / blocks.max(1) as f64).sqrt();
    let chance = |one: usize| {
        let largest = |row: ArrayView1<'_, f64>| {
            let others = (0..errors.len()).filter(|&other| other != one);
            let apart = others.map(|other| pairs.sign(one, other) * row[pairs.place(one, other)]);
            apart.fold(f64::NEG_INFINITY, f64::max)
        };
        let seen = kept * largest(seen.view());
        let as_large = |row: &ArrayView1<'_, f64>| largest(*row) >= seen - ROUNDING;
        let as_large = by_chance.rows().into_iter().filter(as_large).count();
        // What was seen is one of the draws.
        (as_large + 1) as f64 / (DRAWS + 1) as f64
    };
    (0..errors.len()).map(chance).collect()
}

/// The pairs of so many extractors, each once, as columns of a table.
#[derive(Clone, Copy, Debug)]
struct Pairs(usize);

impl Pairs {
    fn count(self) -> usize {
        self.0 * self.0.saturating_sub(1) / 2
    }

    /// In the order of their places.
    fn all(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.0).flat_map(move |one| (one + 1..self.0).map(move |other| (one, other)))
    }

    fn place(self, one: usize, other: usize) -> usize {
        let (first, second) = (one.min(other), one.max(other));
        first * (2 * self.0 - first - 1) / 2 + second - first - 1
    }

    fn sign(self, one: usize, other: usize) -> f64 {
        if one < other { 1.0 } else { -1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::sample::seen;

    fn decided(place: usize, errors: &[Vec<f64>]) -> Decision {
        let has_reason = true;
        decided_from(Favourite { place, has_reason }, errors)
    }

    fn decided_from(favourite: Favourite, errors: &[Vec<f64>]) -> Decision {
        let measured: Vec<HeldOut> = errors.iter().map(|errors| seen(errors)).collect();
        decide(favourite, &measured.iter().collect::<Vec<_>>())
    }

    /// Errors about some level, of twenty images.
    fn about(level: f64, seed: u64) -> Vec<f64> {
        let mut random = SplitMix64::new(seed);
        (0..20).map(|_| level + random.share()).collect()
    }

    #[test]
    fn the_favourite_stays_when_the_difference_is_noise() {
        let noise: Vec<f64> = about(0.0, 1);
        let turned: Vec<f64> = noise.iter().rev().copied().collect();
        let decision = decided(0, &[noise, turned]);
        assert_eq!((decision.take, decision.is_settled), (0, false));
        assert_eq!(decision.verdicts, [Verdict::Take, Verdict::CannotTell]);
    }

    #[test]
    fn a_clear_difference_wins_either_way() {
        let (low, high) = (about(0.0, 1), about(1.0, 2));
        let stays = decided(0, &[low.clone(), high.clone()]);
        assert_eq!(
            (stays.take, stays.leaves_favourite, stays.is_settled),
            (0, false, true)
        );
        let leaves = decided(0, &[high, low]);
        assert_eq!(
            (leaves.take, leaves.leaves_favourite, leaves.is_settled),
            (1, true, true)
        );
        assert_eq!(leaves.verdicts, [Verdict::Worse, Verdict::Take]);
    }

    #[test]
    fn a_favourite_with_a_reason_stays_longer() {
        // The smallest difference that leads away from a guess.
        let apart = |step| [about(0.01 * f64::from(step), 1), about(0.0, 2)];
        let chance = |errors: &[Vec<f64>; 2]| chances(&errors.each_ref().map(Vec::as_slice), 10)[0];
        let errors = (0..100)
            .map(apart)
            .find(|errors| chance(errors) <= LEAVE_GUESSED)
            .unwrap();
        assert!(chance(&errors) > LEAVE);
        let take = |has_reason| {
            let place = 0;
            decided_from(Favourite { place, has_reason }, &errors).take
        };
        assert_eq!((take(true), take(false)), (0, 1));
    }

    #[test]
    fn of_several_that_are_better_the_best_is_taken() {
        let errors = [about(2.0, 1), about(1.0, 2), about(0.0, 3)];
        let decision = decided(0, &errors);
        assert_eq!(decision.take, 2);
        assert!(decision.is_settled);
        assert_eq!(decided(0, &errors[..1]).verdicts, [Verdict::Take]);
    }

    #[test]
    fn of_those_that_are_alike_one_is_called_worse_no_more_often_than_is_promised() {
        const WORLDS: u64 = 400;
        let said = (0..WORLDS).filter(|world| {
            let errors: Vec<_> = (0..6).map(|one| about(0.0, 1000 * world + one)).collect();
            // The first is as good as any.
            chances(&errors.iter().map(Vec::as_slice).collect::<Vec<_>>(), 10)[0] <= WRONG
        });
        let share = said.count() as f64 / WORLDS as f64;
        // Two standard errors of a tenth are 0.03.
        assert!((0.01..0.13).contains(&share), "{share}");
    }

    #[test]
    fn copies_of_one_extractor_do_not_make_the_others_look_better() {
        let (low, high) = (about(0.0, 1), about(0.35, 2));
        let two = decided(0, &[high.clone(), low.clone()]);
        let mut many = vec![high; 30];
        many.push(low);
        let many = decided(0, &many);
        assert_eq!((two.take, many.take), (1, 30));
        assert_eq!(two.verdicts[0], Verdict::Worse);
        assert_eq!(many.verdicts[0], Verdict::Worse);
    }

    #[test]
    fn every_pair_has_its_place() {
        let pairs = Pairs(5);
        for (place, (one, other)) in pairs.all().enumerate() {
            assert_eq!(
                (pairs.place(one, other), pairs.place(other, one)),
                (place, place)
            );
            assert_eq!(pairs.sign(one, other), -pairs.sign(other, one));
        }
        assert_eq!((pairs.all().count(), pairs.count()), (10, 10));
    }
}
