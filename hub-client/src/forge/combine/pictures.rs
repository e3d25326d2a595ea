//! One preprocessing for several extractors, and what is left for the graph to do before each.
//!
//! In the graph, on numbers: channels in another order, another normalisation, another layout, and a smaller size by
//! the part's own kernel. What decides which part of a picture is seen, or what it is laid over, cannot be done there.

use ndarray::Array2;
use registry_schema::preprocess::{Color, Filter, Input, Layout, Normalize, ResizeMode};

use super::super::ForgeError;
use crate::head::export::Parts;
use crate::runtime::preprocess::resize_matrix;

/// A factor or a sum this near to one or zero does nothing.
const NOTHING: f64 = 1e-9;

/// The preprocessing of the whole: that of the part with the largest pictures, in which no side is smaller than any
/// part's. Parts are given with what they are called.
///
/// # Errors
/// [`ForgeError::Preprocessing`] names the field that is in the way.
pub(super) fn common(parts: &[(String, &Input)], tensor: &str) -> Result<Input, ForgeError> {
    let largest = |side: fn(&Input) -> u32| parts.iter().map(|(_, input)| side(input)).max();
    let (width, height) = (largest(|one| one.width), largest(|one| one.height));
    let (width, height) = (width.unwrap_or(1), height.unwrap_or(1));
    let is_largest = |input: &Input| (input.width, input.height) == (width, height);
    let first = parts.iter().find(|(_, input)| is_largest(input));
    let Some((decides, base)) = first.or(parts.first()) else {
        return Err(ForgeError::Parts);
    };
    let whole = Input {
        tensor: tensor.to_owned(),
        width,
        height,
        layout: Layout::Nchw,
        ..(*base).clone()
    };
    for (name, input) in parts {
        if let Some((field, what)) = in_the_way(&whole, input) {
            return Err(ForgeError::Preprocessing {
                one: decides.clone(),
                other: name.clone(),
                field,
                what,
            });
        }
    }
    Ok(whole)
}

/// What of `part` cannot be had from a tensor of `whole`.
fn in_the_way(whole: &Input, part: &Input) -> Option<(&'static str, &'static str)> {
    let (size, own) = ((whole.width, whole.height), (part.width, part.height));
    let (resize, own_resize) = (&whole.resize, &part.resize);
    // Sides in the same proportion.
    let is_scaled = |one: (u32, u32), other: (u32, u32)| {
        u64::from(one.0) * u64::from(other.1) == u64::from(one.1) * u64::from(other.0)
    };
    let shortest = |input: &Input| input.resize.size.unwrap_or(input.width.max(input.height));
    if whole.exif_orientation != part.exif_orientation {
        Some((
            "exif_orientation",
            "one turns pictures as their camera says, the other does not",
        ))
    } else if whole.alpha != part.alpha {
        Some((
            "alpha",
            "transparent pixels are laid over different colours",
        ))
    } else if whole.channels() != part.channels() {
        Some(("color", "one sees colours, the other does not"))
    } else if resize.mode != own_resize.mode {
        Some((
            "resize.mode",
            "they see different parts of a picture, or another shape of it",
        ))
    } else if resize.mode != ResizeMode::Exact && !is_scaled(size, own) {
        Some(("width", "they see pictures of different shapes"))
    } else if resize.mode == ResizeMode::Letterbox && resize.pad != own_resize.pad {
        Some((
            "resize.pad",
            "bars around the picture have different colours",
        ))
    } else if resize.mode == ResizeMode::Shortest
        && !is_scaled((shortest(whole), whole.width), (shortest(part), part.width))
    {
        Some(("resize.size", "they cut off different margins"))
    } else if [resize.filter, own_resize.filter].contains(&Filter::Nearest)
        && resize.filter != own_resize.filter
    {
        Some((
            "resize.filter",
            "`nearest` takes single pixels, which no other kernel keeps",
        ))
    } else {
        None
    }
}

/// Appends the nodes that make what `part` reads of `pictures`, the tensor of `whole`; the name of it.
pub(super) fn prepared(whole: &Input, part: &Input, pictures: &str, parts: &mut Parts) -> String {
    let mut value = pictures.to_owned();
    let mut from = whole.normalize.clone();
    if is_turned(whole.color, part.color) {
        let order = parts.integers(&[3], &[2, 1, 0]);
        value = parts.gather(&value, &order, 1);
        from.mean.reverse();
        from.std.reverse();
    }
    value = normalised(&from, &part.normalize, &value, parts);
    // Means over places and changes of numbers channel by channel may go in any order.
    if whole.width != part.width {
        let across = resize_matrix(part.resize.filter, whole.width, part.width);
        let across = matrix("across", across.t().to_owned(), parts);
        value = parts.step("MatMul", &[&value, &across]);
    }
    if whole.height != part.height {
        let down = resize_matrix(part.resize.filter, whole.height, part.height);
        let down = matrix("down", down, parts);
        value = parts.step("MatMul", &[&down, &value]);
    }
    if part.layout == Layout::Nhwc {
        value = parts.transpose(&value, &[0, 2, 3, 1]);
    }
    value
}

fn is_turned(one: Color, other: Color) -> bool {
    matches!(
        (one, other),
        (Color::Rgb, Color::Bgr) | (Color::Bgr, Color::Rgb)
    )
}

fn matrix(name: &str, values: Array2<f32>, parts: &mut Parts) -> String {
    let (rows, columns) = values.dim();
    parts.floats(name, &[rows as u64, columns as u64], values.iter().copied())
}

/// From the numbers of one normalisation to those of another: `x · factor + offset`, channel by channel.
fn normalised(from: &Normalize, to: &Normalize, value: &str, parts: &mut Parts) -> String {
    let per_sample = to.scale / from.scale;
    let both = from
        .mean
        .iter()
        .zip(&from.std)
        .zip(to.mean.iter().zip(&to.std));
    let (mut factors, mut offsets) = (Vec::new(), Vec::new());
    for ((mean, std), (own_mean, own_std)) in both {
        factors.push(std * per_sample / own_std);
        offsets.push((mean * per_sample - own_mean) / own_std);
    }
    let sides = [factors.len() as u64, 1, 1];
    let mut value = value.to_owned();
    if factors.iter().any(|factor| (factor - 1.0).abs() > NOTHING) {
        let factors = parts.floats("factors", &sides, factors.iter().map(|&one| narrow(one)));
        value = parts.step("Mul", &[&value, &factors]);
    }
    if offsets.iter().any(|offset| offset.abs() > NOTHING) {
        let offsets = parts.floats("offsets", &sides, offsets.iter().map(|&one| narrow(one)));
        value = parts.step("Add", &[&value, &offsets]);
    }
    value
}

#[expect(clippy::cast_possible_truncation, reason = "graphs hold float32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use registry_schema::preprocess::{Background, Resize};

    fn input(width: u32, height: u32, resize: Resize) -> Input {
        Input {
            tensor: "x".to_owned(),
            width,
            height,
            layout: Layout::Nhwc,
            color: Color::Rgb,
            exif_orientation: true,
            alpha: Background::default(),
            resize,
            normalize: Normalize {
                scale: 1.0 / 255.0,
                mean: vec![0.5; 3],
                std: vec![0.5; 3],
            },
        }
    }

    fn field(one: &Input, other: &Input) -> Option<&'static str> {
        let parts = [("a@1.0.0".to_owned(), one), ("b@1.0.0".to_owned(), other)];
        match common(&parts, "pictures") {
            Ok(_) => None,
            Err(ForgeError::Preprocessing { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn the_whole_is_as_large_as_the_largest_side_of_any() {
        let (one, other) = (
            input(224, 224, Resize::default()),
            input(320, 48, Resize::default()),
        );
        let parts = [("a@1.0.0".to_owned(), &one), ("b@1.0.0".to_owned(), &other)];
        let whole = common(&parts, "pictures").unwrap();
        assert_eq!(
            (whole.width, whole.height, whole.layout),
            (320, 224, Layout::Nchw)
        );
        assert_eq!(whole.tensor, "pictures");
    }

    #[test]
    fn what_cannot_be_done_on_numbers_is_in_the_way() {
        let exact = input(224, 224, Resize::default());
        assert_eq!(field(&exact, &exact), None);
        let mut other = exact.clone();
        other.alpha = Background([0, 0, 0]);
        assert_eq!(field(&exact, &other), Some("alpha"));
        let mut other = exact.clone();
        other.color = Color::Bgr;
        assert_eq!(field(&exact, &other), None);
        other.color = Color::Gray;
        other.normalize = Normalize {
            scale: 1.0,
            mean: vec![0.0],
            std: vec![1.0],
        };
        assert_eq!(field(&exact, &other), Some("color"));
        let shortest = |side, size| {
            let mode = ResizeMode::Shortest;
            input(
                side,
                side,
                Resize {
                    mode,
                    size: Some(size),
                    ..Resize::default()
                },
            )
        };
        assert_eq!(field(&exact, &shortest(224, 256)), Some("resize.mode"));
        assert_eq!(field(&shortest(224, 256), &shortest(112, 128)), None);
        assert_eq!(
            field(&shortest(224, 256), &shortest(224, 224)),
            Some("resize.size")
        );
        let nearest = Resize {
            filter: Filter::Nearest,
            ..Resize::default()
        };
        assert_eq!(
            field(&exact, &input(224, 224, nearest)),
            Some("resize.filter")
        );
    }

    #[test]
    fn one_normalisation_becomes_another() {
        let from = Normalize {
            scale: 1.0 / 255.0,
            mean: vec![0.4, 0.5, 0.6],
            std: vec![0.2, 0.25, 0.3],
        };
        let mut parts = Parts::new("p");
        assert_eq!(normalised(&from, &from, "x", &mut parts), "x");
        let plain = Normalize {
            scale: 1.0,
            mean: vec![0.0; 3],
            std: vec![1.0; 3],
        };
        assert_ne!(normalised(&from, &plain, "x", &mut parts), "x");
    }
}
