//! Who is let in, and what is spoken to.

use super::client::{Label, cookie_of, session_of};
use super::{command, is_loaded, member};
use crate::ports::own_port;

/// A method, a path and headers.
type Attempt<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn strangers_get_nothing() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let label = Label::start_unopened(command(&world, &pictures));
    let (own, path) = (format!("127.0.0.1:{}", label.port), label.path());
    let origin = format!("http://{own}");
    let evil = ("Origin", "http://evil.example");
    // Nobody has used the secret, and none of these does.
    let guess = format!("/?secret={}", "0".repeat(64));
    let attempts: [Attempt<'_>; 12] = [
        ("GET", "/", &[]),
        ("GET", &guess, &[]),
        ("GET", "/?secret=", &[]),
        ("GET", &path, &[("Host", "evil.example")]),
        ("GET", &path, &[("Host", "127.0.0.1")]),
        ("GET", &path, &[evil]),
        ("GET", &path, &[("Origin", "null")]),
        ("GET", &path, &[("Sec-Fetch-Site", "cross-site")]),
        ("GET", &path, &[("Sec-Fetch-Site", "same-site")]),
        ("POST", &path, &[("Origin", &origin)]),
        ("GET", "/api/state", &[("Cookie", "hub-label-0=guess")]),
        ("GET", "/assets/index.html", &[]),
    ];
    for (method, path, headers) in attempts {
        let answer = label.raw(method, path, headers, b"");
        assert_eq!(
            (answer.status, answer.body.len()),
            (403, 0),
            "{method} {path} {headers:?}"
        );
        assert!(answer.header("set-cookie").is_none());
        assert!(
            answer
                .header("content-security-policy")
                .unwrap()
                .contains("default-src 'self'")
        );
    }
    // The secret works, once.
    let opened = label.raw("GET", &path, &[("Sec-Fetch-Site", "none")], b"");
    let cookie = cookie_of(&opened);
    let state = label.raw("GET", "/api/state", &[("Cookie", &cookie)], b"");
    let session = session_of(&state.json());
    let again = label.raw("GET", &path, &[], b"");
    assert_eq!((again.status, again.body.len()), (403, 0));
    // The cookie opens what comes from this page alone.
    let body = br#"{"add": "x"}"#;
    let with = |headers: &[(&str, &str)]| {
        let all = [
            &[
                ("Cookie", cookie.as_str()),
                ("Content-Type", "application/json"),
                ("X-Hub-Session", session.as_str()),
            ],
            headers,
        ]
        .concat();
        label.raw("POST", "/api/classes", &all, body).status
    };
    assert_eq!(with(&[]), 403, "no origin");
    assert_eq!(with(&[evil]), 403);
    assert_eq!(with(&[("Origin", &origin), ("Host", "evil.example")]), 403);
    assert_eq!(
        with(&[("Origin", &origin), ("Sec-Fetch-Site", "cross-site")]),
        403
    );
    let local = format!("localhost:{}", label.port);
    assert_eq!(
        with(&[("Origin", &origin), ("Host", &local)]),
        403,
        "two names are two sites"
    );
    assert_eq!(
        with(&[("Origin", &format!("http://{local}")), ("Host", &local)]),
        200
    );
    let headers = [
        ("Cookie", cookie.as_str()),
        ("Origin", &origin),
        ("Content-Type", "text/plain"),
        ("X-Hub-Session", &session),
    ];
    label
        .raw("POST", "/api/classes", &headers, body)
        .refused(400, "usage");
    let state = label
        .raw("GET", "/api/state", &[("Cookie", &cookie)], b"")
        .json();
    assert_eq!(state["classes"].as_array().unwrap().len(), 1);
}

/// Images are counted anew at each start: what an old page says may be about others.
#[test]
fn a_page_of_an_earlier_start_changes_nothing() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let port = own_port("127.0.0.1").to_string();
    let start = || {
        let mut start = command(&world, &pictures);
        start.args(["--port", &port]);
        Label::start(start)
    };
    let label = start();
    label.until(is_loaded);
    let old = session_of(&label.state());
    label.kill();
    std::fs::remove_file(pictures.join("blue/000.png")).unwrap();
    let label = start();
    assert_ne!(session_of(&label.state()), old);
    let body = br#"{"set": [{"image": 1, "class": "x"}]}"#;
    for named in [&[][..], &[("X-Hub-Session", old.as_str())]] {
        let refused = label.send_as("/api/labels", "application/json", body, named);
        refused.refused(409, "failed");
        assert_eq!(
            refused.header("x-hub-session"),
            label.state()["session"].as_str()
        );
    }
    assert_eq!(label.state()["labels"], 0);
}
