//! What `hub train` says.

use std::fmt;
use std::path::Path;

use hub_client::head::metrics::{ClassMetrics, Interval};
use hub_client::head::{Head, HeldOut, Method, NearCopies, Suspect, TransformKind};
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::chosen::{Because, Chosen};
use super::domain::DomainView;
use super::embedding::RunView;
use super::judged::answered_words;
use crate::output::{Answer, Page, list, percent};

/// Findings named in the text for people; JSON has all that the head keeps.
const SHOWN: usize = 5;

/// Classes whose limits are named in the text for people.
const LIMITS_SHOWN: usize = 12;

#[derive(Serialize)]
pub(super) struct TrainView {
    head: String,
    head_version: u32,
    path: String,
    extractor: Reference,
    extractor_chosen: Because,
    extractor_statement: Digest,
    classes: Vec<ClassView>,
    /// Figures on images held out in turn; null when a class has a single image.
    held_out: Option<HeldOut>,
    method: Method,
    penalty_c: f64,
    transform: TransformKind,
    converged: bool,
    /// Digest of everything learnt from: equal for equal images, labels and features.
    data: Digest,
    duplicates: usize,
    /// Images without a label that features were centred on too.
    unlabelled: usize,
    /// Images that are likely mislabelled, the most contradicted first.
    suspects: Vec<SuspectView>,
    /// Pairs of images that are nearly the same, the closest first.
    near_copies: Vec<NearCopiesView>,
    /// Whether some of these may be missing, since there were too many images to compare all.
    near_copies_cut: bool,
    /// For each class the probability from which it is plausible; null when too few images are labelled.
    plausible_from: Option<Vec<f64>>,
    /// How the images lie in the extractor's domain; null when its release does not tell of it.
    pub(super) domain_fit: Option<DomainView>,
    /// The page that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<String>,
    run: RunView,
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize)]
struct ClassView {
    class: String,
    images: usize,
    /// Of its images, held out, the share that was found; null when none was.
    recall: Option<f64>,
    recall_interval: Option<Interval>,
    /// Of the held-out images taken for it, the share that is of it; null when there were none.
    precision: Option<f64>,
    precision_interval: Option<Interval>,
}

#[derive(Serialize)]
struct SuspectView {
    path: String,
    labelled: String,
    likely: String,
    probability: f64,
    likely_probability: f64,
}

#[derive(Serialize)]
struct NearCopiesView {
    paths: [String; 2],
    labels: [String; 2],
    distance: f64,
}

impl TrainView {
    /// `name` is what a person calls an image.
    pub(super) fn new(
        head: &Head,
        (head_version, path): (u32, &Path),
        chosen: &Chosen,
        run: RunView,
        name: impl Fn(&Digest) -> String,
    ) -> Self {
        let facts = head.training();
        let class = |index: usize| head.classes()[index].clone();
        let suspect = |one: &Suspect| SuspectView {
            path: name(&one.image),
            labelled: class(one.labelled),
            likely: class(one.likely),
            probability: one.probability,
            likely_probability: one.likely_probability,
        };
        let copies = |pair: &NearCopies| NearCopiesView {
            paths: [name(&pair.images[0]), name(&pair.images[1])],
            labels: pair.classes.map(class),
            distance: pair.distance,
        };
        Self {
            head: head.name().to_string(),
            head_version,
            path: path.display().to_string(),
            extractor: chosen.reference(),
            extractor_chosen: chosen.because,
            extractor_statement: head.extractor().digest,
            classes: classes(head),
            held_out: facts.held_out.clone(),
            method: facts.method,
            penalty_c: facts.c,
            transform: facts.settings.transform,
            converged: facts.converged,
            data: facts.data,
            duplicates: facts.duplicates,
            unlabelled: facts.unlabelled,
            suspects: facts.suspects.iter().map(suspect).collect(),
            near_copies: facts.near_copies.iter().map(copies).collect(),
            near_copies_cut: facts.near_copies_cut,
            plausible_from: head.abstention().limits.plausible_from.clone(),
            domain_fit: None,
            html: None,
            run,
            warnings: Vec::new(),
        }
    }
}

fn classes(head: &Head) -> Vec<ClassView> {
    let facts = head.training();
    let held_out = facts.held_out.as_ref();
    let measured = held_out.map_or_else(Vec::new, |held_out| held_out.classes(head.classes()));
    let view = |(index, class): (usize, &String)| {
        let figures: Option<&ClassMetrics> = measured.get(index);
        ClassView {
            class: class.clone(),
            images: facts.images_per_class[index],
            recall: figures.and_then(|figures| figures.recall),
            recall_interval: figures.and_then(|figures| figures.recall_interval),
            precision: figures.and_then(|figures| figures.precision),
            precision_interval: figures.and_then(|figures| figures.precision_interval),
        }
    };
    head.classes().iter().enumerate().map(view).collect()
}

impl Answer for TrainView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{}, version {}", self.head, self.head_version)))?;
        page.field(
            "extractor",
            format!("{}, {}", self.extractor, self.extractor_chosen.as_str()),
        )?;
        self.run.write_text(page)?;
        let classes = self
            .classes
            .iter()
            .map(|one| format!("{} ({})", one.class, one.images));
        page.field("classes", list(classes))?;
        match &self.held_out {
            Some(held_out) => {
                let interval = held_out.accuracy_interval;
                let range = format!("{} to {}", percent(interval.low), percent(interval.high));
                page.field(
                    "accuracy",
                    format!(
                        "{} on images held out, likely {range} on new ones",
                        percent(held_out.accuracy)
                    ),
                )?;
                page.field("balanced", percent(held_out.balanced_accuracy))?;
                page.field("log loss", format!("{:.4}", held_out.log_loss))?;
                let error = held_out.reliability.calibration_error;
                page.field(
                    "calibration",
                    format!("off by {} on average", percent(error)),
                )?;
                if let Some(answered) = &held_out.answered {
                    let has_limits = self.plausible_from.is_some();
                    page.field("answers", answered_words(answered, has_limits))?;
                }
                self.write_limits(page)?;
                page.field("measured", &held_out.how)?;
            }
            None => page.field("accuracy", "not measured: a class has a single image")?,
        }
        if !self.converged {
            page.field("WARNING", "the solver stopped before it had converged")?;
        }
        if let Some(domain) = &self.domain_fit {
            page.field("domain", domain.words(&self.extractor.name))?;
        }
        self.write_findings(page)?;
        page.optional("written to", self.html.as_ref())?;
        page.field("kept in", &self.path)
    }
}

impl TrainView {
    /// From which probability each class is plausible.
    fn write_limits(&self, page: &mut Page) -> fmt::Result {
        let Some(limits) = &self.plausible_from else {
            return Ok(());
        };
        let of_class = |(class, limit): (&ClassView, &f64)| {
            format!("{} from {}", class.class, percent(*limit))
        };
        let classes = self.classes.iter().zip(limits);
        let shown = classes.take(LIMITS_SHOWN).map(of_class);
        let more = limits.len().saturating_sub(LIMITS_SHOWN);
        let rest = (more > 0).then(|| format!("and {more} more: --json shows them"));
        page.field("plausible", list(shown.chain(rest)))
    }

    /// What looks wrong with the images or their labels.
    fn write_findings(&self, page: &mut Page) -> fmt::Result {
        for one in self.suspects.iter().take(SHOWN) {
            let (path, labelled, likely) = (&one.path, &one.labelled, &one.likely);
            page.field(
                "look again",
                format!("{path} is labelled {labelled} and looks like {likely}"),
            )?;
        }
        for pair in self.near_copies.iter().take(SHOWN) {
            let ([one, other], [first, second]) = (&pair.paths, &pair.labels);
            let words = if first == second {
                "are nearly the same picture".to_owned()
            } else {
                format!("are nearly the same picture, labelled {first} and {second}")
            };
            page.field("copies", format!("{one} and {other} {words}"))?;
        }
        if self.near_copies_cut {
            page.field(
                "copies",
                "others may be missing: there are too many images to compare all that may be near",
            )?;
        }
        let more = self.suspects.len().saturating_sub(SHOWN)
            + self.near_copies.len().saturating_sub(SHOWN);
        if more > 0 {
            page.field("", format!("and {more} more findings: --json shows them"))?;
        }
        Ok(())
    }
}
