//! What may be typed. Types only: what it means is settled in `context.rs` and `commands/`.

mod auditing;
mod authoring;
mod consortium;
mod exploring;
mod finding;
mod forging;
mod labelling;
mod labels;
mod learning;
mod local;
mod members_say;
mod mirroring;
mod serving;
mod trusting;
mod versions;
mod witness;
mod writing;

pub(crate) use auditing::AuditArgs;
pub(crate) use authoring::{CheckArgs, CosignArgs, KeygenArgs, NewArgs, PublishArgs, YankArgs};
pub(crate) use consortium::{
    ConsortiumCommand, InitArgs, ProposeArgs, PublishDraftArgs, RotateKeysArgs, SetWitnessesArgs,
    ShowDraftArgs, SignDraftArgs,
};
pub(crate) use exploring::{
    ChooseArgs, ClustersArgs, DuplicatesArgs, LookArgs, MapArgs, NextArgs, OutliersArgs,
    SimilarArgs,
};
pub(crate) use finding::{PullArgs, SearchArgs, ShowArgs};
pub(crate) use forging::{
    AboutArgs, CombineArgs, CutArgs, ExtractorCommand, NormalizeArg, PictureArgs, ReduceArgs,
    ReduceMethodArg, VariantArgs,
};
pub(crate) use labelling::LabelArgs;
pub(crate) use labels::{LabelsCommand, LabelsExportArgs, LabelsImportArgs, WriteFormat};
pub(crate) use learning::{
    EmbedArgs, EvalArgs, ExportArgs, ExportFormat, HeadArgs, HeadCommand, MethodArg, PenaltyArg,
    PredictArgs, RunArgs, TrainArgs, TransformArg, WeightsArg,
};
pub(crate) use local::{BundleArgs, CompletionsArgs, ImportArgs, RmArgs, VerifyArgs};
pub(crate) use members_say::{AdvisoryArgs, AttestArgs, DisownArgs};
pub(crate) use mirroring::MirrorArgs;
pub(crate) use serving::{HeadAt, ServeArgs};
pub(crate) use trusting::{LoginArgs, TrustArgs};
pub(crate) use versions::{DiffArgs, ExplainArgs, HistoryArgs, RollbackArgs, UpgradeArgs};
pub(crate) use witness::{WitnessCommand, WitnessInitArgs, WitnessServeArgs};
pub(crate) use writing::WriteArgs;

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Publish, pull and run extractors of image features; train private heads on them
#[derive(Debug, Parser)]
#[command(
    name = "hub",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
An extractor turns an image into a vector of features. It is published on a consortium's hub, signed
by its owners. You pull it, it runs on your machine, and you train a small classifier, a head, on
its features. Your images, labels and heads never leave your machine.

First steps:
  hub login https://hub.example.org
  hub trust sha256:…
  hub search passport
  hub pull passport-extractor@2
  hub train border-check --extractor passport-extractor@2 --images labelled/
  hub predict border-check incoming/*.jpg

What is written over:
  A file that a command writes where you say (-o, --html) replaces one that is there only with --force; a
  folder is made anew or must be empty; drafts, keys and journals of labels are never replaced. `hub
  cosign FILE` and `hub consortium sign DRAFT` add to the file they read.

Exit codes:
  0 done, 1 failed, 2 usage, 3 not found, 4 integrity (signature, digest, probe, trust root),
  5 network, 6 some inputs were skipped, 7 something to look at (`hub audit`, `hub eval --min-accuracy`),
  130 interrupted"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Print one JSON object to standard output; on standard error each warning, and an error, is one a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print data and errors only: no progress, no remarks
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say more about what is done
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// The hub to talk to, instead of the one of `hub login`
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "HUB_REGISTRY",
        hide_env_values = true
    )]
    pub(crate) hub: Option<String>,
    /// Open no connection
    #[arg(long, global = true, env = "HUB_OFFLINE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) offline: bool,
    /// Verify the trust root as of this time instead of now (RFC 3339), for machines without a network
    #[arg(long, global = true, value_name = "TIME")]
    pub(crate) as_of: Option<jiff::Timestamp>,
    /// Threads for decoding and inference; all cores when absent
    #[arg(
        long,
        global = true,
        value_name = "N",
        env = "HUB_THREADS",
        hide_env_values = true
    )]
    pub(crate) threads: Option<NonZeroUsize>,
    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log in to a hub
    Login(LoginArgs),
    /// Forget the hub and its token
    #[command(after_help = "Examples:\n  hub logout")]
    Logout,
    /// Pin the consortium's first root, or follow it to the newest state
    Trust(TrustArgs),
    /// Search the hub
    Search(SearchArgs),
    /// Show a release: what it is, who signed it, what it holds
    Show(ShowArgs),
    /// Fetch, verify and install a release
    Pull(PullArgs),
    /// List the installed releases
    #[command(after_help = "Examples:\n  hub list\n  hub list --json")]
    List,
    /// Verify an installed release again, without the network
    Verify(VerifyArgs),
    /// Write an installed release into a folder or file, for other programs or without its hub
    Export(BundleArgs),
    /// Install a release from a file, without a network
    Import(ImportArgs),
    /// Copy releases with the log and the trust root into a folder, to be served elsewhere
    Mirror(MirrorArgs),
    /// Show where a release comes from and what is said of it, or read the whole log
    Audit(AuditArgs),
    /// Remove an installed release
    Rm(RmArgs),
    /// Compute features of images
    Embed(EmbedArgs),
    /// Train a head on labelled images
    Train(TrainArgs),
    /// Classify images with a head
    Predict(PredictArgs),
    /// Measure a head on labelled images
    Eval(EvalArgs),
    /// List, show, export and explain heads; go through their versions
    Head(HeadArgs),
    /// Find the images most like one
    Similar(SimilarArgs),
    /// Divide images into groups
    Clusters(ClustersArgs),
    /// Find images that do not belong
    Outliers(OutliersArgs),
    /// Find images that are there twice, or nearly
    Duplicates(DuplicatesArgs),
    /// Place images so that similar ones are near one another
    Map(MapArgs),
    /// Suggest which images to label next
    Next(NextArgs),
    /// Measure extractors on labelled images, and say which to take
    Choose(ChooseArgs),
    /// Label images on a page in your browser, and make a head of them
    Label(LabelArgs),
    /// Serve heads over HTTP, by the Open Inference Protocol
    Serve(ServeArgs),
    /// Keep labels in a journal that can be undone; take them from other programs, give them back
    #[command(subcommand)]
    Labels(LabelsCommand),
    /// Make a signing key
    Keygen(KeygenArgs),
    /// Found a consortium, change it, sign its changes
    #[command(subcommand)]
    Consortium(ConsortiumCommand),
    /// Be a witness: cosign what hubs log, so that no hub can show two histories
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Start an author's folder for a new extractor
    New(NewArgs),
    /// Make extractors: out of a network, of fewer dimensions, of several, in smaller files
    #[command(subcommand)]
    Extractor(ExtractorCommand),
    /// Check an author's folder and compute its probe vectors
    Check(CheckArgs),
    /// Sign an author's folder and publish it as a release
    Publish(PublishArgs),
    /// Check what another owner has drafted, and sign it too
    Cosign(CosignArgs),
    /// Sign what you found out about a release on your own images
    Attest(AttestArgs),
    /// Warn about releases, or end a warning
    Advisory(AdvisoryArgs),
    /// Tell everybody that a key of yours is in wrong hands
    Disown(DisownArgs),
    /// Withdraw a release, or restore it
    Yank(YankArgs),
    /// Look for what is wrong with this installation
    #[command(after_help = "\
Each line is ok, warn or fail; the exit code is 1 when one is fail. With --offline the hub is not
asked.

Examples:
  hub doctor
  hub doctor --offline --json")]
    Doctor,
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print this reference as Markdown
    #[command(hide = true)]
    Reference,
}
