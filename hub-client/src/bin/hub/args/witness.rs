//! Being a witness.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use registry_schema::log::note::{KeyName, VerifierKey};

/// Commands of a witness.
#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Make a witness: a folder with its own key
    Init(WitnessInitArgs),
    /// Cosign checkpoints of logs until Ctrl-C
    Serve(WitnessServeArgs),
}

/// `hub witness init`
#[derive(Debug, Args)]
#[command(after_help = "\
Give the printed key to the consortium, which lists it in its log policy. The folder holds the key
and the memory of what was cosigned: do not copy it, and do not restore it from a backup, because a
witness that forgets could be made to sign two histories. When it is lost, make a new witness.

Examples:
  hub witness init --name witness.alpha.example/w1")]
pub(crate) struct WitnessInitArgs {
    /// The witness's name, for good: an address without `https://`
    #[arg(long, value_name = "NAME")]
    pub(crate) name: KeyName,
    /// The witness's folder; below the hub's folders when absent
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// `hub witness serve`
#[derive(Debug, Args)]
#[command(after_help = "\
The hub asks for cosignatures at http://ADDRESS:PORT; put a proxy in front for TLS. What the witness
has cosigned is at http://ADDRESS:PORT/HASH/checkpoint, HASH being the hex SHA-256 of the log's name.

Examples:
  hub witness serve --log hub.example.org/log+b30413d9+AepK… --listen 127.0.0.1:7380")]
pub(crate) struct WitnessServeArgs {
    /// The key of a log to cosign, as `hub-server keys` prints it; repeatable
    #[arg(long = "log", value_name = "KEY", required = true)]
    pub(crate) logs: Vec<VerifierKey>,
    /// Address and port to listen at; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7380")]
    pub(crate) listen: SocketAddr,
    /// The witness's folder; below the hub's folders when absent
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}
