//! What a head said of images whose classes are known, as its page shows it.

use std::collections::BTreeMap;

use hub_client::dataset::ImageFile;
use hub_client::evaluation_page::{JudgedImage, NearestImage};
use hub_client::head::metrics::{Interval, most_probable};
use hub_client::head::{Abstention, Answered, Head, Near};
use ndarray::ArrayView1;
use registry_schema::digest::Digest;

use crate::output::{list, percent};

/// Labelled images near a mistake that are shown.
pub(super) const NEAREST: usize = 3;

/// The images at hand by their contents.
pub(super) type Files<'a> = BTreeMap<Digest, &'a ImageFile>;

/// What was said of one image.
pub(super) struct Said<'a> {
    pub(super) file: &'a ImageFile,
    pub(super) truth: usize,
    pub(super) probabilities: ArrayView1<'a, f32>,
    pub(super) is_unlike: bool,
    pub(super) nearest: &'a [Near],
}

impl Said<'_> {
    /// The same with its answer.
    pub(super) fn judged(&self, abstention: &Abstention, files: &Files<'_>) -> JudgedImage {
        let nearest = |near: &Near| NearestImage {
            class: near.class,
            file: files
                .get(&near.image)
                .map(|file| (file.name.clone(), file.path.clone())),
        };
        let likeliest = most_probable(self.probabilities.iter().copied());
        JudgedImage {
            name: self.file.name.clone(),
            path: self.file.path.clone(),
            truth: self.truth,
            likeliest,
            probability: self.probabilities[likeliest],
            plausible: abstention.plausible(self.probabilities),
            is_unlike: self.is_unlike,
            nearest: self.nearest.iter().map(nearest).collect(),
        }
    }
}

/// What stands on every page about a head.
pub(super) fn facts(head: &Head) -> Vec<(String, String)> {
    let facts = head.training();
    let classes = head.classes().iter().zip(&facts.images_per_class);
    let classes = classes.map(|(class, images)| format!("{class} ({images})"));
    [
        ("head", head.name().to_string()),
        ("made", crate::output::time(&head.created_at().to_string())),
        ("extractor", head.extractor().to_string()),
        ("labelled images", list(classes)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A share with where it lies: `85.0 % (75.9 to 91.1)`.
pub(super) fn with_interval(share: Option<f64>, interval: Option<Interval>) -> String {
    match (share, interval) {
        (Some(share), Some(Interval { low, high })) => {
            format!(
                "{} ({:.1} to {:.1})",
                percent(share),
                low * 100.0,
                high * 100.0
            )
        }
        (Some(share), None) => percent(share),
        (None, _) => "–".to_owned(),
    }
}

/// How often there is an answer and how good it is, in a line.
pub(super) fn answered_words(answered: &Answered, has_limits: bool) -> String {
    match answered.accuracy {
        _ if !has_limits => "every image: too few are labelled to say when not to".to_owned(),
        Some(accuracy) => {
            let right = with_interval(Some(accuracy), answered.accuracy_interval);
            let share = percent(answered.share);
            format!("{share} of the images, {right} of these right; unsure about the others")
        }
        None => "none of the images: unsure about all".to_owned(),
    }
}
