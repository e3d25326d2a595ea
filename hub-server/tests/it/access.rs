//! Who may do what.

use registry_schema::api::{HubInfo, ProblemCode, Scope, WhoAmI, upload_path};
use reqwest::{Method, StatusCode};

use crate::draft::Draft;
use crate::world::{ALPHA, World, header, oci_error, problem};

#[tokio::test]
async fn what_needs_no_token() {
    let world = World::start();
    let anonymous = |path: &str| world.client.get(format!("{}{path}", world.base)).send();
    let info = anonymous("/api/v1").await.unwrap().bytes().await.unwrap();
    let info: HubInfo = serde_json::from_slice(&info).unwrap();
    assert_eq!((info.trust_root.root, info.public), (1, false));
    for path in [
        "/tuf/metadata/1.root.json",
        "/tuf/metadata/timestamp.json",
        "/api/v1/openapi.json",
        "/health/live",
        "/health/ready",
        "/healthz",
        "/readyz",
    ] {
        assert_eq!(
            anonymous(path).await.unwrap().status(),
            StatusCode::OK,
            "{path}"
        );
    }
    for path in [
        "/api/v1/whoami",
        "/api/v1/extractors",
        "/api/v1/extractors/alpha/squares",
    ] {
        let answer = anonymous(path).await.unwrap();
        assert!(header(&answer, "www-authenticate").starts_with("Bearer"));
        problem(answer, ProblemCode::Unauthenticated).await;
    }
    let answer = anonymous("/v2/").await.unwrap();
    let host = world.base.strip_prefix("https://").unwrap();
    let challenge = format!(
        "Bearer realm=\"{}/v2/token\",service=\"{host}\"",
        world.base
    );
    assert_eq!(header(&answer, "www-authenticate"), challenge);
    oci_error(answer, 401, "UNAUTHORIZED").await;
    // The password is a token, and good as one.
    let realm = || {
        world
            .client
            .get(format!("{}/v2/token?service=x", world.base))
    };
    oci_error(realm().send().await.unwrap(), 401, "UNAUTHORIZED").await;
    let wrong = realm().basic_auth("me", Some("hub_wrong")).send();
    oci_error(wrong.await.unwrap(), 401, "UNAUTHORIZED").await;
    let good = realm()
        .basic_auth("me", Some(&world.token))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&good, "cache-control"), "no-store");
    let good: serde_json::Value = serde_json::from_str(&good.text().await.unwrap()).unwrap();
    assert_eq!(
        (&good["token"], &good["access_token"]),
        (&world.token.as_str().into(), &good["token"])
    );
    let nobody = world
        .request_as("anonymous", Method::GET, "/v2/")
        .send()
        .await
        .unwrap();
    oci_error(nobody, 401, "UNAUTHORIZED").await;
}

#[tokio::test]
async fn a_public_hub_reads_without_token_and_writes_with_one() {
    let world = World::start_with(&["--public"]);
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    let shown = world
        .client
        .get(format!("{}/api/v1/extractors/alpha/squares", world.base));
    assert_eq!(shown.send().await.unwrap().status(), StatusCode::OK);
    let path = upload_path(&"alpha/squares".parse().unwrap());
    let upload = world
        .client
        .post(format!("{}{path}", world.base))
        .send()
        .await
        .unwrap();
    oci_error(upload, 401, "UNAUTHORIZED").await;
    // Clients of container registries ask who they are to be, and are told nobody.
    let asked = world
        .client
        .get(format!("{}/v2/", world.base))
        .send()
        .await
        .unwrap();
    oci_error(asked, 401, "UNAUTHORIZED").await;
    let token = world
        .client
        .get(format!("{}/v2/token", world.base))
        .send()
        .await
        .unwrap();
    let token: serde_json::Value = serde_json::from_str(&token.text().await.unwrap()).unwrap();
    assert_eq!(token["token"], "anonymous");
    for path in ["/v2/", "/v2/alpha/squares/tags/list"] {
        let read = world
            .request_as("anonymous", Method::GET, path)
            .send()
            .await
            .unwrap();
        assert_eq!(read.status(), StatusCode::OK);
    }
    let upload = world
        .request_as("anonymous", Method::POST, &path)
        .send()
        .await
        .unwrap();
    oci_error(upload, 401, "UNAUTHORIZED").await;
    // A wrong token is an error also where none is needed.
    let wrong = world
        .request_as("hub_wrong", Method::GET, "/api/v1/extractors")
        .send()
        .await
        .unwrap();
    problem(wrong, ProblemCode::Unauthenticated).await;
}

#[tokio::test]
async fn scopes_members_and_forms_of_tokens() {
    let world = World::start();
    let me: WhoAmI = world.json("/api/v1/whoami").await;
    assert_eq!((me.member.as_str(), me.scope), ("alpha", Scope::Publish));

    let reader = world.make_token("alpha", "read");
    let path = upload_path(&"alpha/squares".parse().unwrap());
    let answer = world
        .request_as(&reader, Method::POST, &path)
        .send()
        .await
        .unwrap();
    oci_error(answer, 403, "DENIED").await;
    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    problem(world.put_as(&reader, &signed).await, ProblemCode::Forbidden).await;

    for (member, scope) in [("beta", "publish"), ("gamma", "admin")] {
        let token = world.make_token(member, scope);
        let text = problem(world.put_as(&token, &signed).await, ProblemCode::Forbidden).await;
        assert!(text.contains(member) && text.contains("alpha"), "{text}");
        let answer = world
            .request_as(&token, Method::POST, &path)
            .send()
            .await
            .unwrap();
        oci_error(answer, 403, "DENIED").await;
    }

    let basic = world
        .client
        .get(format!("{}/v2/", world.base))
        .basic_auth("anything", Some(&world.token));
    assert_eq!(basic.send().await.unwrap().status(), StatusCode::OK);
    for wrong in ["", "hub_", "hub_AAAA", &world.token[..20], "x y z"] {
        let answer = world
            .request_as(wrong, Method::GET, "/api/v1/whoami")
            .send()
            .await
            .unwrap();
        problem(answer, ProblemCode::Unauthenticated).await;
    }
}

#[tokio::test]
async fn tokens_end_and_are_revoked() {
    let world = World::start();
    let short = world.make_token_for("alpha", "read", "1s");
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let answer = world
        .request_as(&short, Method::GET, "/api/v1/whoami")
        .send()
        .await
        .unwrap();
    assert!(
        problem(answer, ProblemCode::Unauthenticated)
            .await
            .contains("expired")
    );

    let token = world.make_token("beta", "read");
    let listed = world.run(&["token", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(!listed.contains("hub_"), "{listed}");
    let line = listed.lines().find(|line| line.contains("beta")).unwrap();
    assert!(line.contains("good"), "{line}");
    let id = line.split_whitespace().next().unwrap();
    assert!(world.run(&["token", "revoke", id]).status.success());
    let answer = world
        .request_as(&token, Method::GET, "/api/v1/whoami")
        .send()
        .await
        .unwrap();
    assert!(
        problem(answer, ProblemCode::Unauthenticated)
            .await
            .contains("revoked")
    );
    assert!(!world.run(&["token", "revoke", id]).status.success());
}

#[tokio::test]
async fn tokens_are_for_members_and_have_an_end() {
    let world = World::start();
    for args in [
        ["--member", "delta", "--scope", "read", "--lifetime", "1d"],
        ["--member", "alpha", "--scope", "root", "--lifetime", "1d"],
        ["--member", "alpha", "--scope", "read", "--lifetime", "99y"],
        ["--member", "Alpha", "--scope", "read", "--lifetime", "1d"],
    ] {
        let made = world.run(&[&["token", "create"], &args[..]].concat());
        assert!(!made.status.success() && made.stdout.is_empty(), "{args:?}");
    }
    let refused = world.run(&["token", "create", "--member", "delta"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("alpha, beta, gamma"), "{text}");
}

#[tokio::test]
async fn the_journal_says_who_did_what_and_holds_no_token() {
    let world = World::start();
    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&signed).await;
    let readme = world
        .get("/api/v1/extractors/alpha/squares/releases/1/readme?token=hub_x")
        .await;
    assert_eq!(readme.status(), StatusCode::OK);
    problem(
        world.get("/api/v1/extractors/alpha/circles").await,
        ProblemCode::NotFound,
    )
    .await;
    let wrong = world
        .request_as("hub_secret", Method::GET, "/api/v1/whoami")
        .send()
        .await
        .unwrap();
    let id = header(&wrong, "x-request-id").to_owned();
    let log = world.until_logged(&id);
    let lines: Vec<serde_json::Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let line = |action: &str, outcome: &str| {
        let found = lines
            .iter()
            .find(|line| line["action"] == action && line["outcome"] == outcome);
        found.unwrap_or_else(|| panic!("no line of {action} {outcome} in {log}"))
    };
    assert_eq!(line("publish", "done")["member"], "alpha");
    assert_eq!(line("publish", "done")["status"], 201);
    assert_eq!(line("upload", "done")["scope"], "publish");
    assert_eq!(line("readme", "done")["member"], "alpha");
    assert!(
        line("show", "not_found")["detail"]
            .as_str()
            .unwrap()
            .contains("alpha/circles")
    );
    assert_eq!(line("whoami", "unauthenticated")["request_id"], id.as_str());
    for secret in ["hub_secret", "hub_x", "token=", world.token.as_str()] {
        assert!(!log.contains(secret), "no token, no query");
    }
}
