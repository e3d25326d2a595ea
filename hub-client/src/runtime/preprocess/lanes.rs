//! The three steps of resizing that decide its speed, in the processor's words where it has AVX2
//! and in plain ones elsewhere. Both give the same numbers: all of it is integer arithmetic.

use super::kernel::PRECISION;

/// Samples or half weights that are worked on together.
pub(super) const LANES: usize = 16;

/// [`LANES`] of them.
pub(super) type Block = [i16; LANES];

/// Sums of neighbouring products.
pub(super) type Sums = [i32; LANES / 2];

/// How blocks are multiplied and filled.
pub(super) trait Lanes: Copy {
    /// `left[2k]·right[2k] + left[2k+1]·right[2k+1]`
    fn multiply_pairs(self, left: Block, right: Block) -> Sums;

    /// `total + more · 2^SHIFT`, modulo 2³².
    fn add_shifted<const SHIFT: i32>(self, total: Sums, more: Sums) -> Sums;

    /// Adds the left four sums to the right four and makes samples of them: half of the last place
    /// is added, [`PRECISION`] bits are cut off, and what is outside of 0 to 255 is clamped.
    fn finish_pixel(self, sums: Sums) -> [u8; 4];

    /// Four pixels of three samples, the first 12 of these 16 bytes: of each two pixels
    /// `r r g g b b 0 0`, so that the samples of one channel are neighbours.
    fn pair_pixels(self, samples: &[u8; 16]) -> Block;

    /// The samples of two lines: `upper[0] lower[0] upper[1] lower[1] …`
    fn pair_lines(self, upper: &[u8; 16], lower: &[u8; 16]) -> [Block; 2];
}

/// Half of the last place, so that cutting the fraction off rounds.
const HALF: i32 = 1 << (PRECISION - 1);

/// From a sum of weighted samples to a sample.
#[inline(always)]
pub(super) fn round(sum: i32) -> u8 {
    let rounded = sum.wrapping_add(HALF) >> PRECISION;
    #[expect(clippy::cast_sign_loss, reason = "clamped")]
    let sample = rounded.clamp(0, 255) as u8;
    sample
}

/// Work that can be done with any [`Lanes`].
pub(super) trait Work {
    /// Does it. Inlined, so that it is compiled for the processor's instructions.
    fn with(self, lanes: impl Lanes);
}

/// Does `work` with what this processor has.
pub(super) fn run(arch: pulp::Arch, work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if let pulp::Arch::V3(simd) = arch {
        return simd.vectorize(
            #[inline(always)]
            || work.with(simd),
        );
    }
    arch.dispatch(
        #[inline(always)]
        || work.with(Plain),
    );
}

/// Loops, for any processor.
#[derive(Clone, Copy)]
struct Plain;

impl Lanes for Plain {
    #[inline(always)]
    fn multiply_pairs(self, left: Block, right: Block) -> Sums {
        let product = |at: usize| i32::from(left[at]) * i32::from(right[at]);
        std::array::from_fn(|at| product(2 * at).wrapping_add(product(2 * at + 1)))
    }

    #[inline(always)]
    fn add_shifted<const SHIFT: i32>(self, total: Sums, more: Sums) -> Sums {
        std::array::from_fn(|at| total[at].wrapping_add(more[at] << SHIFT))
    }

    #[inline(always)]
    fn finish_pixel(self, sums: Sums) -> [u8; 4] {
        std::array::from_fn(|at| round(sums[at].wrapping_add(sums[at + 4])))
    }

    #[inline(always)]
    fn pair_pixels(self, s: &[u8; 16]) -> Block {
        let left = [s[0], s[3], s[1], s[4], s[2], s[5], 0, 0];
        let right = [s[6], s[9], s[7], s[10], s[8], s[11], 0, 0];
        std::array::from_fn(|at| i16::from(if at < 8 { left[at] } else { right[at - 8] }))
    }

    #[inline(always)]
    fn pair_lines(self, upper: &[u8; 16], lower: &[u8; 16]) -> [Block; 2] {
        let lines = [upper, lower];
        std::array::from_fn(|half| {
            std::array::from_fn(|at| i16::from(lines[at % 2][8 * half + at / 2]))
        })
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V3 {
    #[inline(always)]
    fn multiply_pairs(self, left: Block, right: Block) -> Sums {
        pulp::cast(self.multiply_wrapping_add_adjacent_i16x16(pulp::cast(left), pulp::cast(right)))
    }

    #[inline(always)]
    fn add_shifted<const SHIFT: i32>(self, total: Sums, more: Sums) -> Sums {
        let shifted = self.avx2._mm256_slli_epi32::<SHIFT>(pulp::cast(more));
        pulp::cast(self.avx2._mm256_add_epi32(pulp::cast(total), shifted))
    }

    #[inline(always)]
    fn finish_pixel(self, sums: Sums) -> [u8; 4] {
        const SHIFT: i32 = PRECISION.cast_signed();
        let [left, right] = pulp::cast(sums);
        let sums = self.sse2._mm_add_epi32(left, right);
        let sums = self.sse2._mm_add_epi32(sums, pulp::cast([HALF; 4]));
        let sums = self.sse2._mm_srai_epi32::<SHIFT>(sums);
        // Both packings saturate.
        let words = self.sse2._mm_packs_epi32(sums, sums);
        let bytes: [[u8; 4]; 4] = pulp::cast(self.sse2._mm_packus_epi16(words, words));
        bytes[0]
    }

    #[inline(always)]
    fn pair_pixels(self, samples: &[u8; 16]) -> Block {
        // −1 gives 0, which is the upper byte of a sample.
        const ORDER: [[i8; 16]; 2] = [
            [0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1],
            [6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1],
        ];
        let twice = pulp::cast([*samples; 2]);
        pulp::cast(self.avx2._mm256_shuffle_epi8(twice, pulp::cast(ORDER)))
    }

    #[inline(always)]
    fn pair_lines(self, upper: &[u8; 16], lower: &[u8; 16]) -> [Block; 2] {
        let (upper, lower) = (pulp::cast(*upper), pulp::cast(*lower));
        let left = self.sse2._mm_unpacklo_epi8(upper, lower);
        let right = self.sse2._mm_unpackhi_epi8(upper, lower);
        [left, right].map(|bytes| pulp::cast(self.avx2._mm256_cvtepu8_epi16(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares one processor's way with the plain one.
    struct Compare;

    impl Work for Compare {
        fn with(self, lanes: impl Lanes) {
            let bytes: [u8; 16] =
                std::array::from_fn(|at| u8::try_from(255 - 13 * at).unwrap_or(7));
            let other = bytes.map(|byte| byte.wrapping_mul(31));
            let block: Block =
                std::array::from_fn(|at| i16::try_from(at * 1111).unwrap_or(0) - 9000);
            assert_eq!(
                lanes.multiply_pairs(block, lanes.pair_pixels(&bytes)),
                Plain.multiply_pairs(block, Plain.pair_pixels(&bytes))
            );
            let sums = Plain.multiply_pairs(block, block);
            assert_eq!(
                lanes.add_shifted::<12>(sums, sums),
                Plain.add_shifted::<12>(sums, sums)
            );
            for scale in [1, -77, 9_000, 1 << 24] {
                let sums = sums.map(|sum| sum.wrapping_mul(scale));
                assert_eq!(lanes.finish_pixel(sums), Plain.finish_pixel(sums));
            }
            assert_eq!(lanes.pair_pixels(&bytes), Plain.pair_pixels(&bytes));
            assert_eq!(
                lanes.pair_lines(&bytes, &other),
                Plain.pair_lines(&bytes, &other)
            );
        }
    }

    #[test]
    fn every_processor_computes_the_same() {
        run(pulp::Arch::new(), Compare);
        Compare.with(Plain);
    }
}
