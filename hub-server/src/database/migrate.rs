use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Connection, DatabaseError, catalogue};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");

/// Brings the tables up to date.
pub(super) fn run(connection: &mut Connection) -> Result<(), DatabaseError> {
    connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(migration_error)?;
    catalogue::fill_inputs(connection)
}

/// How many steps are still to be run.
pub(crate) fn pending_migrations(connection: &mut Connection) -> Result<usize, DatabaseError> {
    connection
        .pending_migrations(MIGRATIONS)
        .map(|pending| pending.len())
        .map_err(migration_error)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn migration_error(error: Box<dyn std::error::Error + Send + Sync>) -> DatabaseError {
    DatabaseError::Migration {
        reason: error.to_string(),
    }
}
