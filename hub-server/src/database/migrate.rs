use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::postgres::SETTINGS;
use super::{AnyConnection, Connection, DatabaseError, catalogue, in_turn};

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// Brings the tables up to date. Of several servers that start at once, one does it and the others
/// wait.
pub(super) fn run(connection: &mut Connection) -> Result<(), DatabaseError> {
    if let AnyConnection::Sqlite(_) = connection {
        return run_pending(connection);
    }
    if has_steps(connection)? && pending_migrations(connection)? == 0 {
        return Ok(());
    }
    // However long a step takes, and however long another server takes with it.
    connection.batch_execute("SET lock_timeout = 0; SET statement_timeout = 0")?;
    let done = in_turn(connection, run_pending);
    connection.batch_execute(SETTINGS)?;
    done
}

fn run_pending(connection: &mut Connection) -> Result<(), DatabaseError> {
    let steps = steps(connection);
    connection
        .run_pending_migrations(steps)
        .map_err(migration_error)?;
    catalogue::fill_inputs(connection)
}

/// How many steps are still to be run.
pub(crate) fn pending_migrations(connection: &mut Connection) -> Result<usize, DatabaseError> {
    let steps = steps(connection);
    connection
        .pending_migrations(steps)
        .map(|pending| pending.len())
        .map_err(migration_error)
}

fn steps(connection: &Connection) -> EmbeddedMigrations {
    match connection {
        AnyConnection::Sqlite(_) => SQLITE,
        AnyConnection::Postgres(_) => POSTGRES,
    }
}

/// Whether a PostgreSQL database has the table of steps: two that make it at once disturb each other.
fn has_steps(connection: &mut Connection) -> Result<bool, DatabaseError> {
    let question = "to_regclass('__diesel_schema_migrations') IS NOT NULL";
    let question = diesel::dsl::sql::<diesel::sql_types::Bool>(question);
    Ok(diesel::select(question).get_result(connection)?)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn migration_error(error: Box<dyn std::error::Error + Send + Sync>) -> DatabaseError {
    DatabaseError::Migration {
        reason: error.to_string(),
    }
}
