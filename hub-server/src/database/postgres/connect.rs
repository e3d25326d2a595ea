//! Making a connection of which the codes of errors are heard: by TCP in the way of `tokio-postgres`; to a socket of
//! this machine by hand, as it lets nobody stand there.

use std::path::PathBuf;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_postgres::config::{Config, Host, TargetSessionAttrs};
use tokio_postgres::{Client, Connection, NoTls, SimpleQueryMessage};

use super::address::ConnectError;
use super::codes::LastCode;
use super::tls::{Connector, Stream};

/// PostgreSQL's own.
const PORT: u16 = 5432;

/// Makes a connection, within a runtime that moves its bytes.
pub(super) async fn connect(
    config: &Config,
    tls: &Connector,
    last: &LastCode,
) -> Result<AsyncPgConnection, ConnectError> {
    let sockets = sockets(config);
    if sockets.is_empty() {
        let (client, connection) = config.connect(tls.heard_by(last)).await?;
        return take(client, connection).await;
    }
    let mut failure = None;
    for socket in sockets {
        match at_socket(config, socket, last).await {
            Ok((client, connection)) => return take(client, connection).await,
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or(ConnectError::OtherRole))
}

/// The sockets of this machine that an address leads to, unless it leads elsewhere, too.
fn sockets(config: &Config) -> Vec<PathBuf> {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    let socket = |(at, host): (usize, &Host)| {
        let port = ports.get(at).or(ports.first()).unwrap_or(&PORT);
        match host {
            Host::Unix(folder) => Some(folder.join(format!(".s.PGSQL.{port}"))),
            Host::Tcp(_) => None,
        }
    };
    let all: Option<Vec<_>> = hosts.iter().enumerate().map(socket).collect();
    all.unwrap_or_default()
}

type Near = Connection<Stream<UnixStream>, tokio_postgres::tls::NoTlsStream>;

async fn at_socket(
    config: &Config,
    socket: PathBuf,
    last: &LastCode,
) -> Result<(Client, Near), ConnectError> {
    let patience = config.get_connect_timeout().copied();
    let connecting = UnixStream::connect(socket);
    let stream = tokio::time::timeout(patience.unwrap_or(Duration::MAX), connecting)
        .await
        .map_err(ConnectError::away)?
        .map_err(ConnectError::away)?;
    let stream = Stream::plain(stream, last);
    let (client, mut connection) = config.connect_raw(stream, NoTls).await?;
    let wanted = match config.get_target_session_attrs() {
        TargetSessionAttrs::ReadWrite => "off",
        TargetSessionAttrs::ReadOnly => "on",
        _ => return Ok((client, connection)),
    };
    let asked = client.simple_query("SHOW transaction_read_only");
    let said = tokio::select! {
        said = asked => said?,
        ended = &mut connection => return Err(ended.err().map_or(ConnectError::OtherRole, Into::into)),
    };
    let is_wanted = said.iter().any(
        |message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some(wanted)),
    );
    match is_wanted {
        true => Ok((client, connection)),
        false => Err(ConnectError::OtherRole),
    }
}

/// Has the bytes moved, for as long as the client lives.
async fn take<S, T>(
    client: Client,
    connection: Connection<S, T>,
) -> Result<AsyncPgConnection, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if let Some(encoding) = connection.parameter("server_encoding")
        && encoding != "UTF8"
    {
        let encoding = encoding.to_owned();
        return Err(ConnectError::Encoding { encoding });
    }
    tokio::spawn(async move {
        // Whoever asks for something is told that it is closed.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the database has ended");
        }
    });
    let made = AsyncPgConnection::try_from(client);
    made.await.map_err(ConnectError::away)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn sockets_are_known_by_their_folders_and_ports() {
        let found = |url: &str| sockets(&url.parse().unwrap());
        let path = |port: u16| PathBuf::from(format!("/run/pg/.s.PGSQL.{port}"));
        assert_eq!(found("postgres://%2Frun%2Fpg/hub"), [path(5432)]);
        assert_eq!(
            found("host=/run/pg,/run/pg port=5433,5434"),
            [path(5433), path(5434)]
        );
        assert_eq!(
            found("host=/run/pg,/run/pg port=5433"),
            [path(5433), path(5433)]
        );
        assert!(found("postgres://localhost/hub").is_empty());
        assert!(found("host=/run/pg,localhost").is_empty());
    }
}
