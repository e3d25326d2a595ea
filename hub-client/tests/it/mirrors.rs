//! A hub copied into a folder, and the folder served where the hub is not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use registry_schema::log::note::Note;
use serde_json::Value;

use super::witnesses::Witnessed;
use super::world::{
    Run, Server, World, files_below, hub_at, read, server as hub_server, server_ok,
};

/// A world, the folder into which its hub is mirrored, and the data folder of the mirror's server.
pub(crate) struct Mirror {
    pub(crate) world: World,
    pub(crate) folder: PathBuf,
    pub(crate) data: PathBuf,
}

impl Mirror {
    /// A hub that speaks plain HTTP, with `dots` 1.0.0 and `alpha/other` 1.0.0.
    pub(crate) fn start() -> Option<Self> {
        let mut world = World::start()?;
        world.publish(&world.author("dots", "1.0.0", "three_features", 3));
        world.publish(&world.author("alpha/other", "1.0.0", "means", 4));
        world.restart_without_tls();
        let (folder, data) = (
            world.folder.path().join("mirror"),
            world.folder.path().join("mirror-data"),
        );
        Some(Self {
            world,
            folder,
            data,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        self.world.folder.path()
    }

    /// `hub mirror` by beta, whose token is good for the hub.
    pub(crate) fn mirror(&self, arguments: &[&str]) -> Run {
        let token = self.world.token("beta", &[]);
        self.mirror_as("beta", (&self.world.server.url, &token), arguments)
    }

    pub(crate) fn mirror_as(
        &self,
        member: &str,
        (url, token): (&str, &str),
        arguments: &[&str],
    ) -> Run {
        let to = [
            "mirror",
            "--to",
            self.folder.to_str().unwrap(),
            "--hub",
            url,
        ];
        let line = [&to[..], arguments].concat();
        let mut command = self.world.command(member, &line);
        command.env("HUB_TOKEN", token);
        Run::of(command)
    }

    pub(crate) fn init(&self) -> Run {
        let (data, folder) = (self.data.to_str().unwrap(), self.folder.to_str().unwrap());
        hub_server(&["init", "--data", data, "--mirror", folder])
    }

    /// The mirror's server, open for reading, without TLS.
    pub(crate) fn serve(&self) -> Server {
        self.init().ok();
        let public = ["--public", "--mirror-seconds", "1"];
        Server::start(&self.data, "127.0.0.1:0", &public)
    }

    /// `hub` on a machine that has never heard of the hub.
    pub(crate) fn island(&self, arguments: &[&str]) -> Run {
        hub_at(self.root(), "island", arguments)
    }

    /// Makes that machine, which knows the mirror's address and the fingerprint of the first root.
    pub(crate) fn settle(&self, url: &str) {
        let project = self.root().join("island/project");
        std::fs::create_dir_all(project).unwrap();
        self.island(&["login", url, "--anonymous"]).ok();
        self.island(&["trust", &self.world.first_root]).ok();
    }

    pub(crate) fn list(&self) -> Value {
        serde_json::from_str(&read(&self.folder.join("mirror.json"))).unwrap()
    }

    /// The path of one of alpha's files in the mirror.
    pub(crate) fn blob(&self, name: &str, file: &str) -> PathBuf {
        let draft = self.root().join("drafts").join(name);
        let digest = registry_schema::digest::Digest::of(&std::fs::read(draft.join(file)).unwrap());
        let hex = digest.to_hex();
        self.folder.join("blobs/sha256").join(&hex[..2]).join(hex)
    }

    pub(crate) fn publish(&self, name: &str, version: &str) {
        let folder = self.world.draft(name, version, "means", 4);
        let folder = folder.to_str().unwrap();
        let url = &self.world.server.url;
        for line in [vec!["check", folder], vec!["publish", folder]] {
            self.alpha(&[&line[..], &["--hub", url]].concat()).ok();
        }
    }

    /// `hub` as alpha, with a token of the hub.
    pub(crate) fn alpha(&self, arguments: &[&str]) -> Run {
        let mut command = self.world.command("alpha", arguments);
        let token = self.world.token("alpha", &["--scope", "publish"]);
        command.env("HUB_TOKEN", token);
        Run::of(command)
    }

    pub(crate) fn yank(&self, reference: &str) {
        let url = &self.world.server.url;
        self.alpha(&["yank", reference, "--reason", "wrong crop", "--hub", url])
            .ok();
    }
}

/// An answer's status and body.
pub(crate) fn ask(url: &str, method: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let token = token.map_or_else(String::new, |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    let body = "{}";
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{token}content-type: \
         application/vnd.dsse.envelope.v1+json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Waits for what the mirror's server finds in its folder by itself.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < Duration::from_secs(180),
            "never: {what}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_mirror_answers_like_the_hub_and_proves_the_same() {
    let Some(mut mirror) = Mirror::start() else {
        return;
    };
    mirror.publish("dots", "1.1.0");
    let made = mirror.mirror(&["dots@1.1", "--json"]).json();
    assert_eq!(made["releases"], serde_json::json!(["dots@1.1.0"]));
    assert_eq!(
        (&made["entries"], &made["new_entries"]),
        (&3.into(), &3.into())
    );
    assert_eq!(made["first_root"], mirror.world.first_root.as_str());
    // The log's files and the trust root are those of the hub, byte for byte.
    let hub = mirror.world.server.url.clone();
    for path in [
        "log/checkpoint",
        "tuf/metadata/timestamp.json",
        "tuf/metadata/1.root.json",
    ] {
        let (_, served) = ask(
            &hub,
            "GET",
            &format!("/{path}"),
            Some(&mirror.world.token("beta", &[])),
        );
        assert_eq!(read(&mirror.folder.join(path)), served, "{path}");
    }
    assert!(mirror.blob("dots-1.1.0-means", "model.onnx").is_file());
    // The hub is gone; what is served has no key of its own.
    mirror.world.server.kill();
    let server = mirror.serve();
    for folder in [&mirror.folder, &mirror.data] {
        for (path, bytes) in files_below(folder) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("PRIVATE"), "{}", path.display());
        }
        assert!(!folder.join("keys").exists());
    }
    mirror.settle(&server.url);
    // The predecessor is not mirrored, and the promise to its users was checked all the same.
    mirror.island(&["pull", "dots@1", "--no-lock"]).ok();
    mirror.island(&["verify", "dots@1"]).ok();
    mirror.island(&["audit", "dots@1"]).ok();
    mirror.island(&["audit"]).ok();
    let monitor = ["audit", "--monitor", "--member", "gamma"];
    mirror.island(&monitor).ok();
    let pictures = mirror
        .world
        .pictures("island", &[("red", [220, 40, 50])], 3);
    let pictures = pictures.to_str().unwrap();
    mirror
        .island(&["embed", "dots@1.1.0", pictures, "-o", "features.parquet"])
        .ok();
    // What the log has and the mirror has not is said to be just that, and what nobody published is not.
    mirror.island(&["show", "alpha/other"]).ok();
    for absent in ["alpha/other", "dots@1.0.0"] {
        mirror
            .island(&["pull", absent, "--no-lock"])
            .fails(3, "not in this mirror");
    }
    mirror
        .island(&["show", "alpha/other", "--readme"])
        .fails(3, "not in this mirror");
    mirror
        .island(&["pull", "nobody", "--no-lock"])
        .fails(3, "no extractor `nobody`");
    let found = mirror.island(&["search", "--json"]).json();
    let names: Vec<_> = found["extractors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["dots"]);
    // A mirror of the mirror shows the same.
    let second = mirror.root().join("second");
    let to = [
        "mirror",
        "--to",
        second.to_str().unwrap(),
        "dots@1.1",
        "--without-probes",
    ];
    mirror.island(&to).ok();
    for path in [
        "log/checkpoint",
        "log/tile/entries/000.p/3",
        "tuf/metadata/timestamp.json",
    ] {
        assert_eq!(
            read(&second.join(path)),
            read(&mirror.folder.join(path)),
            "{path}"
        );
    }
    // Its operator's tools.
    let data = ["--data", mirror.data.to_str().unwrap()];
    let with = |line: &[&str]| server_ok(&[line, &data].concat());
    assert!(with(&["log", "verify"]).contains("good"));
    let checks = with(&["doctor", "--deep"]);
    assert!(checks.contains("clients take it until"), "{checks}");
    drop(server);
    with(&["rebuild-index"]);
    assert!(with(&["log", "verify"]).contains("entries 3"));
}

#[test]
fn witnesses_signatures_come_along_and_grow_old() {
    let Some(mut hub) = Witnessed::start() else {
        return;
    };
    let (folder, data) = (hub.root().join("mirror"), hub.root().join("mirror-data"));
    hub.world
        .publish(&hub.world.author("dots", "1.0.0", "means", 4));
    let to = folder.to_str().unwrap();
    let line = ["mirror", "--to", to, "dots", "--hub", &hub.world.server.url];
    hub_at(hub.root(), "beta", &line).ok();
    hub.world.server.kill();
    hub.witnesses.clear();
    let note = Note::parse(read(&folder.join("log/checkpoint")).as_bytes()).unwrap();
    assert!(hub.policy.check(&note).unwrap().cosigned().len() >= 2);

    let init = ["init", "--data", data.to_str().unwrap(), "--mirror", to];
    server_ok(&init);
    let server = Server::start(&data, "127.0.0.1:0", &["--public"]);
    std::fs::create_dir_all(hub.root().join("island/project")).unwrap();
    let island = |line: &[&str]| hub_at(hub.root(), "island", line);
    island(&["login", &server.url, "--anonymous"]).ok();
    island(&["trust", &hub.world.first_root]).ok();
    island(&["pull", "dots"]).ok();
    island(&["verify", "dots"]).ok();
    let audited = island(&["audit", "dots", "--json"]).json();
    assert!(audited["log"]["witnesses"].as_array().unwrap().len() >= 2);
    // Cut off for four days it is refused, unless somebody says for which time.
    let days = |days: i64| jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    let at = |days_on: i64| ["trust".to_owned(), format!("--as-of={}", days(days_on))];
    let at = |days_on: i64| island(&at(days_on).each_ref().map(String::as_str));
    at(4).fails(4, "expired");
    at(1).ok();
}

#[test]
fn a_mirror_takes_nothing() {
    let Some(mut mirror) = Mirror::start() else {
        return;
    };
    mirror.mirror(&["--all"]).ok();
    let server = mirror.serve();
    let data = mirror.data.to_str().unwrap();
    let token = [
        "token", "create", "--data", data, "--member", "alpha", "--scope", "publish",
    ];
    let token = server_ok(&token).trim().to_owned();
    // Whatever the description of the API has besides reading.
    let (_, document) = ask(&server.url, "GET", "/api/v1/openapi.json", None);
    let document: Value = serde_json::from_str(document.trim()).unwrap();
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{namespace}", "_")
            .replace("{name}", "dots")
            .replace("{requirement}", "1.0.0")
            .replace("{version}", "1.0.0")
            .replace("{upload}", "0");
        for (method, described) in methods.as_object().unwrap() {
            // Clients of the Hugging Face Hub ask about paths by POST.
            if described["operationId"] == "hf_paths_info" {
                continue;
            }
            let method = method.to_uppercase();
            let is_upload = method == "GET" && path.contains("/uploads/");
            if !matches!(method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE") && !is_upload {
                continue;
            }
            for token in [None, Some(token.as_str())] {
                let (status, body) = ask(&server.url, &method, &path, token);
                assert_eq!(status, 403, "{method} {path}: {body}");
                assert!(body.contains("read_only"), "{method} {path}: {body}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried}");
    // The client says so, too.
    let folder = mirror.world.draft("dots", "1.1.0", "means", 4);
    let folder = folder.to_str().unwrap();
    let publish = |verb: &str| {
        let mut command = mirror
            .world
            .command("alpha", &[verb, folder, "--hub", &server.url]);
        command.env("HUB_TOKEN", &token);
        Run::of(command)
    };
    publish("check").ok();
    publish("publish").fails(1, "mirror of another hub");
    drop(server);
    // What only the hub can do is refused, and a hub does not become a mirror.
    server_fails(
        &["log", "restore", "--data", data, "--from", "/nowhere"],
        "this is a mirror",
    );
    mirror.world.server.kill();
    let (hub, folder) = (mirror.root().join("hub"), mirror.folder.to_str().unwrap());
    let over_a_hub = ["init", "--data", hub.to_str().unwrap(), "--mirror", folder];
    server_fails(&over_a_hub, "holds a hub already");
}

#[track_caller]
fn server_fails(arguments: &[&str], words: &str) {
    let run = hub_server(arguments);
    assert_ne!(run.code, 0, "{run}");
    assert!(run.stderr.contains(words), "{run}");
}

#[test]
fn a_second_run_brings_what_is_new_and_nothing_goes_back() {
    let Some(mut mirror) = Mirror::start() else {
        return;
    };
    mirror.mirror(&[]).fails(2, "nothing says which");
    mirror.mirror(&["nobody@2"]).fails(3, "nobody@2");
    mirror.mirror(&["dots"]).ok();
    let server = mirror.serve();
    mirror.settle(&server.url);
    mirror.island(&["pull", "dots@1"]).ok();
    // The hub as it is now, for later.
    let old = mirror.root().join("old-hub");
    mirror.world.server.kill();
    copy_folder(&mirror.root().join("hub"), &old);
    mirror.world.restart_without_tls();

    mirror.publish("dots", "1.1.0");
    mirror.yank("dots@1.0.0");
    let again = mirror.mirror(&["--json"]).json();
    assert_eq!(again["new_entries"], 2);
    assert_eq!(again["fetched"], serde_json::json!(["dots@1.1.0"]));
    assert_eq!(again["extractors"], serde_json::json!(["dots"]));
    // The running server finds it by itself, and shows the yank.
    eventually("the new release is shown", || {
        mirror.island(&["show", "dots@1.1.0"]).code == 0
    });
    let updated = mirror
        .island(&["pull", "dots@1", "--update", "--json"])
        .json();
    assert_eq!(updated["version"], "1.1.0");
    let audited = mirror.island(&["audit", "dots@1.0.0"]);
    assert_eq!(audited.code, 7, "{audited}");
    assert!(audited.stdout.contains("YANKED"), "{audited}");
    // Nothing new: no byte of a file is fetched or written.
    let bytes = |folder: &Path| {
        let mut files = files_below(folder);
        files.retain(|(path, _)| !path.ends_with("mirror.json"));
        files.sort();
        files
    };
    let before = bytes(&mirror.folder);
    let idle = mirror.mirror(&["--json"]).json();
    assert_eq!(
        (&idle["new_entries"], &idle["fetched_bytes"]),
        (&0.into(), &0.into())
    );
    assert!(
        before == bytes(&mirror.folder),
        "an idle run changes nothing"
    );
    // Parts of the log that were damaged are written again.
    let bundle = mirror.folder.join("log/tile/entries/000.p/4");
    let whole = std::fs::read(&bundle).unwrap();
    std::fs::write(&bundle, &whole[1..]).unwrap();
    mirror.mirror(&[]).ok();
    assert!(whole == std::fs::read(&bundle).unwrap());
    assert!(!mirror.folder.join("log/tile/entries/000.p/2").exists());
    // Without what is yanked, in another folder.
    let folder = std::mem::replace(
        &mut mirror.folder,
        mirror.world.folder.path().join("standing"),
    );
    let standing = mirror
        .mirror(&["dots", "--without-yanked", "--json"])
        .json();
    assert_eq!(standing["releases"], serde_json::json!(["dots@1.1.0"]));
    mirror.folder = folder;
    // A hub that is behind, and somebody who has not seen more: the folder does not follow it back.
    let list = mirror.list();
    let token = [
        "token",
        "create",
        "--data",
        old.to_str().unwrap(),
        "--member",
        "gamma",
    ];
    let token = server_ok(&token).trim().to_owned();
    let old = Server::start(&old, "127.0.0.1:0", &[]);
    let behind = (old.url.as_str(), token.as_str());
    mirror
        .mirror_as("gamma", behind, &[])
        .fails(4, "never goes back");
    assert_eq!(mirror.list(), list);
    // Nor does the server follow a folder that was put back by hand.
    std::fs::remove_dir_all(&mirror.folder).unwrap();
    mirror.mirror_as("gamma", behind, &["dots"]).ok();
    eventually("the older folder is refused", || {
        read(&mirror.data.with_extension("log")).contains("a mirror never goes back")
    });
    mirror.island(&["show", "dots@1.1.0"]).ok();
}

fn copy_folder(from: &Path, to: &Path) {
    for (path, bytes) in files_below(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, bytes).unwrap();
    }
}
