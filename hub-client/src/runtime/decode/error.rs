//! What can be wrong with a picture file.

use image::{ImageError, ImageFormat};

use super::format::words;

/// Why a file did not become a picture.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file system said no.
    #[error("cannot read {name}")]
    Read {
        /// The file.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing in it.
    #[error("{name} is empty")]
    Empty {
        /// The file.
        name: String,
    },
    /// Past the limit of bytes.
    #[error("{name} is larger than {limit} bytes")]
    FileTooLarge {
        /// The file.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// The first bytes are those of no picture format.
    #[error("{name} is not an image (its first bytes are those of no known picture format)")]
    NotAnImage {
        /// The file.
        name: String,
    },
    /// A known format, or a variant of one, that is not decoded.
    #[error("{name} is {what}, which is not supported: convert it to PNG or JPEG")]
    Unsupported {
        /// The file.
        name: String,
        /// What it is.
        what: String,
    },
    /// Past the limit of pixels; nothing was allocated.
    #[error("{name} has {width}×{height} pixels, more than the limit of {limit}")]
    TooManyPixels {
        /// The file.
        name: String,
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// The limit.
        limit: u64,
    },
    /// Past the limit of a side; nothing was allocated.
    #[error("{name} has {width}×{height} pixels, more than {limit} on a side")]
    TooLong {
        /// The file.
        name: String,
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// The limit.
        limit: u32,
    },
    /// The file ends before the picture does.
    #[error("{name} is truncated: the {format} data ends too early")]
    Truncated {
        /// The file.
        name: String,
        /// Its format.
        format: &'static str,
    },
    /// The file contradicts its format.
    #[error("{name} is not a sound {format} file: {reason}")]
    Corrupt {
        /// The file.
        name: String,
        /// Its format.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
}

impl DecodeError {
    pub(super) fn from_image(name: &str, format: ImageFormat, error: ImageError) -> Self {
        let name = name.to_owned();
        if ends_early(&error) {
            return Self::Truncated {
                name,
                format: words(format),
            };
        }
        match error {
            ImageError::Unsupported(error) => Self::Unsupported {
                name,
                what: format!("{} ({error})", words(format)),
            },
            error => Self::Corrupt {
                name,
                format: words(format),
                reason: error.to_string(),
            },
        }
    }
}

/// Whether the end of the bytes is at the bottom of this error.
fn ends_early(error: &ImageError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = error.source();
    }
    // Some decoders keep only the words.
    let text = error.to_string().to_lowercase();
    [
        "unexpected end",
        "unexpected eof",
        "end of file",
        "not enough bytes",
        "no more bytes",
        "failed to fill whole buffer",
    ]
    .iter()
    .any(|words| text.contains(words))
}
