//! What members say of each other's releases: evaluations, advisories, and what pulls make of them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::hostile_hub::{Proxy, through};
use super::world::{Run, World, picture, read};

const CLASSES: [(&str, [u8; 3]); 2] = [("red", [220, 40, 50]), ("blue", [40, 60, 210])];

/// A head of a member on `dots@1.0.0`, which it pulls, and pictures the head has not seen.
fn head(world: &World, member: &str) -> PathBuf {
    world.hub(member, &["pull", "dots@1.0.0", "--no-lock"]).ok();
    let pictures = world.pictures(member, &CLASSES, 6);
    let train = [
        "train",
        "colours",
        "--extractor",
        "dots@1.0.0",
        "--images",
        pictures.to_str().unwrap(),
    ];
    world.hub(member, &train).ok();
    let unseen = world.project(member).join("unseen");
    for (class, colour) in CLASSES {
        std::fs::create_dir_all(unseen.join(class)).unwrap();
        for index in 0..10 {
            picture(16, colour, 100 + index)
                .save(unseen.join(class).join(format!("{index}.png")))
                .unwrap();
        }
    }
    unseen
}

/// `hub eval --json` of a member's head on a release, in a file.
fn eval(world: &World, member: &str, release: &str, images: &Path) -> PathBuf {
    let arguments = [
        "eval",
        "colours",
        "--extractor",
        release,
        "--images",
        images.to_str().unwrap(),
        "--json",
    ];
    let run = world.hub(member, &arguments).ok();
    let path = world.project(member).join("eval.json");
    std::fs::write(&path, run.stdout).unwrap();
    path
}

fn attest(world: &World, member: &str, release: &str, file: &Path, more: &[&str]) -> Run {
    let mut arguments = vec![
        "attest",
        release,
        "--evaluation",
        file.to_str().unwrap(),
        "--json",
    ];
    arguments.extend(more);
    world.hub(member, &arguments)
}

fn show(world: &World, member: &str, reference: &str) -> Value {
    world.hub(member, &["show", reference, "--json"]).json()
}

#[test]
fn a_member_signs_what_it_found_out_and_others_read_it() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let unseen = head(&world, "beta");
    let file = eval(&world, "beta", "dots@1.0.0", &unseen);

    let dry = attest(&world, "beta", "dots@1.0.0", &file, &["--dry-run"]).json();
    assert!(dry["log_index"].is_null(), "nothing was sent");
    assert_eq!(
        show(&world, "gamma", "dots@1")["evaluations"],
        Value::Array(vec![])
    );
    let task = ["--task", "red and blue squares", "--verdict", "warned"];
    let said = attest(&world, "beta", "dots@1.0.0", &file, &task).json();
    assert_eq!(said["evaluation"]["images"], 20);
    // Said again it is the second word of the same member.
    attest(&world, "beta", "dots@1.0.0", &file, &["--hide-classes"]).ok();

    let shown = show(&world, "gamma", "dots@1");
    let evaluations = shown["evaluations"].as_array().unwrap();
    assert_eq!(evaluations.len(), 2);
    assert_eq!(evaluations[0]["by"], "beta");
    assert_eq!(evaluations[0]["verdict"], "WARNED");
    assert_eq!(evaluations[0]["task"], "red and blue squares");
    assert_eq!(evaluations[0]["statement"], said["evaluation"]["statement"]);
    assert_eq!(evaluations[1]["task"], "tell apart class 1, class 2");
    let text = world.hub("gamma", &["show", "dots@1"]).ok().stdout;
    assert!(text.contains("EVALUATED BY"), "{text}");
    assert!(text.contains("with reservations"), "{text}");
}

#[test]
fn what_members_found_out_is_known_without_a_network() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let unseen = head(&world, "beta");
    let pictures = world.pictures("gamma", &CLASSES, 6);
    let choose = || {
        let images = pictures.to_str().unwrap();
        let choose = [
            "choose",
            "dots@1",
            "--images",
            images,
            "--offline",
            "--json",
        ];
        world.hub("gamma", &choose).json()["extractors"][0]["members"].clone()
    };
    world.hub("gamma", &["pull", "dots@1"]).ok();
    assert_eq!(choose()["others"], 0, "nobody had said anything");

    let file = eval(&world, "beta", "dots@1.0.0", &unseen);
    attest(
        &world,
        "beta",
        "dots@1.0.0",
        &file,
        &["--verdict", "failed"],
    )
    .ok();
    attest(&world, "beta", "dots@1.0.0", &file, &[]).ok();
    assert_eq!(choose()["others"], 0, "nothing is asked");
    // Whoever looks at the release or pulls it hears of it, and it stays known.
    show(&world, "gamma", "dots@1");
    let known = choose();
    assert_eq!(
        (&known["others"], &known["found_fit"]),
        (&1.into(), &1.into()),
        "{known}"
    );
    assert_eq!(known["evaluations"].as_array().unwrap().len(), 2);
    let shown = world.hub("gamma", &["show", "dots@1", "--offline"]).ok();
    assert!(shown.stdout.contains("EVALUATED BY"), "{shown}");
    assert!(
        shown.stdout.contains("what members said until then"),
        "{shown}"
    );
    let offline = ["show", "dots@1", "--offline", "--json"];
    let shown = world.hub("gamma", &offline).json();
    assert_eq!(shown["evaluations_heard_at"], known["heard_at"]);
    let online = show(&world, "gamma", "dots@1");
    assert_eq!(online.get("evaluations_heard_at"), None);
    let text = ["choose", "dots@1", "--images", pictures.to_str().unwrap()];
    let text = world.hub("gamma", &text).ok().stdout;
    let day = &known["heard_at"].as_str().unwrap()[..4];
    let found = format!("1 of 1 find it fit ({day}-");
    assert!(text.contains(&found), "{text}");

    // What was kept is believed as far as it verifies.
    let kept = world
        .home("gamma")
        .join("store/releases/_/dots/1.0.0/evaluations.json");
    let good = read(&kept);
    let mut changed: Value = serde_json::from_str(&good).unwrap();
    let first = changed["evaluations"][0].clone();
    changed["evaluations"][1]["envelope"] = first["envelope"].clone();
    std::fs::write(&kept, changed.to_string()).unwrap();
    let known = choose();
    assert_eq!(known["evaluations"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&known["others"], &known["found_fit"]),
        (&0.into(), &0.into()),
        "what is left of beta is not its last word: {known}"
    );
    assert_eq!(known["incomplete"], Value::from(vec!["beta"]));
    // Nor is it where the hub had more of beta that nobody could judge.
    let mut changed: Value = serde_json::from_str(&good).unwrap();
    changed["incomplete"] = Value::from(vec!["beta"]);
    std::fs::write(&kept, changed.to_string()).unwrap();
    let known = choose();
    assert_eq!(
        (&known["others"], &known["found_fit"]),
        (&0.into(), &0.into()),
        "{known}"
    );
    let shown = world.hub("gamma", &offline).ok();
    let words = "some evaluations by beta are left out";
    assert!(shown.stdout.contains(words), "{shown}");
    std::fs::write(&kept, &good[..good.len() / 2]).unwrap();
    assert_eq!(choose(), Value::Null);
    world
        .hub("gamma", &["pull", "dots@1.0.0", "--no-lock"])
        .ok();
    assert_eq!(choose()["found_fit"], 1);
}

#[test]
fn figures_nobody_should_sign_are_refused() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let unseen = head(&world, "beta");
    // What the head was trained on flatters it.
    let trained = eval(
        &world,
        "beta",
        "dots@1.0.0",
        &world.project("beta").join("pictures"),
    );
    attest(&world, "beta", "dots@1.0.0", &trained, &[])
        .fails(1, "among those the head was trained on");
    let file = eval(&world, "beta", "dots@1.0.0", &unseen);
    world.publish(&world.author("dots", "1.1.0", "means", 4));
    attest(&world, "beta", "dots@1.1.0", &file, &[]).fails(1, "figures are of `dots@1.0.0`");
    attest(
        &world,
        "beta",
        "dots@1.0.0",
        &file,
        &["--compared-with", "eval.json"],
    )
    .fails(4, "compared with that release itself");
    let changed = read(&file).replacen("\"images\": 10", "\"images\": 11", 1);
    std::fs::write(&file, changed).unwrap();
    attest(&world, "beta", "dots@1.0.0", &file, &[]).fails(1, "cannot be");
    std::fs::write(&file, "{}").unwrap();
    attest(&world, "beta", "dots@1.0.0", &file, &[]).fails(1, "hub eval --json");
    assert!(
        show(&world, "gamma", "dots@1.0.0")["evaluations"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_warning_is_heard_until_who_gave_it_takes_it_back() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let open = [
        "advisory",
        "dots@1.0.0",
        "--severity",
        "high",
        "--title",
        "Red and orange are one",
        "--text",
        "Their features are the same.\nUse another extractor for fruit.",
        "--json",
    ];
    let said = world.hub("gamma", &open).json();
    assert_eq!(said["advisory"]["number"], 1);
    let pulled = world.hub("beta", &["pull", "dots@1"]).ok();
    assert!(
        pulled.stderr.contains("high: Red and orange are one"),
        "{pulled}"
    );
    let text = world.hub("beta", &["show", "dots@1"]).ok().stdout;
    assert!(text.contains("ADVISORY"), "{text}");
    assert!(text.contains("Use another extractor for fruit."), "{text}");

    // Its range grows, and a fix is known; the fixed release is not warned about.
    let amend = [
        "advisory",
        "dots@1.0.0",
        "--amend",
        "1",
        "--introduced",
        "1.0.0",
        "--fixed-in",
        "1.1.0",
    ];
    world.hub("gamma", &amend).ok();
    world.publish(&world.author("dots", "1.1.0", "means", 4));
    let pulled = world.hub("beta", &["pull", "dots@1", "--update"]).ok();
    assert!(!pulled.stderr.contains("Red and orange"), "{pulled}");
    let shown = show(&world, "beta", "dots@1.0.0");
    assert_eq!(shown["advisories"][0]["affected"]["fixed_in"], "1.1.0");
    assert_eq!(shown["advisories"][0]["title"], "Red and orange are one");

    // The owner cannot take back what another member said.
    let close = [
        "advisory",
        "dots@1.0.0",
        "--close",
        "1",
        "--text",
        "our lamp was orange",
    ];
    world
        .hub("alpha", &close)
        .fails(3, "has no advisory number 1");
    world.hub("gamma", &close).ok();
    world.hub("gamma", &close).fails(3, "is closed");
    let pulled = world
        .hub("beta", &["pull", "dots@1.0.0", "--no-lock", "--json"])
        .json();
    assert!(pulled.get("advisories").is_none(), "{pulled}");
    // A range without the release it was seen on says nothing.
    let empty = [
        &open[..8],
        &["--introduced", "1.1.0", "--last-affected", "1.2.0"],
    ]
    .concat();
    world.hub("gamma", &empty).fails(4, "not among them");
}

#[test]
fn a_member_without_a_keyring_is_not_silenced_without_a_word() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let warn = ["advisory", "dots@1.0.0", "--severity", "high", "--title"];
    let text = ["Blind to orange", "--text", "Seen on our images."];
    world.hub("gamma", &[&warn[..], &text].concat()).ok();
    // Gamma has lost its trust key, and has not signed its keyring with the new one yet.
    world.hub("gamma", &["keygen", "--name", "second"]).ok();
    let second = world.home("gamma").join("keys/second.pub.pem");
    let draft = world.folder.path().join("lost.draft");
    let draft = draft.to_str().unwrap();
    world.consortium("alpha", &["propose", "-o", draft]).ok();
    let key = format!("gamma={}", second.display());
    world
        .consortium("alpha", &["replace-key", draft, &key])
        .ok();
    for member in ["alpha", "beta"] {
        let sign = ["sign", draft, "--key", "default"];
        world.consortium(member, &sign).ok();
    }
    world.consortium("alpha", &["publish", draft]).ok();
    let words = "advisories by gamma are left out (log index 1): the keyring of `gamma`";
    let pulled = world.hub("beta", &["pull", "dots@1"]).ok();
    assert!(pulled.stderr.contains(words), "{pulled}");
    let shown = world.hub("beta", &["show", "dots@1"]).ok();
    assert!(shown.stderr.contains(words), "{shown}");
    for arguments in [&["audit", "dots@1"][..], &["audit"]] {
        let audit = world.hub("beta", arguments);
        assert_eq!(audit.code, 7, "{audit}");
        assert!(audit.stdout.contains(words), "{audit}");
    }
}

#[test]
fn a_floating_reference_waits_for_others_when_the_settings_say_so() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let settings = world.home("gamma").join("config.toml");
    let text = read(&settings);
    std::fs::write(&settings, format!("evaluations_required = 1\n{text}")).unwrap();
    world
        .hub("gamma", &["pull", "dots@1"])
        .fails(4, "evaluated by 1 other members");

    // Neither its publisher nor oneself counts, nor one who found it unfit.
    for member in ["alpha", "gamma", "beta"] {
        let unseen = head(&world, member);
        let file = eval(&world, member, "dots@1.0.0", &unseen);
        let verdict = if member == "beta" { "failed" } else { "passed" };
        attest(&world, member, "dots@1.0.0", &file, &["--verdict", verdict]).ok();
        world.hub(member, &["rm", "dots@1.0.0"]).ok();
    }
    world
        .hub("gamma", &["pull", "dots@1"])
        .fails(4, "the newest, 1.0.0, by 0");
    // Beta thinks again: its last word counts.
    let unseen = head(&world, "beta");
    let file = eval(&world, "beta", "dots@1.0.0", &unseen);
    attest(&world, "beta", "dots@1.0.0", &file, &[]).ok();
    world.hub("gamma", &["pull", "dots@1"]).ok();

    // The next release is not taken before somebody has tried it …
    world.publish(&world.author("dots", "1.1.0", "means", 4));
    let pulled = world.hub("gamma", &["pull", "dots@1", "--update", "--json"]);
    assert_eq!(pulled.json()["version"], "1.0.0");
    world.hub("beta", &["pull", "dots@1.1.0", "--no-lock"]).ok();
    let file = eval(&world, "beta", "dots@1.1.0", &unseen);
    attest(&world, "beta", "dots@1.1.0", &file, &[]).ok();
    let pulled = world.hub("gamma", &["pull", "dots@1", "--update", "--json"]);
    assert_eq!(pulled.json()["version"], "1.1.0");
    // … and who names it exactly never waits.
    world.publish(&world.author("dots", "1.2.0", "means", 4));
    let pulled = world.hub("gamma", &["pull", "dots@1.2.0", "--json"]);
    assert_eq!(pulled.json()["version"], "1.2.0");

    // A hub that does not list a release as yanked gets nobody to take it.
    let yank = ["yank", "dots@1.2.0", "--reason", "wrong crop"];
    world.hub("alpha", &yank).ok();
    world.restart_without_tls();
    let hub = Proxy::start(world.server.url.clone(), |path, body| {
        if path.ends_with("/dots") {
            return unyanked(&body);
        }
        body
    });
    through(&world, "gamma", "dots@1", &hub).fails(4, "`dots@1.2.0` is yanked");
}

/// What a hub lists of a name, with no release yanked.
fn unyanked(body: &[u8]) -> Vec<u8> {
    let mut listed: Value = serde_json::from_slice(body).unwrap();
    for release in listed["releases"].as_array_mut().unwrap() {
        release.as_object_mut().unwrap().remove("yanked");
    }
    serde_json::to_vec(&listed).unwrap()
}

#[test]
fn a_lost_key_is_told_of_by_its_member() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let alphas = world.home("alpha").join("keys/default.pub.pem");
    let disown = [
        "disown",
        alphas.to_str().unwrap(),
        "--from-index",
        "1",
        "--reason",
        "a laptop was stolen",
    ];
    world
        .hub("beta", &disown)
        .fails(4, "a member takes back its own keys only");
    let said = world
        .hub("alpha", &[&disown[..], &["--json"]].concat())
        .json();
    assert_eq!(
        (&said["member"], &said["log_index"]),
        (&"alpha".into(), &1.into())
    );
    // Said again it is the same entry.
    let again = world
        .hub("alpha", &[&disown[..], &["--json"]].concat())
        .json();
    assert_eq!(again, said);
    world
        .hub(
            "alpha",
            &["disown", "nothing", "--from-index", "1", "--reason", "x"],
        )
        .fails(3, "there is no key");
}
