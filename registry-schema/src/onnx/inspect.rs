//! The inspection, step by step.

use std::io::{Read, Seek};

use super::OnnxError;
use super::error::quoted;
use super::graph::{Graph, Model, read_model};
use super::inspection::{Dimension, Inspection, InspectionPolicy, TensorInfo, shape_text};
use super::messages::MODEL;
use super::operators::{Calls, check_calls, check_header};
use super::review;
use super::scope::{check_function, check_graph};
use super::shapes::{Shape, check_sizes, contradicts, sizes_text};
use super::value::ValueInfo;
use super::wire::WireReader;

/// Inspects the ONNX file of `size_bytes` bytes that starts at the reader's position. Reads it once, keeps names and
/// structure (at most [`MAX_KEPT_BYTES`](super::wire::MAX_KEPT_BYTES)) and passes over weights.
///
/// # Errors
/// The first reason to refuse the file; see [`OnnxError`].
pub fn inspect<R: Read + Seek>(
    reader: R,
    size_bytes: u64,
    policy: &InspectionPolicy,
) -> Result<Inspection, OnnxError> {
    // 1. Every message parses, every tensor holds exactly what it declares, nothing follows.
    let mut wire = WireReader::new(reader, size_bytes, &MODEL);
    let mut model = read_model(&mut wire, policy.max_metadata_value_bytes)?;
    wire.finish()?;
    // 2. There is a graph to run, in versions the runtime knows.
    if model.has_training_info {
        return Err(OnnxError::TrainingInfo);
    }
    let graph = model.graph.take().ok_or(OnnxError::NoGraph)?;
    check_header(&model)?;
    if graph.nodes.is_empty() {
        return Err(OnnxError::NoNodes {
            graph: quoted(&graph.name),
        });
    }
    // 3. It calls standard operators only, and no control flow that was not declared.
    let calls = check_calls(&model, &graph, policy)?;
    // 4. Every value has one producer, before its readers.
    check_graph(&graph)?;
    for function in &model.functions {
        check_function(function)?;
    }
    // 5. No value is larger than allowed, as far as shapes are known.
    let sizes = check_sizes(&model, &graph, policy.max_intermediate_bytes)?;
    let outputs = graph.outputs.iter().zip(&sizes.outputs);
    let outputs = outputs
        .map(|(info, shape)| output_info(info, shape.as_ref()))
        .collect::<Result<_, _>>()?;
    // 6. What a reviewer should see.
    let inputs = input_infos(&graph);
    let mut findings = review::findings(&model, &graph, &calls, &inputs);
    findings.extend(sizes.findings);
    Ok(report(model, calls, inputs, outputs, findings))
}

fn report(
    model: Model,
    calls: Calls,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    findings: Vec<super::Finding>,
) -> Inspection {
    let imports = model.opsets.into_iter().map(|set| {
        let domain = if set.domain.is_empty() {
            "ai.onnx".to_owned()
        } else {
            set.domain
        };
        (domain, set.version)
    });
    Inspection {
        ir_version: model.ir_version,
        opset_imports: imports.collect(),
        inputs,
        outputs,
        node_count: calls.nodes,
        operator_counts: calls.counts,
        parameter_count: calls.parameters,
        parameter_bytes: calls.parameter_bytes,
        metadata: model.metadata.into_iter().collect(),
        findings,
    }
}

/// Inputs without a stored default; in old files every weight is listed as an input too.
fn input_infos(graph: &Graph) -> Vec<TensorInfo> {
    let stored: std::collections::HashSet<&str> = graph
        .initializers
        .iter()
        .chain(
            graph
                .sparse_initializers
                .iter()
                .map(|sparse| &sparse.values),
        )
        .map(|tensor| tensor.name.as_str())
        .collect();
    let open = graph
        .inputs
        .iter()
        .filter(|input| !stored.contains(input.name.as_str()));
    open.map(|input| TensorInfo {
        name: input.name.clone(),
        element_type: input.element,
        shape: input.shape.clone(),
    })
    .collect()
}

/// The output as declared, completed by what the graph computes; refused when the two contradict each other.
fn output_info(info: &ValueInfo, computed: Option<&Shape>) -> Result<TensorInfo, OnnxError> {
    let shape = match (&info.shape, computed) {
        (Some(declared), Some(computed)) => {
            let sizes: Shape = declared.iter().map(Dimension::fixed).collect();
            if contradicts(&sizes, computed) {
                return Err(OnnxError::OutputShape {
                    output: quoted(&info.name),
                    declared: shape_text(Some(declared)),
                    computed: sizes_text(computed),
                });
            }
            let complete = declared.iter().zip(computed);
            Some(
                complete
                    .map(|(declared, computed)| {
                        computed.map_or_else(|| declared.clone(), Dimension::Fixed)
                    })
                    .collect(),
            )
        }
        (Some(declared), None) => Some(declared.clone()),
        (None, Some(computed)) => Some(
            computed
                .iter()
                .map(|size| size.map_or(Dimension::Unknown, Dimension::Fixed))
                .collect(),
        ),
        (None, None) => None,
    };
    Ok(TensorInfo {
        name: info.name.clone(),
        element_type: info.element,
        shape,
    })
}
