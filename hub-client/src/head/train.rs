//! Training a head: from features and labels to a head that knows how good it is.

use std::fmt::Write as _;

use jiff::Timestamp;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate};
use registry_schema::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use super::abstain::Abstention;
use super::metrics::{Interval, Metrics, Reliability, legible, wilson};
use super::options::{
    AUTOMATIC_RIDGE_IMAGES, CHOICES, ClassWeights, DEFAULT_CHOICE, DEFAULT_RIDGE_CHOICE, Method,
    Penalty, TrainingOptions, TrainingSettings, ridge_choices,
};
use super::paired::HeldOutAnswers;
use super::solver::{Design, Request, Ridge, RidgeRequest};
use super::suspects::{self, NearCopies, Suspect};
use super::transform::{Transform, narrow};
use super::validate::{self, Choice, Plan};
use super::{ExtractorRelease, Head, HeadError, HeadName, check_classes};

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
    /// Blocks each repeat was divided into.
    pub blocks: usize,
    /// How often the images were divided anew.
    pub repeats: usize,
    /// The same in a sentence.
    pub how: String,
}

/// A head, and what was said of its images while each was held out.
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

    /// The same among unlabelled images of the same kind, m×D: what features are centred on is the mean
    /// of all. Their order is up to the caller, and changes the last bits.
    ///
    /// # Errors
    /// As [`Head::train`]; the unlabelled features are counted after the labelled ones.
    pub fn train_among(
        identity: HeadIdentity,
        examples: &Examples<'_>,
        unlabelled: ArrayView2<'_, f32>,
        options: &TrainingOptions,
    ) -> Result<Self, HeadError> {
        Self::train_measured(identity, examples, unlabelled, options).map(|trained| trained.head)
    }

    /// The same, with what was said of each image while it was held out.
    ///
    /// # Errors
    /// As [`Head::train_among`].
    pub fn train_measured(
        identity: HeadIdentity,
        examples: &Examples<'_>,
        unlabelled: ArrayView2<'_, f32>,
        options: &TrainingOptions,
    ) -> Result<Trained, HeadError> {
        let settings = options.settings();
        let classes = examples.classes;
        // 1. check what came in, and bring it into an order of its own
        let sample = Sample::new(examples)?;
        let all = sample.among(unlabelled)?;
        // 2. learn the transform; it does not look at labels
        let transform = Transform::fit(settings.transform, all.view());
        let rows = transform.apply(sample.features.view());
        // 3. choose the penalty and the temperature on held-out blocks, and fit all images with it
        let plan = Plan::new(&sample.targets, classes.len(), settings.seed);
        let method = resolve(settings, sample.targets.len());
        let fitted = match method {
            Method::Ridge => fit_ridge(&sample, rows.view(), settings, classes, plan.as_ref())?,
            _ => fit_logistic(&sample, rows.clone(), settings, classes, plan.as_ref()),
        };
        // 4. learn when not to answer, and what looks wrong
        let choice = fitted.choice.as_ref();
        let held_out = choice.map(|choice| (choice.probabilities.view(), choice.truth.as_slice()));
        let abstention = Abstention::new(rows.view(), held_out, settings.coverage);
        let answers = choice.map(|choice| HeldOutAnswers::new(choice, sample.targets.len()));
        let suspects = answers.as_ref().map_or_else(Vec::new, |answers| {
            suspects::mislabelled(answers.probabilities.view(), &sample.labels)
        });
        // 5. write down how it was made
        let training = TrainingFacts {
            images: sample.targets.len(),
            images_per_class: sample.per_class.clone(),
            duplicates: examples.labels.len() - sample.targets.len(),
            unlabelled: unlabelled.nrows(),
            data: sample.digest(),
            labels: sample.labels.clone(),
            settings: settings.clone(),
            method,
            c: fitted.c,
            objective: fitted.objective,
            iterations: fitted.iterations,
            converged: fitted.converged,
            held_out: choice.map(|choice| choice.held_out.clone()),
            suspects,
            near_copies: suspects::near_copies(rows.view(), &sample.labels),
        };
        let head = Self {
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
        Ok(Trained {
            head,
            held_out: answers,
        })
    }
}

/// A linear map, and how it came about.
struct Fitted {
    weights: Array2<f64>,
    bias: Array1<f64>,
    c: f64,
    objective: f64,
    iterations: usize,
    converged: bool,
    choice: Option<Choice>,
}

/// Ridge or logistic.
fn resolve(settings: &TrainingSettings, images: usize) -> Method {
    match settings.method {
        Method::Automatic
            if images <= AUTOMATIC_RIDGE_IMAGES && settings.penalty == Penalty::Chosen =>
        {
            Method::Ridge
        }
        Method::Automatic => Method::Logistic,
        method => method,
    }
}

fn fit_ridge(
    sample: &Sample,
    rows: ArrayView2<'_, f32>,
    settings: &TrainingSettings,
    classes: &[String],
    plan: Option<&Plan>,
) -> Result<Fitted, HeadError> {
    let weights = class_weights(settings.class_weights, &sample.per_class).map(|weights| {
        let weight = |&class: &usize| weights[class];
        sample.targets.iter().map(weight).collect::<Vec<f64>>()
    });
    let ridge = Ridge::new(
        rows,
        &RidgeRequest {
            targets: &sample.targets,
            classes: classes.len(),
            row_weights: weights.as_deref(),
            towards: None,
        },
    )?;
    let scale = 1.0 / inverse_scale(rows);
    let lambdas: Vec<f64> = match settings.penalty {
        Penalty::Fixed(c) => vec![1.0 / c],
        Penalty::Chosen => {
            let scaled = |choice: f64| legible(choice * scale);
            ridge_choices().into_iter().map(scaled).collect()
        }
    };
    let choice =
        plan.map(|plan| validate::choose_ridge(&ridge, &sample.targets, classes, plan, &lambdas));
    let lambda = match (&choice, lambdas.as_slice()) {
        (Some(choice), _) => choice.strength,
        (None, [only]) => *only,
        (None, _) => legible(DEFAULT_RIDGE_CHOICE * scale),
    };
    let (map, bias) = ridge.coefficients(lambda);
    Ok(Fitted {
        objective: legible(ridge.objective(lambda)),
        weights: map,
        bias,
        c: legible(1.0 / lambda),
        iterations: 0,
        converged: true,
        choice,
    })
}

fn fit_logistic(
    sample: &Sample,
    rows: Array2<f32>,
    settings: &TrainingSettings,
    classes: &[String],
    plan: Option<&Plan>,
) -> Fitted {
    let grid = grid(settings.penalty, rows.view());
    let weights = class_weights(settings.class_weights, &sample.per_class);
    let request = Request {
        class_weights: weights.as_deref(),
        iterations: settings.iterations,
        ..Request::new(&sample.targets, classes.len(), 1.0)
    };
    let choice = plan.and_then(|plan| {
        let kind = settings.transform;
        validate::choose(sample, kind, &request, classes, plan, &grid.tried)
    });
    let c = choice
        .as_ref()
        .map_or(grid.otherwise, |choice| choice.strength);
    let mut design = Design::new(rows);
    let fit = design.fit(&Request {
        c,
        tolerance: settings.tolerance,
        ..request
    });
    let (weights, bias) = design.coefficients(&fit);
    Fitted {
        weights,
        bias,
        c,
        objective: legible(fit.objective),
        iterations: fit.iterations,
        converged: fit.converged,
        choice,
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
            blocks,
            repeats,
            how,
        }
    }
}

/// Checked examples in the order of their digests, each content once.
pub(super) struct Sample {
    /// n×D, as they were given.
    pub(super) features: Array2<f32>,
    /// The class of each row.
    pub(super) targets: Vec<usize>,
    labels: Vec<(Digest, usize)>,
    per_class: Vec<usize>,
}

impl Sample {
    fn new(examples: &Examples<'_>) -> Result<Self, HeadError> {
        let Examples {
            features,
            images,
            labels,
            classes,
        } = *examples;
        check_classes(classes)?;
        if features.nrows() != images.len() || images.len() != labels.len() {
            let lengths = (features.nrows(), images.len(), labels.len());
            return Err(HeadError::Lengths {
                features: lengths.0,
                images: lengths.1,
                labels: lengths.2,
            });
        }
        if features.ncols() == 0 {
            return Err(HeadError::NoDimensions);
        }
        for (row, (values, &label)) in features.rows().into_iter().zip(labels).enumerate() {
            if label >= classes.len() {
                return Err(HeadError::LabelOutOfRange {
                    row,
                    label,
                    classes: classes.len(),
                });
            }
            if !values.iter().all(|value| value.is_finite()) {
                return Err(HeadError::NotFinite { row });
            }
        }

        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by_key(|&row| images[row]);
        let contradiction = order
            .windows(2)
            .find(|pair| images[pair[0]] == images[pair[1]] && labels[pair[0]] != labels[pair[1]]);
        if let Some(pair) = contradiction {
            let [first, second] = [pair[0], pair[1]].map(|row| classes[labels[row]].clone());
            return Err(HeadError::Contradiction {
                image: images[pair[0]],
                first,
                second,
            });
        }
        order.dedup_by_key(|row| images[*row]);

        let mut per_class = vec![0; classes.len()];
        order.iter().for_each(|&row| per_class[labels[row]] += 1);
        if let Some(class) = per_class.iter().position(|&count| count == 0) {
            return Err(HeadError::EmptyClass {
                class: classes[class].clone(),
            });
        }
        Ok(Self {
            features: features.select(Axis(0), &order),
            labels: order
                .iter()
                .map(|&row| (images[row], labels[row]))
                .collect(),
            targets: order.iter().map(|&row| labels[row]).collect(),
            per_class,
        })
    }

    /// Its features, and below them those of other images.
    fn among(&self, others: ArrayView2<'_, f32>) -> Result<Array2<f32>, HeadError> {
        let broken = |row: ArrayView1<'_, f32>| !row.iter().all(|value| value.is_finite());
        if let Some(row) = others.rows().into_iter().position(broken) {
            let row = self.targets.len() + row;
            return Err(HeadError::NotFinite { row });
        }
        concatenate(Axis(0), &[self.features.view(), others]).map_err(|_| HeadError::Widths {
            labelled: self.features.ncols(),
            unlabelled: others.ncols(),
        })
    }

    fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        let mut bytes = Vec::new();
        for ((image, class), features) in self.labels.iter().zip(self.features.rows()) {
            bytes.clear();
            bytes.extend_from_slice(image.as_bytes());
            bytes.extend_from_slice(&u32::try_from(*class).unwrap_or(u32::MAX).to_le_bytes());
            features
                .iter()
                .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            hasher.update(&bytes);
        }
        hasher.finish()
    }
}

fn class_weights(weights: ClassWeights, per_class: &[usize]) -> Option<Vec<f64>> {
    let images: usize = per_class.iter().sum();
    let weight = |&count: &usize| images as f64 / (per_class.len() * count) as f64;
    match weights {
        ClassWeights::Uniform => None,
        ClassWeights::Balanced => Some(per_class.iter().map(weight).collect()),
    }
}

struct Grid {
    /// Values of C to try, ascending.
    tried: Vec<f64>,
    /// The one to take when nothing can be tried.
    otherwise: f64,
}

/// `rows` are transformed.
fn grid(penalty: Penalty, rows: ArrayView2<'_, f32>) -> Grid {
    if let Penalty::Fixed(c) = penalty {
        return Grid {
            tried: vec![c],
            otherwise: c,
        };
    }
    let scale = inverse_scale(rows);
    Grid {
        tried: CHOICES
            .iter()
            .map(|choice| legible(choice * scale))
            .collect(),
        otherwise: legible(DEFAULT_CHOICE * scale),
    }
}

/// One over the mean squared length of transformed rows.
fn inverse_scale(rows: ArrayView2<'_, f32>) -> f64 {
    let squares: f64 = rows
        .iter()
        .map(|&value| f64::from(value) * f64::from(value))
        .sum();
    let length = squares / rows.nrows().max(1) as f64;
    if length > f64::from(f32::MIN_POSITIVE) {
        1.0 / length
    } else {
        1.0
    }
}
