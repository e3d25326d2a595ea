//! Shapes that are followed, and values beyond the limit.

use super::*;

/// The pooled value through one operator that reads constants of the given values.
fn grown(
    operator: &str,
    inputs: &[&str],
    attributes: &[Message],
    constants: &[(&str, &[i64])],
) -> Result<Inspection, OnnxError> {
    let constants = constants
        .iter()
        .map(|(name, values)| int64_tensor(name, &[values.len() as u64], values));
    Draft::through(
        vec![node(operator, inputs, &["grown"], attributes)],
        constants.collect(),
    )
    .inspect()
}

#[test]
fn constants_that_ask_for_absurd_memory() {
    let scalar = |name: &str, value: i64| int64_tensor(name, &[], &[value]);
    let results = [
        grown(
            "ConstantOfShape",
            &["c"],
            &[],
            &[("c", &[1 << 20, 1 << 20])],
        ),
        grown(
            "Expand",
            &["pooled", "c"],
            &[],
            &[("c", &[1, 3, 1 << 20, 1 << 10])],
        ),
        grown("Tile", &["pooled", "c"], &[], &[("c", &[1 << 30, 1, 1, 1])]),
        grown(
            "Pad",
            &["pooled", "c"],
            &[],
            &[("c", &[0, 0, 0, 0, 1 << 30, 0, 0, 0])],
        ),
        grown(
            "Pad",
            &["pooled", "c"],
            &[],
            &[("c", &[0, 0, 1 << 30, 0, 0, 0, 0, 0])],
        ),
        grown(
            "Resize",
            &["pooled", "", "", "c"],
            &[],
            &[("c", &[1, 3, 1 << 15, 1 << 15])],
        ),
        grown(
            "OneHot",
            &["pooled", "c", "values"],
            &[],
            &[("c", &[1 << 31]), ("values", &[0, 1])],
        ),
        Draft::through(
            vec![node("Range", &["from", "to", "by"], &["grown"], &[])],
            vec![scalar("from", 0), scalar("to", 1 << 62), scalar("by", 1)],
        )
        .inspect(),
        Draft::through(
            vec![node("Resize", &["pooled", "", "scales"], &["grown"], &[])],
            vec![float_tensor(
                "scales",
                &[4],
                [1.0, 1.0, 1e6, 1e6].into_iter(),
            )],
        )
        .inspect(),
        grown(
            "RandomNormal",
            &[],
            &[attribute("shape", AttributeValue::Integers(&[1 << 40]))],
            &[],
        ),
        // The shape comes out of constant arithmetic.
        Draft::through(
            vec![
                node("Mul", &["c", "c"], &["squared"], &[]),
                node(
                    "Concat",
                    &["squared", "c"],
                    &["shape"],
                    &[attribute("axis", AttributeValue::Integer(0))],
                ),
                node("ConstantOfShape", &["shape"], &["grown"], &[]),
            ],
            vec![int64_tensor("c", &[1], &[1 << 14])],
        )
        .inspect(),
    ];
    for (index, result) in results.into_iter().enumerate() {
        assert!(
            matches!(result, Err(OnnxError::ConstantTooLarge { .. })),
            "{index}: {result:?}"
        );
    }
    grown("Expand", &["pooled", "c"], &[], &[("c", &[1, 3, 8, 8])]).unwrap();
    grown("Tile", &["pooled", "c"], &[], &[("c", &[1, 1, 4, 4])]).unwrap();
}

#[test]
fn values_between_nodes_beyond_the_limit() {
    let padded = attribute("pads", AttributeValue::Integers(&[1 << 20, 1 << 20, 0, 0]));
    let kernel = || float_tensor("kernel", &[1, 3, 1, 1], [1.0; 3].into_iter());
    let convolution = Draft::through(
        vec![node("Conv", &["input", "kernel"], &["grown"], &[padded])],
        vec![kernel()],
    );
    assert!(matches!(
        convolution.inspect(),
        Err(OnnxError::IntermediateTooLarge { .. })
    ));
    // An outer product of two vectors of 2^17.
    let product = Draft::through(
        vec![
            node("Reshape", &["long", "column"], &["left"], &[]),
            node("Reshape", &["long", "row"], &["right"], &[]),
            node("MatMul", &["left", "right"], &["grown"], &[]),
        ],
        vec![
            float_tensor("long", &[1 << 17], std::iter::repeat_n(0.0, 1 << 17)),
            int64_tensor("column", &[2], &[-1, 1]),
            int64_tensor("row", &[2], &[1, -1]),
        ],
    );
    assert!(matches!(
        product.inspect(),
        Err(OnnxError::IntermediateTooLarge { .. })
    ));
    let mut input = Draft::valid();
    input.inputs = vec![value_info(
        "input",
        ElementType::Float32,
        &batch_of(&[3, 1 << 16, 1 << 16]),
    )];
    assert!(matches!(
        input.inspect(),
        Err(OnnxError::IntermediateTooLarge { .. })
    ));
    // Declared only.
    let declared = value_info("other", ElementType::Float32, &batch_of(&[1 << 30]));
    let mut draft = Draft::through(vec![node("NonZero", &["pooled"], &["other"], &[])], vec![]);
    draft.graph_extra = Message::new().message(13, &declared);
    assert!(matches!(
        draft.inspect(),
        Err(OnnxError::IntermediateTooLarge { .. })
    ));
    let small = InspectionPolicy {
        max_intermediate_bytes: 100,
        ..InspectionPolicy::default()
    };
    let bytes = Draft::valid().bytes();
    let refusal = inspect(Cursor::new(&bytes), bytes.len() as u64, &small);
    assert!(
        matches!(
            refusal,
            Err(OnnxError::IntermediateTooLarge { bytes: 768, .. })
        ),
        "{refusal:?}"
    );
}

#[test]
fn a_wrong_output_size_is_refused() {
    let draft = Draft {
        outputs: vec![features_output(5)],
        ..Draft::valid()
    };
    assert!(matches!(
        draft.inspect(),
        Err(OnnxError::OutputShape { .. })
    ));
    // An open one is filled in.
    let open = value_info(
        "features",
        ElementType::Float32,
        &[Dimension::Unknown, Dimension::Unknown],
    );
    let inspection = Draft {
        outputs: vec![open],
        ..Draft::valid()
    }
    .inspect()
    .unwrap();
    assert_eq!(
        inspection.outputs[0].to_string(),
        "\"features\" float32 [?, 4]"
    );
}

/// Shape of the image after the operator, as the findings about a declared `[7]` tell.
fn shape_after(
    operator: &str,
    inputs: &[&str],
    attributes: &[Message],
    initializers: Vec<Message>,
) -> String {
    let mut draft = Draft::through(
        vec![node(operator, inputs, &["other"], attributes)],
        initializers,
    );
    let declared = value_info("other", ElementType::Float32, &[Dimension::Fixed(7); 1]);
    draft.graph_extra = Message::new().message(13, &declared);
    let findings = draft.inspect().unwrap().findings;
    let [Finding::DeclaredShapeDiffers { computed, .. }, ..] = findings.as_slice() else {
        panic!("{operator}: nothing computed: {findings:?}");
    };
    computed.clone()
}

fn integers(name: &str, values: &[i64]) -> Message {
    attribute(name, AttributeValue::Integers(values))
}

fn integer(name: &str, value: i64) -> Message {
    attribute(name, AttributeValue::Integer(value))
}

fn list(name: &str, values: &[i64]) -> Message {
    int64_tensor(name, &[values.len() as u64], values)
}

fn zeros(name: &str, sizes: &[u64]) -> Message {
    let count = usize::try_from(sizes.iter().product::<u64>()).unwrap();
    float_tensor(name, sizes, std::iter::repeat_n(0.0, count))
}

#[test]
fn windows_follow_the_standard() {
    let convolved = |attributes: &[Message]| {
        shape_after(
            "Conv",
            &["input", "k"],
            attributes,
            vec![zeros("k", &[5, 3, 3, 3])],
        )
    };
    let strided = [
        integers("strides", &[2, 2]),
        integers("pads", &[1, 1, 1, 1]),
    ];
    assert_eq!(convolved(&[]), "[?, 5, 6, 6]");
    assert_eq!(convolved(&strided), "[?, 5, 4, 4]");
    assert_eq!(convolved(&[integers("dilations", &[2, 2])]), "[?, 5, 4, 4]");
    let pooled = |attributes: &[Message]| shape_after("MaxPool", &["input"], attributes, vec![]);
    let halves = [
        integers("kernel_shape", &[2, 2]),
        integers("strides", &[2, 2]),
    ];
    assert_eq!(pooled(&halves), "[?, 3, 4, 4]");
    assert_eq!(
        pooled(&[integers("kernel_shape", &[3, 3]), integer("ceil_mode", 1)]),
        "[?, 3, ?, ?]"
    );
    let transposed = shape_after(
        "ConvTranspose",
        &["input", "t"],
        &[],
        vec![zeros("t", &[3, 2, 2, 2])],
    );
    assert_eq!(transposed, "[?, 2, 9, 9]");
    let padded = shape_after(
        "Pad",
        &["input", "c"],
        &[],
        vec![list("c", &[0, 0, 1, 0, 0, 0, 3, 0])],
    );
    assert_eq!(padded, "[?, 3, 12, 8]");
    let scales = float_tensor("f", &[4], [1.0, 1.0, 2.0, 3.0].into_iter());
    assert_eq!(
        shape_after("Resize", &["input", "", "f"], &[], vec![scales]),
        "[?, 3, 16, 24]"
    );
}

#[test]
fn rearrangements_follow_the_standard() {
    let permuted = [integers("perm", &[0, 2, 3, 1])];
    assert_eq!(
        shape_after("Transpose", &["input"], &permuted, vec![]),
        "[?, 8, 8, 3]"
    );
    assert_eq!(shape_after("Flatten", &["input"], &[], vec![]), "[?, 192]");
    let by_list = |operator: &str, input: &str, values: &[i64]| {
        shape_after(operator, &[input, "c"], &[], vec![list("c", values)])
    };
    assert_eq!(by_list("Reshape", "input", &[0, -1]), "[?, ?]");
    assert_eq!(by_list("Reshape", "input", &[1, -1, 3]), "[1, ?, 3]");
    assert_eq!(by_list("Reshape", "weights", &[-1, 4]), "[3, 4]");
    assert_eq!(by_list("Squeeze", "pooled", &[2, 3]), "[?, 3]");
    assert_eq!(by_list("Unsqueeze", "input", &[1]), "[?, 1, 3, 8, 8]");
    assert_eq!(by_list("Gather", "weights", &[0, 2]), "[2, 4]");
    let every_second = vec![
        list("c", &[1]),
        list("e", &[100]),
        list("a", &[2]),
        list("s", &[2]),
    ];
    let sliced = shape_after("Slice", &["input", "c", "e", "a", "s"], &[], every_second);
    assert_eq!(sliced, "[?, 3, 4, 8]");
}

#[test]
fn combinations_follow_the_standard() {
    let reduced = |operator: &str, attributes: &[Message]| {
        shape_after(operator, &["input"], attributes, vec![])
    };
    assert_eq!(
        reduced("ReduceMean", &[integers("axes", &[2, -1])]),
        "[?, 3, 1, 1]"
    );
    assert_eq!(
        reduced(
            "ReduceMax",
            &[integers("axes", &[2]), integer("keepdims", 0)]
        ),
        "[?, 3, 8]"
    );
    assert_eq!(
        shape_after("Add", &["input", "pooled"], &[], vec![]),
        "[?, 3, 8, 8]"
    );
    assert_eq!(
        shape_after("Concat", &["input", "input"], &[integer("axis", 1)], vec![]),
        "[?, 6, 8, 8]"
    );
    assert_eq!(
        shape_after("MatMul", &["weights", "m"], &[], vec![zeros("m", &[4, 5])]),
        "[3, 5]"
    );
}
