//! Features and heads.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use hub_client::head::HeadName;
use registry_schema::reference::Reference;

use super::{DiffArgs, ExplainArgs, HistoryArgs, RollbackArgs, UpgradeArgs};

/// `hub embed`
#[derive(Debug, Args)]
#[command(after_help = "\
An image that cannot be used is named on standard error and left out; the exit code is then 6. What
was computed before is taken from a local cache, by the digest of the image's bytes.

Examples:
  hub embed passport-extractor@2 scans/ -o features.parquet
  hub embed passport-extractor@2 a.jpg b.png 'more/**/*.tif' -o features.npy --strict")]
pub(crate) struct EmbedArgs {
    /// The extractor: what hub.lock names, else the newest installed that satisfies it
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// Image files, folders and patterns
    #[arg(value_name = "IMAGES", required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// Where to write the features; the ending says how: .parquet or .npy
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// How an extractor is run on many images.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct RunArgs {
    /// Neither use nor fill the cache of features
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Stop at the first image that cannot be used
    #[arg(long)]
    pub(crate) strict: bool,
    /// Images in one run of the network; chosen from the machine when absent
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<NonZeroUsize>,
}

/// `hub train`
#[derive(Debug, Args)]
#[command(after_help = "\
Each image's class is the name of the first folder it lies in, below the folder given, unless
--labels names a CSV file with the columns path and label. The same images, labels and options give
the same head. Training again under a name makes its next version. Images without a label count too:
features are centred on the mean of all, the more so the more there are. The accuracy stated is of
images held out in turn.

Examples:
  hub train border-check --extractor passport-extractor@2 --images labelled/
  hub train border-check --extractor passport-extractor@2 --images scans/ --labels labels.csv")]
pub(crate) struct TrainArgs {
    /// What to call the head: lower-case letters, digits, - and _
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// The extractor: what hub.lock names, else the newest installed that satisfies it
    #[arg(long, value_name = "REF")]
    pub(crate) extractor: Reference,
    /// The folder of labelled images
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// A CSV file with the columns path and label
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Seed of the random blocks of the cross-validation
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// What is done to features first, when not what the manifest says
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) transform: Option<TransformArg>,
    /// Scikit-learn's C: the larger, the weaker the penalty; `auto` tries several
    #[arg(long, value_name = "C", default_value = "auto")]
    pub(crate) penalty: PenaltyArg,
    /// Which regression; `auto` takes ridge for up to 500 images and logistic for more
    #[arg(long, value_enum, value_name = "HOW", default_value = "auto")]
    pub(crate) method: MethodArg,
    /// How often the true class is to be among those that `hub predict` calls plausible
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    pub(crate) coverage: f64,
    /// Whether all images count alike, or all classes
    #[arg(long, value_enum, value_name = "HOW", default_value = "uniform")]
    pub(crate) class_weights: WeightsArg,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Which regression a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodArg {
    Auto,
    Ridge,
    Logistic,
}

/// What is done to features before a head learns from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransformArg {
    CentredL2,
    L2,
    Standardise,
    None,
}

/// `auto` or a positive number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PenaltyArg {
    /// By cross-validation.
    Auto,
    /// scikit-learn's C.
    Fixed(f64),
}

impl std::str::FromStr for PenaltyArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let number = text
            .parse()
            .map_err(|_| format!("`{text}` is neither `auto` nor a number"))?;
        Ok(Self::Fixed(number))
    }
}

/// How much an image counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WeightsArg {
    Uniform,
    Balanced,
}

/// `hub predict`
#[derive(Debug, Args)]
#[command(after_help = "\
Runs the release the head was trained on when it is installed, else the newest installed release
of the same feature space that is not older. An answer is unsure when several classes are plausible,
at the coverage the head was trained for; whether the image is unlike all labelled ones is told apart.

Examples:
  hub predict border-check incoming/
  hub predict border-check a.jpg b.jpg --json
  hub predict border-check incoming/ --csv > answers.csv")]
pub(crate) struct PredictArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// Image files, folders and patterns
    #[arg(value_name = "IMAGES", required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// Print CSV: path, class, probability, then the probability of each class
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    #[command(flatten)]
    pub(crate) with: HeadUseArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Which version of a head, on which extractor.
#[derive(Clone, Debug, Args)]
pub(crate) struct HeadUseArgs {
    /// The version of the head; the newest when absent
    #[arg(long, value_name = "N")]
    pub(crate) head_version: Option<u32>,
    /// Run this installed release instead of the one the head asks for
    #[arg(long, value_name = "REF")]
    pub(crate) extractor: Option<Reference>,
}

/// `hub eval`
#[derive(Debug, Args)]
#[command(after_help = "\
Figures on images that the head was trained on flatter it. A warning says how many there are;
--unseen leaves them out.

Examples:
  hub eval border-check --images held-out/
  hub eval border-check --images all/ --unseen
  hub eval border-check --images scans/ --labels held-out.csv --json")]
pub(crate) struct EvalArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// The folder of labelled images
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// A CSV file with the columns path and label
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Leave out images the head was trained on
    #[arg(long)]
    pub(crate) unseen: bool,
    #[command(flatten)]
    pub(crate) with: HeadUseArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `hub head`
#[derive(Debug, Args)]
pub(crate) struct HeadArgs {
    #[command(subcommand)]
    pub(crate) command: HeadCommand,
}

/// Commands about heads.
#[derive(Debug, Subcommand)]
pub(crate) enum HeadCommand {
    /// List the heads
    #[command(after_help = "Examples:\n  hub head list\n  hub head list --json")]
    List,
    /// Show how a head was made
    #[command(
        after_help = "Examples:\n  hub head show border-check\n  hub head show border-check --head-version 1 --json"
    )]
    Show {
        /// The head
        #[arg(value_name = "HEAD")]
        head: HeadName,
        /// Its version; the newest when absent
        #[arg(long, value_name = "N")]
        head_version: Option<u32>,
    },
    /// Show the versions of a head, newest first, and what changed
    History(HistoryArgs),
    /// Compare two versions of a head: labels, settings, figures, answers
    Diff(DiffArgs),
    /// Bring an earlier version of a head back
    Rollback(RollbackArgs),
    /// Take a head to a newer release of its extractor, with both side by side
    Upgrade(UpgradeArgs),
    /// Say in words what a head looks at
    Explain(ExplainArgs),
    /// Remove a head with all its versions
    #[command(after_help = "Examples:\n  hub head rm border-check")]
    Rm {
        /// The head
        #[arg(value_name = "HEAD")]
        head: HeadName,
    },
    /// Write a head as an ONNX file that runs without this program
    Export(ExportArgs),
}

/// `hub head export`
#[derive(Debug, Args)]
#[command(after_help = "\
Both formats give the probabilities of `hub predict`. The image input of fused-onnx expects the
tensor that the manifest's preprocessing makes; the file's metadata repeats it.

Examples:
  hub head export border-check --format onnx -o head.onnx
  hub head export border-check --format fused-onnx -o classifier.onnx")]
pub(crate) struct ExportArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// From features to probabilities, or from the image tensor
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Where to write it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) with: HeadUseArgs,
}

/// What an exported file computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    Onnx,
    FusedOnnx,
}
