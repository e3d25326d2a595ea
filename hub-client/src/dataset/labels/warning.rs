//! What is allowed in labels but worth knowing.

use std::fmt;

/// Something that is allowed but worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelWarning {
    /// A class has a single image, so nothing of it can be held out to measure a head.
    OneImage {
        /// The class.
        class: String,
    },
    /// A folder of a class holds no image.
    EmptyFolder {
        /// The class.
        class: String,
    },
    /// Images lie beside the folders of the classes and are left out.
    OutsideFolders {
        /// How many.
        count: usize,
        /// One of them.
        example: String,
    },
    /// Images are not mentioned in the file of labels and are left out.
    NotMentioned {
        /// How many.
        count: usize,
        /// One of them.
        example: String,
    },
    /// An image is there twice with the same label.
    Repeated {
        /// The image as written the second time.
        path: String,
        /// The lines.
        lines: [u64; 2],
    },
}

impl fmt::Display for LabelWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = |count: &usize| if *count == 1 { "image" } else { "images" };
        match self {
            Self::OneImage { class } => {
                write!(
                    f,
                    "`{class}` has one image: with a second one, how good the head is can be measured"
                )
            }
            Self::EmptyFolder { class } => {
                write!(f, "the folder `{class}` holds no image and is no class")
            }
            Self::OutsideFolders { count, example } => {
                write!(
                    f,
                    "{count} {} outside the folders of the classes left out, such as `{example}`",
                    images(count)
                )
            }
            Self::NotMentioned { count, example } => {
                write!(
                    f,
                    "{count} {} without a label left out, such as `{example}`",
                    images(count)
                )
            }
            Self::Repeated {
                path,
                lines: [first, second],
            } => {
                write!(
                    f,
                    "`{path}` is there twice with the same label, on lines {first} and {second}"
                )
            }
        }
    }
}
