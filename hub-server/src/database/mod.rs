//! The only room that speaks SQL. Rows and queries are beside each other, one file for each kind.
//!
//! The database is a file of SQLite, or one of PostgreSQL that several servers share. Statements keep
//! to what both understand (no `RETURNING`, no `ON CONFLICT`, one row at a time). Writers take turns,
//! in the whole cluster: under SQLite by its own lock, under PostgreSQL by an advisory one.

pub(crate) mod advisories;
pub(crate) mod alarms;
pub(crate) mod blobs;
pub(crate) mod catalogue;
pub(crate) mod collection;
mod connection;
pub(crate) mod copy;
mod error;
pub(crate) mod evaluations;
pub(crate) mod key_compromises;
pub(crate) mod log;
mod migrate;
pub(crate) mod model_signatures;
pub(crate) mod oci;
mod pool;
mod postgres;
pub(crate) mod quotas;
pub(crate) mod releases;
mod schema;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod tokens;
pub(crate) mod trust;
pub(crate) mod uploads;
pub(crate) mod yanks;

pub(crate) use connection::AnyConnection as Connection;
use connection::{AnyConnection, MultiBackend};
pub(crate) use error::DatabaseError;
pub(crate) use migrate::Tables;
pub(crate) use pool::Hold;

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use pool::Connections;
use registry_schema::digest::Digest;
use registry_schema::name::Name;

use crate::cause::chain;
use crate::config::DatabasePlace;

/// What writers take turns by, in all servers of a PostgreSQL database.
const WRITERS: &str = "1213546066, 1";

/// What the one server holds that asks witnesses for all.
const WITNESSES: &str = "1213546066, 2";

/// What the one `gc` holds that removes blobs, wherever it runs.
const COLLECTORS: &str = "1213546066, 3";

/// How long a lock may be held by a program that is no more.
const NOTICED_IN: Duration = Duration::from_secs(2);

/// Lets a transaction stand still between two queries, until it ends.
const PATIENT: &str = "SET LOCAL idle_in_transaction_session_timeout = 0";

/// The pool of connections.
#[derive(Clone)]
pub(crate) struct Database {
    connections: Connections,
}

impl Database {
    /// Opens the database, makes the file when it is missing, and brings its tables up to date: for a server, and for
    /// commands beside which none may run.
    pub(crate) fn open(place: &DatabasePlace) -> Result<Self, DatabaseError> {
        let database = Self::connect(place)?;
        database.bring_up_to_date()?;
        Ok(database)
    }

    /// Brings the tables up to date, or makes them.
    pub(crate) fn bring_up_to_date(&self) -> Result<(), DatabaseError> {
        self.with(migrate::run)
    }

    /// What its tables are like.
    pub(crate) fn tables(&self) -> Result<Tables, DatabaseError> {
        self.with(Tables::look)
    }

    /// Opens the database as it is.
    pub(crate) fn connect(place: &DatabasePlace) -> Result<Self, DatabaseError> {
        let connections = Connections::open(place)?;
        Ok(Self { connections })
    }

    /// Whether other servers may use it at the same time.
    pub(crate) fn is_shared(&self) -> bool {
        self.connections.shared().is_some()
    }

    /// Runs queries on this thread, which may wait.
    pub(crate) fn with<T, E: From<DatabaseError>>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.connections.take()?;
        queries(&mut connection)
    }

    /// Runs queries as one transaction on this thread: all of them happen, or none. No other writer's
    /// transaction runs at the same time.
    pub(crate) fn transaction<T, E: From<DatabaseError>>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with(|connection| in_turn(connection, queries))
    }

    /// The same for a command that has the database to itself: between two queries it may wait for the store of
    /// blobs as long as that takes.
    pub(crate) fn long_transaction<T, E: From<DatabaseError>>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.transaction(|connection| {
            if let AnyConnection::Postgres(_) = connection {
                connection
                    .batch_execute(PATIENT)
                    .map_err(DatabaseError::from)?;
            }
            queries(connection)
        })
    }

    /// Runs queries that read, as one view of the database: writers do not disturb it, nor it them.
    pub(crate) fn view<T, E: From<DatabaseError>>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with(|connection| {
            savepoint(connection, |connection| {
                if let AnyConnection::Postgres(_) = connection {
                    // Who only reads may take his time.
                    let still = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                    connection
                        .batch_execute(&format!("{still}; {PATIENT}"))
                        .map_err(DatabaseError::from)?;
                }
                queries(connection)
            })
        })
    }

    /// The same, when nothing is being written any more, not by a connection either that was lost in
    /// the middle of it: what is read then is how it has ended.
    pub(crate) fn settled_view<T, E: From<DatabaseError>>(
        &self,
        queries: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        match self.is_shared() {
            true => self.transaction(queries),
            // Whatever a connection to a file has begun ends with its call.
            false => self.view(queries),
        }
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
        self.connections.count()
    }

    /// Makes this server the one that asks witnesses, until the answer is dropped or its connection is
    /// lost; `None` when another one is, or when there is no other.
    pub(crate) fn hold_witnesses(&self) -> Result<Option<Hold>, DatabaseError> {
        self.hold(WITNESSES)
    }

    /// Makes this the one program that collects garbage on a shared database, until the answer is dropped; `None`
    /// when another one is, or when there is no other.
    pub(crate) fn hold_collection(&self) -> Result<Option<Hold>, DatabaseError> {
        self.hold_patiently(COLLECTORS)
    }

    /// A lock that may still be held by a program that has ended: PostgreSQL notices that a moment later.
    fn hold_patiently(&self, lock: &str) -> Result<Option<Hold>, DatabaseError> {
        let until = Instant::now() + NOTICED_IN;
        loop {
            let hold = self.hold(lock)?;
            if hold.is_some() || !self.is_shared() || Instant::now() >= until {
                return Ok(hold);
            }
            std::thread::sleep(NOTICED_IN / 20);
        }
    }

    fn hold(&self, lock: &str) -> Result<Option<Hold>, DatabaseError> {
        match self.connections.shared() {
            Some(address) => Hold::take(address, lock),
            None => Ok(None),
        }
    }

    /// Makes sure that no server runs on a shared database, and none begins to ask witnesses, as long as
    /// the answer lives. Of those that run one always asks them.
    ///
    /// # Errors
    /// [`DatabaseError::InUse`].
    pub(crate) fn alone(&self) -> Result<Option<Hold>, DatabaseError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let hold = self.hold_patiently(WITNESSES)?;
        hold.map(Some).ok_or(DatabaseError::InUse)
    }

    /// What SQLite's own check of the whole file finds, `ok` when all is well; of PostgreSQL, which
    /// checks itself, what it is.
    pub(crate) fn integrity(&self) -> Result<(bool, String), DatabaseError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            integrity_check: String,
        }
        let question = match self.connections.shared() {
            Some(_) => "SELECT version() AS integrity_check",
            None => "PRAGMA integrity_check(10)",
        };
        let rows: Vec<Row> = self.with(|connection| {
            Ok::<_, DatabaseError>(diesel::sql_query(question).load(connection)?)
        })?;
        let found: Vec<String> = rows.into_iter().map(|row| row.integrity_check).collect();
        let found = found.join("; ");
        Ok(match self.connections.shared() {
            Some(address) => (true, format!("`{address}`, {found}")),
            None => (found == "ok", found),
        })
    }
}

/// Runs queries as one transaction, in turn with all other writers.
fn in_turn<T, E: From<DatabaseError>>(
    connection: &mut Connection,
    queries: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    begin_in_turn(connection)?;
    match queries(connection) {
        Ok(done) => {
            Connection::commit_transaction(connection).map_err(DatabaseError::from)?;
            Ok(done)
        }
        Err(error) => {
            roll_back(connection);
            Err(error)
        }
    }
}

fn begin_in_turn(connection: &mut Connection) -> Result<(), DatabaseError> {
    match connection {
        AnyConnection::Sqlite(file) => {
            AnsiTransactionManager::begin_transaction_sql(file, "BEGIN IMMEDIATE")?;
            Ok(())
        }
        AnyConnection::Postgres(_) => {
            Connection::begin_transaction(connection)?;
            let lock = format!("SELECT pg_advisory_xact_lock({WRITERS})");
            let locked = connection.batch_execute(&lock).map_err(DatabaseError::from);
            locked.map_err(|error| {
                roll_back(connection);
                match error {
                    // Whatever words it has for it: another one has the lock for too long.
                    DatabaseError::Query { .. } => DatabaseError::Busy,
                    other => other,
                }
            })
        }
    }
}

/// Undoes a transaction. A connection that cannot is not used again, and what was begun on it ends
/// with it.
fn roll_back(connection: &mut Connection) {
    if let Err(error) = Connection::rollback_transaction(connection) {
        tracing::warn!(
            error = chain(&error),
            "a connection to the database is lost"
        );
    }
}

/// An empty database of its own, which is gone when it is dropped.
pub(crate) fn temporary() -> Result<Connection, DatabaseError> {
    // What SQLite opens under no name is a file without one.
    let file =
        <SqliteConnection as diesel::Connection>::establish("").map_err(DatabaseError::open)?;
    let mut connection = AnyConnection::Sqlite(file);
    migrate::run(&mut connection)?;
    Ok(connection)
}

/// Opens what [`Database::copy_to`] wrote, and brings its tables up to date: those that were copied stay as they are.
pub(crate) fn open_snapshot(path: &Path) -> Result<Connection, DatabaseError> {
    let file = <SqliteConnection as diesel::Connection>::establish(&path.to_string_lossy());
    let mut snapshot = AnyConnection::Sqlite(file.map_err(DatabaseError::open)?);
    migrate::run(&mut snapshot)?;
    Ok(snapshot)
}

/// Marks a place in a transaction, for [`check_mark`].
pub(crate) fn set_mark(connection: &mut Connection) -> Result<(), DatabaseError> {
    Ok(connection.batch_execute("SAVEPOINT mark")?)
}

/// Fails when the transaction in which the mark was set is over, or lost. SQLite ends one by itself
/// when the disk is full or fails; statements after that would each be a transaction of their own.
pub(crate) fn check_mark(connection: &mut Connection) -> Result<(), DatabaseError> {
    let moved = connection.batch_execute("RELEASE mark; SAVEPOINT mark");
    moved.map_err(|error| match DatabaseError::from(error) {
        away @ DatabaseError::Away { .. } => away,
        _ => DatabaseError::GivenUp,
    })
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

/// What a column of text stands for, such as a digest.
///
/// # Errors
/// [`DatabaseError::Corrupt`] with `what`, when it is none.
pub(crate) fn from_text<T: FromStr>(text: &str, what: &'static str) -> Result<T, DatabaseError> {
    text.parse().map_err(|_| DatabaseError::Corrupt { what })
}

/// The digest in a column.
pub(crate) fn to_digest(text: &str) -> Result<Digest, DatabaseError> {
    from_text(text, "a digest that is none")
}

/// The name of an extractor in a column.
pub(crate) fn to_name(text: &str) -> Result<Name, DatabaseError> {
    from_text(text, "a name that is none")
}

/// Inserts what may be there already: undone alone then, since PostgreSQL goes on with no transaction after an
/// error.
fn insert_unless_there(
    connection: &mut Connection,
    insert: impl FnOnce(&mut Connection) -> QueryResult<usize>,
) -> Result<(), DatabaseError> {
    let inserted = savepoint(connection, |connection| {
        insert(connection)?;
        Ok(())
    });
    match inserted {
        Ok(()) | Err(DatabaseError::Exists) => Ok(()),
        Err(other) => Err(other),
    }
}

/// What an insert has ended with that nobody else may have been faster with.
fn first_of_all(inserted: QueryResult<usize>) -> Result<(), DatabaseError> {
    match inserted.map_err(DatabaseError::from) {
        Ok(_) => Ok(()),
        Err(DatabaseError::Exists) => Err(DatabaseError::Changed),
        Err(other) => Err(other),
    }
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
        let database =
            Database::open(&DatabasePlace::File(folder.path().join("test.sqlite"))).unwrap();
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
        let database =
            Database::open(&DatabasePlace::File(folder.path().join("test.sqlite"))).unwrap();
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
