use diesel::result::{DatabaseErrorKind, Error};

use super::postgres::code_in;

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
        match kind {
            DatabaseErrorKind::UniqueViolation => return Self::Exists,
            DatabaseErrorKind::SerializationFailure => return Self::Changed,
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
                return Self::away(source);
            }
            // Diesel has no kinds for the others.
            _ => {}
        }
        let message = info.message();
        match code_in(message) {
            // A NUL in a text.
            Some("22021") => Self::NoText,
            // No room on the disk.
            Some("53100") => Self::Full,
            // A lock or a statement that took too long; two that wait for each other; no connection left.
            Some("55P03" | "57014" | "40P01" | "53300") => Self::Busy,
            // The server goes, or is not there yet; a session that stood still was ended.
            Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04") => Self::away(source),
            Some(_) => Self::Query { source },
            // SQLite says it in one language: `SQLITE_FULL`; `SQLITE_BUSY` and `SQLITE_LOCKED`.
            None if message.contains("disk is full") => Self::Full,
            None if message.contains("is locked") => Self::Busy,
            None => Self::Query { source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_counts_and_not_the_words() {
        let told = |message: &str| {
            let said = Box::new(message.to_owned());
            DatabaseError::from(Error::DatabaseError(DatabaseErrorKind::Unknown, said))
        };
        let full = told("SQLSTATE 53100: auf dem Ger\u{e4}t ist kein Speicherplatz mehr frei");
        assert!(matches!(full, DatabaseError::Full));
        let busy = told("SQLSTATE 55P03: annullation de la requ\u{ea}te");
        assert!(matches!(busy, DatabaseError::Busy));
        let away = told("SQLSTATE 57P01: \u{63a5}\u{7d9a}\u{3092}\u{7d42}\u{4e86}");
        assert!(matches!(away, DatabaseError::Away { .. }));
        // Words that another database has for it mean nothing beside a code.
        let other = told("SQLSTATE 42P01: the relation \"database or disk is full\" is locked");
        assert!(matches!(other, DatabaseError::Query { .. }));
        assert!(matches!(
            told("database or disk is full"),
            DatabaseError::Full
        ));
        assert!(matches!(told("database is locked"), DatabaseError::Busy));
    }
}
