//! Labels: the journal, and files of other programs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use hub_client::dataset::LabelSource;

use super::WriteArgs;

/// `hub labels`
#[derive(Debug, Subcommand)]
pub(crate) enum LabelsCommand {
    /// Take labels into a journal
    Import(LabelsImportArgs),
    /// Write the labels of a journal, or of any file of labels, in another format
    Export(LabelsExportArgs),
    /// Undo the last import that was not undone
    #[command(after_help = "\
Nothing is erased: the journal says that the import no longer counts.

Examples:
  hub labels undo labels.jsonl")]
    Undo {
        /// The journal
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
    },
    /// Count the labels of a journal
    #[command(
        after_help = "Examples:\n  hub labels show labels.jsonl\n  hub labels show labels.jsonl --json"
    )]
    Show {
        /// The journal
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
    },
}

/// `hub labels import`
#[derive(Debug, Args)]
#[command(after_help = "\
Reads CSV and JSON lines with path and label, COCO, FiftyOne's and Label Studio's JSON exports, and
folders as classes. The journal knows images by the SHA-256 of their bytes, so files may move. It is
only ever added to; a label that differs replaces the one before, and `hub labels undo` brings that
back. --labels of other commands reads the journal as it reads those files.

Examples:
  hub labels import label-studio.json --images scans/ --to labels.jsonl
  hub labels import folders --images sorted/ --to labels.jsonl
  hub next --extractor passport-extractor@2 --images scans/ --labels labels.jsonl")]
pub(crate) struct LabelsImportArgs {
    /// A file of labels, or `folders` when the first folder of each image is its class
    #[arg(value_name = "FROM")]
    pub(crate) from: LabelSource,
    /// The folder of the images
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// The journal, made when it is not there
    #[arg(long, value_name = "JOURNAL")]
    pub(crate) to: PathBuf,
}

/// `hub labels export`
#[derive(Debug, Args)]
#[command(after_help = "\
For FiftyOne it is the labels.json of an image classification dataset, whose folder data/ is the
folder of the images; for Label Studio, tasks for its local storage. `folders` copies the images
into a new folder, each into the folder of its class. A journal is never written over.

Examples:
  hub labels export labels.jsonl --images scans/ --format csv -o labels.csv
  hub labels export labels.jsonl --images scans/ --format label-studio -o tasks.json
  hub labels export labels.jsonl --images scans/ --format folders -o sorted/")]
pub(crate) struct LabelsExportArgs {
    /// The journal or another file of labels, or `folders`
    #[arg(value_name = "FROM")]
    pub(crate) from: LabelSource,
    /// The folder of the images
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    pub(crate) format: WriteFormat,
    /// Where to write it
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// How labels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WriteFormat {
    Csv,
    Jsonl,
    Coco,
    Fiftyone,
    LabelStudio,
    Folders,
}
