//! What is installed.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;

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
#[command(after_help = "\
--folder writes the signed files and model.sig, nothing else, which is what OpenSSF Model Signing's
verifier takes. --bundle writes them into release/ and puts the signed statements, the proofs that
they are in the log, and the trust root beside it, so that one folder verifies with no network. Every
byte is compared with the signed digests on its way; nothing is ever written over.

Examples:
  hub export passport-extractor@2 --folder passport
  model_signing verify key passport --signature passport/model.sig --public_key p256.pem
  hub export passport-extractor@2.1.0 --bundle passport-2.1.0")]
pub(crate) struct BundleArgs {
    /// The release: what hub.lock names, else the newest installed that satisfies it
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// Write the signed files and model.sig into this new folder
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "bundle",
        required_unless_present = "bundle"
    )]
    pub(crate) folder: Option<PathBuf>,
    /// Write the files with everything needed to verify them into this new folder
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
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
