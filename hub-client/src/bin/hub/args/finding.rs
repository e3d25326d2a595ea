//! Finding and fetching releases.

use clap::Args;
use hub_client::registry::MirrorPlace;
use registry_schema::reference::Reference;

/// `hub search`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hub search passport
  hub search --domain documents --license Apache-2.0
  hub search --member acme --json")]
pub(crate) struct SearchArgs {
    /// Words that must all occur in name, summary or tags; everything when absent
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// Only extractors with this tag
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Only extractors of this domain, such as documents or photographs
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// Only names of this member
    #[arg(long)]
    pub(crate) member: Option<String>,
    /// Only extractors under this licence
    #[arg(long)]
    pub(crate) license: Option<String>,
    /// Most rows
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// `hub show`
#[derive(Debug, Args)]
#[command(after_help = "\
What is shown of the release was verified under the trust root. With --offline, or where no
hub is configured, the installed release is shown.

Examples:
  hub show passport-extractor
  hub show passport-extractor@2.0.0 --readme")]
pub(crate) struct ShowArgs {
    /// The release: `name`, `name@2`, `name@2.1` or `name@2.1.0`
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// Print the card instead
    #[arg(long)]
    pub(crate) readme: bool,
}

/// `hub pull`
#[derive(Debug, Args)]
#[command(after_help = "\
The release is resolved, its signatures are verified under the trust root, its files fetched and
compared with the signed digests, its graph inspected, and its probes run: only then is it
installed. hub.lock then names it to the digest, and later pulls of the same reference give exactly
that release. The file is looked for in this folder and those above, no further than the root of the
repository (.git, .hg, .jj, .svn) and not in your home folder; when there is none it is made here.
Where everybody may write, as in /tmp, only one that is yours counts.

Examples:
  hub pull passport-extractor@2
  hub pull passport-extractor@2 --update
  hub pull passport-extractor@2 --mirror oci://registry.example.org/hub/
  hub pull --locked")]
pub(crate) struct PullArgs {
    /// What to pull; everything in hub.lock when absent
    #[arg(value_name = "REF")]
    pub(crate) reference: Option<Reference>,
    /// Refuse what is not in hub.lock
    #[arg(long, conflicts_with_all = ["update", "no_lock"])]
    pub(crate) locked: bool,
    /// Take the newest release that satisfies the reference, and lock that
    #[arg(long)]
    pub(crate) update: bool,
    /// Neither read nor write hub.lock
    #[arg(long, requires = "reference")]
    pub(crate) no_lock: bool,
    /// Take files from there as far as they are there, a folder or an OCI registry; the hub still says
    /// which they are, and gives the others. `oci://REGISTRY/PATH/` has a repository for each
    /// extractor, `oci://REGISTRY/REPOSITORY` is one. The password is in HUB_MIRROR_TOKEN, or where
    /// `docker login` puts it
    #[arg(long, value_name = "PLACE", env = "HUB_MIRROR")]
    pub(crate) mirror: Option<MirrorPlace>,
    /// Do not run the probes, on machines that only keep extractors
    #[arg(long)]
    pub(crate) without_probes: bool,
}
