//! Commands about members: their tokens, their quotas, and what the access journal says of them.

use clap::{Args, Subcommand, ValueEnum};
use registry_schema::api::Scope;
use registry_schema::name::MemberName;

use super::DataArgs;
use super::values::{Limit, parse_bytes, parse_count, parse_end, parse_first, parse_lifetime};

/// `hub-server token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once
    Create(TokenCreateArgs),
    /// List tokens, without their secrets
    List(DataArgs),
    /// Revoke a token, at once
    Revoke(TokenRevokeArgs),
}

/// `hub-server token create`
#[derive(Debug, Args)]
pub struct TokenCreateArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The member it acts for
    #[arg(long)]
    pub member: MemberName,
    /// What it may do; each scope includes the ones before
    #[arg(long, value_enum, default_value_t = ScopeArg::Read)]
    pub scope: ScopeArg,
    /// How long it lasts, such as `90d`, `12h`, `30s`
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_lifetime)]
    pub lifetime: jiff::SignedDuration,
    /// A note for `token list`
    #[arg(long)]
    pub label: Option<String>,
}

/// `hub-server token revoke`
#[derive(Debug, Args)]
pub struct TokenRevokeArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Its id, as `token list` shows it
    pub id: String,
}

/// A scope on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScopeArg {
    /// Search, show, pull
    Read,
    /// And publish, yank
    Publish,
    /// And administer
    Admin,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Read => Self::Read,
            ScopeArg::Publish => Self::Publish,
            ScopeArg::Admin => Self::Admin,
        }
    }
}

/// `hub-server quota …`
#[derive(Debug, Subcommand)]
pub enum QuotaCommand {
    /// Set limits of a member; a running server goes by them at once
    Set(QuotaSetArgs),
    /// List all members with what they use
    List(DataArgs),
}

/// `hub-server quota set`
#[derive(Debug, Args)]
pub struct QuotaSetArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Whose limits
    #[arg(long)]
    pub member: MemberName,
    /// Bytes of all blobs it has sent, such as `50GiB`, or `none`; stays as it is when not given
    #[arg(long, value_name = "BYTES|none", value_parser = parse_bytes, required_unless_present = "releases_per_day")]
    pub bytes: Option<Limit>,
    /// Releases in 24 hours, or `none`; stays as it is when not given
    #[arg(long, value_name = "N|none", value_parser = parse_count)]
    pub releases_per_day: Option<Limit>,
}

/// `hub-server journal …`
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Print what was kept, the earliest first
    Export(JournalExportArgs),
}

/// `hub-server journal export`
#[derive(Debug, Args)]
pub struct JournalExportArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The first day or moment, such as `2026-11-01` or `2026-11-01T12:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = parse_first)]
    pub from: Option<jiff::Timestamp>,
    /// The last day, or the moment before which it ends
    #[arg(long, value_name = "TIME", value_parser = parse_end)]
    pub to: Option<jiff::Timestamp>,
    /// What one member did
    #[arg(long)]
    pub member: Option<MemberName>,
    /// A line of JSON for each, or a table
    #[arg(long, value_enum, default_value_t = JournalFormat::Jsonl)]
    pub format: JournalFormat,
}

/// In which form the journal is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JournalFormat {
    /// JSON lines
    Jsonl,
    /// CSV (RFC 4180) with a header
    Csv,
}
