//! When a head does not answer, as nodes of a graph.
//!
//! What `hub predict` says, in operators that mean the same in every operator set from 7 on (`TopK` alone changed its
//! form, in 10).

use registry_schema::onnx::{AttributeValue, ElementType, attribute, node};

use super::nodes::lengths;
use super::parts::Parts;
use super::{LinearHead, OutputNames};
use crate::head::nearness::NEIGHBOURS;
use crate::head::transform::narrow;

/// The first operator set in which `TopK` takes its count as an input.
const TOP_K_INPUT_OPSET: i64 = 10;

/// `plausible`, bool `[batch, K]`: the classes that cannot be ruled out, the likeliest among them; none where all or no
/// class would be.
pub(super) fn plausible(head: &LinearHead<'_>, outputs: &OutputNames, parts: &mut Parts) {
    let classes = head.classes.len();
    let probabilities = outputs.probabilities.as_str();
    let axis = attribute("axis", AttributeValue::Integer(1));
    let best = parts.step_with("ArgMax", &[probabilities], &[axis]);
    let indices: Vec<i64> = (0_i64..).take(classes).collect();
    let indices = parts.integers(&[classes as u64], &indices);
    let Some(limits) = head.abstention.plausible_from else {
        // Too few images for a promise: the likeliest class.
        parts.output(&outputs.plausible, "Equal", &[&best, &indices], &[]);
        return;
    };
    let is_likeliest = parts.step("Equal", &[&best, &indices]);
    let limits = limits.iter().copied().map(ceiling);
    let limits = parts.floats("plausible_from", &[classes as u64], limits);
    let is_below = parts.step("Less", &[probabilities, &limits]);
    let is_within = parts.step("Not", &[&is_below]);
    let found = parts.step("Or", &[&is_within, &is_likeliest]);
    // Counts of true entries in each row.
    let column = std::iter::repeat_n(1.0, classes);
    let column = parts.floats("class_ones", &[classes as u64, 1], column);
    let within = parts.cast(&is_within, ElementType::Float32);
    let within = parts.step("MatMul", &[&within, &column]);
    let count = parts.cast(&found, ElementType::Float32);
    let count = parts.step("MatMul", &[&count, &column]);
    let none = parts.floats("not_no_class", &[1], std::iter::once(0.5));
    let is_any = parts.step("Less", &[&none, &within]);
    let most = std::iter::once(narrow(classes as f64 - 0.5));
    let most = parts.floats("not_all_classes", &[1], most);
    let is_not_all = parts.step("Less", &[&count, &most]);
    let is_told = parts.step("And", &[&is_any, &is_not_all]);
    parts.output(&outputs.plausible, "And", &[&found, &is_told], &[]);
}

/// `distance`, float32 `[batch]`, and `unlike`, bool `[batch]`, from transformed `rows`, where the head keeps
/// something to compare with.
pub(super) fn unlike(
    head: &LinearHead<'_>,
    rows: &str,
    opset: i64,
    outputs: &OutputNames,
    parts: &mut Parts,
) {
    let (Some(unlike), Some(names)) = (&head.abstention.unlike, &outputs.unlike) else {
        return;
    };
    let (count, dimension) = unlike.references.dim();
    let length = lengths(rows, dimension, "row_length", parts);
    let columns = unlike.references.t();
    let sides = [dimension as u64, count as u64];
    let columns = parts.floats("references", &sides, columns.iter().copied());
    let cosines = parts.step("MatMul", &[rows, &columns]);
    let cosines = parts.step("Div", &[&cosines, &length]);
    // The nearest are those with the largest cosines; their mean is a product.
    let nearest = count.min(NEIGHBOURS);
    let nearest_cosines = largest(&cosines, nearest, opset, parts);
    let shares = std::iter::repeat_n(narrow(1.0 / nearest as f64), nearest);
    let shares = parts.floats("shares", &[nearest as u64, 1], shares);
    let mean = parts.step("MatMul", &[&nearest_cosines, &shares]);
    let one = parts.floats("one", &[1], std::iter::once(1.0));
    let distance = parts.step("Sub", &[&one, &mean]);
    let flat = parts.integers(&[1], &[-1]);
    parts.output(&names.distance, "Reshape", &[&distance, &flat], &[]);
    let limit = parts.floats("unlike_above", &[1], std::iter::once(narrow(unlike.above)));
    parts.output(&names.unlike, "Less", &[&limit, &names.distance], &[]);
}

/// The `count` largest values of each row.
fn largest(rows: &str, count: usize, opset: i64, parts: &mut Parts) -> String {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let places = format!("{rows}_places");
    let values = format!("{rows}_largest");
    let outputs = [values.as_str(), places.as_str()];
    let top = if opset < TOP_K_INPUT_OPSET {
        let axis = attribute("axis", AttributeValue::Integer(1));
        let count = attribute("k", AttributeValue::Integer(count));
        node("TopK", &[rows], &outputs, &[axis, count])
    } else {
        let axis = attribute("axis", AttributeValue::Integer(1));
        let count = parts.integers(&[1], &[count]);
        node("TopK", &[rows, &count], &outputs, &[axis])
    };
    parts.push(top);
    values
}

/// The smallest float32 that is not below a number: `p ≥ ceiling(x)` and `p ≥ x` say the same of every float32 p.
fn ceiling(value: f64) -> f32 {
    let nearest = narrow(value);
    if f64::from(nearest) < value {
        nearest.next_up()
    } else {
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_is_the_next_number_that_is_not_below() {
        for value in [0.1, 0.25, 0.333_333, 1.0 - 1e-12, 0.7] {
            let found = ceiling(value);
            assert!(f64::from(found) >= value, "{value}");
            assert!(f64::from(found.next_down()) < value, "{value}");
        }
    }
}
