//! The pool of connections, and whether the database is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, Pool, PooledConnection, R2D2Connection};

use super::postgres::{Address, ConnectError, PostgresConnection};
use super::{AnyConnection, DatabaseError};
use crate::cause::chain;
use crate::config::DatabasePlace;

/// Connections kept open to a file at most; SQLite has many readers and one writer.
const FILE_CONNECTIONS: u32 = 8;

/// How long a request waits for a connection or for another writer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long it waits for a connection until it is asked whether the database is there at all.
const STEP: Duration = Duration::from_millis(500);

/// How long a start waits between two attempts to reach the database.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// Makes connections, and knows whether the last one that was wanted could be made.
#[derive(Clone)]
pub(super) struct Manager(Arc<Place>);

enum Place {
    File(String),
    Postgres {
        address: Box<Address>,
        is_away: AtomicBool,
    },
}

/// The pool that takes them.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool<Manager>,
    manager: Manager,
}

impl Connections {
    /// Opens the database; a PostgreSQL that is not there is waited for, as long as `place` says.
    pub(super) fn open(place: &DatabasePlace) -> Result<Self, DatabaseError> {
        let (manager, size) = match place {
            DatabasePlace::File(path) => {
                let path = path.to_string_lossy().into_owned();
                (Manager(Arc::new(Place::File(path))), FILE_CONNECTIONS)
            }
            DatabasePlace::Postgres {
                url,
                connections,
                patience,
            } => {
                let address: Address = url.text().parse().map_err(DatabaseError::open)?;
                let address = Box::new(address);
                reach(&address, *patience)?;
                let is_away = AtomicBool::new(false);
                let place = Place::Postgres { address, is_away };
                (Manager(Arc::new(place)), *connections)
            }
        };
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(diesel::r2d2::NopErrorHandler))
            .build(manager.clone())
            .map_err(DatabaseError::open)?;
        Ok(Self { pool, manager })
    }

    /// A connection, as soon as there is one. When there is no database, that is said soon.
    pub(super) fn take(&self) -> Result<PooledConnection<Manager>, DatabaseError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.pool.get_timeout(STEP) {
                Ok(connection) => return Ok(connection),
                Err(error) if self.manager.is_away() => return Err(DatabaseError::away(error)),
                Err(error) if Instant::now() >= until => {
                    return Err(DatabaseError::no_connection(error));
                }
                Err(_) => {}
            }
        }
    }

    /// How many connections are in use, and how many are open and idle.
    pub(super) fn count(&self) -> (u32, u32) {
        let state = self.pool.state();
        let in_use = state.connections.saturating_sub(state.idle_connections);
        (in_use, state.idle_connections)
    }

    /// The address of a database that others may use, too.
    pub(super) fn shared(&self) -> Option<&Address> {
        match &*self.manager.0 {
            Place::File(_) => None,
            Place::Postgres { address, .. } => Some(address),
        }
    }
}

/// Waits until the database is there. One that refuses will not think better of it.
fn reach(address: &Address, patience: Duration) -> Result<(), DatabaseError> {
    let until = Instant::now() + patience;
    loop {
        match address.connect() {
            Ok(_) => return Ok(()),
            Err(error @ ConnectError::Away { .. }) if Instant::now() < until => {
                tracing::warn!(%address, error = chain(&error), "waiting for the database");
                std::thread::sleep(BETWEEN_ATTEMPTS);
            }
            Err(source) => {
                let address = address.to_string();
                return Err(DatabaseError::Connect {
                    address,
                    source: Box::new(source),
                });
            }
        }
    }
}

impl Manager {
    fn is_away(&self) -> bool {
        match &*self.0 {
            Place::File(_) => false,
            Place::Postgres { is_away, .. } => is_away.load(Ordering::Relaxed),
        }
    }
}

impl ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = PoolError;

    fn connect(&self) -> Result<AnyConnection, PoolError> {
        match &*self.0 {
            Place::File(path) => open_file(path).map(AnyConnection::Sqlite),
            Place::Postgres { address, is_away } => {
                let connected = address.connect();
                let was_away = is_away.swap(connected.is_err(), Ordering::Relaxed);
                match &connected {
                    Err(error) if !was_away => {
                        tracing::error!(%address, error = chain(error), "the database is away");
                    }
                    Ok(_) if was_away => tracing::info!(%address, "the database is back"),
                    _ => {}
                }
                Ok(connected.map(AnyConnection::Postgres)?)
            }
        }
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), PoolError> {
        Ok(connection.ping()?)
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        std::thread::panicking() || connection.is_broken()
    }
}

/// What every connection to a file is told first. `synchronous=FULL` so that a release that was
/// answered for is there after a power cut.
fn open_file(path: &str) -> Result<SqliteConnection, PoolError> {
    let mut connection = SqliteConnection::establish(path)?;
    let patience_ms = PATIENCE.as_millis();
    connection.batch_execute(&format!(
        "PRAGMA busy_timeout = {patience_ms}; PRAGMA journal_mode = WAL; \
         PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
    ))?;
    Ok(connection)
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolError {
    /// No file, or none of SQLite.
    #[error(transparent)]
    Open(#[from] ConnectionError),
    /// No PostgreSQL.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Not usable.
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
}

/// A lock that one connection to a shared database holds as long as it lives.
pub(crate) struct Hold(PostgresConnection);

impl Hold {
    /// Takes the lock of a number, if nobody has it.
    pub(super) fn take(address: &Address, lock: &str) -> Result<Option<Self>, DatabaseError> {
        let mut connection = address.connect().map_err(DatabaseError::away)?;
        let question =
            diesel::dsl::sql::<diesel::sql_types::Bool>(&format!("pg_try_advisory_lock({lock})"));
        let is_taken: bool = diesel::select(question).get_result(&mut connection)?;
        Ok(is_taken.then_some(Self(connection)))
    }

    /// From now on it is lost when nobody asks about it for eight seconds, as when this server stands still with its
    /// connections open.
    pub(crate) fn end_when_still(&mut self) {
        if let Err(error) = self.0.batch_execute("SET idle_session_timeout = '8s'") {
            // PostgreSQL 13 has no such setting.
            tracing::debug!(
                error = chain(&error),
                "a lock may be held by who stands still"
            );
        }
    }

    /// Whether it is still held.
    pub(crate) fn is_held(&mut self) -> bool {
        self.0.batch_execute("SELECT 1").is_ok()
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hold")
    }
}
