//! How many images get an answer when most of the answers must be right.

/// The share of the answers that is to be right.
pub const PRECISION: f64 = 0.9;

/// What is left when a head answers only where it is sure enough to be right in [`PRECISION`] of its answers.
///
/// How sure that is, is found for each image on all the others: chosen on the image itself, it would flatter. The largest
/// share that looks good enough is taken, so with few images some points fewer than promised are right (with 40 images 86 of
/// 100 answers and not 90, with 300 images 89, where answers are as often right as they are sure): that is told too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnsweredAt {
    /// The share of held-out images that get an answer, 0 to 1.
    pub share: f64,
    /// The share of these answers that is right; none without answers.
    pub accuracy: Option<f64>,
}

/// What was said of an image that was held out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// Which image.
    pub(super) image: usize,
    /// By how much its best class is ahead of the second.
    pub(super) margin: f64,
    /// Whether that is its class.
    pub(super) is_right: bool,
}

impl AnsweredAt {
    /// From what was said of `images` images, of each equally often.
    pub(super) fn new(mut said: Vec<Said>, images: usize) -> Self {
        said.sort_by(|one, other| other.margin.total_cmp(&one.margin));
        let limits: Vec<f64> = (0..images).map(|image| limit(&said, image)).collect();
        let answered = said.iter().filter(|one| one.margin >= limits[one.image]);
        let (mut answers, mut right) = (0_usize, 0_usize);
        for one in answered {
            answers += 1;
            right += usize::from(one.is_right);
        }
        Self {
            share: answers as f64 / said.len().max(1) as f64,
            accuracy: (answers > 0).then(|| right as f64 / answers as f64),
        }
    }
}

/// The least margin at which enough of what was said of the other images is right, the surest first.
fn limit(said: &[Said], image: usize) -> f64 {
    let mut limit = f64::INFINITY;
    let (mut answers, mut right) = (0_usize, 0_usize);
    let mut others = said.iter().filter(|one| one.image != image).peekable();
    while let Some(one) = others.next() {
        answers += 1;
        right += usize::from(one.is_right);
        // Those with the same margin are answered together or not at all.
        let is_last = others.peek().is_none_or(|next| next.margin < one.margin);
        if is_last && right as f64 >= PRECISION * answers as f64 {
            limit = match others.peek() {
                Some(_) => one.margin,
                // All may be answered: there is nothing to hold back.
                None => f64::NEG_INFINITY,
            };
        }
    }
    limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::SplitMix64;

    fn said(margins: &[(f64, bool)]) -> Vec<Said> {
        let said = |(image, &(margin, is_right)): (usize, &(f64, bool))| Said {
            image,
            margin,
            is_right,
        };
        margins.iter().enumerate().map(said).collect()
    }

    #[test]
    fn who_is_right_enough_answers_all_and_who_guesses_hardly_any() {
        let right = [(0.3, true); 20];
        let all = AnsweredAt::new(said(&right), 20);
        assert_eq!((all.share, all.accuracy), (1.0, Some(1.0)));
        let wrong = AnsweredAt::new(said(&[(0.3, false); 20]), 20);
        assert_eq!((wrong.share, wrong.accuracy), (0.0, None));
    }

    #[test]
    fn doubtful_answers_are_held_back_until_enough_of_the_others_are_right() {
        // The surer half is right, of the other half every second.
        let margin = |image: u32| 1.0 - f64::from(image) / 40.0;
        let half: Vec<_> = (0..40)
            .map(|image| (margin(image), image < 20 || image % 2 == 0))
            .collect();
        let found = AnsweredAt::new(said(&half), 40);
        assert!((0.5..=0.7).contains(&found.share), "{found:?}");
        assert!(
            found.accuracy.is_some_and(|share| share >= 0.85),
            "{found:?}"
        );
    }

    #[test]
    fn the_promise_is_nearly_kept_on_the_whole() {
        let mut random = SplitMix64::new(3);
        let (mut answers, mut right) = (0.0, 0.0);
        for _ in 0..100 {
            // As often right as the margin says: from a guess to certainty.
            let world: Vec<_> = (0..100)
                .map(|_| {
                    let margin = random.share();
                    (margin, random.share() < 0.5 + margin / 2.0)
                })
                .collect();
            let found = AnsweredAt::new(said(&world), 100);
            answers += found.share;
            right += found.share * found.accuracy.unwrap_or(0.0);
        }
        let accuracy: f64 = right / answers;
        // 0.876 in the mean of many such worlds.
        assert!((0.86..0.92).contains(&accuracy), "{accuracy}");
        assert!((0.35..0.5).contains(&(answers / 100.0)), "0.4 would do");
    }
}
