//! Why settings are not taken.

use std::path::PathBuf;

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The command line; also what `--help` prints.
    #[error(transparent)]
    Words(#[from] clap::Error),
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is wrong with a file of settings.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no TOML.
    #[error("`{path}` is no TOML: {source}")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// What the parser met.
        source: Box<toml::de::Error>,
    },
    /// No such option.
    #[error(
        "`{path}`, line {line}: there is no setting `{key}`{}",
        near.as_ref().map_or_else(String::new, |near| format!(": did you mean `{near}`?"))
    )]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// In which line.
        line: usize,
        /// What was written.
        key: String,
        /// What could be meant.
        near: Option<String>,
    },
    /// Not a value of that option.
    #[error("`{path}`, line {line}: `{key}`: {reason}")]
    Value {
        /// Which file.
        path: PathBuf,
        /// In which line.
        line: usize,
        /// Which setting.
        key: String,
        /// What is wrong.
        reason: String,
    },
}
