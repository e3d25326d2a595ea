//! Kills, interrupts and races: nothing acknowledged is lost, nothing half-done is visible.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::endless::child_of;
use super::missing;
use super::world::{Run, World, files_below};

/// A text of digits without any order, the same for the same seed.
pub(crate) fn digits(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let digits = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'0' + state.to_be_bytes()[0] % 10
    });
    digits.take(length).collect()
}

/// A release with a text of 24 MiB, so that its transfer takes a moment.
fn large(world: &World, name: &str, version: &str) -> std::path::PathBuf {
    with_ballast(world, name, version, &digits(1, 24 << 20))
}

/// A release with a text beside its graph.
pub(crate) fn with_ballast(
    world: &World,
    name: &str,
    version: &str,
    ballast: &[u8],
) -> std::path::PathBuf {
    let folder = world.draft(name, version, "means", 4);
    std::fs::write(folder.join("ballast.txt"), ballast).unwrap();
    world
        .hub("alpha", &["check", folder.to_str().unwrap()])
        .ok();
    folder
}

#[test]
fn a_killed_pull_leaves_nothing_visible_and_goes_on_where_it_was() {
    let Some(world) = World::start() else { return };
    world.publish(&large(&world, "dots", "1.0.0"));
    let mut killed_midway = 0;
    for wait in [1, 5, 20, 50, 90, 140, 200] {
        let mut command = world.command("beta", &["pull", "dots@1"]);
        let mut pull = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        if pull.try_wait().unwrap().is_none() {
            killed_midway += 1;
        }
        pull.kill().unwrap();
        pull.wait().unwrap();
        let listed = world.hub("beta", &["list", "--json"]).json();
        if !listed["releases"].as_array().unwrap().is_empty() {
            break;
        }
    }
    assert!(killed_midway > 0, "no pull was killed before its end");
    let store = world.home("beta").join("store");
    let is_kept = |path: &std::path::Path| {
        ["partial", "blobs"]
            .iter()
            .any(|folder| path.starts_with(store.join(folder)))
    };
    let kept = files_below(&store)
        .into_iter()
        .filter(|(path, _)| is_kept(path));
    let kept: u64 = kept.map(|(_, bytes)| bytes.len() as u64).sum();
    let pulled = world.hub("beta", &["pull", "dots@1", "--json"]).json();
    let [fetched, all] = ["fetched_bytes", "size_bytes"].map(|key| pulled[key].as_u64().unwrap());
    assert_eq!(fetched, all - kept, "what had arrived is not fetched again");
    world.hub("beta", &["verify", "dots@1"]).ok();
}

#[test]
fn a_partial_file_is_continued() {
    let Some(world) = World::start() else { return };
    let folder = large(&world, "dots", "1.0.0");
    world.publish(&folder);
    let bytes = std::fs::read(folder.join("ballast.txt")).unwrap();
    let hex = registry_schema::digest::Digest::of(&bytes).to_hex();
    let partial = world
        .home("beta")
        .join("store/partial")
        .join(format!("{hex}.part"));
    std::fs::create_dir_all(partial.parent().unwrap()).unwrap();
    // The beginning is there up to some odd byte; then with wrong bytes; then too long.
    let at = 10_000_019;
    std::fs::write(&partial, &bytes[..at]).unwrap();
    let pulled = world.hub("beta", &["pull", "dots@1", "--json"]).json();
    assert_eq!(pulled["version"], "1.0.0");
    let [fetched, all] = ["fetched_bytes", "size_bytes"].map(|key| pulled[key].as_u64().unwrap());
    assert_eq!(fetched, all - at as u64);
    world.hub("beta", &["verify", "dots@1"]).ok();
    world.hub("beta", &["rm", "dots@1.0.0"]).ok();
    for wrong in [vec![7; at], vec![7; bytes.len() + 5], vec![7; bytes.len()]] {
        std::fs::write(&partial, wrong).unwrap();
        let first = world.hub("beta", &["pull", "dots@1"]);
        // Bytes that turn out wrong are thrown away, so at the latest the second try is right.
        if first.code != 0 {
            world.hub("beta", &["pull", "dots@1"]).ok();
        }
        world.hub("beta", &["verify", "dots@1"]).ok();
        world.hub("beta", &["rm", "dots@1.0.0"]).ok();
    }
}

#[test]
fn a_hub_killed_in_mid_upload_loses_nothing_it_acknowledged() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let folder = large(&world, "dots", "1.1.0");
    for wait in [30, 120, 300] {
        let mut command = world.command("alpha", &["publish", folder.to_str().unwrap()]);
        let mut publish = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        world.restart();
        let deadline = Instant::now() + Duration::from_secs(180);
        while publish.try_wait().unwrap().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = publish.kill();
        let _ = publish.wait();
    }
    // Whatever was interrupted, publishing again completes it, and the first release is still whole.
    world
        .hub("alpha", &["publish", folder.to_str().unwrap()])
        .ok();
    assert_eq!(
        world.hub("beta", &["pull", "dots@1", "--json"]).json()["version"],
        "1.1.0"
    );
    world.hub("gamma", &["pull", "dots@1.0.0"]).ok();
}

#[test]
fn of_two_publishes_of_one_version_one_wins() {
    let Some(world) = World::start() else { return };
    let one = world.author("dots", "1.0.0", "means", 4);
    let other = world.draft("dots", "1.0.0", "normalized", 4);
    world.hub("alpha", &["check", other.to_str().unwrap()]).ok();
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let publish = |folder: &std::path::Path| {
            Run::of(world.command("alpha", &["publish", folder.to_str().unwrap()]))
        };
        let threads = [&one, &other].map(|folder| scope.spawn(move || publish(folder)));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let won = runs.iter().filter(|run| run.code == 0).count();
    assert_eq!(won, 1, "{}\n{}", runs[0], runs[1]);
    world.hub("beta", &["pull", "dots@1.0.0"]).ok();
}

#[test]
fn two_pulls_at_once_share_one_store() {
    let Some(world) = World::start() else { return };
    world.publish(&large(&world, "dots", "1.0.0"));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| Run::of(world.command("beta", &["pull", "dots@1", "--no-lock"])).ok());
        }
    });
    world.hub("beta", &["verify", "dots@1"]).ok();
    let blobs = files_below(&world.home("beta").join("store/blobs"));
    assert_eq!(
        blobs.len(),
        8,
        "each file once: graph, ballast, card, four probes, vectors"
    );
}

/// The first Ctrl-C ends the work cleanly with 130 and leaves no half-written file.
#[test]
fn ctrl_c_leaves_no_half_written_file() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let folder = world.pictures(
        "beta",
        &[("red", [220, 40, 50]), ("blue", [40, 60, 210])],
        600,
    );
    let arguments = [
        "embed",
        "dots@1",
        folder.to_str().unwrap(),
        "-o",
        "features.parquet",
        "--force",
        "--no-cache",
        "--batch",
        "1",
    ];
    let mut interrupted = false;
    for wait in [0, 60, 120, 30, 200] {
        let mut command = world.command("beta", &arguments);
        let mut embed = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It is at work when it has a process for the extractor.
        child_of(&mut embed, 0);
        std::thread::sleep(Duration::from_millis(wait));
        let id = embed.id().to_string();
        std::process::Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap();
        let code = embed.wait().unwrap().code();
        let written = world.project("beta").join("features.parquet");
        match code {
            Some(130) => {
                interrupted = true;
                assert!(!written.exists(), "a half-written file was left");
                break;
            }
            // It had just finished.
            Some(0) => std::fs::remove_file(&written).unwrap(),
            other => panic!("unexpected exit {other:?}"),
        }
    }
    assert!(interrupted, "no run was interrupted while it worked");
    let left: Vec<_> = files_below(&world.project("beta"))
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|extension| extension == "tmp"))
        .collect();
    assert!(
        left.is_empty(),
        "temporary files stay: {:?}",
        left.iter().map(|(path, _)| path).collect::<Vec<_>>()
    );
}

/// Who removes a release waits for those who use the store, says so, and can be stopped.
#[test]
fn a_removal_that_waits_says_so_and_can_be_stopped() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let lock = std::fs::File::open(world.home("beta").join("store/lock")).unwrap();
    lock.lock_shared().unwrap();
    let mut command = world.command("beta", &["rm", "dots@1"]);
    let mut removal = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(removal.stderr.take().unwrap()).lines();
    let waits = told.next().unwrap().unwrap();
    assert!(waits.contains("waiting for other commands"), "{waits}");
    std::process::Command::new("kill")
        .args(["-INT", &removal.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(removal.wait().unwrap().code(), Some(130));
    world.hub("beta", &["verify", "dots@1"]).ok();
    drop(lock);
    world.hub("beta", &["rm", "dots@1"]).ok();
}

/// On a file system with no room left the error says so, and what was there stays.
#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let Some(world) = World::start() else { return };
    world.publish(&large(&world, "dots", "1.0.0"));
    let small = world.folder.path().join("small");
    std::fs::create_dir_all(&small).unwrap();
    let mut mount = std::process::Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]);
    if !missing::may(mount.arg(&small), "nobody here may mount a small disk") {
        return;
    }
    let unmount = Unmount(small.clone());
    std::fs::create_dir(small.join("trust")).unwrap();
    for file in ["config.toml", "trust/kept.json"] {
        std::fs::copy(world.home("beta").join(file), small.join(file)).unwrap();
    }
    let mut command = world.command("beta", &["pull", "dots@1", "--no-lock"]);
    command.env("HUB_HOME", &small);
    let run = Run::of(command).fails(1, "no space left");
    assert!(!small.join("store/releases").exists(), "{run}");
    drop(unmount);
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}
