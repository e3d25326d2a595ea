//! What differs between two heads: labels by the images' contents, settings, the extractor.

use std::collections::BTreeMap;

use registry_schema::digest::Digest;
use serde::Serialize;

use super::{
    ClassWeights, ExtractorRelease, Head, Method, Penalty, TrainingSettings, TransformKind,
};

/// What differs between how two heads were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Images that have a label in the second only, in the order of their digests.
    pub added: Vec<Label>,
    /// Images that had a label in the first only.
    pub removed: Vec<Label>,
    /// Images with another label.
    pub relabelled: Vec<Relabelled>,
    /// The releases, when they differ.
    pub extractor: Option<[ExtractorRelease; 2]>,
    /// Settings that differ.
    pub settings: Vec<SettingChange>,
    /// How many unlabelled images were centred on, when that differs.
    pub unlabelled: Option<[usize; 2]>,
    /// Whether exactly the same was learnt from: images, classes and features.
    pub is_same_data: bool,
}

/// An image and its class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// SHA-256 of the image's bytes.
    pub image: Digest,
    /// The class.
    pub class: String,
}

/// An image whose class differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Relabelled {
    /// SHA-256 of the image's bytes.
    pub image: Digest,
    /// Its class in the first.
    pub from: String,
    /// Its class in the second.
    pub to: String,
}

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingChange {
    /// What is set, as `hub train` calls it.
    pub setting: &'static str,
    /// In the first.
    pub from: String,
    /// In the second.
    pub to: String,
}

impl Changes {
    /// Compares two heads. Classes are compared by name, wherever they stand.
    pub fn between(first: &Head, second: &Head) -> Self {
        let (before, after) = (labels(first), labels(second));
        let mut changes = Self::default();
        for (image, &class) in &after {
            match before.get(image) {
                None => changes.added.push(label(image, class)),
                Some(&from) if from != class => changes.relabelled.push(Relabelled {
                    image: *image,
                    from: from.to_owned(),
                    to: class.to_owned(),
                }),
                Some(_) => {}
            }
        }
        let removed = before
            .iter()
            .filter(|(image, _)| !after.contains_key(image));
        changes.removed = removed.map(|(image, class)| label(image, class)).collect();
        if first.extractor() != second.extractor() {
            changes.extractor = Some([first.extractor().clone(), second.extractor().clone()]);
        }
        let (first, second) = (first.training(), second.training());
        let both = in_words(&first.settings)
            .into_iter()
            .zip(in_words(&second.settings));
        changes.settings = both
            .filter(|((_, from), (_, to))| from != to)
            .map(|((setting, from), (_, to))| SettingChange { setting, from, to })
            .collect();
        if first.unlabelled != second.unlabelled {
            changes.unlabelled = Some([first.unlabelled, second.unlabelled]);
        }
        changes.is_same_data = first.data == second.data && changes.unlabelled.is_none();
        changes
    }
}

impl Head {
    /// Each labelled image and its class.
    pub fn labels(&self) -> BTreeMap<Digest, &str> {
        labels(self)
    }
}

fn labels(head: &Head) -> BTreeMap<Digest, &str> {
    let facts = head.training().labels.iter();
    let named =
        |&(image, class): &(Digest, usize)| Some((image, head.classes().get(class)?.as_str()));
    facts.filter_map(named).collect()
}

fn label(image: &Digest, class: &str) -> Label {
    Label {
        image: *image,
        class: class.to_owned(),
    }
}

/// Every setting, as `hub train` calls it.
fn in_words(settings: &TrainingSettings) -> Vec<(&'static str, String)> {
    let TrainingSettings {
        method,
        coverage,
        transform,
        transform_by: _,
        penalty,
        class_weights,
        seed,
        tolerance,
        iterations,
    } = settings;
    let method = match method {
        Method::Automatic => "auto",
        Method::Ridge => "ridge",
        Method::Logistic => "logistic",
    };
    let transform = match transform {
        TransformKind::Standardise => "standardise",
        TransformKind::CentredL2 => "centred-l2",
        TransformKind::L2 => "l2",
        TransformKind::None => "none",
    };
    let penalty = match penalty {
        Penalty::Chosen => "auto".to_owned(),
        Penalty::Fixed(c) => c.to_string(),
    };
    let class_weights = match class_weights {
        ClassWeights::Uniform => "uniform",
        ClassWeights::Balanced => "balanced",
    };
    vec![
        ("method", method.to_owned()),
        ("coverage", coverage.to_string()),
        ("transform", transform.to_owned()),
        ("penalty", penalty),
        ("class-weights", class_weights.to_owned()),
        ("seed", seed.to_string()),
        ("tolerance", tolerance.to_string()),
        ("iterations", iterations.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use ndarray::Array2;

    use super::super::tests::{head_with, small_head};
    use super::super::{Examples, HeadIdentity};
    use super::*;

    fn image(number: u8) -> Digest {
        Digest::of(&[number])
    }

    fn head(images: &[u8], labels: &[usize], classes: &[&str]) -> Head {
        let features = Array2::from_shape_fn((images.len(), 3), |(row, column)| {
            f32::from(u8::from(labels[row] == column)) + f32::from(images[row]) * 0.01
        });
        let images: Vec<Digest> = images.iter().map(|&number| image(number)).collect();
        let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        let template = small_head();
        let identity = HeadIdentity {
            name: template.name().clone(),
            created_at: template.created_at(),
            extractor: template.extractor().clone(),
        };
        let examples = Examples {
            features: features.view(),
            images: &images,
            labels,
            classes: &classes,
        };
        Head::train(identity, &examples, &Default::default()).unwrap()
    }

    #[test]
    fn nothing_differs_from_itself() {
        let changes = Changes::between(&small_head(), &small_head());
        let same = Changes {
            is_same_data: true,
            ..Changes::default()
        };
        assert_eq!(changes, same);
    }

    #[test]
    fn labels_are_compared_by_content_and_class_name() {
        // The second has another order of classes, a new one, and moves image 3 from `a` to `b`.
        let first = head(&[1, 2, 3, 4, 5], &[0, 0, 0, 1, 1], &["a", "b"]);
        let second = head(&[1, 2, 3, 4, 6], &[1, 1, 2, 2, 0], &["0", "a", "b"]);
        let changes = Changes::between(&first, &second);
        assert_eq!(changes.added, [label(&image(6), "0")]);
        assert_eq!(changes.removed, [label(&image(5), "b")]);
        assert_eq!(changes.relabelled.len(), 1);
        let one = &changes.relabelled[0];
        assert_eq!(
            (one.image, one.from.as_str(), one.to.as_str()),
            (image(3), "a", "b")
        );
        assert!(!changes.is_same_data);
    }

    #[test]
    fn settings_are_named_as_the_command_line_does() {
        let changes = Changes::between(&small_head(), &head_with(TransformKind::Standardise));
        let [only] = changes.settings.as_slice() else {
            unreachable!("one setting differs: {changes:?}")
        };
        assert_eq!(
            (only.setting, only.from.as_str(), only.to.as_str()),
            ("transform", "centred-l2", "standardise")
        );
        assert!(changes.is_same_data, "the data are not the settings");
    }
}
