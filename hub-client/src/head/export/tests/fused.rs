//! A head behind an extractor, and the preprocessing in front.

use registry_schema::preprocess::Filter;

use super::*;

#[test]
fn a_fused_file_is_the_extractor_with_the_head_behind() {
    let example = Example::new(5, 3);
    let model = extractor("features", "hidden", 8, 17);
    let (bytes, fused) = fuse(&model, "features", &example.head("centred-l2")).unwrap();
    assert_eq!(
        (fused.image, fused.outputs.probabilities.as_str()),
        (None, PROBABILITIES)
    );
    let inspection = inspected(&bytes);
    assert_eq!(inspection.opset_imports["ai.onnx"], 17);
    assert_eq!(
        inspection.inputs[0].to_string(),
        "\"image\" float32 [n, 3, 4, 4]"
    );
    assert_eq!(words(&inspection), outputs(5, "n"));
    assert_eq!(inspection.metadata["license"], "MIT");
    assert!(inspection.metadata["hub.classes"].contains("class"));
    assert_eq!(inspection.metadata["hub.unlike_above"], "0.25");
    assert_eq!(inspection.metadata["hub.extractor_digest"], "sha256:00");
    // The extractor's own weights are there, byte for byte.
    let weights: Vec<u8> = std::iter::repeat_n(1.5_f32.to_le_bytes(), 1000)
        .flatten()
        .collect();
    assert!(bytes.windows(weights.len()).any(|window| window == weights));
}

#[test]
fn fusing_works_in_all_versions() {
    let example = Example::new(2, 2);
    for (ir_version, opset) in [
        (3, 7),
        (3, 8),
        (4, 9),
        (6, 11),
        (7, 12),
        (8, 13),
        (10, 21),
        (14, 28),
    ] {
        let model = extractor("features", "hidden", ir_version, opset);
        for transform in TRANSFORMS {
            let (bytes, _) = fuse(&model, "features", &example.head(transform)).unwrap();
            let inspection = inspected(&bytes);
            assert_eq!(words(&inspection), outputs(2, "n"));
            assert_eq!(
                inspection.operator_counts.contains_key("Constant"),
                ir_version < 4
            );
        }
    }
}

#[test]
fn with_preprocessing_the_input_is_an_image() {
    let example = Example::new(2, 3);
    for (ir_version, opset) in [(3, 11), (7, 12), (8, 13), (10, 21), (14, 28)] {
        for filter in [Filter::Nearest, Filter::Bilinear, Filter::Lanczos] {
            let model = extractor("features", "hidden", ir_version, opset);
            let mut bytes = Vec::new();
            let fused = write_fused_onnx(
                extractor_graph(&model, "features"),
                Some(&preprocessing(filter)),
                &example.head("l2"),
                &metadata(3),
                &mut bytes,
            );
            // The extractor's own input is called `image`.
            assert_eq!(fused.unwrap().image.as_deref(), Some("head/image"));
            let inspection = inspected(&bytes);
            let inputs: Vec<String> = inspection.inputs.iter().map(ToString::to_string).collect();
            assert_eq!(inputs, ["\"head/image\" uint8 [height, width, 3]"]);
            assert_eq!(words(&inspection), outputs(2, "1"));
        }
    }
}

#[test]
fn names_the_extractor_uses_are_left_to_it() {
    let example = Example::new(2, 3);
    let head = example.head("standardise");
    let (bytes, fused) = fuse(
        &extractor("features", "head/scores", 8, 13),
        "features",
        &head,
    )
    .unwrap();
    assert_eq!(fused.outputs.probabilities, PROBABILITIES);
    inspected(&bytes);
    let (bytes, fused) = fuse(
        &extractor(PROBABILITIES, "hidden", 8, 13),
        PROBABILITIES,
        &head,
    )
    .unwrap();
    let output = fused.outputs.probabilities;
    assert_eq!(output, "head/probabilities");
    assert_eq!(fused.outputs.plausible, PLAUSIBLE);
    assert_eq!(inspected(&bytes).outputs[0].name, output);
    // A head on an exported head, and another on that.
    let again = ExportMetadata {
        feature_dimension: 2,
        ..metadata(2)
    };
    let second = Example::new(2, 2);
    let mut twice = Vec::new();
    let fused = write_fused_onnx(
        extractor_graph(&bytes, &output),
        None,
        &second.head("l2"),
        &again,
        &mut twice,
    );
    assert_eq!(fused.unwrap().outputs.probabilities, "head2/probabilities");
    inspected(&twice);
}

#[test]
fn unfit_extractors_are_refused() {
    let example = Example::new(2, 3);
    let head = example.head("none");
    let model = extractor("features", "hidden", 8, 13);
    let refusal = fuse(&model, "vectors", &head);
    assert!(
        matches!(refusal, Err(ExportError::Output { .. })),
        "{refusal:?}"
    );
    // The hidden output is [n, 3, 1, 1].
    assert!(matches!(
        fuse(&model, "hidden", &head),
        Err(ExportError::Output { .. })
    ));
    let wide = Example::new(2, 4);
    let refusal = fuse(&model, "features", &wide.head("none"));
    assert!(matches!(
        refusal,
        Err(ExportError::TooFewFeatures {
            needed: 4,
            found: 3
        })
    ));
    assert!(matches!(
        fuse(&model[..model.len() - 3], "features", &head),
        Err(ExportError::Graph(_))
    ));
    assert!(matches!(
        fuse(b"PK", "features", &head),
        Err(ExportError::Graph(_))
    ));
}

#[test]
fn graphs_that_cannot_take_an_image_are_refused() {
    let example = Example::new(2, 3);
    let fuse = |opset: i64, input: &Input| {
        write_fused_onnx(
            extractor_graph(&extractor("features", "hidden", 8, opset), "features"),
            Some(input),
            &example.head("l2"),
            &metadata(3),
            &mut Vec::new(),
        )
        .unwrap_err()
    };
    let input = preprocessing(Filter::Bilinear);
    let error = fuse(10, &input);
    assert!(matches!(
        error,
        ExportError::Opset {
            needed: 11,
            found: 10
        }
    ));
    assert!(error.to_string().contains("fused-onnx"), "{error}");
    let other = Input {
        tensor: "pixels".to_owned(),
        ..input
    };
    let error = fuse(13, &other).to_string();
    assert!(error.contains("pixels") && error.contains(IMAGE), "{error}");
}

/// Preprocessing for the tests' extractor.
fn preprocessing(filter: Filter) -> Input {
    let input = serde_json::json!({
        "tensor": IMAGE, "width": 4, "height": 4,
        "resize": {"mode": "letterbox", "filter": filter},
        "normalize": {"mean": [0, 0, 0], "std": [1, 1, 1]},
    });
    serde_json::from_value(input).unwrap()
}
