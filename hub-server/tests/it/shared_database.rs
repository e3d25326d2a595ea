//! Commands on a database in PostgreSQL, which other machines use, too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::Database;
use crate::index::{dump, lively_at};
use crate::log::release;
use crate::world::{World, hub_server};

#[test]
fn nobody_is_shown_the_password() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let data = folder.path().join("data");
    for url in [
        "postgres://hub:s3cret@127.0.0.1:1/hub",
        "postgres://hub:s3cret@127.0.0.1:none/hub",
        "mysql://hub:s3cret@127.0.0.1/hub",
    ] {
        let output = hub_server(&["token", "list", "--database", url], &data);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(
            !output.status.success() && said.contains("error: "),
            "{said}"
        );
        assert!(!said.contains("s3cret"), "{said}");
    }
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_hub-server"))
        .args(["serve", "--help"])
        .env("HUB_SERVER_DATABASE", "postgres://hub:s3cret@127.0.0.1/hub")
        .output()
        .unwrap();
    let said = String::from_utf8(help.stdout).unwrap();
    assert!(said.contains("HUB_SERVER_DATABASE"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_hub_is_moved_to_postgresql_and_back() {
    let (Some(there), Some(elsewhere)) = (Database::make(), Database::make()) else {
        return;
    };
    let (url, other_url) = (there.url(), elsewhere.url());
    let refused = |world: &World, args: &[&str], word: &str| {
        let output = world.run(&[&["migrate-store"], args].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(word), "{said}");
    };
    let done = |world: &World, args: &[&str]| {
        let output = world.run(&[&["migrate-store"], args].concat());
        assert!(output.status.success(), "{output:?}");
    };
    let mut world = lively_at(World::start_on(None, &[], |_| None)).await;
    let before = dump(&world);
    refused(&world, &["--to", &url], "another server");
    world.kill();
    done(&world, &["--to", &url]);
    refused(&world, &["--to", &url], "not empty");
    // The same hub, with the same tokens, goes on there.
    world.use_database(Some(&there));
    world.serve(&[]);
    world.published(&release("alpha/elsewhere")).await;
    // A server of another data folder, too, keeps the rows from being moved.
    let mut replica = world.replica(&[]);
    world.kill();
    let from = ["--from", &url];
    replica.until_logged("this server asks the witnesses");
    refused(&world, &from, "servers run on this database");
    replica.kill();
    done(&world, &[&from[..], &["--to", &other_url]].concat());
    // Back into a file, in the place of the one of before.
    refused(&world, &from, "not empty");
    std::fs::remove_file(world.data().join("hub.sqlite")).unwrap();
    done(&world, &from);
    world.use_database(None);
    assert!(world.verify_log().0);
    let after = dump(&world);
    let after: BTreeSet<&str> = after.lines().collect();
    // What the one release more has changed aside.
    let kept = before.lines().filter(|row| {
        let table = row.split_once('|').map(|(table, _)| table);
        table.is_some_and(|table| !["log_tiles", "log_checkpoints"].contains(&table))
    });
    for row in kept {
        assert!(after.contains(row), "{row}");
    }
    world.serve(&[]);
    world.published(&release("alpha/back")).await;
}

#[tokio::test]
async fn rows_are_made_anew_however_long_the_store_of_blobs_takes() {
    let Some(database) = Database::make() else {
        return;
    };
    let mut world = World::start_on(Some(Arc::clone(&database)), &[], |_| None);
    world.published(&release("alpha/squares")).await;
    world.kill();
    // Notes how long a transaction that writes may stand still.
    database.sql(
        "CREATE TABLE patience (text TEXT); \
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO patience VALUES (current_setting('idle_in_transaction_session_timeout')); \
         RETURN NEW; END $$; \
         CREATE TRIGGER note AFTER INSERT ON log_checkpoints FOR EACH ROW EXECUTE FUNCTION note()",
    );
    let rebuilt = world.run(&["rebuild-index"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_eq!(
        database.sql("SELECT DISTINCT text FROM patience").trim(),
        "0"
    );
}

#[tokio::test]
async fn one_machine_at_a_time_collects_garbage() {
    let Some(database) = Database::make() else {
        return;
    };
    let world = World::start_on(Some(Arc::clone(&database)), &[], |_| None);
    let collecting = Arc::clone(&database);
    let other = std::thread::spawn(move || {
        collecting.sql(
            "SELECT pg_advisory_lock(1213546066, 3); DO $$ BEGIN \
             WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'over') \
             LOOP PERFORM pg_sleep(0.05); END LOOP; END $$",
        );
    });
    let held = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
                WHERE locktype = 'advisory' AND objid = 3 AND datname = current_database()";
    while database.sql(held).trim() != "1" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = world.run(&["gc"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("another `hub-server gc`"),
        "{said}"
    );
    database.sql("CREATE TABLE over ()");
    other.join().unwrap();
    assert!(world.run(&["gc"]).status.success());
}
