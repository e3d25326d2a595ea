//! Features and heads.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use hub_client::head::HeadName;
use registry_schema::reference::Reference;

use super::{DiffArgs, ExplainArgs, HistoryArgs, RollbackArgs, UpgradeArgs, WriteArgs};

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
    pub(crate) write: WriteArgs,
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
  hub train border-check --extractor passport-extractor@2 --images labelled/ --html held-out.html
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
    /// How often the true class, of the images of each class, is to be among those that `hub predict`
    /// calls plausible
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    pub(crate) coverage: f64,
    /// Whether all images count alike, or all classes
    #[arg(long, value_enum, value_name = "HOW", default_value = "uniform")]
    pub(crate) class_weights: WeightsArg,
    /// Also write a page of what was said of the images while they were held out, with small pictures
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
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
  hub predict border-check incoming/ --csv > answers.csv
  hub predict border-check incoming/ --html answers.html")]
pub(crate) struct PredictArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// Image files, folders and patterns
    #[arg(value_name = "IMAGES", required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// Print CSV: path, class, probability, unsure, plausible (classes with ; between them),
    /// unlike_anything_shown, distance, then the probability of each class
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Also write a page with small pictures by their answers, which needs no network and no other file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
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
Figures on images that the head was trained on flatter it, and so do near copies of them: the same
picture saved anew, or the next of a burst. A warning says how many there are; --unseen leaves them
out. Copies are looked for among up to 500 images of which the head keeps the directions.

With --min-accuracy or --min-answered the exit code is 7 when a figure is below what was asked for;
all is told and written as without them.

Examples:
  hub eval border-check --images held-out/
  hub eval border-check --images held-out/ --unseen --min-accuracy 0.95 --min-answered 0.8
  hub eval border-check --images held-out/ --html report.html
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
    /// Leave out images the head was trained on, and near copies of them
    #[arg(long)]
    pub(crate) unseen: bool,
    /// Also write a page with the figures and the pictures behind them, which needs no network and no
    /// other file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// The least share of the images that must be taken for what they are, from 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) min_accuracy: Option<f64>,
    /// The least share of the images that must get an answer instead of "unsure", from 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) min_answered: Option<f64>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
    #[command(flatten)]
    pub(crate) with: HeadUseArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is from 0 to 1, such as 0.9".to_owned())
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
    /// Write a head as a file that runs without this program
    Export(ExportArgs),
}

/// `hub head export`
#[derive(Debug, Args)]
#[command(after_help = "\
Formats:
  onnx         a graph from features
  fused-onnx   a graph with the extractor, from the tensor that the preprocessing makes
  image-onnx   the same with the preprocessing: from a decoded image of any size, RGB, 8 bits,
               [height, width, 3], turned upright, transparent parts over the background
  safetensors  the numbers
  sklearn      a Python file that makes a fitted scikit-learn pipeline

The written file is run before it is put in its place, and must say what `hub predict` says: the
same class, probabilities within 1e-4. It is run on the labelled images where --images finds them
(by their contents; they may have moved), else on their cached features, and where it takes images
on the release's probe images. When it disagrees nothing is written, and the exit code is 4. Graphs
also say when not to rely on an answer: `plausible`, `distance` and `unlike`.

Examples:
  hub head export border-check --format image-onnx -o classifier.onnx --images labelled/
  hub head export border-check --format fused-onnx -o classifier.onnx
  hub head export border-check --format onnx -o head.onnx
  hub head export border-check --format safetensors -o head.safetensors
  hub head export border-check --format sklearn -o border_check.py")]
pub(crate) struct ExportArgs {
    /// The head
    #[arg(value_name = "HEAD")]
    pub(crate) head: HeadName,
    /// What the file is
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Where to write it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
    /// The folder in which the labelled images are now
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,
    /// Leave out the directions of labelled images, and with them `distance` and `unlike`
    #[arg(long)]
    pub(crate) without_references: bool,
    #[command(flatten)]
    pub(crate) with: HeadUseArgs,
}

/// What an exported file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    Onnx,
    FusedOnnx,
    ImageOnnx,
    Safetensors,
    Sklearn,
}

impl ExportFormat {
    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::FusedOnnx => "fused-onnx",
            Self::ImageOnnx => "image-onnx",
            Self::Safetensors => "safetensors",
            Self::Sklearn => "sklearn",
        }
    }
}
