use crate::limits;

/// What is wrong with a preprocessing section.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PreprocessError {
    /// A side of zero or past the limit.
    #[error(
        "`{field}` is {value}: it must be between 1 and {}",
        limits::INPUT_SIDE
    )]
    Side {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: u32,
    },
    /// `size` belongs to `shortest` alone.
    #[error(
        "`input.resize.size` is {size} but the mode is not `shortest`: remove it or change the mode"
    )]
    SizeWithoutShortest {
        /// What it holds.
        size: u32,
    },
    /// The crop would reach outside the resized picture.
    #[error(
        "`input.resize.size` is {size}: it must be at least the tensor's longer side ({width}×{height}) and at most {}",
        limits::INPUT_SIDE
    )]
    ShortestTooSmall {
        /// What it holds.
        size: u32,
        /// Tensor width.
        width: u32,
        /// Tensor height.
        height: u32,
    },
    /// The graph's input must be named.
    #[error("`input.tensor` is empty: name the graph's input")]
    EmptyTensor,
    /// A list of the wrong length.
    #[error("`input.normalize.{field}` has {found} values for {channels} channels")]
    Channels {
        /// Which list.
        field: &'static str,
        /// Its length.
        found: usize,
        /// Channels of the tensor.
        channels: u32,
    },
    /// Zero, infinite or not a number.
    #[error("`input.normalize.{field}` must be finite (and `scale` not zero)")]
    NotFinite {
        /// Which field.
        field: &'static str,
    },
    /// A deviation of zero or below.
    #[error("`input.normalize.std` must be above zero")]
    NotPositive,
    /// Not `#rrggbb`.
    #[error("`{text}` is not a colour: write `#rrggbb`, such as `#ffffff`")]
    Color {
        /// What was read.
        text: String,
    },
}
