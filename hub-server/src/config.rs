//! The command line, and where things are in the data folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use registry_schema::api::Scope;
use registry_schema::log::checkpoint::Origin;
use registry_schema::name::MemberName;

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
    Serve(ServeArgs),
    /// The transparency log
    #[command(subcommand)]
    Log(LogCommand),
    /// Make every row that follows from the log anew, from its entries and the blobs; the server
    /// must not run
    RebuildIndex(DataArgs),
    /// Move a hub's rows from the file in its data folder to PostgreSQL, or back, or from one PostgreSQL
    /// database to another; no server may run, and blobs stay where they are
    MigrateStore(MigrateStoreArgs),
    /// Tokens of members
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check the data folder, and say what is wrong
    Doctor(DoctorArgs),
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
    Restore(RestoreArgs),
}

/// `hub-server log restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
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
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
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
    /// Read every blob again and compare its digest
    #[arg(long)]
    pub deep: bool,
    /// The certificate given to `serve`, to check when it ends
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
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
    let wrong = || format!("`{text}` is not a length of time: write such as `90d` or `12h`");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let lifetime = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    let longest = jiff::SignedDuration::from_hours(10 * 366 * 24);
    if lifetime.is_positive() && lifetime <= longest {
        Ok(lifetime)
    } else {
        Err("a token lasts longer than no time and at most ten years".to_owned())
    }
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

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("server.lock")
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
    fn lifetimes_have_bounds() {
        assert_eq!(parse_lifetime("90d").unwrap().as_hours(), 90 * 24);
        assert_eq!(parse_lifetime("30s").unwrap().as_secs(), 30);
        for bad in ["", "x", "0s", "-1d", "20y", "90"] {
            assert!(parse_lifetime(bad).is_err(), "{bad}");
        }
    }
}
