//! What a session tells when its work in the background goes wrong, and that it stops telling it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry_schema::digest::Digest;
use serde_json::Value;

use super::session::{Session, SessionExtractor, Setup, Work};
use super::{LabelError, Rival, compare};
use crate::dataset::ImageSet;
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
        images: ImageSet {
            folder: None,
            images: Vec::new(),
            skipped: Vec::new(),
        },
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
        },
        worker: Worker::new(RuntimeOptions::default()),
        cache: folder.path().join("cache"),
        heads: HeadStore::new(folder.path()),
        head: None,
        rivals: Box::new(rivals),
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
