//! Commands that make a hub's data, look after it, and copy it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use registry_schema::log::checkpoint::Origin;

use super::values::parse_grace;
use super::{BlobsArgs, BlobsPlace, DataArgs, DatabaseUrl};

/// `hub-server init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where the data will be.
    #[command(flatten)]
    pub data: DataArgs,
    /// The founding draft of `hub consortium init`, signed by enough members; it names the hub's
    /// keys, which `hub-server keys` makes before
    #[arg(long, value_name = "DRAFT", required_unless_present = "mirror")]
    pub root: Option<PathBuf>,
    /// Show what `hub mirror` has copied of another hub into this folder, and take nothing; given
    /// again for the same data, another folder of the same hub
    #[arg(long, value_name = "FOLDER", conflicts_with = "root")]
    pub mirror: Option<PathBuf>,
}

/// `hub-server keys`
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Where the data is, or will be.
    #[command(flatten)]
    pub data: DataArgs,
    /// The name of the log, for good: the hub's address without `https://`
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<Origin>,
    /// Make an online key that takes the place of the present one, which somebody may have stolen, as
    /// soon as the trust root names it, and print it, too; one that lies there already is printed
    #[arg(long)]
    pub next_online: bool,
    /// Make it anew, when the one that lies there may have been stolen, too; that one is put aside
    #[arg(long, requires = "next_online")]
    pub anew: bool,
}

/// `hub-server log …`
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Recompute everything from the entries: hashes, tiles, root, signatures, and every row
    Verify(DataArgs),
    /// Bring back entries that an old copy of the database lacks, from a copy of the log, and sign the
    /// trust root under versions above all that clients have seen; the server must not run
    Restore(Box<RestoreArgs>),
}

/// `hub-server log restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where the blobs are.
    #[command(flatten)]
    pub blobs: BlobsArgs,
    /// A folder laid out as the hub serves its log below `/log/`: `checkpoint`, `tile/entries/…`
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// A change of the trust root that the backup does not have, as it was published; repeatable, in
    /// the order in which they were
    #[arg(long = "draft", value_name = "FILE")]
    pub drafts: Vec<PathBuf>,
}

/// `hub-server rebuild-index`
#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where the blobs are.
    #[command(flatten)]
    pub blobs: BlobsArgs,
}

/// `hub-server migrate-store`
#[derive(Debug, Args)]
#[group(id = "stores", required = true, multiple = true, args = ["from", "to"])]
pub struct MigrateStoreArgs {
    /// The data folder, whose keys must be those of the hub
    #[arg(long = "data", value_name = "DIR", env = "HUB_SERVER_DATA")]
    pub folder: PathBuf,
    /// The PostgreSQL database that holds the rows; without it, the file in the data folder
    #[arg(long, value_name = "URL")]
    pub from: Option<DatabaseUrl>,
    /// The empty PostgreSQL database that they go to; without it, a new file in the data folder
    #[arg(long, value_name = "URL")]
    pub to: Option<DatabaseUrl>,
}

/// `hub-server gc`
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where the blobs are.
    #[command(flatten)]
    pub blobs: BlobsArgs,
    /// Remove nothing, and say what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Leave blobs alone that were stored in this time: whoever publishes uploads first, such as `7d`,
    /// `12h`
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_grace)]
    pub grace: jiff::SignedDuration,
    /// Print what was done as JSON
    #[arg(long)]
    pub json: bool,
}

/// `hub-server copy-blobs`
#[derive(Debug, Args)]
pub struct CopyBlobsArgs {
    /// A hub's data folder, or a bucket as for `serve --blobs`
    #[arg(long, value_name = "DIR_OR_S3_URL")]
    pub from: BlobsPlace,
    /// A hub's data folder, or a bucket as for `serve --blobs`
    #[arg(long, value_name = "DIR_OR_S3_URL")]
    pub to: BlobsPlace,
}

/// `hub-server doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where the blobs are.
    #[command(flatten)]
    pub blobs: BlobsArgs,
    /// Read every blob again and compare its digest
    #[arg(long)]
    pub deep: bool,
    /// The certificate given to `serve`, to check when it ends
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
}

/// `hub-server backup`
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where the blobs are: in the data folder.
    #[command(flatten)]
    pub blobs: BlobsArgs,
    /// The folder that is made; or the file, when its name ends in `.tar`
    #[arg(long, value_name = "DIR|FILE.tar")]
    pub to: PathBuf,
    /// With the hub's secret keys: keep such a backup as safe as the hub itself
    #[arg(long)]
    pub with_keys: bool,
    /// Copy blobs and compare their digests, also where a second name for the same bytes would do
    #[arg(long)]
    pub copy: bool,
}

/// `hub-server restore`
#[derive(Debug, Args)]
pub struct RestoreBackupArgs {
    /// Where the data will be: empty, or with `keys/` alone.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where the blobs will be: in the data folder.
    #[command(flatten)]
    pub blobs: BlobsArgs,
    /// What `hub-server backup` made
    #[arg(long, value_name = "DIR|FILE.tar")]
    pub from: PathBuf,
    /// A newer copy of the log, as `hub-server log restore` takes it: what was recorded since the backup is
    /// brought back
    #[arg(long, value_name = "DIR")]
    pub log: Option<PathBuf>,
    /// A change of the trust root since the backup, as it was published; repeatable, in the order in which
    /// they were
    #[arg(long = "draft", value_name = "FILE", requires = "log")]
    pub drafts: Vec<PathBuf>,
    /// Restore also when files of releases are not whole in the backup
    #[arg(long)]
    pub allow_missing: bool,
}
