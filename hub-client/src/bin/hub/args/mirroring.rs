//! A copy of a hub.

use std::path::PathBuf;

use clap::Args;
use registry_schema::mirror::Choice;

/// `hub mirror`
#[derive(Debug, Args)]
#[command(after_help = "\
The folder gets the trust root, the whole log with its witnesses' signatures, and the files of the
releases that are named, everything verified as `hub pull` verifies it. Run again, it fetches what is
new, of what was named before when nothing is named; it never goes back, and files that are there
stay. A run that ends early leaves what was shown before.

`hub-server init --data DATA --mirror DIR` and `hub-server serve --data DATA` show the folder, here or
on a machine it was copied to: `hub login`, `pull`, `verify` and `audit` work there as with the hub,
and trust it no more than any hub. It takes nothing and signs nothing, so it must be brought up to
date before the trust root's timestamp and the witnesses' signatures are three days old; what is older
is taken with --as-of alone.

Examples:
  hub mirror --to /srv/mirror passport-extractor@2 alpha/squares
  hub mirror --to /srv/mirror
  hub mirror --to /srv/mirror --all --without-yanked
  hub mirror --to /srv/mirror --deep --json")]
pub(crate) struct MirrorArgs {
    /// The folder: new, empty, or one that this command made
    #[arg(long = "to", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Which releases: `name` for all of a name, `name@2` or `name@2.1` for all of that line,
    /// `name@2.1.0` for that one, `name@latest` for the newest. Repeatable
    #[arg(value_name = "REF", group = "wanted")]
    pub(crate) extractors: Vec<Choice>,
    /// Every release of every name
    #[arg(long, group = "wanted")]
    pub(crate) all: bool,
    /// Leave out releases that are yanked; those that are here already stay
    #[arg(long, requires = "wanted")]
    pub(crate) without_yanked: bool,
    /// Do not run the probes, on machines that only keep extractors
    #[arg(long)]
    pub(crate) without_probes: bool,
    /// Hash every file that is here again, and bring what is damaged or has a new model.sig
    #[arg(long)]
    pub(crate) deep: bool,
}
