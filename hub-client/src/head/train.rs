//! Training a head: from features and labels to a head that knows how good it is.

use std::fmt::Write as _;

use jiff::Timestamp;
use ndarray::{Array2, ArrayView2};
use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use super::abstain::Abstention;
use super::answered::Answered;
use super::copies::{self, LOOKS, NearCopies, near_copies};
use super::fit::{Fitted, resolve};
use super::metrics::{ClassMetrics, Interval, Metrics, Reliability, legible, per_class, wilson};
use super::nearness;
use super::options::{Method, TrainingOptions, TrainingSettings};
use super::paired::HeldOutAnswers;
use super::sample::Sample;
use super::suspects::{self, Suspect};
use super::transform::narrow;
use super::validate::Plan;
use super::{ExtractorRelease, Head, HeadError, HeadName};

/// Labelled features.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    /// n×D, finite.
    pub features: ArrayView2<'a, f32>,
    /// SHA-256 of each image's bytes, n.
    pub images: &'a [Digest],
    /// The class of each image, an index into `classes`, n.
    pub labels: &'a [usize],
    /// The names of the classes, at least two, each with at least one image.
    pub classes: &'a [String],
}

/// What a new head is called and what it stands on.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadIdentity {
    /// Its name.
    pub name: HeadName,
    /// When it is made.
    pub created_at: Timestamp,
    /// The release that computed the features.
    pub extractor: ExtractorRelease,
}

/// What is known of how a head was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainingFacts {
    /// Images learnt from, each content counted once.
    pub images: usize,
    /// Images of each class.
    pub images_per_class: Vec<usize>,
    /// Further rows with the same content and label, left out.
    pub duplicates: usize,
    /// Images without a label that the features were centred on too.
    #[serde(default)]
    pub unlabelled: usize,
    /// Each image's SHA-256 and class, in the order of the digests.
    pub labels: Vec<(Digest, usize)>,
    /// SHA-256 over each image's digest (32 bytes), class (u32) and features (f32), little-endian, in
    /// the order of `labels`: equal for equal training data.
    pub data: Digest,
    /// The settings.
    pub settings: TrainingSettings,
    /// Which regression it is.
    #[serde(default = "Method::of_the_first_format")]
    pub method: Method,
    /// scikit-learn's C that was used, on transformed features; of ridge regression 1/λ.
    pub c: f64,
    /// The value of the objective at the end.
    pub objective: f64,
    /// Iterations of the final fit.
    pub iterations: usize,
    /// Whether the final fit reached the gradient tolerance.
    pub converged: bool,
    /// Figures on held-out images; none when a class has a single image.
    pub held_out: Option<HeldOut>,
    /// Images that are likely mislabelled, the most contradicted first.
    #[serde(default)]
    pub suspects: Vec<Suspect>,
    /// Pairs of images that are nearly the same, the closest first.
    #[serde(default)]
    pub near_copies: Vec<NearCopies>,
    /// Whether some of these may be missing: there were too many images to compare all that may be near.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub near_copies_cut: bool,
}

/// Figures on images that were held out in turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HeldOut {
    /// Images held out.
    pub images: usize,
    /// Share of the predictions that were right, 0 to 1.
    pub accuracy: f64,
    /// Where the accuracy on new images of the same kind lies, 9 times in 10. Approximate:
    /// cross-validated predictions depend on one another.
    pub accuracy_interval: Interval,
    /// Mean recall of the classes.
    pub balanced_accuracy: f64,
    /// Mean log loss, with the temperature.
    pub log_loss: f64,
    /// How far the probabilities are from what came true.
    #[serde(default)]
    pub reliability: Reliability,
    /// Predictions of class i (row) as class j (column), all repeats together.
    #[serde(default)]
    pub confusion: Vec<Vec<usize>>,
    /// What comes of not always answering; none of heads that were made before it was measured.
    #[serde(default)]
    pub answered: Option<Answered>,
    /// Blocks each repeat was divided into.
    pub blocks: usize,
    /// How often the images were divided anew.
    pub repeats: usize,
    /// The same in a sentence.
    pub how: String,
}

/// A new head, and what it said of its images while they were held out.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The head.
    pub head: Head,
    /// The answers; none when a class has a single image.
    pub held_out: Option<HeldOutAnswers>,
}

impl Head {
    /// Trains a head. The same images, labels and options give the same bits, in whatever order the
    /// images come.
    ///
    /// # Errors
    /// [`HeadError`]: fewer than two classes, a class without images, arrays that do not line up,
    /// features that are not finite, one content with two labels, more images than the method takes.
    pub fn train(
        identity: HeadIdentity,
        examples: &Examples<'_>,
        options: &TrainingOptions,
    ) -> Result<Self, HeadError> {
        let none = Array2::zeros((0, examples.features.ncols()));
        Self::train_among(identity, examples, none.view(), options)
    }

    /// The same among unlabelled images, as [`Trained::among`], for who wants the head alone.
    ///
    /// # Errors
    /// As [`Head::train`].
    pub fn train_among(
        identity: HeadIdentity,
        examples: &Examples<'_>,
        unlabelled: ArrayView2<'_, f32>,
        options: &TrainingOptions,
    ) -> Result<Self, HeadError> {
        Ok(Trained::among(identity, examples, unlabelled, options)?.head)
    }
}

impl Trained {
    /// Trains a head among unlabelled images of the same kind, m×D: what features are centred on is the
    /// mean of all. Their order is up to the caller, and changes the last bits.
    ///
    /// # Errors
    /// As [`Head::train`]; the unlabelled features are counted after the labelled ones.
    pub fn among(
        identity: HeadIdentity,
        examples: &Examples<'_>,
        unlabelled: ArrayView2<'_, f32>,
        options: &TrainingOptions,
    ) -> Result<Self, HeadError> {
        let settings = options.settings();
        let classes = examples.classes;
        // 1. check what came in, and bring it into an order of its own
        let sample = Sample::new(examples, unlabelled.view())?;
        // 2. learn the transform; it does not look at labels
        let everyone = sample.everyone();
        let transform = sample.transform(settings.transform, &everyone);
        let rows = || sample.transformed(&everyone, transform.clone());
        // 3. choose the penalty and the temperature on held-out blocks, and fit all images with it
        let images = sample.targets.len();
        let plan = Plan::new(&sample.targets, classes.len(), settings.seed);
        let method = resolve(settings, images);
        let plan = plan.as_ref();
        let fitted = Fitted::new(method, &sample, rows(), settings, classes, plan)?;
        // 4. learn when not to answer, and what looks wrong
        let choice = fitted.choice.as_ref();
        let scored = choice.map(|choice| (choice.probabilities.view(), choice.truth.as_slice()));
        let rows = rows();
        let kept: Vec<usize> = nearness::reference_places(images).collect();
        let kept = rows.select(kept.into_iter());
        let abstention = Abstention::new(kept.view(), scored, &sample.per_class, settings.coverage);
        let means = choice.map(|choice| (choice, choice.mean_probabilities(images)));
        let held_out = means
            .as_ref()
            .map(|(choice, means)| HeldOutAnswers::new(choice, means));
        let suspects = means.as_ref().map_or_else(Vec::new, |(_, means)| {
            suspects::mislabelled(means.view(), &sample.labels)
        });
        let answered = scored
            .map(|(probabilities, truth)| Answered::new(&abstention, probabilities, truth, images));
        let copies_below = nearness::copies_below(abstention.references());
        let copies = copies_below.map_or_else(copies::Found::default, |below| {
            near_copies(&rows, &sample.labels, below, LOOKS)
        });
        // 5. write down how it was made
        let training = TrainingFacts {
            images,
            images_per_class: sample.per_class.clone(),
            duplicates: examples.labels.len() - images,
            unlabelled: unlabelled.nrows(),
            data: sample.digest(),
            labels: sample.labels.clone(),
            settings: settings.clone(),
            method,
            c: fitted.c,
            objective: fitted.objective,
            iterations: fitted.iterations,
            converged: fitted.converged,
            held_out: choice.map(|choice| HeldOut {
                answered,
                ..choice.held_out.clone()
            }),
            suspects,
            near_copies: copies.pairs,
            near_copies_cut: copies.is_cut,
        };
        let head = Head {
            name: identity.name,
            created_at: identity.created_at,
            extractor: identity.extractor,
            origin: None,
            classes: classes.to_vec(),
            weights: fitted.weights.mapv(narrow),
            bias: fitted.bias.mapv(narrow),
            temperature: narrow(choice.map_or(1.0, |choice| choice.temperature)),
            transform,
            abstention,
            training,
        };
        Ok(Self { head, held_out })
    }
}

impl HeldOut {
    pub(super) fn new(
        metrics: Metrics,
        reliability: Reliability,
        images: usize,
        plan: &Plan,
        penalties: usize,
    ) -> Self {
        let (blocks, repeats) = (plan.blocks, plan.repeats.len());
        let mut how = format!(
            "{images} images in {blocks} blocks that hold every class alike, each block predicted by a \
             head trained on the others"
        );
        if repeats > 1 {
            let _ = write!(how, "; repeated {repeats} times with other blocks");
        }
        if penalties > 1 {
            how.push_str("; the strength of the penalty was chosen on the same blocks");
        }
        // Repeats see the same images again: they do not make the interval narrower.
        let interval = wilson(metrics.accuracy, images);
        Self {
            images,
            accuracy: legible(metrics.accuracy),
            accuracy_interval: Interval {
                low: legible(interval.low),
                high: legible(interval.high),
            },
            balanced_accuracy: legible(metrics.balanced_accuracy),
            log_loss: legible(metrics.log_loss),
            reliability,
            confusion: metrics.confusion,
            answered: None,
            blocks,
            repeats,
            how,
        }
    }

    /// Recall and precision of each class, with intervals for as many images as there were, however
    /// often they were held out; empty of heads of the first format.
    pub fn classes(&self, names: &[String]) -> Vec<ClassMetrics> {
        if self.confusion.is_empty() {
            return Vec::new();
        }
        per_class(&self.confusion, names, self.repeats)
    }
}
