//! A release carried to a machine without a network, as one file.

use std::io::Write;
use std::path::{Path, PathBuf};

use tar::{Archive, Builder, EntryType, Header};

use super::world::{Run, World, hub_at, read};

/// A world whose hub is gone, and the pack that was written before.
struct Carried {
    world: World,
    pack: PathBuf,
}

impl Carried {
    fn start() -> Option<Self> {
        let mut world = World::start()?;
        world.publish(&world.author("dots", "2.0.0", "three_features", 3));
        world.hub("beta", &["pull", "dots@2.0.0"]).ok();
        let export = ["export", "dots@2.0.0", "-o", "dots.hubpack"];
        world.hub("beta", &export).ok();
        world.server.kill();
        let pack = world.project("beta").join("dots.hubpack");
        let carried = Self { world, pack };
        carried.machine("island");
        Some(carried)
    }

    fn root(&self) -> &Path {
        self.world.folder.path()
    }

    /// A machine that knows nothing.
    fn machine(&self, name: &str) {
        std::fs::create_dir_all(self.root().join(name).join("project")).unwrap();
    }

    fn import(&self, machine: &str, pack: &Path, more: &[&str]) -> Run {
        let pack = pack.to_str().unwrap();
        let line = [&["import", pack, "--offline"], more].concat();
        hub_at(self.root(), machine, &line)
    }

    /// Imports with the fingerprint on a new machine.
    fn refused(&self, pack: &Path, code: i32, words: &str) {
        self.machine("refusing");
        let root = ["--root", &self.world.first_root, "--without-probes"];
        self.import("refusing", pack, &root).fails(code, words);
        let home = self.root().join("refusing/home");
        let releases = home.join("store/releases");
        assert!(!releases.exists(), "{words}");
        assert!(!home.join("imports/work").exists(), "{words}");
        std::fs::remove_dir_all(self.root().join("refusing")).unwrap();
    }

    /// The same pack with one more entry before its end.
    fn with_entry(&self, name: &str, kind: EntryType) -> PathBuf {
        let mut bytes = std::fs::read(&self.pack).unwrap();
        bytes.truncate(bytes.len() - 1024);
        let mut header = Header::new_gnu();
        // Past the checks of the crate, as somebody hostile would write it.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(if kind == EntryType::Regular { 1 } else { 0 });
        if kind != EntryType::Regular {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        bytes.extend(header.as_bytes());
        if kind == EntryType::Regular {
            bytes.push(b'x');
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.resize(bytes.len() + 1024, 0);
        self.written(&bytes)
    }

    fn written(&self, bytes: &[u8]) -> PathBuf {
        let path = self.root().join("changed.hubpack");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The pack as another tar with its entries changed.
    fn rewritten(&self, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> PathBuf {
        let mut archive = Archive::new(std::fs::File::open(&self.pack).unwrap());
        let mut builder = Builder::new(Vec::new());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            std::io::copy(&mut entry, &mut bytes).unwrap();
            if let Some(bytes) = change(&name, bytes) {
                let mut header = Header::new_gnu();
                header.set_mode(0o644);
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, &name, &bytes[..]).unwrap();
            }
        }
        self.written(&builder.into_inner().unwrap())
    }
}

#[test]
fn a_pack_installs_where_there_is_no_network() {
    let Some(carried) = Carried::start() else {
        return;
    };
    let world = &carried.world;
    // The same release is the same bytes, and nothing is written over unasked.
    let again = ["export", "dots@2.0.0", "-o", "again.hubpack"];
    world.hub("beta", &again).ok();
    let bytes = std::fs::read(&carried.pack).unwrap();
    assert!(bytes == std::fs::read(world.project("beta").join("again.hubpack")).unwrap());
    world.hub("beta", &again).fails(1, "--force replaces it");
    let forced = [&again[..], &["--force"]].concat();
    world.hub("beta", &forced).ok();

    // Without a fingerprint nothing is believed.
    carried
        .import("island", &carried.pack, &[])
        .fails(4, "--root");
    let root = ["--root", &world.first_root];
    let view = carried
        .import("island", &carried.pack, &[&root[..], &["--json"]].concat())
        .json();
    assert_eq!(view["release"], "dots@2.0.0");
    assert_eq!(view["source"], "file:dots.hubpack");
    assert!(view["probe_cosine"].as_f64().unwrap() > 0.99, "{view}");
    let lock = read(&carried.root().join("island/project/hub.lock"));
    assert!(lock.contains("dots@2.0.0"), "{lock}");

    // What works after a pull works.
    let island = |line: &[&str]| hub_at(carried.root(), "island", line);
    let listed = island(&["list", "--json"]).json();
    assert_eq!(listed["releases"][0]["hub"], "file:dots.hubpack");
    island(&["verify", "dots@2"]).ok();
    island(&["pull", "dots@2.0.0", "--locked", "--offline"]).ok();
    let pictures = world.pictures("island", &[("red", [220, 40, 50])], 3);
    let pictures = pictures.to_str().unwrap();
    island(&["embed", "dots@2.0.0", pictures, "-o", "features.parquet"]).ok();
    // The root is pinned now, twice is once, and the pack can be passed on.
    carried.import("island", &carried.pack, &[]).ok();
    island(&["export", "dots@2.0.0", "-o", "on.hubpack"]).ok();
    let on = carried.root().join("island/project/on.hubpack");
    assert!(bytes == std::fs::read(on).unwrap());
    // Another root than the pinned one is not taken by the way.
    let other = format!("sha256:{}", "0".repeat(64));
    carried
        .import("island", &carried.pack, &["--root", &other])
        .fails(4, "is pinned here");
    // Damage in the store is repaired by the pack.
    let island_store = carried.root().join("island/home/store/blobs");
    std::fs::remove_dir_all(island_store).unwrap();
    island(&["verify", "dots@2"]).fails(4, "missing");
    carried.import("island", &carried.pack, &[]).ok();
    island(&["verify", "dots@2"]).ok();
}

#[test]
fn a_pack_that_was_changed_installs_nothing() {
    let Some(carried) = Carried::start() else {
        return;
    };
    let change = |name: &'static str, from: &'static str, to: &'static str| {
        carried.rewritten(move |found, bytes| {
            if found != name {
                return Some(bytes);
            }
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{text}");
            Some(text.replacen(from, to, 1).into_bytes())
        })
    };
    // The rewriting itself changes nothing that matters.
    let same = carried.rewritten(|_, bytes| Some(bytes));
    carried.machine("trusting");
    let root = ["--root", &carried.world.first_root, "--without-probes"];
    carried.import("trusting", &same, &root).ok();

    let card = change("release/README.md", "tiny", "Tiny");
    carried.refused(&card, 4, "not the file that was signed");
    let proof = change("statement.tlog-proof", "index 0", "index 1");
    carried.refused(&proof, 4, "not show that its statements are in the log");
    let statement =
        carried.rewritten(|name, bytes| (name != "statement.dsse.json").then_some(bytes));
    carried.refused(&statement, 4, "statement.dsse.json");
    for (name, kind, words) in [
        (
            "release/extra.txt",
            EntryType::Regular,
            "not among the signed files",
        ),
        ("extra.txt", EntryType::Regular, "does not belong"),
        (
            "../escaped.txt",
            EntryType::Regular,
            "not a clean relative name",
        ),
        (
            "release/../../escaped.txt",
            EntryType::Regular,
            "not a clean relative name",
        ),
        (
            "/escaped.txt",
            EntryType::Regular,
            "not a clean relative name",
        ),
        ("release/README.md", EntryType::Regular, "twice"),
        ("release/readme.MD", EntryType::Regular, "twice"),
        ("release/README.md/x", EntryType::Regular, "twice"),
        ("Release/x", EntryType::Regular, "does not belong"),
        ("release/link", EntryType::Symlink, "symbolic link"),
        ("release/link", EntryType::Link, "hard link"),
        ("release/sparse", EntryType::GNUSparse, "sparse"),
        ("release/pipe", EntryType::Fifo, "pipe"),
        (
            "release/pax",
            EntryType::XHeader,
            "of a kind that no pack has",
        ),
    ] {
        carried.refused(&carried.with_entry(name, kind), 4, words);
    }
    assert!(!carried.root().join("escaped.txt").exists());

    let whole = std::fs::read(&carried.pack).unwrap();
    let (all, half) = (whole.len(), whole.len() / 1_024 * 512);
    for length in [0, 513, half, all - 1_024, all - 512, all - 1] {
        let cut = carried.written(&whole[..length]);
        carried.refused(&cut, 4, "ends too early");
    }
    carried.refused(&carried.written(&whole[..100]), 4, "damaged");
    let mut more = whole.clone();
    more.write_all(b"more").unwrap();
    carried.refused(&carried.written(&more), 4, "something comes after its end");
    let mut header = whole;
    header[0] ^= 1;
    carried.refused(&carried.written(&header), 4, "damaged");
    carried.refused(carried.root(), 2, "not a regular file");
}

#[test]
fn a_pack_is_held_to_the_time_and_to_the_consortium() {
    let Some(carried) = Carried::start() else {
        return;
    };
    // Years later its metadata has expired, unless a person says which time it is of.
    let root = ["--root", &carried.world.first_root, "--without-probes"];
    let later = [&root[..], &["--as-of", "2100-01-01T00:00:00Z"]].concat();
    carried
        .import("island", &carried.pack, &later)
        .fails(4, "expired");
    let home = carried.root().join("island/home");
    assert!(!home.join("config.toml").exists());
    let now = jiff::Timestamp::now().to_string();
    let known = [&root[..], &["--as-of", &now]].concat();
    let run = carried.import("island", &carried.pack, &known).ok();
    assert!(run.stderr.contains("as --as-of says"), "{run}");

    // Another consortium's release is nothing here, whatever the pack brings along.
    let Some(other) = Carried::start() else {
        return;
    };
    carried
        .import("island", &other.pack, &["--without-probes"])
        .fails(4, "you expect");
    carried
        .import("gamma", &other.pack, &["--without-probes"])
        .fails(4, "you expect");
    carried
        .import("gamma", &carried.pack, &["--without-probes"])
        .ok();
}
