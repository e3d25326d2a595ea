//! Making extractors.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use hub_client::forge::Pool;
use registry_schema::name::Name;
use registry_schema::preprocess::{Color, Filter, ResizeMode};
use registry_schema::reference::Reference;
use semver::Version;

use super::RunArgs;

/// `hub extractor`
#[derive(Debug, Subcommand)]
pub(crate) enum ExtractorCommand {
    /// Make an extractor out of a network in ONNX, or list where it can be cut
    Cut(Box<CutArgs>),
    /// Make an extractor of fewer dimensions, by the principal axes of your images
    Reduce(ReduceArgs),
    /// Make one extractor of several, features side by side
    Combine(CombineArgs),
    /// Store an extractor's weights in fewer bits
    Variant(VariantArgs),
}

/// Above the options that say what is made.
const NEW_EXTRACTOR: &str = "The new extractor";

/// `hub extractor cut`
#[derive(Debug, Args)]
#[command(after_help = "\
Takes any classifier, detector or embedding network that reads one batch of pictures. Without
--at it lists the values that make good features, best first, each with its shape and what it is
good for. With --at it drops what comes after, pools, and makes an author's folder: model.onnx,
extractor.toml, README.md and probes with their vectors, checked as `hub check` does. Say in
README.md what only you know; then `hub publish`.

gap is the mean over all places of a map or over all tokens; gem the generalised mean with p =
3, which leans towards what stands out; cls the first token; none takes a vector as it is. What
fits is taken when --pool is left out.

The preprocessing must be the one the network was trained with, or its features are poor: give
the preprocessor_config.json that came with it, or --normalize, --channels, --resize and
--filter. Probes are drawn by this program unless --probes names a folder of small PNG files;
they are published.

Examples:
  hub extractor cut classifier.onnx
  hub extractor cut classifier.onnx --at pooled --name acme/things --license Apache-2.0
  hub extractor cut detector.onnx --size 320x320 --at stage3 --at stage4 --pool gem \\
    --normalize half --name acme/layout --license MIT -o layout
  hub extractor cut vit.onnx --at last_hidden_state --pool cls \\
    --from-preprocessor-config preprocessor_config.json --name acme/vit --license Apache-2.0")]
pub(crate) struct CutArgs {
    /// The network
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A value inside it; repeatable, vectors of several are put side by side
    #[arg(long, value_name = "TENSOR", requires_all = ["name", "license"])]
    pub(crate) at: Vec<String>,
    /// How it becomes a vector: gap, gem, cls or none
    #[arg(long, value_name = "POOL", requires = "at")]
    pub(crate) pool: Option<Pool>,
    /// The last side of a map holds its channels; found out when absent
    #[arg(long, requires = "at")]
    pub(crate) channels_last: bool,
    /// Width and height of the pictures, where the network leaves them open
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size)]
    pub(crate) size: Option<(u32, u32)>,
    /// Let the network run graphs of its own (If, Loop, Scan), which hubs may refuse
    #[arg(long, requires = "at")]
    pub(crate) control_flow: bool,
    #[command(flatten)]
    pub(crate) picture: PictureArgs,
    /// The extractor's name: `member/name`, or a bare name of the consortium
    #[arg(long, requires = "at", help_heading = NEW_EXTRACTOR)]
    pub(crate) name: Option<Name>,
    #[command(flatten)]
    pub(crate) about: AboutArgs,
    /// Take the PNG files of this folder as probes instead of drawn ones
    #[arg(long, value_name = "DIR", requires = "at", help_heading = NEW_EXTRACTOR)]
    pub(crate) probes: Option<PathBuf>,
}

/// What happens to a picture before the network sees it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Preprocessing")]
pub(crate) struct PictureArgs {
    /// Take it from the usual JSON of model libraries
    #[arg(long, value_name = "FILE", conflicts_with_all = ["normalize", "mean", "std", "scale", "channels", "resize", "shortest", "filter"])]
    pub(crate) from_preprocessor_config: Option<PathBuf>,
    /// How samples become numbers; imagenet when nothing is said
    #[arg(long, value_enum, conflicts_with_all = ["mean", "std", "scale"])]
    pub(crate) normalize: Option<NormalizeArg>,
    /// Mean of each channel after scaling, such as 0.5,0.5,0.5
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', requires = "std")]
    pub(crate) mean: Vec<f64>,
    /// Standard deviation of each channel after scaling
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', requires = "mean")]
    pub(crate) std: Vec<f64>,
    /// Factor of the 8-bit samples; 1/255 when absent
    #[arg(long, value_name = "NUMBER", requires = "mean")]
    pub(crate) scale: Option<f64>,
    /// Order of the channels: rgb, bgr or gray
    #[arg(long, value_name = "ORDER", value_parser = parse_word::<Color>)]
    pub(crate) channels: Option<Color>,
    /// How a picture gets the size: exact squashes, shortest crops, letterbox fills up
    #[arg(long, value_name = "MODE", value_parser = parse_word::<ResizeMode>)]
    pub(crate) resize: Option<ResizeMode>,
    /// For `--resize shortest`: pixels of the shorter side before the crop
    #[arg(long, value_name = "PIXELS")]
    pub(crate) shortest: Option<u32>,
    /// The kernel: nearest, box, bilinear, hamming, bicubic or lanczos, as Pillow calls them
    #[arg(long, value_name = "FILTER", value_parser = parse_word::<Filter>)]
    pub(crate) filter: Option<Filter>,
}

/// Common ways from samples to numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NormalizeArg {
    /// By ImageNet's means and deviations
    Imagenet,
    /// From −1 to 1
    Half,
    /// From 0 to 1
    Unit,
    /// Samples as they are, 0 to 255
    None,
}

/// What a new extractor says of itself, and where it is made.
#[derive(Debug, Args)]
#[command(next_help_heading = NEW_EXTRACTOR)]
pub(crate) struct AboutArgs {
    /// Licence of the weights, an SPDX expression
    #[arg(long, value_name = "SPDX")]
    pub(crate) license: Option<String>,
    /// Its version
    #[arg(long, default_value = "1.0.0")]
    pub(crate) version: Version,
    /// One line for listings; made up when absent
    #[arg(long, value_name = "LINE")]
    pub(crate) summary: Option<String>,
    /// What it looks at: documents, photographs, satellite, faces, …
    #[arg(long, value_name = "WORD")]
    pub(crate) domain: Option<String>,
    /// A word to find it by; repeatable
    #[arg(long = "tag", value_name = "WORD")]
    pub(crate) tags: Vec<String>,
    /// The folder to make; called as the extractor when absent
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// `hub extractor reduce`
#[derive(Debug, Args)]
#[command(after_help = "\
Computes the features of your images, finds the directions in which they differ most, and puts
them behind the network as a matrix product: an extractor of its own, with the same pictures as
probes. Its vectors take less room, and what your images do not differ in is gone.
Half-whitening lets small differences count more; whitening in full and directions that tell
classes apart made heads of few labels worse, so they are not offered.

The axes are published with the extractor. They tell of the images on the whole, the more of
each the fewer there are: give hundreds at least, and not those of somebody who would mind.

Examples:
  hub extractor reduce everyday-objects@1 --images photographs/ --dims 128 --name acme/things-128
  hub extractor reduce everyday-objects@1 --images photographs/ --dims 64 --method half-whitening \\
    --name acme/things-64 -o things-64")]
pub(crate) struct ReduceArgs {
    /// The installed release
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// The folder of your images
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// How many dimensions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) dims: u32,
    /// How
    #[arg(long, value_enum, default_value = "pca")]
    pub(crate) method: ReduceMethodArg,
    /// The new extractor's name
    #[arg(long, help_heading = NEW_EXTRACTOR)]
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) about: AboutArgs,
}

/// How dimensions are made fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReduceMethodArg {
    /// The principal axes
    Pca,
    /// The same, each divided by the fourth root of its variance
    HalfWhitening,
}

/// `hub extractor combine`
#[derive(Debug, Args)]
#[command(after_help = "\
One graph computes all parts from one picture, and gives their features one after the other.
Where parts want another size, order of channels, normalisation or layout, the graph makes it;
where they see another part of a picture, nothing can, and it is refused. Each part must then
agree with its own release on that release's probes; by how much is shown.

The licence of the whole is all licences at once, unless --license says it. Terms without a
public identifier, licences that allow no derivatives and licences that contradict each other
need it said.

Examples:
  hub extractor combine everyday-objects@1 picture-style@1 --name acme/things-and-style
  hub extractor combine everyday-objects@1 text-layout@1 --balanced --name acme/things-and-text -o both")]
pub(crate) struct CombineArgs {
    /// The installed releases, in the order of their features
    #[arg(value_name = "REF", num_args = 2.., required = true)]
    pub(crate) references: Vec<Reference>,
    /// Scale each part's vectors to length 1 first, so that all count alike
    #[arg(long)]
    pub(crate) balanced: bool,
    /// The least cosine with each part's own vectors on its probes
    #[arg(long, value_name = "COSINE", default_value_t = 0.95, value_parser = parse_cosine)]
    pub(crate) agreement: f64,
    /// The new extractor's name
    #[arg(long, help_heading = NEW_EXTRACTOR)]
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) about: AboutArgs,
}

/// `hub extractor variant`
#[derive(Debug, Args)]
#[command(after_help = "\
Weights are stored in fewer bits and made float32 again when the network is loaded, so it runs
as fast as before and takes as much memory; what shrinks is what everybody has to fetch and
keep. The probes decide what it is: when they agree with the release's as a PATCH must, the next
PATCH of the same extractor, and heads go on working; else a new MAJOR with vectors of its own.
Statistics of images (statistics.json) are of the very graph, so `hub check --statistics` makes
them anew.

Examples:
  hub extractor variant everyday-objects@1 --fp16
  hub extractor variant everyday-objects@1 --int8 -o everyday-objects-int8
  hub extractor variant everyday-objects@1 --fp16 --name acme/things-fp16")]
pub(crate) struct VariantArgs {
    /// The installed release
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// Store weights as float16: half the bytes
    #[arg(long, required_unless_present = "int8", conflicts_with = "int8")]
    pub(crate) fp16: bool,
    /// Store weights in 8 bits with a scale for each channel: a quarter of the bytes
    #[arg(long)]
    pub(crate) int8: bool,
    /// Make it an extractor of your own instead of the next version of the release
    #[arg(long)]
    pub(crate) name: Option<Name>,
    /// The folder to make; called as the extractor when absent
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// `224x224`, or one number for both.
fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let (width, height) = text.split_once(['x', '×']).unwrap_or((text, text));
    let side = |text: &str| text.parse::<u32>().ok().filter(|&side| side > 0);
    side(width)
        .zip(side(height))
        .ok_or_else(|| format!("`{text}` is no size: write such as 224x224"))
}

fn parse_cosine(text: &str) -> Result<f64, String> {
    let cosine = text
        .parse()
        .ok()
        .filter(|cosine| (-1.0..=1.0).contains(cosine));
    cosine.ok_or_else(|| format!("`{text}` is no cosine: write a number up to 1"))
}

/// A word as manifests write it.
fn parse_word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
