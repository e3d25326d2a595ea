//! Logging a browser in with a token, and out.

use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE};
use reqwest::{RequestBuilder, Response, StatusCode};

use super::visitor::{HTML, assert_has, browser, checked, visit};
use crate::draft::Draft;
use crate::world::{ALPHA, World, header};

/// The cookie that a login gives.
fn cookie(answer: &Response) -> String {
    let cookie = header(answer, "set-cookie").to_owned();
    for part in [
        "__Host-hub=",
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

fn log_in(world: &World, token: &str, next: &str) -> RequestBuilder {
    browser(world)
        .post(format!("{}/login", world.base))
        .header(ACCEPT, HTML)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("token={token}&next={next}"))
}

#[tokio::test]
async fn a_token_opens_the_pages_for_a_browser_and_nothing_else() {
    let world = World::start();
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    // 1. Without a token there is the form, and nothing of the hub but the consortium's name.
    for path in ["/", "/extractors/alpha/squares", "/log", "/members"] {
        let answer = visit(&world, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let text = checked(answer).await;
        assert_has(
            &text,
            &["Log in to read", &format!("name=\"next\" value=\"{path}\"")],
        );
        assert!(!text.contains("Colours of small squares"));
    }
    // 2. A wrong one is told of, shown nowhere, and keeps the way.
    let wrong = log_in(&world, "hub_wrong", "/log").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(!wrong.headers().contains_key("set-cookie"));
    let text = checked(wrong).await;
    assert_has(
        &text,
        &["not known to this hub", "name=\"next\" value=\"/log\""],
    );
    assert!(!text.contains("hub_wrong") && !world.log().contains("hub_wrong"));
    // 3. A good one opens the pages, and leads on, on this hub only.
    let token = world.make_token("gamma", "publish");
    for (next, location) in [
        ("/log", "/log"),
        ("https://elsewhere.example/", "/"),
        ("//x", "/"),
    ] {
        let answer = log_in(&world, &token, next).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(header(&answer, "location"), location);
    }
    let answer = log_in(&world, &token, "/").send().await.unwrap();
    let session = cookie(&answer);
    assert!(!session.contains(&token));
    let shown = visit(&world, "/").header(COOKIE, format!("a=b; {session}"));
    let shown = shown.send().await.unwrap();
    assert_eq!(shown.status(), StatusCode::OK);
    assert_has(
        &checked(shown).await,
        &["reading as <strong>gamma</strong>", "alpha/squares"],
    );
    // 4. It opens nothing of the API, whatever the token may do.
    for path in [
        "/api/v1/extractors",
        "/api/v1/whoami",
        "/log/checkpoint",
        "/v2/",
    ] {
        let answer = visit(&world, path).header(COOKIE, &session);
        let status = answer.send().await.unwrap().status();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    // 5. Nobody else's page sends the forms.
    let foreign = log_in(&world, &token, "/").header("sec-fetch-site", "cross-site");
    assert_eq!(
        foreign.send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    let out = |session: &str| {
        let out = browser(&world).post(format!("{}/logout", world.base));
        out.header(ACCEPT, HTML).header(COOKIE, session.to_owned())
    };
    let foreign = out(&session).header("sec-fetch-site", "same-site").send();
    assert_eq!(foreign.await.unwrap().status(), StatusCode::FORBIDDEN);
    // 6. Logged out is logged out, also for whoever kept the cookie.
    let answer = out(&session).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(header(&answer, "set-cookie").contains("Max-Age=0"));
    let again = visit(&world, "/")
        .header(COOKIE, &session)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_outlives_a_restart() {
    let mut world = World::start();
    let token = world.make_token("beta", "read");
    let session = cookie(&log_in(&world, &token, "/").send().await.unwrap());
    world.kill();
    world.serve(&[]);
    let status = async |world: &World| {
        let answer = visit(world, "/").header(COOKIE, &session);
        answer.send().await.unwrap().status()
    };
    assert_eq!(status(&world).await, StatusCode::OK);
    let listed = world.run(&["token", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let line = listed.lines().find(|line| line.contains("beta")).unwrap();
    let id = line.split_whitespace().next().unwrap();
    assert!(world.run(&["token", "revoke", id]).status.success());
    assert_eq!(status(&world).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_slowed() {
    let world = World::start();
    for _ in 0..10 {
        let wrong = log_in(&world, "hub_guess", "/").send().await.unwrap();
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    }
    let right = log_in(&world, &world.token, "/").send().await.unwrap();
    assert_eq!(right.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(right.headers().contains_key("retry-after"));
    assert!(!right.headers().contains_key("set-cookie"));
    assert_has(
        &checked(right).await,
        &["too many wrong tokens", "Log in to read"],
    );
    // Those who work with the API are not kept out.
    assert_eq!(world.get("/api/v1/whoami").await.status(), StatusCode::OK);
}
