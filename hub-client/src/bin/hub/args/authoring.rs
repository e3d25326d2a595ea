//! Keys and the author's commands.

use std::path::PathBuf;

use clap::Args;
use registry_schema::name::Name;
use registry_schema::reference::Reference;
use semver::Version;

/// `hub keygen`
#[derive(Debug, Args)]
#[command(after_help = "\
The secret key stays in a folder only you can read. Give the public key to whoever founds the
consortium. A key that exists is never replaced.

With --model-signing it is a P-256 key for `hub publish --oms-key`: it signs model.sig for the
verifiers of OpenSSF Model Signing, and nothing a hub asks for.

Examples:
  hub keygen
  hub keygen --name release-2027
  hub keygen --model-signing")]
pub(crate) struct KeygenArgs {
    /// What to call the key; `default`, or `model-signing` for such a key, when absent
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Make a P-256 key for model.sig instead
    #[arg(long)]
    pub(crate) model_signing: bool,
}

/// `hub new`
#[derive(Debug, Args)]
#[command(after_help = "\
Then put the network into model.onnx, at least one PNG into probes/, fill in extractor.toml and
README.md, and run `hub check`.

Examples:
  hub new dots --name acme/dots
  hub new dots --name acme/dots --from-preprocessor-config preprocessor_config.json")]
pub(crate) struct NewArgs {
    /// The folder to make
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The extractor's name: `member/name`, or a bare name of the consortium
    #[arg(long)]
    pub(crate) name: Name,
    /// Take the preprocessing from the usual JSON of model libraries
    #[arg(long, value_name = "FILE")]
    pub(crate) from_preprocessor_config: Option<PathBuf>,
}

/// `hub check`
#[derive(Debug, Args)]
#[command(after_help = "\
Inspects the graph without running it, runs the probes, writes their vectors to
probes/vectors.json, and compares them with those of the release before. Without a hub, or with
--offline, nothing is compared, and the answer says so.

With --statistics it also computes the features of the images of a folder and writes to
statistics.json what they are like on the whole: users are then told which of their images are
unlike those the extractor was made for. Give 200 images or more, of the kind it is meant for;
what it was trained on will do. A mean and up to 64 axes are published with the release, no image
and no features of one; docs/EXTRACTORS.md says what can be read from them.

Examples:
  hub check dots
  hub check dots --statistics photographs/
  hub check dots --no-predecessor --json")]
pub(crate) struct CheckArgs {
    /// The author's folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Do not ask the hub for the release before
    #[arg(long)]
    pub(crate) no_predecessor: bool,
    /// Write the statistics of the images in this folder, which become part of the release
    #[arg(long, value_name = "IMAGES")]
    pub(crate) statistics: Option<PathBuf>,
}

/// `hub publish`
#[derive(Debug, Args)]
#[command(after_help = "\
Publishing again after an interruption sends only what is missing. Releases never change: the same
version with other content is refused.

A name with several owners is signed in turn, each on its own machine: --draft checks, signs and
sends the files, but writes the statement to a file; the others run `hub cosign` on it; when enough
have signed, --signed publishes it.

Examples:
  hub publish dots
  hub publish passport-extractor --key alpha --key /media/beta.pem
  hub publish dots --dry-run
  hub publish dots --oms-key model-signing
  hub publish passport-extractor --draft passport-2.1.0.json
  hub publish --signed passport-2.1.0.json")]
pub(crate) struct PublishArgs {
    /// The author's folder; with --signed only needed when the hub lacks files
    #[arg(value_name = "DIR", required_unless_present = "signed")]
    pub(crate) folder: Option<PathBuf>,
    /// A key to sign with: its name, or the path of its file; repeatable, one of each owner
    #[arg(long = "key", value_name = "NAME|FILE", default_value = "default")]
    pub(crate) keys: Vec<String>,
    /// Write the statement to a new file for the other owners instead of publishing it
    #[arg(long, value_name = "FILE", conflicts_with = "signed")]
    pub(crate) draft: Option<PathBuf>,
    /// Publish what the owners have signed
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    pub(crate) signed: Option<PathBuf>,
    /// Also write model.sig with this P-256 key, for OpenSSF Model Signing's verifiers, and send it
    /// along: its name, or the path of its file
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "draft")]
    pub(crate) oms_key: Option<String>,
    /// Sign and verify, but send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `hub cosign`
#[derive(Debug, Args)]
#[command(after_help = "\
Shows what is signed, checks it as a pull would, and adds your signature to the file: the files come
from the hub, or from your own copy of the author's folder with --folder; the graph is inspected,
the probes run here, the promise of the version number compared. Nothing is published by it. What
other owners add to the same file meanwhile stays in it.

Examples:
  hub cosign passport-2.1.0.json
  hub cosign passport-2.1.0.json --dry-run
  hub cosign passport-2.1.0.json --folder passport-extractor --key release-2027")]
pub(crate) struct CosignArgs {
    /// What another owner has drafted
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Check it against this author's folder instead of the files on the hub
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// The key to sign with: its name, or the path of its file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub(crate) key: String,
    /// Write the result to this new file instead
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Check and show, but do not sign
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `hub yank`
#[derive(Debug, Args)]
#[command(after_help = "\
A yanked release is no longer chosen by `name@2`; who names it exactly or has locked it still gets
it, with the reason. Nothing is deleted.

Examples:
  hub yank passport-extractor@2.1.0 --reason \"confuses visa with permit\" --replacement 2.1.1
  hub yank passport-extractor@2.1.0 --undo --reason \"the report was wrong\"
  hub yank passport-extractor@2.1.0 --reason \"wrong colours\" --draft yank.json")]
pub(crate) struct YankArgs {
    /// The release, by its exact version
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// Why, for everybody who uses it
    #[arg(long)]
    pub(crate) reason: String,
    /// The version to use instead
    #[arg(long, value_name = "VERSION", conflicts_with = "undo")]
    pub(crate) replacement: Option<Version>,
    /// Restore a yanked release
    #[arg(long)]
    pub(crate) undo: bool,
    /// A key to sign with: its name, or the path of its file; repeatable, one of each owner
    #[arg(long = "key", value_name = "NAME|FILE", default_value = "default")]
    pub(crate) keys: Vec<String>,
    /// Write the statement to a new file for the other owners instead of sending it: they run
    /// `hub cosign`, then `hub publish --signed` records it
    #[arg(long, value_name = "FILE")]
    pub(crate) draft: Option<PathBuf>,
}
