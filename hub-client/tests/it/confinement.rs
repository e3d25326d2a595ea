//! What takes over the process that runs an extractor reaches nothing, and what never ends is ended.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::world::{Run, World, runtime_library};

/// A compiled `hostile/library.c` and what it attacks.
pub(crate) struct Attack {
    library: PathBuf,
    listener: TcpListener,
    folder: PathBuf,
}

impl Attack {
    /// Aimed at a member's key, at a folder of its user, and at a port of this machine.
    pub(crate) fn on(world: &World, member: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let folder = world.folder.path().join(format!("documents-of-{member}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("precious"), "precious").unwrap();
        let library = world.folder.path().join("hostile/libonnxruntime.so");
        std::fs::create_dir_all(library.parent().unwrap()).unwrap();
        let secret = world.home(member).join("keys/default.pem");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hostile/library.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-pthread", "-w", "-o"])
            .arg(&library)
            .arg(source)
            .arg(format!("-DPORT={}", listener.local_addr().unwrap().port()))
            .arg(format!("-DSECRET={:?}", secret.display().to_string()))
            .arg(format!("-DFOLDER={:?}", folder.display().to_string()))
            .output()
            .unwrap();
        assert!(
            compiled.status.success(),
            "{}",
            String::from_utf8_lossy(&compiled.stderr)
        );
        Self {
            library,
            listener,
            folder,
        }
    }

    /// The outcome, when a command has the library in the place of ONNX Runtime.
    pub(crate) fn through(&self, mut command: Command, run: impl FnOnce(Command) -> Run) -> String {
        command.env("ORT_DYLIB_PATH", &self.library);
        let run = run(command);
        assert!(run.code == 1 && !run.stderr.contains("panicked"), "{run}");
        outcome(&run.stderr)
    }

    /// Whether somebody has connected since this was asked last.
    pub(crate) fn was_reached(&self) -> bool {
        self.listener.accept().is_ok()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn outcome(text: &str) -> String {
    let start = text
        .find("attack:")
        .unwrap_or_else(|| panic!("there was no attack in: {text}"));
    text[start..].lines().next().unwrap().to_owned()
}

/// What the attack did in spite of everything.
pub(crate) fn done(outcome: &str) -> Vec<&str> {
    outcome
        .split(' ')
        .filter_map(|word| word.strip_suffix("=DONE"))
        .collect()
}

const EVERY_ATTACK: usize = 25 + 7;

fn refused(outcome: &str) -> usize {
    outcome.matches("=refused").count()
}

/// Where `hub doctor` says to put the library, the confined process finds it too.
#[test]
fn a_library_in_the_home_is_loaded() {
    let Some(world) = World::start() else { return };
    let folder = world.home("beta").join("runtime");
    std::fs::create_dir_all(&folder).unwrap();
    let library = runtime_library().unwrap();
    std::os::unix::fs::symlink(library, folder.join("libonnxruntime.so.1.32.0")).unwrap();
    let mut command = world.command("beta", &["doctor"]);
    command.env_remove("ORT_DYLIB_PATH");
    let run = Run::of(command);
    assert!(run.stdout.contains("ok    ONNX Runtime"), "{run}");
}

/// Without confinement the same library does what it wants: this is what the others fail by.
#[test]
fn unconfined_the_attack_succeeds() {
    let Some(world) = World::start() else { return };
    let attack = Attack::on(&world, "beta");
    let output = Command::new("true")
        .env("LD_PRELOAD", &attack.library)
        .env("HUB_TOKEN", "hub_secret")
        .output()
        .unwrap();
    let outcome = outcome(&String::from_utf8_lossy(&output.stderr));
    let done = done(&outcome);
    for what in [
        "connect",
        "datagram",
        "listen",
        "read",
        "look-around",
        "write",
        "overwrite",
        "truncate",
        "mode",
        "remove",
        "folder",
        "fork",
        "program",
        "signal",
        "shared-memory",
        "memory-file",
        "token",
    ] {
        assert!(done.contains(&what), "{what}: {outcome}");
    }
    assert_eq!(done.len() + refused(&outcome), EVERY_ATTACK, "{outcome}");
    assert!(attack.was_reached());
    assert_eq!(
        attack.files(),
        ["planted", "planted-by-main", "planted-by-thread"]
    );
}

#[test]
fn what_takes_over_the_process_reaches_nothing() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = world.pictures(
        "beta",
        &[("red", [220, 40, 50]), ("blue", [40, 60, 210])],
        6,
    );
    let pictures = pictures.to_str().unwrap();
    let train = [
        "train",
        "colours",
        "--extractor",
        "dots@1",
        "--images",
        pictures,
    ];
    world.hub("beta", &train).ok();
    let draft = world.draft("alpha/dots", "1.0.0", "means", 4);
    let attack = Attack::on(&world, "beta");
    let token = world.token("beta", &[]);
    let commands: [&[&str]; 8] = [
        &["check", draft.to_str().unwrap(), "--no-predecessor"],
        &["pull", "dots@1.0.0", "--no-lock"],
        &["verify", "dots@1"],
        &["doctor", "--offline"],
        &[
            "embed",
            "dots@1",
            pictures,
            "-o",
            "features.parquet",
            "--no-cache",
        ],
        &[
            "train",
            "again",
            "--extractor",
            "dots@1",
            "--images",
            pictures,
            "--no-cache",
        ],
        &["predict", "colours", pictures, "--no-cache"],
        &["eval", "colours", "--images", pictures, "--no-cache"],
    ];
    for arguments in commands {
        let mut command = world.command("beta", arguments);
        if arguments[0] == "doctor" {
            // Its answer goes to standard output.
            command.env("ORT_DYLIB_PATH", &attack.library);
            let run = Run::of(command);
            assert!(done(&outcome(&run.stdout)).is_empty(), "{run}");
            continue;
        }
        command.env("HUB_TOKEN", &token);
        let outcome = attack.through(command, Run::of);
        assert!(done(&outcome).is_empty(), "{arguments:?}: {outcome}");
        assert_eq!(refused(&outcome), EVERY_ATTACK, "{arguments:?}: {outcome}");
    }
    assert!(!attack.was_reached());
    assert_eq!(attack.files(), ["precious"]);
    assert_eq!(
        std::fs::read_to_string(attack.folder.join("precious")).unwrap(),
        "precious"
    );
}
