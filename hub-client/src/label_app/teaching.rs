//! After each label: the head that `hub train` would make of the labels there are, and what it says of all
//! images.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ndarray::Array2;
use registry_schema::digest::Digest;

use super::LabelError;
use super::progress::Work;
use super::rows::Rows;
use super::scores::{Scorer, Scores};
use super::session::Session;
use super::setup::SessionExtractor;
use crate::choose::more_labels_help;
use crate::dataset::LabelState;
use crate::head::{
    Examples, Head, HeadIdentity, HeadName, HeldOutAnswers, Trained, TrainingSettings, TransformBy,
    unlabelled_sample,
};

/// What was learnt from the labels.
pub(super) struct Lesson {
    /// The head, under a name of no meaning.
    pub(super) head: Head,
    /// What heads that had not seen a labelled image answered to it; none when a class has one image.
    pub(super) held_out: Option<HeldOutAnswers>,
    /// What the head says of all images.
    pub(super) scores: Scores,
    /// Whether more labels make it better; none when that cannot be told.
    pub(super) more_helps: Option<bool>,
}

/// Learns and scores whenever it is asked for, until the session stops.
pub(super) fn teach(session: &Session) {
    let mut scorer = Scorer::default();
    session.teaching.run(
        || session.is_stopping(),
        || {
            let changes = session.changes();
            let lesson = lesson(session, &mut scorer);
            session.tell(Work::Learning, lesson.as_ref().err());
            session.put_lesson(lesson.ok().flatten().map(Arc::new), changes);
            session.suggesting.ask();
        },
    );
}

fn lesson(session: &Session, scorer: &mut Scorer) -> Result<Option<Lesson>, LabelError> {
    let Some(set) = TrainingSet::gathered(session) else {
        return Ok(None);
    };
    let extractor = &session.setup.extractor;
    let coverage = session.wishes().coverage;
    let Trained { head, held_out } = set.train(extractor, "labelled".parse()?, coverage)?;
    let scores = scorer.score(&head, session.all_rows(), session.setup.threads)?;
    let transformed = head.transform().apply(set.features.view());
    let more_helps = more_labels_help(transformed.view(), &set.targets, set.classes.len());
    Ok(Some(Lesson {
        head,
        held_out,
        scores,
        more_helps,
    }))
}

/// What `hub train` would learn from: the labelled images in their order, and some of the others.
pub(super) struct TrainingSet {
    /// The classes that have a labelled image, in alphabetical order.
    pub(super) classes: Vec<String>,
    /// Labelled images with features, of copies the first.
    pub(super) labelled: Vec<usize>,
    /// The class of each.
    pub(super) targets: Vec<usize>,
    /// The content of each.
    digests: Vec<Digest>,
    /// The features of each, m×D.
    features: Array2<f32>,
    /// The features of images without a label whose mean counts.
    unlabelled: Array2<f32>,
}

impl TrainingSet {
    /// What there is to learn from now; none as long as that is not two classes.
    pub(super) fn gathered(session: &Session) -> Option<Self> {
        let labels = session.labels();
        let set = Self::new(&labels, &session.rows());
        (set.classes.len() >= 2).then_some(set)
    }

    pub(super) fn new(labels: &LabelState, rows: &Rows) -> Self {
        let mut by_image: BTreeMap<usize, (&str, Digest)> = BTreeMap::new();
        for (digest, known) in labels.images() {
            let Some(label) = &known.label else { continue };
            for &image in rows.images_of(digest) {
                by_image.insert(image, (label, *digest));
            }
        }
        let others: Vec<usize> = (0..rows.len())
            .filter(|image| !by_image.contains_key(image))
            .collect();
        let sampled = unlabelled_sample(others.len()).map(|place| others[place]);
        let unlabelled: Vec<usize> = sampled.filter(|&image| rows.is_ready(image)).collect();
        let mut met = BTreeSet::new();
        by_image.retain(|&image, (_, digest)| rows.is_ready(image) && met.insert(*digest));
        let names: BTreeSet<&str> = by_image.values().map(|(label, _)| *label).collect();
        let classes: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let target = |label: &str| classes.partition_point(|class| class.as_str() < label);
        let labelled: Vec<usize> = by_image.keys().copied().collect();
        Self {
            features: rows.select(&labelled),
            unlabelled: rows.select(&unlabelled),
            labelled,
            targets: by_image.values().map(|(label, _)| target(label)).collect(),
            digests: by_image.values().map(|(_, digest)| *digest).collect(),
            classes,
        }
    }

    /// The head, bit by bit the one of `hub train` with this coverage.
    pub(super) fn train(
        &self,
        extractor: &SessionExtractor,
        name: HeadName,
        coverage: f64,
    ) -> Result<Trained, LabelError> {
        let settings = TrainingSettings {
            transform: extractor.transform(),
            transform_by: Some(TransformBy::Release),
            coverage,
            ..TrainingSettings::default()
        };
        let identity = HeadIdentity {
            name,
            created_at: Timestamp::now(),
            extractor: extractor.release.clone(),
        };
        let examples = Examples {
            features: self.features.view(),
            images: &self.digests,
            labels: &self.targets,
            classes: &self.classes,
        };
        let options = settings.check()?;
        Ok(Trained::among(
            identity,
            &examples,
            self.unlabelled.view(),
            &options,
        )?)
    }
}
