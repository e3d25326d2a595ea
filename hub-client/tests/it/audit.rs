//! `hub audit`: provenance of a release and of what is installed, and the monitor of the whole log.

use serde_json::Value;

use super::hostile_hub::Proxy;
use super::world::{Run, World};

const ADVISORY: [&str; 6] = [
    "--severity",
    "high",
    "--title",
    "Blind to glossy covers",
    "--text",
    "Tilt the page.",
];

/// `hub audit` without the things that differ from run to run.
fn shown(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let words = line.split(' ').map(|word| {
            let bare = word.trim_end_matches([',', ')', ':']);
            if bare.starts_with("sha256:") {
                word.replace(bare, "sha256:…")
            } else if bare.ends_with('…') {
                word.replace(bare, "KEY")
            } else if bare.len() == 20 && bare.ends_with('Z') {
                word.replace(bare, "TIME")
            } else if bare.starts_with("extractor-hub-") {
                word.replace(bare, "ORIGIN")
            } else {
                word.to_owned()
            }
        });
        lines.push(words.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}

fn advise(world: &World, member: &str, arguments: &[&str]) -> Run {
    world.hub(member, &[&["advisory", "dots@1.0.0"], arguments].concat())
}

/// The lines of `hub audit --monitor --json`, the summary last.
fn monitor(world: &World, member: &str, more: &[&str]) -> (i32, Vec<Value>) {
    let run = world.hub(member, &[&["audit", "--monitor", "--json"], more].concat());
    assert!(matches!(run.code, 0 | 7), "{run}");
    let lines = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (run.code, lines.collect())
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect()
}

#[test]
fn the_full_provenance_of_a_release() {
    let Some(world) = World::start() else { return };
    let folder = world.draft("dots", "1.0.0", "means", 4);
    let manifest = folder.join("extractor.toml");
    let card = r#"
[provenance]
base = "nothing"
datasets = [{ name = "Squares", license = "CC0-1.0", images = 12 }]
contributors = [{ name = "beta", gave = ["data", "labels"] }]

[[derived_from]]
release = "alpha/elder@1.0.0"
how = "fine-tuned"
"#;
    std::fs::write(
        &manifest,
        std::fs::read_to_string(&manifest).unwrap() + card,
    )
    .unwrap();
    world.publish(&world.author("alpha/elder", "1.0.0", "means", 4));
    world
        .hub("alpha", &["check", folder.to_str().unwrap()])
        .ok();
    world.publish(&folder);
    world.hub("beta", &["pull", "dots@1", "--no-lock"]).ok();

    let good = world.hub("beta", &["audit", "dots@1"]).ok().stdout;
    insta::assert_snapshot!("audit_good", shown(&good));
    let json = world.hub("beta", &["audit", "dots@1", "--json"]).json();
    assert_eq!(json["release"]["log_index"], 1);
    assert_eq!(json["log"]["size"], 2);
    assert_eq!(json["release"]["signers"][0]["member"], "alpha");
    assert_eq!(
        json["lineage"][0]["release"]["reference"],
        "alpha/elder@1.0.0"
    );
    assert_eq!(json["installed"], "same");
    assert!(json["monitored_entries"].is_null());

    // What others say, what owners take back, and what is closed again.
    advise(&world, "gamma", &ADVISORY).ok();
    advise(&world, "beta", &ADVISORY).ok();
    advise(
        &world,
        "beta",
        &["--close", "1", "--text", "My lamp was broken."],
    )
    .ok();
    world
        .hub(
            "alpha",
            &["yank", "alpha/elder@1.0.0", "--reason", "wrong crop"],
        )
        .ok();
    let run = world.hub("beta", &["audit", "dots@1"]);
    assert_eq!(run.code, 7, "{run}");
    insta::assert_snapshot!("audit_concerns", shown(&run.stdout));

    // Everything installed, for cron.
    let run = world.hub("beta", &["audit", "--json"]);
    assert_eq!(run.code, 7, "{run}");
    let all: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(all["releases"][0]["state"], "look");
    advise(&world, "gamma", &["--close", "1", "--text", "Fixed."]).ok();
    world.hub("beta", &["audit"]).ok();
    // Other bytes on the disk are noticed.
    let store = world.home("beta").join("store/blobs");
    for (path, bytes) in super::world::files_below(&store) {
        if bytes.starts_with(b"# dots") {
            std::fs::write(&path, b"# Dots").unwrap();
        }
    }
    let run = world.hub("beta", &["audit"]);
    assert_eq!(run.code, 7, "{run}");
    assert!(run.stdout.contains("bad"), "{run}");
}

#[test]
fn the_monitor_tells_what_was_not_signed_here() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world
        .hub("alpha", &["yank", "dots@1.0.0", "--reason", "wrong crop"])
        .ok();
    // The machine that signed has nothing to tell, now and with nothing new.
    for new in [2, 0] {
        let (code, lines) = monitor(&world, "alpha", &[]);
        assert_eq!((code, kinds(&lines)), (0, vec!["summary"]));
        assert_eq!(lines[0]["new_entries"], new);
        assert_eq!(lines[0]["entries"], 2);
    }
    // Another machine that looks after alpha's names does not know.
    let (code, lines) = monitor(&world, "gamma", &["--member", "alpha"]);
    assert_eq!(code, 7);
    assert_eq!(
        kinds(&lines),
        ["not_signed_here", "not_signed_here", "summary"]
    );
    assert_eq!(lines[0]["signers"][0], "alpha");
    // It goes on telling, until it is told: by what was signed elsewhere, or that somebody knows.
    let journal = world.home("alpha").join("signed.jsonl");
    let first = world.project("gamma").join("signed-elsewhere");
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&first, text.lines().next().unwrap()).unwrap();
    let expect = ["--member", "alpha", "--expect", first.to_str().unwrap()];
    let (code, lines) = monitor(&world, "gamma", &expect);
    assert_eq!(
        (code, kinds(&lines)),
        (7, vec!["not_signed_here", "summary"])
    );
    assert_eq!(lines[0]["index"], 1);
    let (code, _) = monitor(
        &world,
        "gamma",
        &["--member", "alpha", "--acknowledge", "1"],
    );
    assert_eq!(code, 0);
    let (code, _) = monitor(&world, "gamma", &["--member", "alpha"]);
    assert_eq!(code, 0);
    // What others say about one's own is told once.
    advise(&world, "beta", &ADVISORY).ok();
    let run = world.hub("alpha", &["audit", "--monitor"]);
    assert_eq!(run.code, 7, "{run}");
    assert!(
        run.stdout
            .contains("notice  entry 2: beta warns about dots@1.0.0"),
        "{run}"
    );
    world.hub("alpha", &["audit", "--monitor"]).ok();
}

#[test]
fn new_keys_and_members_are_told() {
    let Some(world) = World::start() else { return };
    monitor(&world, "gamma", &[]);
    world.hub("beta", &["keygen", "--name", "second"]).ok();
    let add = world.home("beta").join("keys/second.pub.pem");
    let rotate = [
        "rotate-keys",
        "--member",
        "beta",
        "--key",
        "default",
        "--add",
        add.to_str().unwrap(),
    ];
    world.consortium("beta", &rotate).ok();
    let (code, lines) = monitor(&world, "gamma", &[]);
    assert_eq!((code, kinds(&lines)), (7, vec!["key_added", "summary"]));
    assert_eq!(lines[0]["member"], "beta");
    assert_eq!(monitor(&world, "gamma", &[]).0, 0);
}

/// Runs `hub` through a proxy that changes answers.
fn through(
    world: &World,
    arguments: &[&str],
    rewrite: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
) -> Run {
    let proxy = Proxy::start(world.server.url.clone(), rewrite);
    let line = [arguments, &["--hub", proxy.url()]].concat();
    let mut command = world.command("beta", &line);
    command.env("HUB_TOKEN", world.token("beta", &[]));
    Run::of(command)
}

/// An answer without its yanks.
fn without_yanks(body: &[u8]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(body).unwrap();
    value["yanks"] = Value::Array(Vec::new());
    value["yank_proofs"] = Value::Array(Vec::new());
    value.as_object_mut().unwrap().remove("yanked");
    serde_json::to_vec(&value).unwrap()
}

#[test]
fn a_hub_that_withholds_is_caught_once_the_log_was_read() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world
        .hub("alpha", &["yank", "dots@1.0.0", "--reason", "wrong crop"])
        .ok();
    advise(&world, "gamma", &ADVISORY).ok();
    world.publish(&world.author("alpha/other", "1.0.0", "means", 4));
    world.restart_without_tls();
    let hide_yank = |path: &str, body: Vec<u8>| {
        if path.ends_with("/releases/1.0.0") {
            without_yanks(&body)
        } else {
            body
        }
    };
    let hide_advisory = |path: &str, body: Vec<u8>| {
        if path.ends_with("/advisories") {
            br#"{"advisories":[]}"#.to_vec()
        } else {
            body
        }
    };
    // Without a monitor nobody can know, and the audit says so.
    let run = through(&world, &["audit", "dots@1.0.0"], hide_yank);
    assert!(run.stdout.contains("a hub can withhold yanks"), "{run}");
    // The monitor reads the log, and names what the hub does not show.
    let run = through(&world, &["audit", "--monitor"], hide_yank);
    assert_eq!(run.code, 7, "{run}");
    assert!(
        run.stdout
            .contains("entry 1, a yank statement of dots@1.0.0"),
        "{run}"
    );
    let run = through(&world, &["audit", "--monitor"], hide_advisory);
    assert_eq!(run.code, 7, "{run}");
    assert!(
        run.stdout.contains("entry 2, an advisory about dots"),
        "{run}"
    );
    // From then on an audit is certain, too.
    through(&world, &["audit", "dots@1.0.0"], hide_yank).fails(4, "withholds a yank statement");
    through(&world, &["audit", "dots@1.0.0"], hide_advisory).fails(4, "withholds an advisory");
    let honest = |_: &str, body| body;
    let run = through(&world, &["audit", "dots@1.0.0"], honest);
    assert_eq!(run.code, 7, "{run}");
    assert!(
        run.stdout.contains("complete: this machine's monitor"),
        "{run}"
    );
    assert_eq!(
        through(&world, &["audit", "--monitor", "--quiet"], honest).code,
        0
    );
    // Of all that is installed, only the release it is about is bad.
    for reference in ["dots@1.0.0", "alpha/other@1.0.0"] {
        through(&world, &["pull", reference, "--no-lock"], honest).ok();
    }
    let garbage = |path: &str, body| match path.ends_with("/dots/releases/1.0.0") {
        true => b"garbage".to_vec(),
        false => body,
    };
    let run = through(&world, &["audit", "--json"], garbage);
    assert_eq!(run.code, 7, "{run}");
    let all: Value = serde_json::from_str(&run.stdout).unwrap();
    let releases = all["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 2, "{run}");
    for one in releases {
        let is_asked = one["reference"] == "dots@1.0.0";
        let state = if is_asked { "bad" } else { "good" };
        assert_eq!(one["state"], state, "{run}");
    }
}

/// A copy of the hub's log as files.
fn mirror(world: &World, folder: &std::path::Path) -> u64 {
    let log = super::log_files::copy(&world.server.url, folder);
    log.size
}

#[test]
fn a_copy_of_the_log_is_read_without_the_hub() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.restart_with(&["--public"]);
    let folder = world.folder.path().join("mirror");
    assert_eq!(mirror(&world, &folder), 1);
    world.server.kill();
    let tiles = [
        "--tiles",
        folder.to_str().unwrap(),
        "--offline",
        "--member",
        "alpha",
    ];
    let (code, lines) = monitor(&world, "beta", &tiles);
    assert_eq!(
        (code, kinds(&lines)),
        (7, vec!["not_signed_here", "summary"])
    );
    let bundle = folder.join("tile/entries/000.p/1");
    let mut bytes = std::fs::read(&bundle).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    let line = [&["audit", "--monitor"], &tiles[..]].concat();
    world.hub("gamma", &line).fails(4, "entry 0");
}
