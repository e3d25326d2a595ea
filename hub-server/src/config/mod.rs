//! The command line, and where things are in the data folder.

mod data;
mod folder;
mod keeping;
mod members;
mod serve;
mod values;

use clap::{Parser, Subcommand};

pub use data::{BlobsArgs, BlobsPlace, DataArgs, DatabaseUrl};
pub(crate) use folder::{DataFolder, DatabasePlace};
pub use keeping::{
    BackupArgs, CopyBlobsArgs, DoctorArgs, GcArgs, InitArgs, KeysArgs, LogCommand,
    MigrateStoreArgs, RebuildArgs, RestoreArgs, RestoreBackupArgs,
};
pub use members::{
    JournalCommand, JournalExportArgs, JournalFormat, QuotaCommand, QuotaSetArgs, ScopeArg,
    TokenCommand, TokenCreateArgs, TokenRevokeArgs,
};
pub use serve::{ForwardedBy, ServeArgs, Setting};
pub use values::Limit;

/// The registry of an extractor hub: signed releases, blobs, tokens.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
First steps, as the user that the server runs as:
  hub-server keys --data DIR --origin hub.example.org/log    whoever founds the consortium needs both lines
  hub-server init --data DIR --root consortium.draft         signed by enough members
  hub-server serve --data DIR --config hub.toml
  hub-server token create --data DIR --member alpha --scope publish

HUB_SERVER_DATA names DIR for all of them. docs/OPERATIONS.md tells the rest."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a data folder for a consortium, or for a mirror of its hub
    Init(InitArgs),
    /// Make the hub's own keys, or print those it has: of its log, and for snapshot and timestamp
    /// of the trust root
    Keys(KeysArgs),
    /// Answer requests until SIGTERM or Ctrl-C
    Serve(Box<ServeArgs>),
    /// The transparency log
    #[command(subcommand)]
    Log(LogCommand),
    /// Make every row that follows from the log anew, from its entries and the blobs; the server
    /// must not run
    RebuildIndex(RebuildArgs),
    /// Move a hub's rows from the file in its data folder to PostgreSQL, or back, or from one PostgreSQL
    /// database to another; no server may run, and blobs stay where they are
    MigrateStore(MigrateStoreArgs),
    /// Remove blobs that nothing names: no statement in the log, no `model.sig`, and no upload of the
    /// last days; the server may run
    Gc(GcArgs),
    /// Copy all blobs between data folder and bucket, or from one of them to another; what is there is
    /// passed over, so that an interrupted copy goes on
    CopyBlobs(CopyBlobsArgs),
    /// Tokens of members
    #[command(subcommand)]
    Token(TokenCommand),
    /// How much members may store, and how often they may publish
    #[command(subcommand)]
    Quota(QuotaCommand),
    /// The access journal: who published and pulled what, and when
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Check the data folder, and say what is wrong
    Doctor(DoctorArgs),
    /// Copy all data into a folder or a file, also while the hub serves
    Backup(BackupArgs),
    /// Make a hub of a backup, in an empty data folder, and verify all of it
    Restore(RestoreBackupArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_that_no_clock_can_hold_or_that_are_none_are_refused() {
        let endless = u64::MAX.to_string();
        for (option, value) in [
            // Whatever is under way would be removed.
            ("--upload-hours", "0"),
            ("--upload-hours", "8785"),
            ("--shutdown-seconds", &endless),
            ("--witness-refresh-seconds", &endless),
            ("--mirror-seconds", &endless),
            ("--journal-days", "4294967295"),
        ] {
            let line = ["hub-server", "serve", "--data", "x", option, value];
            assert!(Cli::try_parse_from(line).is_err(), "{option}");
        }
    }
}
