//! `serve --config` and `--check-config`.

use std::fs;
use std::process::{Command, Output};

use crate::world::World;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn check(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub-server"));
    command.args(["serve", "--check-config"]).args(words);
    command.env_remove("HUB_SERVER_DATA").output().unwrap()
}

#[tokio::test]
async fn everything_is_checked_without_starting() {
    let mut world = World::start();
    if !world.is_whole_folder() {
        return;
    }
    let file = world.data().with_file_name("hub.toml");
    let config = file.to_str().unwrap();
    let write = |text: &str| fs::write(&file, text).unwrap();
    // 1. while a server runs on the folder
    let address = world.base.strip_prefix("https://").unwrap().to_owned();
    write(&format!(
        "data = 'data'\nlisten = '{address}'\ndev_tls = true\n"
    ));
    let checked = check(&["--config", config, "--upload-hours", "2"]);
    let text = said(&checked);
    assert!(checked.status.success(), "{text}");
    for line in [
        "a server runs on it",
        "as by the server that runs",
        "ends in",
        "MiB free",
    ] {
        assert!(text.contains(line), "{text} should hold {line}");
    }
    let setting = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    assert!(setting("listen").contains(&address) && setting("listen").ends_with("# file"));
    assert!(setting("upload_hours").ends_with("# command line"));
    assert!(setting("reserve_bytes").ends_with("# default"));
    // 2. what would keep it from serving
    world.kill();
    let refused = |text: &str, word: &str| {
        write(text);
        let checked = check(&["--config", config]);
        assert!(!checked.status.success());
        assert!(
            said(&checked).contains(word),
            "{} should hold {word}",
            said(&checked)
        );
    };
    refused("data = 'elsewhere'\n", "holds no hub");
    refused("data = 'data'\nlisten = '192.0.2.1:1'\n", "cannot listen");
    refused("data = 'data'\nlisten = '0.0.0.0:0'\n", "plain HTTP");
    refused(
        "data = 'data'\nlisten = '127.0.0.1:0'\nreserve_bytes = 9000000000000000\n",
        "less than the reserve",
    );
    refused(
        "data = 'data'\nlisten = '127.0.0.1:0'\ndev_tls = true\nclient_ca = 'hub.toml'\n",
        "hub.toml",
    );
    let tls = "tls_cert = 'data/tls/dev-certificate.pem'\ntls_key = ";
    refused(
        &format!("data = 'data'\nlisten = '127.0.0.1:0'\n{tls}'other.pem'\n"),
        "other.pem",
    );
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    fs::write(file.with_file_name("other.pem"), other).unwrap();
    refused(
        &format!("data = 'data'\nlisten = '127.0.0.1:0'\n{tls}'other.pem'\n"),
        "cannot be used",
    );
    refused(
        "data = 'data'\nlissten = '127.0.0.1:0'\n",
        "line 2: there is no setting `lissten`: did you mean `listen`?",
    );
    refused("data = 'data'\nlisten = 'x'\n", "line 2: `listen`");
    // 3. nothing was changed, and what is good serves
    write(&format!(
        "data = 'data'\nlisten = '127.0.0.1:0'\n{tls}'data/tls/dev-key.pem'\n"
    ));
    let checked = check(&["--config", config]);
    assert!(checked.status.success(), "{}", said(&checked));
}
