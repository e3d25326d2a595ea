//! Shapes of operators that slide a window over an image.

use super::rules::Call;
use super::{Known, Shape};

/// How a window moves along one spatial dimension.
struct Window {
    kernel: i128,
    stride: i128,
    dilation: i128,
    padding: i128,
}

impl Window {
    /// Input elements the window covers.
    fn extent(&self) -> i128 {
        (self.kernel - 1) * self.dilation + 1
    }
}

/// Attribute `name` for spatial dimension `index`, or 1.
fn spatial(call: &Call<'_>, name: &str, index: usize) -> i128 {
    call.integers_attribute(name)
        .and_then(|values| values.get(index))
        .copied()
        .map_or(1, i128::from)
}

fn window(call: &Call<'_>, kernel: u64, index: usize, count: usize) -> Option<Window> {
    let pads = call.integers_attribute("pads");
    let pad = |index: usize| {
        pads.and_then(|pads| pads.get(index))
            .copied()
            .map_or(0, i128::from)
    };
    let window = Window {
        kernel: kernel.into(),
        stride: spatial(call, "strides", index),
        dilation: spatial(call, "dilations", index),
        padding: pad(index) + pad(index + count),
    };
    (window.kernel > 0 && window.stride > 0 && window.dilation > 0).then_some(window)
}

/// Output size along one dimension by the standard's formulas; `None` when it is not a size.
fn slide(call: &Call<'_>, window: &Window, size: u64) -> Option<u64> {
    let size = i128::from(size);
    let output = match call.text_attribute("auto_pad", "NOTSET") {
        "SAME_UPPER" | "SAME_LOWER" => (size + window.stride - 1) / window.stride,
        mode => {
            let padding = if mode == "VALID" { 0 } else { window.padding };
            let room = size + padding - window.extent();
            if room < 0 {
                return None;
            }
            room / window.stride + 1
        }
    };
    u64::try_from(output).ok()
}

/// Batch, channels, then one size for each spatial dimension.
fn spatial_shape(
    shape: &Shape,
    channels: Option<u64>,
    mut size: impl FnMut(usize, u64) -> Option<u64>,
) -> Option<Shape> {
    let (head, image) = shape.split_at_checked(2)?;
    let mut result = vec![*head.first()?, channels];
    result.extend(
        image
            .iter()
            .enumerate()
            .map(|(index, known)| known.and_then(|known| size(index, known))),
    );
    Some(result)
}

/// Kernel sizes from the attribute, or from the weights' shape.
fn kernels(call: &Call<'_>, count: usize) -> Option<Vec<u64>> {
    let kernels: Vec<u64> = match call.integers_attribute("kernel_shape") {
        Some(sizes) => sizes
            .iter()
            .map(|&size| u64::try_from(size).ok())
            .collect::<Option<_>>()?,
        None => call
            .shape(1)?
            .get(2..)?
            .iter()
            .copied()
            .collect::<Option<_>>()?,
    };
    (kernels.len() == count).then_some(kernels)
}

pub(super) fn convolution(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let count = shape.len().checked_sub(2)?;
    let channels = call
        .shape(1)
        .and_then(|weights| weights.first().copied().flatten());
    let kernels = kernels(call, count);
    let result = spatial_shape(shape, channels, |index, size| {
        let kernel = *kernels.as_ref()?.get(index)?;
        slide(call, &window(call, kernel, index, count)?, size)
    })?;
    Some(Known::shaped(result, call.bits(0)))
}

pub(super) fn pool(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let count = shape.len().checked_sub(2)?;
    // Rounding up may add a window that lies in the padding alone and is then dropped: runtimes differ.
    let rounds_up = call.integer_attribute("ceil_mode", 0) != 0;
    let kernels = kernels(call, count)?;
    let channels = shape.get(1).copied().flatten();
    let result = spatial_shape(shape, channels, |index, size| {
        let window = window(call, *kernels.get(index)?, index, count).filter(|_| !rounds_up)?;
        slide(call, &window, size)
    })?;
    Some(Known::shaped(result, call.bits(0)))
}

pub(super) fn global_pool(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let ones = vec![Some(1); shape.len().checked_sub(2)?];
    let head = shape.get(..2)?;
    Some(Known::shaped([head, &ones].concat(), call.bits(0)))
}

pub(super) fn transposed_convolution(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let count = shape.len().checked_sub(2)?;
    let groups = u64::try_from(call.integer_attribute("group", 1)).ok()?;
    let channels = call
        .shape(1)
        .and_then(|weights| weights.get(1).copied().flatten()?.checked_mul(groups));
    let kernels = kernels(call, count);
    let stated = call.integers_attribute("output_shape");
    let is_same = call
        .text_attribute("auto_pad", "NOTSET")
        .starts_with("SAME");
    let result = spatial_shape(shape, channels, |index, size| {
        if let Some(stated) = stated {
            let spatial = stated.get(stated.len().checked_sub(count)? + index)?;
            return u64::try_from(*spatial).ok();
        }
        let window = window(call, *kernels.as_ref()?.get(index)?, index, count)?;
        let extra = call
            .integers_attribute("output_padding")
            .and_then(|values| values.get(index))
            .copied()
            .unwrap_or(0);
        let output = if is_same {
            i128::from(size) * window.stride
        } else {
            window.stride * (i128::from(size) - 1) + i128::from(extra) + window.extent()
                - window.padding
        };
        u64::try_from(output).ok()
    })?;
    Some(Known::shaped(result, call.bits(0)))
}
