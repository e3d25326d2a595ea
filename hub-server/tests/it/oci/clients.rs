//! Programs that nobody here wrote: skopeo, oras and the client of ModelPack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::open_world;
use crate::draft::{Draft, Signed};
use crate::missing;
use crate::python::{python, run, script};
use crate::world::{ALPHA, World};

/// Two releases of `everyday-objects`, and one of `alpha/squares`.
async fn published(world: &World) -> Vec<Signed> {
    let first = Draft::new("everyday-objects", "2.0.0").sign(&[ALPHA]);
    let notes: String = (0..400_000).map(|line| format!("{line}\n")).collect();
    let second = Draft::new("everyday-objects", "2.1.0").file("notes.txt", notes);
    let second = second.after(&first).sign(&[ALPHA]);
    let squares = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    let releases = vec![first, second, squares];
    for release in &releases {
        world.published(release).await;
    }
    releases
}

/// skopeo with the certificate and a token of the world.
struct Skopeo<'a> {
    world: &'a World,
    folder: tempfile::TempDir,
    token: String,
}

impl<'a> Skopeo<'a> {
    /// `None` when it is not installed, which has then been said.
    fn of(world: &'a World) -> Option<Self> {
        if Command::new("skopeo").arg("--version").output().is_err() {
            missing::tool("there is no skopeo; `make test` installs it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let certificates = folder.path().join("certificates");
        std::fs::create_dir(&certificates).unwrap();
        let own = world.certificate_file();
        std::fs::copy(own, certificates.join("ca.crt")).unwrap();
        Some(Self {
            world,
            folder,
            token: world.make_token("alpha", "publish"),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the hub is, as container tools write it.
    fn host(&self) -> &str {
        self.world.base.strip_prefix("https://").unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("skopeo");
        command.args(["--insecure-policy"]).args(arguments);
        command.env("HOME", self.folder.path());
        command.output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}\n{said}\n{}",
            self.world.log()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// `--creds` and `--cert-dir`, with the word that copies put before them.
    fn options(&self, prefix: &str) -> Vec<String> {
        let certificates = self.path("certificates").display().to_string();
        vec![
            format!("--{prefix}creds=anybody:{}", self.token),
            format!("--{prefix}cert-dir={certificates}"),
        ]
    }

    fn with(&self, prefix: &str, command: &str, arguments: &[&str]) -> Vec<String> {
        let mut line = vec![command.to_owned()];
        line.extend(self.options(prefix));
        line.extend(arguments.iter().map(|&argument| argument.to_owned()));
        line
    }

    fn ok_with(&self, prefix: &str, command: &str, arguments: &[&str]) -> String {
        let line = self.with(prefix, command, arguments);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.ok(&line)
    }
}

/// The files of a release in a folder of skopeo's `dir:`, by the paths that the manifest says.
fn files_of_dir(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| {
            let digest = layer["digest"].as_str().unwrap();
            let hex = digest.strip_prefix("sha256:").unwrap();
            let title = &layer["annotations"]["org.opencontainers.image.title"];
            let bytes = std::fs::read(folder.join(hex)).unwrap();
            (title.as_str().unwrap().to_owned(), bytes)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_lists_inspects_copies_and_syncs_releases() {
    let world = World::start();
    let releases = published(&world).await;
    let Some(skopeo) = Skopeo::of(&world) else {
        return;
    };
    let repository = format!("docker://{}/everyday-objects", skopeo.host());
    let tags: Value =
        serde_json::from_str(&skopeo.ok_with("", "list-tags", &[&repository])).unwrap();
    assert_eq!(
        tags["Tags"],
        json!(["2", "2.0", "2.0.0", "2.1", "2.1.0", "latest"])
    );
    let tagged = |tag: &str| format!("{repository}:{tag}");
    let raw = skopeo.ok_with("", "inspect", &["--raw", &tagged("2")]);
    let at = world.get("/v2/everyday-objects/manifests/2.1.0").await;
    assert_eq!(raw, at.text().await.unwrap());
    let config = skopeo.ok_with("", "inspect", &["--config", "--raw", &tagged("2")]);
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["descriptor"]["version"], "2.1.0");

    let folder = skopeo.path("copy");
    let to = format!("dir:{}", folder.display());
    skopeo.ok_with("src-", "copy", &[&tagged("2.1.0"), &to]);
    assert_eq!(files_of_dir(&folder), releases[1].files);
    let pinned = format!("{repository}@{}", super::sha256(raw.as_bytes()));
    let layout = format!("oci:{}:2.1.0", skopeo.path("layout").display());
    skopeo.ok_with("src-", "copy", &["--preserve-digests", &pinned, &layout]);

    // All tags at once.
    let synced = skopeo.path("synced");
    let source = format!("{}/everyday-objects", skopeo.host());
    let line = [
        "--src",
        "docker",
        "--dest",
        "dir",
        &source,
        synced.to_str().unwrap(),
    ];
    skopeo.ok_with("src-", "sync", &line);
    for (tag, release) in [
        ("2", 1),
        ("2.0", 0),
        ("2.0.0", 0),
        ("2.1.0", 1),
        ("latest", 1),
    ] {
        let folder = synced.join(format!("everyday-objects:{tag}"));
        assert_eq!(files_of_dir(&folder), releases[release].files, "{tag}");
    }

    // A token that is none, and what is not there.
    let line = ["inspect", "--creds=me:hub_wrong", "--raw", &tagged("2")];
    let certificates = skopeo.options("")[1].clone();
    let refused = skopeo.run(&[&line[..], &[certificates.as_str()]].concat());
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("unauthorized")
            || said.contains("authentication required")
            || said.contains("credentials"),
        "{said}"
    );
    let line = skopeo.with("", "inspect", &["--raw", &tagged("9")]);
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let said = String::from_utf8(skopeo.run(&line).stderr).unwrap();
    assert!(
        said.contains("no release of `everyday-objects` satisfies `9`"),
        "{said}"
    );
}

fn copy(skopeo: &Skopeo<'_>, from: &str, to: &str) -> Output {
    let mut line = skopeo.with("src-", "copy", &["--preserve-digests"]);
    line.extend(skopeo.options("dest-"));
    line.extend([from.to_owned(), to.to_owned()]);
    skopeo.run(&line.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_where_the_operator_lets_members() {
    let mut world = open_world();
    let releases = published(&world).await;
    let Some(skopeo) = Skopeo::of(&world) else {
        return;
    };
    let host = skopeo.host();
    let from = format!("docker://{host}/alpha/squares:1.0.0");
    let to = format!("docker://{host}/conformance/copies/squares:mine");
    let done = copy(&skopeo, &from, &to);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}\n{}", world.log());
    let folder = skopeo.path("back");
    skopeo.ok_with("src-", "copy", &[&to, &format!("dir:{}", folder.display())]);
    assert_eq!(files_of_dir(&folder), releases[2].files);
    let raw = |place: &str| skopeo.ok_with("", "inspect", &["--raw", place]);
    assert_eq!(raw(&from), raw(&to));
    skopeo.ok_with("", "delete", &[&to]);
    // Who may push is asked also where everybody may read.
    world.kill();
    world.serve(&["--public", "--oci-repositories", "conformance"]);
    let skopeo = Skopeo::of(&world).unwrap();
    let host = skopeo.host();
    let from = format!("docker://{host}/alpha/squares:1.0.0");
    let to = format!("docker://{host}/conformance/copies/squares:mine");
    let line = ["inspect", "--raw", &from];
    let certificates = skopeo.options("")[1].clone();
    skopeo.ok(&[&line[..], &[certificates.as_str()]].concat());
    let copy = |from: &str, to: &str| copy(&skopeo, from, to);
    assert!(copy(&from, &to).status.success());
    // A release is nothing that is pushed.
    let refused = copy(
        &to.replace("conformance/copies/squares:mine", "alpha/squares:1.0.0"),
        &format!("docker://{host}/alpha/squares:1.1.0"),
    );
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("published by `hub publish`"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn oras_and_the_modelpack_client_pull_a_release() {
    let Some(python) = python() else { return };
    let world = open_world();
    let releases = published(&world).await;
    let releases = releases.iter().map(|release| {
        let files = release.files.iter();
        let files: serde_json::Map<String, Value> =
            files.map(|(path, bytes)| (path.clone(), BASE64.encode(bytes).into())).collect();
        let envelope = BASE64.encode(&release.envelope);
        json!({ "name": release.name, "version": release.version, "files": files, "envelope": envelope })
    });
    let expected =
        json!({ "releases": releases.collect::<Vec<_>>(), "namespace": super::NAMESPACE });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("expected.json"), expected.to_string()).unwrap();
    let certificate = world.certificate_file();
    let mut command = script(&python, "check_oci.py");
    command
        .arg(world.base.strip_prefix("https://").unwrap())
        .arg(folder.path())
        .env("HUB_TOKEN", world.make_token("alpha", "publish"))
        .env("HOME", folder.path())
        .env("REQUESTS_CA_BUNDLE", &certificate)
        .env("SSL_CERT_FILE", &certificate);
    let output = run(command).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", world.log());
}
