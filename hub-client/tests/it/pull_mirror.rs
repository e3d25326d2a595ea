//! Files of a release from a mirror: a folder or a registry, which is trusted with nothing.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use registry_schema::digest::Digest;

use super::mirrors::{Mirror, ask};
use super::world::{Run, World, files_below};

/// The files of `dots` 1.0.0 by digest, at a hub that speaks plain HTTP.
fn start() -> Option<(World, BTreeMap<String, Vec<u8>>)> {
    let mut world = World::start()?;
    let folder = world.author("dots", "1.0.0", "three_features", 3);
    world.publish(&folder);
    world.restart_with(&["--oci-repositories", "copies"]);
    let files = files_below(&world.folder.path().join("hub/blobs"));
    let by_digest = files
        .into_iter()
        .map(|(_, bytes)| (Digest::of(&bytes).to_string(), bytes));
    Some((world, by_digest.collect()))
}

/// `hub pull dots@1` by beta, who has nothing of it.
fn pull(world: &World, arguments: &[&str], token: Option<&str>) -> Run {
    let home = world.home("beta");
    for folder in ["store", "cache"] {
        let _ = std::fs::remove_dir_all(home.join(folder));
    }
    let url = &world.server.url;
    let line = [
        &["pull", "dots@1", "--no-lock", "--hub", url, "--json"],
        arguments,
    ]
    .concat();
    let mut command = world.command("beta", &line);
    command.env("HUB_TOKEN", world.token("beta", &[]));
    if let Some(token) = token {
        command.env("HUB_MIRROR_TOKEN", token);
    }
    Run::of(command)
}

/// What the command says of files that did not come from the mirror.
fn reasons(pulled: &serde_json::Value) -> Vec<&str> {
    let failed = pulled["mirror"]["failed"].as_array().unwrap().iter();
    failed.map(|one| one["reason"].as_str().unwrap()).collect()
}

#[test]
fn a_folder_gives_what_it_has_and_the_hub_the_rest() {
    let Some((world, blobs)) = start() else {
        return;
    };
    let layout = world.folder.path().join("layout");
    let place = |digest: &str| {
        layout
            .join("blobs/sha256")
            .join(digest.strip_prefix("sha256:").unwrap())
    };
    std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    for (digest, bytes) in &blobs {
        std::fs::write(place(digest), bytes).unwrap();
    }
    let there = layout.to_str().unwrap();
    let pulled = pull(&world, &["--mirror", there], None).json();
    assert_eq!(pulled["mirror"]["files"], blobs.len());
    assert!(reasons(&pulled).is_empty());

    // One byte is wrong, and one file is not there: told, and brought from the hub.
    let mut digests = blobs.keys();
    let (harmed, missing) = (digests.next().unwrap(), digests.next().unwrap());
    let mut bytes = blobs[harmed].clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(place(harmed), bytes).unwrap();
    std::fs::remove_file(place(missing)).unwrap();
    let pulled = pull(&world, &["--mirror", there], None).json();
    assert_eq!(pulled["mirror"]["files"], blobs.len() - 2);
    let said = reasons(&pulled);
    assert!(
        said.len() == 2 && said.iter().any(|one| one.contains("other bytes")),
        "{said:?}"
    );
    assert!(
        said.iter().any(|one| one.contains("it has no `blobs/")),
        "{said:?}"
    );
    let told = pull_plain(&world, there);
    let words = format!("2 of {} files did not come from the mirror", blobs.len());
    assert!(told.ok().stderr.contains(&words));
    world.hub("beta", &["verify", "dots@1"]).ok();

    // The settings say so too; what is no place is told.
    let settings = world.home("beta").join("config.toml");
    let before = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("mirror = {there:?}\n{before}")).unwrap();
    let pulled = pull(&world, &[], None).json();
    assert_eq!(pulled["mirror"]["place"], there);
    pull(
        &world,
        &["--mirror", "https://registry.example.org/x"],
        None,
    )
    .fails(2, "is no mirror of blobs");
}

/// The same without `--json`.
fn pull_plain(world: &World, mirror: &str) -> Run {
    let _ = std::fs::remove_dir_all(world.home("beta").join("store"));
    let line = [
        "pull",
        "dots@1",
        "--no-lock",
        "--hub",
        &world.server.url,
        "--mirror",
        mirror,
    ];
    let mut command = world.command("beta", &line);
    command.env("HUB_TOKEN", world.token("beta", &[]));
    Run::of(command)
}

/// A registry whose blobs want a token from another path, as those of the world do.
struct TokenRegistry {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TokenRegistry {
    fn start(blobs: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (asked, realm) = (
            Arc::<Mutex<Vec<String>>>::default(),
            format!("http://{host}/token"),
        );
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                answer(client, &realm, &blobs, &heard);
            }
        });
        Self {
            url: format!("oci+http://{host}/hub/"),
            asked,
        }
    }
}

fn answer(
    mut client: TcpStream,
    realm: &str,
    blobs: &BTreeMap<String, Vec<u8>>,
    asked: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_lowercase().starts_with(name))?;
        Some(line.split_once(": ")?.1.to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut form = vec![0; length];
    client.read_exact(&mut form).unwrap();
    let form = String::from_utf8(form).unwrap();
    asked.lock().unwrap().push(format!("{path}{form}"));
    let authorization = header("authorization");
    let (status, more, body) = if path == "/token" {
        assert_eq!(authorization, None, "what is in the form is enough");
        let status = match form.ends_with("&refresh_token=long%2Dlived") {
            true => "200 OK",
            false => "401 Unauthorized",
        };
        (
            status,
            String::new(),
            br#"{"access_token": "short-lived", "expires_in": 300}"#.to_vec(),
        )
    } else if path.starts_with("/token?") {
        // `me:secret`
        let status = match authorization.as_deref() {
            Some("Basic bWU6c2VjcmV0") => "200 OK",
            _ => "401 Unauthorized",
        };
        (
            status,
            String::new(),
            br#"{"access_token": "short-lived"}"#.to_vec(),
        )
    } else if authorization.as_deref() != Some("Bearer short-lived") {
        let challenge = format!(
            "Bearer realm=\"{realm}\",service=\"registry\",scope=\"repository:hub/dots:pull\""
        );
        (
            "401 Unauthorized",
            format!("WWW-Authenticate: {challenge}\r\n"),
            Vec::new(),
        )
    } else {
        match path
            .rsplit_once('/')
            .and_then(|(_, digest)| blobs.get(digest))
        {
            Some(bytes) => ("200 OK", String::new(), bytes.clone()),
            None => ("404 Not Found", String::new(), Vec::new()),
        }
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}Content-Length: {length}\r\n\r\n");
    let _ = client.write_all(&[head.as_bytes(), &body].concat());
}

#[test]
fn a_registry_with_tokens_gives_blobs_to_who_has_the_password() {
    let Some((world, blobs)) = start() else {
        return;
    };
    let registry = TokenRegistry::start(blobs.clone());
    let pulled = pull(&world, &["--mirror", &registry.url], Some("me:secret")).json();
    assert_eq!(pulled["mirror"]["files"], blobs.len(), "{pulled}");
    let asked = registry.asked.lock().unwrap().clone();
    let tokens: Vec<_> = asked
        .iter()
        .filter(|path| path.starts_with("/token?"))
        .collect();
    assert_eq!(
        tokens,
        ["/token?scope=repository%3Ahub%2Fdots%3Apull&service=registry"],
        "once"
    );
    assert!(
        asked
            .iter()
            .any(|path| path.starts_with("/v2/hub/dots/blobs/sha256:"))
    );
}

#[cfg(unix)]
#[test]
fn what_docker_login_keeps_with_a_helper_is_used() {
    use std::os::unix::fs::PermissionsExt;
    let Some((world, blobs)) = start() else {
        return;
    };
    let registry = TokenRegistry::start(blobs.clone());
    let folder = world.folder.path().join("docker");
    std::fs::create_dir(&folder).unwrap();
    let settings = |text: &str| std::fs::write(folder.join("config.json"), text).unwrap();
    settings(r#"{"credsStore": "test"}"#);
    // None yet: the mirror is asked all the same, and what it refuses comes from the hub.
    let pulled = pull_with(&world, &registry.url, &folder);
    assert!(pulled.stderr.contains("docker-credential-test"), "{pulled}");
    let asked = std::mem::take(&mut *registry.asked.lock().unwrap());
    assert!(asked.iter().any(|path| path.starts_with("/v2/hub/dots/")));

    let helper = folder.join("docker-credential-test");
    let script = r#"#!/bin/sh
read server
case "$1 $server" in
"get 127.0.0.1:"*) echo '{"ServerURL": "", "Username": "<token>", "Secret": "long-lived"}' ;;
*) echo "credentials not found in native keychain"; exit 1 ;;
esac
"#;
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o700)).unwrap();
    let pulled = pull_with(&world, &registry.url, &folder).json();
    assert_eq!(pulled["mirror"]["files"], blobs.len(), "{pulled}");
    let asked = std::mem::take(&mut *registry.asked.lock().unwrap());
    let tokens: Vec<_> = asked
        .iter()
        .filter(|path| path.starts_with("/token"))
        .collect();
    let form = "/tokenscope=repository%3Ahub%2Fdots%3Apull&service=registry&grant_type=refresh%5Ftoken\
                &client_id=extractor%2Dhub&refresh_token=long%2Dlived";
    assert_eq!(tokens, [form], "once");
    // In the file itself, as without a helper.
    let host = registry.url.strip_prefix("oci+http://").unwrap();
    let host = host.split('/').next().unwrap();
    settings(&format!(
        r#"{{"auths": {{"{host}": {{"identitytoken": "long-lived"}}}}}}"#
    ));
    let pulled = pull_with(&world, &registry.url, &folder).json();
    assert_eq!(pulled["mirror"]["files"], blobs.len(), "{pulled}");
}

#[test]
fn another_hub_is_a_registry_too() {
    let Some((world, blobs)) = start() else {
        return;
    };
    let token = world.token("alpha", &["--scope", "publish"]);
    for (digest, bytes) in &blobs {
        let path = format!("/v2/copies/dots/blobs/uploads/?digest={digest}");
        assert_eq!(post(&world.server.url, &path, &token, bytes), 201);
    }
    let host = world.server.url.strip_prefix("http://").unwrap();
    let (many, one) = (
        format!("oci+http://{host}/copies/"),
        format!("oci+http://{host}/copies/dots"),
    );
    let password = format!("anybody:{token}");
    for place in [&many, &one] {
        let pulled = pull(&world, &["--mirror", place], Some(&password)).json();
        assert_eq!(pulled["mirror"]["files"], blobs.len(), "{pulled}");
    }
    // Docker's file has the password, too.
    let folder: PathBuf = world.folder.path().join("docker");
    std::fs::create_dir(&folder).unwrap();
    let auths = serde_json::json!({ "auths": { host: { "username": "me", "password": token } } });
    std::fs::write(folder.join("config.json"), auths.to_string()).unwrap();
    let pulled = pull_with(&world, &many, &folder);
    assert_eq!(pulled.json()["mirror"]["files"], blobs.len());
    // Without one everything comes from the hub, and the reason is told.
    let pulled = pull(&world, &["--mirror", &many], None).json();
    assert_eq!(pulled["mirror"]["files"], 0);
    assert!(reasons(&pulled)[0].contains("401"), "{pulled}");
    let pulled = pull(&world, &["--mirror", "oci+http://127.0.0.1:1/x"], None).json();
    assert_eq!(reasons(&pulled).len(), blobs.len());
    assert!(reasons(&pulled)[0].contains("127.0.0.1:1"), "{pulled}");
}

fn pull_with(world: &World, place: &str, docker: &Path) -> Run {
    let _ = std::fs::remove_dir_all(world.home("beta").join("store"));
    let line = [
        "pull",
        "dots@1",
        "--no-lock",
        "--hub",
        &world.server.url,
        "--json",
        "--mirror",
        place,
    ];
    let mut command = world.command("beta", &line);
    command.env("HUB_TOKEN", world.token("beta", &[]));
    command.env("DOCKER_CONFIG", docker);
    // Helpers lie there, too.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", docker.display()));
    Run::of(command)
}

/// The status of a POST with a body.
fn post(url: &str, path: &str, token: &str, body: &[u8]) -> u16 {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_mirror_of_a_hub_shows_the_same_artifacts() {
    let Some(mirror) = Mirror::start() else {
        return;
    };
    mirror.mirror(&["dots"]).ok();
    let server = mirror.serve();
    let token = mirror.world.token("beta", &[]);
    let path = "/v2/dots/manifests/1";
    let (status, manifest) = ask(&server.url, "GET", path, None);
    assert_eq!(status, 200, "{manifest}");
    // The same bytes have the same digest, here and there.
    let there = ask(&mirror.world.server.url, "GET", path, Some(&token));
    assert_eq!((200, manifest), there);
    let (status, tags) = ask(&server.url, "GET", "/v2/dots/tags/list", None);
    assert_eq!(status, 200);
    assert!(tags.contains(r#"["1","1.0","1.0.0","latest"]"#), "{tags}");
    // What is not in the mirror is no tag here, and is told so.
    let (_, tags) = ask(&server.url, "GET", "/v2/alpha/other/tags/list", None);
    assert!(tags.contains(r#""tags":[]"#), "{tags}");
    let (status, told) = ask(&server.url, "GET", "/v2/alpha/other/manifests/1", None);
    assert!(
        status == 404 && told.contains("MANIFEST_UNKNOWN") && told.contains("not in this mirror"),
        "{told}"
    );
}
