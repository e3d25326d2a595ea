//! What differs between versions, in words.

use hub_client::head::{Changes, Derivation, Head, Origin, Paired, Standing};

/// What a version is and what changed from the one before; `before` is none for the first that can be
/// read.
pub(super) fn what_changed(before: Option<&Head>, head: &Head) -> Vec<String> {
    let origin = head.origin().map(|origin| of_origin(origin, head));
    let is_unchanged = head
        .origin()
        .is_some_and(|origin| origin.how != Derivation::Retrained);
    let mut words: Vec<String> = origin.into_iter().collect();
    match before {
        _ if is_unchanged => {}
        Some(before) => {
            let changes = of_changes(&Changes::between(before, head));
            if changes.is_empty() {
                words.push("the same labels and settings".to_owned());
            }
            words.extend(changes);
        }
        None => words.push("trained first".to_owned()),
    }
    words
}

/// Where a version comes from.
pub(super) fn of_origin(origin: &Origin, head: &Head) -> String {
    let (version, extractor) = (origin.version, head.extractor());
    match origin.how {
        Derivation::Again => format!("version {version} again"),
        Derivation::Moved => format!("version {version} as it is, for {extractor}"),
        Derivation::Retrained => format!("learnt anew from the labels of version {version}"),
    }
}

/// What differs, empty when nothing does.
pub(super) fn of_changes(changes: &Changes) -> Vec<String> {
    let mut words = labels(changes);
    if let Some([from, to]) = &changes.extractor {
        words.push(format!("{from} → {to}"));
    }
    let settings = changes.settings.iter();
    words.extend(settings.map(|one| format!("{}: {} → {}", one.setting, one.from, one.to)));
    if let Some([from, to]) = changes.unlabelled {
        words.push(format!("centred on unlabelled images: {from} → {to}"));
    }
    if words.is_empty() && !changes.is_same_data {
        words.push("other features of the same images".to_owned());
    }
    words
}

/// How many labels differ.
pub(super) fn labels(changes: &Changes) -> Vec<String> {
    let parts = [
        (changes.added.len(), "added"),
        (changes.removed.len(), "removed"),
        (changes.relabelled.len(), "changed"),
    ];
    let word = |(count, what): (usize, &str)| match count {
        0 => None,
        1 => Some(format!("1 label {what}")),
        _ => Some(format!("{count} labels {what}")),
    };
    parts.into_iter().filter_map(word).collect()
}

/// How the second of two stands, for people who know no statistics.
pub(super) fn verdict(paired: &Paired) -> String {
    let count = |share: f64| format!("{:.0}", share.abs() * 100.0);
    let (low, high) = (count(paired.low), count(paired.high));
    match paired.standing() {
        Standing::Better => {
            format!("better: of 100 new images it gets {low} to {high} more right, 9 times in 10")
        }
        Standing::Worse => {
            format!("worse: of 100 new images it gets {high} to {low} fewer right, 9 times in 10")
        }
        Standing::CannotTell if paired.only_first + paired.only_second <= 0.0 => format!(
            "alike, both right on the same images: of 100 new ones between {low} fewer and {high} more \
             right, 9 times in 10"
        ),
        Standing::CannotTell => format!(
            "cannot tell from {} labels: of 100 new images between {low} fewer and {high} more right, \
             9 times in 10",
            paired.images
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hub_client::head::HeldOutAnswers;
    use ndarray::Array2;

    use super::*;

    /// Of 24 images the first gets `first` right that the second does not, and the other way round.
    fn paired(first: usize, second: usize) -> Paired {
        let answers = |wrong: std::ops::Range<usize>| HeldOutAnswers {
            probabilities: Array2::zeros((24, 2)),
            hits: Array2::from_shape_fn((24, 1), |(image, _)| !wrong.contains(&image)),
        };
        Paired::new(&answers(0..second), &answers(12..12 + first)).unwrap()
    }

    #[test]
    fn verdicts_read_well() {
        let words =
            [paired(0, 9), paired(8, 1), paired(1, 2), paired(0, 0)].map(|one| verdict(&one));
        insta::assert_snapshot!(words.join("\n"), @r"
        better: of 100 new images it gets 17 to 52 more right, 9 times in 10
        worse: of 100 new images it gets 8 to 46 fewer right, 9 times in 10
        cannot tell from 24 labels: of 100 new images between 10 fewer and 18 more right, 9 times in 10
        alike, both right on the same images: of 100 new ones between 9 fewer and 9 more right, 9 times in 10
        ");
    }

    #[test]
    fn changes_are_counted_in_words() {
        let mut changes = Changes {
            is_same_data: true,
            ..Changes::default()
        };
        assert!(of_changes(&changes).is_empty());
        changes.unlabelled = Some([0, 12]);
        assert_eq!(
            of_changes(&changes),
            ["centred on unlabelled images: 0 → 12"]
        );
        changes.unlabelled = None;
        changes.is_same_data = false;
        assert_eq!(of_changes(&changes), ["other features of the same images"]);
    }
}
