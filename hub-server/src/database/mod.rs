//! The only room that speaks SQL. Rows and queries are beside each other, one file for each kind.
//!
//! Statements keep to what every database understands (no `RETURNING`, no `ON CONFLICT`, one row at
//! a time), so that a second kind of database changes this folder alone.

pub(crate) mod advisories;
pub(crate) mod alarms;
pub(crate) mod blobs;
pub(crate) mod catalogue;
mod error;
pub(crate) mod evaluations;
pub(crate) mod key_compromises;
pub(crate) mod log;
mod migrate;
pub(crate) mod model_signatures;
pub(crate) mod quotas;
pub(crate) mod releases;
mod schema;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod tokens;
pub(crate) mod trust;
pub(crate) mod uploads;
pub(crate) mod yanks;

pub(crate) use error::DatabaseError;
pub(crate) use migrate::pending_migrations;

use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};

/// A connection: what queries take.
pub(crate) type Connection = SqliteConnection;

/// Connections kept open at most; SQLite has many readers and one writer.
const CONNECTIONS: u32 = 8;

/// How long a request waits for a connection or for another writer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pool of connections.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool<ConnectionManager<Connection>>,
}

impl Database {
    /// Opens the database file, makes it when it is missing, and brings its tables up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let database = Self::connect(path)?;
        database.with(migrate::run)?;
        Ok(database)
    }

    /// Opens the database file as it is.
    pub(crate) fn connect(path: &Path) -> Result<Self, DatabaseError> {
        let manager = ConnectionManager::new(path.to_string_lossy());
        let pool = Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(1))
            .connection_timeout(PATIENCE)
            .connection_customizer(Box::new(Settings))
            .build(manager)
            .map_err(DatabaseError::open)?;
        Ok(Self { pool })
    }

    /// Runs queries on this thread, which may wait.
    pub(crate) fn with<T, E: From<DatabaseError>>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.pool.get().map_err(DatabaseError::no_connection)?;
        queries(&mut connection)
    }

    /// Runs queries as one transaction on this thread: all of them happen, or none.
    pub(crate) fn transaction<T, E: From<DatabaseError>>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with(|connection| {
            connection
                .immediate_transaction(|connection| queries(connection).map_err(Rollback::Caller))
                .map_err(|rollback| match rollback {
                    Rollback::Caller(error) => error,
                    Rollback::Database(source) => DatabaseError::from(source).into(),
                })
        })
    }

    /// Runs queries that read, as one view of the database: writers do not disturb it, nor it them.
    pub(crate) fn view<T, E: From<DatabaseError>>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with(|connection| savepoint(connection, queries))
    }

    /// Runs queries on a thread that may wait.
    pub(crate) async fn run<T: Send + 'static, E: From<DatabaseError> + Send + 'static>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let database = self.clone();
        tokio::task::spawn_blocking(move || database.with(queries))
            .await
            .map_err(|_| DatabaseError::Interrupted)?
    }

    /// Writes all of it, as it is at one moment, into an empty file. Who writes meanwhile is not kept waiting.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(), DatabaseError> {
        self.with(|connection| {
            diesel::sql_query("VACUUM INTO ?")
                .bind::<diesel::sql_types::Text, _>(path.to_string_lossy())
                .execute(connection)?;
            Ok(())
        })
    }

    /// How many connections are in use, and how many are open and idle.
    pub(crate) fn connections(&self) -> (u32, u32) {
        let state = self.pool.state();
        let in_use = state.connections.saturating_sub(state.idle_connections);
        (in_use, state.idle_connections)
    }

    /// What SQLite's own check of the whole file finds; `ok` when all is well.
    pub(crate) fn integrity(&self) -> Result<String, DatabaseError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            integrity_check: String,
        }
        self.with(|connection| {
            let rows: Vec<Row> =
                diesel::sql_query("PRAGMA integrity_check(10)").load(connection)?;
            let found: Vec<String> = rows.into_iter().map(|row| row.integrity_check).collect();
            Ok(found.join("; "))
        })
    }
}

/// An empty database of its own, which is gone when it is dropped.
pub(crate) fn temporary() -> Result<Connection, DatabaseError> {
    // What SQLite opens under no name is a file without one.
    let mut connection =
        <Connection as diesel::Connection>::establish("").map_err(DatabaseError::open)?;
    migrate::run(&mut connection)?;
    Ok(connection)
}

/// Opens what [`Database::copy_to`] wrote, to be read as it is.
pub(crate) fn open_snapshot(path: &Path) -> Result<Connection, DatabaseError> {
    <Connection as diesel::Connection>::establish(&path.to_string_lossy())
        .map_err(DatabaseError::open)
}

/// Marks a place in a transaction, for [`check_mark`].
pub(crate) fn set_mark(connection: &mut Connection) -> Result<(), DatabaseError> {
    Ok(connection.batch_execute("SAVEPOINT mark")?)
}

/// Fails when the transaction in which the mark was set is over. SQLite ends one by itself when the
/// disk is full or fails; statements after that would each be a transaction of their own.
pub(crate) fn check_mark(connection: &mut Connection) -> Result<(), DatabaseError> {
    let moved = connection.batch_execute("RELEASE mark; SAVEPOINT mark");
    moved.map_err(|_| DatabaseError::GivenUp)
}

/// Runs queries inside a transaction so that they alone are undone when they fail.
pub(crate) fn savepoint<T, E: From<DatabaseError>>(
    connection: &mut Connection,
    queries: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    diesel::Connection::transaction(connection, |connection| {
        queries(connection).map_err(Rollback::Caller)
    })
    .map_err(|rollback| match rollback {
        Rollback::Caller(error) => error,
        Rollback::Database(source) => DatabaseError::from(source).into(),
    })
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

enum Rollback<E> {
    Caller(E),
    Database(diesel::result::Error),
}

impl<E> From<diesel::result::Error> for Rollback<E> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

/// What every connection is told first. `synchronous=FULL` so that a release that was answered for
/// is there after a power cut.
#[derive(Debug)]
struct Settings;

impl CustomizeConnection<Connection, diesel::r2d2::Error> for Settings {
    fn on_acquire(&self, connection: &mut Connection) -> Result<(), diesel::r2d2::Error> {
        let patience_ms = PATIENCE.as_millis();
        connection
            .batch_execute(&format!(
                "PRAGMA busy_timeout = {patience_ms}; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
            ))
            .map_err(diesel::r2d2::Error::QueryError)
    }
}

/// A size or count for a `BIGINT` column.
pub(crate) fn to_column(number: u64) -> Result<i64, DatabaseError> {
    i64::try_from(number).map_err(|_| DatabaseError::Corrupt {
        what: "a number past 2^63",
    })
}

/// A size or count from a `BIGINT` column.
pub(crate) fn from_column(number: i64) -> Result<u64, DatabaseError> {
    u64::try_from(number).map_err(|_| DatabaseError::Corrupt {
        what: "a negative number",
    })
}

/// The log's index of a row; every row has one as soon as a hub has started.
fn log_index(column: Option<i64>) -> Result<u64, DatabaseError> {
    let index = column.ok_or(DatabaseError::Corrupt {
        what: "a row without an entry of the log",
    })?;
    from_column(index)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_database_that_another_holds_is_busy_and_not_broken() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("test.sqlite")).unwrap();
        let writes = |connection: &mut Connection| settings::insert(connection, "key", "1");
        let busy = database.transaction(|_| {
            database.with(|other| {
                other.batch_execute("PRAGMA busy_timeout = 1")?;
                writes(other)
            })
        });
        assert!(matches!(busy, Err(DatabaseError::Busy)), "{busy:?}");
        database.with(writes).unwrap();
    }

    #[test]
    fn a_transaction_that_ended_by_itself_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("test.sqlite")).unwrap();
        let count = |connection: &mut Connection| settings::find(connection, "key");
        let ended: Result<(), DatabaseError> = database.transaction(|connection| {
            set_mark(connection)?;
            settings::insert(connection, "key", "1")?;
            check_mark(connection)?;
            let refused: Result<(), _> = savepoint(connection, |connection| {
                settings::insert(connection, "other", "1")?;
                Err(DatabaseError::Changed)
            });
            assert!(matches!(refused, Err(DatabaseError::Changed)));
            check_mark(connection)?;
            // As SQLite does when the disk fails.
            connection.batch_execute("ROLLBACK")?;
            check_mark(connection)
        });
        assert!(ended.is_err());
        assert_eq!(database.with(count).unwrap(), None);
        // The connection is not used again in that state.
        database
            .transaction(|connection| settings::insert(connection, "key", "2"))
            .unwrap();
        assert_eq!(database.with(count).unwrap().as_deref(), Some("2"));
    }
}
