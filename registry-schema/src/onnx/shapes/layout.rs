//! Shapes of operators that combine, cut and rearrange values.

use super::super::tensor::{MAX_KEPT_ELEMENTS, MAX_RANK, Values};
use super::rules::Call;
use super::{Known, Shape, elements};

/// An axis counted from the end when negative; `None` outside the rank.
pub(super) fn axis_in(axis: i64, rank: usize) -> Option<usize> {
    let rank_signed = i64::try_from(rank).ok()?;
    let axis = if axis < 0 {
        axis.checked_add(rank_signed)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// Multidirectional broadcasting of all inputs from `first` on.
pub(super) fn broadcast(call: &Call<'_>, first: usize, bits: u64) -> Option<Known> {
    let mut result = call.shape(first)?.clone();
    for index in first + 1..call.inputs.len() {
        result = broadcast_two(&result, call.shape(index)?);
    }
    Some(Known::shaped(result, bits))
}

/// Dimensions aligned at the end. One that is unknown beside one of a size above one has that size, or is one.
pub(super) fn broadcast_two(left: &[Option<u64>], right: &[Option<u64>]) -> Shape {
    let rank = left.len().max(right.len());
    let aligned = |shape: &[Option<u64>], index: usize| {
        index
            .checked_sub(rank - shape.len())
            .map_or(Some(1), |index| shape.get(index).copied().flatten())
    };
    let combine = |index| match (aligned(left, index), aligned(right, index)) {
        (Some(1), other) | (other, Some(1)) => other,
        (Some(size), _) | (_, Some(size)) => Some(size),
        (None, None) => None,
    };
    (0..rank).map(combine).collect()
}

/// Broadcasting, and the numbers themselves where both sides are small integer constants.
pub(super) fn arithmetic(call: &Call<'_>) -> Option<Known> {
    let mut known = broadcast(call, 0, call.bits(0))?;
    known.values = constant_arithmetic(call, known.shape.as_deref().unwrap_or_default());
    Some(known)
}

fn constant_arithmetic(call: &Call<'_>, shape: &[Option<u64>]) -> Option<Values> {
    let (left, right) = (call.integers(0)?, call.integers(1)?);
    let count = usize::try_from(elements(shape)).ok()?;
    if shape.len() > 1
        || count > 64
        || ![1, count].contains(&left.len())
        || ![1, count].contains(&right.len())
    {
        return None;
    }
    let at = |values: &[i64], index: usize| {
        values
            .get(if values.len() == 1 { 0 } else { index })
            .copied()
    };
    let operate = |index: usize| {
        let (left, right) = (at(left, index)?, at(right, index)?);
        match call.node.operator.as_str() {
            "Add" => left.checked_add(right),
            "Sub" => left.checked_sub(right),
            "Mul" => left.checked_mul(right),
            _ => left.checked_div(right),
        }
    };
    (0..count)
        .map(operate)
        .collect::<Option<Vec<i64>>>()
        .map(Values::Integers)
}

pub(super) fn matrix_product(call: &Call<'_>) -> Option<Known> {
    let (left, right) = (call.shape(0)?, call.shape(1)?);
    let shape = match (left.as_slice(), right.as_slice()) {
        ([], _) | (_, []) => return None,
        ([_], [_]) => vec![],
        ([_], [batch @ .., _, columns]) => batch.iter().chain([columns]).copied().collect(),
        ([batch @ .., _], [_]) => batch.to_vec(),
        ([left_batch @ .., rows, _], [right_batch @ .., _, columns]) => {
            let mut shape = broadcast_two(left_batch, right_batch);
            shape.extend([*rows, *columns]);
            shape
        }
    };
    Some(Known::shaped(shape, call.bits(0)))
}

pub(super) fn gemm(call: &Call<'_>) -> Option<Known> {
    let row = usize::from(call.integer_attribute("transA", 0) != 0);
    let column = usize::from(call.integer_attribute("transB", 0) == 0);
    let rows = call
        .shape(0)
        .and_then(|shape| shape.get(row).copied().flatten());
    let columns = call
        .shape(1)
        .and_then(|shape| shape.get(column).copied().flatten());
    Some(Known::shaped(vec![rows, columns], call.bits(0)))
}

pub(super) fn concat(call: &Call<'_>) -> Option<Known> {
    let mut shape = call.shape(0)?.clone();
    let axis = axis_in(call.integer_attribute("axis", 1), shape.len())?;
    let mut total = Some(0_u64);
    let mut values = Some(Vec::new());
    for index in 0..call.inputs.len() {
        let part = call.shape(index)?;
        if part.len() != shape.len() {
            return None;
        }
        total = total
            .zip(*part.get(axis)?)
            .and_then(|(total, size)| total.checked_add(size));
        for (size, other) in shape.iter_mut().zip(part) {
            *size = size.or(*other);
        }
        values = values
            .zip(call.integers(index))
            .and_then(|(mut values, more)| {
                values.extend_from_slice(more);
                (values.len() as u64 <= MAX_KEPT_ELEMENTS).then_some(values)
            });
    }
    let rank = shape.len();
    *shape.get_mut(axis)? = total;
    let values = values.filter(|_| rank == 1).map(Values::Integers);
    Some(Known::shaped(shape, call.bits(0)).with(values))
}

/// Known products stay known; a product with an unknown factor is unknown.
fn product(shape: &[Option<u64>]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1_u64, |product, size| product.checked_mul((*size)?))
}

pub(super) fn flatten(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let axis = call.integer_attribute("axis", 1);
    let axis = if axis == i64::try_from(shape.len()).ok()? {
        shape.len()
    } else {
        axis_in(axis, shape.len())?
    };
    let (head, tail) = shape.split_at(axis);
    Some(Known::shaped(
        vec![product(head), product(tail)],
        call.bits(0),
    ))
}

pub(super) fn reshape(call: &Call<'_>) -> Option<Known> {
    let wanted = call.integers(1).filter(|wanted| wanted.len() <= MAX_RANK)?;
    let input = call.shape(0);
    let keeps_zero = call.integer_attribute("allowzero", 0) != 0;
    let mut shape = Shape::new();
    for (index, &size) in wanted.iter().enumerate() {
        shape.push(match size {
            0 if keeps_zero => Some(0),
            0 => input.and_then(|input| input.get(index).copied().flatten()),
            _ => u64::try_from(size).ok(),
        });
    }
    // What is left open by one −1 follows from the number of elements, if that is known.
    if let (Some(total), Some(open)) = (
        input.and_then(|input| product(input)),
        wanted.iter().position(|&size| size == -1),
    ) {
        let others = shape
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != open)
            .map(|(_, size)| *size);
        let others = product(&others.collect::<Shape>());
        if let (Some(slot), Some(others)) =
            (shape.get_mut(open), others.filter(|&others| others > 0))
        {
            *slot = total.is_multiple_of(others).then(|| total / others);
        }
    }
    let values = call.input(0).and_then(|known| known.values.clone());
    Some(Known::shaped(shape, call.bits(0)).with(values))
}

pub(super) fn transpose(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let permuted: Option<Shape> = match call.integers_attribute("perm") {
        Some(order) if order.len() == shape.len() => order
            .iter()
            .map(|&axis| shape.get(axis_in(axis, shape.len())?).copied())
            .collect(),
        Some(_) => None,
        None => Some(shape.iter().rev().copied().collect()),
    };
    Some(Known::shaped(permuted?, call.bits(0)))
}

pub(super) fn squeeze(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let kept: Shape = match call.axes(1)? {
        Some(axes) => {
            let axes: Option<Vec<usize>> = axes
                .iter()
                .map(|&axis| axis_in(axis, shape.len()))
                .collect();
            let axes = axes?;
            shape
                .iter()
                .enumerate()
                .filter(|(index, _)| !axes.contains(index))
                .map(|(_, size)| *size)
                .collect()
        }
        // Which of the unknown dimensions are one cannot be told.
        None if shape.contains(&None) => return None,
        None => shape
            .iter()
            .copied()
            .filter(|size| *size != Some(1))
            .collect(),
    };
    let values = call.input(0).and_then(|known| known.values.clone());
    Some(Known::shaped(kept, call.bits(0)).with(values))
}

pub(super) fn unsqueeze(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let axes = call.axes(1)??;
    let rank = shape
        .len()
        .checked_add(axes.len())
        .filter(|&rank| rank <= MAX_RANK)?;
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| axis_in(axis, rank)).collect();
    let axes = axes?;
    let mut rest = shape.iter().copied();
    let grown = (0..rank)
        .map(|index| {
            if axes.contains(&index) {
                Some(1)
            } else {
                rest.next().flatten()
            }
        })
        .collect();
    let values = call.input(0).and_then(|known| known.values.clone());
    Some(Known::shaped(grown, call.bits(0)).with(values))
}

pub(super) fn gather(call: &Call<'_>) -> Option<Known> {
    let (data, indices) = (call.shape(0)?, call.shape(1)?);
    let axis = axis_in(call.integer_attribute("axis", 0), data.len())?;
    let (before, after) = data.split_at(axis);
    let shape: Shape = before
        .iter()
        .chain(indices)
        .chain(after.get(1..)?)
        .copied()
        .collect();
    let pick = || -> Option<Vec<i64>> {
        let values = call.integers(0).filter(|_| data.len() == 1)?;
        call.integers(1)?
            .iter()
            .map(|&index| values.get(axis_in(index, values.len())?).copied())
            .collect()
    };
    Some(Known::shaped(shape, call.bits(0)).with(pick().map(Values::Integers)))
}

/// One dimension's range of a slice.
struct Cut {
    axis: usize,
    start: i64,
    end: i64,
    step: i64,
}

pub(super) fn slice(call: &Call<'_>) -> Option<Known> {
    let mut shape = call.shape(0)?.clone();
    let cuts = cuts(call, shape.len());
    let Some(cuts) = cuts else {
        // Where it cuts is not known: no dimension is, only their number.
        return Some(Known::shaped(vec![None; shape.len()], call.bits(0)));
    };
    let mut values = call
        .integers(0)
        .filter(|_| shape.len() == 1)
        .map(<[i64]>::to_vec);
    for cut in cuts {
        let slot = shape.get_mut(cut.axis)?;
        *slot = slot.and_then(|size| cut.length(size));
        values = values.filter(|_| cut.step == 1).and_then(|values| {
            let size = i64::try_from(values.len()).ok()?;
            let at = |index: i64| {
                usize::try_from(
                    if index < 0 {
                        index.saturating_add(size)
                    } else {
                        index
                    }
                    .clamp(0, size),
                )
                .ok()
            };
            values
                .get(at(cut.start)?..at(cut.end)?)
                .map(<[i64]>::to_vec)
        });
    }
    Some(Known::shaped(shape, call.bits(0)).with(values.map(Values::Integers)))
}

fn cuts(call: &Call<'_>, rank: usize) -> Option<Vec<Cut>> {
    let (starts, ends) = if call.opset < 10 {
        (
            call.integers_attribute("starts")?,
            call.integers_attribute("ends")?,
        )
    } else {
        (call.integers(1)?, call.integers(2)?)
    };
    let axes: Vec<i64> = match call.axes(3)? {
        Some(axes) => axes.to_vec(),
        None => (0..i64::try_from(starts.len()).ok()?).collect(),
    };
    let steps = if call.is_absent(4) {
        vec![1; starts.len()]
    } else {
        call.integers(4)?.to_vec()
    };
    if starts.len() != ends.len() || starts.len() != axes.len() || starts.len() != steps.len() {
        return None;
    }
    let ranges = starts.iter().zip(ends).zip(axes.iter().zip(steps));
    ranges
        .map(|((&start, &end), (&axis, step))| {
            Some(Cut {
                axis: axis_in(axis, rank)?,
                start,
                end,
                step,
            })
        })
        .collect()
}

impl Cut {
    /// Elements left of `size`; `None` for steps back, which no feature network uses.
    fn length(&self, size: u64) -> Option<u64> {
        let step = u64::try_from(self.step).ok().filter(|&step| step > 0)?;
        let size = i64::try_from(size).ok()?;
        let at = |index: i64| {
            if index < 0 {
                index.saturating_add(size)
            } else {
                index
            }
            .clamp(0, size)
        };
        u64::try_from((at(self.end) - at(self.start)).max(0))
            .ok()
            .map(|length| length.div_ceil(step))
    }
}

/// A value's dimensions as a constant, when all are known and none is cut off by `start` and `end`.
pub(super) fn shape(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let rank = shape.len() as u64;
    if call.node.attribute("start").is_some() || call.node.attribute("end").is_some() {
        return Some(Known::shaped(vec![None], 64));
    }
    let sizes: Option<Vec<i64>> = shape
        .iter()
        .map(|size| i64::try_from((*size)?).ok())
        .collect();
    Some(sizes.map_or_else(|| Known::shaped(vec![Some(rank)], 64), Known::integers))
}

pub(super) fn reduce(call: &Call<'_>) -> Option<Known> {
    let shape = call.shape(0)?;
    let keeps = call.integer_attribute("keepdims", 1) != 0;
    let axes: Vec<usize> = match call.axes(1)? {
        Some(axes) if !axes.is_empty() => axes
            .iter()
            .map(|&axis| axis_in(axis, shape.len()))
            .collect::<Option<Vec<usize>>>()?,
        _ if call.integer_attribute("noop_with_empty_axes", 0) != 0 => {
            return Some(Known::shaped(shape.clone(), call.bits(0)));
        }
        _ => (0..shape.len()).collect(),
    };
    let reduced =
        shape
            .iter()
            .enumerate()
            .filter_map(|(index, &size)| match axes.contains(&index) {
                true if keeps => Some(Some(1)),
                true => None,
                false => Some(size),
            });
    Some(Known::shaped(reduced.collect(), call.bits(0)))
}
