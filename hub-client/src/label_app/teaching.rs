//! After each label: the head that `hub train` would make of the labels there are, and what it says of all
//! images.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use registry_schema::digest::Digest;

use super::LabelError;
use super::rows::Rows;
use super::scores::{Scorer, Scores};
use super::session::{Session, SessionExtractor};
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
    session.teaching.run(&session.setup.stop, || {
        match lesson(session, &mut scorer) {
            Ok(lesson) => session.put_lesson(lesson.map(std::sync::Arc::new)),
            Err(error) => session.put_progress(|progress| {
                progress.problem = Some(super::session::Problem::of(&error));
            }),
        }
        session.suggesting.ask();
    });
}

fn lesson(session: &Session, scorer: &mut Scorer) -> Result<Option<Lesson>, LabelError> {
    let (labels, wishes) = (session.labels(), session.wishes());
    let rows = session.rows();
    let set = TrainingSet::new(&labels, &rows);
    if set.classes.len() < 2 {
        return Ok(None);
    }
    let Trained { head, held_out } = set.train(
        &rows,
        &session.setup.extractor,
        "labelled".parse()?,
        wishes.coverage,
    )?;
    let scores = scorer.score(&head, &rows, session.setup.threads)?;
    let transformed = head.transform().apply(rows.select(&set.labelled).view());
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
    /// Labelled images with features.
    pub(super) labelled: Vec<usize>,
    /// The class of each.
    pub(super) targets: Vec<usize>,
    /// The content of each.
    digests: Vec<Digest>,
    /// Images without a label whose mean counts.
    unlabelled: Vec<usize>,
}

impl TrainingSet {
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
        let unlabelled = sampled.filter(|&image| rows.is_ready(image)).collect();
        by_image.retain(|&image, _| rows.is_ready(image));
        let names: BTreeSet<&str> = by_image.values().map(|(label, _)| *label).collect();
        let classes: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let target = |label: &str| classes.partition_point(|class| class.as_str() < label);
        Self {
            labelled: by_image.keys().copied().collect(),
            targets: by_image.values().map(|(label, _)| target(label)).collect(),
            digests: by_image.values().map(|(_, digest)| *digest).collect(),
            unlabelled,
            classes,
        }
    }

    /// The head, bit by bit the one of `hub train` with this coverage.
    pub(super) fn train(
        &self,
        rows: &Rows,
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
        let features = rows.select(&self.labelled);
        let examples = Examples {
            features: features.view(),
            images: &self.digests,
            labels: &self.targets,
            classes: &self.classes,
        };
        let unlabelled = rows.select(&self.unlabelled);
        let options = settings.check()?;
        Ok(Trained::among(
            identity,
            &examples,
            unlabelled.view(),
            &options,
        )?)
    }
}
