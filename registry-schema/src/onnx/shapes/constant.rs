//! Operators whose output can be made huge by a few bytes of constants.

use super::super::attribute::AttributeValue;
use super::super::tensor::{MAX_RANK, Values};
use super::layout::{axis_in, broadcast_two};
use super::rules::Call;
use super::{Known, Shape, elements, known_tensor};

/// Whether an over-large output of the operator is the fault of a constant.
pub(super) fn grows_by_constant(operator: &str) -> bool {
    matches!(
        operator,
        "ConstantOfShape"
            | "Expand"
            | "Tile"
            | "Range"
            | "Resize"
            | "Upsample"
            | "Pad"
            | "OneHot"
            | "RandomNormal"
            | "RandomUniform"
    )
}

pub(super) fn constant(call: &Call<'_>) -> Option<Known> {
    let attribute = call.node.attributes.first()?;
    match &attribute.value {
        AttributeValue::Tensors(tensors) => tensors.first().map(known_tensor),
        AttributeValue::Integer(value) => {
            Some(Known::shaped(vec![], 64).with(Some(Values::Integers(vec![*value]))))
        }
        AttributeValue::Integers(values) if values.len() <= MAX_RANK * 2 => {
            Some(Known::integers(values.clone()))
        }
        AttributeValue::Float(value) => {
            Some(Known::shaped(vec![], 32).with(Some(Values::Floats(vec![f64::from(*value)]))))
        }
        AttributeValue::Floats(values) if values.len() <= MAX_RANK * 2 => {
            let shape = vec![Some(values.len() as u64)];
            let values = values.iter().copied().map(f64::from).collect();
            Some(Known::shaped(shape, 32).with(Some(Values::Floats(values))))
        }
        AttributeValue::SparseTensors(tensors) => {
            let tensor = tensors.first()?;
            let shape = tensor.dimensions.iter().map(|&size| Some(size)).collect();
            Some(Known::shaped(shape, tensor.values.element.bits()))
        }
        _ => None,
    }
}

/// A constant list of sizes as a shape; `None` for negative ones, which the runtime refuses itself.
fn sizes(values: &[i64]) -> Option<Shape> {
    values
        .iter()
        .map(|&size| u64::try_from(size).ok().map(Some))
        .collect()
}

pub(super) fn constant_of_shape(call: &Call<'_>) -> Option<Known> {
    let bits = match call.node.attribute("value") {
        Some(AttributeValue::Tensors(tensors)) => tensors.first()?.element.bits(),
        _ => 32,
    };
    Some(Known::shaped(sizes(call.integers(0)?)?, bits))
}

pub(super) fn random(call: &Call<'_>) -> Option<Known> {
    Some(Known::shaped(sizes(call.integers_attribute("shape")?)?, 16))
}

pub(super) fn expand(call: &Call<'_>) -> Option<Known> {
    let wanted = sizes(call.integers(1)?)?;
    // The input may have more dimensions than are wanted: still at least as many elements.
    Some(call.shape(0).map_or_else(
        || Known::at_least(&wanted, call.bits(0)),
        |input| Known::shaped(broadcast_two(input, &wanted), call.bits(0)),
    ))
}

pub(super) fn tile(call: &Call<'_>) -> Option<Known> {
    let repeats = sizes(call.integers(1)?)?;
    let Some(input) = call.shape(0).filter(|input| input.len() == repeats.len()) else {
        return Some(Known::at_least(&repeats, call.bits(0)));
    };
    let pairs = || input.iter().zip(&repeats);
    let least: Shape = pairs()
        .map(|(size, repeat)| Some(size.unwrap_or(1).saturating_mul(repeat.unwrap_or(1))))
        .collect();
    let shape = pairs()
        .map(|(size, repeat)| Some((*size)?.saturating_mul((*repeat)?)))
        .collect();
    Some(Known {
        least_elements: elements(&least),
        ..Known::shaped(shape, call.bits(0))
    })
}

pub(super) fn range(call: &Call<'_>) -> Option<Known> {
    let scalar = |index: usize| match call.input(index)?.values.as_ref()? {
        Values::Integers(values) => values.first().map(|&value| Number::Integer(value)),
        Values::Floats(values) => values.first().map(|&value| Number::Float(value)),
    };
    let count = match (scalar(0)?, scalar(1)?, scalar(2)?) {
        (Number::Integer(start), Number::Integer(limit), Number::Integer(delta)) => {
            let (span, delta) = (i128::from(limit) - i128::from(start), i128::from(delta));
            if delta == 0 {
                return None;
            }
            let count = if (span < 0) == (delta < 0) {
                span.unsigned_abs().div_ceil(delta.unsigned_abs())
            } else {
                0
            };
            u64::try_from(count).unwrap_or(u64::MAX)
        }
        (Number::Float(start), Number::Float(limit), Number::Float(delta)) => {
            float_count((limit - start) / delta)?
        }
        _ => return None,
    };
    Some(Known::shaped(vec![Some(count)], call.bits(0)))
}

enum Number {
    Integer(i64),
    Float(f64),
}

/// `max(ceil(quotient), 0)`; saturates, `None` for not-a-number.
fn float_count(quotient: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float-to-integer cast saturates"
    )]
    (!quotient.is_nan()).then(|| quotient.ceil().max(0.0) as u64)
}

/// By scales (input 1 in old operator sets, 2 later, an attribute in the oldest) or by sizes (input 3). With the
/// attribute `axes`, or a policy that keeps the aspect ratio, only what is sure is used.
pub(super) fn resize(call: &Call<'_>) -> Option<Known> {
    let is_old = call.opset < 11 || call.node.operator == "Upsample";
    let shape = call.shape(0);
    if call.node.attribute("axes").is_some()
        || call.node.attribute("keep_aspect_ratio_policy").is_some()
    {
        return resize_some(call);
    }
    if !is_old && !call.is_absent(3) {
        return Some(Known::shaped(sizes(call.integers(3)?)?, call.bits(0)));
    }
    let attribute: Vec<f64>;
    let scales: &[f64] = match call.node.attribute("scales") {
        Some(AttributeValue::Floats(values)) => {
            attribute = values.iter().copied().map(f64::from).collect();
            &attribute
        }
        _ => match call.input(if is_old { 1 } else { 2 })?.values.as_ref()? {
            Values::Floats(values) => values,
            Values::Integers(_) => return None,
        },
    };
    let scaled = scales.iter().enumerate().map(|(index, &scale)| {
        let size = shape.and_then(|shape| shape.get(index).copied().flatten())?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in float32 as the runtime does; casts to integers saturate"
        )]
        (scale > 0.0).then_some((size as f32 * scale as f32).floor() as u64)
    });
    Some(Known::shaped(scaled.collect(), call.bits(0)))
}

/// Sizes for some axes: those are sure unless the aspect ratio rules.
fn resize_some(call: &Call<'_>) -> Option<Known> {
    let mut shape = vec![None; call.shape(0)?.len()];
    let rank = shape.len();
    if call.text_attribute("keep_aspect_ratio_policy", "stretch") == "stretch" {
        let (axes, sizes) = (call.integers_attribute("axes")?, call.integers(3)?);
        for (&axis, &size) in axes.iter().zip(sizes) {
            *shape.get_mut(axis_in(axis, rank)?)? = u64::try_from(size).ok();
        }
    }
    Some(Known::shaped(shape, call.bits(0)))
}

pub(super) fn pad(call: &Call<'_>) -> Option<Known> {
    let pads = match call
        .integers_attribute("pads")
        .or_else(|| call.integers_attribute("paddings"))
    {
        Some(pads) => pads,
        None => call.integers(1)?,
    };
    let axes: Option<&[i64]> = if call.is_absent(3) {
        None
    } else {
        Some(call.integers(3)?)
    };
    let count = pads.len() / 2;
    let rank = call.shape(0).map_or(count, Vec::len);
    let mut shape = call.shape(0).cloned().unwrap_or_else(|| vec![None; rank]);
    // An unknown dimension is at least as long as what is added to it.
    let mut least: Shape = shape.iter().map(|size| size.or(Some(1))).collect();
    for index in 0..count {
        let axis = match axes {
            Some(axes) => axis_in(*axes.get(index)?, rank)?,
            None => index,
        };
        let added = i128::from(*pads.get(index)?) + i128::from(*pads.get(index + count)?);
        let grown = |size: u64| u64::try_from(i128::from(size) + added).ok();
        let (size, least) = (shape.get_mut(axis)?, least.get_mut(axis)?);
        *least = size.map_or_else(|| grown(0).map(|added| added.max(1)), grown);
        *size = size.and_then(grown);
    }
    let known = if call.shape(0).is_some() {
        Known::shaped(shape, call.bits(0))
    } else {
        Known::default()
    };
    Some(Known {
        bits: call.bits(0),
        least_elements: elements(&least),
        ..known
    })
}

pub(super) fn one_hot(call: &Call<'_>) -> Option<Known> {
    let depth = match call.input(1)?.values.as_ref()? {
        Values::Integers(values) => u64::try_from(*values.first()?).ok()?,
        Values::Floats(values) => float_count(*values.first()?)?,
    };
    let Some(mut shape) = call.shape(0).cloned() else {
        return Some(Known::at_least(&[Some(depth)], call.bits(2)));
    };
    let axis = match call.integer_attribute("axis", -1) {
        -1 => shape.len(),
        axis => axis_in(axis, shape.len() + 1)?,
    };
    shape.insert(axis, Some(depth));
    Some(Known::shaped(shape, call.bits(2)))
}
