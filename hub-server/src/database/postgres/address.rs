//! Where a PostgreSQL database is and how to speak to it: a connection URL as `libpq` has them, of
//! which the password is shown to nobody.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode, SslNegotiation};
use tokio_postgres::error::SqlState;

use super::codes::LastCode;
use super::connect::connect;
use super::tls::{Connector, Files, FilesError};
use super::{Driver, PostgresConnection};

/// How long making a connection may take, from the first packet to the first answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// What the two sides say to each other when nothing is said: a machine that vanished is noticed
/// after 5 + 3 × 2 seconds.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(5);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(2);
const KEEP_ALIVE_TIMES: u32 = 3;

/// What every connection is told first. A statement that was answered for is on the disk; whoever
/// waits for another one or stands still ends, and with it what it holds. Messages below a warning
/// are for nobody.
pub(in crate::database) const SETTINGS: &str = "\
    SET synchronous_commit = on; \
    SET lock_timeout = '10s'; \
    SET statement_timeout = '60s'; \
    SET idle_in_transaction_session_timeout = '20s'; \
    SET tcp_keepalives_idle = 5; \
    SET tcp_keepalives_interval = 2; \
    SET tcp_keepalives_count = 3; \
    SET tcp_user_timeout = '11s'; \
    SET client_min_messages = warning";

/// Where a database is.
#[derive(Clone)]
pub(crate) struct Address {
    config: Config,
    tls: Connector,
    shown: String,
}

impl Address {
    /// Makes a connection.
    ///
    /// # Errors
    /// [`ConnectError`] says whether it may go better later.
    pub(crate) fn connect(&self) -> Result<PostgresConnection, ConnectError> {
        let handle = Driver::handle().map_err(ConnectError::away)?;
        let last = LastCode::default();
        let mut connection = handle.block_on(async {
            let connecting = connect(&self.config, &self.tls, &last);
            let made = tokio::time::timeout(CONNECT_PATIENCE, connecting).await;
            let made = made.map_err(ConnectError::away)??;
            // Within the runtime.
            Ok::<_, ConnectError>(PostgresConnection::new(made, last.clone()))
        })?;
        connection
            .batch_execute(SETTINGS)
            .map_err(ConnectError::away)?;
        Ok(connection)
    }
}

/// Host, port and name, without user and password.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({self})")
    }
}

/// The part of a URL that says how to speak TLS, which the rest of it does not know.
#[derive(Debug, Default)]
struct TlsOptions {
    mode: Option<String>,
    roots: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        let (rest, options) = TlsOptions::taken_from(url)?;
        let mut config: Config = rest.parse().map_err(|_| AddressError::Malformed)?;
        if config.get_hosts().is_empty() {
            config.host_path("/var/run/postgresql");
        }
        if config.get_password().is_none()
            && let Some(password) = std::env::var_os("PGPASSWORD")
        {
            config.password(password.as_encoded_bytes());
        }
        config
            .application_name("hub-server")
            .connect_timeout(CONNECT_PATIENCE / 2)
            .keepalives_idle(KEEP_ALIVE_AFTER)
            .keepalives_interval(KEEP_ALIVE_EVERY)
            .keepalives_retries(KEEP_ALIVE_TIMES)
            .tcp_user_timeout(KEEP_ALIVE_AFTER + KEEP_ALIVE_EVERY * KEEP_ALIVE_TIMES);
        let is_near = config.get_hosts().iter().all(is_this_machine);
        let has_tls = match options.mode.as_deref() {
            None => !is_near,
            Some("disable") => false,
            Some("verify-full") => true,
            Some(_) => return Err(AddressError::SslMode),
        };
        let is_socket = |host: &Host| matches!(host, Host::Unix(_));
        let tls = match has_tls {
            true => options.connector()?,
            false => Connector::none(),
        };
        match has_tls {
            true => config.ssl_mode(SslMode::Require),
            false if config.get_hosts().iter().all(is_socket) => config.ssl_mode(SslMode::Disable),
            // Nothing is said about TLS, and the connector, which makes none, has the bytes from the first one on.
            false => config
                .ssl_mode(SslMode::Require)
                .ssl_negotiation(SslNegotiation::Direct),
        };
        let shown = shown(&config);
        Ok(Self { config, tls, shown })
    }
}

impl TlsOptions {
    /// Takes the options out of a URL; the URL without them.
    fn taken_from(url: &str) -> Result<(String, Self), AddressError> {
        let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !is_url {
            return Err(AddressError::Malformed);
        }
        let mut options = Self::default();
        let Some((before, query)) = url.split_once('?') else {
            return Ok((url.to_owned(), options));
        };
        let mut others = Vec::new();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| AddressError::Malformed)?.into_owned();
            match key {
                "sslmode" => options.mode = Some(value),
                "sslrootcert" if value == "system" => options.roots = None,
                "sslrootcert" => options.roots = Some(value.into()),
                "sslcert" => options.certificate = Some(value.into()),
                "sslkey" => options.key = Some(value.into()),
                _ => others.push(pair),
            }
        }
        let url = match others.is_empty() {
            true => before.to_owned(),
            false => format!("{before}?{}", others.join("&")),
        };
        Ok((url, options))
    }

    fn connector(&self) -> Result<Connector, AddressError> {
        let own = match (&self.certificate, &self.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.as_path(), key.as_path())),
            _ => return Err(AddressError::OwnCertificate),
        };
        let roots = self.roots.as_deref();
        Ok(Connector::load(Files { roots, own })?)
    }
}

/// Whether nobody can listen on the way there.
fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

fn shown(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<_> = hosts.collect();
    let ports: Vec<_> = config.get_ports().iter().map(u16::to_string).collect();
    let port = match ports.is_empty() {
        true => String::new(),
        false => format!(":{}", ports.join(",")),
    };
    let name = config.get_dbname().unwrap_or_default();
    format!("{}{port}/{name}", hosts.join(","))
}

/// What is no address. Nothing of it is repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    /// No URL.
    #[error(
        "the database is to be given as `postgres://USER:PASSWORD@HOST/NAME`, with `%40` for an `@` in the password; without `--database` it is a file in the data folder"
    )]
    Malformed,
    /// TLS that checks nothing.
    #[error(
        "`sslmode` is `verify-full` (what another machine gets anyway) or `disable` here; with `verify-full`, `sslrootcert=FILE` names who vouches for the database's certificate"
    )]
    SslMode,
    /// Half of a certificate.
    #[error("`sslcert` and `sslkey` belong together")]
    OwnCertificate,
    /// A file.
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// Nobody is there, or nobody who has time.
    #[error("it cannot be reached")]
    Away {
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It says no: a password, a name, a certificate.
    #[error("it refuses the connection")]
    Refused {
        /// What it said.
        source: Box<tokio_postgres::Error>,
    },
    /// It writes, and is wanted to read, or the other way round.
    #[error("it is not of the kind that `target_session_attrs` asks for")]
    OtherRole,
    /// Text is of another kind there.
    #[error(
        "it keeps text as {encoding}: make one with `createdb --encoding=UTF8 --template=template0`"
    )]
    Encoding {
        /// The kind.
        encoding: String,
    },
}

impl ConnectError {
    pub(super) fn away(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Away {
            source: Box::new(source),
        }
    }
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(source: tokio_postgres::Error) -> Self {
        let comes_again = [
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
        ];
        match source.code() {
            Some(code) if !comes_again.contains(code) => Self::Refused {
                source: Box::new(source),
            },
            _ => Self::away(source),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(url: &str) -> Address {
        url.parse().unwrap()
    }

    #[test]
    fn no_form_of_an_address_shows_its_password() {
        let address = read("postgresql://hub:s%3Fcret@db.example.org:5433/hub?sslmode=disable");
        for text in [address.to_string(), format!("{address:?}")] {
            assert!(text.contains("db.example.org:5433/hub"), "{text}");
            assert!(!text.contains("cret"), "{text}");
        }
        assert_eq!(address.config.get_password().unwrap(), b"s?cret");
        for bad in [
            "hub.sqlite",
            "postgres://hub:secret@host:port/hub",
            "postgres://hub:secret@host/hub?sslmode=require",
            "postgres://hub:secret@127.0.0.1/hub?frobnicate=1",
        ] {
            let error = bad.parse::<Address>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_way_to_another_machine_is_encrypted_unless_told_otherwise() {
        let is_encrypted = |url: &str| {
            let address = read(url);
            assert!(!address.tls.is_tls() || address.config.get_ssl_mode() == SslMode::Require);
            address.tls.is_tls()
        };
        assert!(!is_encrypted("postgres://hub@127.0.0.1/hub"));
        assert!(!is_encrypted("postgres://hub@localhost/hub"));
        assert!(!is_encrypted("postgres:///hub?user=hub"));
        let wished = "postgres://hub@db.example.org/hub?sslmode=disable&application_name=x";
        assert!(!is_encrypted(wished));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root.pem");
        let made = rcgen::generate_simple_self_signed(vec!["db.example.org".to_owned()]).unwrap();
        let url = format!(
            "postgres://hub@db.example.org/hub?sslrootcert={}",
            file.display()
        );
        let missing = url.parse::<Address>().unwrap_err().to_string();
        assert!(missing.contains("root.pem"), "{missing}");
        std::fs::write(&file, made.cert.pem()).unwrap();
        assert!(is_encrypted(&url));
        let half = format!("{url}&sslcert={}", file.display());
        assert!(half.parse::<Address>().is_err());
    }
}
