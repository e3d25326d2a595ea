//! A PostgreSQL that speaks another language: its errors are known by their codes.

use registry_schema::api::ProblemCode;
use reqwest::StatusCode;

use crate::cluster::Database;
use crate::log::release;
use crate::world::{World, problem};

/// From now on nothing can be appended to the log, for a reason that has a code.
fn refuse(database: &Database, code: &str) {
    database.sql(&format!(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN RAISE EXCEPTION 'kein Speicherplatz mehr verf\u{fc}gbar' USING ERRCODE = '{code}'; END $$; \
         DROP TRIGGER IF EXISTS refuse ON log_entries; CREATE TRIGGER refuse BEFORE INSERT ON log_entries FOR EACH ROW EXECUTE FUNCTION refuse()"
    ));
}

#[tokio::test]
async fn what_postgresql_says_is_understood_in_every_language() {
    let Some(database) = Database::make() else {
        return;
    };
    let world = World::start_on(Some(database.clone()), &[], |_| None);
    let one = release("alpha/squares");
    world.upload_all(&one).await;
    refuse(&database, "53100");
    let full = problem(world.put(&one).await, ProblemCode::StorageFull).await;
    assert!(full.contains("no room left"), "{full}");
    refuse(&database, "55P03");
    let busy = problem(world.put(&one).await, ProblemCode::Unavailable).await;
    assert!(busy.contains("busy"), "{busy}");
    // Anything else is a fault, whose code is in the server's log.
    refuse(&database, "58030");
    let fault = problem(world.put(&one).await, ProblemCode::Unavailable).await;
    assert!(fault.contains("nothing was recorded"), "{fault}");
    world.until_logged("SQLSTATE 58030: kein Speicherplatz");
    database.sql("DROP TRIGGER refuse ON log_entries");
    assert_eq!(world.put(&one).await.status(), StatusCode::CREATED);
}
