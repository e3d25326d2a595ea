//! The labelling page.

use std::path::PathBuf;

use clap::Args;
use hub_client::head::HeadName;
use registry_schema::reference::Reference;

/// `hub label`
#[derive(Debug, Args)]
#[command(after_help = "\
Opens a page in your browser, served by this machine for this machine: name the classes, label what
it suggests, watch the accuracy, save the head. Nothing leaves the machine. The address has a secret
that works once; for another browser open it again, and a new address is printed here.

Labels go into a journal, labels.jsonl in the folder of the images unless --labels names another,
each on the disk before the page shows it as saved. Other commands read it with --labels. Ctrl-C
ends the page; started again, it goes on where it was.

The page can go on through another installed extractor; labels stay. --demo needs nothing but this
program and ONNX Runtime: no hub, no extractor, no pictures.

Examples:
  hub label --extractor passport-extractor@2 --images scans/
  hub label --extractor passport-extractor@2 --images scans/ --head border-check --no-open
  hub train border-check --extractor passport-extractor@2 --images scans/ --labels scans/labels.jsonl
  hub label --demo")]
pub(crate) struct LabelArgs {
    /// The extractor: what hub.lock names, else the newest installed that satisfies it
    #[arg(long, value_name = "REF", required_unless_present = "demo")]
    pub(crate) extractor: Option<Reference>,
    /// The folder of images
    #[arg(long, value_name = "DIR", required_unless_present = "demo")]
    pub(crate) images: Option<PathBuf>,
    /// What the head is to be called
    #[arg(long, value_name = "HEAD")]
    pub(crate) head: Option<HeadName>,
    /// The journal of labels, made when it is not there; labels.jsonl in the folder of images when absent
    #[arg(long, value_name = "JOURNAL")]
    pub(crate) labels: Option<PathBuf>,
    /// The port to listen at, 0 for any; when absent 8519, or the next free one
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Print the address only
    #[arg(long)]
    pub(crate) no_open: bool,
    /// Label pictures that are made for the purpose, through the largest installed extractor; when none is, through one
    /// that is made for the purpose too
    #[arg(long, conflicts_with = "images")]
    pub(crate) demo: bool,
}
