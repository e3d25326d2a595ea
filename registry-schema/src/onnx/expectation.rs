//! Whether a graph takes the image and gives the vector its manifest states.

use super::OnnxError;
use super::element::ElementType;
use super::error::quoted;
use super::inspection::{Dimension, Inspection, TensorInfo};

/// Order of the dimensions of a batch of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelLayout {
    /// `[batch, channels, height, width]`
    Nchw,
    /// `[batch, height, width, channels]`
    Nhwc,
}

/// What a manifest states about the graph's input and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorExpectation {
    /// Name of the image input; any name when `None`.
    pub input_name: Option<String>,
    /// 1 or 3.
    pub channels: u64,
    /// Pixels.
    pub height: u64,
    /// Pixels.
    pub width: u64,
    /// Order of the input's dimensions.
    pub layout: ChannelLayout,
    /// Name of the output that holds the features.
    pub output_name: String,
    /// Features of one image.
    pub dimension: u64,
}

/// Checks that the graph has one float32 input `[batch, …]` of the stated image size and the stated float32 output
/// `[batch, dimension]`. Dimensions the graph leaves open agree with everything; a batch of exactly one is accepted.
///
/// # Errors
/// [`OnnxError::InputMismatch`] or [`OnnxError::OutputMismatch`], naming both sides.
pub fn check_against(
    inspection: &Inspection,
    expectation: &TensorExpectation,
) -> Result<(), OnnxError> {
    let TensorExpectation {
        channels,
        height,
        width,
        dimension,
        ..
    } = *expectation;
    let image = match expectation.layout {
        ChannelLayout::Nchw => [channels, height, width],
        ChannelLayout::Nhwc => [height, width, channels],
    };
    let name = expectation
        .input_name
        .as_deref()
        .map_or_else(|| "of any name".to_owned(), quoted);
    let mismatch = |found: String| OnnxError::InputMismatch {
        expected: described(&name, &image),
        found,
    };
    let [input] = inspection.inputs.as_slice() else {
        let inputs: Vec<String> = inspection
            .inputs
            .iter()
            .take(8)
            .map(ToString::to_string)
            .collect();
        return Err(mismatch(format!(
            "{} inputs ({})",
            inspection.inputs.len(),
            inputs.join("; ")
        )));
    };
    let is_named = expectation
        .input_name
        .as_ref()
        .is_none_or(|name| *name == input.name);
    // An input whose rank is open could take anything: the manifest would promise what the graph does not.
    if !is_named || input.shape.is_none() || !agrees(input, &image) {
        return Err(mismatch(input.to_string()));
    }

    let name = quoted(&expectation.output_name);
    let mismatch = |found: String| OnnxError::OutputMismatch {
        expected: described(&name, &[dimension]),
        found,
    };
    match inspection
        .outputs
        .iter()
        .find(|output| output.name == expectation.output_name)
    {
        Some(output) if agrees(output, &[dimension]) => Ok(()),
        Some(output) => Err(mismatch(output.to_string())),
        None => {
            let outputs: Vec<String> = inspection
                .outputs
                .iter()
                .take(8)
                .map(ToString::to_string)
                .collect();
            Err(mismatch(format!("outputs {}", outputs.join("; "))))
        }
    }
}

/// Whether a tensor may be a batch of float32 items of `sizes`.
fn agrees(tensor: &TensorInfo, sizes: &[u64]) -> bool {
    if tensor.element_type != Some(ElementType::Float32) {
        return false;
    }
    let Some(shape) = &tensor.shape else {
        return true;
    };
    let Some((batch, item)) = shape.split_first() else {
        return false;
    };
    let is_item = item.len() == sizes.len()
        && item
            .iter()
            .zip(sizes)
            .all(|(dimension, &size)| may_be(dimension, size));
    is_item && may_be(batch, 1)
}

fn may_be(dimension: &Dimension, size: u64) -> bool {
    dimension.fixed().is_none_or(|fixed| fixed == size)
}

fn described(name: &str, sizes: &[u64]) -> String {
    let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
    format!("{name} float32 [batch, {}]", sizes.join(", "))
}
