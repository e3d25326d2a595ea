//! What witnesses say against this hub's log.

use super::{Connection, DatabaseError, savepoint, settings};

const PREFIX: &str = "witness_alarm ";

/// Each witness that has raised an alarm, with what it said.
pub(crate) fn list(connection: &mut Connection) -> Result<Vec<(String, String)>, DatabaseError> {
    settings::list(connection, PREFIX)
}

/// Keeps what a witness says in the place of what it said before, or that all is well again.
pub(crate) fn keep(
    connection: &mut Connection,
    witness: &str,
    alarm: Option<&str>,
) -> Result<(), DatabaseError> {
    let key = format!("{PREFIX}{witness}");
    savepoint(connection, |connection| {
        settings::remove(connection, &key)?;
        match alarm {
            Some(text) => settings::insert(connection, &key, text),
            None => Ok(()),
        }
    })
}
