//! A hub whose disk was lost: an old backup, a copy of the log, and the changes of the trust root since.

use std::path::Path;

use jiff::Timestamp;
use registry_schema::log::tile::BundleId;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::tuf::draft::Draft;
use registry_schema::tuf::files::KeyEntry;

use crate::consortium::HubKeys;
use crate::draft::Draft as ReleaseDraft;
use crate::log::{checkpoint, published, release};
use crate::trust;
use crate::world::{ALPHA, BETA, World, key};

/// A copy of the log as anybody can make one.
pub(crate) async fn copy_log(world: &World, to: &Path) {
    let size = checkpoint(world).await.checkpoint().size;
    let bundle = BundleId::of_tree(0, size).unwrap().to_string();
    for path in ["checkpoint", &bundle] {
        let bytes = world.get(&format!("/log/{path}")).await.bytes().await;
        let file = to.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes.unwrap()).unwrap();
    }
}

/// `hub-server log restore` with these drafts; whether it was done, and what it said.
fn restore(world: &World, log: &Path, drafts: &[&str]) -> (bool, String) {
    let from = ["log", "restore", "--from", log.to_str().unwrap()];
    let drafts = drafts.iter().flat_map(|draft| ["--draft", *draft]);
    let line: Vec<&str> = from.into_iter().chain(drafts).collect();
    let output = world.run(&line);
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// Publishes a change of the trust root and keeps its draft.
async fn change(world: &World, draft: &Draft, path: &Path) -> String {
    let answer = trust::publish(world, draft).await;
    let is_good = answer.status().is_success();
    assert!(is_good, "{:?}", answer.text().await);
    std::fs::write(path, draft.to_text().unwrap()).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_backup_of_before_another_online_key_is_brought_back() {
    let mut world = World::start();
    published(&world, &release("alpha/first")).await;
    world.kill();
    let backup = world.save_database("backup");
    world.serve(&[]);
    let at = |name: &str| world.data().with_file_name(name);
    let both = [ALPHA, BETA];
    // A change under the key of the backup, then one that names another key, then one under that.
    let state = trust::served(&world).await;
    let draft = trust::changed(&state, &both, |plan| plan.threshold = 1);
    let first = change(&world, &draft, &at("1.draft")).await;
    let next = HubKeys::made(&world.data(), &["--next-online"]).online;
    let state = trust::served(&world).await;
    let draft = trust::changed(&state, &both, |plan| plan.online_key = next);
    let second = change(&world, &draft, &at("2.draft")).await;
    let state = trust::served(&world).await;
    let draft = trust::changed(&state, &both, |plan| plan.threshold = 2);
    let third = change(&world, &draft, &at("3.draft")).await;
    let shown = trust::served(&world).await;
    let log = at("copy");
    copy_log(&world, &log).await;

    world.kill();
    world.put_database_back(&backup);
    let (is_good, said) = restore(&world, &log, &[&first, &second, &third]);
    assert!(is_good, "{said}");
    world.serve(&[]);
    let back = trust::served(&world).await;
    assert_eq!(back.roots, shown.roots);
    assert!(back.version().unwrap() > shown.version().unwrap());
    ConsortiumRoot::verify(&back, &shown.anchor(), Timestamp::now()).unwrap();
}

#[tokio::test]
async fn what_changed_since_the_backup_is_brought_back_too() {
    let mut world = World::start();
    published(&world, &release("alpha/first")).await;
    world.kill();
    let backup = world.save_database("backup");
    world.serve(&[]);

    // Alpha gets another key, with which it publishes; then it renews its keyring once more.
    let alpha = "alpha".parse().unwrap();
    let renew = async |world: &World, path: &Path, new: Option<u8>| {
        let now = Timestamp::now();
        let state = trust::served(world).await;
        let mut draft = Draft::change_keyring(&state, &alpha, now, |keyring| {
            if let Some(seed) = new {
                keyring
                    .keys
                    .push(KeyEntry::statement(&key(seed).public(), 1)?);
            }
            Ok(())
        })
        .unwrap();
        draft.sign(&key(ALPHA), &[]).unwrap();
        change(world, &draft, path).await
    };
    let at = |name: &str| world.data().with_file_name(name);
    let first = renew(&world, &at("1.draft"), Some(11)).await;
    let second = ReleaseDraft::new("alpha/second", "1.0.0").sign(&[11]);
    published(&world, &second).await;
    let again = renew(&world, &at("2.draft"), None).await;
    let shown = trust::served(&world).await;
    let (newest, log) = (checkpoint(&world).await, at("copy"));
    copy_log(&world, &log).await;

    world.kill();
    world.put_database_back(&backup);
    // Nobody has the key yet that signed entry 1; nor is a change taken before the one it follows.
    let (is_good, said) = restore(&world, &log, &[]);
    assert!(
        !is_good && said.contains("with no key of a member"),
        "{said}"
    );
    let (is_good, said) = restore(&world, &log, &[&again]);
    assert!(!is_good && said.contains("based on"), "{said}");
    let (is_good, said) = restore(&world, &log, &[&first, &again]);
    assert!(is_good && said.contains("brought back 1 entries"), "{said}");

    world.serve(&[]);
    assert_eq!(checkpoint(&world).await, newest);
    let back = trust::served(&world).await;
    assert!(back.version().unwrap() > shown.version().unwrap() + 1_000);
    assert_eq!(back.keyrings, shown.keyrings);
    ConsortiumRoot::verify(&back, &shown.anchor(), Timestamp::now()).unwrap();
    let third = ReleaseDraft::new("alpha/third", "1.0.0").sign(&[11]);
    world.token = world.make_token("alpha", "publish");
    published(&world, &third).await;

    // A copy with fewer entries brings none back, and only signs anew.
    world.kill();
    let (is_good, said) = restore(&world, &log, &[]);
    assert!(is_good && said.contains("brought back 0 entries"), "{said}");
    let (is_whole, said) = world.verify_log();
    assert!(is_whole, "{said}");
}
