//! Consortium, login and trust.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hub_client::consortium::{MemberKeys, NameOwners};
use registry_schema::digest::Digest;

/// Commands about the consortium's policy.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsortiumCommand {
    /// Write a new policy: members with their keys, and the owners of the consortium's names
    Init(InitArgs),
    /// Show the members, keys and names of a policy
    Show(ShowPolicyArgs),
}

/// `hub consortium init`
#[derive(Debug, Args)]
#[command(after_help = "\
The fingerprint that is printed is what members give to `hub trust`. Send it by another way than
the hub: it is what everything else rests on.

Examples:
  hub consortium init --name border-guild \\
    --member alpha=alpha.pub.pem --member beta=beta.pub.pem \\
    --own passport-extractor=alpha,beta:2 --output consortium.toml
  hub consortium init --name guild --member alpha=first.pub.pem,second.pub.pem")]
pub(crate) struct InitArgs {
    /// What the consortium calls itself
    #[arg(long)]
    pub(crate) name: String,
    /// A member and the files of its public keys; repeatable
    #[arg(long = "member", value_name = "MEMBER=KEY[,KEY]", required = true)]
    pub(crate) members: Vec<MemberKeys>,
    /// A name of the consortium, its owners, and how many of them must sign; repeatable
    #[arg(long = "own", value_name = "NAME=OWNER[,OWNER][:N]")]
    pub(crate) names: Vec<NameOwners>,
    /// Where to write the policy
    #[arg(long, short, value_name = "FILE", default_value = "consortium.toml")]
    pub(crate) output: PathBuf,
}

/// `hub consortium show`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hub consortium show
  hub consortium show consortium.toml --json")]
pub(crate) struct ShowPolicyArgs {
    /// The policy's file; the pinned policy when absent
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// `hub login`
#[derive(Debug, Args)]
#[command(after_help = "\
The token comes from --token-file, HUB_TOKEN, HUB_TOKEN_FILE, standard input, or a prompt, in this
order. It is never an argument: other users of the machine see those.

Examples:
  hub login https://hub.example.org
  hub login https://hub.example.org < token.txt
  hub login https://localhost:8443 --token-file alpha.token --certificate sha256:…")]
pub(crate) struct LoginArgs {
    /// The hub's address; plain http only on this machine
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// A file that holds the token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Log in without a token, to a hub that is open for reading
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) anonymous: bool,
    /// SHA-256 of the only certificate to accept, as `hub-server serve` prints it
    #[arg(long, value_name = "sha256:…")]
    pub(crate) certificate: Option<Digest>,
}

/// `hub trust`
#[derive(Debug, Args)]
#[command(after_help = "\
Everything that is pulled is verified under the pinned policy, whatever a hub says. The fingerprint
comes from the consortium, by another way than the hub. Without one, the hub's policy is shown and
nothing is pinned, unless --yes says that it has been compared.

Examples:
  hub trust sha256:…
  hub trust
  hub trust --file consortium.toml sha256:…")]
pub(crate) struct TrustArgs {
    /// The fingerprint of the policy to pin
    #[arg(value_name = "FINGERPRINT")]
    pub(crate) fingerprint: Option<Digest>,
    /// Take the policy from a file instead of the hub
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Pin what is there, without a fingerprint to compare it with
    #[arg(long, conflicts_with = "fingerprint")]
    pub(crate) yes: bool,
}
