//! What became of a head, version by version.

use std::path::PathBuf;

use clap::Args;
use hub_client::head::HeadName;
use registry_schema::reference::Reference;

use super::RunArgs;

/// `hub head history`
#[derive(Debug, Args)]
#[command(after_help = "\
The newest version is the one in use. Labels are compared by the content of the images, so files may
have moved. A version that cannot be read is shown as damaged, and the others as they are.

Examples:
  hub head history border-check
  hub head history border-check --json")]
pub(crate) struct HistoryArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
}

/// `hub head rollback`
#[derive(Debug, Args)]
#[command(after_help = "\
The earlier version is saved again as the newest; nothing is removed, and going back can be undone
the same way. Without --to it is the last one before what is in use that can be read and differs, so
that a second rollback goes one further back.

Examples:
  hub head rollback border-check
  hub head rollback border-check --to 2")]
pub(crate) struct RollbackArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// The version to bring back
    #[arg(long, value_name = "N")]
    pub(crate) to: Option<u32>,
}

/// `hub head diff`
#[derive(Debug, Args)]
#[command(after_help = "\
Answers are compared on the images of --images, else on the labelled images whose features are in the
cache. Each version answers with its own release; when that is not installed, with a newer one of the
same feature space.

Examples:
  hub head diff border-check
  hub head diff border-check --from 1 --to 3 --images labelled/
  hub head diff border-check --images incoming/ --json")]
pub(crate) struct DiffArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// The first version; the one before the second when absent
    #[arg(long, value_name = "A")]
    pub(crate) from: Option<u32>,
    /// The second version; the newest when absent
    #[arg(long, value_name = "B")]
    pub(crate) to: Option<u32>,
    /// A folder of images, labelled or not, to compare answers on
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `hub head upgrade`
#[derive(Debug, Args)]
#[command(after_help = "\
A newer release of the same feature space (2.1 → 2.2): the head keeps its weights; both releases are
run on the labelled images, and what changes is shown. Another feature space (2.2 → 3.0): the head is
learnt anew from the recorded labels with the recorded settings, and both are shown side by side,
image by image, each held out. It is saved as the next version once you agree.

Labelled images are found by their content below --images, wherever they lie there; those that are
not found are named, and the exit code is then 6. Without --images only what the cache of features
knows is used. Going back is `hub head rollback`.

Examples:
  hub head upgrade border-check --images labelled/ --dry-run
  hub head upgrade border-check --images labelled/
  hub head upgrade border-check --extractor passport-extractor@3 --images labelled/ --yes --json")]
pub(crate) struct UpgradeArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// The release to go to: what hub.lock names, else the newest installed that satisfies it; without
    /// it the newest installed of the head's extractor
    #[arg(long, value_name = "REF")]
    pub(crate) extractor: Option<Reference>,
    /// The folder in which the labelled images are now
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,
    /// Learn anew also within one feature space, to use dimensions that were appended
    #[arg(long)]
    pub(crate) retrain: bool,
    /// Save it without asking
    #[arg(long, short, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Show what would change and save nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `hub head explain`
#[derive(Debug, Args)]
#[command(after_help = "\
Words come from the names that the extractor's manifest gives to its dimensions. Where they have none,
labelled images are shown instead: the surest and the least sure of each class.

Examples:
  hub head explain border-check
  hub head explain border-check --image scan.png
  hub head explain border-check --images labelled/ --image scan.png --json")]
pub(crate) struct ExplainArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// Why this image gets its answer
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,
    /// The folder in which the labelled images are now, to name them
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,
    /// The version of the head; the newest when absent
    #[arg(long, value_name = "N")]
    pub(crate) head_version: Option<u32>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}
