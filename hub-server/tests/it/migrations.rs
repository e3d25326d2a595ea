//! The steps that bring tables up to date: the same for both kinds of databases, and each of them can
//! be taken back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};

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

/// Takes every step, then every step back; tables and columns are each time those of before.
fn forth_and_back(
    kind: &str,
    run: &mut dyn FnMut(&str),
    columns: &mut dyn FnMut() -> BTreeSet<String>,
) {
    let text = |step: &Path, file: &str| std::fs::read_to_string(step.join(file)).unwrap();
    let mut before = Vec::new();
    for step in steps(kind) {
        before.push((step.clone(), columns()));
        run(&text(&step, "up.sql"));
        if !step.ends_with(NOT_EVERYWHERE) {
            assert_ne!(columns(), before.last().unwrap().1, "{step:?} does nothing");
        }
    }
    let newest = columns();
    while let Some((step, expected)) = before.pop() {
        run(&text(&step, "down.sql"));
        assert_eq!(columns(), expected, "{step:?}");
    }
    // And once more, on what was left.
    for step in steps(kind) {
        run(&text(&step, "up.sql"));
    }
    assert_eq!(columns(), newest);
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
struct Column {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

#[test]
fn every_step_on_sqlite_can_be_taken_back() {
    let connection = std::cell::RefCell::new(SqliteConnection::establish(":memory:").unwrap());
    let mut columns = || {
        let sql = "SELECT t.name || '.' || c.name AS text FROM sqlite_schema t, \
                   pragma_table_info(t.name) c UNION SELECT name FROM sqlite_schema";
        let found: Vec<Column> = diesel::sql_query(sql)
            .load(&mut *connection.borrow_mut())
            .unwrap();
        found.into_iter().map(|column| column.text).collect()
    };
    let mut run = |sql: &str| connection.borrow_mut().batch_execute(sql).unwrap();
    forth_and_back("sqlite", &mut run, &mut columns);
}

#[test]
fn every_step_on_postgresql_can_be_taken_back() {
    let Some(database) = Database::make() else {
        return;
    };
    let mut columns = || {
        let found = database.sql(
            "SELECT table_name || '.' || column_name FROM information_schema.columns \
             WHERE table_schema = 'public' \
             UNION SELECT indexname FROM pg_indexes WHERE schemaname = 'public'",
        );
        found.lines().map(str::to_owned).collect()
    };
    let mut run = |sql: &str| drop(database.sql(sql));
    forth_and_back("postgres", &mut run, &mut columns);
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
