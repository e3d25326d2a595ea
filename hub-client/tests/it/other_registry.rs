//! Files of releases from a registry that is somebody else's program, brought there by a third one: Debian's
//! `docker-registry` and `skopeo`, as docs/OCI.md says it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::documents::commands_of;
use super::missing;
use super::world::{Run, World, files_below};

/// Of the user `me` with the password `secret`, by bcrypt.
const PASSWORDS: &str = "me:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

/// A running `docker-registry`.
struct OtherRegistry {
    child: Child,
    /// `127.0.0.1:port`.
    host: String,
}

impl OtherRegistry {
    /// `None` where the programs are not installed, which has then been said.
    fn start(folder: &Path, more: &str) -> Option<Self> {
        for program in ["docker-registry", "skopeo"] {
            let what = format!("{program} (Debian package of the same name)");
            if !missing::may(Command::new(program).arg("--version"), &what) {
                return None;
            }
        }
        let config = folder.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}}}\n{more}",
            folder.join("registry").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = lines.by_ref().map(Result::unwrap);
        let host = said.find_map(|line| {
            let after = line.split_once("listening on ")?.1;
            Some(after.split('"').next()?.to_owned())
        });
        // It goes on talking, and would wait for who does not listen.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            child,
            host: host.expect("it says where it listens"),
        })
    }

    fn place(&self, path: &str) -> String {
        format!("oci+http://{}/{path}", self.host)
    }
}

impl Drop for OtherRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the recipe of the document with the hub and the registry that are here, by beta, who has nothing.
fn follow_the_document(world: &World, registry: &OtherRegistry) -> Run {
    let hub = world.server.url.strip_prefix("https://").unwrap();
    let recipe = commands_of("OCI.md", "to another registry")
        .replace("registry.example.org", &registry.host)
        .replace("oci://", "oci+http://")
        .replace("hub.example.org", hub)
        .replace("passport-extractor@2", "dots@1")
        .replace("passport-extractor", "dots")
        .replace("alpha/squares", "alpha/other");
    // Neither of the two has a certificate that this machine knows.
    let skopeo = "skopeo() { local does=$1; shift; command skopeo --insecure-policy \"$does\" \
                  --src-tls-verify=false --dest-tls-verify=false \"$@\"; }\n";
    let mut command = world.program("beta", "bash");
    command
        .args(["-euo", "pipefail", "-c", &format!("{skopeo}{recipe}")])
        .env("HOME", world.folder.path())
        .env("HUB_TOKEN", world.token("beta", &[]));
    Run::of(command)
}

/// `hub pull` by beta, who has nothing; what it says of the mirror.
fn pulled(world: &World, release: &str, place: &str, password: Option<&str>) -> Value {
    for folder in ["store", "cache"] {
        let _ = std::fs::remove_dir_all(world.home("beta").join(folder));
    }
    let line = ["pull", release, "--no-lock", "--json", "--mirror", place];
    let mut command = world.command("beta", &line);
    if let Some(password) = password {
        command.env("HUB_MIRROR_TOKEN", password);
    }
    Run::of(command).json()["mirror"].clone()
}

/// The files that did not come from the mirror, and why.
fn failed(mirror: &Value) -> Vec<&str> {
    let failed = mirror["failed"].as_array().unwrap().iter();
    failed.map(|one| one["reason"].as_str().unwrap()).collect()
}

#[test]
fn releases_are_pulled_from_a_registry_that_is_not_a_hub() {
    let Some(world) = World::start() else {
        return;
    };
    let dots = world.author("dots", "1.0.0", "three_features", 3);
    world.publish(&dots);
    world.publish(&world.author("alpha/other", "1.0.0", "means", 4));
    let folder = world.folder.path().to_owned();
    let Some(registry) = OtherRegistry::start(&folder, "") else {
        return;
    };
    let followed = follow_the_document(&world, &registry).ok();
    assert!(!followed.stderr.contains("did not come"), "{followed}");
    world.hub("beta", &["verify", "dots@1"]).ok();
    world.hub("beta", &["verify", "alpha/other@1"]).ok();
    let all = registry.place("hub/");
    for (release, place) in [
        ("dots@1", &all),
        ("alpha/other@1", &all),
        ("dots@1", &registry.place("hub/dots")),
    ] {
        let mirror = pulled(&world, release, place, None);
        assert!(failed(&mirror).is_empty(), "{release}: {mirror}");
        assert!(mirror["files"].as_u64().unwrap() > 3, "{release}: {mirror}");
    }

    // With a password, which it asks for.
    let passwords = folder.join("passwords");
    std::fs::write(&passwords, PASSWORDS).unwrap();
    let asks = format!(
        "auth: {{htpasswd: {{realm: it, path: '{}'}}}}\n",
        passwords.display()
    );
    drop(registry);
    let registry = OtherRegistry::start(&folder, &asks).unwrap();
    let all = registry.place("hub/");
    let mirror = pulled(&world, "dots@1", &all, Some("me:secret"));
    assert!(failed(&mirror).is_empty(), "{mirror}");
    let whole = mirror["files"].as_u64().unwrap();
    let mirror = pulled(&world, "dots@1", &all, None);
    assert_eq!(mirror["files"], 0, "{mirror}");
    assert!(failed(&mirror)[0].contains("wants a password"), "{mirror}");
    let mirror = pulled(&world, "dots@1", &all, Some("me:wrong"));
    assert!(failed(&mirror)[0].contains("401"), "{mirror}");

    // A byte that is wrong there is told, and the file comes from the hub.
    let graph = std::fs::read(dots.join("model.onnx")).unwrap();
    let kept = kept(&folder, &graph);
    let mut harmed = graph.clone();
    *harmed.last_mut().unwrap() ^= 1;
    std::fs::write(kept, harmed).unwrap();
    let mirror = pulled(&world, "dots@1", &all, Some("me:secret"));
    assert_eq!(mirror["files"], whole - 1, "{mirror}");
    assert!(failed(&mirror)[0].contains("other bytes"), "{mirror}");
    world.hub("beta", &["verify", "dots@1"]).ok();
}

/// Where the registry keeps these bytes.
fn kept(folder: &Path, bytes: &[u8]) -> PathBuf {
    let mut files = files_below(&folder.join("registry")).into_iter();
    let found = files.find(|(_, content)| content == bytes);
    found.expect("the registry has it").0
}
