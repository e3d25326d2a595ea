//! What a head looks at, dimension by dimension.
//!
//! Scores are sums over dimensions: `s_k = b_k + Σ_j w_kj z_j`, with z the transformed features. Adding the
//! same to all classes changes no probability, so a weight means something only beside those of the
//! other classes: what is used here is `w̃_kj = w_kj − mean over classes`. Two questions are answered.
//!
//! *What does the head look at in general?* At what makes scores differ: the variance of a class's score over
//! the labelled images is a sum of `w̃_kj cov(z_j, s̃_k)` over dimensions (Pratt, *Dividing the indivisible*,
//! 1987). The sign of the weight says whether more or less of the dimension speaks for the class. A summand
//! below zero belongs to a dimension whose weight says the one and whose course over the images the other: it
//! takes back what would be counted twice, and says nothing by itself (a *suppressor*). Weights alone would
//! call that a reason; few images that are not centred in full have many such (Haufe et al., *NeuroImage* 87,
//! 2014).
//!
//! *Why this answer for this image?* For the answer a and the runner-up r, `p_a / p_r = exp((s_a − s_r) / T)`
//! is a product of one factor for each dimension, `exp((w_aj − w_rj)(z_j − m_j) / T)`, and what it is for the
//! mean m of the labelled images. Nothing is left out or approximated.
//!
//! *What is it not?* A cause. Dimensions that vary together share their say in any proportion, and the
//! transform may look at all dimensions at once.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};

use super::metrics::most_probable;
use super::transform::{column_means, narrow};
use super::{Head, HeadError, Transform};

/// How transformed features of labelled images vary.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// How many images.
    pub images: usize,
    /// Mean of each dimension, D.
    pub mean: Array1<f64>,
    /// Standard deviation of each dimension, D.
    pub deviation: Array1<f64>,
    /// The images without the mean, n×D.
    centred: Array2<f32>,
}

/// How much a dimension says of a class in general.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Influence {
    /// Which dimension.
    pub dimension: usize,
    /// `w̃_kj · σ_j / T`, with σ_j the standard deviation over the labelled images and T the temperature: above
    /// zero when more of it speaks for the class.
    pub effect: f64,
    /// The size of its part of the variance of the class's score, as a share of those of all dimensions, 0
    /// to 1.
    pub share: f64,
    /// Whether that part is below zero: it takes back what others say.
    pub takes_back: bool,
}

/// How an image's answer comes about.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// The most probable class.
    pub answer: usize,
    /// The next one.
    pub runner_up: usize,
    /// How many times as probable the answer is as the runner-up.
    pub odds: f64,
    /// What that is for the mean of the labelled images.
    pub odds_of_mean: f64,
    /// A factor for each dimension, those farthest from 1 first; `odds` is `odds_of_mean` times all of
    /// them, to rounding.
    pub factors: Vec<Factor>,
}

/// What one dimension does to the odds of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    /// Which dimension.
    pub dimension: usize,
    /// What it multiplies the odds by, above zero.
    pub times: f64,
    /// How far the image lies above the mean of the labelled images, in standard deviations; none when
    /// those do not vary.
    pub deviations: Option<f64>,
    /// Whether the dimension takes back what others say of the two classes ([`Influence::takes_back`]).
    pub takes_back: bool,
}

impl Spread {
    fn of_rows(rows: ArrayView2<'_, f32>) -> Self {
        let images = rows.nrows();
        let mean = column_means(rows.ncols(), rows.rows().into_iter());
        let centred = &rows.mapv(f64::from) - &mean;
        let squares = centred.mapv(|value| value * value).sum_axis(Axis(0));
        Self {
            images,
            mean,
            deviation: squares.mapv(|sum| (sum / images.max(1) as f64).sqrt()),
            centred: centred.mapv(narrow),
        }
    }

    /// What each dimension has of the variance of the score that a slope (D) gives, D.
    fn parts(&self, slope: ArrayView1<'_, f64>) -> Array1<f64> {
        let scores = self.centred.dot(&slope.mapv(narrow));
        let together = self.centred.t().dot(&scores).mapv(f64::from);
        together * slope / self.images.max(1) as f64
    }
}

impl Head {
    /// How features (n×D or wider) of labelled images vary for this head.
    ///
    /// # Errors
    /// What [`Head::predict`] refuses.
    pub fn spread_of(&self, features: ArrayView2<'_, f32>) -> Result<Spread, HeadError> {
        let rows = self.read(features)?;
        Ok(Spread::of_rows(rows.view()))
    }

    /// The same from what the head keeps of its labelled images; none when it keeps nothing, or only
    /// the directions of vectors whose lengths count.
    pub fn kept_spread(&self) -> Option<Spread> {
        let has_unit_length = matches!(self.transform, Transform::CentredL2 { .. } | Transform::L2);
        let references = &self.abstention.references;
        (has_unit_length && references.nrows() > 0).then(|| Spread::of_rows(references.view()))
    }

    /// For each class how much each dimension says, the largest first. Those that say nothing are left
    /// out.
    pub fn influences(&self, spread: &Spread) -> Vec<Vec<Influence>> {
        let weights = self.weights.mapv(f64::from);
        let common = weights
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(weights.ncols()));
        let centred = &weights - &common;
        let of_class = |row: ArrayView1<'_, f64>| {
            let effects = &row * &spread.deviation / f64::from(self.temperature);
            let parts = spread.parts(row);
            let total: f64 = parts.iter().map(|part| part.abs()).sum();
            let mut influences: Vec<Influence> = effects
                .iter()
                .zip(&parts)
                .enumerate()
                .filter(|(_, (effect, part))| effect.abs() > 0.0 && part.abs() > 0.0)
                .map(|(dimension, (&effect, &part))| Influence {
                    dimension,
                    effect,
                    share: part.abs() / total,
                    takes_back: part < 0.0,
                })
                .collect();
            influences.sort_by(|a, b| b.share.total_cmp(&a.share));
            influences
        };
        centred.rows().into_iter().map(of_class).collect()
    }

    /// How the answer for one image's features (D or longer) comes about.
    ///
    /// # Errors
    /// What [`Head::predict`] refuses.
    pub fn weigh(
        &self,
        features: ArrayView1<'_, f32>,
        spread: &Spread,
    ) -> Result<Weighed, HeadError> {
        let rows = self.read(features.insert_axis(Axis(0)))?;
        let row = rows.row(0).mapv(f64::from);
        let weights = self.weights.mapv(f64::from);
        let scores = weights.dot(&row) + self.bias.mapv(f64::from);
        let answer = most_probable(scores.iter().copied());
        let others = scores
            .iter()
            .enumerate()
            .map(|(class, &score)| match class {
                class if class == answer => f64::NEG_INFINITY,
                _ => score,
            });
        let runner_up = most_probable(others);
        let temperature = f64::from(self.temperature);
        let slope = (&weights.row(answer) - &weights.row(runner_up)) / temperature;
        let odds = ((scores[answer] - scores[runner_up]) / temperature).exp();
        let bias = f64::from(self.bias[answer] - self.bias[runner_up]) / temperature;
        let parts = spread.parts(slope.view());
        let factor = |dimension: usize| {
            let above = row[dimension] - spread.mean[dimension];
            let deviation = spread.deviation[dimension];
            Factor {
                dimension,
                times: (slope[dimension] * above).exp(),
                deviations: (deviation > 0.0).then(|| above / deviation),
                takes_back: parts[dimension] < 0.0,
            }
        };
        let mut factors: Vec<Factor> = (0..row.len()).map(factor).collect();
        factors.sort_by(|a, b| b.times.ln().abs().total_cmp(&a.times.ln().abs()));
        Ok(Weighed {
            answer,
            runner_up,
            odds,
            odds_of_mean: (slope.dot(&spread.mean) + bias).exp(),
            factors,
        })
    }

    /// Features as the linear map sees them, n×D.
    ///
    /// # Errors
    /// [`HeadError::TooFewDimensions`], [`HeadError::NotFinite`].
    pub fn read(&self, features: ArrayView2<'_, f32>) -> Result<Array2<f32>, HeadError> {
        // Refuses what cannot be read, in the same words.
        self.predict(features, &self.space())?;
        let own = features.slice_axis_move(Axis(1), Slice::from(..self.dimension()));
        Ok(self.transform.apply(own))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use ndarray::{Array2, array};

    use super::super::TransformKind;
    use super::super::tests::{head_with, small_head};
    use super::*;

    const KINDS: [TransformKind; 4] = [
        TransformKind::CentredL2,
        TransformKind::L2,
        TransformKind::Standardise,
        TransformKind::None,
    ];

    /// What the small heads were trained on: dimension 0 is of class `a`, 1 of `b`, 2 of neither.
    fn features() -> Array2<f32> {
        array![
            [1.0, 0.1, 0.0],
            [0.9, 0.2, 0.3],
            [0.1, 1.0, 0.2],
            [0.2, 0.8, 0.1]
        ]
    }

    #[test]
    fn what_tells_classes_apart_speaks_for_one_and_against_the_other() {
        for kind in KINDS {
            let head = head_with(kind);
            let spread = head.spread_of(features().view()).unwrap();
            let [a, b] = head.influences(&spread).try_into().unwrap();
            let effect = |influences: &[Influence], dimension| {
                let one = influences.iter().find(|one| one.dimension == dimension);
                one.map_or(0.0, |one| one.effect)
            };
            assert!(effect(&a, 0) > 0.0 && effect(&a, 1) < 0.0, "{kind:?}");
            assert!((effect(&a, 0) + effect(&b, 0)).abs() < 1e-6, "{kind:?}");
            assert_eq!(a.last().unwrap().dimension, 2, "{kind:?}");
            let shares: f64 = a.iter().map(|one| one.share).sum();
            assert!((shares - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_goes_the_other_way_than_its_weight_takes_back() {
        let mut head = head_with(TransformKind::None);
        // Of the second dimension there is the less, the more there is of the first.
        head.weights = array![[2.0, 0.5, 0.0], [-2.0, -0.5, 0.0]];
        let images = array![
            [1.0, -0.9, 0.3],
            [2.0, -2.1, 0.1],
            [-1.0, 1.0, 0.2],
            [-2.0, 2.0, 0.4]
        ];
        let spread = head.spread_of(images.view()).unwrap();
        let [first, _] = head.influences(&spread).try_into().unwrap();
        let said: Vec<_> = first
            .iter()
            .map(|one| (one.dimension, one.effect > 0.0, one.takes_back))
            .collect();
        assert_eq!(said, [(0, true, false), (1, true, true)]);
        // The parts are those of the variance of the score.
        let slope = array![2.0, 0.5, 0.0];
        let scores = images.mapv(f64::from).dot(&slope);
        let mean = scores.sum() / 4.0;
        let variance = scores.mapv(|score| (score - mean).powi(2)).sum() / 4.0;
        assert!((spread.parts(slope.view()).sum() / variance - 1.0).abs() < 1e-5);
        let weighed = head.weigh(images.row(0), &spread).unwrap();
        let takes_back = |one: &Factor| one.dimension == 1;
        assert!(
            weighed
                .factors
                .iter()
                .all(|one| one.takes_back == takes_back(one))
        );
    }

    #[test]
    fn factors_multiply_to_the_odds_that_predict_states() {
        for kind in KINDS {
            let head = head_with(kind);
            let spread = head.spread_of(features().view()).unwrap();
            let image = array![[0.7_f32, 0.4, 0.9]];
            let weighed = head.weigh(image.row(0), &spread).unwrap();
            let predictions = head.predict(image.view(), &head.space()).unwrap();
            assert_eq!(weighed.answer, predictions.best(0).index);
            let stated = |class| f64::from(predictions.probabilities[[0, class]]);
            let odds = stated(weighed.answer) / stated(weighed.runner_up);
            let product: f64 = weighed.factors.iter().map(|one| one.times).product();
            for found in [weighed.odds, weighed.odds_of_mean * product] {
                assert!(
                    (found / odds - 1.0).abs() < 1e-4,
                    "{kind:?}: {found} {odds}"
                );
            }
        }
    }

    #[test]
    fn what_a_head_keeps_says_the_same_as_its_images() {
        let head = small_head();
        let (kept, computed) = (
            head.kept_spread().unwrap(),
            head.spread_of(features().view()).unwrap(),
        );
        assert_eq!(kept.images, 4);
        for (one, other) in kept.deviation.iter().zip(&computed.deviation) {
            assert!((one - other).abs() < 1e-6);
        }
        assert_eq!(head_with(TransformKind::None).kept_spread(), None);
    }

    #[test]
    fn appended_dimensions_are_not_read() {
        let head = small_head();
        let wider = array![[1.0_f32, 0.1, 0.0, 7.0]];
        let (row, same) = (
            head.read(wider.view()).unwrap(),
            head.read(array![[1.0_f32, 0.1, 0.0]].view()).unwrap(),
        );
        assert_eq!(row, same);
        assert!(head.read(array![[1.0_f32]].view()).is_err());
    }
}
