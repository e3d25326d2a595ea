//! Programs nobody here wrote read our log and take part in it: `aics-tlog` and `tlog-scales` check
//! checkpoints, inclusion and consistency, `aics-witness` cosigns.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use registry_schema::log::policy::Policy;

use super::missing;
use super::ports::own_port;
use super::witnesses::{Witness, Witnessed, get_text};
use super::world::{Run, World};

/// Where the programs are, or `None` after saying why not: they need Python 3.12.
fn judges() -> Option<PathBuf> {
    let folder = std::env::var_os("HUB_LOG_JUDGES").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.join("aics-tlog").is_file());
    if folder.is_none() {
        // Not every machine has that Python, and no package of Debian's brings it.
        missing::skipped(
            "HUB_LOG_JUDGES does not name the programs; `make test` does where Python 3.12 is",
        );
    }
    folder
}

fn run(program: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(program);
    command.args(arguments);
    Run::of(command)
}

/// A running `aics-witness`.
struct OtherWitness {
    child: Child,
    address: String,
    key: String,
}

impl OtherWitness {
    fn start(judges: &Path, root: &Path, log: &str) -> Self {
        let program = judges.join("aics-witness");
        let folder = root.join("aics");
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("witness.json").display().to_string();
        let address = format!("127.0.0.1:{}", own_port("127.0.0.1"));
        let init = [
            "init",
            "-c",
            &config,
            "--name",
            "witness.other.example/w",
            "--listen",
            &address,
        ];
        let said = run(&program, &init).ok();
        let words = said.stdout.split_whitespace();
        let mut key = words.filter(|word| word.starts_with("witness.other.example/w+"));
        let key = key
            .next_back()
            .unwrap_or_else(|| panic!("{said}"))
            .to_owned();
        let origin = log.split('+').next().unwrap();
        run(
            &program,
            &["add-log", "-c", &config, "--origin", origin, "--vkey", log],
        )
        .ok();
        let child = Command::new(&program)
            .args(["serve", "-c", &config])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "it does not listen"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            child,
            address,
            key,
        }
    }
}

impl Drop for OtherWitness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn others_cosign_our_log_and_agree_on_its_proofs() {
    let Some(judges) = judges() else { return };
    let (mut own, mut other, mut text, mut key) = (None, None, String::new(), String::new());
    let world = World::start_logged(|root, log| {
        let ours = Witness::new(root, "w1", log);
        let theirs = OtherWitness::start(&judges, root, log);
        text = format!(
            "log {log}\nwitness w1 {} http://{}\nwitness w2 {} http://{}\ngroup both all w1 w2\nquorum both\n",
            ours.key, ours.address, theirs.key, theirs.address
        );
        (own, other, key) = (Some(ours), Some(theirs), log.to_owned());
        Some(text.clone())
    });
    let (Some(world), Some(own), Some(other)) = (world, own, other) else {
        return;
    };
    let (ours, theirs) = (own.key.clone(), other.key.clone());
    let hub = Witnessed::of(world, vec![own], Policy::parse(&text).unwrap());
    let address = hub
        .world
        .server
        .url
        .trim_start_matches("http://")
        .to_owned();
    let read = |path: &str| get_text(&address, path).unwrap();
    hub.world
        .publish(&hub.world.author("dots", "2.0.0", "three_features", 3));
    let first = hub.root().join("first.note");
    std::fs::write(&first, read("/log/checkpoint")).unwrap();
    for patch in 1..4 {
        let version = format!("2.0.{patch}");
        hub.world
            .publish(&hub.world.author("dots", &version, "three_features", 3));
    }
    assert_eq!(hub.size(&hub.checkpoint(|_| true)), 4);

    let log = format!("http://{address}/log");
    let trust = [
        "--tiles",
        &log,
        "--log-key",
        &key,
        "--witness-key",
        &ours,
        "--witness-key",
        &theirs,
        "--quorum",
        "2",
        "--max-age",
        "600",
    ];
    let aics = |arguments: &[&str]| run(&judges.join("aics-tlog"), &[arguments, &trust].concat());
    aics(&["verify-checkpoint"]).ok();
    let old = first.to_str().unwrap();
    aics(&["verify-consistency", "--old-checkpoint", old]).ok();
    for (index, version) in ["2.0.0", "2.0.1", "2.0.2", "2.0.3"].iter().enumerate() {
        let detail = read(&format!("/api/v1/extractors/_/dots/releases/{version}"));
        let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
        let entry = hub.root().join("entry.json");
        std::fs::write(&entry, detail["envelope"].as_str().unwrap()).unwrap();
        let (leaf, index) = (entry.to_str().unwrap(), index.to_string());
        aics(&["verify-inclusion", "--index", &index, "--leaf", leaf]).ok();
        let proof = run(&judges.join("tlog-tiles"), &["gen-proof", &log, &index]).ok();
        assert_eq!(
            detail["proof"].as_str().unwrap(),
            proof.stdout,
            "byte for byte"
        );
        let leaf = run(
            &judges.join("tlog-tiles"),
            &["get-leaf", "-c", &log, &index],
        )
        .ok();
        assert_eq!(detail["envelope"].as_str().unwrap(), leaf.stdout);
        std::fs::write(&entry, "{}").unwrap();
        let other = entry.to_str().unwrap();
        let refused = aics(&["verify-inclusion", "--index", &index, "--leaf", other]);
        assert_ne!(refused.code, 0, "{refused}");
    }
}

/// Go with Debian's `golang-golang-x-mod-dev`, or false after saying so.
pub(crate) fn has_go() -> bool {
    let library = Path::new("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog");
    let has_go = library.is_dir() && Command::new("go").arg("version").output().is_ok();
    if !has_go {
        missing::tool("Go's x/mod is not here (Debian: golang-go, golang-golang-x-mod-dev)");
    }
    has_go
}

#[test]
fn gos_x_mod_checks_the_whole_log_and_catches_tampering() {
    if !has_go() {
        return;
    }
    let Some(hub) = Witnessed::start() else {
        return;
    };
    for version in ["2.0.0", "2.0.1", "2.0.2"] {
        hub.world
            .publish(&hub.world.author("dots", version, "three_features", 3));
    }
    let yank = ["yank", "dots@2.0.1", "--reason", "wrong colours"];
    hub.world.hub("alpha", &yank).ok();
    let all = hub.checkpoint(|note| note.signatures().len() == 4);
    assert_eq!(hub.size(&all), 4);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/check_log.go");
    let mut command = Command::new("go");
    command
        .arg("run")
        .arg(program)
        .arg(format!("{}/log", hub.world.server.url))
        .arg(hub.policy.logs()[0].key.to_string())
        .args(
            hub.policy
                .witnesses()
                .iter()
                .map(|witness| witness.key.to_string()),
        )
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOFLAGS", "-buildvcs=false");
    assert_eq!(Run::of(command).ok().stdout, "entries 4\n");
}
