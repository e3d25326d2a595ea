//! Login and trust.

use std::path::PathBuf;

use clap::Args;
use registry_schema::digest::Digest;

/// `hub login`
#[derive(Debug, Args)]
#[command(after_help = "\
The token comes from --token-file, HUB_TOKEN, HUB_TOKEN_FILE, standard input, or a prompt, in this
order. It is never an argument: other users of the machine see those.

Examples:
  hub login https://hub.example.org
  hub login https://hub.example.org < token.txt
  hub login https://localhost:8443 --token-file alpha.token --certificate sha256:…
  hub login https://hub.example.org --client-cert alpha.pem --client-key alpha.key")]
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
    /// The certificate (PEM) that this client shows, for hubs that know their members by one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Its secret key (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
}

/// `hub trust`
#[derive(Debug, Args)]
#[command(after_help = "\
Everything that is pulled is verified under the consortium's trust root, whatever a hub says. The
fingerprint of its first root comes from the consortium, by another way than the hub. From there on
the root is followed forward, version by version, and never back. Without a fingerprint the pinned
root is refreshed; where none is pinned, the hub's is shown and nothing is pinned, unless --yes says
that it has been compared.

A hub whose log has shown two histories is refused by every command, and so is one that shows fewer
entries than before. When it is known what has happened, --forget-log lets the next contact begin
anew.

Examples:
  hub trust sha256:…
  hub trust
  hub trust --file 1.root.json
  hub trust sha256:… --metadata /media/stick/tuf --as-of 2027-01-15T12:00:00Z
  hub trust --forget-log")]
pub(crate) struct TrustArgs {
    /// The fingerprint of the first root: SHA-256 of 1.root.json
    #[arg(value_name = "FINGERPRINT")]
    pub(crate) fingerprint: Option<Digest>,
    /// Pin the root in this file, which you got from the consortium itself
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    pub(crate) file: Option<PathBuf>,
    /// Take the metadata from a copy of the hub's /tuf/ instead of the hub
    #[arg(long, value_name = "DIR")]
    pub(crate) metadata: Option<PathBuf>,
    /// Pin what is there, without a fingerprint to compare it with
    #[arg(long, conflicts_with_all = ["fingerprint", "file"])]
    pub(crate) yes: bool,
    /// Forget what the log has shown so far, evidence against it put aside: believe what it shows next
    #[arg(long, conflicts_with_all = ["fingerprint", "file", "metadata", "yes"])]
    pub(crate) forget_log: bool,
}
