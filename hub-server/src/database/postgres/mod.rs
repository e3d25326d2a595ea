//! A connection to PostgreSQL in Rust alone, so that building the hub needs no C library of it: the
//! connection of `diesel-async`, waited for, and the few traits that `MultiConnection` asks for.

#![allow(
    unreachable_pub,
    missing_docs,
    reason = "named by what the derive writes"
)]

mod address;
mod codes;
mod connect;
mod tls;

use std::any::Any;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use diesel::connection::{
    CacheSize, Connection, ConnectionSealed, Instrumentation, LoadConnection,
    MultiConnectionHelper, SimpleConnection, TransactionManager, TransactionManagerStatus,
};
use diesel::migration::MigrationConnection;
use diesel::pg::{
    FailedToLookupTypeError, Pg, PgMetadataCacheKey, PgMetadataLookup, PgTypeMetadata,
};
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::sql_types::TypeMetadata;
use diesel::{ConnectionResult, QueryResult};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use diesel_async::pooled_connection::PoolableConnection;
use tokio::runtime::{Builder, Handle, Runtime};

pub(super) use address::{Address, ConnectError, SETTINGS};
use codes::LastCode;
pub(super) use codes::code_in;

type Inner = AsyncConnectionWrapper<AsyncPgConnection, Driver>;
type InnerManager = <Inner as Connection>::TransactionManager;

/// A connection that was used not longer ago than this is taken without asking the server whether it
/// still knows it.
const FRESH: Duration = Duration::from_secs(5);

/// A connection to PostgreSQL. Its methods wait; they are for threads that may.
pub struct PostgresConnection {
    inner: Inner,
    asked_at: Instant,
    last: LastCode,
}

impl PostgresConnection {
    /// A connection that has been made; called within [`Driver`]'s runtime.
    fn new(connection: AsyncPgConnection, last: LastCode) -> Self {
        Self {
            inner: Inner::from(connection),
            asked_at: Instant::now(),
            last,
        }
    }
}

/// The runtime that moves the bytes of all connections.
pub struct Driver(Handle);

impl Driver {
    fn handle() -> std::io::Result<Handle> {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        if let Some(runtime) = RUNTIME.get() {
            return Ok(runtime.handle().clone());
        }
        let made = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()?;
        Ok(RUNTIME.get_or_init(|| made).handle().clone())
    }
}

impl BlockOn for Driver {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn get_runtime() -> Self {
        // Connections are made within it, so it is there; where none is, this is the caller's.
        Self(Self::handle().unwrap_or_else(|_| Handle::current()))
    }
}

impl SimpleConnection for PostgresConnection {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let done = self.inner.batch_execute(query);
        self.last.tell(done)
    }
}

impl ConnectionSealed for PostgresConnection {}

impl Connection for PostgresConnection {
    type Backend = Pg;
    type TransactionManager = Manager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        let address = url.parse::<Address>().map_err(bad_connection)?;
        address.connect().map_err(bad_connection)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        let done = self.inner.execute_returning_count(source);
        self.last.tell(done)
    }

    fn transaction_state(
        &mut self,
    ) -> &mut <Manager as TransactionManager<Self>>::TransactionStateData {
        self.inner.transaction_state()
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.inner.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.inner.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.inner.set_prepared_statement_cache_size(size);
    }
}

fn bad_connection(error: impl std::error::Error) -> diesel::ConnectionError {
    diesel::ConnectionError::BadConnection(error.to_string())
}

impl LoadConnection for PostgresConnection {
    type Cursor<'conn, 'query> = Rows<<Inner as LoadConnection>::Cursor<'conn, 'query>>;
    type Row<'conn, 'query> = <Inner as LoadConnection>::Row<'conn, 'query>;

    fn load<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: diesel::expression::QueryMetadata<T::SqlType>,
    {
        let last = self.last.clone();
        let loaded = LoadConnection::load(&mut self.inner, source);
        let rows = last.tell(loaded)?;
        Ok(Rows { rows, last })
    }
}

/// Rows as they come.
#[derive(Debug)]
pub struct Rows<I> {
    rows: I,
    last: LastCode,
}

impl<T, I: Iterator<Item = QueryResult<T>>> Iterator for Rows<I> {
    type Item = QueryResult<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.rows.next()?;
        Some(self.last.tell(next))
    }
}

/// Begins, undoes and ends transactions.
#[derive(Debug)]
pub struct Manager;

impl TransactionManager<PostgresConnection> for Manager {
    type TransactionStateData = <InnerManager as TransactionManager<Inner>>::TransactionStateData;

    fn begin_transaction(connection: &mut PostgresConnection) -> QueryResult<()> {
        let begun = InnerManager::begin_transaction(&mut connection.inner);
        connection.last.tell(begun)
    }

    fn rollback_transaction(connection: &mut PostgresConnection) -> QueryResult<()> {
        let undone = InnerManager::rollback_transaction(&mut connection.inner);
        connection.last.tell(undone)
    }

    /// After a statement has failed, PostgreSQL answers `COMMIT` with a rollback and no error. So it is
    /// asked first, and the error that comes then is the transaction's.
    fn commit_transaction(connection: &mut PostgresConnection) -> QueryResult<()> {
        let status = InnerManager::transaction_manager_status_mut(&mut connection.inner);
        let depth = status.transaction_depth()?;
        if depth.is_some_and(|depth| depth.get() == 1)
            && let Err(error) = connection.batch_execute("SELECT 1")
        {
            // What undoing it says does not matter: a connection that cannot is not used again.
            let _ = InnerManager::rollback_transaction(&mut connection.inner);
            return Err(error);
        }
        let done = InnerManager::commit_transaction(&mut connection.inner);
        connection.last.tell(done)
    }

    fn transaction_manager_status_mut(
        connection: &mut PostgresConnection,
    ) -> &mut TransactionManagerStatus {
        InnerManager::transaction_manager_status_mut(&mut connection.inner)
    }

    fn is_broken_transaction_manager(connection: &mut PostgresConnection) -> bool {
        InnerManager::is_broken_transaction_manager(&mut connection.inner)
    }
}

impl R2D2Connection for PostgresConnection {
    fn ping(&mut self) -> QueryResult<()> {
        if self.is_broken() {
            return Err(diesel::result::Error::BrokenTransactionManager);
        }
        if self.asked_at.elapsed() > FRESH {
            self.batch_execute("SELECT 1")?;
        }
        self.asked_at = Instant::now();
        Ok(())
    }

    /// In a transaction, or closed: the server's goodbye is heard as soon as it is said.
    fn is_broken(&mut self) -> bool {
        PoolableConnection::is_broken(&mut *self.inner)
    }
}

impl MigrationConnection for PostgresConnection {
    fn setup(&mut self) -> QueryResult<usize> {
        let done = self.inner.setup();
        self.last.tell(done)
    }
}

/// The tables have none but built-in types, whose numbers are known without asking.
struct BuiltIn;

impl PgMetadataLookup for BuiltIn {
    fn lookup_type(&mut self, name: &str, schema: Option<&str>) -> PgTypeMetadata {
        let key = PgMetadataCacheKey::new(
            schema.map(|schema| schema.to_owned().into()),
            name.to_owned().into(),
        );
        PgTypeMetadata::from_result(Err(FailedToLookupTypeError::new(key)))
    }
}

impl MultiConnectionHelper for PostgresConnection {
    fn to_any<'a>(_: &mut <Pg as TypeMetadata>::MetadataLookup) -> &mut (dyn Any + 'a) {
        // It has no size, so nothing is allocated and nothing leaks.
        Box::leak(Box::new(BuiltIn))
    }

    fn from_any(lookup: &mut dyn Any) -> Option<&mut <Pg as TypeMetadata>::MetadataLookup> {
        let found = lookup.downcast_mut::<BuiltIn>();
        found.map(|found| found as &mut dyn PgMetadataLookup)
    }
}
