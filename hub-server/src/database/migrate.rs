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
    if Tables::look(connection)? == Tables::UpToDate {
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

/// What the tables of a database are like for this version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    /// There are none.
    Missing,
    /// So many steps are still to be run.
    Behind(usize),
    /// All that this version needs; those of a later version are, too.
    UpToDate,
}

impl Tables {
    /// Looks at a database, and changes nothing.
    pub(crate) fn look(connection: &mut Connection) -> Result<Self, DatabaseError> {
        if !has_steps(connection)? {
            return Ok(Self::Missing);
        }
        let steps = steps(connection);
        let pending = connection.pending_migrations(steps);
        Ok(match pending.map_err(migration_error)?.len() {
            0 => Self::UpToDate,
            count => Self::Behind(count),
        })
    }
}

fn steps(connection: &Connection) -> EmbeddedMigrations {
    match connection {
        AnyConnection::Sqlite(_) => SQLITE,
        AnyConnection::Postgres(_) => POSTGRES,
    }
}

/// Whether a database has the table of steps, which asking for them would make: two that do it at once disturb each
/// other on PostgreSQL.
fn has_steps(connection: &mut Connection) -> Result<bool, DatabaseError> {
    let question = match connection {
        AnyConnection::Sqlite(_) => {
            "EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '__diesel_schema_migrations')"
        }
        AnyConnection::Postgres(_) => "to_regclass('__diesel_schema_migrations') IS NOT NULL",
    };
    let question = diesel::dsl::sql::<diesel::sql_types::Bool>(question);
    Ok(diesel::select(question).get_result(connection)?)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn migration_error(error: Box<dyn std::error::Error + Send + Sync>) -> DatabaseError {
    DatabaseError::Migration {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;

    use diesel::connection::SimpleConnection;
    use diesel::prelude::{Connection as _, QueryableByName, RunQueryDsl};
    use diesel::sql_types::{BigInt, Text};

    use super::*;

    #[derive(QueryableByName)]
    struct Named {
        #[diesel(sql_type = Text)]
        name: String,
    }

    #[derive(QueryableByName)]
    struct Counted {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }

    fn names(connection: &mut Connection, query: &str) -> BTreeSet<String> {
        let rows: Vec<Named> = diesel::sql_query(query).load(connection).unwrap();
        rows.into_iter().map(|row| row.name).collect()
    }

    /// Tables with their columns, and indexes.
    fn shape(connection: &mut Connection) -> BTreeSet<String> {
        names(
            connection,
            "SELECT m.name || ' ' || m.type || ' ' || COALESCE(c.name || ' ' || c.type || ' ' || c.pk, '') AS name \
             FROM sqlite_schema AS m LEFT JOIN pragma_table_info(m.name) AS c ON m.type = 'table' \
             WHERE m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '__diesel%'",
        )
    }

    fn count(connection: &mut Connection, table: &str) -> i64 {
        let query = format!("SELECT COUNT(*) AS count FROM {table}");
        let row: Counted = diesel::sql_query(query).get_result(connection).unwrap();
        row.count
    }

    /// An empty database with the first steps done.
    fn at(steps: usize) -> Connection {
        let file = SqliteConnection::establish(":memory:").unwrap();
        let mut connection = AnyConnection::Sqlite(file);
        for _ in 0..steps {
            connection.run_next_migration(SQLITE).unwrap();
        }
        connection
    }

    /// What a hub of the first version holds: a setting, a token, a release with a file.
    const ROWS: &str = "
        INSERT INTO settings (key, value) VALUES ('key', 'value');
        INSERT INTO tokens (id, hash, member, scope, created_at, expires_at) \
            VALUES ('t', 'h', 'alpha', 'read', 1, 2);
        INSERT INTO extractors (name, member, revision) VALUES ('alpha/x', 'alpha', 1);
        INSERT INTO releases (statement, name, version, envelope, member, summary, license, domain, tags, \
            search_text, dimension, distance, size_bytes, signers, published_at, published_by, is_listed, is_yanked) \
            VALUES ('s', 'alpha/x', '1.0.0', x'00', 'alpha', '', '', '', '', '', 1, '', 7, '', 5, 'alpha', 1, 0);
        INSERT INTO release_files (statement, path, digest, size_bytes) VALUES ('s', 'a', 'd', 7);
        INSERT INTO release_files (statement, path, digest, size_bytes) VALUES ('s', 'b', 'd', 7);";

    #[test]
    fn every_step_can_be_done_and_undone_from_every_earlier_state() {
        let steps = at(0).pending_migrations(SQLITE).unwrap().len();
        let shapes: Vec<_> = (0..=steps).map(|steps| shape(&mut at(steps))).collect();
        for (earlier, before) in shapes.iter().enumerate() {
            let mut connection = at(earlier);
            if earlier > 0 {
                connection.batch_execute(ROWS).unwrap();
            }
            connection.run_pending_migrations(SQLITE).unwrap();
            assert_eq!(shape(&mut connection), shapes[steps], "from {earlier}");
            for undone in (earlier..steps).rev() {
                connection.revert_last_migration(SQLITE).unwrap();
                assert_eq!(shape(&mut connection), shapes[undone], "back to {undone}");
            }
            assert_eq!(shape(&mut connection), *before);
            if earlier > 0 {
                for (table, rows) in [
                    ("settings", 1),
                    ("tokens", 1),
                    ("releases", 1),
                    ("release_files", 2),
                ] {
                    assert_eq!(
                        count(&mut connection, table),
                        rows,
                        "{table} from {earlier}"
                    );
                }
            }
            connection.run_pending_migrations(SQLITE).unwrap();
            assert_eq!(
                shape(&mut connection),
                shapes[steps],
                "again from {earlier}"
            );
        }
    }

    #[test]
    fn looking_makes_no_tables() {
        let connection = &mut at(0);
        for _ in 0..2 {
            assert_eq!(Tables::look(connection).unwrap(), Tables::Missing);
        }
        connection.run_next_migration(SQLITE).unwrap();
        assert!(matches!(
            Tables::look(connection).unwrap(),
            Tables::Behind(_)
        ));
        run(connection).unwrap();
        assert_eq!(Tables::look(connection).unwrap(), Tables::UpToDate);
    }

    #[test]
    fn what_members_have_sent_is_known_of_their_releases() {
        let mut connection = at(5);
        connection.batch_execute(ROWS).unwrap();
        connection.run_pending_migrations(SQLITE).unwrap();
        let sent = super::super::quotas::stored_bytes(&mut connection, "alpha").unwrap();
        assert_eq!(sent, 7, "one blob under two paths");
    }
}
