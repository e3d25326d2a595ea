//! Who is let in, and what is spoken to.

use std::process::Command;

use super::client::{Label, cookie_of, session_of};
use super::{command, is_loaded, member};
use crate::http::{parse, request};
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

/// In a network namespace with nothing but the loopback, everything works, and nothing else was spoken to.
#[test]
fn nothing_outside_is_reached() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let inner = command(&world, &pictures);
    let script = "ip link set lo up && exec \"$0\" \"$@\"";
    let is_possible = Command::new("unshare")
        .args([
            "--net",
            "sh",
            "-c",
            "ip link set lo up && command -v nsenter bash",
        ])
        .output()
        .is_ok_and(|output| output.status.success());
    if !is_possible {
        eprintln!("skipped: network namespaces need root, `unshare`, `nsenter`, `ip` and `bash`");
        return;
    }
    let mut outer = Command::new("unshare");
    outer
        .args(["--net", "sh", "-c", script])
        .arg(inner.get_program())
        .args(inner.get_args());
    outer.env_clear();
    outer.envs(
        inner
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    outer.current_dir(inner.get_current_dir().unwrap());
    let label = Label::start_unopened(outer);
    let inside = |request: &[u8]| {
        let file = world.folder.path().join("request");
        std::fs::write(&file, request).unwrap();
        let talk = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; cat \"$0\" >&3; cat <&3",
            label.port
        );
        let output = Command::new("nsenter")
            .args([
                "--net",
                "--target",
                &label.child.id().to_string(),
                "bash",
                "-c",
                &talk,
            ])
            .arg(&file)
            .output()
            .unwrap();
        parse(&output.stdout)
    };
    let request = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        inside(&request(label.port, method, path, headers, body))
    };
    let opened = request("GET", &label.path(), &[], b"");
    let cookie = cookie_of(&opened);
    let cookie = ("Cookie", cookie.as_str());
    let session = loop {
        let state = request("GET", "/api/state", &[cookie], b"").json();
        if is_loaded(&state) {
            break session_of(&state);
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    let origin = format!("http://127.0.0.1:{}", label.port);
    let headers = [
        cookie,
        ("Origin", origin.as_str()),
        ("Content-Type", "application/json"),
        ("X-Hub-Session", session.as_str()),
    ];
    let body = br#"{"set": [{"image": 1, "class": "x"}]}"#;
    assert_eq!(
        request("POST", "/api/labels", &headers, body).json()["labels"],
        1
    );
    // Every connection of the namespace has the loopback at both ends.
    let connections =
        std::fs::read_to_string(format!("/proc/{}/net/tcp", label.child.id())).unwrap();
    for line in connections.lines().skip(1) {
        let ends: Vec<&str> = line.split_whitespace().skip(1).take(2).collect();
        let is_inside = |end: &str| end.starts_with("0100007F") || end.starts_with("00000000");
        assert!(ends.iter().all(|end| is_inside(end)), "{connections}");
    }
}
