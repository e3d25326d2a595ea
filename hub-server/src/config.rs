//! The command line, and where things are in the data folder.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use registry_schema::api::Scope;
use registry_schema::log::checkpoint::Origin;
use registry_schema::name::MemberName;

use crate::bucket_address::{AddressError, BucketAddress};
use crate::repository::Namespace;

/// The registry of an extractor hub: signed releases, blobs, tokens.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
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
    /// Make an empty data folder that of a backed-up hub, and verify all of it
    Restore(RestoreBackupArgs),
}

/// The folder that holds everything.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// The folder that holds everything: database, blobs, keys, certificate
    #[arg(long = "data", value_name = "DIR", env = "HUB_SERVER_DATA")]
    pub folder: PathBuf,
    /// A PostgreSQL database in the place of the file in the folder, which several servers may share:
    /// `postgres://USER:PASSWORD@HOST/NAME?sslrootcert=FILE`; the password may be in PGPASSWORD
    #[arg(
        long,
        value_name = "URL",
        env = "HUB_SERVER_DATABASE",
        hide_env_values = true
    )]
    pub database: Option<DatabaseUrl>,
}

/// Where a PostgreSQL database is, perhaps with a password: shown to nobody.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

impl DatabaseUrl {
    /// The URL, password included.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// Where the database is.
#[derive(Clone, Debug)]
pub(crate) enum DatabasePlace {
    /// A file of SQLite.
    File(PathBuf),
    /// A PostgreSQL server.
    Postgres {
        url: DatabaseUrl,
        /// Connections kept open at most.
        connections: u32,
        /// How long to wait for it at the start.
        patience: Duration,
    },
}

/// Connections that a command opens to a PostgreSQL database at most.
const COMMAND_CONNECTIONS: u32 = 4;

/// How long a command waits for it.
const COMMAND_PATIENCE: Duration = Duration::from_secs(5);

/// How long a server waits for it when it starts.
const SERVE_PATIENCE: Duration = Duration::from_secs(60);
/// The place of the blobs.
#[derive(Clone, Debug, Args)]
pub struct BlobsArgs {
    /// The bucket that holds the blobs, `s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION`;
    /// without it they are in the data folder. Keys come from AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY, or from a file that `credentials=FILE` names in the address
    #[arg(long = "blobs", value_name = "S3_URL", env = "HUB_SERVER_BLOBS")]
    pub bucket: Option<BucketAddress>,
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

/// A place where blobs can be.
#[derive(Clone, Debug)]
pub enum BlobsPlace {
    /// A data folder.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketAddress),
}

impl std::str::FromStr for BlobsPlace {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.starts_with("s3:") {
            text.parse().map(Self::Bucket)
        } else {
            Ok(Self::Folder(PathBuf::from(text)))
        }
    }
}

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

/// `hub-server serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where the blobs are.
    #[command(flatten)]
    pub blobs: BlobsArgs,
    /// Send those who want a large blob to the bucket, with an address that is good for so many
    /// seconds, instead of sending it through this server
    #[arg(long, value_name = "SECONDS", requires = "bucket", value_parser = clap::value_parser!(u64).range(10..=604_800))]
    pub redirect_blobs: Option<u64>,
    /// Address and port to listen at; port 0 takes a free one and prints it
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8443",
        env = "HUB_SERVER_LISTEN"
    )]
    pub listen: SocketAddr,
    /// Address and port for `/metrics`, `/healthz` and `/readyz` alone, in plain HTTP and without a
    /// token: one that only your monitoring reaches; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// Certificate chain (PEM), the server's own first
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        conflicts_with = "dev_tls"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Secret key of the certificate (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        conflicts_with = "dev_tls"
    )]
    pub tls_key: Option<PathBuf>,
    /// Use a certificate made here, kept in the data folder, and print its fingerprint
    #[arg(long)]
    pub dev_tls: bool,
    /// Let everybody read without a token
    #[arg(long)]
    pub public: bool,
    /// Connections to a PostgreSQL database at most; it must take those of all servers, and one more
    /// of each
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..))]
    pub database_connections: u32,
    /// Let members push to, and delete from, OCI repositories `NAMESPACE/…`, which are no extractors:
    /// all members, or those of `NAMESPACE=MEMBER,MEMBER`; repeatable
    #[arg(long, value_name = "NAMESPACE")]
    pub oci_repositories: Vec<Namespace>,
    /// Bytes of the disk that uploads leave free
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    pub reserve_bytes: u64,
    /// Hours after which an upload on which nothing happens is removed
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub upload_hours: u32,
    /// Seconds after which witnesses are asked again when the log has not grown, so that clients
    /// see that it is alive
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub witness_refresh_seconds: u64,
    /// Seconds after which a mirror looks again whether its folder has changed
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub mirror_seconds: u64,
    /// Seconds that requests under way get to end when the server stops
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub shutdown_seconds: u64,
    /// Requests a minute from one address, a sixth of them at once; 0 for no limit. This machine itself is not
    /// limited
    #[arg(long, value_name = "REQUESTS", default_value_t = 6000)]
    pub rate_per_address: u32,
    /// Requests a minute with one token, a sixth of them at once; 0 for no limit
    #[arg(long, value_name = "REQUESTS", default_value_t = 6000)]
    pub rate_per_token: u32,
    /// Address or network of a proxy before this server, which is believed when it says whose request it
    /// brings; repeatable
    #[arg(long = "trusted-proxy", value_name = "ADDRESS|CIDR", value_parser = parse_network)]
    pub trusted_proxies: Vec<IpNet>,
    /// In which header the proxy says it
    #[arg(long, value_enum, default_value_t = ForwardedBy::XForwardedFor)]
    pub forwarded_by: ForwardedBy,
    /// Authorities (PEM) that sign clients' certificates: one that names a member in
    /// `urn:extractor-hub:member:NAME`, or in its common name, is as good as a token of the member
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// What a client may do that has a certificate and no token
    #[arg(long, value_enum, value_name = "SCOPE", default_value_t = ScopeArg::Read)]
    pub client_cert_scope: ScopeArg,
    /// Refuse connections without a client's certificate
    #[arg(long, requires = "client_ca")]
    pub require_client_cert: bool,
    /// Days for which the access journal is kept; 0 keeps none
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub journal_days: u32,
    /// Bytes of the access journal at most; the oldest part goes first
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30, value_parser = clap::value_parser!(u64).range(1 << 20..))]
    pub journal_bytes: u64,
    /// Keep addresses of clients in the access journal, too
    #[arg(long)]
    pub journal_addresses: bool,
    /// A file of these settings in TOML, such as examples/hub.toml; the command line and the environment win
    #[arg(long, value_name = "FILE", env = "HUB_SERVER_CONFIG")]
    pub config: Option<PathBuf>,
    /// Check everything that can be checked without starting, and print the settings in force
    #[arg(long)]
    pub check_config: bool,
    /// The settings in force, by name.
    #[arg(skip)]
    pub settings: Vec<Setting>,
}

/// How a proxy says whose request it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`, to which each proxy appends
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

impl ForwardedBy {
    /// The header's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// One setting of `serve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name in a file.
    pub key: String,
    /// Its value, without passwords.
    pub value: String,
    /// Where it comes from: the command line, the environment, the file, or a default.
    pub source: &'static str,
}

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

/// A limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<u64>);

fn parse_count(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit(None)),
        number => match number.parse() {
            Ok(number) if i64::try_from(number).is_ok() => Ok(Limit(Some(number))),
            _ => Err(format!("`{text}` is neither a whole number nor `none`")),
        },
    }
}

fn parse_bytes(text: &str) -> Result<Limit, String> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, factor) = unit.map_or((text, 1), |(unit, factor)| {
        (text.trim_end_matches(unit).trim_end(), *factor)
    });
    let wrong = || format!("`{text}` is neither a number of bytes such as `50GiB` nor `none`");
    let Limit(limit) = parse_count(number).map_err(|_| wrong())?;
    let bytes = limit.map(|number| number.checked_mul(factor).filter(|bytes| *bytes < 1 << 63));
    match bytes {
        None => Ok(Limit(None)),
        Some(Some(bytes)) => Ok(Limit(Some(bytes))),
        Some(None) => Err(wrong()),
    }
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

fn parse_first(text: &str) -> Result<jiff::Timestamp, String> {
    parse_moment(text, 0)
}

fn parse_end(text: &str) -> Result<jiff::Timestamp, String> {
    parse_moment(text, 1)
}

/// A moment; for a day in UTC its beginning, or that of a later day.
fn parse_moment(text: &str, days: i64) -> Result<jiff::Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let day = text.parse::<jiff::civil::Date>();
    let day = day.and_then(|day| day.checked_add(jiff::Span::new().days(days)));
    day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC))
        .map(|start| start.timestamp())
        .map_err(|_| {
            format!("`{text}` is neither a day such as `2026-11-01` nor a moment in RFC 3339")
        })
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

fn parse_lifetime(text: &str) -> Result<jiff::SignedDuration, String> {
    let lifetime = parse_time(text)?;
    let longest = jiff::SignedDuration::from_hours(10 * 366 * 24);
    if lifetime.is_positive() && lifetime <= longest {
        Ok(lifetime)
    } else {
        Err("a token lasts longer than no time and at most ten years".to_owned())
    }
}

fn parse_grace(text: &str) -> Result<jiff::SignedDuration, String> {
    let grace = parse_time(text)?;
    if grace.is_negative() {
        return Err("a time of grace is not negative".to_owned());
    }
    Ok(grace)
}

fn parse_time(text: &str) -> Result<jiff::SignedDuration, String> {
    let wrong = || format!("`{text}` is not a length of time: write such as `90d` or `12h`");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is neither an address nor a network such as `10.0.0.0/8`"))
}

/// Where things are in the data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    root: PathBuf,
    database: DatabasePlace,
}

impl DataFolder {
    /// A folder that holds everything.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            database: DatabasePlace::File(root.join("hub.sqlite")),
        }
    }

    /// As a command line says it.
    pub(crate) fn of(args: &DataArgs) -> Self {
        Self::with_database(&args.folder, args.database.as_ref())
    }

    /// A folder with its database elsewhere, or in it.
    pub(crate) fn with_database(root: &Path, url: Option<&DatabaseUrl>) -> Self {
        let mut data = Self::new(root);
        if let Some(url) = url {
            data.database = DatabasePlace::Postgres {
                url: url.clone(),
                connections: COMMAND_CONNECTIONS,
                patience: COMMAND_PATIENCE,
            };
        }
        data
    }

    /// The same for a server, which has more to do and more time to wait.
    pub(crate) fn of_server(args: &ServeArgs) -> Self {
        let mut data = Self::of(&args.data);
        if let DatabasePlace::Postgres {
            connections,
            patience,
            ..
        } = &mut data.database
        {
            (*connections, *patience) = (args.database_connections, SERVE_PATIENCE);
        }
        data
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Secret keys of the hub itself.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Signs snapshot and timestamp of the trust root.
    pub(crate) fn online_key(&self) -> PathBuf {
        self.keys().join("online.pem")
    }

    /// Is to take the place of the online key when the trust root names it.
    pub(crate) fn next_online_key(&self) -> PathBuf {
        self.keys().join("online-next.pem")
    }

    /// An online key in whose place there is another one, by its public half in hex.
    pub(crate) fn replaced_online_key(&self, public: &str) -> PathBuf {
        self.keys().join(format!("online-{public}.pem"))
    }

    pub(crate) fn log_key(&self) -> PathBuf {
        self.keys().join("log.key")
    }

    pub(crate) fn database(&self) -> &DatabasePlace {
        &self.database
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Lists of the chunks of blobs, which may be removed at any time.
    pub(crate) fn chunks(&self) -> PathBuf {
        self.root.join("chunks")
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    pub(crate) fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// The access journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("server.lock")
    }

    /// Held while blobs are collected.
    pub(crate) fn gc_lock(&self) -> PathBuf {
        self.root.join("gc.lock")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bytes_have_units_and_days_an_end() {
        let bytes = |text| parse_bytes(text).map(|Limit(limit)| limit);
        assert_eq!(bytes("none"), Ok(None));
        assert_eq!(bytes("50GiB"), Ok(Some(50 << 30)));
        assert_eq!(bytes("1 kB"), Ok(Some(1000)));
        assert_eq!(bytes("7"), Ok(Some(7)));
        for bad in ["", "GiB", "1.5GiB", "-1", "99999999TiB", "1XB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        let day = "2026-11-28";
        assert_eq!(
            parse_first(day).unwrap().to_string(),
            "2026-11-28T00:00:00Z"
        );
        assert_eq!(parse_end(day).unwrap().to_string(), "2026-11-29T00:00:00Z");
        let moment = "2026-11-28T12:00:00Z";
        assert_eq!(parse_end(moment).unwrap().to_string(), moment);
        assert!(parse_end("yesterday").is_err());
    }

    #[test]
    fn lifetimes_have_bounds() {
        assert_eq!(parse_lifetime("90d").unwrap().as_hours(), 90 * 24);
        assert_eq!(parse_lifetime("30s").unwrap().as_secs(), 30);
        for bad in ["", "x", "0s", "-1d", "20y", "90"] {
            assert!(parse_lifetime(bad).is_err(), "{bad}");
        }
        assert!(parse_grace("0s").unwrap().is_zero());
        assert!(parse_grace("-1d").is_err());
    }
}
