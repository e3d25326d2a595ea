//! The weights of a resampling pass, by Pillow's definition.

use registry_schema::preprocess::Filter;

/// Fraction bits of a weight. 8 bits are for the result and 2 for kernels whose weights pass 1 or
/// go below 0, so that the sum of a pixel's products fits 32 bits.
pub(super) const PRECISION: u32 = 32 - 8 - 2;

/// One axis of a resize: `source` pixels become `target`, of which `length` from `start` are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) start: usize,
    pub(super) length: usize,
}

impl Axis {
    /// The kept pixels, when source and target are the same.
    pub(super) fn kept(self) -> std::ops::Range<usize> {
        self.start..self.start + self.length
    }

    /// Source pixels for one target pixel.
    pub(super) fn scale(self) -> f64 {
        self.source as f64 / self.target as f64
    }
}

/// For each kept target pixel, the source pixels it is made of and their weights.
pub(super) struct Kernel {
    /// First source pixel of each target pixel, and where its weights end in `weights`.
    windows: Vec<(usize, usize)>,
    weights: Vec<i32>,
}

impl Kernel {
    /// `None` for [`Filter::Nearest`], which weighs nothing.
    pub(super) fn new(filter: Filter, axis: Axis) -> Option<Self> {
        let (weight, support): (fn(f64) -> f64, f64) = match filter {
            Filter::Nearest => return None,
            Filter::Box => (box_weight, 0.5),
            Filter::Bilinear => (bilinear_weight, 1.0),
            Filter::Hamming => (hamming_weight, 1.0),
            Filter::Bicubic => (bicubic_weight, 2.0),
            Filter::Lanczos => (lanczos_weight, 3.0),
        };
        let scale = axis.scale();
        // Antialiasing: reducing stretches the kernel, enlarging does not shrink it.
        let stretch = scale.max(1.0);
        let (support, unstretch) = (support * stretch, 1.0 / stretch);
        let mut kernel = Self {
            windows: Vec::with_capacity(axis.length),
            weights: Vec::new(),
        };
        let mut window = Vec::new();
        for target in axis.kept() {
            let center = (target as f64 + 0.5) * scale;
            let first = rounded(center - support + 0.5, axis.source);
            let last = rounded(center + support + 0.5, axis.source);
            window.clear();
            window.extend((first..last).map(|at| weight((at as f64 - center + 0.5) * unstretch)));
            let sum: f64 = window.iter().sum();
            let scale = if sum == 0.0 { 1.0 } else { sum };
            kernel
                .weights
                .extend(window.iter().map(|&weight| fixed_point(weight / scale)));
            kernel.windows.push((first, kernel.weights.len()));
        }
        Some(kernel)
    }

    /// First source pixel and weights of each kept target pixel.
    pub(super) fn windows(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let mut start = 0;
        self.windows.iter().map(move |&(first, end)| {
            let weights = &self.weights[start..end];
            start = end;
            (first, weights)
        })
    }

    /// The source pixels that have weight anywhere.
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        let first = self.windows().map(|(first, _)| first).min().unwrap_or(0);
        let last = self
            .windows()
            .map(|(first, weights)| first + weights.len())
            .max()
            .unwrap_or(0);
        first..last
    }

    /// Shifts the windows to a source that begins at `first`.
    pub(super) fn shift(&mut self, first: usize) {
        self.windows
            .iter_mut()
            .for_each(|(start, _)| *start -= first);
    }
}

/// Towards zero, within `0..=most`.
fn rounded(position: f64, most: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=most"
    )]
    let rounded = position.clamp(0.0, most as f64) as usize;
    rounded
}

/// Half away from zero.
fn fixed_point(weight: f64) -> i32 {
    let half = if weight < 0.0 { -0.5 } else { 0.5 };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "weights are below 2, `PRECISION` is 22"
    )]
    let fixed = (weight * f64::from(1 << PRECISION) + half) as i32;
    fixed
}

fn box_weight(x: f64) -> f64 {
    if x > -0.5 && x <= 0.5 { 1.0 } else { 0.0 }
}

fn bilinear_weight(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

fn hamming_weight(x: f64) -> f64 {
    let x = x.abs();
    if x == 0.0 {
        return 1.0;
    }
    if x >= 1.0 {
        return 0.0;
    }
    let x = x * std::f64::consts::PI;
    // Pillow writes the two constants in single precision.
    x.sin() / x * (f64::from(0.54_f32) + f64::from(0.46_f32) * x.cos())
}

/// Keys' cubic with a = −0.5.
fn bicubic_weight(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn lanczos_weight(x: f64) -> f64 {
    if (-3.0..3.0).contains(&x) {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn weights_of_every_pixel_add_up_to_one() {
        let filters = [
            Filter::Box,
            Filter::Bilinear,
            Filter::Hamming,
            Filter::Bicubic,
            Filter::Lanczos,
        ];
        for filter in filters {
            for (source, target) in [(100, 7), (7, 100), (1, 5), (5, 1), (640, 224), (33, 33)] {
                let axis = Axis {
                    source,
                    target,
                    start: 0,
                    length: target,
                };
                let kernel = Kernel::new(filter, axis).unwrap();
                assert_eq!(kernel.windows().count(), target);
                for (first, weights) in kernel.windows() {
                    assert!(first + weights.len() <= source);
                    let error = weights.iter().sum::<i32>() - (1 << PRECISION);
                    assert!(
                        error.unsigned_abs() as usize <= weights.len(),
                        "{filter:?}: {error}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_crop_has_the_weights_of_the_whole() {
        let whole = Axis {
            source: 300,
            target: 71,
            start: 0,
            length: 71,
        };
        let part = Axis {
            start: 20,
            length: 30,
            ..whole
        };
        let whole = Kernel::new(Filter::Lanczos, whole).unwrap();
        let part = Kernel::new(Filter::Lanczos, part).unwrap();
        assert!(part.windows().eq(whole.windows().skip(20).take(30)));
    }
}
