//! A hub whose disk was lost: an old backup, a copy of the log, and the changes of the trust root since.

use std::path::Path;

use jiff::Timestamp;
use registry_schema::log::tile::BundleId;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::tuf::draft::Draft;
use registry_schema::tuf::files::KeyEntry;

use crate::draft::Draft as ReleaseDraft;
use crate::log::{checkpoint, published, release};
use crate::trust;
use crate::world::{ALPHA, World, key};

/// A copy of the log as anybody can make one.
async fn copy_log(world: &World, to: &Path) {
    let size = checkpoint(world).await.checkpoint().size;
    let bundle = BundleId::of_tree(0, size).unwrap().to_string();
    for path in ["checkpoint", &bundle] {
        let bytes = world.get(&format!("/log/{path}")).await.bytes().await;
        let file = to.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes.unwrap()).unwrap();
    }
}

#[tokio::test]
async fn what_changed_since_the_backup_is_brought_back_too() {
    let mut world = World::start();
    published(&world, &release("alpha/first")).await;
    world.kill();
    // The database with its log, before SQLite has brought them together.
    let files = ["hub.sqlite", "hub.sqlite-wal"].map(|name| world.data().join(name));
    let backup = files.each_ref().map(|path| std::fs::read(path).ok());
    world.serve(&[]);

    // Alpha gets another key, with which it publishes; then it renews its keyring once more.
    let alpha = "alpha".parse().unwrap();
    let change = async |world: &World, path: &Path, new: Option<u8>| {
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
        assert!(trust::publish(world, &draft).await.status().is_success());
        std::fs::write(path, draft.to_text().unwrap()).unwrap();
        path.display().to_string()
    };
    let at = |name: &str| world.data().with_file_name(name);
    let first = change(&world, &at("1.draft"), Some(11)).await;
    let second = ReleaseDraft::new("alpha/second", "1.0.0").sign(&[11]);
    published(&world, &second).await;
    let again = change(&world, &at("2.draft"), None).await;
    let shown = trust::served(&world).await;
    let (newest, log) = (checkpoint(&world).await, at("copy"));
    copy_log(&world, &log).await;

    world.kill();
    for (path, bytes) in files.iter().zip(backup) {
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => drop(std::fs::remove_file(path)),
        }
    }
    let _ = std::fs::remove_file(world.data().join("hub.sqlite-shm"));
    let from = ["log", "restore", "--from", log.to_str().unwrap()];
    let restore = |world: &World, drafts: &[&str]| {
        let output = world.run(&[&from[..], drafts].concat());
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    // Nobody has the key yet that signed entry 1; nor is a change taken before the one it follows.
    let (is_good, said) = restore(&world, &[]);
    assert!(
        !is_good && said.contains("with no key of a member"),
        "{said}"
    );
    let (is_good, said) = restore(&world, &["--draft", &again]);
    assert!(!is_good && said.contains("based on"), "{said}");
    let drafts = ["--draft", first.as_str(), "--draft", &again];
    let (is_good, said) = restore(&world, &drafts);
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
    let (is_good, said) = restore(&world, &[]);
    assert!(is_good && said.contains("brought back 0 entries"), "{said}");
    let (is_whole, said) = world.verify_log();
    assert!(is_whole, "{said}");
}
