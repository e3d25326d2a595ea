//! The drills of docs/TRUST.md that no other file plays.

use std::path::Path;

use registry_schema::keys::SecretKey;
use registry_schema::log::proof::LogProof;
use registry_schema::tuf::Signed;
use registry_schema::tuf::metadata::Targets;
use serde_json::Value;

use super::adversary::{Newcomer, forged_release};
use super::hostile_hub::Proxy;
use super::lying_log::LyingLog;
use super::witnesses::Witnessed;
use super::world::{Run, World, files_below, read};

/// Every file of a folder into another, which is emptied first.
fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    for (path, bytes) in files_below(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, bytes).unwrap();
    }
}

/// A copy of a log as anybody can make one: its checkpoint and its entries.
fn copy_log(log: &LyingLog, to: &Path) {
    let size = log.entries.len() as u64;
    let bundle = registry_schema::log::tile::BundleId::of_tree(0, size).unwrap();
    let own = LogProof::parse(log.proof(0).as_bytes()).unwrap();
    let checkpoint = own.checkpoint.to_string().into_bytes();
    let files = [
        ("checkpoint".to_owned(), checkpoint),
        (bundle.to_string(), log.file(&bundle.to_string()).unwrap()),
    ];
    for (path, bytes) in files {
        let path = to.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn restore(world: &World, from: &Path, drafts: &[&str]) -> Run {
    let from = ["log", "restore", "--from", from.to_str().unwrap()];
    world.hub_server(&[&from[..], drafts].concat())
}

#[test]
fn a_lost_disk_is_restored_from_a_backup_and_a_copy_of_the_log() {
    let Some(mut hub) = Witnessed::start() else {
        return;
    };
    let (root, data) = (hub.root().to_owned(), hub.root().join("hub"));
    let backup = root.join("backup");
    hub.world
        .publish(&hub.world.author("dots", "2.0.0", "three_features", 3));
    hub.world.server.kill();
    copy(&data, &backup);
    hub.restart(&[]);
    let mut folders = Vec::new();
    for version in ["2.0.1", "2.0.2"] {
        let folder = hub.world.draft("dots", version, "three_features", 3);
        std::fs::write(folder.join("README.md"), format!("# dots {version}\n")).unwrap();
        hub.world
            .hub("alpha", &["check", folder.to_str().unwrap()])
            .ok();
        hub.world.publish(&folder);
        folders.push(folder);
    }
    let yank = ["yank", "dots@2.0.1", "--reason", "wrong colours"];
    hub.world.hub("alpha", &yank).ok();
    let newest = hub.checkpoint(|note| note.signatures().len() == 4);
    assert_eq!(hub.size(&newest), 4);
    let log = LyingLog::of(&hub.world);
    copy_log(&log, &root.join("copy"));
    let (pull, url) = (["pull", "dots@2", "--no-lock"], |hub: &Witnessed| {
        hub.world.server.url.clone()
    });
    hub.world
        .hub("beta", &[&pull[..], &["--hub", &url(&hub)]].concat())
        .ok();

    // The trust root changes, too, and gamma sees it.
    let keys = root.join("keys.draft").display().to_string();
    let rotate = [
        "rotate-keys",
        "--member",
        "gamma",
        "--key",
        "default",
        "-o",
        &keys,
    ];
    hub.world.consortium("gamma", &rotate).ok();
    hub.world.consortium("gamma", &["publish", &keys]).ok();
    let by_gamma = |hub: &Witnessed| {
        hub.world
            .hub("gamma", &[&pull[..], &["--hub", &url(hub)]].concat())
    };
    by_gamma(&hub).ok();

    // The disk is lost, and the backup knows one entry of four: its witnesses and its clients know better.
    hub.world.server.kill();
    copy(&backup, &data);
    hub.restart(&[]);
    hub.wait_for_log("the database is an old copy");
    let old = hub.checkpoint(|_| true);
    assert_eq!(hub.size(&old), 1);
    hub.world
        .hub("beta", &[&pull[..], &["--hub", &url(&hub)]].concat())
        .fails(
            4,
            "had 4 entries when this machine last saw it, and now it shows 1",
        );

    by_gamma(&hub).fails(4, "rolled back");

    // Other entries than the log has signed are not taken, nor anybody else's checkpoint.
    hub.world.server.kill();
    let lie = forged_release(&hub.world, &log, "Channel modes");
    let mut changed = log.clone();
    changed.entries[1] = lie;
    let bad = root.join("bad");
    copy_log(&changed, &bad);
    std::fs::copy(root.join("copy/checkpoint"), bad.join("checkpoint")).unwrap();
    restore(&hub.world, &bad, &[]).fails(1, "do not continue");
    let stranger = log
        .checkpoint()
        .to_string()
        .replace("extractor-hub", "extractor-bub");
    std::fs::write(bad.join("checkpoint"), stranger).unwrap();
    restore(&hub.world, &bad, &[]).fails(1, "not one that this log has signed");

    // What it has signed is taken; the files that the backup lacks are named.
    let draft = ["--draft", &*keys];
    let run = restore(&hub.world, &root.join("copy"), &draft);
    assert!(run.code == 1, "{run}");
    for line in [
        "brought back 3 entries",
        "made the rows of 4 entries anew",
        "MISSING: `dots` 2.0.1: `README.md`",
    ] {
        assert!(run.stdout.contains(line), "{run}");
    }
    restore(&hub.world, &root.join("copy"), &draft).fails(1, "propose it again");
    hub.restart(&[]);
    let again = hub.checkpoint(|note| hub.size(note) == 4);
    assert_eq!(
        again.text(),
        newest.text(),
        "the same history, cosigned again"
    );
    // Sent again, a release has its place already, and its files come back.
    for (entry, folder) in log.entries[1..].iter().zip(&folders) {
        let envelope = root.join("entry.json");
        std::fs::write(&envelope, entry).unwrap();
        let signed = ["--signed", envelope.to_str().unwrap()];
        let publish = [&["publish", folder.to_str().unwrap()], &signed[..]].concat();
        hub.world.hub("alpha", &publish).ok();
    }
    hub.world.server.kill();
    hub.world.hub_server(&["log", "verify"]).ok();
    hub.restart(&[]);
    let address = url(&hub);
    let line = [&pull[..], &["--hub", &address]].concat();
    hub.world.hub("beta", &line).ok();
    by_gamma(&hub).ok();
    Newcomer::to(&hub.world).hub(&pull, &url(&hub)).ok();
    hub.world
        .hub("beta", &["audit", "dots@2", "--hub", &url(&hub)])
        .ok();
    let fourth = hub.world.author("dots", "2.0.3", "three_features", 3);
    hub.world.publish(&fourth);
    hub.world.hub("beta", &line).ok();
}

/// A change of a member's keyring with the signature of another key in the place of its own.
fn signed_by(key: &SecretKey, draft: &str, member: &str) -> String {
    let mut draft: Value = serde_json::from_str(draft).unwrap();
    let role = &mut draft["keyrings"][member];
    let mut signed = Signed::<Targets>::parse(member, &role.to_string()).unwrap();
    signed.change();
    signed.sign(key).unwrap();
    *role = serde_json::from_str(&signed.to_text().unwrap()).unwrap();
    draft.to_string()
}

#[test]
fn a_stolen_trust_key_and_a_stolen_online_key_are_replaced() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.restart_without_tls();
    let pull = |member: &str, hub: &Proxy| {
        let hub = ["--hub", &hub.url];
        let line = [&["pull", "dots@1", "--no-lock"], &hub[..]].concat();
        let mut command = world.command(member, &line);
        command.env("HUB_TOKEN", world.token(member, &[]));
        Run::of(command)
    };
    let honest = Proxy::start(world.server.url.clone(), |_, body| body);
    pull("gamma", &honest).ok();
    let before = world.served("metadata/timestamp.json").into_bytes();

    // Beta's trust key: the others replace it, and beta signs with the new one, its keyring, too.
    world.hub("beta", &["keygen", "--name", "second"]).ok();
    let key = world.home("beta").join("keys/second.pub.pem");
    let key = format!("beta={}", key.display());
    let draft = world.folder.path().join("replaced.draft");
    let draft = draft.to_str().unwrap();
    world.consortium("alpha", &["propose", "-o", draft]).ok();
    world
        .consortium("alpha", &["replace-key", draft, &key])
        .ok();
    for (member, key) in [
        ("alpha", "default"),
        ("gamma", "default"),
        ("beta", "second"),
    ] {
        world
            .consortium(member, &["sign", draft, "--key", key])
            .ok();
    }
    world.consortium("gamma", &["publish", draft]).ok();
    let shown = world.consortium("gamma", &["show", "--json"]).json();
    let members = shown["members"].as_array().unwrap();
    assert!(
        members
            .iter()
            .all(|one| !one["keys"].as_array().unwrap().is_empty()),
        "{shown}"
    );
    let warn = ["advisory", "dots@1.0.0", "--severity", "low", "--text", "x"];
    let line = [
        &warn[..],
        &["--title", "beta's word", "--hub", &world.server.url],
    ]
    .concat();
    let mut said = world.command("beta", &line);
    said.env("HUB_TOKEN", world.token("beta", &["--scope", "publish"]));
    Run::of(said).ok();
    let pulled = pull("gamma", &honest).ok();
    assert!(pulled.stderr.contains("beta's word"), "{pulled}");
    // Whoever has the old one changes nothing: what comes next, signed with it, is refused by the hub.
    let [owned, stolen] =
        ["owned.draft", "stolen.draft"].map(|name| world.folder.path().join(name));
    let renew = ["rotate-keys", "--member", "beta", "--key", "second", "-o"];
    let path = owned.to_str().unwrap();
    world
        .consortium("beta", &[&renew[..], &[path]].concat())
        .ok();
    let old = read(&world.home("beta").join("keys/default.pem"));
    let old = SecretKey::from_pem(&old).unwrap();
    std::fs::write(&stolen, signed_by(&old, &read(&owned), "beta")).unwrap();
    let thief = ["publish", stolen.to_str().unwrap()];
    let words = "not signed by the member's present key";
    let refused = world.consortium("beta", &thief).fails(1, words);
    assert!(refused.stderr.contains("keyring of `beta`"), "{refused}");
    world.consortium("beta", &["publish", path]).ok();

    // The hub's online key: the hub makes another one, members name it.
    let keys = world.hub_server(&["keys", "--next-online"]).ok().stdout;
    let mut lines = keys.lines();
    let next = lines.find_map(|line| line.strip_prefix("next-online "));
    let propose = ["propose", "--online-key", next.unwrap()];
    world.rotate(&propose, &[], &["alpha", "gamma"]);
    pull("gamma", &honest).ok();
    // With the stolen one no state is shown to who has followed.
    let by_thief = Proxy::start(world.server.url.clone(), move |path, body| {
        match path.ends_with("/timestamp.json") {
            true => before.clone(),
            false => body,
        }
    });
    pull("gamma", &by_thief).fails(4, "timestamp");
    Newcomer::to(&world)
        .pull("dots@1", &by_thief)
        .fails(4, "timestamp");
    Newcomer::to(&world).pull("dots@1", &honest).ok();
}

/// The ceremony of docs/TRUST.md, step by step, with trust keys apart from statement keys.
#[test]
fn a_consortium_is_founded_as_the_ceremony_says() {
    if super::world::runtime_library().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let hub = |member: &str, arguments: &[&str]| super::world::hub_at(root, member, arguments);
    // 1. Each member makes its keys and gives the public halves to whoever writes the draft.
    let mut members = Vec::new();
    for member in ["alpha", "beta", "gamma"] {
        std::fs::create_dir_all(root.join(member).join("project")).unwrap();
        hub(member, &["keygen", "--name", "trust"]).ok();
        hub(member, &["keygen"]).ok();
        let public = root.join(member).join("home/keys/trust.pub.pem");
        members.push(format!("{member}={}", public.display()));
    }
    // 2. The operator makes the hub's keys.
    let data = root.join("hub").display().to_string();
    let keys = super::world::server_ok(&["keys", "--data", &data]);
    let line = |word: &str| {
        keys.lines()
            .find_map(|line| line.strip_prefix(word))
            .unwrap()
    };
    let (log, online) = (line("log "), line("online "));
    // 3. One member writes the draft.
    let draft = root.join("consortium.draft").display().to_string();
    let mut init = vec!["consortium", "init", "--name", "border-guild"];
    for member in &members {
        init.extend(["--member", member]);
    }
    init.extend(["--own", "passport-extractor=alpha,beta:2"]);
    init.extend(["--log", log, "--online-key", online, "-o", &draft]);
    hub("alpha", &init).ok();
    // 4. It passes from member to member. One signature founds nothing.
    let founding = ["init", "--data", &data, "--root", &draft];
    let mut count = 0;
    for member in ["alpha", "beta", "gamma"] {
        let shown = hub(member, &["consortium", "show", &draft]).ok();
        assert!(shown.stdout.contains("passport-extractor"), "{shown}");
        let own = root
            .join(member)
            .join("home/keys/default.pub.pem")
            .display()
            .to_string();
        let sign = [
            "consortium",
            "sign",
            &draft,
            "--key",
            "trust",
            "--statement-key",
            &own,
        ];
        hub(member, &sign).ok();
        count += 1;
        if count == 1 {
            super::world::server(&founding).fails(1, "signed by 1 of the 2");
        }
    }
    // A key that the draft does not name signs nothing.
    let stranger = SecretKey::from_seed(&[77; 32]).to_pem().unwrap();
    std::fs::write(root.join("stranger.pem"), stranger).unwrap();
    let path = root.join("stranger.pem").display().to_string();
    let run = hub("gamma", &["consortium", "sign", &draft, "--key", &path]);
    assert!(run.code != 0 && !run.stderr.contains("panicked"), "{run}");
    // 5. The hub is made from it, and users pin what they are told (`refusals::trust_is_pinned_to_a_fingerprint`).
    let made = super::world::server_ok(&founding);
    assert!(made.contains("members alpha, beta, gamma"), "{made}");
    let first_root = made
        .lines()
        .find_map(|line| line.strip_prefix("first root "));
    assert!(
        first_root.is_some_and(|digest| digest.starts_with("sha256:")),
        "{made}"
    );
}
