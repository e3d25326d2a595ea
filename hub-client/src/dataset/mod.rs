//! Images in folders, and which class each belongs to.
//!
//! ```no_run
//! use hub_client::dataset::{ImageSet, LabelledImages};
//! let images = ImageSet::walk("holiday".as_ref())?;
//! for skipped in &images.skipped {
//!     eprintln!("{}: {}", skipped.path.display(), skipped.reason);
//! }
//! // holiday/beach/1.jpg, holiday/mountains/2.jpg, … or holiday/labels.csv with the columns path, label
//! let labelled = LabelledImages::from_folders(images)?;
//! assert_eq!(labelled.classes, ["beach", "mountains"]);
//! # Ok::<(), hub_client::dataset::DatasetError>(())
//! ```
//!
//! *What identifies an image?* The SHA-256 of its bytes, computed when it is read to be embedded. Paths
//! are for people: files may move.

mod error;
pub mod formats;
pub mod images;
mod journal;
mod known;
mod label_state;
pub mod labels;

pub use self::error::DatasetError;
pub use self::formats::{LabelFormat, Labelled, write_folders, write_labels};
pub use self::images::{ImageFile, ImageSet, SkipReason, Skipped};
pub use self::journal::{LabelJournal, Undone};
pub use self::known::{
    LabelSource, PartlyKnown, known_labels, known_labels_by, partly_known_labels,
};
pub use self::label_state::{Deed, JournalEntry, Known, LabelState, Mark, RandomCheck};
pub use self::labels::{ContentOf, LabelWarning, LabelledImage, LabelledImages};
