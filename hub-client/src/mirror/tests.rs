//! Copies of a log that grows, of one that was damaged, and of one that goes another way.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use registry_schema::log::tile::nodes_at;
use registry_schema::log::tree::{LEVELS, Tree};
use registry_schema::statement::{YankAction, YankStatement};
use registry_schema::trust_root::TrustRoot;
use tempfile::TempDir;

use super::*;
use crate::audit::monitor::tests::{NOW, World};
use crate::config::Folders;
use crate::log_view::{FolderLog, LogViewError, contact};
use registry_schema::digest::Digest;

/// A log of so many entries, which are told apart by a word.
fn world(size: usize, word: &str) -> World {
    let mut world = World::new();
    let yank = |sequence| YankStatement {
        name: "beta/dots".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        content: Digest::of(b"content"),
        action: YankAction::Yank,
        reason: word.to_owned(),
        replacement: None,
        sequence,
    };
    let some: Vec<Vec<u8>> = (1..4)
        .map(|sequence| world.sign(yank(sequence).to_payload(), 2))
        .collect();
    world.entries = some.into_iter().cycle().take(size).collect();
    world.serve();
    world
}

/// Copies what a log shows to a machine into a folder.
fn copy(world: &World, machine: &TempDir, folder: &Path) -> Result<(), MirrorError> {
    wait(async {
        let folders = Folders::under(machine.path());
        let source = FolderLog(world.log.path().to_owned());
        let view = contact(&folders, world.root.log_policy(), source, NOW).await?;
        let folder = MirrorFolder::open(folder, &Digest::of(b"first root"))?;
        let shown = log::check_continues(&folder, &view).await?;
        let progress = Progress::silent();
        log::copy(&folder, shown.as_ref(), &view, &world.root, &progress).await?;
        let newest = view.checkpoint();
        folder.write_checkpoint(newest.note())?;
        let before = shown.map_or(0, |head| head.size);
        Ok(folder.remove_superseded(before, newest.checkpoint().size)?)
    })
}

/// A machine that knows nothing reads every entry of the copy and has them proven, and there is no file too many.
fn check(world: &World, folder: &Path) {
    let log = folder.join("log");
    let entries = wait(async {
        let machine = tempfile::tempdir().unwrap();
        let folders = Folders::under(machine.path());
        let policy = world.root.log_policy();
        let view = contact(&folders, policy, FolderLog(log.clone()), NOW)
            .await
            .unwrap();
        let size = view.checkpoint().checkpoint().size;
        view.inclusion(0).await.unwrap();
        view.consistency(1).await.unwrap();
        let mut reader = view.entries(0..size);
        let mut found = Vec::new();
        while let Some(bundle) = reader.next_entries().await.unwrap() {
            found.extend(bundle.into_iter().map(|entry| entry.bytes));
        }
        found
    });
    assert!(entries == world.entries);
    let size = entries.len() as u64;
    let tiles: u64 = (0..LEVELS)
        .map(|level| nodes_at(level, size).div_ceil(256))
        .sum();
    let files = walkdir::WalkDir::new(&log).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file()).count() as u64;
    assert_eq!(files, 1 + size.div_ceil(256) + tiles, "{size}");
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

#[test]
fn a_copy_grows_with_its_log() {
    let (machine, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path().join("mirror");
    for size in [1, 255, 256, 257, 600, 600] {
        let world = world(size, "wrong crop");
        copy(&world, &machine, &folder).unwrap();
        check(&world, &folder);
    }
}

#[test]
fn what_was_damaged_is_written_anew() {
    let (machine, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path().join("mirror");
    let world = world(300, "wrong crop");
    copy(&world, &machine, &folder).unwrap();
    let edge = Tree::edge_tiles(300).next().unwrap().to_string();
    for path in [
        "tile/entries/000",
        "tile/entries/001.p/44",
        "tile/0/000",
        &edge,
    ] {
        let path = folder.join("log").join(path);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 9;
        bytes[last] ^= 1;
        crate::files::write_atomic(&path, &bytes).unwrap();
        copy(&world, &machine, &folder).unwrap();
        check(&world, &folder);
    }
}

#[test]
fn a_copy_follows_nobody_back_or_aside() {
    let (machine, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path().join("mirror");
    let mirrored = world(300, "wrong crop");
    copy(&mirrored, &machine, &folder).unwrap();
    // Machines that have seen nothing yet, so that only the folder knows better.
    let behind = copy(
        &world(299, "wrong crop"),
        &tempfile::tempdir().unwrap(),
        &folder,
    );
    assert!(matches!(
        behind,
        Err(MirrorError::Backwards {
            mirrored: 300,
            shown: 299
        })
    ));
    let other = tempfile::tempdir().unwrap();
    let aside = copy(&world(301, "another"), &other, &folder);
    assert!(matches!(
        aside,
        Err(MirrorError::Log(LogViewError::Forked { .. }))
    ));
    assert!(other.path().join("log/evidence").is_dir());
    check(&mirrored, &folder);
}

#[test]
fn tiles_are_written_of_the_log_that_was_shown_alone() {
    let (machine, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [folder, aside] = ["mirror", "aside"].map(|name| folder.path().join(name));
    let shown = world(300, "wrong crop");
    copy(&shown, &machine, &folder).unwrap();
    // In the place of its entries those of another log, and a hub that breaks off before it has sent any.
    copy(
        &world(300, "another"),
        &tempfile::tempdir().unwrap(),
        &aside,
    )
    .unwrap();
    for bundle in ["log/tile/entries/000", "log/tile/entries/001.p/44"] {
        let bytes = std::fs::read(aside.join(bundle)).unwrap();
        crate::files::write_atomic(folder.join(bundle), &bytes).unwrap();
    }
    let [tile, other] = [&folder, &aside].map(|one| std::fs::read(one.join("log/tile/0/000")));
    let (tile, other) = (tile.unwrap(), other.unwrap());
    assert!(tile != other);
    crate::files::remove_dir(&shown.log.path().join("tile/entries")).unwrap();
    copy(&shown, &machine, &folder).unwrap_err();
    assert!(tile == std::fs::read(folder.join("log/tile/0/000")).unwrap());
    // Whole again, it sends what was lost.
    shown.serve();
    copy(&shown, &machine, &folder).unwrap();
    check(&shown, &folder);
}
