//! What is installed.

use clap::Args;
use clap_complete::Shell;
use registry_schema::reference::Reference;

/// `hub verify`
#[derive(Debug, Args)]
#[command(after_help = "\
Verifies the receipt's signatures under the kept trust root, compares every file with its signed
digest, and, when the ONNX Runtime library is there, runs the probes. Opens no connection.

Examples:
  hub verify passport-extractor@2
  hub verify passport-extractor@2.0.0 --json")]
pub(crate) struct VerifyArgs {
    /// The release: what hub.lock names, else the newest installed that satisfies it
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
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
