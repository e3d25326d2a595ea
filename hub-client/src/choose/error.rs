use crate::head::solver::RidgeError;

/// Why extractors cannot be measured on labelled images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// Features and labels do not line up.
    #[error("there are {rows} rows of features and {labels} labels")]
    Lengths {
        /// Rows of features.
        rows: usize,
        /// Labels.
        labels: usize,
    },
    /// A feature is no number.
    #[error("the features of image {row} (counted from 0) hold a number that is not finite")]
    NotFinite {
        /// Which row.
        row: usize,
    },
    /// Nothing can be held out.
    #[error(
        "a class has {images} of the labelled images: it takes two of each to measure anything"
    )]
    TooFew {
        /// Images of the smallest class.
        images: usize,
    },
    /// What is measured cannot be computed.
    #[error("heads on the labelled images cannot be compared")]
    Ridge(#[from] RidgeError),
    /// Nothing to tell apart.
    #[error("there is {classes} class: it takes two to measure anything")]
    TooFewClasses {
        /// How many there are.
        classes: usize,
    },
}
