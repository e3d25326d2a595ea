//! The weights of a resampling pass, by Pillow's definition, as a matrix.

use std::f64::consts::PI;

use registry_schema::onnx::ElementType;
use registry_schema::preprocess::Filter;

use super::super::parts::Parts;
use super::axis::Axis;

/// Fraction bits of a weight.
pub(super) const PRECISION: u32 = 22;

/// Weights in units of 2⁻²², whole numbers in float64: `[axis.length, source]`. Rows of bars are zero.
pub(super) fn weights(filter: Filter, axis: &Axis, parts: &mut Parts) -> String {
    let window = Window::new(filter, axis, parts);
    let weight = weight(filter, &window.position, parts);
    let zero = parts.number(0.0);
    let weight = parts.step("Where", &[&window.is_inside, &weight, &zero]);
    // A window's weights add up to one.
    let one = parts.number(1.0);
    let sides = parts.integers(&[1], &[1]);
    let sides = parts.concat(&[&axis.source, &sides]);
    let ones = parts.step("Expand", &[&one, &sides]);
    let sum = parts.step("MatMul", &[&weight, &ones]);
    let is_zero = parts.step("Equal", &[&sum, &zero]);
    let sum = parts.step("Where", &[&is_zero, &one, &sum]);
    let share = parts.step("Div", &[&weight, &sum]);
    whole(&share, parts)
}

/// Half away from zero, in units of 2⁻²².
fn whole(share: &str, parts: &mut Parts) -> String {
    let unit = parts.number(f64::from(1 << PRECISION));
    let scaled = parts.step("Mul", &[share, &unit]);
    let zero = parts.number(0.0);
    let is_negative = parts.step("Less", &[&scaled, &zero]);
    let half = parts.number(0.5);
    let above = parts.step("Add", &[&scaled, &half]);
    let above = parts.step("Floor", &[&above]);
    let below = parts.step("Sub", &[&scaled, &half]);
    let below = parts.step("Ceil", &[&below]);
    parts.step("Where", &[&is_negative, &below, &above])
}

/// Where source pixels lie in the windows of target pixels.
struct Window {
    /// In units of the kernel, float64 `[length, source]`.
    position: String,
    /// Bool `[length, source]`.
    is_inside: String,
}

impl Window {
    fn new(filter: Filter, axis: &Axis, parts: &mut Parts) -> Self {
        let half = parts.number(0.5);
        let one = parts.number(1.0);
        let zero = parts.number(0.0);
        let source = parts.cast(&axis.source, ElementType::Float64);
        let scale = scale(axis, parts);
        // Antialiasing: reducing stretches the kernel, enlarging does not shrink it.
        let enlarges = parts.step("Less", &[&scale, &one]);
        let stretch = parts.step("Where", &[&enlarges, &one, &scale]);
        let support = parts.number(support(filter));
        let reach = parts.step("Mul", &[&support, &stretch]);
        let unstretch = parts.step("Div", &[&one, &stretch]);
        let places = axis.places(parts);
        let places = parts.reshape(&places, &[-1, 1]);
        let places = parts.cast(&places, ElementType::Float64);
        let places = parts.step("Add", &[&places, &half]);
        let center = parts.step("Mul", &[&places, &scale]);
        let mut bound = |side: &str| {
            let edge = parts.step(side, &[&center, &reach]);
            let edge = parts.step("Add", &[&edge, &half]);
            let is_low = parts.step("Less", &[&edge, &zero]);
            let edge = parts.step("Where", &[&is_low, &zero, &edge]);
            let is_high = parts.step("Less", &[&source, &edge]);
            let edge = parts.step("Where", &[&is_high, &source, &edge]);
            parts.step("Floor", &[&edge])
        };
        let (first, last) = (bound("Sub"), bound("Add"));
        let count = parts.reshape(&source, &[]);
        let pixels = parts.step("Range", &[&zero, &count, &one]);
        let offset = parts.step("Sub", &[&pixels, &center]);
        let offset = parts.step("Add", &[&offset, &half]);
        let position = parts.step("Mul", &[&offset, &unstretch]);
        let is_before = parts.step("Less", &[&pixels, &first]);
        let is_not_before = parts.step("Not", &[&is_before]);
        let is_not_after = parts.step("Less", &[&pixels, &last]);
        let is_inside = parts.step("And", &[&is_not_before, &is_not_after]);
        Self {
            position,
            is_inside,
        }
    }
}

/// Source pixels for one target pixel, float64 of shape `[1]`.
pub(super) fn scale(axis: &Axis, parts: &mut Parts) -> String {
    let source = parts.cast(&axis.source, ElementType::Float64);
    let target = parts.cast(&axis.target, ElementType::Float64);
    parts.step("Div", &[&source, &target])
}

/// How far a kernel reaches to each side.
fn support(filter: Filter) -> f64 {
    match filter {
        Filter::Nearest => 0.0,
        Filter::Box => 0.5,
        Filter::Bilinear | Filter::Hamming => 1.0,
        Filter::Bicubic => 2.0,
        Filter::Lanczos => 3.0,
    }
}

/// The kernel at `x`, float64.
fn weight(filter: Filter, x: &str, parts: &mut Parts) -> String {
    let distance = parts.step("Abs", &[x]);
    let within = |limit: f64, value: &str, parts: &mut Parts| {
        let limit = parts.number(limit);
        let is_within = parts.step("Less", &[&distance, &limit]);
        let zero = parts.number(0.0);
        parts.step("Where", &[&is_within, value, &zero])
    };
    match filter {
        // It weighs nothing; positions are looked up.
        Filter::Nearest => parts.number(0.0),
        Filter::Box => boxed(x, parts),
        Filter::Bilinear => {
            let one = parts.number(1.0);
            let falling = parts.step("Sub", &[&one, &distance]);
            within(1.0, &falling, parts)
        }
        Filter::Hamming => {
            let bell = hamming(&distance, parts);
            within(1.0, &bell, parts)
        }
        Filter::Bicubic => {
            let far = bicubic_far(&distance, parts);
            let far = within(2.0, &far, parts);
            let near = bicubic_near(&distance, parts);
            let limit = parts.number(1.0);
            let is_near = parts.step("Less", &[&distance, &limit]);
            parts.step("Where", &[&is_near, &near, &far])
        }
        Filter::Lanczos => {
            let lobes = sinc(x, parts);
            let three = parts.number(3.0);
            let third = parts.step("Div", &[x, &three]);
            let window = sinc(&third, parts);
            let product = parts.step("Mul", &[&lobes, &window]);
            within(3.0, &product, parts)
        }
    }
}

/// 1 for −0.5 < x ≤ 0.5, else 0.
fn boxed(x: &str, parts: &mut Parts) -> String {
    let (low, high) = (parts.number(-0.5), parts.number(0.5));
    let is_above = parts.step("Less", &[&low, x]);
    let is_past = parts.step("Less", &[&high, x]);
    let is_not_past = parts.step("Not", &[&is_past]);
    let is_inside = parts.step("And", &[&is_above, &is_not_past]);
    parts.cast(&is_inside, ElementType::Float64)
}

/// `sinc(x) · (0.54 + 0.46 cos πx)`; Pillow writes the two constants in single precision.
fn hamming(x: &str, parts: &mut Parts) -> String {
    let pi = parts.number(PI);
    let angle = parts.step("Mul", &[x, &pi]);
    let cosine = parts.step("Cos", &[&angle]);
    let factor = parts.number(f64::from(0.46_f32));
    let product = parts.step("Mul", &[&cosine, &factor]);
    let constant = parts.number(f64::from(0.54_f32));
    let window = parts.step("Add", &[&product, &constant]);
    let lobes = sinc(x, parts);
    parts.step("Mul", &[&lobes, &window])
}

/// Keys' cubic with a = −0.5 for x < 1: `((a + 2) x − (a + 3)) x² + 1`.
fn bicubic_near(x: &str, parts: &mut Parts) -> String {
    polynomial(x, &[1.5, -2.5, 0.0, 1.0], parts)
}

/// The same for 1 ≤ x < 2: `(((x − 5) x + 8) x − 4) a`.
fn bicubic_far(x: &str, parts: &mut Parts) -> String {
    let sum = polynomial(x, &[1.0, -5.0, 8.0, -4.0], parts);
    let a = parts.number(-0.5);
    parts.step("Mul", &[&sum, &a])
}

/// By Horner's rule, the highest power first.
fn polynomial(x: &str, factors: &[f64], parts: &mut Parts) -> String {
    let (first, others) = factors.split_first().unwrap_or((&0.0, &[]));
    let mut sum = parts.number(*first);
    for &factor in others {
        let product = parts.step("Mul", &[&sum, x]);
        let factor = parts.number(factor);
        sum = parts.step("Add", &[&product, &factor]);
    }
    sum
}

/// `sin πx / πx`, and 1 at zero.
fn sinc(x: &str, parts: &mut Parts) -> String {
    let (zero, one, pi) = (parts.number(0.0), parts.number(1.0), parts.number(PI));
    let is_zero = parts.step("Equal", &[x, &zero]);
    let angle = parts.step("Mul", &[x, &pi]);
    let divisor = parts.step("Where", &[&is_zero, &one, &angle]);
    let sine = parts.step("Sin", &[&angle]);
    let quotient = parts.step("Div", &[&sine, &divisor]);
    parts.step("Where", &[&is_zero, &one, &quotient])
}
