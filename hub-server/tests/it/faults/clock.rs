//! A wall clock that is set back while the server runs, as when a machine's battery was empty or its time server lied.

use std::path::{Path, PathBuf};
use std::process::Command;

use registry_schema::api::{Published, YankRecorded, yanks_path};
use registry_schema::envelope;
use registry_schema::statement::YankAction;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use crate::blobs::{arrived, finish, name, patch};
use crate::log::{body, check, checkpoint, release};
use crate::missing;
use crate::trust::served;
use crate::world::{ALPHA, World, header};

const SOURCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/fixtures/wall_clock.c"
);

/// A wall clock of a server's own.
struct WallClock {
    library: PathBuf,
    wrong_by: PathBuf,
}

impl WallClock {
    /// One that is right; `None` where there is no C compiler, which has then been said.
    fn make(folder: &Path) -> Option<Self> {
        let library = folder.join("wall_clock.so");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(SOURCE)
            .status();
        let Ok(made) = made else {
            missing::tool("there is no C compiler to make a wall clock with");
            return None;
        };
        assert!(made.success());
        let clock = Self {
            library,
            wrong_by: folder.join("wrong_by"),
        };
        clock.set(0);
        Some(clock)
    }

    /// Makes it wrong by so many seconds, in one step.
    fn set(&self, seconds: i64) {
        use std::os::unix::fs::FileExt as _;
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.wrong_by);
        file.unwrap().write_at(&seconds.to_le_bytes(), 0).unwrap();
    }

    /// Starts a server that goes by it.
    fn serve(&self, world: &mut World) {
        let mut command = world.command();
        command
            .env("LD_PRELOAD", &self.library)
            .env("WALL_CLOCK", &self.wrong_by);
        world.serve_by(command, &[]);
    }
}

/// The seconds since 1970 by the server's clock.
async fn shown_time(world: &World) -> i64 {
    let answer = world.get("/healthz").await;
    let date = header(&answer, "date");
    let date = jiff::fmt::rfc2822::parse(date).unwrap();
    date.timestamp().as_second()
}

/// The version of the trust root's youngest file.
async fn timestamp_version(world: &World) -> u64 {
    let timestamp = served(world).await.timestamp;
    let json: serde_json::Value = serde_json::from_str(&timestamp).unwrap();
    json["signed"]["version"].as_u64().unwrap()
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_nothing_and_turns_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(clock) = WallClock::make(folder.path()) else {
        return;
    };
    let mut world = World::start();
    world.kill();
    clock.serve(&mut world);
    // A store refuses requests that are dated a quarter of an hour ago.
    let back = match world.is_in_bucket() {
        true => 600,
        false => 2 * 24 * 3600,
    };
    let (before, version) = (shown_time(&world).await, timestamp_version(&world).await);
    let first = release("alpha/first");
    world.published(&first).await;
    let at = world.begin(&name()).await;
    patch(&world, &at, 0, b"hello ").await;
    clock.set(-back);
    while shown_time(&world).await > before - back + 60 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // 1. while it runs
    let second = release("alpha/second");
    let published: Published = body(world.publish(&second).await).await;
    let newest = check(&world, &published.proof, &second.envelope, 1);
    assert_eq!(newest.checkpoint().size, 2);
    let statement = first.yank(YankAction::Yank, 1, &[ALPHA]);
    let yanked = world
        .request(Method::POST, &yanks_path(&first.name, &first.version))
        .header(CONTENT_TYPE, envelope::MEDIA_TYPE)
        .body(statement.clone())
        .send();
    let yanked: YankRecorded = body(yanked.await.unwrap()).await;
    check(&world, &yanked.proof, &statement, 2);
    assert_eq!(world.get("/readyz").await.status(), StatusCode::OK);
    // 2. what was begun in its future goes on, also after a restart
    world.kill();
    clock.serve(&mut world);
    assert!(shown_time(&world).await < before - back + 300);
    assert_eq!(arrived(&world, &at).await, 6);
    patch(&world, &at, 6, b"world").await;
    let digest = registry_schema::digest::Digest::of(b"hello world");
    let finished = finish(&world, &at, &digest).await;
    assert_eq!(finished.status(), StatusCode::CREATED);
    world.published(&release("alpha/third")).await;
    // 3. and when it is right again
    clock.set(0);
    world.published(&release("alpha/fourth")).await;
    assert_eq!(checkpoint(&world).await.checkpoint().size, 5);
    assert!(timestamp_version(&world).await >= version);
    let (is_good, said) = world.verify_log();
    assert!(is_good && said.contains("entries 5"), "{said}");
}
