//! What a session tells when its work in the background goes wrong, and that it stops telling it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry_schema::digest::Digest;
use serde_json::Value;

use super::progress::Work;
use super::session::Session;
use super::setup::{SessionExtractor, Setup};
use super::stage::Stage;
use super::{LabelError, Rival, compare};
use crate::dataset::{Deed, ImageSet, JournalEntry};
use crate::features::Origin;
use crate::head::{ExtractorRelease, HeadStore};
use crate::runtime::RuntimeOptions;
use crate::runtime::tests::graph;
use crate::worker::Worker;

type Rivals = Result<Vec<Rival>, String>;

/// A session without images.
fn session(
    rivals: impl Fn() -> Rivals + Send + Sync + 'static,
) -> (tempfile::TempDir, Arc<Session>) {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        images: Arc::new(ImageSet {
            folder: None,
            images: Vec::new(),
            skipped: Vec::new(),
        }),
        journal: folder.path().join("labels.jsonl"),
        extractor: SessionExtractor {
            release: ExtractorRelease {
                name: "dots".parse().unwrap(),
                version: "1.0.0".parse().unwrap(),
                digest: Digest::of(b"statement"),
            },
            origin: Origin {
                release: "dots@1.0.0".parse().unwrap(),
                statement: Digest::of(b"statement"),
                space: "dots@1".parse().unwrap(),
                dimension: 4,
            },
            files: graph("means"),
            is_demo: false,
        },
        worker: Worker::new(RuntimeOptions::default()),
        cache: folder.path().join("cache"),
        heads: HeadStore::new(folder.path()),
        head: None,
        rivals: Arc::new(rivals),
        taken: Arc::new(|_| {}),
        threads: NonZeroUsize::MIN,
        stop: Arc::default(),
    };
    let session = Arc::new(Session::open(setup).unwrap());
    (folder, session)
}

/// What a comparison ends with.
fn compared(session: &Arc<Session>) -> Value {
    compare::start(session);
    for _ in 0..10_000 {
        let comparison = session.comparison().clone();
        if !comparison.running {
            return serde_json::to_value(&comparison).unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the comparison does not end");
}

#[test]
fn a_problem_is_told_until_the_work_goes_on() {
    let (_folder, session) = session(|| Ok(Vec::new()));
    let broken = |reason: &str| LabelError::Rivals {
        reason: reason.to_owned(),
    };
    let told = || session.progress().problem().map(|problem| problem.message);
    session.tell(Work::Looking, Some(&broken("the map")));
    session.tell(Work::Learning, Some(&broken("the head")));
    // What comes first in the work is told first.
    assert!(told().unwrap().contains("the head"));
    let before = session.version();
    session.tell(Work::Learning, Some(&broken("the head")));
    assert_eq!(session.version(), before, "nothing new was told");
    session.tell(Work::Learning, None);
    assert!(told().unwrap().contains("the map"));
    session.tell(Work::Looking, None);
    assert_eq!(told(), None);
    assert_eq!(session.version(), before + 2, "pages hear of both");
}

#[test]
fn a_comparison_that_breaks_off_ends_and_can_be_made_again() {
    let calls = AtomicUsize::new(0);
    let (_folder, session) = session(move || match calls.fetch_add(1, Ordering::Relaxed) {
        0 => panic!("a fault of the program"),
        1 => Err("the store cannot be read".to_owned()),
        _ => Ok(Vec::new()),
    });
    let broken_off = compared(&session);
    let message = broken_off["problem"]["message"].as_str().unwrap();
    assert!(message.contains("ended before its time"), "{message}");
    let refused = compared(&session);
    let message = refused["problem"]["message"].as_str().unwrap();
    assert!(message.contains("the store cannot be read"), "{message}");
    // Taken away while the page is open.
    let gone = compared(&session);
    let message = gone["problem"]["message"].as_str().unwrap();
    assert!(
        message.contains("dots@1.0.0 is installed no more"),
        "{message}"
    );
}

/// Another extractor, whose features have another length.
fn another() -> SessionExtractor {
    let mut files = graph("three_features");
    files.spec.output.dimension = 3;
    SessionExtractor {
        release: ExtractorRelease {
            name: "three".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            digest: Digest::of(b"another statement"),
        },
        origin: Origin {
            release: "three@1.0.0".parse().unwrap(),
            statement: Digest::of(b"another statement"),
            space: "three@1".parse().unwrap(),
            dimension: 3,
        },
        files,
        is_demo: false,
    }
}

fn labelled(content: &[u8]) -> Deed {
    let image = Digest::of(content);
    Deed::labels(vec![JournalEntry::new(image, "a.png", Some("red".into()))])
}

#[test]
fn what_is_told_to_a_session_that_gives_way_is_heard_by_the_next() {
    let (_folder, before) = session(|| Ok(Vec::new()));
    before.record(|_| Ok(labelled(b"one"))).unwrap();
    before.wish(|wishes| wishes.coverage = 0.8);
    let next = Arc::new(before.through(another()));
    before.give_way(next.clone());
    assert!(before.is_stopping() && !next.is_stopping());
    let last = before.version();
    // A request that had come before.
    before.record(|_| Ok(labelled(b"two"))).unwrap();
    assert_eq!((before.version(), next.changes()), (last, 1));
    assert!(next.version() > last, "who has read the last one reads on");
    assert_eq!(next.labels().images().len(), 2);
    assert!((next.wishes().coverage - 0.8).abs() < f64::EPSILON);
    assert!(next.write(|book| Ok(book.undo()?)).unwrap().is_some());
    assert_eq!(before.labels().images().len(), 1);
    assert!(before.book().can_redo());
    assert_eq!((&before.run, &before.name), (&next.run, &next.name));
}

#[test]
fn an_extractor_that_does_not_load_is_not_taken() {
    let (_folder, session) = session(|| {
        Ok(vec![Rival {
            extractor: another(),
            size_bytes: 1,
            licence: "MIT".to_owned(),
            domain: None,
        }])
    });
    // No process can be started.
    let mut setup = session.setup.clone();
    drop(session);
    setup.worker = setup.worker.with_program("nowhere".into());
    let stage = Stage::new(Arc::new(Session::open(setup).unwrap()));
    let before = stage.session();
    let refused = stage.take("three@1.0.0");
    assert!(matches!(refused, Err(LabelError::Worker(_))), "{refused:?}");
    let absent = stage.take("three@1");
    assert!(
        matches!(absent, Err(LabelError::NoSuchExtractor { .. })),
        "{absent:?}"
    );
    stage.take("dots@1.0.0").unwrap();
    assert!(Arc::ptr_eq(&before, &stage.session()) && !before.is_stopping());
    before.setup.stop.store(true, Ordering::Relaxed);
}
