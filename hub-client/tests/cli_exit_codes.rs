//! Exit codes, error objects and answers of commands that need no hub.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "tests"
)]

mod cli_support;

use std::io::Read;
use std::process::Stdio;

use cli_support::{Home, Run};
use registry_schema::keys::SecretKey;
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::Draft;

#[test]
fn a_wrong_command_line_is_exit_2_and_an_object_with_json() {
    let home = Home::new();
    let cases: [&[&str]; 8] = [
        &["bogus"],
        &["pull", "No Such Name"],
        &["pull", "--locked", "--update", "dots@1"],
        &["pull", "--no-lock"],
        &["embed", "dots@1"],
        &["train", "UPPER", "--extractor", "dots@1", "--images", "x"],
        &[
            "train",
            "head",
            "--extractor",
            "dots@1",
            "--images",
            "x",
            "--penalty",
            "strong",
        ],
        &["login", "https://h", "--certificate", "sha1:00"],
    ];
    for arguments in cases {
        let run = home.hub(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run}");
        assert!(run.stderr.starts_with("error: "), "{run}");
        let with_json = home.hub(&[arguments, &["--json"]].concat());
        assert_eq!(
            (with_json.code, with_json.error()["code"].as_str()),
            (2, Some("usage")),
            "{with_json}"
        );
    }
    assert_eq!(
        home.hub(&["yank", "dots@1", "--reason", "x", "--json"])
            .error()["code"],
        "usage"
    );
    assert_eq!(
        home.hub(&["login", "ftp://h", "--anonymous", "--json"])
            .error()["code"],
        "usage"
    );
    assert_eq!(
        home.hub(&["login", "http://example.org", "--anonymous", "--json"])
            .error()["code"],
        "usage"
    );
    // Nobody is asked for a token that would not be sent.
    let unsafe_place = home.hub(&["login", "http://example.org", "--json"]);
    assert_eq!(unsafe_place.error()["code"], "usage", "{unsafe_place}");
}

#[test]
fn an_object_says_what_is_missing_too() {
    let home = Home::new();
    for (arguments, missing) in [
        (&["train", "--json"][..], &["--images <DIR>", "<HEAD>"][..]),
        (
            &["export", "dots@1", "--json"],
            &["--folder <DIR>", "--bundle <DIR>", "--output <FILE>"],
        ),
        (
            &["map", "--color", "no", "--json"],
            &["'no'", "always, never"],
        ),
    ] {
        let run = home.hub(arguments);
        let error = run.error();
        let message = error["message"].as_str().unwrap();
        assert!(missing.iter().all(|one| message.contains(one)), "{message}");
        assert!(!message.contains("Usage:"), "{message}");
    }
}

#[test]
fn each_failure_has_its_code() {
    let home = Home::new();
    let cases: [(&[&str], &str, i32); 9] = [
        (&["search"], "no_hub", 1),
        (&["--offline", "search"], "offline", 5),
        (&["--offline", "login", "https://h"], "offline", 5),
        (&["pull", "dots@1"], "no_hub", 1),
        (&["verify", "dots@1"], "not_trusted", 4),
        (&["rm", "dots@1"], "not_installed", 3),
        (&["predict", "absent", "."], "image", 1),
        (&["head", "show", "absent"], "no_head", 3),
        (&["consortium", "show", "absent.toml"], "not_found", 3),
    ];
    for (arguments, code, exit_code) in cases {
        let run = home.hub(&[arguments, &["--json"]].concat());
        assert_eq!(
            (run.error()["code"].as_str(), run.code),
            (Some(code), exit_code),
            "{run}"
        );
        let plain = home.hub(arguments);
        assert!(
            plain.code == exit_code && plain.stderr.starts_with("error: "),
            "{plain}"
        );
    }
}

#[test]
fn what_is_not_there_to_be_removed_need_not_be_fetched() {
    let run = Home::new().hub(&["rm", "dots@1"]);
    assert!(
        run.stderr.contains("`dots@1` is not installed") && run.stderr.contains("hub list"),
        "{run}"
    );
    assert!(!run.stderr.contains("hub pull"), "{run}");
}

#[test]
fn a_hub_that_does_not_answer_is_exit_5() {
    let home = Home::new();
    let url = "http://127.0.0.1:1";
    assert_eq!(
        home.hub(&["search", "--hub", url, "--json"]).error()["code"],
        "unreachable"
    );
    let run = home.hub(&["login", url, "--anonymous"]);
    assert_eq!(run.code, 5, "{run}");
    assert!(
        run.stderr.contains("\n  caused by: ") && run.stderr.contains("\n\nhint: "),
        "{run}"
    );
    assert!(
        !home.path().join("home/config.toml").exists(),
        "a hub that was not reached is not remembered"
    );
}

#[test]
fn the_environment_counts_and_options_win() {
    let home = Home::new();
    let mut command = home.command(&["search", "--json"]);
    command.env("HUB_OFFLINE", "1");
    assert_eq!(Run::of(command).error()["code"], "offline");
    let mut command = home.command(&["search", "--json"]);
    command
        .env("HUB_OFFLINE", "0")
        .env("HUB_REGISTRY", "not a url");
    assert_eq!(Run::of(command).error()["code"], "usage");
    let mut command = home.command(&["search", "--json", "--hub", "http://127.0.0.1:1"]);
    command.env("HUB_REGISTRY", "not a url");
    assert_eq!(Run::of(command).error()["code"], "unreachable");
    let mut command = home.command(&["list"]);
    command.env_remove("HUB_HOME");
    let run = Run::of(command);
    assert!(run.code == 1 && run.stderr.contains("HUB_HOME"), "{run}");
}

#[test]
fn keys_and_a_consortium_from_nothing() {
    let home = Home::new();
    let key = home.hub(&["keygen", "--json"]).json();
    assert_eq!(key["key_id"].as_str().unwrap().len(), 64);
    let public = key["public_key"].as_str().unwrap();
    let again = home.hub(&["keygen", "--json"]);
    assert_eq!(
        (again.code, again.error()["code"].as_str()),
        (1, Some("file")),
        "keys are never replaced"
    );
    assert_eq!(
        home.hub(&["keygen", "--name", "a/b", "--json"]).error()["code"],
        "usage"
    );

    let member = format!("alpha={public}");
    let init = [
        "consortium",
        "init",
        "--name",
        "guild",
        "--member",
        &member,
        "--own",
        "dots=alpha",
        "--log",
        LOG,
        "--online-key",
        &public_hex(&online()),
        "--json",
    ];
    let draft = home.hub(&init).json();
    assert_eq!(
        (&draft["names"][0]["name"], &draft["names"][0]["threshold"]),
        (&"dots".into(), &1.into())
    );
    assert_eq!(draft["members"][0]["trust_key"], key["key_id"]);
    assert_eq!(draft["complete"], false);
    assert_eq!(
        home.hub(&[&init[..init.len() - 1], &["--json"]].concat())
            .error()["code"],
        "file",
        "a draft is never replaced"
    );
    let sign = [
        "consortium",
        "sign",
        "consortium.draft",
        "--key",
        "default",
        "--json",
    ];
    assert_eq!(home.hub(&sign).json()["complete"], true);

    // A root is pinned only when its fingerprint is the one that was told.
    let metadata = home.path().join("tuf");
    let fingerprint = serve(&home.path().join("consortium.draft"), &metadata);
    let trust = |more: &[&str]| {
        let arguments = ["trust", "--metadata", metadata.to_str().unwrap(), "--json"];
        home.hub(&[&arguments[..], more].concat())
    };
    assert_eq!(trust(&[]).error()["code"], "not_trusted");
    let wrong = format!("sha256:{}", "0".repeat(64));
    assert_eq!(trust(&[&wrong]).error()["code"], "not_trusted");
    assert_eq!(
        home.hub(&["consortium", "show", "--json"]).error()["code"],
        "not_trusted"
    );
    assert_eq!(trust(&[&fingerprint]).json()["pinned"], true);
    assert_eq!(
        home.hub(&["consortium", "show", "--json"]).json()["fingerprint"],
        fingerprint
    );
    assert_eq!(trust(&[]).code, 0, "it is pinned already");

    // An old copy is refused, unless it is taken as of a time at which it was valid, in plain sight.
    let late = trust(&["--as-of", "2126-01-01T00:00:00Z"]);
    assert_eq!(late.error()["code"], "trust_root");
    assert!(late.stderr.contains("has expired"), "{late}");
    let now = jiff::Timestamp::now().to_string();
    let as_of = home.hub(&[
        "trust",
        "--metadata",
        metadata.to_str().unwrap(),
        "--as-of",
        &now,
    ]);
    assert!(
        as_of.code == 0 && as_of.stderr.contains("not as of now"),
        "{as_of}"
    );
    let as_of = trust(&["--as-of", &now]);
    assert!(as_of.warnings()[0].contains("not as of now"), "{as_of}");
    assert_eq!(trust(&["--as-of", &now, "--quiet"]).stderr, "");

    what_is_missing_is_the_release(&home);
}

/// With a trust root and nothing installed.
fn what_is_missing_is_the_release(home: &Home) {
    assert_eq!(
        home.hub(&["verify", "dots@1", "--json"]).error()["code"],
        "not_installed"
    );
    assert_eq!(
        home.hub(&["pull", "dots@1", "--locked", "--json"]).error()["code"],
        "not_locked"
    );
    assert_eq!(home.hub(&["pull", "--json"]).error()["code"], "not_locked");
    assert_eq!(
        home.hub(&["pull", "dots@1", "--json"]).error()["code"],
        "no_hub"
    );
}

#[test]
fn empty_lists_are_empty_lists() {
    let home = Home::new();
    assert_eq!(
        home.hub(&["list", "--json"]).json()["releases"],
        serde_json::json!([])
    );
    assert_eq!(
        home.hub(&["head", "list", "--json"]).json()["heads"],
        serde_json::json!([])
    );
    let run = home.hub(&["list"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run}");
    assert!(run.stderr.contains("hub pull"), "{run}");
    assert_eq!(home.hub(&["list", "--quiet"]).stderr, "");
    assert_eq!(
        home.hub(&["logout", "--json"]).json()["hub"],
        serde_json::Value::Null
    );
}

#[test]
fn a_new_folder_is_started_once() {
    let home = Home::new();
    let made = home
        .hub(&["new", "dots", "--name", "acme/dots", "--json"])
        .json();
    assert_eq!(made["name"], "acme/dots");
    assert!(home.path().join("dots/extractor.toml").is_file());
    let again = home.hub(&["new", "dots", "--name", "acme/dots", "--json"]);
    assert_eq!(
        (again.code, again.error()["code"].as_str()),
        (1, Some("file"))
    );
    let check = home.hub(&["check", "dots", "--json"]);
    assert_eq!(
        (check.code, check.error()["code"].as_str()),
        (3, Some("not_found")),
        "there is no graph yet: {check}"
    );
    assert_eq!(
        home.hub(&["check", "absent", "--json"]).error()["code"],
        "not_found"
    );
}

#[test]
fn doctor_says_what_is_missing() {
    let home = Home::new();
    let run = home.hub(&["doctor", "--json"]);
    assert_eq!(run.code, 1, "{run}");
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let state = |what: &str| {
        let checks = answer["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|check| check["what"] == what)
            .unwrap_or_else(|| panic!("{what}: {answer}"))["state"]
            .clone()
    };
    assert_eq!(
        (state("data folder"), state("trust root"), state("hub")),
        ("ok".into(), "fail".into(), "warn".into())
    );
}

/// Another place than the one that was asked for would be used, and nobody would know.
#[cfg(unix)]
#[test]
fn a_home_that_is_not_text_is_not_passed_over() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let mut command = home.command(&["keygen", "--json"]);
    command
        .env("HUB_HOME", OsStr::from_bytes(b"caf\xe9"))
        .env("HOME", home.path());
    let run = Run::of(command);
    assert_eq!(run.error()["code"], "settings", "{run}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn doctor_finds_a_key_that_others_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let key = home.hub(&["keygen", "--json"]).json()["secret_key"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(home.hub(&["doctor"]).stdout.contains("ok    key default"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let run = home.hub(&["doctor"]);
    assert!(
        run.stdout.contains("FAIL  key default") && run.stdout.contains("chmod 600"),
        "{run}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    let mut command = home.command(&["reference"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let code = child.wait().unwrap().code();
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn tokens_are_not_taken_from_the_command_line() {
    let home = Home::new();
    assert_eq!(
        home.hub(&["--token", "hub_secret", "search", "--json"])
            .error()["code"],
        "usage"
    );
    let run = home.hub(&["login", "http://127.0.0.1:1", "--json"]);
    assert_eq!(
        (run.code, run.error()["code"].as_str()),
        (1, Some("unauthenticated")),
        "standard input is empty"
    );
}

const LOG: &str = "hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

fn online() -> SecretKey {
    SecretKey::from_seed(&[9; 32])
}

fn public_hex(key: &SecretKey) -> String {
    let bytes = key.public().to_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a hub made of a signed draft serves, as a folder; the fingerprint of its first root.
fn serve(draft: &std::path::Path, folder: &std::path::Path) -> String {
    let draft = Draft::parse(&std::fs::read_to_string(draft).unwrap()).unwrap();
    let bundle = Bundle::found(&draft, &online(), jiff::Timestamp::now()).unwrap();
    for (path, text) in bundle.served_files().unwrap() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    bundle.anchor().to_string()
}
