use diesel::result::{DatabaseErrorKind, Error};

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// No connection.
    #[error("the database cannot be opened")]
    Open {
        /// What the pool met.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A unique index says that it is there.
    #[error("it is there already")]
    Exists,
    /// Another writer changed the same thing in the meantime.
    #[error("it was changed by somebody else at the same time: try again")]
    Changed,
    /// The database undid the transaction by itself, as when the disk fails.
    #[error("the database gave up the transaction; its own error is another one's answer")]
    GivenUp,
    /// Others write, or hold all connections, for longer than a request waits.
    #[error("the database is busy: try again in a moment")]
    Busy,
    /// No room on the disk.
    #[error("no room left on the disk for the database")]
    Full,
    /// A query failed.
    #[error("a database query failed")]
    Query {
        /// What the database said.
        source: Error,
    },
    /// The tables could not be brought up to date.
    #[error("the database's tables cannot be brought up to date: {reason}")]
    Migration {
        /// What happened.
        reason: String,
    },
    /// A stored value that this program would never have written.
    #[error("the database holds {what}: run `hub-server doctor`")]
    Corrupt {
        /// Which value.
        what: &'static str,
    },
    /// The thread ended early, as it does when the server stops.
    #[error("the server is stopping")]
    Interrupted,
}

impl DatabaseError {
    pub(super) fn open(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Open {
            source: Box::new(source),
        }
    }
}

impl DatabaseError {
    /// All connections are in use, unless the pool says what else is wrong.
    pub(super) fn no_connection(source: diesel::r2d2::PoolError) -> Self {
        match source.to_string().as_str() {
            "timed out waiting for connection" => Self::Busy,
            _ => Self::open(source),
        }
    }
}

impl From<Error> for DatabaseError {
    fn from(source: Error) -> Self {
        match &source {
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Exists,
            // SQLITE_FULL has no kind of its own in diesel.
            Error::DatabaseError(_, info) if info.message().contains("disk is full") => Self::Full,
            // Neither have SQLITE_BUSY and SQLITE_LOCKED.
            Error::DatabaseError(_, info) if info.message().contains("is locked") => Self::Busy,
            _ => Self::Query { source },
        }
    }
}
