/// What can go wrong with features that are to be explored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// A feature is no number.
    #[error("the features of image {row} (counted from 0) hold a number that is not finite")]
    NotFinite {
        /// Which row.
        row: usize,
    },
    /// Vectors of two lengths.
    #[error("vectors of {found} numbers cannot be compared with vectors of {expected}")]
    Dimension {
        /// What the others have.
        expected: usize,
        /// What these have.
        found: usize,
    },
    /// Too few images.
    #[error("{what} needs at least {needed} images, and there are {found}")]
    TooFew {
        /// What was asked for.
        what: &'static str,
        /// How many it takes.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// Features past what a covariance is computed of.
    #[error("features of {dimension} numbers are too long for this: it takes {most} at most")]
    TooLong {
        /// Their length.
        dimension: usize,
        /// The longest.
        most: usize,
    },
    /// Every image looks the same.
    #[error("all images have the same features: there is nothing to tell from them")]
    NoVariation,
    /// Lists that belong together and do not.
    #[error("there are {rows} rows of features and {found} {what}")]
    Lengths {
        /// Rows of features.
        rows: usize,
        /// Of what there is another number.
        what: &'static str,
        /// How many.
        found: usize,
    },
}
