//! The settings of a server.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::values::parse_network;
use super::{BlobsArgs, DataArgs, ScopeArg};
use crate::repository::Namespace;

/// Seconds of a year: longer times are no settings, and some are past what a clock can hold.
const YEAR: u64 = 366 * 24 * 3600;

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
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8784))]
    pub upload_hours: u32,
    /// Seconds after which witnesses are asked again when the log has not grown, so that clients
    /// see that it is alive
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=YEAR))]
    pub witness_refresh_seconds: u64,
    /// Seconds after which a mirror looks again whether its folder has changed
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=YEAR))]
    pub mirror_seconds: u64,
    /// Seconds that requests under way get to end when the server stops
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=YEAR))]
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
    /// Lists (PEM) of certificates that these authorities have revoked, one of each that signs members'
    /// certificates; taken again when the file changes, for open connections, too
    #[arg(long, value_name = "FILE", requires = "client_ca")]
    pub client_crl: Option<PathBuf>,
    /// What a client may do that has a certificate and no token
    #[arg(long, value_enum, value_name = "SCOPE", default_value_t = ScopeArg::Read)]
    pub client_cert_scope: ScopeArg,
    /// Refuse connections without a client's certificate
    #[arg(long, requires = "client_ca")]
    pub require_client_cert: bool,
    /// Days for which the access journal is kept; 0 keeps none
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(..=36_500))]
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
