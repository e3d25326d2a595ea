use diesel::result::{DatabaseErrorKind, Error};

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// A server where none may be.
    #[error("servers run on this database: stop all of them first")]
    InUse,
    /// Nobody is there, or a connection was lost.
    #[error("the database cannot be reached: try again in a moment")]
    Away {
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A start that waited in vain, or was refused.
    #[error("there is no connection to the database `{address}`")]
    Connect {
        /// Where it should be.
        address: String,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
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
    /// A NUL, which SQLite takes in a text, and PostgreSQL does not.
    #[error("a text with the character NUL is the name of nothing here")]
    NoText,
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

    pub(super) fn away(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Away {
            source: Box::new(source),
        }
    }

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
        let Error::DatabaseError(kind, info) = &source else {
            return Self::Query { source };
        };
        let has = |words: &[&str]| words.iter().any(|word| info.message().contains(word));
        match kind {
            DatabaseErrorKind::UniqueViolation => Self::Exists,
            DatabaseErrorKind::SerializationFailure => Self::Changed,
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
                Self::away(source)
            }
            // Diesel has no kinds for the others.
            _ if has(&[NO_TEXT]) => Self::NoText,
            _ if has(&FULL) => Self::Full,
            _ if has(&BUSY) => Self::Busy,
            _ if has(&AWAY) => Self::away(source),
            _ => Self::Query { source },
        }
    }
}

/// PostgreSQL's 22021.
const NO_TEXT: &str = "invalid byte sequence for encoding";

/// No room: `SQLITE_FULL`, and PostgreSQL's 53100.
const FULL: [&str; 2] = ["disk is full", "No space left on device"];

/// Others are in the way: `SQLITE_BUSY` and `SQLITE_LOCKED`; 55P03, 57014, 40P01.
const BUSY: [&str; 4] = [
    "is locked",
    "due to lock timeout",
    "due to statement timeout",
    "deadlock detected",
];

/// The server goes, or is not there yet: 57P01, 57P02, 57P03, 25P03.
const AWAY: [&str; 3] = [
    "terminating connection",
    "the database system is",
    "connection closed",
];
