//! Which extractor to take, from few labels.
//!
//! Figures on twenty labels mislead: over several tasks, taking whatever measured best did worse than
//! always staying with the extractor that is best in general. So the favourite stays, unless another
//! one is better by more than the standard error of their difference on the same images.

/// How many more labels to ask for while the figures do not decide.
pub const MORE_LABELS: usize = 8;

/// How one extractor stands beside the one that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one to take.
    Take,
    /// The difference is within its standard error.
    CannotTell,
    /// It is worse by more than the standard error.
    Worse,
    /// It is better by more than the standard error, and another one still more so.
    Better,
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

/// Decides between extractors by the squared errors of each on the same images, in the same order.
/// `favourite` is one of them.
pub fn decide(favourite: usize, errors: &[&[f64]]) -> Decision {
    let better = |one: usize| difference(errors[favourite], errors[one]);
    let mut take = favourite;
    let mut gain = 0.0;
    for one in 0..errors.len() {
        let (mean, standard_error) = better(one);
        if one != favourite && mean > standard_error && mean > gain {
            (take, gain) = (one, mean);
        }
    }
    let verdict = |one: usize| {
        if one == take {
            return Verdict::Take;
        }
        let (mean, standard_error) = difference(errors[take], errors[one]);
        if mean < -standard_error {
            Verdict::Worse
        } else if mean > standard_error {
            Verdict::Better
        } else {
            Verdict::CannotTell
        }
    };
    let verdicts: Vec<_> = (0..errors.len()).map(verdict).collect();
    Decision {
        take,
        leaves_favourite: take != favourite,
        is_settled: verdicts
            .iter()
            .all(|one| matches!(one, Verdict::Take | Verdict::Worse)),
        verdicts,
    }
}

/// By how much the second has smaller errors, and the standard error of that.
fn difference(one: &[f64], other: &[f64]) -> (f64, f64) {
    let images = one.len().max(1) as f64;
    let differences = || one.iter().zip(other).map(|(one, other)| one - other);
    let mean = differences().sum::<f64>() / images;
    let squared: f64 = differences().map(|one| (one - mean).powi(2)).sum();
    let variance = squared / (images - 1.0).max(1.0);
    (mean, (variance / images).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_favourite_stays_when_the_difference_is_noise() {
        let favourite = [0.5, 0.1, 0.9, 0.4];
        let other = [0.1, 0.6, 0.4, 0.7];
        let decision = decide(0, &[&favourite, &other]);
        assert_eq!((decision.take, decision.is_settled), (0, false));
        assert_eq!(decision.verdicts, [Verdict::Take, Verdict::CannotTell]);
    }

    #[test]
    fn a_clear_difference_wins_either_way() {
        let (low, high) = ([0.1, 0.2, 0.1, 0.2], [0.8, 0.7, 0.9, 0.8]);
        let stays = decide(0, &[&low, &high]);
        assert_eq!(
            (stays.take, stays.leaves_favourite, stays.is_settled),
            (0, false, true)
        );
        let leaves = decide(0, &[&high, &low]);
        assert_eq!(
            (leaves.take, leaves.leaves_favourite, leaves.is_settled),
            (1, true, true)
        );
        assert_eq!(leaves.verdicts, [Verdict::Worse, Verdict::Take]);
    }

    #[test]
    fn of_several_that_are_better_the_best_is_taken() {
        let [bad, good, best] = [[0.9, 0.8, 0.9], [0.4, 0.5, 0.4], [0.1, 0.1, 0.2]];
        let decision = decide(0, &[&bad, &good, &best]);
        assert_eq!(decision.take, 2);
        assert!(decision.is_settled);
        assert_eq!(decide(0, &[&bad]).verdicts, [Verdict::Take]);
    }
}
