//! What each image has in the page's own numbers: its label, its answer, its doubts, its rank.

use std::collections::HashMap;

use super::rows::{Presence, Rows};
use super::suggesting::Suggested;
use super::teaching::Lesson;
use crate::dataset::{LabelState, Mark};
use crate::head::metrics::most_probable;

/// No label, no answer.
pub(super) const NONE: u8 = 255;
/// Skipped: the class is not certain.
pub(super) const SKIPPED: u8 = 254;
/// Excluded: it does not belong here.
pub(super) const EXCLUDED: u8 = 253;

/// Most classes that have a number.
pub(super) const MOST_CLASSES: usize = 250;

/// Several classes are plausible, or none.
pub(super) const UNSURE: u8 = 1;
/// Unlike the labelled images.
pub(super) const UNLIKE: u8 = 2;
/// Not looked at yet.
pub(super) const WAITING: u8 = 4;
/// Cannot be used.
pub(super) const FAILED: u8 = 8;
/// Its label looks wrong.
pub(super) const SUSPECT: u8 = 16;

/// The number of each class, as the page counts them.
pub(super) struct ClassNumbers<'a>(HashMap<&'a str, u8>);

impl<'a> ClassNumbers<'a> {
    pub(super) fn new(classes: &'a [String]) -> Self {
        let numbers = (0..NONE).zip(classes).take(MOST_CLASSES);
        Self(
            numbers
                .map(|(number, class)| (class.as_str(), number))
                .collect(),
        )
    }

    pub(super) fn of(&self, class: &str) -> u8 {
        self.0.get(class).copied().unwrap_or(NONE)
    }

    /// The number of each class of a head.
    pub(super) fn of_head(&self, lesson: &Lesson) -> Vec<u8> {
        lesson
            .head
            .classes()
            .iter()
            .map(|class| self.of(class))
            .collect()
    }
}

/// The label of each image: a class's number, [`NONE`], [`SKIPPED`] or [`EXCLUDED`].
pub(super) fn label_column(
    labels: &LabelState,
    numbers: &ClassNumbers<'_>,
    rows: &Rows,
) -> Vec<u8> {
    let mut column = vec![NONE; rows.len()];
    for (digest, known) in labels.images() {
        let code = match (&known.label, known.mark) {
            (Some(label), _) => numbers.of(label),
            (None, Some(Mark::Skip)) => SKIPPED,
            (None, Some(Mark::Exclude)) => EXCLUDED,
            (None, None) => NONE,
        };
        for &image in rows.images_of(digest) {
            column[image] = code;
        }
    }
    column
}

/// What is answered of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    /// The class's number, or [`NONE`].
    pub(super) class: u8,
    /// Its probability.
    pub(super) probability: f32,
    /// That of the best class less that of the second; not a number when unknown.
    pub(super) margin: f32,
}

impl Answer {
    const NONE: Self = Self {
        class: NONE,
        probability: 0.0,
        margin: f32::NAN,
    };
}

/// The answer to each image. That to a labelled one is of heads which had not seen it: its own head would
/// flatter itself.
pub(super) fn answer_column(
    lesson: Option<&Lesson>,
    numbers: &ClassNumbers<'_>,
    rows: &Rows,
) -> Vec<Answer> {
    let mut column = vec![Answer::NONE; rows.len()];
    let Some(lesson) = lesson else {
        return column;
    };
    let of_head = numbers.of_head(lesson);
    let scores = &lesson.scores;
    for (image, answer) in column
        .iter_mut()
        .enumerate()
        .filter(|(image, _)| scores.is_about(*image))
    {
        let best = scores.best[image];
        *answer = Answer {
            class: of_head[best],
            probability: scores.probabilities[[image, best]],
            margin: scores.margins[image],
        };
    }
    for (row, (digest, _)) in lesson.head.training().labels.iter().enumerate() {
        let answer = lesson.held_out.as_ref().map_or(Answer::NONE, |held_out| {
            let probabilities = held_out.probabilities.row(row);
            let best = most_probable(probabilities.iter());
            let others = probabilities
                .iter()
                .enumerate()
                .filter(|&(class, _)| class != best);
            let second = others.fold(0.0_f32, |most, (_, &value)| most.max(value));
            Answer {
                class: of_head[best],
                probability: probabilities[best],
                margin: probabilities[best] - second,
            }
        });
        for &image in rows.images_of(digest) {
            column[image] = answer;
        }
    }
    column
}

/// The doubts about each image.
pub(super) fn doubt_column(lesson: Option<&Lesson>, rows: &Rows) -> Vec<u8> {
    let mut column: Vec<u8> = (0..rows.len())
        .map(|image| match (rows.presence(image), lesson) {
            (Presence::Waiting, _) => WAITING,
            (Presence::Failed, _) => FAILED,
            (Presence::Ready, None) => 0,
            (Presence::Ready, Some(lesson)) => {
                let unsure = if lesson.scores.unsure[image] {
                    UNSURE
                } else {
                    0
                };
                let unlike = if lesson.scores.unlike[image] {
                    UNLIKE
                } else {
                    0
                };
                unsure | unlike
            }
        })
        .collect();
    for suspect in lesson
        .iter()
        .flat_map(|lesson| &lesson.head.training().suspects)
    {
        for &image in rows.images_of(&suspect.image) {
            column[image] |= SUSPECT;
        }
    }
    column
}

/// The rank of each image in the order in which to label: suggestions, the smallest margins, images that
/// have something already, images that cannot be labelled yet.
pub(super) fn order_column(
    suggestions: &[Suggested],
    labels: &[u8],
    lesson: Option<&Lesson>,
    rows: &Rows,
) -> Vec<u32> {
    let mut place = vec![u32::MAX; rows.len()];
    for (rank, one) in (0..).zip(suggestions) {
        place[one.image] = rank;
    }
    let key = |image: usize| {
        let stage: u8 = match (rows.is_ready(image), labels[image]) {
            (_, NONE) if place[image] != u32::MAX => 0,
            (true, NONE) => 1,
            (true, _) => 2,
            (false, _) => 3,
        };
        let margin = match (stage, lesson) {
            (1, Some(lesson)) => lesson.scores.margins[image],
            _ => 0.0,
        };
        (stage, place[image], margin)
    };
    let keys: Vec<(u8, u32, f32)> = (0..rows.len()).map(key).collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&one, &other| {
        let (a, b) = (keys[one], keys[other]);
        (a.0, a.1)
            .cmp(&(b.0, b.1))
            .then(a.2.total_cmp(&b.2))
            .then(one.cmp(&other))
    });
    let mut ranks = vec![0; rows.len()];
    for (rank, image) in (0_u32..).zip(order) {
        ranks[image] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::dataset::{Deed, JournalEntry};
    use registry_schema::digest::Digest;

    #[test]
    fn copies_share_a_label_and_marks_have_codes() {
        let mut rows = Rows::new(5, 1);
        for (image, content) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
            rows.put(image, Digest::of(content.as_bytes()), &[0.0]);
        }
        let mut labels = LabelState::default();
        let entry = |content: &str, label: Option<&str>| {
            let digest = Digest::of(content.as_bytes());
            JournalEntry::new(digest, content, label.map(str::to_owned))
        };
        let mut skipped = entry("b", None);
        skipped.mark = Some(Mark::Skip);
        let mut excluded = entry("c", None);
        excluded.mark = Some(Mark::Exclude);
        labels.apply(&Deed::labels(vec![
            entry("a", Some("visa")),
            skipped,
            excluded,
        ]));
        let numbers = ClassNumbers::new(labels.classes());
        let column = label_column(&labels, &numbers, &rows);
        assert_eq!(column, [0, SKIPPED, 0, EXCLUDED, NONE]);
        assert_eq!(doubt_column(None, &rows), [0, 0, 0, 0, WAITING]);
        // Nothing is suggested: what has no label comes first, what has not come yet last.
        let ranks = order_column(&[], &[NONE, SKIPPED, 0, NONE, NONE], None, &rows);
        assert_eq!(ranks, [0, 2, 3, 1, 4]);
    }
}
