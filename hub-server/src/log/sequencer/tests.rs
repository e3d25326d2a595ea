#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::config::DatabasePlace;
use crate::database::settings;

struct Desk {
    _folder: tempfile::TempDir,
    database: Database,
    sequencer: Sequencer,
    published: watch::Receiver<Option<Arc<Head>>>,
}

fn key() -> SignerKey {
    use registry_schema::keys::SecretKey;
    use registry_schema::log::note::KeyKind;
    let origin: registry_schema::log::checkpoint::Origin = "hub.example/log".parse().unwrap();
    let secret = SecretKey::from_seed(&[7; 32]);
    SignerKey::new(origin.key_name().clone(), KeyKind::Ed25519, secret)
}

/// A second sequencer on the same database, as it would be after a restart.
fn sequencer(database: &Database) -> (Sequencer, watch::Receiver<Option<Arc<Head>>>) {
    let key = key();
    let load = |connection: &mut Connection| crate::log::recover::load(connection, &key);
    let (tree, head) = database.transaction(load).unwrap();
    let policy = Policy::of_log(&key.verifier());
    let (published, shown) = watch::channel(None);
    let announcer = Announcer {
        head: watch::channel(Arc::new(head)).0,
        published,
        policy: watch::channel(Arc::new(policy)).1,
    };
    let sequencer = Sequencer {
        database: database.clone(),
        key,
        tree,
        announcer,
        is_stale: false,
        turn: Arc::default(),
    };
    (sequencer, shown)
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabasePlace::File(folder.path().join("test.sqlite"))).unwrap();
    let (sequencer, published) = sequencer(&database);
    Desk {
        _folder: folder,
        database,
        sequencer,
        published,
    }
}

type Answer<T> = oneshot::Receiver<Outcome<T, LogError>>;

fn item<T: Send + 'static>(
    text: &str,
    record: impl FnOnce(&mut Connection, Place) -> Result<T, LogError> + Send + 'static,
) -> (Box<dyn Item>, Answer<T>) {
    let entry = NewEntry::new(text.as_bytes().to_vec(), "alpha".to_owned());
    let (append, answer) = Append::new(entry, record);
    (Box::new(append), answer)
}

fn plain(text: &str) -> (Box<dyn Item>, Answer<()>) {
    item(text, |_, _| Ok(()))
}

fn place(answer: Answer<()>) -> (bool, u64) {
    let (recorded, place) = answer.blocking_recv().unwrap().unwrap();
    (recorded.is_some(), place.index)
}

#[test]
fn the_same_entry_is_recorded_once_and_keeps_its_place() {
    let mut desk = desk();
    let (first, first_answer) = plain("a");
    let (twin, twin_answer) = plain("a");
    desk.sequencer.write(vec![first, twin]);
    assert_eq!(place(first_answer), (true, 0));
    assert_eq!(place(twin_answer), (false, 0));
    let (other, other_answer) = plain("b");
    let (again, again_answer) = plain("a");
    desk.sequencer.write(vec![other, again]);
    assert_eq!(place(other_answer), (true, 1));
    assert_eq!(place(again_answer), (false, 0));
}

#[test]
fn a_state_behind_the_disk_costs_one_batch_and_not_all_that_follow() {
    let mut desk = desk();
    let (mut other, _shown) = sequencer(&desk.database);
    let (first, first_answer) = plain("a");
    other.write(vec![first]);
    assert_eq!(place(first_answer), (true, 0));
    let (second, second_answer) = plain("b");
    desk.sequencer.write(vec![second]);
    let refused = second_answer.blocking_recv().unwrap();
    assert!(
        matches!(refused, Err(LogError::NotRecorded { .. })),
        "{refused:?}"
    );
    let (third, third_answer) = plain("b");
    desk.sequencer.write(vec![third]);
    assert_eq!(place(third_answer), (true, 1));
}

#[test]
fn what_could_not_be_read_anew_is_read_before_the_next_batch() {
    let mut desk = desk();
    let (mut other, _shown) = sequencer(&desk.database);
    let (first, _) = plain("a");
    other.write(vec![first]);
    desk.sequencer.is_stale = true;
    let (second, second_answer) = plain("b");
    desk.sequencer.write(vec![second]);
    assert_eq!(place(second_answer), (true, 1));
}

#[test]
fn a_batch_that_is_on_the_disk_after_an_error_was_recorded() {
    let mut desk = desk();
    let (mut other, _shown) = sequencer(&desk.database);
    let (first, _) = plain("a");
    other.write(vec![first]);
    let full = || LogError::Database(DatabaseError::Full);
    let written = other.tree.clone();
    desk.sequencer.settle(Some(&written), &full()).unwrap();
    assert_eq!(desk.sequencer.tree.size(), 1);
    let shown = desk.published.borrow().clone().unwrap();
    assert_eq!(shown.checkpoint.size, 1);
    // What came instead of it did not.
    let mut elsewhere = Tree::new();
    elsewhere
        .append(&[registry_schema::log::hash::leaf_hash(b"b")])
        .unwrap();
    let error = desk
        .sequencer
        .settle(Some(&elsewhere), &full())
        .unwrap_err();
    assert!(matches!(error, LogError::NotRecorded { is_full: true, .. }));
}

#[test]
fn a_log_that_lost_entries_is_not_continued() {
    let mut desk = desk();
    let (first, first_answer) = plain("a");
    desk.sequencer.write(vec![first]);
    assert_eq!(place(first_answer), (true, 0));
    // As if somebody had put an empty database in its place.
    let emptied = Tree::new();
    let cleared = desk.database.transaction(|connection| {
        use diesel::connection::SimpleConnection;
        connection
            .batch_execute(
                "DELETE FROM log_entries; DELETE FROM log_tiles; DELETE FROM log_checkpoints",
            )
            .map_err(DatabaseError::from)?;
        write_tree(connection, &mut emptied.clone(), &[], None, &key())
    });
    cleared.unwrap();
    for _ in 0..2 {
        let (second, second_answer) = plain("b");
        desk.sequencer.write(vec![second]);
        let refused = second_answer.blocking_recv().unwrap();
        assert!(refused.is_err(), "{refused:?}");
    }
    assert!(desk.sequencer.is_stale);
}

#[test]
fn a_panic_costs_its_batch_alone() {
    let mut desk = desk();
    let (good, good_answer) = item("a", |connection, _| {
        Ok(settings::insert(connection, "a", "1")?)
    });
    let (bad, bad_answer) = item("b", |_, _| -> Result<(), LogError> { panic!("injected") });
    desk.sequencer.write(vec![good, bad]);
    for answer in [good_answer, bad_answer] {
        let refused = answer.blocking_recv().unwrap();
        assert!(matches!(refused, Err(LogError::NotRecorded { .. })));
    }
    let kept = desk
        .database
        .with(|connection| settings::find(connection, "a"));
    assert_eq!(kept.unwrap(), None, "undone with its batch");
    let (next, next_answer) = plain("a");
    desk.sequencer.write(vec![next]);
    assert_eq!(place(next_answer), (true, 0));
}

#[test]
fn the_end_of_the_writer_is_noticed() {
    struct Deadly;
    impl Item for Deadly {
        fn record(&mut self, _: &mut Connection, _: Place) -> Result<Option<Digest>, LogError> {
            Ok(None)
        }
        fn finish(self: Box<Self>, _: Result<(), LogError>) {
            panic!("injected");
        }
    }
    let desk = desk();
    let (queue, jobs) = mpsc::channel(1);
    desk.sequencer.start(jobs).unwrap();
    assert!(queue.blocking_send(Box::new(Deadly)).is_ok());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(queue.closed());
}
