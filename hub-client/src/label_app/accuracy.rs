//! How good the head is, as far as the labels tell, in figures and in a sentence.

use std::collections::BTreeMap;

use registry_schema::reference::FeatureSpace;
use serde::Serialize;

use super::LabelError;
use super::cells::ClassNumbers;
use super::session::Session;
use super::teaching::Lesson;
use crate::dataset::LabelState;
use crate::head::HeldOutAnswers;
use crate::head::metrics::most_probable;

/// What is known of the accuracy on new images of the same kind.
#[derive(Debug, Serialize)]
pub(super) struct AccuracyView {
    /// Where it lies, 9 times in 10.
    from: f64,
    to: f64,
    /// The share of held-out images that were answered rightly.
    share: f64,
    /// Labelled images that were measured on.
    labels: usize,
    /// What guessing gets: one in as many as there are classes.
    coin: f64,
    audit: AuditView,
    /// Images of class i (row) that were taken for class j (column), in the page's order of classes.
    confusion: Vec<Vec<usize>>,
    balanced: f64,
    answered: AnsweredView,
    /// What the head promises of new images: the true class is among the plausible ones.
    coverage: f64,
    more_helps: Option<bool>,
    sentence: String,
}

/// Images that were drawn at random and answered before they were labelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct AuditView {
    checked: usize,
    right: usize,
}

/// What is left when the head may say that it is unsure.
#[derive(Debug, Serialize)]
struct AnsweredView {
    /// Share of held-out images for which one class alone was plausible.
    share: f64,
    /// Share of these that were answered rightly; null when there are none.
    right: Option<f64>,
}

impl AccuracyView {
    /// None when nothing could be held out.
    pub(super) fn new(
        lesson: &Lesson,
        labels: &LabelState,
        numbers: &ClassNumbers<'_>,
    ) -> Option<Self> {
        let held_out = lesson.head.training().held_out.as_ref()?;
        let answers = lesson.held_out.as_ref()?;
        let answered = held_out.answered.as_ref()?;
        let classes = labels.classes().len();
        let of_head = numbers.of_head(lesson);
        let mut confusion = vec![vec![0; classes]; classes];
        for (row, &(_, class)) in lesson.head.training().labels.iter().enumerate() {
            let place = |class: usize| usize::from(of_head[class]);
            let (label, answer) = (place(class), place(best(answers, row)));
            if let Some(cell) = confusion.get_mut(label).and_then(|row| row.get_mut(answer)) {
                *cell += 1;
            }
        }
        let audit = AuditView::new(labels, &lesson.head.space());
        let interval = held_out.accuracy_interval;
        Some(Self {
            from: interval.low,
            to: interval.high,
            share: held_out.accuracy,
            labels: held_out.images,
            coin: 1.0 / lesson.head.classes().len() as f64,
            sentence: sentence(interval.low, interval.high, held_out.images, audit),
            audit,
            confusion,
            balanced: held_out.balanced_accuracy,
            answered: AnsweredView {
                share: answered.share,
                right: answered.accuracy,
            },
            coverage: lesson.head.training().settings.coverage,
            more_helps: lesson.more_helps,
        })
    }
}

impl AccuracyView {
    /// The same in sentences, for a report.
    pub(super) fn remarks(&self, labels: &LabelState) -> Vec<String> {
        let mut remarks = vec![
            format!("right {}", self.sentence),
            format!(
                "guessing would be right {:.0} times in 100",
                self.coin * 100.0
            ),
        ];
        if let Some(right) = self.answered.right {
            remarks.push(format!(
                "it answers {:.0} images in 100, and is right on {:.0} in 100 of these",
                self.answered.share * 100.0,
                right * 100.0
            ));
        }
        for (row, label) in self.confusion.iter().zip(labels.classes()) {
            for (&count, answer) in row.iter().zip(labels.classes()) {
                if count > 0 && label != answer {
                    remarks.push(format!("{count} of {label} were taken for {answer}"));
                }
            }
        }
        remarks
    }
}

impl AuditView {
    /// Counts checks that a head of this feature space has answered and a label has decided: what another extractor
    /// made of images says nothing of this one.
    pub(super) fn new(labels: &LabelState, space: &FeatureSpace) -> Self {
        let mut audit = Self::default();
        for known in labels.images().values() {
            let check = known.check.as_ref();
            let check = check.filter(|check| check.space.as_ref() == Some(space));
            let answer = check.and_then(|check| check.answer.as_ref());
            if let (Some(label), Some(answer)) = (&known.label, answer) {
                audit.checked += 1;
                audit.right += usize::from(label == answer);
            }
        }
        audit
    }
}

/// Why there is nothing to go by yet.
pub(super) fn missing(session: &Session) -> LabelError {
    let labels = session.labels();
    let mut of_class = BTreeMap::new();
    for label in labels
        .images()
        .values()
        .filter_map(|known| known.label.as_deref())
    {
        *of_class.entry(label).or_default() += 1;
    }
    LabelError::NoHead {
        needs: needs(labels.classes(), &of_class),
    }
}

fn best(answers: &HeldOutAnswers, row: usize) -> usize {
    most_probable(answers.probabilities.row(row).iter())
}

fn sentence(low: f64, high: f64, labels: usize, audit: AuditView) -> String {
    let hundredths = |share: f64| format!("{:.0}", share * 100.0);
    let range = format!(
        "between {} and {} in 100, from {labels} labels",
        hundredths(low),
        hundredths(high)
    );
    match audit {
        AuditView { checked: 0, .. } => range,
        AuditView { checked: 1, right } => {
            let word = if right == 1 { "right" } else { "wrong" };
            format!("{range}; 1 random check, {word}")
        }
        AuditView { checked, right } => format!("{range}; {checked} random checks, {right} right"),
    }
}

/// Why nothing can be measured yet.
pub(super) fn needs(classes: &[String], of_class: &BTreeMap<&str, usize>) -> String {
    let labels = |class: &String| of_class.get(class.as_str()).copied().unwrap_or(0);
    let used: Vec<&String> = classes.iter().filter(|class| labels(class) > 0).collect();
    match (classes.len(), used.as_slice()) {
        (0 | 1, _) => "name two things to tell apart".to_owned(),
        (_, []) => format!("label two of {} and two of {}", classes[0], classes[1]),
        (_, [only]) => {
            let other = classes.iter().find(|class| class != only);
            let other = other.map_or("another class", String::as_str);
            format!("label two of {other}")
        }
        (_, used) => match used.iter().find(|class| labels(class) == 1) {
            Some(class) => format!("label one more of {class}"),
            None => "a moment: the answers are being worked out".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Deed, JournalEntry, RandomCheck};
    use registry_schema::digest::Digest;

    #[test]
    fn what_is_missing_is_said_step_by_step() {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let both = names(&["passport", "visa"]);
        let with =
            |counts: &[(&'static str, usize)]| counts.iter().copied().collect::<BTreeMap<_, _>>();
        assert_eq!(needs(&[], &with(&[])), "name two things to tell apart");
        assert_eq!(
            needs(&both, &with(&[])),
            "label two of passport and two of visa"
        );
        assert_eq!(needs(&both, &with(&[("visa", 1)])), "label two of passport");
        let one = with(&[("visa", 1), ("passport", 2)]);
        assert_eq!(needs(&both, &one), "label one more of visa");
    }

    #[test]
    fn random_checks_count_when_a_head_had_answered() {
        let space: FeatureSpace = "dots@1".parse().expect("a feature space");
        let audit = |labels: &LabelState| AuditView::new(labels, &space);
        let mut labels = LabelState::default();
        let mut entries = Vec::new();
        for (image, answer) in [("a", Some("x")), ("b", Some("y")), ("c", None)] {
            let digest = Digest::of(image.as_bytes());
            let mut entry = JournalEntry::new(digest, image, Some("x".to_owned()));
            entry.check = Some(RandomCheck {
                answer: answer.map(str::to_owned),
                space: answer.and(Some(space.clone())),
            });
            entries.push(entry);
        }
        // Of another extractor's head nothing is counted.
        let mut other = JournalEntry::new(Digest::of(b"d"), "d", Some("x".to_owned()));
        other.check = Some(RandomCheck {
            answer: Some("x".to_owned()),
            space: "others@1".parse().ok(),
        });
        entries.push(other);
        let first = entries[1].clone();
        labels.apply(&Deed::labels(entries));
        let counted = audit(&labels);
        assert_eq!(
            counted,
            AuditView {
                checked: 2,
                right: 1
            }
        );
        let said = sentence(0.741, 0.968, 20, counted);
        assert_eq!(
            said,
            "between 74 and 97 in 100, from 20 labels; 2 random checks, 1 right"
        );
        // A label that is corrected afterwards still tells what was answered before it.
        let corrected = JournalEntry::new(first.image, "b", Some("y".to_owned()));
        labels.apply(&Deed::labels(vec![corrected]));
        assert_eq!(
            audit(&labels),
            AuditView {
                checked: 2,
                right: 2
            }
        );
        let taken_away = JournalEntry::new(first.image, "b", None);
        labels.apply(&Deed::labels(vec![taken_away]));
        assert_eq!(
            audit(&labels),
            AuditView {
                checked: 1,
                right: 1
            }
        );
    }
}
