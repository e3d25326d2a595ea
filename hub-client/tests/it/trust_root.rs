//! The trust root as members and users live with it: rotations, a stolen key, a hub that takes it back.

use super::hostile_hub::{Proxy, through};
use super::world::World;

#[test]
fn changes_reach_users_with_the_next_contact() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.restart_without_tls();
    // One of the three members is enough to propose, two have to sign.
    let draft = world.folder.path().join("owners.draft");
    let draft = draft.to_str().unwrap();
    world.consortium("alpha", &["propose", "-o", draft]).ok();
    world
        .consortium("alpha", &["set-owners", draft, "dots=beta", "--from", "1"])
        .ok();
    let signed = world.consortium("alpha", &["sign", draft, "--key", "default", "--json"]);
    assert!(!signed.stderr.contains("another state"), "{signed}");
    assert_eq!(signed.json()["complete"], false);
    world
        .consortium("alpha", &["publish", draft])
        .fails(1, "signed by 1 of the 2");
    let copy = world.folder.path().join("copy.draft");
    std::fs::copy(draft, &copy).unwrap();
    world
        .consortium(
            "beta",
            &["sign", copy.to_str().unwrap(), "--key", "default"],
        )
        .ok();
    world
        .consortium("gamma", &["sign", draft, "--key", "default"])
        .ok();
    let merged = ["sign", draft, "--merge", copy.to_str().unwrap(), "--json"];
    let merged = world.consortium("alpha", &merged).json();
    assert_eq!(merged["parts"][0]["signed"].as_array().unwrap().len(), 3);
    world.consortium("beta", &["publish", draft]).ok();
    // Who signs a draft of a state that has passed is told.
    let late = world.consortium("beta", &["sign", draft, "--key", "default"]);
    assert!(
        late.code == 0 && late.stderr.contains("another state"),
        "{late}"
    );
    // What alpha published before is still good; what it would publish now is not.
    let honest = Proxy::start(world.server.url.clone(), |_, body| body);
    through(&world, "gamma", "dots@1", &honest).ok();
    let folder = world.draft("dots", "1.1.0", "means", 4);
    let mut publish = world.command(
        "alpha",
        &[
            "publish",
            folder.to_str().unwrap(),
            "--hub",
            &world.server.url,
        ],
    );
    publish.env("HUB_TOKEN", world.token("alpha", &["--scope", "publish"]));
    let run = super::world::Run::of(publish);
    assert!(run.code != 0 && !run.stderr.contains("panicked"), "{run}");
}

#[test]
fn what_a_stolen_key_signed_before_stays_and_nothing_after_counts() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    let warn = ["advisory", "dots@1.0.0", "--severity", "low", "--text", "x"];
    let from_thief = [&warn[..], &["--title", "the thief's word"]].concat();
    world.hub("alpha", &from_thief).ok();
    world.hub("gamma", &["pull", "dots@2"]).ok();
    world.restart_without_tls();
    let shown = world.consortium("alpha", &["show", "--json"]).json();
    let members = shown["members"].as_array().unwrap();
    let alpha = members.iter().find(|one| one["member"] == "alpha").unwrap();
    let stolen = alpha["keys"][0].as_str().unwrap().to_owned();
    world.hub("alpha", &["keygen", "--name", "new"]).ok();
    let new = world.home("alpha").join("keys/new.pub.pem");
    // Entry 1 of the log, `dots@2.0.0`, was the thief's: alpha says so alone.
    let rotate = [
        "rotate-keys",
        "--member",
        "alpha",
        "--key",
        "default",
        "--retire",
        &stolen,
        "--until",
        "1",
        "--add",
        new.to_str().unwrap(),
        "--note",
        "laptop stolen",
    ];
    world.consortium("alpha", &rotate).ok();
    let hub = Proxy::start(world.server.url.clone(), |_, body| body);
    let pulled = through(&world, "beta", "dots@1", &hub).ok();
    assert!(!pulled.stderr.contains("the thief's word"), "{pulled}");
    through(&world, "beta", "dots@2", &hub).fails(4, "counts from log index 0 until before 1");
    // Alpha yanks the thief's release with its new key, and the log still fits its rows.
    let yank = ["yank", "dots@2.0.0", "--reason", "not ours", "--key", "new"];
    let own = [&warn[..], &["--title", "alpha's word", "--key", "new"]].concat();
    for said in [&yank[..], &own] {
        let line = [said, &["--hub", &world.server.url]].concat();
        let mut command = world.command("alpha", &line);
        command.env("HUB_TOKEN", world.token("alpha", &["--scope", "publish"]));
        super::world::Run::of(command).ok();
    }
    world.hub_server(&["log", "verify"]).ok();
    // Who had installed it learns of it with the next contact, and then without the network.
    world.hub("gamma", &["verify", "dots@2"]).ok();
    let pulled = through(&world, "gamma", "dots@1", &hub).ok();
    assert!(pulled.stderr.contains("alpha's word"), "{pulled}");
    assert!(!pulled.stderr.contains("the thief's word"), "{pulled}");
    world
        .hub("gamma", &["verify", "dots@2"])
        .fails(4, "until before 1");
}

#[test]
fn a_model_signature_is_by_a_key_that_the_signers_list() {
    let Some(mut world) = World::start() else {
        return;
    };
    for (name, version, graph, dimension) in [
        ("unlisted", "1.0.0", "means", 4),
        ("listed", "2.0.0", "three_features", 3),
    ] {
        world
            .hub("alpha", &["keygen", "--model-signing", "--name", name])
            .ok();
        let folder = world.author("dots", version, graph, dimension);
        let publish = ["publish", folder.to_str().unwrap(), "--oms-key", name];
        world.hub("alpha", &publish).ok();
    }
    world.restart_without_tls();
    let hub = Proxy::start(world.server.url.clone(), |_, body| body);
    // While no key is listed, a `model.sig` of this very statement is passed on.
    through(&world, "gamma", "dots@1", &hub).ok();
    let listed = world.home("alpha").join("keys/listed.pub.pem");
    let rotate = ["rotate-keys", "--member", "alpha", "--from", "0"];
    let add = ["--add-model-signing", listed.to_str().unwrap()];
    world
        .consortium("alpha", &[&rotate[..], &add].concat())
        .ok();
    let run = through(&world, "beta", "dots@1", &hub).ok();
    assert!(
        run.stderr
            .contains("model.sig of `dots@1.0.0` is left out: `model.sig` names the key"),
        "{run}"
    );
    let run = through(&world, "beta", "dots@2", &hub).ok();
    assert!(!run.stderr.contains("model.sig"), "{run}");
}

#[test]
fn a_hub_that_takes_the_trust_root_back_or_lets_it_expire_is_refused() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.restart_without_tls();
    let old = world.served("metadata/timestamp.json").into_bytes();
    world.rotate(&["propose", "--threshold", "1"], &[], &["alpha", "beta"]);
    let honest = Proxy::start(world.server.url.clone(), |_, body| body);
    through(&world, "beta", "dots@1", &honest).ok();
    let rolled_back = Proxy::start(world.server.url.clone(), move |path, body| {
        if path.ends_with("/timestamp.json") {
            old.clone()
        } else {
            body
        }
    });
    through(&world, "beta", "dots@1", &rolled_back).fails(4, "rolled back");
    let under_signed = Proxy::start(world.server.url.clone(), |path, body| {
        if !path.ends_with("/2.root.json") {
            return body;
        }
        let mut root: serde_json::Value = serde_json::from_slice(&body).unwrap();
        root["signatures"].as_array_mut().unwrap().pop();
        root.to_string().into_bytes()
    });
    through(&world, "gamma", "dots@1", &under_signed).fails(4, "signed by 1 of the 2 keys");
    // Time that passes, by the client's own word.
    let url = world.server.url.clone();
    let pull = |as_of: &str| {
        let line = [
            "pull",
            "dots@1",
            "--no-lock",
            "--hub",
            &url,
            "--as-of",
            as_of,
        ];
        let mut command = world.command("gamma", &line);
        command.env("HUB_TOKEN", world.token("gamma", &[]));
        super::world::Run::of(command)
    };
    pull("2126-01-01T00:00:00Z").fails(4, "has expired");
    let now = jiff::Timestamp::now().to_string();
    let run = pull(&now);
    assert!(
        run.code == 0 && run.stderr.contains("not as of now"),
        "{run}"
    );
}
