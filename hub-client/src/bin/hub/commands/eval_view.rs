//! What `hub eval` says.

use std::fmt;

use hub_client::evaluation_page::JudgedImage;
use hub_client::head::metrics::{Metrics, Reliability};
use hub_client::head::{Answered, Evaluation, Head};
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::chosen::Because;
use super::embedding::RunView;
use super::judged::{answered_words, with_interval};
use crate::args::EvalArgs;
use crate::output::{Answer, Page, percent};

#[derive(Serialize)]
pub(super) struct EvalView {
    pub(super) head: String,
    pub(super) extractor: Reference,
    pub(super) extractor_statement: Digest,
    pub(super) extractor_chosen: Because,
    #[serde(flatten)]
    pub(super) measured: Measured,
    /// Images the head was trained on; with `--unseen` they are not counted in the figures.
    pub(super) trained_on: usize,
    /// Images that are nearly the same as one of up to 500 the head was trained on; the same.
    pub(super) near_copies: Vec<NearCopyView>,
    /// Further files with the content of another, which are not counted.
    pub(super) duplicates: usize,
    pub(super) unseen: bool,
    /// The page that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<String>,
    /// What was asked for of the figures.
    pub(super) conditions: Vec<Condition>,
    pub(super) run: RunView,
    pub(super) warnings: Vec<String>,
}

/// What was asked for of one figure, and what it is.
#[derive(Serialize)]
pub(super) struct Condition {
    figure: &'static str,
    /// A share, 0 to 1.
    least: f64,
    found: f64,
    pub(super) holds: bool,
}

/// How good the head is.
#[derive(Serialize)]
pub(super) struct Measured {
    /// Of the most probable class, whether or not it is an answer.
    #[serde(flatten)]
    metrics: Metrics,
    /// How far the probabilities are from what came true.
    reliability: Reliability,
    /// What comes of not always answering.
    answered: Answered,
    /// For each class the probability from which it is plausible; null when too few images are labelled.
    plausible_from: Option<Vec<f64>>,
    /// How many images are farther from the labelled ones than those are from each other.
    unlike_anything_shown: usize,
    /// What was said of each image.
    answers: Vec<AnswerView>,
}

/// An image that is nearly one the head was trained on.
#[derive(Serialize)]
pub(super) struct NearCopyView {
    pub(super) path: String,
    /// SHA-256 of the image the head was trained on.
    pub(super) trained_on: Digest,
    pub(super) trained_on_label: String,
    /// One minus the cosine of the features as the head sees them.
    pub(super) distance: f64,
}

/// What was said of one image.
#[derive(Serialize)]
struct AnswerView {
    path: String,
    label: String,
    class: String,
    probability: f32,
    unsure: bool,
    plausible: Vec<String>,
    unlike_anything_shown: bool,
    distance: Option<f64>,
}

impl Measured {
    pub(super) fn new(head: &Head, evaluation: &Evaluation<'_>, judged: &[JudgedImage]) -> Self {
        let class = |index: &usize| head.classes()[*index].clone();
        let distances = &evaluation.predictions.distances;
        let answer = |(image, distance): (&JudgedImage, &Option<f64>)| AnswerView {
            path: image.name.clone(),
            label: class(&image.truth),
            class: class(&image.likeliest),
            probability: image.probability,
            unsure: image.plausible.len() != 1,
            plausible: image.plausible.iter().map(class).collect(),
            unlike_anything_shown: image.is_unlike,
            distance: *distance,
        };
        Self {
            metrics: evaluation.metrics.clone(),
            reliability: evaluation.reliability.clone(),
            answered: evaluation.answered.clone(),
            plausible_from: head.abstention().limits.plausible_from.clone(),
            unlike_anything_shown: judged.iter().filter(|image| image.is_unlike).count(),
            answers: judged.iter().zip(distances).map(answer).collect(),
        }
    }
}

impl Condition {
    /// Those that the arguments state.
    pub(super) fn all(args: &EvalArgs, evaluation: &Evaluation<'_>) -> Vec<Self> {
        let stated = [
            ("accuracy", args.min_accuracy, evaluation.metrics.accuracy),
            ("answered", args.min_answered, evaluation.answered.share),
        ];
        let condition = |(figure, least, found): (_, Option<f64>, f64)| {
            least.map(|least| Self {
                figure,
                least,
                found,
                holds: found >= least,
            })
        };
        stated.into_iter().filter_map(condition).collect()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (figure, found, least) = (self.figure, percent(self.found), percent(self.least));
        let verdict = if self.holds { "holds" } else { "missed" };
        write!(
            out,
            "{figure} {found}, at least {least} was asked for: {verdict}"
        )
    }
}

impl Answer for EvalView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let Measured {
            metrics,
            reliability,
            answered,
            ..
        } = &self.measured;
        page.line(page.bold(&format!("{} on {} images", self.head, metrics.images)))?;
        page.field(
            "extractor",
            format!("{}, {}", self.extractor, self.extractor_chosen.as_str()),
        )?;
        self.run.write_text(page)?;
        let interval = metrics.accuracy_interval;
        let range = format!("{} to {}", percent(interval.low), percent(interval.high));
        page.field(
            "accuracy",
            format!("{}, 9 times in 10 from {range}", percent(metrics.accuracy)),
        )?;
        page.field("balanced", percent(metrics.balanced_accuracy))?;
        page.field("log loss", format!("{:.4}", metrics.log_loss))?;
        let error = percent(reliability.calibration_error);
        page.field("calibration", format!("off by {error} on average"))?;
        let has_limits = self.measured.plausible_from.is_some();
        page.field("answers", answered_words(answered, has_limits))?;
        match self.measured.unlike_anything_shown {
            0 => {}
            count => page.field(
                "unlike",
                format!("{count} unlike anything shown in training"),
            )?,
        }
        for condition in &self.conditions {
            page.field("condition", condition.to_string())?;
        }
        page.optional("written to", self.html.as_ref())?;
        page.line("")?;
        self.write_confusion(page)
    }
}

impl EvalView {
    /// One row for each true class, one column for each class it was taken for.
    fn write_confusion(&self, page: &mut Page) -> fmt::Result {
        let classes = &self.measured.metrics.classes;
        let mut head = vec!["TRUE CLASS"];
        head.extend(classes.iter().map(|class| class.class.as_str()));
        head.extend(["RECALL", "PRECISION"]);
        let counts = &self.measured.metrics.confusion;
        let rows = classes.iter().zip(counts).map(|(class, counts)| {
            let mut row = vec![class.class.clone()];
            row.extend(counts.iter().map(usize::to_string));
            row.push(with_interval(class.recall, class.recall_interval));
            row.push(with_interval(class.precision, class.precision_interval));
            row
        });
        page.table(&head, &rows.collect::<Vec<_>>())
    }
}
