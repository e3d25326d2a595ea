//! Looking at images, and choosing what to label and with which extractor.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use hub_client::dataset::LabelSource;
use registry_schema::reference::Reference;

use super::{RunArgs, WriteArgs};

/// Which images are looked at, and through which extractor.
#[derive(Clone, Debug, Args)]
pub(crate) struct LookArgs {
    /// The extractor: what hub.lock names, else the newest installed that satisfies it
    #[arg(long, value_name = "REF")]
    pub(crate) extractor: Reference,
    /// The folder of images
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// Also write a page with small pictures, which needs no network and no other file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `hub similar`
#[derive(Debug, Args)]
#[command(after_help = "\
Every image is compared, by the distance that the extractor's manifest names. With --labels, and
when the class of IMAGE is known, the most similar images of other classes are shown as well.

Examples:
  hub similar a.jpg --extractor passport-extractor@2 --images scans/
  hub similar scans/7.png --extractor passport-extractor@2 --images scans/ --labels labels.csv
  hub similar a.jpg --extractor passport-extractor@2 --images scans/ -n 40 --html similar.html")]
pub(crate) struct SimilarArgs {
    /// The image to find others like; it need not lie in the folder
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// How many to show
    #[arg(long, short = 'n', value_name = "N", default_value = "10")]
    pub(crate) count: NonZeroUsize,
    /// Labels: a file, or `folders` when the first folder of each image is its class
    #[arg(long, value_name = "WHERE")]
    pub(crate) labels: Option<LabelSource>,
    /// The class of IMAGE, when it has no label
    #[arg(long, value_name = "NAME", requires = "labels")]
    pub(crate) class: Option<String>,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// `hub clusters`
#[derive(Debug, Args)]
#[command(after_help = "\
Divides the images into groups by k-means. Each group is shown by the images nearest to its centre;
with --labels it is called by its most frequent label. Without --count there are the square root of
half as many groups as images, at most 24.

Examples:
  hub clusters --extractor passport-extractor@2 --images scans/
  hub clusters --extractor passport-extractor@2 --images scans/ --count 12 --html groups.html
  hub clusters --extractor passport-extractor@2 --images scans/ --labels folders --json")]
pub(crate) struct ClustersArgs {
    /// How many groups
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<NonZeroUsize>,
    /// Seed of the first centres
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Labels: a file, or `folders` when the first folder of each image is its class
    #[arg(long, value_name = "WHERE")]
    pub(crate) labels: Option<LabelSource>,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// `hub outliers`
#[derive(Debug, Args)]
#[command(after_help = "\
Two rankings. \"Unlike anything else here\": how far an image's five nearest others are. \"Far from
the middle\": how far it is from the mean of all, in the directions in which these images vary. Where
the release tells what images it was made for, those unlike them are listed as well.

Examples:
  hub outliers --extractor passport-extractor@2 --images scans/
  hub outliers --extractor passport-extractor@2 --images scans/ -n 30 --html outliers.html")]
pub(crate) struct OutliersArgs {
    /// How many to show of each ranking
    #[arg(long, short = 'n', value_name = "N", default_value = "10")]
    pub(crate) count: NonZeroUsize,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// `hub duplicates`
#[derive(Debug, Args)]
#[command(after_help = "\
Finds files with the same bytes, and images whose features are nearly the same: no farther apart
than --within, by the distance of the extractor's manifest. Without it, that is 0.01 for the cosine
distance, and for others a tenth of what is usual between an image and its nearest. With --labels,
duplicates with different labels are pointed out.

Examples:
  hub duplicates --extractor passport-extractor@2 --images scans/
  hub duplicates --extractor passport-extractor@2 --images scans/ --within 0.05 --html same.html
  hub duplicates --extractor passport-extractor@2 --images scans/ --labels folders --json")]
pub(crate) struct DuplicatesArgs {
    /// How far apart two images may be and still count as one
    #[arg(long, value_name = "DISTANCE", value_parser = distance)]
    pub(crate) within: Option<f32>,
    /// Labels: a file, or `folders` when the first folder of each image is its class
    #[arg(long, value_name = "WHERE")]
    pub(crate) labels: Option<LabelSource>,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// `hub map`
#[derive(Debug, Args)]
#[command(after_help = "\
Places the images on a sheet so that similar ones are near one another, and lists them group by
group. Neighbours on the map can be trusted mostly; distances between groups mean little.

Examples:
  hub map --extractor passport-extractor@2 --images scans/ --html map.html
  hub map --extractor passport-extractor@2 --images scans/ --seed 3 --json")]
pub(crate) struct MapArgs {
    /// Seed of the map
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Labels: a file, or `folders` when the first folder of each image is its class
    #[arg(long, value_name = "WHERE")]
    pub(crate) labels: Option<LabelSource>,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// `hub next`
#[derive(Debug, Args)]
#[command(after_help = "\
First typical images, the centres of groups in which nothing is labelled. From 20 labels on, or four
a class if that is more, those between whose two most probable classes a head can hardly decide. One
in five is drawn at random: only those tell, without flattery, how good a head is.

Examples:
  hub next --extractor passport-extractor@2 --images scans/ --labels labels.csv
  hub next --extractor passport-extractor@2 --images scans/ -n 20 --html label-these.html")]
pub(crate) struct NextArgs {
    /// How many to suggest
    #[arg(long, short = 'n', value_name = "N", default_value = "8")]
    pub(crate) count: NonZeroUsize,
    /// Seed of the groups and of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The labels there are: a file, or `folders` when the first folder of each image is its class
    #[arg(long, value_name = "WHERE")]
    pub(crate) labels: Option<LabelSource>,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// `hub choose`
#[derive(Debug, Args)]
#[command(after_help = "\
Figures on few labels mislead, so the favourite stays unless another extractor makes smaller errors
on held-out images by more than their standard error, and than chance explains 19 times in 20. The
favourite is what --favourite names, or the largest of those made for --domain. Else it is guessed,
and 7 times in 10 are enough: the first REF; with --all, the largest. Images' classes come from folders or --labels, as in `hub train`.

VERDICT is `worse` where another one's errors are smaller by more than chance explains, and `cannot
tell` where it may be the best of all: 9 times in 10 the best of all is among those not called worse.

INSIDE is the share of your images that are like those the extractor was made for, where its
release tells of that (`hub check --statistics`). MEMBERS is how many other members find it fit,
as `hub pull` or `hub show` heard it last; nothing is asked now. Neither changes the advice.

Examples:
  hub choose passport-extractor@2 everyday-objects@1 --images labelled/
  hub choose --all --domain documents --images scans/ --labels labels.csv
  hub choose --all --images labelled/ --combine --json")]
pub(crate) struct ChooseArgs {
    /// Installed extractors
    #[arg(value_name = "REF", required_unless_present = "all")]
    pub(crate) references: Vec<Reference>,
    /// The newest installed release of each extractor and MAJOR
    #[arg(long, conflicts_with = "references")]
    pub(crate) all: bool,
    /// The folder of labelled images
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// A file of labels
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// The extractor to stay with unless another is clearly better
    #[arg(long, value_name = "REF")]
    pub(crate) favourite: Option<Reference>,
    /// What the images are of: the favourite is the largest of the extractors made for it
    #[arg(long, value_name = "DOMAIN", conflicts_with = "favourite")]
    pub(crate) domain: Option<String>,
    /// Measure the features of all of them side by side as well
    #[arg(long)]
    pub(crate) combine: bool,
    /// Seed of the blocks that are held out
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

fn distance(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(distance) if distance >= 0.0 && distance.is_finite() => Ok(distance),
        _ => Err(format!("`{text}` is no number from 0 on")),
    }
}
