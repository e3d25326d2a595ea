//! A folder that verifies by itself, on a machine that knows nothing but a fingerprint.

use std::path::Path;

use super::world::{Run, World, hub_at};

#[test]
fn a_bundle_verifies_with_a_fingerprint_alone_and_not_when_anything_is_changed() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    let yank = ["yank", "dots@2.0.0", "--reason", "blind to orange"];
    world.hub("alpha", &yank).ok();
    world.hub("beta", &["pull", "dots@2.0.0"]).ok();
    let export = ["export", "dots@2.0.0", "--bundle", "whole"];
    world.hub("beta", &export).ok();
    world.server.kill();
    let whole = world.project("beta").join("whole");

    // A stranger's machine: no hub, no settings, no network.
    let root = world.folder.path().to_owned();
    std::fs::create_dir_all(root.join("stranger/project")).unwrap();
    let first_root = world.first_root.clone();
    let verify = |folder: &Path, more: &[&str]| -> Run {
        let folder = folder.to_str().unwrap();
        let line = [&["verify", "--bundle", folder, "--offline"], more].concat();
        hub_at(&root, "stranger", &line)
    };
    let pinned = ["--root", &first_root];
    let view = verify(&whole, &[&pinned[..], &["--json"]].concat()).json();
    assert_eq!(view["release"], "dots@2.0.0");
    assert_eq!(
        (&view["log_index"], &view["log"]["entries"]),
        (&0.into(), &2.into())
    );
    assert_eq!(view["yanked"]["reason"], "blind to orange");
    let home = root.join("stranger/home");
    let left: Vec<_> = std::fs::read_dir(&home).into_iter().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    verify(&whole, &[]).fails(4, "none is pinned");
    let other = format!("sha256:{}", "0".repeat(64));
    verify(&whole, &["--root", &other]).fails(4, "you expect");
    // Another year the metadata has expired, unless a person says which time it is of.
    let later = "2100-01-01T00:00:00Z";
    verify(&whole, &[&pinned[..], &["--as-of", later]].concat()).fails(4, "expired");

    let changed = |name: &str, change: &dyn Fn(&Path), words: &str| {
        let copy = root.join(name);
        copy_folder(&whole, &copy);
        change(&copy);
        verify(&copy, &pinned).fails(4, words);
    };
    let edit = |path: &'static str, from: &'static str, to: &'static str| {
        move |folder: &Path| {
            let path = folder.join(path);
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        }
    };
    let not_in_the_log = "not show that its statements are in the log";
    changed(
        "file",
        &edit("release/README.md", "tiny", "Tiny"),
        "not the file that was signed",
    );
    changed(
        "extra",
        &|folder| std::fs::write(folder.join("release/extra"), "x").unwrap(),
        "not among the signed files",
    );
    changed(
        "index",
        &edit("statement.tlog-proof", "index 0", "index 1"),
        not_in_the_log,
    );
    changed(
        "size",
        &edit("statement.tlog-proof", "\n2\n", "\n3\n"),
        not_in_the_log,
    );
    changed(
        "envelope",
        &edit("statement.dsse.json", "\"sig\":\"", "\"sig\":\"AA"),
        not_in_the_log,
    );
    changed(
        "swapped",
        &|folder| {
            std::fs::copy(
                folder.join("yanks/1.tlog-proof"),
                folder.join("statement.tlog-proof"),
            )
            .unwrap();
        },
        not_in_the_log,
    );
    changed(
        "root",
        &edit(
            "tuf/metadata/1.root.json",
            "\"threshold\":2",
            "\"threshold\":1",
        ),
        "you expect",
    );
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
