//! Mirrors that something happens to: damage at the hub, changes in the folder, a kill, the wrong folder.

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use registry_schema::keys::SecretKey;
use registry_schema::tuf::TufError;
use registry_schema::tuf::bundle::Bundle;

use super::hostile_hub::{Proxy, replace};
use super::lying_log::LyingLog;
use super::mirrors::{Mirror, ask, eventually};
use super::world::{files_below, hub_command, read, server};

#[test]
fn what_is_damaged_at_the_hub_is_not_mirrored() {
    let Some(mirror) = Mirror::start() else {
        return;
    };
    mirror.mirror(&["alpha/other"]).ok();
    let running = mirror.serve();
    let (list, checkpoint) = (mirror.list(), read(&mirror.folder.join("log/checkpoint")));
    mirror.publish("dots", "1.1.0");
    // One file of the newest release has other bytes at the hub.
    let card = "README.md";
    let draft = mirror.root().join("drafts/dots-1.1.0-means").join(card);
    let good = std::fs::read(&draft).unwrap();
    let hub = mirror.blob("dots-1.1.0-means", card);
    let hub = mirror
        .root()
        .join("hub")
        .join(hub.strip_prefix(&mirror.folder).unwrap());
    std::fs::write(&hub, vec![b'x'; good.len()]).unwrap();
    // `dots` and `alpha/other` have cards of their own; what is wrong is in `dots` alone.
    mirror.mirror(&["dots"]).fails(4, "was not mirrored");
    assert_eq!(mirror.list(), list);
    assert_eq!(read(&mirror.folder.join("log/checkpoint")), checkpoint);
    // A server that looks now shows what it showed.
    let (_, shown) = ask(&running.url, "GET", "/log/checkpoint", None);
    assert_eq!(shown, checkpoint);
    // In a folder of its own nothing is there to be shown.
    let fresh = Mirror {
        folder: mirror.root().join("fresh"),
        data: mirror.root().join("fresh-data"),
        ..mirror
    };
    fresh.mirror(&["dots"]).fails(4, "dots@");
    assert!(!fresh.folder.join("log/checkpoint").exists());
    let refused = fresh.init();
    assert_ne!(refused.code, 0, "{refused}");
    // Once the hub is whole again, the same command goes on.
    std::fs::write(&hub, good).unwrap();
    fresh.mirror(&["dots"]).ok();
    fresh.init().ok();
}

#[test]
fn a_mirror_that_was_changed_is_caught() {
    let Some(mut mirror) = Mirror::start() else {
        return;
    };
    mirror.mirror(&["--all"]).ok();
    mirror.world.server.kill();
    let running = mirror.serve();
    mirror.settle(&running.url);
    // 1. a blob, by whoever has the folder
    let graph = mirror.blob("dots-1.0.0-three_features", "README.md");
    let good = std::fs::read(&graph).unwrap();
    std::fs::write(&graph, vec![b'x'; good.len()]).unwrap();
    mirror.island(&["pull", "dots"]).fails(4, "sha256:");
    let listed = mirror.island(&["list", "--json"]).json();
    assert!(listed["releases"].as_array().unwrap().is_empty());
    let doctor = server(&["doctor", "--deep", "--data", mirror.data.to_str().unwrap()]);
    assert_ne!(doctor.code, 0, "{doctor}");
    std::fs::write(&graph, good).unwrap();
    // 2. a statement in what is served
    let forged = Proxy::start(running.url.clone(), |path, body| {
        match path.contains("/releases/") && !path.contains("/blobs/") {
            true => replace(&body, "eyJ", "eyK"),
            false => body,
        }
    });
    mirror
        .island(&["pull", "dots", "--hub", forged.url()])
        .fails(4, "log");
    mirror.island(&["pull", "dots", "--no-lock"]).ok();
    drop(running);
    // 3. an entry in the folder: nothing is made of it
    let bundle = mirror.folder.join("log/tile/entries/000.p/2");
    let mut bytes = std::fs::read(&bundle).unwrap();
    let at = bytes.windows(3).position(|three| three == b"eyJ").unwrap() + 40;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    std::fs::write(&bundle, bytes).unwrap();
    std::fs::remove_dir_all(&mirror.data).unwrap();
    let refused = mirror.init();
    assert_ne!(refused.code, 0, "{refused}");
    assert!(
        refused.stderr.contains("do not come to the root"),
        "{refused}"
    );
}

#[test]
fn a_killed_run_leaves_a_mirror_that_the_next_one_completes() {
    let Some(mirror) = Mirror::start() else {
        return;
    };
    mirror.mirror(&["alpha/other"]).ok();
    let folder = mirror.world.draft("dots", "1.1.0", "means", 4);
    // Some megabytes, so that there is a middle to be killed in.
    let mut state = 1_u32;
    let digits = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'0' + state.to_be_bytes()[0] % 10
    });
    std::fs::write(
        folder.join("ballast.txt"),
        digits.take(16 << 20).collect::<Vec<u8>>(),
    )
    .unwrap();
    mirror.publish("dots", "1.1.0");
    let token = mirror.world.token("beta", &[]);
    let (to, url) = (mirror.folder.to_str().unwrap(), &mirror.world.server.url);
    let line = ["mirror", "--to", to, "dots", "--hub", url];
    let mut killed = 0;
    for wait in [20, 80, 150, 250, 400, 700] {
        let mut command = hub_command(mirror.root(), "beta", &line);
        let mut run = command
            .env("HUB_TOKEN", &token)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let is_killed = run.try_wait().unwrap().is_none();
        run.kill().unwrap();
        run.wait().unwrap();
        // Whatever is there is a mirror: the one before, or the new one.
        mirror.init().ok();
        if !is_killed {
            break;
        }
        killed += 1;
    }
    assert!(killed > 0, "no run was killed before its end");
    let list = mirror.mirror(&["dots", "--json"]).json();
    let all = serde_json::json!(["dots@1.0.0", "dots@1.1.0", "alpha/other@1.0.0"]);
    assert_eq!(list["releases"], all);
    let running = mirror.serve();
    mirror.settle(&running.url);
    mirror.island(&["pull", "dots@1"]).ok();
}

#[test]
fn only_a_mirror_is_written_into() {
    let Some(mirror) = Mirror::start() else {
        return;
    };
    std::fs::create_dir_all(&mirror.folder).unwrap();
    let note = mirror.folder.join("note.txt");
    std::fs::write(&note, "mine").unwrap();
    mirror.mirror(&["dots"]).fails(2, "holds other things");
    assert_eq!(files_below(&mirror.folder).len(), 1);
    std::fs::remove_file(&note).unwrap();
    mirror.mirror(&["dots"]).ok();
    // A mirror of another consortium is none of this one's.
    let first = mirror.folder.join("tuf/metadata/1.root.json");
    let text = read(&first);
    std::fs::write(&first, format!("{text} ")).unwrap();
    mirror.mirror(&["dots"]).fails(4, "first root");
    std::fs::write(&first, text).unwrap();
    // A hub's folder is no mirror.
    let hub = Mirror {
        folder: mirror.root().join("hub"),
        ..mirror
    };
    hub.mirror(&["dots"]).fails(2, "holds other things");
    assert!(!hub.folder.join("log").exists());
    let mirror = Mirror {
        folder: hub.root().join("mirror"),
        ..hub
    };
    // The trust root in it is one for `hub trust --metadata`.
    let project = mirror.root().join("island/project");
    std::fs::create_dir_all(project).unwrap();
    let tuf = mirror.folder.join("tuf");
    let pin = [
        "trust",
        &mirror.world.first_root,
        "--metadata",
        tuf.to_str().unwrap(),
    ];
    mirror.island(&pin).ok();
    let log = mirror.folder.join("log");
    let tiles = [
        "audit",
        "--monitor",
        "--tiles",
        log.to_str().unwrap(),
        "--offline",
    ];
    mirror.island(&tiles).ok();
}

#[test]
fn files_that_are_missing_are_told_once_and_found_when_they_come() {
    let Some(mirror) = Mirror::start() else {
        return;
    };
    mirror.publish("dots", "1.1.0");
    mirror.mirror(&["--all"]).ok();
    let running = mirror.serve();
    mirror.settle(&running.url);
    let told = |(version, _, file): (&str, &str, &str)| {
        let log = read(&mirror.data.with_extension("log"));
        let what = format!("`{file}` of `dots@{version}`");
        let lines = log.lines();
        lines
            .filter(|line| line.contains("should hold this") && line.contains(&what))
            .count()
    };
    // The two graphs differ, their names do not.
    let files = [
        ("1.0.0", "three_features", "README.md"),
        ("1.0.0", "three_features", "model.onnx"),
        ("1.1.0", "means", "model.onnx"),
    ];
    let paths =
        files.map(|(version, graph, file)| mirror.blob(&format!("dots-{version}-{graph}"), file));
    let bytes = paths.each_ref().map(|path| std::fs::read(path).unwrap());
    // One after the other, so that the folder is looked at again while the first one is missing; the list is
    // written anew, as by a run of `hub mirror`.
    let list = mirror.folder.join("mirror.json");
    for (file, path) in files.into_iter().zip(&paths) {
        std::fs::remove_file(path).unwrap();
        std::fs::write(&list, read(&list) + " ").unwrap();
        eventually("what is missing is told", || told(file) > 0);
    }
    assert_eq!(files.map(told), [1, 1, 1]);
    mirror
        .island(&["pull", "dots@1"])
        .fails(3, "not in this mirror");
    for (path, bytes) in paths.iter().zip(bytes) {
        std::fs::write(path, bytes).unwrap();
    }
    eventually("what has come is shown", || {
        mirror.island(&["pull", "dots@1"]).code == 0
    });
}

#[test]
fn what_a_stolen_online_key_counted_does_not_stop_a_mirror() {
    let Some(mirror) = Mirror::start() else {
        return;
    };
    mirror.mirror(&["dots"]).ok();
    let running = mirror.serve();
    let tuf = mirror.folder.join("tuf");
    let mirrored = || {
        let read = |path: &str| Ok::<_, TufError>(std::fs::read_to_string(tuf.join(path)).ok());
        Bundle::of_served_files(read).unwrap()
    };
    let put = |state: &Bundle| {
        for (path, text) in state.served_files().unwrap() {
            std::fs::write(tuf.join(path), text).unwrap();
        }
    };
    let shown = || ask(&running.url, "GET", "/tuf/metadata/timestamp.json", None).1;
    // The thief shows the mirror versions that the hub will not reach.
    let thief = read(&mirror.root().join("hub/keys/online.pem"));
    let thief = SecretKey::from_pem(&thief).unwrap();
    let far = mirrored().brought_back(&thief, Timestamp::now()).unwrap();
    put(&far);
    eventually("the thief's state is shown", || shown() == far.timestamp);
    // Members name another key, and the mirror follows the hub.
    let keys = mirror.world.hub_server(&["keys", "--next-online"]);
    let keys = keys.ok().stdout;
    let mut lines = keys.lines();
    let next = lines.find_map(|line| line.strip_prefix("next-online "));
    let propose = ["propose", "--online-key", next.unwrap()];
    mirror.world.rotate(&propose, &[], &["alpha", "gamma"]);
    mirror.mirror(&[]).ok();
    let second = mirrored();
    assert_eq!(second.roots.len(), 2);
    assert!(second.version().unwrap() < far.version().unwrap());
    eventually("the hub's state is shown", || shown() == second.timestamp);
    // The thief's does not come back.
    std::fs::remove_file(tuf.join("metadata/2.root.json")).unwrap();
    put(&far);
    eventually("the thief's state is refused", || {
        read(&mirror.data.with_extension("log")).contains("older than the one shown")
    });
    assert_eq!(shown(), second.timestamp);
}

#[test]
fn rows_made_anew_go_on_from_what_was_shown() {
    let Some(mirror) = Mirror::start() else {
        return;
    };
    mirror.mirror(&["--all"]).ok();
    mirror.init().ok();
    let honest = LyingLog::of(&mirror.world);
    let [first, second] = &honest.entries[..] else {
        panic!("two releases were logged")
    };
    let data = mirror.data.to_str().unwrap();
    let run = |line: &[&str]| server(&[line, &["--data", data]].concat());
    let put = |log: &LyingLog| {
        let bundle = format!("tile/entries/000.p/{}", log.entries.len());
        for file in ["checkpoint", &bundle] {
            let path = mirror.folder.join("log").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, log.file(file).unwrap()).unwrap();
        }
    };
    // Signed by the log, each whole in itself: shorter, and of another history.
    for (entries, words) in [
        (vec![&first[..]], "a mirror never goes back"),
        (vec![&second[..], first], "do not continue those that were"),
    ] {
        put(&honest.with(&entries));
        run(&["rebuild-index"]).fails(1, words);
        assert!(run(&["log", "verify"]).ok().stdout.contains("entries 2"));
    }
    put(&honest);
    run(&["rebuild-index"]).ok();
    assert!(run(&["log", "verify"]).ok().stdout.contains("entries 2"));
}
