//! Every route, and what becomes of it for each kind of asker: nobody gets what is not theirs.
//!
//! The routes are read from the sources, so a new one fails here until it has its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use registry_schema::digest::Digest;
use registry_schema::envelope;
use registry_schema::statement::YankAction;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};

use crate::draft::{Draft, Signed};
use crate::members_say::{advisory, evaluation, signed};
use crate::world::{ALPHA, GAMMA, World};

/// Who asks. The extractor is alpha's, and so are all tokens but `Other`.
const ASKERS: [&str; 6] = [
    "nobody",
    "reader",
    "publisher",
    "other's admin",
    "revoked",
    "expired",
];

/// What each of them gets.
type Statuses = [u16; 6];

/// The same for all: what is said of itself, and what comes without a look at tokens.
const fn open(status: u16) -> Statuses {
    [status; 6]
}

/// For members.
const fn reading(status: u16) -> Statuses {
    [401, status, status, status, 401, 401]
}

/// For members with a publishing token; what the owner gets, and what another member.
const fn writing(own: u16, other: u16) -> Statuses {
    [401, 403, own, other, 401, 401]
}

/// In which function of the table of routes, with which path, and then what is asked.
type Row = (
    (&'static str, &'static str),
    &'static str,
    &'static str,
    Statuses,
);

const README: &str = "{digest of README.md}";
const COMMIT: &str = "{commit}";

const ROWS: &[Row] = &[
    // the hub itself
    (("at", "/health/live"), "GET", "/health/live", open(200)),
    (("at", "/health/ready"), "GET", "/health/ready", open(200)),
    (("at", "/healthz"), "GET", "/healthz", open(200)),
    (("at", "/readyz"), "GET", "/readyz", open(200)),
    (("at", "/metrics"), "GET", "/metrics", open(404)),
    (("at", "/api/v1"), "GET", "/api/v1", open(200)),
    ((".on", "/whoami"), "GET", "/api/v1/whoami", reading(200)),
    (
        (".on", "/openapi.json"),
        "GET",
        "/api/v1/openapi.json",
        open(200),
    ),
    (
        ("at", "/tuf/{path:.*}"),
        "GET",
        "/tuf/metadata/1.root.json",
        open(200),
    ),
    (
        (".on", "/trust-root"),
        "POST",
        "/api/v1/trust-root",
        writing(422, 422),
    ),
    // extractors and releases
    (
        (".on", "/extractors"),
        "GET",
        "/api/v1/extractors",
        reading(200),
    ),
    (
        (".on", "/extractors/{namespace}/{name}"),
        "GET",
        "/api/v1/extractors/alpha/squares",
        reading(200),
    ),
    (
        (".on", ""),
        "GET",
        "/api/v1/extractors/alpha/squares/releases/1.0.0",
        reading(200),
    ),
    (
        (".on", ""),
        "PUT",
        "/api/v1/extractors/alpha/squares/releases/1.0.0",
        writing(200, 403),
    ),
    (
        (".on", "/readme"),
        "GET",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/readme",
        reading(200),
    ),
    (
        (".on", "/files/{path:.*}"),
        "GET",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/files/model.onnx",
        reading(200),
    ),
    (
        (".on", "/files/{path:.*}"),
        "HEAD",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/files/model.onnx",
        reading(200),
    ),
    (
        (".on", "/evaluations"),
        "GET",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/evaluations",
        reading(200),
    ),
    // It is gamma's statement: nobody else can send it, not even the owner.
    (
        (".on", "/evaluations"),
        "POST",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/evaluations",
        writing(403, 201),
    ),
    (
        (".on", "/extractors/{namespace}/{name}/advisories"),
        "GET",
        "/api/v1/extractors/alpha/squares/advisories",
        reading(200),
    ),
    (
        (".on", "/extractors/{namespace}/{name}/advisories"),
        "POST",
        "/api/v1/extractors/alpha/squares/advisories",
        writing(201, 403),
    ),
    (
        (".on", "/key-compromises"),
        "GET",
        "/api/v1/key-compromises",
        reading(200),
    ),
    (
        (".on", "/key-compromises"),
        "POST",
        "/api/v1/key-compromises",
        writing(422, 422),
    ),
    (
        (".on", "/model-signature"),
        "PUT",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/model-signature",
        writing(422, 403),
    ),
    // the log
    (
        ("at", "/log/checkpoint"),
        "GET",
        "/log/checkpoint",
        reading(200),
    ),
    (
        ("at", "/log/tile/{path:.*}"),
        "GET",
        "/log/tile/0/000.p/1",
        reading(200),
    ),
    // blobs
    (("at", "/v2/"), "GET", "/v2/", reading(200)),
    (
        ("v2", "/blobs/uploads/"),
        "POST",
        "/v2/alpha/squares/blobs/uploads/",
        writing(202, 403),
    ),
    (
        ("v2", "/blobs/uploads/{upload}"),
        "GET",
        "/v2/alpha/squares/blobs/uploads/x",
        writing(404, 403),
    ),
    (
        ("v2", "/blobs/uploads/{upload}"),
        "PATCH",
        "/v2/alpha/squares/blobs/uploads/x",
        writing(404, 403),
    ),
    (
        ("v2", "/blobs/uploads/{upload}"),
        "PUT",
        "/v2/alpha/squares/blobs/uploads/x?digest={digest of README.md}",
        writing(404, 403),
    ),
    (
        ("v2", "/blobs/uploads/{upload}"),
        "DELETE",
        "/v2/alpha/squares/blobs/uploads/x",
        writing(404, 403),
    ),
    (
        ("v2", "/blobs/{digest}"),
        "GET",
        "/v2/alpha/squares/blobs/{digest of README.md}",
        reading(200),
    ),
    (
        ("v2", "/blobs/{digest}"),
        "HEAD",
        "/v2/alpha/squares/blobs/{digest of README.md}",
        reading(200),
    ),
    (("at", "/v2/{rest:.*}"), "GET", "/v2/nothing", reading(404)),
    // the Hugging Face Hub's protocol
    (
        ("at", "/api/whoami-v2"),
        "GET",
        "/api/whoami-v2",
        reading(200),
    ),
    (("at", "/api/models"), "GET", "/api/models", reading(200)),
    (
        ("model", ""),
        "GET",
        "/api/models/alpha/squares",
        reading(200),
    ),
    (
        ("model", "/refs"),
        "GET",
        "/api/models/alpha/squares/refs",
        reading(200),
    ),
    (
        ("model", "/revision/{revision}"),
        "GET",
        "/api/models/alpha/squares/revision/{commit}",
        reading(200),
    ),
    (
        ("model", "/tree/{revision}"),
        "GET",
        "/api/models/alpha/squares/tree/1.0.0",
        reading(200),
    ),
    (
        ("model", "/tree/{revision}/{path:.*}"),
        "GET",
        "/api/models/alpha/squares/tree/1.0.0/probes",
        reading(200),
    ),
    (
        ("model", "/paths-info/{revision}"),
        "POST",
        "/api/models/alpha/squares/paths-info/1.0.0",
        reading(200),
    ),
    (
        ("repository", "/resolve/{revision}/{path:.*}"),
        "GET",
        "/alpha/squares/resolve/1.0.0/README.md",
        reading(200),
    ),
    (
        ("repository", "/resolve/{revision}/{path:.*}"),
        "HEAD",
        "/alpha/squares/resolve/1.0.0/README.md",
        reading(200),
    ),
    (
        (".on", "/extractors/{namespace}/{name}/blobs/{digest}/delta"),
        "GET",
        "/api/v1/extractors/alpha/squares/blobs/{digest of README.md}/delta?from={digest of README.md}",
        reading(200),
    ),
    // releases for clients of container registries, which push to and delete from none
    (("at", "/v2/token"), "GET", "/v2/token", reading(200)),
    (("at", "/v2/_catalog"), "GET", "/v2/_catalog", reading(200)),
    (
        ("v2", "/tags/list"),
        "GET",
        "/v2/alpha/squares/tags/list",
        reading(200),
    ),
    (
        ("v2", "/referrers/{digest}"),
        "GET",
        "/v2/alpha/squares/referrers/{digest of README.md}",
        reading(200),
    ),
    (
        ("v2", "/manifests/{reference}"),
        "GET",
        "/v2/alpha/squares/manifests/1.0.0",
        reading(200),
    ),
    (
        ("v2", "/manifests/{reference}"),
        "HEAD",
        "/v2/alpha/squares/manifests/1.0.0",
        reading(200),
    ),
    (
        ("v2", "/manifests/{reference}"),
        "PUT",
        "/v2/alpha/squares/manifests/1.0.0",
        writing(405, 405),
    ),
    (
        ("v2", "/manifests/{reference}"),
        "DELETE",
        "/v2/alpha/squares/manifests/1.0.0",
        writing(405, 405),
    ),
    (
        ("v2", "/blobs/{digest}"),
        "DELETE",
        "/v2/alpha/squares/blobs/{digest of README.md}",
        writing(405, 405),
    ),
    // pages
    (("read", "/"), "GET", "/", reading(200)),
    (("read", "/"), "HEAD", "/", reading(200)),
    (
        ("read", "/extractors/{name:[^/]+(?:/[^/]+)?}"),
        "GET",
        "/extractors/alpha/squares",
        reading(200),
    ),
    (
        ("read", "/extractors/{name:[^/]+(?:/[^/]+)?}"),
        "HEAD",
        "/extractors/alpha/squares",
        reading(200),
    ),
    (
        ("read", "/probe-images/{namespace}/{name}/{version}/{file}"),
        "GET",
        "/probe-images/alpha/squares/1.0.0/red.png",
        reading(200),
    ),
    (
        ("read", "/probe-images/{namespace}/{name}/{version}/{file}"),
        "HEAD",
        "/probe-images/alpha/squares/1.0.0/red.png",
        reading(200),
    ),
    (("read", "/log"), "GET", "/log", reading(200)),
    (("read", "/log"), "HEAD", "/log", reading(200)),
    (("read", "/members"), "GET", "/members", reading(200)),
    (("read", "/members"), "HEAD", "/members", reading(200)),
    (("at", "/login"), "GET", "/login", open(200)),
    (("at", "/login"), "POST", "/login", open(401)),
    (("at", "/logout"), "POST", "/logout", open(303)),
    (
        ("at", "/assets/{file}"),
        "GET",
        "/assets/icon.svg",
        open(200),
    ),
    // last, as a yanked release is another answer to much of the above
    (
        (".on", "/yanks"),
        "POST",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/yanks",
        writing(201, 403),
    ),
];

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
    let pem = fs::read(world.data().join("tls/dev-certificate.pem")).unwrap();
    let certificate = reqwest::Certificate::from_pem(&pem).unwrap();
    let client = Client::builder()
        .tls_certs_only([certificate])
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
