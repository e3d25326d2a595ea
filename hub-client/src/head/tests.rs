#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use ndarray::{Array2, Axis, array, concatenate};

use super::*;

/// A tiny head of the default kind: classes `a` and `b`, three dimensions.
pub(super) fn small_head() -> Head {
    head_with(TransformKind::CentredL2)
}

pub(super) fn head_with(transform: TransformKind) -> Head {
    let features = array![
        [1.0, 0.1, 0.0],
        [0.9, 0.2, 0.3],
        [0.1, 1.0, 0.2],
        [0.2, 0.8, 0.1]
    ];
    let settings = TrainingSettings {
        transform,
        ..TrainingSettings::default()
    };
    train(features.view(), &[0, 0, 1, 1], &["a", "b"], settings).unwrap()
}

fn train(
    features: ArrayView2<'_, f32>,
    labels: &[usize],
    classes: &[&str],
    settings: TrainingSettings,
) -> Result<Head, HeadError> {
    let images: Vec<Digest> = (0..features.nrows()).map(digest).collect();
    train_images(features, &images, labels, classes, settings)
}

fn train_images(
    features: ArrayView2<'_, f32>,
    images: &[Digest],
    labels: &[usize],
    classes: &[&str],
    settings: TrainingSettings,
) -> Result<Head, HeadError> {
    let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
    let identity = HeadIdentity {
        name: "small".parse().unwrap(),
        created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        extractor: ExtractorRelease {
            name: "passport-extractor".parse().unwrap(),
            version: "2.1.0".parse().unwrap(),
            digest: Digest::of(b"release"),
        },
    };
    Head::train(
        identity,
        &Examples {
            features,
            images,
            labels,
            classes: &classes,
        },
        &settings.check()?,
    )
}

fn digest(index: usize) -> Digest {
    Digest::of(&index.to_le_bytes())
}

pub(super) fn space() -> FeatureSpace {
    "passport-extractor@2".parse().unwrap()
}

/// Classes shown in one dimension each, with noise of a given size.
fn noisy(rows: usize, dimensions: usize, classes: usize, noise: f32) -> (Array2<f32>, Vec<usize>) {
    let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
    let mut state = (rows * dimensions) as u64;
    let features = Array2::from_shape_fn((rows, dimensions), |(i, j)| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let uniform = f32::from(u16::try_from((mixed ^ (mixed >> 31)) >> 48).unwrap()) / 65_536.0;
        noise * (uniform - 0.5) + f32::from(u8::from(labels[i] == j))
    });
    (features, labels)
}

#[test]
fn every_transform_separates_what_is_separable() {
    let (features, labels) = noisy(15, 20, 3, 0.5);
    for kind in [
        TransformKind::Standardise,
        TransformKind::CentredL2,
        TransformKind::L2,
        TransformKind::None,
    ] {
        let settings = TrainingSettings {
            transform: kind,
            ..TrainingSettings::default()
        };
        let head = train(features.view(), &labels, &["x", "y", "z"], settings).unwrap();
        let predictions = head.predict(features.view(), &space()).unwrap();
        assert!(
            (0..15).all(|row| predictions.best(row).index == labels[row]),
            "{kind:?}"
        );
        assert!(
            predictions
                .probabilities
                .sum_axis(Axis(1))
                .iter()
                .all(|sum| (sum - 1.0).abs() < 1e-5)
        );
        let facts = head.training();
        assert!(
            facts.converged && facts.held_out.as_ref().unwrap().accuracy > 0.8,
            "{kind:?}: {facts:?}"
        );
    }
}

#[test]
fn pure_noise_is_not_claimed_to_be_more() {
    // One set of a few images can look better or worse than chance by accident; not all of them.
    let accuracies = [12, 14, 16, 18, 20, 22].map(|rows| {
        let (features, _) = noisy(rows, 20, 1, 1.0);
        let features = features.slice_axis(Axis(1), Slice::from(1..));
        let labels: Vec<usize> = (0..rows).map(|row| row % 2).collect();
        let head = train(features, &labels, &["a", "b"], TrainingSettings::default()).unwrap();
        let held_out = head.training().held_out.clone().unwrap();
        assert!(
            held_out.log_loss < 0.85,
            "unsure where it must be: {held_out:?}"
        );
        held_out.accuracy
    });
    let mean = accuracies.iter().sum::<f64>() / 6.0;
    assert!((0.35..0.65).contains(&mean), "{accuracies:?}");
}

#[test]
fn the_order_of_images_does_not_matter() {
    let (features, labels) = noisy(12, 16, 2, 0.8);
    let images: Vec<Digest> = (0..12).map(digest).collect();
    let forward = train(
        features.view(),
        &labels,
        &["a", "b"],
        TrainingSettings::default(),
    )
    .unwrap();
    let order: Vec<usize> = (0..12).map(|row| (row * 7 + 3) % 12).collect();
    let pick = |from: &[usize]| order.iter().map(|&row| from[row]).collect::<Vec<_>>();
    let shuffled_images: Vec<Digest> = order.iter().map(|&row| images[row]).collect();
    let shuffled = train_images(
        features.select(Axis(0), &order).view(),
        &shuffled_images,
        &pick(&labels),
        &["a", "b"],
        TrainingSettings::default(),
    );
    assert_eq!(forward, shuffled.unwrap());
}

#[test]
fn longer_vectors_are_read_up_to_the_trained_dimension() {
    let (features, labels) = noisy(12, 6, 2, 0.5);
    let head = train(
        features.view(),
        &labels,
        &["a", "b"],
        TrainingSettings::default(),
    )
    .unwrap();
    let appended = concatenate![Axis(1), features, Array2::from_elem((12, 3), 9.0_f32)];
    let expected = head.predict(features.view(), &space()).unwrap();
    assert_eq!(head.predict(appended.view(), &space()).unwrap(), expected);
    let shorter = features.slice_axis(Axis(1), Slice::from(..5));
    let error = head.predict(shorter, &space()).unwrap_err();
    assert!(
        error.to_string().contains("needs 6 dimensions")
            && error.to_string().contains("passport-extractor@2.1.0")
    );
}

#[test]
fn another_feature_space_is_refused() {
    let (head, features) = (small_head(), Array2::zeros((1, 3)));
    for other in [
        "passport-extractor@3",
        "passport-extractor@1",
        "everyday-objects@2",
    ] {
        let error = head
            .predict(features.view(), &other.parse().unwrap())
            .unwrap_err();
        assert!(matches!(error, HeadError::OtherSpace { .. }), "{other}");
        assert!(
            error.to_string().contains(other) && error.to_string().contains("passport-extractor@2"),
            "{error}"
        );
    }
}

#[test]
fn predictions_of_broken_features_are_refused() {
    let head = small_head();
    let features = array![
        [0.0, 1.0, 2.0],
        [0.0, f32::NAN, 0.0],
        [f32::INFINITY, 0.0, 0.0]
    ];
    assert!(matches!(
        head.predict(features.view(), &space()),
        Err(HeadError::NotFinite { row: 1 })
    ));
    assert_eq!(
        head.predict(Array2::zeros((0, 3)).view(), &space())
            .unwrap()
            .probabilities
            .dim(),
        (0, 2)
    );
}

#[test]
fn one_image_a_class_trains_without_figures() {
    let head = train(
        array![[1.0, 0.0], [0.0, 1.0]].view(),
        &[0, 1],
        &["a", "b"],
        TrainingSettings::default(),
    )
    .unwrap();
    assert_eq!(head.training().held_out, None);
    assert_eq!(
        head.predict(array![[0.9, 0.3]].view(), &space())
            .unwrap()
            .best(0)
            .class,
        "a"
    );
}

#[test]
fn more_classes_than_a_head_takes_are_refused() {
    let classes: Vec<String> = (0..10_000).map(|class| format!("class {class}")).collect();
    let names: Vec<&str> = classes.iter().map(String::as_str).collect();
    let labels: Vec<usize> = (0..10_000).collect();
    let features = Array2::ones((10_000, 2));
    let settings = TrainingSettings::default();
    let error = train(features.view(), &labels, &names, settings).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a head tells up to 5000 classes apart, and there are 10000: join some, or train a head for each group of \
         them"
    );
    assert!(check_classes(&classes[..CLASSES]).is_ok());
}

#[test]
fn dimensions_that_never_vary_say_nothing() {
    let features = array![[1.0, 5.0], [0.9, 5.0], [0.1, 5.0], [0.0, 5.0]];
    let fresh = array![[0.8, 5.0], [0.2, 5.0], [0.8, 7.0]];
    let alike = Array2::from_elem((4, 2), 5.0_f32);
    for (transform, method) in [
        (TransformKind::Standardise, Method::Ridge),
        (TransformKind::Standardise, Method::Logistic),
        (TransformKind::CentredL2, Method::Ridge),
        (TransformKind::CentredL2, Method::Logistic),
        (TransformKind::None, Method::Logistic),
    ] {
        let settings = TrainingSettings {
            transform,
            method,
            ..TrainingSettings::default()
        };
        let labels = [0, 0, 1, 1];
        let head = train(features.view(), &labels, &["a", "b"], settings.clone()).unwrap();
        let predictions = head.predict(fresh.view(), &space()).unwrap();
        let found = [0, 1].map(|row| predictions.best(row).class);
        assert_eq!(found, ["a", "b"], "{transform:?} {method:?}");
        if transform == TransformKind::Standardise {
            assert_eq!(predictions.best(2).class, "a", "{method:?}");
        }
        // Where no dimension varies, no class is likelier than chance has it.
        let head = train(alike.view(), &labels, &["a", "b"], settings).unwrap();
        let predictions = head.predict(fresh.view(), &space()).unwrap();
        assert!(predictions.probabilities.iter().all(|p| p.is_finite()));
        let held_out = head.training().held_out.as_ref().unwrap();
        assert!(
            held_out.accuracy <= 0.5 && held_out.log_loss > 0.5,
            "{held_out:?}"
        );
    }
}

#[test]
fn repeated_images_count_once() {
    let features = array![[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.2, 1.0]];
    let images = [digest(1), digest(1), digest(2), digest(3)];
    let settings = TrainingSettings::default;
    let head = train_images(
        features.view(),
        &images,
        &[0, 0, 1, 1],
        &["a", "b"],
        settings(),
    )
    .unwrap();
    assert_eq!((head.training().images, head.training().duplicates), (3, 1));
    assert_eq!(head.training().images_per_class, [1, 2]);
    let error = train_images(
        features.view(),
        &images,
        &[0, 1, 1, 1],
        &["a", "b"],
        settings(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("is labelled `a` and `b`"),
        "{error}"
    );
}

#[test]
fn examples_that_make_no_sense_are_refused() {
    let features = array![[1.0, 0.0], [0.0, 1.0]];
    let run = |labels: &[usize], classes: &[&str]| {
        train(
            features.view(),
            labels,
            classes,
            TrainingSettings::default(),
        )
        .unwrap_err()
    };
    assert!(matches!(
        run(&[0, 0], &["a"]),
        HeadError::TooFewClasses { classes: 1 }
    ));
    assert!(matches!(run(&[0, 0], &["a", "b"]), HeadError::EmptyClass { class } if class == "b"));
    assert!(matches!(
        run(&[0, 2], &["a", "b"]),
        HeadError::LabelOutOfRange {
            row: 1,
            label: 2,
            classes: 2
        }
    ));
    assert!(matches!(
        run(&[0], &["a", "b"]),
        HeadError::Lengths {
            features: 2,
            images: 2,
            labels: 1
        }
    ));
    for bad in ["", " ", "a", "two\nlines", &"x".repeat(201)] {
        assert!(
            matches!(run(&[0, 1], &["a", bad]), HeadError::ClassName { .. }),
            "{bad:?}"
        );
    }
    let broken = array![[1.0, 0.0], [f32::NAN, 1.0]];
    let error = train(
        broken.view(),
        &[0, 1],
        &["a", "b"],
        TrainingSettings::default(),
    );
    assert!(matches!(error, Err(HeadError::NotFinite { row: 1 })));
    let error = train(
        Array2::zeros((2, 0)).view(),
        &[0, 1],
        &["a", "b"],
        TrainingSettings::default(),
    );
    assert!(matches!(error, Err(HeadError::NoDimensions)));
}

#[test]
fn a_fixed_penalty_is_used_and_still_validated() {
    let (features, labels) = noisy(24, 6, 2, 0.8);
    let settings = TrainingSettings {
        penalty: Penalty::Fixed(3.0),
        ..TrainingSettings::default()
    };
    let head = train(features.view(), &labels, &["a", "b"], settings).unwrap();
    assert_eq!(head.training().c, 3.0);
    assert!(head.training().held_out.is_some());
}

#[test]
fn balanced_weights_help_the_rare_class() {
    let (features, _) = noisy(60, 4, 1, 1.6);
    let labels: Vec<usize> = (0..60).map(|row| usize::from(row % 12 == 0)).collect();
    let mut features = features;
    labels
        .iter()
        .enumerate()
        .for_each(|(row, &label)| features[[row, 1]] += f32::from(u8::try_from(label).unwrap()));
    let recall = |class_weights| {
        let settings = TrainingSettings {
            class_weights,
            ..TrainingSettings::default()
        };
        let head = train(features.view(), &labels, &["common", "rare"], settings).unwrap();
        let names: Vec<&str> = labels
            .iter()
            .map(|&label| ["common", "rare"][label])
            .collect();
        head.evaluate(features.view(), &space(), &names)
            .unwrap()
            .metrics
            .classes[1]
            .recall
            .unwrap()
    };
    assert!(recall(ClassWeights::Balanced) > recall(ClassWeights::Uniform));
}

#[test]
fn evaluating_names_unknown_classes() {
    let head = small_head();
    let features = array![[1.0, 0.1, 0.0], [0.1, 1.0, 0.2]];
    let metrics = head
        .evaluate(features.view(), &space(), &["a", "b"])
        .unwrap()
        .metrics;
    assert_eq!((metrics.accuracy, metrics.images), (1.0, 2));
    let error = head
        .evaluate(features.view(), &space(), &["a", "c"])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the head `small` does not know the class `c`: it knows `a`, `b`"
    );
    assert!(matches!(
        head.evaluate(features.view(), &space(), &["a"]),
        Err(HeadError::Lengths { labels: 1, .. })
    ));
}
