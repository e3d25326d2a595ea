//! Why a payload is no statement.

use crate::limits;
use crate::manifest::ManifestError;
use crate::reference::ReferenceError;

/// Why a payload is no statement of ours.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not JSON, an unknown key, or a value of the wrong kind.
    #[error("the statement cannot be read")]
    Malformed {
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// Not an in-toto Statement v1.
    #[error("not an in-toto Statement v1")]
    Type,
    /// A kind of statement this program does not know.
    #[error("`{found}` is no kind of statement this program knows: update it")]
    PredicateType {
        /// What it says.
        found: String,
    },
    /// Another way to walk a folder, or ignored paths.
    #[error(
        "only the serialization `files` with `sha256`, no symlinks and no ignored paths is allowed"
    )]
    Serialization,
    /// The manifest and the resources list different files.
    #[error("the statement's resources and the manifest's `files` differ")]
    FilesDiffer,
    /// A digest of another kind.
    #[error("the digest of `{path}` is not SHA-256")]
    Algorithm {
        /// Which file.
        path: String,
    },
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Past [`limits::FILES`].
    #[error("{count} files, past the limit of {}", limits::FILES)]
    TooManyFiles {
        /// How many.
        count: usize,
    },
    /// Two paths that are one on some file systems.
    #[error("`{path}` differs from another file in upper and lower case only: rename one")]
    SameName {
        /// Which.
        path: String,
    },
    /// Past the limit of its kind.
    #[error("`{path}` has {size_bytes} bytes, past the limit of {limit}")]
    FileTooLarge {
        /// Which.
        path: String,
        /// Its size.
        size_bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Past [`limits::RELEASE_BYTES`].
    #[error(
        "the files have {size_bytes} bytes together, past the limit of {}",
        limits::RELEASE_BYTES
    )]
    TooLarge {
        /// Their sum.
        size_bytes: u64,
    },
    /// Resources out of order or twice.
    #[error("the statement's resources are not in order of their names")]
    NotSorted,
    /// A file every release has.
    #[error("`{path}` is missing: every release has one")]
    FileMissing {
        /// Which.
        path: &'static str,
    },
    /// Too few or too many probe images.
    #[error(
        "{count} probe images: put between {} and {} PNG pictures into `probes/`",
        limits::PROBES_MINIMUM,
        limits::PROBES
    )]
    Probes {
        /// How many.
        count: usize,
    },
    /// The subject is not the name, version and content of the predicate.
    #[error("the statement's subject does not fit its content")]
    Subject,
    /// Nothing, or too much.
    #[error("the {field} has {characters} characters: write 1 to {limit}")]
    Prose {
        /// Which field.
        field: &'static str,
        /// Its length.
        characters: usize,
        /// The most it may have.
        limit: usize,
    },
    /// Something a terminal would obey.
    #[error("the {field} holds a control character: remove it")]
    ControlCharacter {
        /// Which field.
        field: &'static str,
    },
    /// Numbers of statements start at 1.
    #[error("the {field} is 0: numbers of statements start at 1")]
    Number {
        /// Which field.
        field: &'static str,
    },
    /// No or too many classes.
    #[error(
        "{count} classes: an evaluation has 2 to {}",
        limits::EVALUATION_CLASSES
    )]
    Classes {
        /// How many.
        count: usize,
    },
    /// A class without images, twice, or with more right answers than images.
    #[error("the figures of class `{class}` cannot be: {problem}")]
    Class {
        /// Which class.
        class: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A figure that is not what the counts give, or out of its range.
    #[error("the {figure} of the evaluation cannot be: {found} instead of {expected}")]
    Figure {
        /// Which figure.
        figure: &'static str,
        /// What it says.
        found: String,
        /// What it has to be.
        expected: String,
    },
    /// The standard part of an evaluation contradicts ours.
    #[error("the `{field}` of the test result does not fit the evaluation in it")]
    TestResult {
        /// Which field.
        field: &'static str,
    },
    /// An evaluation compared with itself or another extractor's release of the same statement.
    #[error("an evaluation of a release cannot be compared with that release itself")]
    ComparedWithItself,
    /// A range that is empty, or does not hold the release the advisory is about.
    #[error("the affected versions of the advisory cannot be: {problem}")]
    Affected {
        /// What is wrong.
        problem: &'static str,
    },
    /// The version.
    #[error(transparent)]
    Version(#[from] ReferenceError),
}
