//! A hub, or something between, that changes what it sends: caught and named by the client.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use super::world::{Run, World};

/// Changes the body of an answer to a path.
type Rewrite = dyn Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync;

/// Answers a path itself, without asking the hub.
type Own = dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync;

/// A proxy before a hub that speaks plain HTTP on loopback.
pub(crate) struct Proxy {
    pub(crate) url: String,
}

impl Proxy {
    pub(crate) fn start(
        upstream: String,
        rewrite: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::answering(upstream, |_| None, rewrite)
    }

    /// The same, and some paths it answers itself.
    pub(crate) fn answering(
        upstream: String,
        own: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
        rewrite: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (own, rewrite): (Arc<Own>, Arc<Rewrite>) = (Arc::new(own), Arc::new(rewrite));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, own, rewrite) = (upstream.clone(), own.clone(), rewrite.clone());
                std::thread::spawn(move || forward(client, &upstream, &*own, &*rewrite));
            }
        });
        Self { url }
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// One request and its answer, then the connection is closed.
fn forward(mut client: TcpStream, upstream: &str, own: &Own, rewrite: &Rewrite) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let text = String::from_utf8(head).ok()?;
    let path = text.split(' ').nth(1)?.to_owned();
    if let Some(body) = own(&path) {
        return send(client, "HTTP/1.1 200 OK", &body);
    }
    let mut hub = TcpStream::connect(upstream.trim_start_matches("http://")).ok()?;
    hub.write_all(text.trim_end_matches("\r\n").as_bytes())
        .ok()?;
    hub.write_all(b"\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    hub.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let body = rewrite(&path, answer.split_off(end));
    send(client, &String::from_utf8(answer).ok()?, &body)
}

/// An answer with a head that was made for another body.
fn send(mut client: TcpStream, head: &str, body: &[u8]) -> Option<()> {
    let is_length = |line: &&str| line.to_ascii_lowercase().starts_with("content-length");
    let lines: Vec<&str> = head
        .trim_end()
        .lines()
        .filter(|line| !is_length(line))
        .collect();
    let (lines, length) = (lines.join("\r\n"), body.len());
    let head = format!("{lines}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).ok()?;
    client.write_all(body).ok()
}

/// Pulls through a proxy and expects an integrity error that holds `words`, and an empty store.
#[track_caller]
fn caught(
    world: &World,
    rewrite: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    words: &str,
) {
    let proxy = Proxy::start(world.server.url.clone(), rewrite);
    through(world, "beta", "dots@2", &proxy).fails(4, words);
    let listed = world.hub("beta", &["list", "--json"]).json();
    assert!(
        listed["releases"].as_array().unwrap().is_empty(),
        "nothing may be visible"
    );
}

/// Pulls as a member through a proxy. Another address gets the stored token only when it is told to.
pub(crate) fn through(world: &World, member: &str, reference: &str, proxy: &Proxy) -> Run {
    let mut command = world.command(
        member,
        &["pull", reference, "--no-lock", "--hub", &proxy.url],
    );
    command.env("HUB_TOKEN", world.token(member, &[]));
    Run::of(command)
}

pub(crate) fn replace(body: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(body).replace(from, to).into_bytes()
}

#[test]
fn what_was_changed_on_the_way_is_refused() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    world.publish(&world.author("alpha/dots", "2.0.0", "three_features", 3));
    world.publish(&world.author("dots", "2.1.0", "means", 4));
    world.restart_without_tls();

    // Through an honest proxy everything works, so what follows fails for the change alone.
    let honest = Proxy::start(world.server.url.clone(), |_, body| body);
    through(&world, "gamma", "dots@2", &honest).ok();

    let blobs = |change: fn(Vec<u8>) -> Vec<u8>| {
        move |path: &str, body: Vec<u8>| {
            if path.contains("/blobs/") {
                change(body)
            } else {
                body
            }
        }
    };
    let flip = blobs(|mut body| {
        let last = body.len() - 1;
        body[last] ^= 1;
        body
    });
    caught(&world, flip, "other bytes");
    let releases = |from: &'static str, to: &'static str| {
        move |path: &str, body: Vec<u8>| {
            if path.contains("/releases/") {
                replace(&body, from, to)
            } else {
                body
            }
        }
    };
    // One character of the signed payload, of a signature, of the claimed key.
    caught(
        &world,
        releases("eyJfdHlwZSI6", "eyJfdHlwZSI7"),
        "not shown to be in the log",
    );
    caught(
        &world,
        releases(r#"\"sig\":\""#, r#"\"sig\":\"AAAA"#),
        "not shown to be in the log",
    );
    caught(
        &world,
        releases(r#"\"keyid\":\""#, r#"\"keyid\":\"0"#),
        "not shown to be in the log",
    );
    // No signature at all.
    let unsigned = |path: &str, body: Vec<u8>| {
        if !path.contains("/releases/") {
            return body;
        }
        let mut answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let mut envelope: serde_json::Value =
            serde_json::from_str(answer["envelope"].as_str().unwrap()).unwrap();
        envelope["signatures"] = serde_json::json!([]);
        answer["envelope"] = envelope.to_string().into();
        answer.to_string().into_bytes()
    };
    caught(&world, unsigned, "not shown to be in the log");
    // A good statement about something else: another version, another name.
    let upstream = world.server.url.clone();
    let token = world.token("beta", &[]);
    for (path, words) in [
        (
            "/api/v1/extractors/alpha/dots/releases/2",
            "does not verify",
        ),
        ("/api/v1/extractors/_/dots/releases/2.0.0", "does not"),
    ] {
        let other = get(&upstream, path, &token);
        let answer = move |asked: &str, body: Vec<u8>| {
            if asked.ends_with("/dots/releases/2") || asked.ends_with("/releases/2.1.0") {
                other.clone()
            } else {
                body
            }
        };
        if path.contains("alpha") {
            caught(&world, answer, words);
        } else {
            // An older release of the same name answers `@2` truthfully; asked exactly, it does not.
            let proxy = Proxy::start(upstream.clone(), answer);
            through(&world, "beta", "dots@2.1.0", &proxy).fails(4, words);
        }
    }
    // Answers that are no answers.
    for garbage in [&b"<html>"[..], b"", b"{}", b"\xff\xfe"] {
        let proxy = Proxy::start(upstream.clone(), move |_, _| garbage.to_vec());
        let run = through(&world, "beta", "dots@2", &proxy);
        assert!(run.code != 0 && !run.stderr.contains("panicked"), "{run}");
    }
    // Endless answers end at the limit.
    let proxy = Proxy::start(upstream, |path, body| {
        if path.contains("/releases/") {
            vec![b' '; 20 << 20]
        } else {
            body
        }
    });
    through(&world, "beta", "dots@2", &proxy).fails(5, "larger than");
}

/// Changes the JSON of answers to paths that end in something.
fn json_of(
    end: &'static str,
    change: impl Fn(&mut serde_json::Value) + Send + Sync + 'static,
) -> impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static {
    move |path, body| {
        if !path.ends_with(end) {
            return body;
        }
        let mut answer = serde_json::from_slice(&body).unwrap();
        change(&mut answer);
        answer.to_string().into_bytes()
    }
}

#[test]
fn what_members_say_is_neither_changed_nor_left_out() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.hub("alpha", &["keygen", "--model-signing"]).ok();
    let folder = world.author("dots", "2.0.0", "three_features", 3);
    let folder = folder.to_str().unwrap();
    world
        .hub("alpha", &["publish", folder, "--oms-key", "model-signing"])
        .ok();
    for title in ["Blind to orange", "Blind to green"] {
        let warn = [
            "advisory",
            "dots@2.0.0",
            "--severity",
            "low",
            "--title",
            title,
            "--text",
            "Seen on our images.",
        ];
        world.hub("gamma", &warn).ok();
    }
    for more in [&[][..], &["--undo"]] {
        let yank = ["yank", "dots@2.0.0", "--reason", "wrong colours"];
        world.hub("alpha", &[&yank[..], more].concat()).ok();
    }
    world.restart_without_tls();
    let honest = Proxy::start(world.server.url.clone(), |_, body| body);
    let run = through(&world, "gamma", "dots@2", &honest).ok();
    assert!(run.stderr.contains("Blind to green"), "{run}");

    // One that is left out, one that is played twice, one under another's name.
    let list = |change: fn(&mut Vec<serde_json::Value>)| {
        json_of("/advisories", move |answer| {
            change(answer["advisories"].as_array_mut().unwrap());
        })
    };
    caught(&world, list(|all| drop(all.remove(0))), "not complete");
    caught(&world, list(|all| all.push(all[0].clone())), "not complete");
    let forge = list(|all| {
        let text = all[0]["envelope"].as_str().unwrap();
        let mut envelope: serde_json::Value = serde_json::from_str(text).unwrap();
        envelope["signatures"] = serde_json::json!([]);
        all[0]["envelope"] = envelope.to_string().into();
    });
    // The log has no such entry, so its signatures are not even looked at.
    caught(
        &world,
        forge,
        "does not prove that the statement is in the log",
    );
    let elsewhere = list(|all| all[0]["log_index"] = 0.into());
    caught(
        &world,
        elsewhere,
        "is entry 0 of the log and proves entry 1",
    );
    // And what its owners say of a release.
    let yanks = |change: fn(&mut Vec<serde_json::Value>)| {
        json_of("/releases/2", move |answer| {
            for list in ["yanks", "yank_proofs"] {
                change(answer[list].as_array_mut().unwrap());
            }
        })
    };
    let first_gone = yanks(|all| drop(all.remove(0)));
    caught(&world, first_gone, "expected number 1, found 2");
    let first_again = yanks(|all| all.push(all[0].clone()));
    caught(&world, first_again, "expected number 3, found 1");
    // A `model.sig` that is another file keeps nobody from the release, and is not passed on.
    let other = json_of("/releases/2", |answer| {
        let text = answer["envelope"].as_str().unwrap();
        let envelope: serde_json::Value = serde_json::from_str(text).unwrap();
        let payload = envelope["payload"].as_str().unwrap();
        let statement = decode(payload);
        let card = statement["predicate"]["resources"][0]["digest"].clone();
        answer["model_signature"]["digest"] = format!("sha256:{}", card.as_str().unwrap()).into();
    });
    let lying = Proxy::start(world.server.url.clone(), other);
    let run = through(&world, "beta", "dots@2", &lying).ok();
    assert!(
        run.stderr.contains("model.sig of `dots@2.0.0` is left out"),
        "{run}"
    );
    let receipt = world
        .home("beta")
        .join("store/releases/_/dots/2.0.0/receipt.json");
    assert!(!super::world::read(&receipt).contains("model_signature"));
}

fn decode(payload: &str) -> serde_json::Value {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(payload);
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

/// The body of an answer, whatever its status.
pub(crate) fn get(upstream: &str, path: &str, token: &str) -> Vec<u8> {
    let mut hub = TcpStream::connect(upstream.trim_start_matches("http://")).unwrap();
    write!(hub, "GET {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    hub.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    answer.split_off(end)
}
