//! What is installed.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use clap_complete::Shell;
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;

use super::WriteArgs;

/// `hub verify`
#[derive(Debug, Args)]
#[command(after_help = "\
Verifies the receipt's signatures and the proofs that they are in the log under the kept trust root,
compares every file with its signed digest, and, when the ONNX Runtime library is there, runs the
probes. Opens no connection.

--bundle verifies a folder that `hub export --bundle` wrote, by what is in it and the fingerprint of
the first root alone, on a machine that needs neither a hub nor a trust root. The probes are not run.
What is older than its metadata allows is verified with --as-of.

Examples:
  hub verify passport-extractor@2
  hub verify passport-extractor@2.0.0 --json
  hub verify --bundle passport-2.1.0 --root sha256:…")]
pub(crate) struct VerifyArgs {
    /// The release: what hub.lock names, else the newest installed that satisfies it
    #[arg(value_name = "REF", required_unless_present = "bundle")]
    pub(crate) reference: Option<Reference>,
    /// Verify this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "reference")]
    pub(crate) bundle: Option<PathBuf>,
    /// The fingerprint of the first root, when it is not the pinned one
    #[arg(long, value_name = "sha256:…", requires = "bundle")]
    pub(crate) root: Option<Digest>,
}

/// `hub rm`
#[derive(Debug, Args)]
#[command(after_help = "\
Files that other installed releases share stay. Heads stay.

Examples:
  hub rm passport-extractor@2.0.0")]
pub(crate) struct RmArgs {
    /// The release: what hub.lock names, else the newest installed that satisfies it
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
}

/// `hub export`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("form").required(true).args(["folder", "bundle", "output"]))]
#[command(after_help = "\
--folder writes the signed files and model.sig, nothing else, which is what OpenSSF Model Signing's
verifier takes. --bundle writes them into release/ and puts the signed statements, the proofs that
they are in the log, and the trust root beside it, so that one folder verifies with no network. -o
writes the same as one file, a plain tar, which `hub import` installs on a machine without a network.
Every byte is compared with the signed digests on its way.

Examples:
  hub export passport-extractor@2 --folder passport
  model_signing verify key passport --signature passport/model.sig --public_key p256.pem
  hub export passport-extractor@2.1.0 --bundle passport-2.1.0
  hub export passport-extractor@2.1.0 -o passport-extractor-2.1.0.hubpack")]
pub(crate) struct BundleArgs {
    /// The release: what hub.lock names, else the newest installed that satisfies it
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// Write the signed files and model.sig into this new folder
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Write the files with everything needed to verify them into this new folder
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
    /// Write the same into this new file, for `hub import`
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// `hub import`
#[derive(Debug, Args)]
#[command(after_help = "\
Installs the release in a file that `hub export -o` wrote, and opens no connection. It proves itself
from the pinned first root on, or from the one that --root names, which is then pinned: the trust root
in it, the signatures, the proofs that they are in the log, every file. Its graph is inspected and its
probes are run as at a pull, and hub.lock names it then. The trust root of this machine goes forward
to the one in the pack when that is newer.

What the pack cannot show is not checked: yanks since it was written, members' warnings, a log that
has gone another way since. A pack that is older than its metadata allows is taken with --as-of.

Examples:
  hub import passport-extractor-2.1.0.hubpack
  hub import passport-extractor-2.1.0.hubpack --root sha256:…
  hub import passport-extractor-2.1.0.hubpack --as-of 2027-01-15T12:00:00Z")]
pub(crate) struct ImportArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) pack: PathBuf,
    /// The fingerprint of the first root, where none is pinned yet; it is pinned
    #[arg(long, value_name = "sha256:…")]
    pub(crate) root: Option<Digest>,
    /// Neither read nor write hub.lock
    #[arg(long)]
    pub(crate) no_lock: bool,
    /// Do not run the probes, on machines that only keep extractors
    #[arg(long)]
    pub(crate) without_probes: bool,
}

/// `hub completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hub completions bash > ~/.local/share/bash-completion/completions/hub
  hub completions zsh > ~/.zfunc/_hub
  hub completions fish > ~/.config/fish/completions/hub.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}
