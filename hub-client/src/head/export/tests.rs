#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use std::fs;
use std::io;
use std::io::Cursor;
use std::path::Path;

use ndarray::{Array1, Array2, array};
use registry_schema::digest::Digest;
use registry_schema::onnx::{
    AttributeValue, ControlFlow, Finding, Inspection, InspectionPolicy, attribute, float_tensor,
    inspect, node,
};
use registry_schema::preprocess::Filter;

use super::*;

const IMAGE: &str = "image";

/// A head of D dimensions and K classes, with numbers that follow from a seed.
struct Example {
    weights: Array2<f32>,
    bias: Array1<f32>,
    mean: Array1<f32>,
    scale: Array1<f32>,
    references: Array2<f32>,
    classes: Vec<String>,
    limits: Vec<f64>,
}

impl Example {
    fn new(classes: usize, dimension: usize) -> Self {
        let mut state = 12345_u32;
        let mut next = |scale: f32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f32::from(u16::try_from(state >> 16).unwrap()) / 65536.0 - 0.5) * scale
        };
        Self {
            weights: Array2::from_shape_fn((classes, dimension), |_| next(2.0)),
            bias: Array1::from_shape_fn(classes, |_| next(1.0)),
            mean: Array1::from_shape_fn(dimension, |_| next(0.5)),
            scale: Array1::from_shape_fn(dimension, |_| 1.0 + next(1.0)),
            references: Array2::from_shape_fn((7, dimension), |_| next(1.0)),
            classes: (0..classes)
                .map(|index| format!("class \"{index}\""))
                .collect(),
            limits: (0..classes)
                .map(|class| if class == 0 { 0.5 } else { 0.25 })
                .collect(),
        }
    }

    fn transform(&self, name: &str) -> ExportTransform<'_> {
        let (mean, scale) = (self.mean.view(), self.scale.view());
        match name {
            "standardise" => ExportTransform::Standardise { mean, scale },
            "centred-l2" => ExportTransform::CentredL2 { mean },
            "l2" => ExportTransform::L2,
            _ => ExportTransform::None,
        }
    }

    fn head(&self, transform: &str) -> LinearHead<'_> {
        LinearHead {
            weights: self.weights.view(),
            bias: self.bias.view(),
            transform: self.transform(transform),
            temperature: 0.75,
            classes: &self.classes,
            abstention: ExportAbstention {
                coverage: 0.9,
                plausible_from: Some(&self.limits),
                unlike: Some(Unlike {
                    references: self.references.view(),
                    above: 0.25,
                }),
            },
        }
    }
}

const TRANSFORMS: [&str; 4] = ["standardise", "centred-l2", "l2", "none"];

fn metadata(feature_dimension: usize) -> ExportMetadata<'static> {
    ExportMetadata {
        head: "border",
        head_version: Some(3),
        extractor: "passport-extractor@2.1.0",
        extractor_digest: "sha256:00",
        feature_space: "passport-extractor@2",
        feature_dimension,
        extra: &[],
    }
}

fn inspected(bytes: &[u8]) -> Inspection {
    // Images branch by the order of the passes.
    let policy = InspectionPolicy {
        control_flow: ControlFlow::Allowed,
        ..InspectionPolicy::default()
    };
    inspect(Cursor::new(bytes), bytes.len() as u64, &policy).unwrap()
}

/// The outputs in words, of a head of so many classes, for a batch.
fn outputs(classes: usize, batch: &str) -> Vec<String> {
    vec![
        format!("\"probabilities\" float32 [{batch}, {classes}]"),
        format!("\"plausible\" bool [{batch}, {classes}]"),
        format!("\"distance\" float32 [{batch}]"),
        format!("\"unlike\" bool [{batch}]"),
    ]
}

fn words(inspection: &Inspection) -> Vec<String> {
    inspection.outputs.iter().map(ToString::to_string).collect()
}

/// A graph from `[batch, 3, 4, 4]` to three features that are called `output`.
fn extractor(output: &str, hidden: &str, ir_version: i64, opset: i64) -> Vec<u8> {
    let batch = |sizes: &[u64]| {
        let name = Dimension::Named("n".to_owned());
        std::iter::once(name)
            .chain(sizes.iter().map(|&size| Dimension::Fixed(size)))
            .collect::<Vec<_>>()
    };
    let image = value_info(IMAGE, ElementType::Float32, &batch(&[3, 4, 4]));
    let features = value_info(output, ElementType::Float32, &batch(&[3]));
    let axis = [attribute("axis", AttributeValue::Integer(1))];
    let graph = Message::new()
        .message(12, &features)
        .message(1, &node("GlobalAveragePool", &[IMAGE], &[hidden], &[]))
        .message(1, &node("Flatten", &[hidden], &[output], &axis))
        .message(
            5,
            &float_tensor("spare", &[1000], std::iter::repeat_n(1.5, 1000)),
        )
        .message(
            12,
            &value_info(hidden, ElementType::Float32, &batch(&[3, 1, 1])),
        )
        .message(11, &image);
    let own = [
        ("hub.classes".to_owned(), "[\"cat\"]".to_owned()),
        ("hub.unlike_above".to_owned(), "7".to_owned()),
        ("license".to_owned(), "MIT".to_owned()),
    ];
    ModelHeader {
        ir_version,
        opset,
        producer: "tests",
        metadata: &own,
    }
    .with_graph(&graph)
    .into_bytes()
}

fn fuse(
    model: &[u8],
    features: &str,
    head: &LinearHead<'_>,
) -> Result<(Vec<u8>, Fused), ExportError> {
    let mut bytes = Vec::new();
    let fused = write_fused_onnx(
        extractor_graph(model, features),
        None,
        head,
        &metadata(3),
        &mut bytes,
    )?;
    assert_eq!(fused.size_bytes, bytes.len() as u64);
    Ok((bytes, fused))
}

fn extractor_graph<'a>(model: &'a [u8], features: &'a str) -> ExtractorGraph<'a, Cursor<&'a [u8]>> {
    ExtractorGraph {
        file: Cursor::new(model),
        size_bytes: model.len() as u64,
        features,
    }
}

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

/// Preprocessing for the tests' extractor.
fn preprocessing(filter: Filter) -> Input {
    let input = serde_json::json!({
        "tensor": IMAGE, "width": 4, "height": 4,
        "resize": {"mode": "letterbox", "filter": filter},
        "normalize": {"mean": [0, 0, 0], "std": [1, 1, 1]},
    });
    serde_json::from_value(input).unwrap()
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

#[test]
fn numbers_survive_safetensors_and_python() {
    let features = array![[0.3_f32, -0.2, 0.9], [0.0, 0.0, 0.0], [1.0, 2.0, -3.0]];
    for transform in TRANSFORMS {
        let example = Example::new(4, 3);
        for head in [
            example.head(transform),
            example.head(transform).without_references(),
        ] {
            let (mut tensors, mut again, mut program) = (Vec::new(), Vec::new(), Vec::new());
            write_safetensors(&head, &metadata(3), &mut tensors).unwrap();
            write_safetensors(&head, &metadata(3), &mut again).unwrap();
            assert_eq!(tensors, again, "the same head is the same bytes");
            write_sklearn(&head, &metadata(3), &mut program).unwrap();
            let numbers = read_safetensors(&tensors).unwrap();
            assert_eq!(read_sklearn(&program).unwrap(), numbers);
            assert_eq!(numbers.head().weights, head.weights);
            assert_eq!(numbers.head().temperature, head.temperature);
            assert_eq!(numbers.head().classes, head.classes);
            let scores = numbers.scores(features.view());
            assert_eq!(scores.len(), 3);
            let has_references = head.abstention.unlike.is_some();
            assert!(
                scores
                    .iter()
                    .all(|one| one.unlike.is_some() == has_references)
            );
        }
    }
}

#[test]
fn damaged_numbers_are_refused() {
    let example = Example::new(4, 3);
    let mut bytes = Vec::new();
    write_safetensors(&example.head("standardise"), &metadata(3), &mut bytes).unwrap();
    for length in [0, 7, 8, 100, bytes.len() - 1] {
        assert!(read_safetensors(&bytes[..length]).is_err(), "{length}");
    }
    let mut long = bytes.clone();
    long[7] = 1;
    assert!(read_safetensors(&long).is_err());
    let mut program = Vec::new();
    write_sklearn(&example.head("l2"), &metadata(3), &mut program).unwrap();
    let changed = String::from_utf8(program)
        .unwrap()
        .replace("NEIGHBOURS = 5", "NEIGHBOURS = 6");
    let error = read_sklearn(changed.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("not the program"), "{error}");
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

/// Writes files for `tests/python/check_export.py`: for every extractor in the folder `HUB_TEST_MODELS` and every
/// transform a folder in `HUB_EXPORT_FOLDER` with `fused.onnx`, `head.onnx` and `parameters.json`.
#[test]
fn files_for_other_runtimes() {
    let (Ok(models), Ok(folder)) = (
        std::env::var("HUB_TEST_MODELS"),
        std::env::var("HUB_EXPORT_FOLDER"),
    ) else {
        eprintln!("skipped: HUB_TEST_MODELS and HUB_EXPORT_FOLDER are not both set");
        return;
    };
    for entry in fs::read_dir(models).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        for transform in TRANSFORMS {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            export_for_python(
                &path,
                transform,
                &Path::new(&folder).join(format!("{stem}-{transform}")),
            );
        }
    }
}

fn export_for_python(model: &Path, transform: &str, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let size_bytes = fs::metadata(model).unwrap().len();
    let open = || fs::File::open(model).unwrap();
    let graph = inspect(open(), size_bytes, &InspectionPolicy::default()).unwrap();
    let shape = graph.outputs[0].shape.as_ref().unwrap();
    let available = usize::try_from(shape[1].fixed().unwrap()).unwrap();
    // Two of the transforms read fewer dimensions than there are.
    let dimension = if transform.len() < 5 {
        available * 3 / 4
    } else {
        available
    };
    let example = Example::new(if dimension == available { 2 } else { 7 }, dimension);
    let head = example.head(transform);
    let mut fused = fs::File::create(folder.join("fused.onnx")).unwrap();
    let extractor = ExtractorGraph {
        file: open(),
        size_bytes,
        features: &graph.outputs[0].name,
    };
    write_fused_onnx(extractor, None, &head, &metadata(available), &mut fused).unwrap();
    let mut own = fs::File::create(folder.join("head.onnx")).unwrap();
    write_head_onnx(&head, &metadata(available), &mut own).unwrap();
    let parameters = serde_json::json!({
        "transform": transform,
        "temperature": head.temperature,
        "weights": example.weights.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
        "bias": example.bias.to_vec(),
        "mean": example.mean.to_vec(),
        "scale": example.scale.to_vec(),
        "classes": example.classes,
    });
    fs::write(folder.join("parameters.json"), parameters.to_string()).unwrap();
    let written = folder.join("fused.onnx");
    let size_bytes = fs::metadata(&written).unwrap().len();
    let policy = InspectionPolicy::default();
    inspect(fs::File::open(&written).unwrap(), size_bytes, &policy).unwrap();
}
