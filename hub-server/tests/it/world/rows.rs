//! The rows behind a hub's back, in a file of SQLite or in PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};

use super::World;
use crate::cluster::Database;

/// A copy of a hub's database.
pub(crate) enum Saved {
    /// Under this name.
    Copy(&'static str),
    /// These files, with their bytes if they were there.
    Files([(PathBuf, Option<Vec<u8>>); 2]),
}

impl World {
    /// From now on the rows are elsewhere.
    pub(crate) fn use_database(&mut self, database: Option<&Arc<Database>>) {
        self.database = database.cloned();
    }

    /// Whether the rows are in a file of SQLite. Tests about such a file end where they are not.
    pub(crate) fn has_file(&self) -> bool {
        if self.database.is_some() {
            eprintln!("skipped: this is about a file of SQLite");
        }
        self.database.is_none()
    }

    /// The file.
    fn file(&self) -> PathBuf {
        self.data().join("hub.sqlite")
    }

    /// Runs SQL behind the hub's back; the rows it gives, columns with `|` between them, and nothing
    /// that one table demands of another.
    pub(crate) fn sql(&self, sql: &str) -> String {
        match &self.database {
            Some(database) => database.sql(sql),
            None => {
                let mut connection = SqliteConnection::establish(self.file().to_str().unwrap());
                let connection = connection.as_mut().unwrap();
                connection.batch_execute(sql).unwrap();
                String::new()
            }
        }
    }

    /// So many zero bytes, in SQL.
    pub(crate) fn zeroes(&self, count: usize) -> String {
        match &self.database {
            Some(_) => format!("decode(repeat('00', {count}), 'hex')"),
            None => format!("zeroblob({count})"),
        }
    }

    /// The rows of a query for one column of text.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            text: String,
        }
        match &self.database {
            // Other words for the same.
            Some(_) => {
                let words = "CREATE OR REPLACE FUNCTION pg_temp.hex(bytea) RETURNS text LANGUAGE sql \
                             AS $$ SELECT upper(encode($1, 'hex')) $$; ";
                let sql = sql.replace("hex(", "pg_temp.hex(");
                let text = self.sql(&format!(
                    "{words} SELECT replace(text, E'\\n', '¶') FROM ({sql}) AS rows"
                ));
                text.lines().map(|line| line.replace('¶', "\n")).collect()
            }
            None => {
                let connection = SqliteConnection::establish(self.file().to_str().unwrap());
                let rows = diesel::sql_query(sql).load(&mut connection.unwrap());
                let rows: Vec<Row> = rows.unwrap();
                rows.into_iter().map(|row| row.text).collect()
            }
        }
    }

    /// How many columns a table has.
    pub(crate) fn columns(&self, table: &str) -> usize {
        let sql = match &self.database {
            Some(_) => format!(
                "SELECT column_name AS text FROM information_schema.columns \
                 WHERE table_name = '{table}' AND table_schema = 'public'"
            ),
            None => format!("SELECT name AS text FROM pragma_table_info('{table}')"),
        };
        self.rows(&sql).len()
    }

    /// A copy of the database of a hub that does not run.
    pub(crate) fn save_database(&self, name: &'static str) -> Saved {
        if let Some(database) = &self.database {
            database.save(name);
            return Saved::Copy(name);
        }
        // The file with its log, before SQLite has brought them together.
        Saved::Files(["hub.sqlite", "hub.sqlite-wal"].map(|name| {
            let path = self.data().join(name);
            let bytes = std::fs::read(&path).ok();
            (path, bytes)
        }))
    }

    /// Puts a copy in the place of the database.
    pub(crate) fn put_database_back(&self, saved: &Saved) {
        match (saved, &self.database) {
            (Saved::Copy(name), Some(database)) => database.put_back(name),
            (Saved::Files(files), None) => {
                for (path, bytes) in files {
                    match bytes {
                        Some(bytes) => std::fs::write(path, bytes).unwrap(),
                        None => drop(std::fs::remove_file(path)),
                    }
                }
                let _ = std::fs::remove_file(self.data().join("hub.sqlite-shm"));
            }
            _ => panic!("a copy of another kind"),
        }
    }
}
