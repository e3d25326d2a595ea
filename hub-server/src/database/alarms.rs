//! What witnesses say against this hub's log, by the key of each witness.

use super::{Connection, DatabaseError, savepoint, settings};

const PREFIX: &str = "witness_alarm ";

/// The key of each witness that has raised an alarm, with what it said.
pub(crate) fn list(connection: &mut Connection) -> Result<Vec<(String, String)>, DatabaseError> {
    settings::list(connection, PREFIX)
}

/// Keeps what a witness says in the place of what it said before, or that all is well again.
pub(crate) fn keep(
    connection: &mut Connection,
    witness_key: &str,
    alarm: Option<&str>,
) -> Result<(), DatabaseError> {
    let key = format!("{PREFIX}{witness_key}");
    savepoint(connection, |connection| {
        settings::remove(connection, &key)?;
        match alarm {
            Some(text) => settings::insert(connection, &key, text),
            None => Ok(()),
        }
    })
}

/// Forgets what others than these witnesses have said.
pub(crate) fn retain(
    connection: &mut Connection,
    witness_keys: &[String],
) -> Result<(), DatabaseError> {
    for (witness_key, _) in list(connection)? {
        if !witness_keys.contains(&witness_key) {
            settings::remove(connection, &format!("{PREFIX}{witness_key}"))?;
        }
    }
    Ok(())
}
