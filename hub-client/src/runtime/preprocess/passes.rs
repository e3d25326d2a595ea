//! The horizontal and the vertical pass, exact to the bit at the speed of 16-bit products.
//!
//! Weights have 22 fraction bits, too many for the processor's multiply-and-add of 16-bit numbers.
//! So each weight is split, `weight = high · 2¹² + low`, both halves are summed apart, and
//! `2¹² · Σ high·sample + Σ low·sample` is the sum of the whole, all modulo 2³².

use super::kernel::Kernel;
use super::lanes::{Block, LANES, Lanes, Sums, Work, round};

/// Bits of the lower half of a weight.
const LOW_BITS: i32 = 12;

/// Rows the horizontal pass works on at once: each weight is fetched once for all of them.
const ROWS: usize = 4;

/// Samples the vertical pass works on at once.
const STRIP: usize = 2 * LANES;

/// What the horizontal pass keeps from picture to picture.
#[derive(Default)]
pub(super) struct Scratch {
    lines: [Vec<i16>; ROWS],
    steps: Vec<Step>,
    targets: Vec<Target>,
    sums: [Vec<Sums>; ROWS],
}

/// The two halves of the weights of one block of samples.
struct Step {
    high: Block,
    low: Block,
}

/// One pixel of the result: where its samples begin, and which steps weigh them.
struct Target {
    start: usize,
    steps: std::ops::Range<usize>,
}

/// The horizontal pass over lines of `stride` samples, `C` of them a pixel.
pub(super) struct Across<'a, const C: usize> {
    pub(super) lines: &'a [u8],
    pub(super) stride: usize,
    pub(super) kernel: &'a Kernel,
    pub(super) scratch: &'a mut Scratch,
    pub(super) out: &'a mut [u8],
    pub(super) out_stride: usize,
}

impl<const C: usize> Work for Across<'_, C> {
    #[inline(always)]
    fn with(self, lanes: impl Lanes) {
        let Scratch {
            lines,
            steps,
            targets,
            sums,
        } = self.scratch;
        split::<C>(self.kernel, steps, targets);
        // A last group of fewer rows computes the others from what is left in their lines.
        for line in lines.iter_mut() {
            line.resize(spread_length::<C>(self.stride), 0);
        }
        for sums in sums.iter_mut() {
            sums.resize(targets.len(), Sums::default());
        }
        let groups = self.lines.chunks(ROWS * self.stride);
        for (group, out) in groups.zip(self.out.chunks_mut(ROWS * self.out_stride)) {
            for (line, samples) in lines.iter_mut().zip(group.chunks_exact(self.stride)) {
                spread::<C>(samples, line, lanes);
            }
            let lines = lines.each_ref().map(Vec::as_slice);
            let [first, second, third, fourth] = sums.each_mut().map(Vec::as_mut_slice);
            let places = first.iter_mut().zip(second).zip(third).zip(fourth);
            for (target, (((first, second), third), fourth)) in targets.iter().zip(places) {
                let steps = &steps[target.steps.clone()];
                [*first, *second, *third, *fourth] = weigh(lines, steps, target.start, lanes);
            }
            for (line, sums) in out.chunks_exact_mut(self.out_stride).zip(sums.iter()) {
                finish::<C>(sums, line, lanes);
            }
        }
    }
}

/// Splits the weights and lays them out as [`spread`] lays out the samples.
fn split<const C: usize>(kernel: &Kernel, steps: &mut Vec<Step>, targets: &mut Vec<Target>) {
    steps.clear();
    targets.clear();
    for (first, weights) in kernel.windows() {
        let (start, lead) = if C == 1 {
            (first, 0)
        } else {
            (8 * (first / 2), first % 2)
        };
        let begin = steps.len();
        let count = (place::<C>(lead + weights.len() - 1) + 1).div_ceil(LANES);
        steps.extend((0..count).map(|_| Step {
            high: [0; LANES],
            low: [0; LANES],
        }));
        for (at, &weight) in weights.iter().enumerate() {
            for channel in 0..C {
                let lane = place::<C>(lead + at) + 2 * channel;
                let step = &mut steps[begin + lane / LANES];
                (step.high[lane % LANES], step.low[lane % LANES]) = halves(weight);
            }
        }
        let steps = begin..steps.len();
        targets.push(Target { start, steps });
    }
}

/// Where the first sample of a pixel is in a spread line; its others are two places apart.
#[inline(always)]
fn place<const C: usize>(pixel: usize) -> usize {
    if C == 1 {
        pixel
    } else {
        8 * (pixel / 2) + pixel % 2
    }
}

/// Length of a spread line, with a block more, which only weights of 0 reach.
fn spread_length<const C: usize>(stride: usize) -> usize {
    place::<C>(stride / C) + 2 * LANES
}

/// Makes neighbours of the samples that are added: gray ones are already, of coloured ones two
/// pixels become `r r g g b b 0 0`.
#[inline(always)]
fn spread<const C: usize>(samples: &[u8], line: &mut [i16], lanes: impl Lanes) {
    if C == 1 {
        line.iter_mut()
            .zip(samples)
            .for_each(|(to, &from)| *to = i16::from(from));
        return;
    }
    // Sixteen bytes are read of which twelve are used, so the last pixels are done one by one.
    let whole = samples.len().saturating_sub(4) / 12;
    let blocks = line.as_chunks_mut::<LANES>().0;
    for (block, bytes) in blocks.iter_mut().zip(samples.windows(16).step_by(12)) {
        if let Some(bytes) = bytes.first_chunk() {
            *block = lanes.pair_pixels(bytes);
        }
    }
    for (pixel, samples) in samples
        .as_chunks::<3>()
        .0
        .iter()
        .enumerate()
        .skip(4 * whole)
    {
        for (channel, &sample) in samples.iter().enumerate() {
            line[place::<C>(pixel) + 2 * channel] = i16::from(sample);
        }
    }
}

/// The weighted sums of one pixel in each row.
#[inline(always)]
fn weigh(lines: [&[i16]; ROWS], steps: &[Step], start: usize, lanes: impl Lanes) -> [Sums; ROWS] {
    let length = steps.len() * LANES;
    let blocks = lines.map(|line| line[start..start + length].as_chunks::<LANES>().0);
    let (mut high, mut low) = ([Sums::default(); ROWS], [Sums::default(); ROWS]);
    let [first, second, third, fourth] = blocks.map(<[Block]>::iter);
    for ((((step, first), second), third), fourth) in
        steps.iter().zip(first).zip(second).zip(third).zip(fourth)
    {
        for (row, block) in [first, second, third, fourth].into_iter().enumerate() {
            high[row] = lanes.add_shifted::<0>(high[row], lanes.multiply_pairs(*block, step.high));
            low[row] = lanes.add_shifted::<0>(low[row], lanes.multiply_pairs(*block, step.low));
        }
    }
    std::array::from_fn(|row| lanes.add_shifted::<LOW_BITS>(low[row], high[row]))
}

/// Adds up the lanes of each channel, and rounds.
#[inline(always)]
fn finish<const C: usize>(sums: &[Sums], line: &mut [u8], lanes: impl Lanes) {
    for (pixel, sums) in line.as_chunks_mut::<C>().0.iter_mut().zip(sums) {
        if C == 1 {
            *pixel = [round(sums.iter().fold(0, |sum, lane| sum.wrapping_add(*lane))); C];
        } else {
            let four = lanes.finish_pixel(*sums);
            *pixel = std::array::from_fn(|channel| four[channel]);
        }
    }
}

/// The vertical pass over lines of `stride` samples, of which those from `start` on are kept: each
/// row of the result, `out_stride` samples, is a sum of rows.
pub(super) struct Down<'a> {
    pub(super) lines: &'a [u8],
    pub(super) stride: usize,
    pub(super) start: usize,
    pub(super) kernel: &'a Kernel,
    pub(super) out: &'a mut [u8],
    pub(super) out_stride: usize,
}

impl Work for Down<'_> {
    #[inline(always)]
    fn with(self, lanes: impl Lanes) {
        let mut pairs = Vec::new();
        for (row, (first, weights)) in self
            .out
            .chunks_exact_mut(self.out_stride)
            .zip(self.kernel.windows())
        {
            let lines = &self.lines[first * self.stride..(first + weights.len()) * self.stride];
            pairs.clear();
            pairs.extend(weights.chunks(2).map(pair_of_weights));
            let (strips, rest) = row.as_chunks_mut::<STRIP>();
            let kept = rest.len();
            for (at, strip) in strips.iter_mut().enumerate() {
                *strip = weigh_strip(lines, self.stride, self.start + at * STRIP, &pairs, lanes);
            }
            let begin = self.start + self.out_stride - kept;
            for (at, out) in rest.iter_mut().enumerate() {
                let column = lines.iter().skip(begin + at).step_by(self.stride);
                let products = column
                    .zip(weights)
                    .map(|(&s, &weight)| weight * i32::from(s));
                *out = round(products.sum());
            }
        }
    }
}

/// The weights of two lines, as [`Lanes::pair_lines`] lays out their samples.
#[inline(always)]
fn pair_of_weights(weights: &[i32]) -> Step {
    let of = |at: usize| halves(weights.get(at).copied().unwrap_or(0));
    let [upper, lower] = [of(0), of(1)];
    Step {
        high: std::array::from_fn(|at| if at % 2 == 0 { upper.0 } else { lower.0 }),
        low: std::array::from_fn(|at| if at % 2 == 0 { upper.1 } else { lower.1 }),
    }
}

/// One strip of a row.
#[inline(always)]
fn weigh_strip(
    lines: &[u8],
    stride: usize,
    at: usize,
    pairs: &[Step],
    lanes: impl Lanes,
) -> [u8; STRIP] {
    const NOTHING: [u8; STRIP] = [0; STRIP];
    let (mut high, mut low) = ([Sums::default(); 4], [Sums::default(); 4]);
    for (lines, step) in lines.chunks(2 * stride).zip(pairs) {
        let strip = |from: usize| lines.get(from..).and_then(<[u8]>::first_chunk::<STRIP>);
        // Behind the last line of an odd number comes one of no weight.
        let (upper, lower) = (strip(at), strip(stride + at));
        let (upper, lower) = (upper.unwrap_or(&NOTHING), lower.unwrap_or(&NOTHING));
        for half in 0..2 {
            let of = |strip: &[u8; STRIP]| strip.as_chunks::<LANES>().0[half];
            let blocks = lanes.pair_lines(&of(upper), &of(lower));
            for (part, block) in blocks.into_iter().enumerate() {
                let sum = 2 * half + part;
                high[sum] =
                    lanes.add_shifted::<0>(high[sum], lanes.multiply_pairs(block, step.high));
                low[sum] = lanes.add_shifted::<0>(low[sum], lanes.multiply_pairs(block, step.low));
            }
        }
    }
    let sums: [Sums; 4] =
        std::array::from_fn(|at| lanes.add_shifted::<LOW_BITS>(low[at], high[at]));
    std::array::from_fn(|at| round(sums[at / 8][at % 8]))
}

/// Weights are below 2 in absolute value: with 22 fraction bits their upper halves fit 13 bits.
fn halves(weight: i32) -> (i16, i16) {
    let (high, low) = (weight >> LOW_BITS, weight & ((1 << LOW_BITS) - 1));
    #[expect(clippy::cast_possible_truncation, reason = "13 and 12 bits")]
    let halves = (high as i16, low as i16);
    halves
}
