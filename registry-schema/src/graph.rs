//! Inspecting a release's graph against its manifest: one definition for publisher, server and
//! puller.

use std::io::{Read, Seek};

use crate::manifest::Manifest;
use crate::onnx::{
    ChannelLayout, ControlFlow, Inspection, InspectionPolicy, OnnxError, TensorExpectation,
    check_against, inspect,
};
use crate::preprocess::Layout;

/// Inspects the ONNX file of `size_bytes` bytes at the reader's position without running it, and
/// compares its input and output with what the manifest says.
///
/// # Errors
/// [`OnnxError`] with the first reason to refuse it.
pub fn inspect_graph<R: Read + Seek>(
    reader: R,
    size_bytes: u64,
    manifest: &Manifest,
) -> Result<Inspection, OnnxError> {
    let control_flow = if manifest.graph.control_flow {
        ControlFlow::Allowed
    } else {
        ControlFlow::Refused
    };
    let policy = InspectionPolicy {
        control_flow,
        ..InspectionPolicy::default()
    };
    let inspection = inspect(reader, size_bytes, &policy)?;
    let input = &manifest.input;
    let expectation = TensorExpectation {
        input_name: Some(input.tensor.clone()),
        channels: input.channels().into(),
        height: input.height.into(),
        width: input.width.into(),
        layout: match input.layout {
            Layout::Nchw => ChannelLayout::Nchw,
            Layout::Nhwc => ChannelLayout::Nhwc,
        },
        output_name: manifest.output.tensor.clone(),
        dimension: manifest.output.dimension.into(),
    };
    check_against(&inspection, &expectation)?;
    Ok(inspection)
}
