//! The steps that bring tables up to date: the same for both kinds of databases, and each of them can
//! be taken back.

mod rows;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};

use self::rows::{FORGOTTEN, ROWS, SENT};
use crate::cluster::Database;
use crate::world::World;

fn steps(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let entries = std::fs::read_dir(folder.join(kind)).unwrap();
    let mut steps: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    steps.sort();
    steps
}

/// What is for one kind of database alone, or may be unavailable there.
const NOT_EVERYWHERE: &str = "0008_word_parts";

/// The columns of each table, and its rows as text that names them.
type Tables = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

/// All that is compared: tables with their rows, and the names of indexes.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    tables: Tables,
    indexes: BTreeSet<String>,
}

/// A database of one kind.
trait Subject {
    fn run(&self, sql: &str);

    /// The one column of text that a query gives.
    fn texts(&self, sql: &str) -> Vec<String>;

    /// Its name in `migrations/`.
    fn kind(&self) -> &'static str;

    /// A query for the names of indexes, and one for tables.
    fn names(&self) -> [&'static str; 2];

    /// A query for the columns of a table.
    fn columns_of(&self, table: &str) -> String;

    /// A query for its rows.
    fn rows_of(&self, table: &str, columns: &BTreeSet<String>) -> String;

    fn see(&self) -> Seen {
        let [indexes, tables] = self.names();
        let see = |table: String| {
            let columns = self.texts(&self.columns_of(&table)).into_iter().collect();
            let rows = self.texts(&self.rows_of(&table, &columns));
            (table, (columns, rows.into_iter().collect()))
        };
        Seen {
            tables: self.texts(tables).into_iter().map(see).collect(),
            indexes: self.texts(indexes).into_iter().collect(),
        }
    }
}

/// Takes every step over the rows of the steps before it: up, down and up again from each state, then all of them
/// down, and up. What is there afterwards is each time what was there before.
fn forth_and_back(database: &impl Subject) {
    let text = |step: &Path, file: &str| std::fs::read_to_string(step.join(file)).unwrap();
    let up = |step: &Path| database.run(&text(step, "up.sql"));
    let down = |step: &Path| {
        database.run(&text(step, "down.sql"));
        if let Some((_, again)) = FORGOTTEN.iter().find(|(name, _)| step.ends_with(name)) {
            database.run(again);
        }
    };
    let furnish = |step: &Path| {
        let rows = ROWS.iter().find(|(name, _)| step.ends_with(name));
        let (_, rows) = rows.unwrap_or_else(|| panic!("rows.rs has none for {step:?}"));
        database.run(rows);
        furnished(&database.see().tables, step);
    };
    let mut walked = Vec::new();
    for step in steps(database.kind()) {
        let before = database.see();
        up(&step);
        let after = database.see();
        if !step.ends_with(NOT_EVERYWHERE) {
            assert_ne!(after, before, "{step:?} does nothing");
        }
        if step.ends_with("0007_quotas") {
            let sent =
                "SELECT member || ' ' || digest || ' ' || size_bytes AS text FROM member_blobs";
            let sent: BTreeSet<String> = database.texts(sent).into_iter().collect();
            assert!(sent.iter().eq(SENT), "{sent:?}");
        }
        furnish(&step);
        let full = database.see();
        down(&step);
        assert_eq!(database.see(), before, "{step:?} was taken back");
        up(&step);
        assert_eq!(database.see(), after, "{step:?} was taken again");
        furnish(&step);
        assert_eq!(database.see(), full, "{step:?} with its rows");
        walked.push((step, before, after));
    }
    let newest = database.see();
    for (step, before, _) in walked.iter().rev() {
        down(step);
        assert_eq!(database.see(), *before, "{step:?} was taken back after all");
    }
    assert!(database.see().tables.is_empty());
    // And once more, on what was left.
    for (step, _, after) in &walked {
        up(step);
        assert_eq!(database.see(), *after, "{step:?} was taken a last time");
        furnish(step);
    }
    assert_eq!(database.see(), newest);
}

/// A table without rows would prove nothing, and neither would a column that is empty in all of them.
fn furnished(tables: &Tables, step: &Path) {
    for (table, (columns, rows)) in tables {
        for column in columns {
            let empty = [format!("{column}=NULL;"), format!("\"{column}\": null")];
            let has_it = |row: &String| !empty.iter().any(|empty| row.contains(empty.as_str()));
            let is_there = rows.iter().any(has_it);
            assert!(is_there, "rows.rs fills no {table}.{column} at {step:?}");
        }
    }
}

#[test]
fn both_kinds_of_databases_take_the_same_steps() {
    let names = |kind| {
        let steps = steps(kind);
        let name = |step: &PathBuf| step.file_name().unwrap().to_owned();
        steps.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// In memory, with what the hub demands of rows.
struct Sqlite(RefCell<SqliteConnection>);

impl Subject for Sqlite {
    fn run(&self, sql: &str) {
        self.0.borrow_mut().batch_execute(sql).unwrap();
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let query = diesel::sql_query(format!("SELECT text FROM ({sql})"));
        let found: Vec<Text> = query.load(&mut *self.0.borrow_mut()).unwrap();
        found.into_iter().map(|one| one.text).collect()
    }

    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn names(&self) -> [&'static str; 2] {
        [
            "SELECT name AS text FROM sqlite_schema WHERE type = 'index'",
            "SELECT name AS text FROM sqlite_schema WHERE type = 'table'",
        ]
    }

    fn columns_of(&self, table: &str) -> String {
        format!("SELECT name AS text FROM pragma_table_info('{table}')")
    }

    fn rows_of(&self, table: &str, columns: &BTreeSet<String>) -> String {
        let named = columns
            .iter()
            .map(|column| format!("'{column}=' || quote({column})"));
        let named = named.collect::<Vec<_>>().join(" || ';' || ");
        format!("SELECT {named} || ';' AS text FROM {table}")
    }
}

#[test]
fn every_step_on_sqlite_can_be_taken_back() {
    let connection = SqliteConnection::establish(":memory:").unwrap();
    let database = Sqlite(RefCell::new(connection));
    database.run("PRAGMA foreign_keys = ON");
    forth_and_back(&database);
}

impl Subject for Database {
    fn run(&self, sql: &str) {
        // Bytes as PostgreSQL writes them, and what the hub demands of rows.
        let sql = sql.replace("X'", "'\\x");
        self.sql(&format!("SET session_replication_role = DEFAULT; {sql}"));
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let found = self.sql(&format!("SELECT text FROM ({sql}) AS found"));
        found.lines().map(str::to_owned).collect()
    }

    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn names(&self) -> [&'static str; 2] {
        [
            "SELECT indexname AS text FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT table_name AS text FROM information_schema.tables WHERE table_schema = 'public'",
        ]
    }

    fn columns_of(&self, table: &str) -> String {
        format!(
            "SELECT column_name AS text FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name = '{table}'"
        )
    }

    fn rows_of(&self, table: &str, _: &BTreeSet<String>) -> String {
        format!("SELECT to_jsonb(one)::text AS text FROM {table} AS one")
    }
}

#[test]
fn every_step_on_postgresql_can_be_taken_back() {
    let Some(database) = Database::make() else {
        return;
    };
    forth_and_back(&*database);
    // The order of text is that of its bytes, whatever the order of the database.
    let other = database.sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = \
         'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'",
    );
    assert_eq!(other, "");
}

/// Takes one step back, as if an earlier version had served this hub.
fn step_back(world: &World) {
    world.sql(
        "DROP INDEX releases_published_by; DROP TABLE member_blobs; DROP TABLE quotas; \
         DELETE FROM __diesel_schema_migrations WHERE version = '0007'",
    );
}

#[tokio::test]
async fn commands_beside_a_server_bring_no_tables_up_to_date() {
    let mut world = World::start();
    step_back(&world);
    for _ in 0..2 {
        let looked = world.run(&["doctor"]);
        let said = String::from_utf8(looked.stdout).unwrap();
        assert!(said.contains("1 steps to run"), "{said}");
    }
    for command in [
        &["log", "verify"][..],
        &["gc"],
        &["token", "list"],
        &["token", "create", "--member", "alpha"],
        &["quota", "list"],
    ] {
        let refused = world.run(command);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(
            !refused.status.success() && said.contains("1 steps behind"),
            "{command:?}: {said}"
        );
    }
    // What has the hub to itself does.
    world.kill();
    let rebuilt = world.run(&["rebuild-index"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert!(world.verify_log().0);
    step_back(&world);
    world.serve(&[]);
    assert!(world.verify_log().0);
}

#[tokio::test]
async fn a_backup_of_an_earlier_version_is_one_of_this_version() {
    let world = World::start_with_both(None, None, &[], |_| None);
    step_back(&world);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let to = path("backup");
    let made = world.run(&["backup", "--to", &to]);
    assert!(made.status.success(), "{made:?}");
    let looked = world.run(&["doctor"]);
    let said = String::from_utf8(looked.stdout).unwrap();
    assert!(said.contains("1 steps to run"), "the hub stays: {said}");
    let restored = world.run(&["restore", "--from", &to, "--data", &path("data")]);
    assert!(restored.status.success(), "{restored:?}");
    let keys = path("data/keys");
    std::fs::create_dir(&keys).unwrap();
    std::fs::copy(
        world.data().join("keys/log.key"),
        Path::new(&keys).join("log.key"),
    )
    .unwrap();
    let verified = world.run(&["log", "verify", "--data", &path("data")]);
    assert!(verified.status.success(), "{verified:?}");
}
