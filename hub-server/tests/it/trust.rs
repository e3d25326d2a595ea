//! The trust root: founded by enough members, served as a TUF repository, changed by drafts.

use jiff::{SignedDuration, Timestamp};
use registry_schema::api::{HubInfo, ProblemCode, TRUST_ROOT_PATH, TrustRootInfo, trust_path};
use registry_schema::digest::Digest;
use registry_schema::keys::{PublicKey, SecretKey};
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::{Draft, Plan};
use registry_schema::tuf::files::KeyEntry;
use reqwest::{Method, Response, StatusCode};

use crate::consortium::{HubKeys, founding, plan, signed};
use crate::draft::Draft as ReleaseDraft;
use crate::index::dump;
use crate::log::{published, release};
use crate::world::{ALPHA, BETA, GAMMA, World, header, hub_server, key, problem};

/// What the hub serves, brought together as a client does.
pub(crate) async fn served(world: &World) -> Bundle {
    let text = async |path: &str| {
        let answer = world
            .client
            .get(format!("{}{}", world.base, trust_path(path)));
        let answer = answer.send().await.unwrap();
        (answer.status() == StatusCode::OK).then_some(answer.text().await.unwrap())
    };
    let version = |text: &str, file: &str| {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        json["signed"]["meta"][file]["version"].as_u64()
    };
    let mut roots = Vec::new();
    while let Some(root) = text(&format!("metadata/{}.root.json", roots.len() + 1)).await {
        roots.push(root);
    }
    let timestamp = text("metadata/timestamp.json").await.unwrap();
    let number = version(&timestamp, "snapshot.json").unwrap();
    let snapshot = text(&format!("metadata/{number}.snapshot.json"))
        .await
        .unwrap();
    let number = version(&snapshot, "targets.json").unwrap();
    let targets = text(&format!("metadata/{number}.targets.json"))
        .await
        .unwrap();
    let mut files = std::collections::BTreeMap::new();
    let mut keyrings = std::collections::BTreeMap::new();
    let mut metadata = vec![targets.clone()];
    for member in ["alpha", "beta", "gamma", "delta"] {
        if let Some(number) = version(&snapshot, &format!("{member}.json")) {
            let role = text(&format!("metadata/{number}.{member}.json"))
                .await
                .unwrap();
            metadata.push(role.clone());
            keyrings.insert(member.parse().unwrap(), role);
        }
    }
    for role in metadata {
        let json: serde_json::Value = serde_json::from_str(&role).unwrap();
        for (path, pin) in json["signed"]["targets"].as_object().unwrap() {
            let digest = pin["hashes"]["sha256"].as_str().unwrap();
            let at = registry_schema::tuf::bundle::served_path(path, digest);
            files.insert(path.clone(), text(&at).await.unwrap());
        }
    }
    Bundle::assemble(roots, (timestamp, snapshot, targets), keyrings, files)
}

pub(crate) async fn publish(world: &World, draft: &Draft) -> Response {
    let request = world.request(Method::POST, TRUST_ROOT_PATH);
    request.body(draft.to_text().unwrap()).send().await.unwrap()
}

pub(crate) fn changed(bundle: &Bundle, seeds: &[u8], change: impl FnOnce(&mut Plan)) -> Draft {
    let draft = Draft::propose(bundle, Timestamp::now()).unwrap();
    let mut plan = draft.plan().unwrap();
    change(&mut plan);
    signed(draft.planned(&plan).unwrap(), seeds)
}

async fn info(world: &World) -> TrustRootInfo {
    let info = world.get("/api/v1").await.bytes().await.unwrap();
    serde_json::from_slice::<HubInfo>(&info).unwrap().trust_root
}

#[tokio::test]
async fn a_client_can_follow_what_is_served() {
    let world = World::start();
    let bundle = served(&world).await;
    let now = Timestamp::now();
    let root = ConsortiumRoot::verify(&bundle, &bundle.anchor(), now).unwrap();
    assert_eq!(root.members().count(), 3);
    let told = info(&world).await;
    assert_eq!(
        (told.first_root, told.root, told.targets),
        (bundle.anchor(), 1, 1)
    );
    let answer = world.get("/tuf/metadata/timestamp.json").await;
    assert_eq!(header(&answer, "cache-control"), "public, max-age=5");
    let answer = world.get("/tuf/metadata/1.root.json").await;
    assert!(header(&answer, "cache-control").contains("immutable"));
    assert_eq!(Digest::of(&answer.bytes().await.unwrap()), bundle.anchor());
    for path in [
        "/tuf/metadata/2.root.json",
        "/tuf/",
        "/tuf/../keys/online.pem",
        "/tuf/x",
    ] {
        assert_eq!(
            world.get(path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn members_change_the_root_and_each_its_own_keys() {
    let mut world = World::start();
    let before = served(&world).await;
    // Two of three members let beta go and take delta in.
    let draft = changed(&before, &[ALPHA, GAMMA], |plan| {
        let name = "passport-extractor".parse().unwrap();
        let mut owners = plan.consortium.owners(&name, 0).unwrap().clone();
        owners.owners.remove(1);
        owners.threshold = 1;
        owners.from = 0;
        plan.set_owners(&name, owners).unwrap();
        plan.remove_member(&"beta".parse().unwrap(), 1).unwrap();
        plan.add_member(&"delta".parse().unwrap(), key(4).public(), 0)
            .unwrap();
    });
    let answer = publish(&world, &draft).await;
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
    assert_eq!(
        (info(&world).await.root, info(&world).await.targets),
        (2, 2)
    );
    // The same again comes too late, and so does what was based on the state before.
    let told = problem(publish(&world, &draft).await, ProblemCode::Outdated).await;
    assert!(told.contains("propose it again"), "{told}");
    // Alpha replaces its statement key alone: the old one does not count any more.
    let after = served(&world).await;
    let mut rotation = Draft::change_keyring(
        &after,
        &"alpha".parse().unwrap(),
        Timestamp::now(),
        |keyring| {
            keyring.keys[0].until = Some(0);
            keyring
                .keys
                .push(KeyEntry::statement(&key(11).public(), 0)?);
            Ok(())
        },
    )
    .unwrap();
    let unsigned = publish(&world, &rotation).await;
    problem(unsigned, ProblemCode::TrustRoot).await;
    rotation.sign(&key(ALPHA), &[]).unwrap();
    assert_eq!(publish(&world, &rotation).await.status(), StatusCode::OK);
    let release = |seed| ReleaseDraft::new("alpha/squares", "1.0.0").sign(&[seed]);
    let stolen = release(ALPHA);
    world.upload_all(&stolen).await;
    let told = problem(world.publish(&stolen).await, ProblemCode::Signature).await;
    assert!(told.contains("counts for no entry of the log"), "{told}");
    world.published(&release(11)).await;
    // All of it is there after a restart, also for a client that knew the first state only.
    world.kill();
    world.serve(&[]);
    let last = served(&world).await;
    let root = ConsortiumRoot::verify(&last, &before.anchor(), Timestamp::now()).unwrap();
    assert!(root.has_member(&"delta".parse().unwrap()));
    assert!(!root.has_member(&"beta".parse().unwrap()));
    assert_eq!((last.roots.len(), root.version()), (2, 2));
    let gone = world.run(&["token", "create", "--member", "beta"]);
    assert!(!gone.status.success());
}

#[tokio::test]
async fn changes_that_clients_would_refuse_are_refused() {
    let world = World::start();
    let state = served(&world).await;
    let lone = changed(&state, &[BETA], |plan| plan.threshold = 1);
    let told = problem(publish(&world, &lone).await, ProblemCode::TrustRoot).await;
    assert!(told.contains("signed by 1 of the 2 keys"), "{told}");
    let foreign = changed(&state, &[ALPHA, BETA], |plan| {
        plan.online_key = key(77).public();
    });
    let told = problem(publish(&world, &foreign).await, ProblemCode::TrustRoot).await;
    assert!(told.contains("online key"), "{told}");
    let request = world.request(Method::POST, TRUST_ROOT_PATH).body("{}");
    problem(request.send().await.unwrap(), ProblemCode::TrustRoot).await;
    let reader = world.make_token("alpha", "read");
    let text = lone.to_text().unwrap();
    let url = format!("{}{TRUST_ROOT_PATH}", world.base);
    let request = world.client.post(url).bearer_auth(reader).body(text);
    problem(request.send().await.unwrap(), ProblemCode::Forbidden).await;
    assert_eq!(served(&world).await, state);
}

/// The online key was stolen: members name another one, and the hub, which has made it, takes it.
#[tokio::test]
async fn the_online_key_is_replaced_while_the_hub_runs() {
    let mut world = World::start();
    let (first, data) = (served(&world).await, world.data());
    let file = |name: &str| data.join("keys").join(name);
    let old = std::fs::read(file("online.pem")).unwrap();
    let next = HubKeys::made(&data, &["--next-online"]).online;
    let again = HubKeys::made(&data, &["--next-online"]).online;
    assert_eq!(next, again, "it is made once");
    // Until members have named it, the hub goes on with the old one.
    let lone = changed(&first, &[BETA], |plan| plan.online_key = next.clone());
    problem(publish(&world, &lone).await, ProblemCode::TrustRoot).await;
    assert!(std::fs::read(file("online.pem")).unwrap() == old);
    let draft = changed(&first, &[ALPHA, BETA], |plan| {
        plan.online_key = next.clone();
    });
    let answer = publish(&world, &draft).await;
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
    let second = served(&world).await;
    assert_ne!(second.online_key().unwrap(), first.online_key().unwrap());
    ConsortiumRoot::verify(&second, &first.anchor(), Timestamp::now()).unwrap();
    // What the thief signs with the old one is nothing any more.
    let thief = SecretKey::from_pem(&String::from_utf8(old.clone()).unwrap()).unwrap();
    let later = Timestamp::now() + SignedDuration::from_hours(48);
    assert!(second.renewed(&thief, later).is_err());
    let mut stolen = second.clone();
    stolen.timestamp = first.timestamp.clone();
    assert!(ConsortiumRoot::verify(&stolen, &first.anchor(), Timestamp::now()).is_err());
    // The new one has the name of the old one, and signs what comes.
    assert!(!file("online-next.pem").exists());
    let taken = std::fs::read(file("online.pem")).unwrap();
    assert!(taken != old);
    let third = changed(&second, &[ALPHA, BETA], |plan| plan.threshold = 1);
    let answer = publish(&world, &third).await;
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
    // A hub that was stopped before it could rename the file finds the key, too.
    world.kill();
    std::fs::write(file("online-next.pem"), &taken).unwrap();
    std::fs::write(file("online.pem"), &old).unwrap();
    world.serve(&[]);
    assert!(!file("online-next.pem").exists());
    assert!(std::fs::read(file("online.pem")).unwrap() == taken);
    // With the old one alone it does not start.
    world.kill();
    std::fs::write(file("online.pem"), &old).unwrap();
    let refused = world.run(&["serve", "--listen", "127.0.0.1:0", "--dev-tls"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("online key"),
        "{said}"
    );
}

#[tokio::test]
async fn an_online_key_that_is_to_be_hinders_nothing_and_is_made_anew_when_asked() {
    let world = World::start();
    let (state, data) = (served(&world).await, world.data());
    // One that cannot be read is no matter for a root that names the present one.
    let file = data.join("keys/online-next.pem");
    std::fs::write(&file, "no key").unwrap();
    let kept = changed(&state, &[ALPHA, BETA], |plan| plan.threshold = 1);
    let answer = publish(&world, &kept).await;
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
    std::fs::remove_file(&file).unwrap();
    // One that lay there may have been stolen as well.
    let first = HubKeys::made(&data, &["--next-online"]).online;
    let again = hub_server(&["keys", "--next-online"], &data);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(
        said.contains("has been there since") && said.contains("--anew"),
        "{said}"
    );
    let anew = HubKeys::made(&data, &["--next-online", "--anew"]).online;
    assert_ne!(first, anew);
    let name = async |key: &PublicKey| {
        let state = served(&world).await;
        let draft = changed(&state, &[ALPHA, BETA], |plan| plan.online_key = key.clone());
        publish(&world, &draft).await
    };
    let told = problem(name(&first).await, ProblemCode::TrustRoot).await;
    assert!(told.contains("online key"), "{told}");
    assert_eq!(name(&anew).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_change_never_undoes_what_was_logged_while_it_went_round() {
    let world = World::start();
    let before = served(&world).await;
    // Drafted while the log was empty, and signed for days.
    let share = |from| {
        changed(&before, &[ALPHA, BETA], move |plan| {
            let name = "everyday-objects".parse().unwrap();
            let mut owners = plan.consortium.owners(&name, 0).unwrap().clone();
            owners.owners.push("beta".parse().unwrap());
            (owners.threshold, owners.from) = (2, from);
            plan.set_owners(&name, owners).unwrap();
        })
    };
    let remove = changed(&before, &[ALPHA, BETA], |plan| {
        plan.remove_member(&"gamma".parse().unwrap(), 0).unwrap();
    });
    published(&world, &release("everyday-objects")).await;
    for (draft, word) in [
        (share(0), "the owners of `everyday-objects`"),
        (remove, "the membership of `gamma`"),
    ] {
        let told = problem(publish(&world, &draft).await, ProblemCode::Outdated).await;
        assert!(told.contains(word) && told.contains("`--from 1`"), "{told}");
    }
    assert_eq!(served(&world).await, before);
    let answer = publish(&world, &share(1)).await;
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
    let (is_whole, said) = world.verify_log();
    assert!(is_whole, "{said}");
    let told = ReleaseDraft::new("everyday-objects", "1.0.1")
        .after(&release("everyday-objects"))
        .sign(&[ALPHA]);
    let told = problem(world.publish(&told).await, ProblemCode::Signature).await;
    assert!(told.contains("1 of the 2"), "{told}");
}

#[test]
fn a_hub_is_founded_by_enough_members_with_its_own_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("draft"));
    let init = ["init", "--root", file.to_str().unwrap()];
    let refused = |text: &str, word: &str| {
        std::fs::write(&file, text).unwrap();
        let output = hub_server(&init, &data);
        assert!(!output.status.success(), "{word}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(word), "{said} should hold {word}");
        assert!(!data.join("hub.sqlite").exists());
    };
    let foreign = key(9).public();
    let log = "hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
    let strange = founding(&format!("log {log}\nquorum none\n"), &foreign);
    refused(&strange.to_text().unwrap(), "hub-server keys");
    let keys = HubKeys::of(&data);
    refused(&strange.to_text().unwrap(), "online key");
    let other_log = founding(&format!("log {log}\nquorum none\n"), &keys.online);
    refused(
        &other_log.to_text().unwrap(),
        "does not name this hub's log",
    );
    let plan = plan(&keys.log_policy(), &keys.online);
    let lone = signed(Draft::found(&plan, Timestamp::now()).unwrap(), &[ALPHA]);
    refused(&lone.to_text().unwrap(), "signed by 1 of the 2");
    refused("{}", "draft");
    let good = signed(lone, &[BETA]);
    std::fs::write(&file, good.to_text().unwrap()).unwrap();
    let made = hub_server(&init, &data);
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8(made.stdout).unwrap();
    assert!(said.contains("first root sha256:"), "{said}");
    let again = hub_server(&init, &data);
    assert!(String::from_utf8(again.stderr).unwrap().contains("already"));
}

#[tokio::test]
async fn a_hub_of_the_first_version_is_moved_over() {
    let mut world = World::start();
    world
        .published(&ReleaseDraft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    world.kill();
    world.sql(
        "DELETE FROM trust_states; DELETE FROM trust_files; \
         INSERT INTO settings (key, value) VALUES ('policy_digest', 'sha256:00');",
    );
    std::fs::write(world.data().join("policy.toml"), "v = 1").unwrap();
    let old = world.run(&["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(old.stderr).unwrap();
    assert!(said.contains("--from-policy"), "{said}");
    let keys = HubKeys::of(&world.data());
    let file = world.data().join("moving.draft");
    let init = ["init", "--root", file.to_str().unwrap()];
    // Without the key that signed what is recorded, the hub would lose a release.
    let mut plan = plan(&keys.log_policy(), &keys.online);
    plan.keys.insert("alpha".parse().unwrap(), key(9).public());
    let other = signed(Draft::found(&plan, Timestamp::now()).unwrap(), &[9, BETA]);
    std::fs::write(&file, other.to_text().unwrap()).unwrap();
    let refused = world.run(&init);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("alpha/squares@1.0.0"), "{said}");
    let draft = founding(&keys.log_policy(), &keys.online);
    std::fs::write(&file, draft.to_text().unwrap()).unwrap();
    let moved = world.run(&init);
    assert!(moved.status.success(), "{moved:?}");
    assert!(!world.data().join("policy.toml").exists());
    world.serve(&[]);
    let path = "/api/v1/extractors/alpha/squares/releases/latest";
    assert_eq!(world.get(path).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_keyring_that_has_ended_makes_no_entry_wrong() {
    let mut world = World::start();
    published(&world, &release("alpha/squares")).await;
    world.kill();
    // The same consortium, founded more than a year ago; since then only enough members have signed
    // root and targets again, and no keyring.
    let keys = HubKeys::of(&world.data());
    let pem = std::fs::read_to_string(world.data().join("keys/online.pem")).unwrap();
    let online = SecretKey::from_pem(&pem).unwrap();
    let now = Timestamp::now();
    let past = now - SignedDuration::from_hours(400 * 24);
    let plan = plan(&keys.log_policy(), &keys.online);
    let founded = signed(Draft::found(&plan, past).unwrap(), &[ALPHA, BETA, GAMMA]);
    let old = Bundle::found(&founded, &online, past).unwrap();
    let renewed = signed(Draft::propose(&old, now).unwrap(), &[ALPHA, BETA]);
    let bundle = old.accept(&renewed, &online, now).unwrap();
    world.sql(&format!(
        "UPDATE trust_states SET bundle = '{}', version = {}",
        bundle.to_text().unwrap().replace('\'', "''"),
        bundle.version().unwrap()
    ));
    let (is_whole, said) = world.verify_log();
    assert!(is_whole, "{said}");
    let warned = said.contains("warning: the keyring of `alpha` does not count")
        && said.contains("it expired at");
    assert!(warned, "{said}");
    let before = dump(&world);
    let rebuilt = world.run(&["rebuild-index"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_eq!(dump(&world), before);
}
