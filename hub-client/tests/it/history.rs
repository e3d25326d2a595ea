//! A hub that shows one history to some and another to others, or an old one again.

use std::path::Path;

use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::note::Note;

use super::bundles::copy_folder as copy;
use super::world::World;

/// The hub goes on from another state: what was its folder is kept under a name.
fn swap(world: &mut World, keep_as: &str, next: &str) {
    world.server.kill();
    let root = world.folder.path();
    std::fs::rename(root.join("hub"), root.join(keep_as)).unwrap();
    copy(&root.join(next), &root.join("hub"));
    world.restart();
}

fn warn(world: &World, member: &str, title: &str) {
    let words = ["--severity", "low", "--title", title, "--text", "Seen."];
    let line = [&["advisory", "dots@2.0.0"][..], &words].concat();
    world.hub(member, &line).ok();
}

#[test]
fn a_second_history_is_proven_and_refused_from_then_on() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    world.hub("gamma", &["pull", "dots@2"]).ok();
    world.server.kill();
    let root = world.folder.path().to_owned();
    copy(&root.join("hub"), &root.join("before"));
    world.restart();

    // Two histories from one beginning: gamma sees the first, the second is told to beta.
    warn(&world, "alpha", "Blind to orange");
    world.hub("gamma", &["show", "dots@2"]).ok();
    swap(&mut world, "first", "before");

    // An old state again is no other history, and is refused with both sizes.
    let words = "had 2 entries when this machine last saw it, and now it shows 1";
    world.hub("gamma", &["show", "dots@2"]).fails(4, words);
    world
        .hub("gamma", &["pull", "dots@2", "--update"])
        .fails(4, words);
    let evidence = world.home("gamma").join("log/evidence");
    assert!(!evidence.exists());

    warn(&world, "beta", "Blind to green");
    warn(&world, "beta", "Blind to blue");
    let run = world.hub("gamma", &["show", "dots@2"]);
    let run = run.fails(4, "shows another history than before");
    let folder = std::fs::read_dir(&evidence).unwrap().next().unwrap();
    let folder = folder.unwrap().path();
    assert!(run.stderr.contains(folder.to_str().unwrap()), "{run}");
    let size = |name: &str| {
        let note = Note::parse(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        Checkpoint::of_note(&note).unwrap().size
    };
    assert_eq!((size("older.checkpoint"), size("newer.checkpoint")), (2, 3));

    // Back to the first history: too late, whatever the command.
    swap(&mut world, "second", "first");
    for line in [
        &["show", "dots@2"][..],
        &["pull", "dots@2", "--update"],
        &["search", "dots"],
        &["trust"],
        &["consortium", "propose", "-o", "draft"],
        &["yank", "dots@2.0.0", "--reason", "x"],
    ] {
        let run = world.hub("gamma", line);
        let run = run.fails(4, "has shown two histories");
        assert!(run.stderr.contains(folder.to_str().unwrap()), "{run}");
    }
    // What is installed stays of use, and others, who were told one story, go on.
    world.hub("gamma", &["verify", "dots@2"]).ok();
    world.hub("alpha", &["show", "dots@2"]).ok();
    // Beta was told the other one and notices, too.
    world
        .hub("beta", &["show", "dots@2"])
        .fails(4, "had 3 entries");

    // A person decides; the evidence is kept.
    let forgotten = world
        .hub("gamma", &["trust", "--forget-log", "--json"])
        .json();
    assert_eq!(forgotten["logs"][0]["entries"], 2);
    let aside = forgotten["logs"][0]["evidence"].as_str().unwrap();
    assert!(Path::new(aside).join("older.checkpoint").exists());
    world.hub("gamma", &["show", "dots@2"]).ok();
}
