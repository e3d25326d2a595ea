//! How often, and how much.

use registry_schema::api::{ProblemCode, upload_path};
use registry_schema::digest::Digest;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Response, StatusCode};

use crate::draft::Draft;
use crate::world::{ALPHA, World, header, oci_error, problem};

/// Asks who the token's member is, from an address that a proxy tells.
async fn whoami(world: &World, token: &str, address: &str) -> Response {
    let request = world.client.get(format!("{}/api/v1/whoami", world.base));
    let request = request.header("x-forwarded-for", address);
    let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    request.send().await.unwrap()
}

async fn too_many(answer: Response, word: &str) {
    let seconds: u64 = header(&answer, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let said = problem(answer, ProblemCode::TooManyRequests).await;
    assert!(said.contains(word), "{said}");
}

#[tokio::test]
async fn an_address_and_a_token_have_their_rates() {
    let args = [
        "--trusted-proxy",
        "127.0.0.1",
        "--rate-per-address",
        "30",
        "--rate-per-token",
        "18",
    ];
    let world = World::start_with(&args);
    let (reader, other) = (
        world.make_token("beta", "read"),
        world.make_token("gamma", "read"),
    );
    // 1. a token, from wherever it comes: a sixth of a minute's worth at once
    for at in 1..=3 {
        let answer = whoami(&world, &reader, &format!("192.0.2.{at}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    too_many(whoami(&world, &reader, "192.0.2.4").await, "this token").await;
    // 2. an address, whoever asks; the first of these was there before
    for token in [&other, "hub_x", &other, &other] {
        whoami(&world, token, "192.0.2.1").await;
    }
    too_many(whoami(&world, &other, "192.0.2.1").await, "this address").await;
    let open = world.client.get(format!("{}/api/v1", world.base));
    let open = open
        .header("x-forwarded-for", "192.0.2.1")
        .send()
        .await
        .unwrap();
    assert_eq!(open.status(), StatusCode::TOO_MANY_REQUESTS);
    let oci = world.client.get(format!("{}/v2/", world.base));
    let oci = oci
        .header("x-forwarded-for", "192.0.2.1")
        .send()
        .await
        .unwrap();
    oci_error(oci, 429, "TOOMANYREQUESTS").await;
    // 3. others are not kept out, and this machine itself is not limited
    assert_eq!(
        whoami(&world, &world.token, "192.0.2.9").await.status(),
        StatusCode::OK
    );
    for _ in 0..20 {
        assert_eq!(world.get("/api/v1/whoami").await.status(), StatusCode::OK);
    }
    // 4. the log says from where it came
    world.until_logged(r#""peer":"192.0.2.1""#);
}

#[tokio::test]
async fn who_guesses_tokens_waits_and_who_works_does_not() {
    let world = World::start_with(&["--trusted-proxy", "127.0.0.1"]);
    let known = world.make_token("beta", "read");
    assert_eq!(
        whoami(&world, &known, "192.0.2.1").await.status(),
        StatusCode::OK
    );
    // What has expired or was revoked is no guess.
    let revoked = world.make_token("gamma", "read");
    let listed = String::from_utf8(world.run(&["token", "list"]).stdout).unwrap();
    let line = listed.lines().find(|line| line.contains("gamma")).unwrap();
    let id = line.split_whitespace().next().unwrap();
    assert!(world.run(&["token", "revoke", id]).status.success());
    for _ in 0..20 {
        let answer = whoami(&world, &revoked, "192.0.2.1").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    for guess in 0..10 {
        let answer = whoami(&world, &format!("hub_{guess}"), "192.0.2.1").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    too_many(
        whoami(&world, "hub_10", "192.0.2.1").await,
        "unknown tokens",
    )
    .await;
    // A right guess gets no other answer.
    too_many(
        whoami(&world, &world.token, "192.0.2.1").await,
        "unknown tokens",
    )
    .await;
    assert_eq!(
        whoami(&world, &known, "192.0.2.1").await.status(),
        StatusCode::OK
    );
    assert_eq!(
        whoami(&world, &world.token, "192.0.2.2").await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_member_stores_what_its_quota_has_room_for() {
    let world = World::start();
    let set = |args: &[&str]| {
        let set = world.run(&[&["quota", "set", "--member", "alpha"], args].concat());
        assert!(set.status.success(), "{set:?}");
        String::from_utf8(set.stdout).unwrap()
    };
    set(&["--bytes", "1kB"]);
    let name = "alpha/squares".parse().unwrap();
    let blob = vec![7; 900];
    assert_eq!(
        world.upload(&name, &blob).await.status(),
        StatusCode::CREATED
    );
    // The same again costs nothing, and is refused only where not even a byte is left.
    assert_eq!(
        world.upload(&name, &[8; 100]).await.status(),
        StatusCode::CREATED
    );
    let refused = world.upload(&name, &[9; 1]).await;
    let said = oci_error(refused, 403, "DENIED").await;
    assert!(said.contains("quota"), "{said}");
    set(&["--releases-per-day", "1"]);
    let listed = set(&["--bytes", "1100"]);
    let line = listed
        .lines()
        .find(|line| line.starts_with("alpha"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["alpha", "1000", "1100", "0", "1"]);
    // In pieces, with no length said before: the byte too many is refused, the rest of the room is still there.
    let at = world.begin(&name).await;
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![1; 101])]);
    let body = reqwest::Body::wrap_stream(pieces);
    let refused = world
        .request(Method::PATCH, &at)
        .body(body)
        .send()
        .await
        .unwrap();
    oci_error(refused, 403, "DENIED").await;
    assert_eq!(
        world.upload(&name, &[1; 100]).await.status(),
        StatusCode::CREATED
    );
    // All that are under way share it.
    set(&["--bytes", "1200"]);
    let (one, other) = (world.begin(&name).await, world.begin(&name).await);
    let piece = async |at: &str, length: usize| {
        let sent = world.request(Method::PATCH, at).body(vec![2; length]);
        sent.send().await.unwrap()
    };
    assert_eq!(piece(&one, 60).await.status(), StatusCode::ACCEPTED);
    let said = oci_error(piece(&other, 41).await, 403, "DENIED").await;
    assert!(said.contains("uploads under way"), "{said}");
    assert_eq!(piece(&other, 40).await.status(), StatusCode::ACCEPTED);
    let given_up = world.request(Method::DELETE, &one).send().await.unwrap();
    assert_eq!(given_up.status(), StatusCode::NO_CONTENT);
    assert_eq!(piece(&other, 60).await.status(), StatusCode::ACCEPTED);
    // Another member has its own.
    let beta = world.make_token("beta", "publish");
    let path = format!(
        "{}?digest={}",
        upload_path(&"beta/circles".parse().unwrap()),
        Digest::of(&blob)
    );
    let sent = world
        .request_as(&beta, Method::POST, &path)
        .body(blob)
        .send();
    assert_eq!(sent.await.unwrap().status(), StatusCode::CREATED);
    let stranger = world.run(&["quota", "set", "--member", "delta", "--bytes", "1"]);
    assert!(
        String::from_utf8(stranger.stderr)
            .unwrap()
            .contains("alpha, beta, gamma")
    );
}

#[tokio::test]
async fn a_member_publishes_so_many_releases_a_day() {
    let world = World::start();
    let set = |limit: &str| {
        let args = [
            "quota",
            "set",
            "--member",
            "alpha",
            "--releases-per-day",
            limit,
        ];
        assert!(world.run(&args).status.success());
    };
    set("1");
    let first = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&first).await;
    let second = Draft::new("alpha/circles", "1.0.0").sign(&[ALPHA]);
    let refused = world.publish(&second).await;
    let said = problem(refused, ProblemCode::QuotaExceeded).await;
    assert!(said.contains("1 releases in 24 hours"), "{said}");
    assert_eq!(
        world.put(&first).await.status(),
        StatusCode::OK,
        "it is recorded already"
    );
    let nothing = world.get("/api/v1/extractors/alpha/circles").await;
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
    set("none");
    assert_eq!(world.put(&second).await.status(), StatusCode::CREATED);
    let (is_whole, said) = world.verify_log();
    assert!(is_whole, "{said}");
}

#[tokio::test]
async fn what_is_refused_at_the_end_of_one_request_leaves_no_upload() {
    let world = World::start();
    let name = "alpha/squares".parse().unwrap();
    let digest = Digest::of(b"doomed");
    // As while `gc` removes it.
    world.sql(&format!(
        "UPDATE settings SET value = '1 {digest}' WHERE key = 'collection'"
    ));
    let refused = world.upload(&name, b"doomed").await;
    oci_error(refused, 503, "UNKNOWN").await;
    assert_eq!(world.upload_files(), 0);
    let rows = world.rows("SELECT id AS text FROM uploads");
    assert!(rows.is_empty(), "{rows:?}");
}
