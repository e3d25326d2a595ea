//! Every route, and what becomes of it for each kind of asker: nobody gets what is not theirs.
//!
//! The routes are read from the sources, so a new one fails here until it has its rows.

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use registry_schema::digest::Digest;
use registry_schema::envelope;
use registry_schema::statement::YankAction;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};

use rows::{ASKERS, COMMIT, README, ROWS};

use crate::draft::{Draft, Signed};
use crate::members_say::{advisory, evaluation, signed};
use crate::world::{ALPHA, GAMMA, World};

/// The texts between quotes that follow each other as the first arguments of a call.
fn arguments(mut call: &str) -> Vec<&str> {
    let mut texts = Vec::new();
    loop {
        call = call.trim_start_matches([',', ' ', '\n']);
        let Some((text, rest)) = call.strip_prefix('"').and_then(|call| call.split_once('"'))
        else {
            return texts;
        };
        texts.push(text);
        call = rest;
    }
}

/// The routes in the sources: the function that makes each, its path, and its methods.
fn routes_of_sources() -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut found = BTreeMap::<_, BTreeSet<String>>::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            for maker in ["at", ".on", "v2", "model", "repository", "read"] {
                for (at, call) in text.match_indices(&format!("{maker}(")) {
                    let before = text[..at].chars().next_back().unwrap_or(' ');
                    if maker != ".on"
                        && (before.is_alphanumeric() || before == '_' || before == ':')
                    {
                        continue;
                    }
                    let given = arguments(&text[at + call.len()..]);
                    let (path, methods) = match (maker, &given[..]) {
                        // What the others are made with.
                        (_, []) | ("repository", [_]) => continue,
                        ("read", [path, ..]) => (path, "GET, HEAD"),
                        ("repository", [_, path, _, methods])
                        | ("model", [path, methods])
                        | (_, [path, _, methods]) => (path, *methods),
                        other => panic!("a route that cannot be read: {other:?}"),
                    };
                    // What takes all methods is asked with GET.
                    let methods = if methods.is_empty() { "GET" } else { methods };
                    let methods = methods.split(", ").map(str::to_owned);
                    let key = (maker.to_owned(), (*path).to_owned());
                    found.entry(key).or_default().extend(methods);
                }
            }
        }
    }
    found
}

#[test]
fn every_route_has_its_rows() {
    let mut rows = BTreeMap::<(String, String), BTreeSet<String>>::new();
    for ((maker, path), method, ..) in ROWS {
        let key = ((*maker).to_owned(), (*path).to_owned());
        rows.entry(key).or_default().insert((*method).to_owned());
    }
    let routes = routes_of_sources();
    assert!(routes.len() > 30, "{routes:?}");
    for (route, methods) in &routes {
        let there = rows.get(route).cloned().unwrap_or_default();
        assert_eq!(
            &there, methods,
            "the matrix of roles and routes must say who may ask {route:?}: add rows to ROWS"
        );
    }
    for route in rows.keys() {
        assert!(
            routes.contains_key(route),
            "there is no route {route:?} any more"
        );
    }
}

/// What a request carries besides its token.
fn body(method: &str, path: &str, release: &Signed) -> Option<(&'static str, Vec<u8>)> {
    let envelope = |bytes: Vec<u8>| Some((envelope::MEDIA_TYPE, bytes));
    match (method, path.rsplit('/').next()?) {
        ("PUT", "1.0.0") => envelope(release.envelope.clone()),
        ("POST", "yanks") => envelope(release.yank(YankAction::Yank, 1, &[ALPHA])),
        ("POST", "evaluations") => {
            envelope(signed(evaluation(release, "gamma", 1).to_payload(), GAMMA))
        }
        ("POST", "advisories") => {
            envelope(signed(advisory(release, "alpha", 1, 1).to_payload(), ALPHA))
        }
        // A statement of another kind.
        ("POST", "key-compromises") => envelope(release.envelope.clone()),
        ("POST", "trust-root") => Some(("text/plain", b"no draft".to_vec())),
        ("PUT", "model-signature") => {
            let digest = Digest::of(b"nowhere");
            let json = format!(r#"{{"digest":"{digest}"}}"#);
            Some(("application/json", json.into_bytes()))
        }
        ("POST", "login") => Some(("application/x-www-form-urlencoded", b"token=hub_x".to_vec())),
        ("POST", _) if path.contains("paths-info") => {
            Some(("application/json", br#"{"paths":["README.md"]}"#.to_vec()))
        }
        ("POST", _) => Some(("application/octet-stream", Vec::new())),
        _ => None,
    }
}

#[tokio::test]
async fn nobody_gets_what_is_not_theirs() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let made = world.run(&["token", "create", "--member", "alpha", "--scope", "publish"]);
    let (revoked, said) = (made.stdout, String::from_utf8(made.stderr).unwrap());
    let revoked = String::from_utf8(revoked).unwrap().trim().to_owned();
    let id = said.split_whitespace().nth(1).unwrap();
    assert!(world.run(&["token", "revoke", id]).status.success());
    let expired = world.make_token_for("alpha", "publish", "1s");
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let tokens = [
        None,
        Some(world.make_token("alpha", "read")),
        Some(world.token.clone()),
        Some(world.make_token("gamma", "admin")),
        Some(revoked),
        Some(expired),
    ];
    let client = Client::builder()
        .tls_certs_only(world.certificate())
        .redirect(Policy::none());
    let client = client.build().unwrap();
    let readme = Digest::of(&release.files["README.md"]).to_string();
    let model: serde_json::Value = world.json("/api/models/alpha/squares").await;
    let commit = model["sha"].as_str().unwrap();
    let mut wrong = Vec::new();
    for (_, method, path, expected) in ROWS {
        for ((asker, token), expected) in ASKERS.iter().zip(&tokens).zip(expected) {
            let at = path.replace(README, &readme).replace(COMMIT, commit);
            let method: Method = method.parse().unwrap();
            let mut request = client.request(method.clone(), format!("{}{at}", world.base));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some((media_type, bytes)) = body(method.as_str(), path, &release) {
                request = request.header(CONTENT_TYPE, media_type).body(bytes);
            }
            let answer = request.send().await.unwrap();
            let found = answer.status().as_u16();
            if found != *expected {
                let text = answer.text().await.unwrap_or_default();
                let text: String = text.chars().take(200).collect();
                wrong.push(format!(
                    "{method} {path} by {asker}: {found}, not {expected}: {text}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
