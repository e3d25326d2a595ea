//! Bad input gives one clear error, the right exit code, and loses nothing.

use super::world::{World, fixture, manifest};

#[test]
fn tokens_and_members() {
    let Some(world) = World::start() else { return };
    let folder = world.author("dots", "1.0.0", "means", 4);
    let folder = folder.to_str().unwrap();
    // A token that is wrong, absent, expired, revoked, or may only read.
    world.login("gamma", "hub_wrong").fails(1, "token");
    let mut anonymous = world.command("alpha", &["search"]);
    anonymous
        .env("HUB_HOME", world.folder.path().join("nobody"))
        .env("HUB_REGISTRY", &world.server.url);
    let run = super::world::Run::of(anonymous);
    assert!(run.code != 0 && !run.stderr.contains("panicked"), "{run}");
    let read_only = world.token("alpha", &["--scope", "read"]);
    world.login("alpha", &read_only).ok();
    world.hub("alpha", &["publish", folder]).fails(1, "scope");
    // A member that does not own the name: refused here, before anything is sent.
    world
        .hub("beta", &["publish", folder])
        .fails(4, "no key of an owner");
    // A name nobody owns, and a member nobody knows.
    for (name, words) in [
        ("unlisted", "does not list"),
        ("stranger/dots", "not a member"),
    ] {
        let draft = world.author(name, "1.0.0", "means", 4);
        world
            .hub("alpha", &["publish", draft.to_str().unwrap()])
            .fails(4, words);
    }
    assert!(
        world.hub("beta", &["search", "--json"]).json()["extractors"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn versions_keep_their_promise() {
    let Some(world) = World::start() else { return };
    let first = world.author("dots", "2.0.0", "three_features", 3);
    world.publish(&first);
    // The same again is fine; other bytes for the version are not.
    world.publish(&first);
    let other = world.author("dots", "2.0.0", "three_features", 3);
    std::fs::write(other.join("README.md"), "# another card\n").unwrap();
    world
        .hub("alpha", &["publish", other.to_str().unwrap()])
        .fails(1, "version");
    // Lower than what is there.
    let lower = world.draft("dots", "2.0.0-rc.1", "three_features", 3);
    world
        .hub("alpha", &["check", lower.to_str().unwrap()])
        .fails(1, "does not come after");
    // A PATCH that adds a dimension.
    let patch = world.draft("dots", "2.0.1", "means", 4);
    world
        .hub("alpha", &["check", patch.to_str().unwrap()])
        .fails(4, "MINOR");
    // A MINOR whose vectors disagree with its predecessor's.
    let wrong = world.draft("dots", "2.1.0", "normalized", 4);
    world
        .hub("alpha", &["check", wrong.to_str().unwrap()])
        .fails(4, "disagrees");
    world
        .hub("alpha", &["publish", wrong.to_str().unwrap()])
        .fails(4, "disagrees");
    // A MINOR without its predecessor's probes.
    let lost = world.draft("dots", "2.1.0", "means", 4);
    std::fs::remove_file(lost.join("probes/p0.png")).unwrap();
    world
        .hub("alpha", &["check", lost.to_str().unwrap()])
        .fails(4, "probe");
    assert_eq!(
        world.hub("beta", &["pull", "dots", "--json"]).json()["version"],
        "2.0.0"
    );
}

#[test]
fn folders_that_are_no_release() {
    let Some(world) = World::start() else { return };
    let check = |change: &dyn Fn(&std::path::Path), code: i32, words: &str| {
        let folder = world.draft("alpha/broken", "1.0.0", "means", 4);
        change(&folder);
        world
            .hub("alpha", &["check", folder.to_str().unwrap()])
            .fails(code, words);
        std::fs::remove_dir_all(folder).unwrap();
    };
    check(
        &|f| std::fs::remove_file(f.join("extractor.toml")).unwrap(),
        3,
        "extractor.toml",
    );
    check(
        &|f| std::fs::remove_file(f.join("model.onnx")).unwrap(),
        3,
        "model.onnx",
    );
    check(
        &|f| std::fs::remove_file(f.join("README.md")).unwrap(),
        1,
        "README.md",
    );
    check(
        &|f| std::fs::remove_dir_all(f.join("probes")).unwrap(),
        1,
        "probe",
    );
    check(
        &|f| std::fs::write(f.join("extractor.toml"), "nome = 1").unwrap(),
        1,
        "extractor.toml",
    );
    let unknown_key = format!(
        "colour = \"blue\"\n{}",
        manifest("alpha/broken", "1.0.0", 4)
    );
    check(
        &|f| std::fs::write(f.join("extractor.toml"), &unknown_key).unwrap(),
        1,
        "colour",
    );
    let bad_license = manifest("alpha/broken", "1.0.0", 4).replace("\"MIT\"", "\"UNKNOWN\"");
    check(
        &|f| std::fs::write(f.join("extractor.toml"), &bad_license).unwrap(),
        1,
        "SPDX",
    );
    check(
        &|f| std::fs::write(f.join("weights.pt"), "x").unwrap(),
        1,
        "weights.pt",
    );
    check(
        &|f| std::fs::write(f.join("notes.txt"), b"\x7fELF\x02\x01\x01").unwrap(),
        4,
        "ELF",
    );
    check(
        &|f| std::fs::write(f.join("notes.md"), b"\x80\x04\x95\x10\0\0\0").unwrap(),
        4,
        "pickle",
    );
    check(
        &|f| std::fs::write(f.join("more.onnx"), b"PK\x03\x04....").unwrap(),
        4,
        "zip",
    );
    check(
        &|f| std::fs::write(f.join("Readme.md"), "x").unwrap(),
        1,
        "case",
    );
    check(
        &|f| std::fs::write(f.join("a b.txt"), "x").unwrap(),
        1,
        "a b.txt",
    );
    check(
        &|f| std::os::unix::fs::symlink("/etc/passwd", f.join("link.txt")).unwrap(),
        1,
        "link",
    );
    check(
        &|f| std::fs::write(f.join("probes/p0.png"), b"not a picture").unwrap(),
        4,
        "PNG",
    );
}

#[test]
fn images_and_labels() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = world.pictures(
        "beta",
        &[("red", [220, 40, 50]), ("blue", [40, 60, 210])],
        5,
    );
    let (folder, project) = (pictures.to_str().unwrap().to_owned(), world.project("beta"));

    // Unreadable images are named, counted and skipped; --strict stops.
    std::fs::write(pictures.join("red/empty.png"), b"").unwrap();
    std::fs::write(
        pictures.join("red/words.jpg"),
        b"these are words, not a picture",
    )
    .unwrap();
    let whole = std::fs::read(pictures.join("blue/000.png")).unwrap();
    std::fs::write(pictures.join("blue/half.png"), &whole[..whole.len() / 2]).unwrap();
    let run = world
        .hub("beta", &["embed", "dots@1", &folder, "-o", "f.npy"])
        .fails(6, "3");
    for name in ["empty.png", "words.jpg", "half.png"] {
        assert!(run.stderr.contains(name), "{run}");
    }
    let strict = world.hub(
        "beta",
        &["embed", "dots@1", &folder, "-o", "strict.npy", "--strict"],
    );
    assert!(
        strict.code != 0 && !project.join("strict.npy").exists(),
        "{strict}"
    );
    for name in ["red/empty.png", "red/words.jpg", "blue/half.png"] {
        std::fs::remove_file(pictures.join(name)).unwrap();
    }

    // Folders and label files that cannot teach anything.
    std::fs::create_dir_all(project.join("nothing")).unwrap();
    let train = |images: &str, more: &[&str]| {
        let mut arguments = vec!["train", "head", "--extractor", "dots@1", "--images", images];
        arguments.extend(more);
        world.hub("beta", &arguments)
    };
    train("nothing", &[]).fails(1, "nothing");
    train("absent", &[]).fails(3, "absent");
    train(&format!("{folder}/red"), &[]).fails(1, "class");
    std::fs::write(
        project.join("one.csv"),
        "path,label\nred/000.png,red\nred/001.png,red\n",
    )
    .unwrap();
    train(&folder, &["--labels", "one.csv"]).fails(1, "class");
    std::fs::write(
        project.join("lost.csv"),
        "path,label\nred/000.png,red\nred/999.png,blue\n",
    )
    .unwrap();
    train(&folder, &["--labels", "lost.csv"]).fails(1, "999.png");
    std::fs::write(
        project.join("two.csv"),
        "path,label\nred/000.png,red\nred/000.png,blue\n",
    )
    .unwrap();
    train(&folder, &["--labels", "two.csv"]).fails(1, "000.png");
    assert!(
        world.hub("beta", &["head", "list", "--json"]).json()["heads"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn heads_keep_to_their_feature_space() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.publish(&world.author("dots", "2.0.0", "normalized", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    world.hub("beta", &["pull", "dots@2"]).ok();
    let pictures = world.pictures(
        "beta",
        &[("red", [220, 40, 50]), ("blue", [40, 60, 210])],
        5,
    );
    let folder = pictures.to_str().unwrap();
    world
        .hub(
            "beta",
            &[
                "train",
                "colours",
                "--extractor",
                "dots@1",
                "--images",
                folder,
            ],
        )
        .ok();
    world
        .hub(
            "beta",
            &["predict", "colours", folder, "--extractor", "dots@2"],
        )
        .fails(1, "feature space");
    world
        .hub("beta", &["predict", "absent", folder])
        .fails(3, "absent");
    // A head whose file was cut or edited is refused, not half-read.
    let file = super::world::files_below(&world.home("beta").join("heads"))
        .into_iter()
        .map(|(path, _)| path);
    for path in file.filter(|path| path.metadata().unwrap().len() > 500) {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 7]).unwrap();
    }
    let broken = world.hub("beta", &["predict", "colours", folder]);
    assert!(
        broken.code != 0 && !broken.stderr.contains("panicked"),
        "{broken}"
    );
}

#[test]
fn without_a_runtime_library_the_error_says_how_to_get_it() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let mut command = world.command("beta", &["pull", "dots@1"]);
    command.env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so");
    super::world::Run::of(command).fails(1, "onnxruntime");
    let listed = world.hub("beta", &["list", "--json"]).json();
    assert!(
        listed["releases"].as_array().unwrap().is_empty(),
        "nothing is visible before every check has passed"
    );
    world.hub("beta", &["pull", "dots@1"]).ok();
}

#[test]
fn trust_is_pinned_to_a_fingerprint() {
    let Some(world) = World::start() else { return };
    world
        .hub("beta", &["trust", &format!("sha256:{}", "0".repeat(64))])
        .fails(4, "fingerprint");
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let kept = world.home("beta").join("trust/kept.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, text.replace("threshold\\\": 2", "threshold\\\": 1")).unwrap();
    world.hub("beta", &["pull", "dots@1"]).fails(4, "mixed");
    world.hub("beta", &["trust", &world.first_root]).ok();
    world.hub("beta", &["pull", "dots@1"]).ok();
}

#[test]
fn a_corrupt_file_is_found_and_fetched_again() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let graph = std::fs::read(fixture("means")).unwrap();
    let stored = super::world::files_below(&world.home("beta").join("store/blobs"));
    let (path, _) = stored
        .into_iter()
        .find(|(_, bytes)| *bytes == graph)
        .unwrap();
    let mut changed = graph.clone();
    changed[100] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    world
        .hub("beta", &["verify", "dots@1"])
        .fails(4, "model.onnx");
    let pictures = world.pictures("beta", &[("red", [220, 40, 50])], 2);
    world
        .hub(
            "beta",
            &["embed", "dots@1", pictures.to_str().unwrap(), "-o", "f.npy"],
        )
        .fails(4, "model.onnx");
    world.hub("beta", &["pull", "dots@1"]).ok();
    world.hub("beta", &["verify", "dots@1"]).ok();
    assert_eq!(std::fs::read(&path).unwrap(), graph);
}
