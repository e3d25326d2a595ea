//! What heads say of images, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hub_client::head::{Head, HeldOutAnswers};
use registry_schema::digest::Digest;
use serde::Serialize;

use super::labelled::{Features, Places, shown};
use crate::error::CommandError;
use crate::output::{Page, percent};

/// Images named in the text for people; JSON has all.
const SHOWN: usize = 20;

/// The most probable class of an image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct AnswerView {
    pub(super) class: String,
    pub(super) probability: f64,
}

/// Answers by the image's content.
pub(super) type Answers = BTreeMap<Digest, AnswerView>;

/// Two answers for one image.
#[derive(Debug, Serialize)]
pub(super) struct DecisionView {
    pub(super) image: Digest,
    /// Where it is; null when it was not found.
    pub(super) path: Option<String>,
    /// Its label; null when it has none.
    pub(super) label: Option<String>,
    pub(super) from: AnswerView,
    pub(super) to: AnswerView,
}

/// Answers of two heads on the same images.
#[derive(Debug, Serialize)]
pub(super) struct DecisionsView {
    /// How many images both answered.
    pub(super) images: usize,
    /// Of these, how many they answered differently.
    pub(super) changed: usize,
    /// Largest difference of the probability of an answer, where both answered alike.
    pub(super) largest_difference: f64,
    /// Both answers for each image: first those that differ, then those with a wrong answer.
    pub(super) all: Vec<DecisionView>,
}

/// What a head says of images with features.
pub(super) fn answers(
    head: &Head,
    features: &Features,
    images: &BTreeSet<Digest>,
) -> Result<Answers, CommandError> {
    let (images, table) = features.table(images);
    let predictions = head.predict(table.view(), &head.space())?;
    let one = |(row, image): (usize, Digest)| {
        let best = predictions.best(row);
        let answer = AnswerView {
            class: best.class.to_owned(),
            probability: f64::from(best.probability),
        };
        (image, answer)
    };
    Ok(images.into_iter().enumerate().map(one).collect())
}

/// What was said of a head's labelled images while each was held out.
pub(super) fn held_out_answers(head: &Head, said: &HeldOutAnswers) -> Answers {
    let rows = said.probabilities.rows().into_iter();
    let one = |((image, _), row): (&(Digest, usize), ndarray::ArrayView1<'_, f32>)| {
        // Of equals the first, as where accuracy is counted.
        let classes = head.classes().iter().zip(row).rev();
        let best = classes.max_by(|(_, one), (_, other)| one.total_cmp(other));
        best.map(|(class, &probability)| {
            let (class, probability) = (class.clone(), f64::from(probability));
            (*image, AnswerView { class, probability })
        })
    };
    let labels = head.training().labels.iter();
    labels.zip(rows).filter_map(one).collect()
}

impl DecisionsView {
    /// Compares answers on the images that both have.
    pub(super) fn new(
        from: &Answers,
        to: &Answers,
        labels: &BTreeMap<Digest, &str>,
        places: &Places,
    ) -> Self {
        let both = from.iter().filter_map(|(image, from)| {
            Some(DecisionView {
                image: *image,
                path: places.path(image),
                label: labels.get(image).map(|&label| label.to_owned()),
                from: from.clone(),
                to: to.get(image)?.clone(),
            })
        });
        let mut all: Vec<DecisionView> = both.collect();
        all.sort_by(|a, b| (a.rank(), &a.path).cmp(&(b.rank(), &b.path)));
        let alike = all.iter().filter(|one| !one.differs());
        let differences = alike.map(|one| (one.from.probability - one.to.probability).abs());
        Self {
            images: all.len(),
            changed: all.iter().filter(|one| one.differs()).count(),
            largest_difference: differences.fold(0.0, f64::max),
            all,
        }
    }

    /// How many differ; which, and which are wrong.
    pub(super) fn write_text(&self, page: &mut Page, titles: [&str; 2], how: &str) -> fmt::Result {
        let (images, changed) = (self.images, self.changed);
        let counted = match changed {
            0 => {
                let difference = percent(self.largest_difference);
                format!("all {images} alike{how}, probabilities apart by {difference} at most")
            }
            _ => format!("{changed} of {images} differ{how}"),
        };
        page.field("answers", counted)?;
        let told: Vec<&DecisionView> = self.all.iter().filter(|one| one.rank() < 2).collect();
        if told.is_empty() {
            return Ok(());
        }
        page.line("")?;
        let mark = |answer: &AnswerView, label: Option<&String>| {
            let right = label.map(|label| match *label == answer.class {
                true => ", right",
                false => ", wrong",
            });
            let probability = percent(answer.probability);
            format!(
                "{} {probability}{}",
                answer.class,
                right.unwrap_or_default()
            )
        };
        let row = |one: &&DecisionView| {
            vec![
                shown(one.path.as_deref(), &one.image),
                one.label.clone().unwrap_or_else(|| "–".to_owned()),
                mark(&one.from, one.label.as_ref()),
                mark(&one.to, one.label.as_ref()),
            ]
        };
        let rows: Vec<_> = told.iter().take(SHOWN).map(row).collect();
        page.table(&["IMAGE", "LABEL", titles[0], titles[1]], &rows)?;
        match told.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => page.line(format!("and {more} more: --json shows them")),
        }
    }
}

impl DecisionView {
    fn differs(&self) -> bool {
        self.from.class != self.to.class
    }

    /// 0 for answers that differ, 1 for those that are wrong alike, 2 for the others.
    fn rank(&self) -> u8 {
        match &self.label {
            _ if self.differs() => 0,
            Some(label) if *label != self.to.class => 1,
            _ => 2,
        }
    }
}
