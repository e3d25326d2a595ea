//! A head in a file of its own.

use std::io;

use ndarray::array;
use registry_schema::digest::Digest;
use registry_schema::onnx::Finding;

use super::*;

#[test]
fn a_head_becomes_a_file_of_its_own() {
    let example = Example::new(4, 10);
    for transform in TRANSFORMS {
        let mut bytes = Vec::new();
        write_head_onnx(&example.head(transform), &metadata(10), &mut bytes).unwrap();
        let inspection = inspected(&bytes);
        assert_eq!(
            inspection.inputs[0].to_string(),
            "\"features\" float32 [batch, 10]"
        );
        assert_eq!(words(&inspection), outputs(4, "batch"));
        // Only what abstains compares with limits.
        let is_limit =
            |finding: &Finding| matches!(finding, Finding::ScalarComparison { count: 3, .. });
        assert!(
            inspection.findings.iter().all(is_limit),
            "{:?}",
            inspection.findings
        );
        let classes: Vec<String> =
            serde_json::from_str(&inspection.metadata["hub.classes"]).unwrap();
        assert_eq!(classes, example.classes);
        let says = |key: &str| inspection.metadata[key].as_str();
        assert_eq!(says("hub.feature_space"), "passport-extractor@2");
        assert_eq!(says("hub.head_version"), "3");
        assert_eq!(says("hub.transform"), transform);
        assert_eq!(
            (says("hub.coverage"), says("hub.plausible_from")),
            ("0.9", "[0.5,0.25,0.25,0.25]")
        );
        assert_eq!(says("hub.unlike_above"), "0.25");
        assert!(!inspection.operator_counts.contains_key("Gather"));
    }
}

#[test]
fn a_head_reads_the_first_of_longer_features() {
    let example = Example::new(2, 10);
    let mut bytes = Vec::new();
    write_head_onnx(&example.head("centred-l2"), &metadata(16), &mut bytes).unwrap();
    let inspection = inspected(&bytes);
    assert_eq!(
        inspection.inputs[0].to_string(),
        "\"features\" float32 [batch, 16]"
    );
    assert_eq!(words(&inspection), outputs(2, "batch"));
    assert_eq!(inspection.operator_counts["Gather"], 1);
}

#[test]
fn references_can_be_left_out() {
    let example = Example::new(3, 10);
    let head = example.head("l2").without_references();
    let mut bytes = Vec::new();
    let names = write_head_onnx(&head, &metadata(10), &mut bytes).unwrap();
    assert_eq!(names.unlike, None);
    let inspection = inspected(&bytes);
    assert_eq!(words(&inspection), outputs(3, "batch")[..2]);
    assert!(!inspection.metadata.contains_key("hub.unlike_above"));
    let first = example.references.row(0);
    let kept: Vec<u8> = first.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(!bytes.windows(kept.len()).any(|window| window == kept));
}

#[test]
fn a_trained_head_is_written_with_its_own_numbers() {
    use crate::head::{Examples, ExtractorRelease, Head, HeadIdentity, TrainingOptions};
    let features = array![
        [0.9, 0.1, 0.0],
        [1.0, 0.2, 0.1],
        [0.1, 0.8, 0.9],
        [0.0, 1.0, 0.8]
    ];
    let images = ["a", "b", "c", "d"].map(|name| Digest::of(name.as_bytes()));
    let classes = ["passport".to_owned(), "visa".to_owned()];
    let extractor = ExtractorRelease {
        name: "passport-extractor".parse().unwrap(),
        version: "2.0.0".parse().unwrap(),
        digest: Digest::of(b"the release"),
    };
    let identity = HeadIdentity {
        name: "border".parse().unwrap(),
        created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        extractor,
    };
    let examples = Examples {
        features: features.view(),
        images: &images,
        labels: &[0, 0, 1, 1],
        classes: &classes,
    };
    let head = Head::train(identity, &examples, &TrainingOptions::default()).unwrap();
    let mut bytes = Vec::new();
    write_head_onnx(&LinearHead::from(&head), &metadata(3), &mut bytes).unwrap();
    let inspection = inspected(&bytes);
    assert_eq!(inspection.metadata["hub.classes"], r#"["passport","visa"]"#);
    let weights: Vec<u8> = head
        .weights()
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert!(bytes.windows(weights.len()).any(|window| window == weights));
}

#[test]
fn heads_that_do_not_hold_together_are_refused() {
    let example = Example::new(3, 5);
    let other = Example::new(2, 4);
    let refused =
        |head: LinearHead<'_>| write_head_onnx(&head, &metadata(5), &mut Vec::new()).unwrap_err();
    let whole = example.head("standardise");
    let zero = array![1.0, 0.0, 1.0, 1.0, 1.0];
    let infinite = array![[f32::INFINITY; 5], [0.0; 5], [0.0; 5]];
    let shape = |error| matches!(error, ExportError::Shape { .. });
    assert!(shape(refused(LinearHead {
        bias: other.bias.view(),
        ..whole
    })));
    assert!(shape(refused(LinearHead {
        classes: &other.classes,
        ..whole
    })));
    assert!(shape(refused(LinearHead {
        transform: ExportTransform::CentredL2 {
            mean: other.mean.view()
        },
        ..whole
    })));
    let scaled = ExportTransform::Standardise {
        mean: example.mean.view(),
        scale: zero.view(),
    };
    let number = |error| matches!(error, ExportError::Number { .. });
    assert!(number(refused(LinearHead {
        transform: scaled,
        ..whole
    })));
    assert!(number(refused(LinearHead {
        temperature: 0.0,
        ..whole
    })));
    assert!(number(refused(LinearHead {
        temperature: f32::NAN,
        ..whole
    })));
    assert!(number(refused(LinearHead {
        weights: infinite.view(),
        ..whole
    })));
    let of_others = ExportAbstention {
        unlike: Some(Unlike {
            references: other.references.view(),
            above: 0.1,
        }),
        ..whole.abstention
    };
    assert!(shape(refused(LinearHead {
        abstention: of_others,
        ..whole
    })));
    assert!(matches!(
        refused(LinearHead {
            classes: &example.classes[..1],
            ..whole
        }),
        ExportError::Classes { count: 1 }
    ));
    let short = write_head_onnx(&whole, &metadata(4), &mut Vec::new());
    assert!(matches!(
        short,
        Err(ExportError::TooFewFeatures {
            needed: 5,
            found: 4
        })
    ));
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let example = Example::new(2, 3);
    let model = extractor("features", "hidden", 8, 13);
    let head = example.head("none");
    assert!(matches!(
        write_head_onnx(&head, &metadata(3), &mut Full),
        Err(ExportError::Io { .. })
    ));
    let refusal = write_fused_onnx(
        extractor_graph(&model, "features"),
        None,
        &head,
        &metadata(3),
        &mut Full,
    );
    assert!(matches!(refusal, Err(ExportError::Io { .. })));
}
