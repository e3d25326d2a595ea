use std::io;
use std::path::PathBuf;

use registry_schema::digest::Digest;
use registry_schema::reference::FeatureSpace;

use crate::files::FileError;

/// What can go wrong with heads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Labels, digests and features do not line up.
    #[error(
        "{features} rows of features, {images} digests and {labels} labels: there must be one of each per image"
    )]
    Lengths {
        /// Rows of features.
        features: usize,
        /// Digests.
        images: usize,
        /// Labels.
        labels: usize,
    },
    /// Fewer than two classes.
    #[error("a head tells classes apart: it needs at least two, and there {}", counted(*.classes))]
    TooFewClasses {
        /// How many there are.
        classes: usize,
    },
    /// More classes than a head takes.
    #[error(
        "a head tells up to {limit} classes apart, and there are {classes}: join some, or train a head for each group of them",
        limit = super::CLASSES
    )]
    TooManyClasses {
        /// How many there are.
        classes: usize,
    },
    /// A class without images.
    #[error("the class `{class}` has no image: label at least one, better five")]
    EmptyClass {
        /// The class.
        class: String,
    },
    /// A class name that cannot be used.
    #[error("the class name {name:?} cannot be used: it is {problem}")]
    ClassName {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A label that is no class.
    #[error("label {label} of image {row} is out of range: there are {classes} classes")]
    LabelOutOfRange {
        /// The image, counted from 0.
        row: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// One content, two labels.
    #[error(
        "the same image ({image}) is labelled `{first}` and `{second}`: correct one of the labels"
    )]
    Contradiction {
        /// SHA-256 of the image's bytes.
        image: Digest,
        /// One label.
        first: String,
        /// The other label.
        second: String,
    },
    /// NaN or infinity in features.
    #[error(
        "the features of image {row} (counted from 0) are not finite numbers: the extractor fails on it; leave it out"
    )]
    NotFinite {
        /// The image, counted from 0.
        row: usize,
    },
    /// Features without dimensions.
    #[error("the features have no dimensions")]
    NoDimensions,
    /// Labelled and unlabelled features of different lengths.
    #[error(
        "the labelled features have {labelled} dimensions and the unlabelled ones {unlabelled}: compute both with one release"
    )]
    Widths {
        /// Dimensions of the labelled ones.
        labelled: usize,
        /// Dimensions of the others.
        unlabelled: usize,
    },
    /// Ridge regression was not possible.
    #[error(transparent)]
    Ridge(#[from] super::solver::RidgeError),
    /// A setting out of its range.
    #[error("{setting} is {value}: it must be {range}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// Features of another feature space.
    #[error(
        "the head `{head}` works in the feature space {expected}, and these features are of {found}: vectors of two spaces mean different things; train a new head on {found}"
    )]
    OtherSpace {
        /// The head.
        head: String,
        /// Its space.
        expected: Box<FeatureSpace>,
        /// The features' space.
        found: Box<FeatureSpace>,
    },
    /// Features of an older release with fewer dimensions.
    #[error(
        "the head `{head}` needs {needed} dimensions, and these features have {found}: compute them with {extractor} or a newer release of that major version"
    )]
    TooFewDimensions {
        /// The head.
        head: String,
        /// Dimensions it was trained on.
        needed: usize,
        /// Dimensions there are.
        found: usize,
        /// The release it was trained with.
        extractor: String,
    },
    /// A label in a test set that the head does not know.
    #[error("the head `{head}` does not know the class `{class}`: it knows {}", list(.known))]
    UnknownClass {
        /// The head.
        head: String,
        /// The class.
        class: String,
        /// Its classes.
        known: Vec<String>,
    },
    /// A name that cannot be used.
    #[error(
        "`{name}` is no name for a head: use 1 to 64 lower-case letters, digits, `-` and `_`, beginning with a letter or digit"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// No such head.
    #[error("there is no head `{name}`{}", version_words(*.version))]
    NotFound {
        /// The name.
        name: String,
        /// The version asked for.
        version: Option<u32>,
    },
    /// Nothing to go back to.
    #[error(
        "the head `{name}` has no earlier version to go back to from version {version}: none before it can be read and differs"
    )]
    NothingEarlier {
        /// The name.
        name: String,
        /// The version in use.
        version: u32,
    },
    /// A release that is not newer.
    #[error("the head `{head}` is made for {current}, and {asked} is not newer")]
    NotNewer {
        /// The head.
        head: String,
        /// Its release.
        current: String,
        /// The one asked for.
        asked: String,
    },
    /// Too many versions.
    #[error(
        "the head `{name}` has {version} versions, which is the limit: remove it or choose another name"
    )]
    TooManyVersions {
        /// The name.
        name: String,
        /// The newest.
        version: u32,
    },
    /// Not a head file.
    #[error("this is no head file: it does not begin with `hub-head/`")]
    NotAHead,
    /// A format of the future.
    #[error(
        "this head was written by a newer hub in the format `{format}`, and this one reads `hub-head/1` to `hub-head/3`: upgrade the hub, or train the head again"
    )]
    NewerFormat {
        /// The format's name.
        format: String,
    },
    /// The checksum does not match.
    #[error(
        "this head file is damaged or was edited: its contents do not have the SHA-256 it states; restore it or train the head again"
    )]
    Damaged,
    /// The checksum matches but the contents make no sense.
    #[error("this head file is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// Larger than any head.
    #[error("the file of this head is larger than {limit_bytes} bytes, the most that is read")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// A file or folder could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What went wrong in one file.
    #[error("cannot load `{}`", .path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<HeadError>,
    },
    /// A head could not be written to the writer that was given.
    #[error("cannot write the head")]
    Write(#[source] io::Error),
    /// A head could not be read from the reader that was given.
    #[error("cannot read the head")]
    Read(#[source] io::Error),
}

fn counted(classes: usize) -> &'static str {
    if classes == 0 { "is none" } else { "is one" }
}

fn list(classes: &[String]) -> String {
    let shown: Vec<String> = classes
        .iter()
        .take(10)
        .map(|class| format!("`{class}`"))
        .collect();
    let more = if classes.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

fn version_words(version: Option<u32>) -> String {
    version
        .map(|version| format!(" version {version}"))
        .unwrap_or_default()
}
