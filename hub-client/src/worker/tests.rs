#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::runtime::ExtractorSpec;
use bytes::Bytes;
use serde_json::json;

fn files() -> ExtractorFiles {
    let normalize = json!({"mean": [0, 0, 0], "std": [1, 1, 1]});
    let input = json!({"tensor": "input", "width": 8, "height": 8, "normalize": normalize});
    let output = json!({"tensor": "features", "dimension": 2});
    ExtractorFiles {
        graph: "model.onnx".into(),
        spec: ExtractorSpec {
            input: serde_json::from_value(input).unwrap(),
            output: serde_json::from_value(output).unwrap(),
        },
    }
}

/// A worker whose program is a script in `tests/fixtures/workers`.
fn played_by(script: &str) -> Worker {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/workers")
        .join(script);
    let mode = path.metadata().unwrap().permissions().mode();
    assert!(mode & 0o100 != 0, "{} is not executable", path.display());
    Worker::new(RuntimeOptions::default()).with_program(path)
}

fn embed(worker: &Worker, count: usize) -> Result<usize, WorkerError> {
    let paths = vec![PathBuf::from("a.png"); count];
    let mut rows = 0;
    worker.embed::<WorkerError>(&files(), &paths, None, |_, result| {
        rows += usize::from(result.is_ok());
        Ok(())
    })?;
    Ok(rows)
}

#[track_caller]
fn refused(script: &str, count: usize, words: &str) {
    let error = embed(&played_by(script), count).unwrap_err().to_string();
    assert!(error.contains(words), "{script}: {error}");
}

#[test]
fn an_honest_answer_is_taken() {
    assert_eq!(embed(&played_by("honest"), 2).unwrap(), 2);
}

#[test]
fn a_worker_that_lies_is_caught() {
    // Fewer and more rows than were asked for.
    refused("honest", 3, "something is missing");
    refused("honest", 1, "picture 1 where 1 was due");
    refused("unconfined", 1, "something is missing");
    refused("out-of-order", 2, "picture 1 where 0 was due");
    refused("wrong-length", 1, "4 bytes for 2 features");
    refused("not-finite", 1, "not finite");
    refused("another-version", 1, "version 2");
    refused("garbage", 1, "in `Loading the model");
    refused("endless-line", 1, "longer than");
    refused("steering", 1, "in `\"\u{fffd}");
    refused("silent", 1, "exit status: 3; it said: bye");
    refused("hungry", 1, "memory limit");
}

#[test]
fn small_pictures_are_pictures_in_order() {
    let two = ["a.png", "b.txt"];
    let made = played_by("pictures").thumbnails(&two).unwrap();
    assert_eq!(
        made.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false]
    );
    let nothing = played_by("silent").thumbnails::<&str>(&[]).unwrap();
    assert!(nothing.is_empty(), "no process is started for nothing");
    for (script, count, words) in [
        ("pictures", 1, "picture 1 where 1 was due"),
        ("pictures", 3, "something is missing"),
        ("no-picture", 1, "a small picture that is none"),
        ("honest", 2, "readiness was not asked for"),
    ] {
        let error = played_by(script).thumbnails(&vec!["a.png"; count]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(words), "{script}: {error}");
    }
}

/// Stays and is sent pictures; how many have features.
fn sent(live: &mut Live, pictures: &[&'static [u8]]) -> Result<usize, WorkerError> {
    sent_with(live, pictures, Duration::from_secs(60))
}

/// The same, with so long for each.
fn sent_with(
    live: &mut Live,
    pictures: &[&'static [u8]],
    time: Duration,
) -> Result<usize, WorkerError> {
    let pictures: Vec<_> = pictures.iter().copied().map(Bytes::from_static).collect();
    let mut rows = 0;
    live.embed(&pictures, time, |_, result| {
        rows += usize::from(result.is_ok());
    })?;
    Ok(rows)
}

#[test]
fn a_worker_that_stays_takes_pictures_as_they_are() {
    let mut live = played_by("staying").stay(&files()).unwrap();
    assert!(live.is_waiting());
    assert_eq!(sent(&mut live, &[b"ab", b"c"]).unwrap(), 1);
    assert!(live.is_waiting());
    // It ends while it has a picture.
    let error = sent(&mut live, &[b"more\n"]).unwrap_err().to_string();
    assert!(error.contains("exit status: 3; it said: bye"), "{error}");
    assert!(!live.is_waiting());
    let many = vec![&b""[..]; Live::PICTURES + 1];
    assert!(matches!(sent(&mut live, &many), Err(WorkerError::Send(_))));
}

#[test]
fn a_worker_that_is_slow_is_not_ended() {
    let mut slow = played_by("slow").stay(&files()).unwrap();
    // A second for each picture, and more for all of them than for one.
    let time = Duration::from_secs(7);
    let pictures = [&b"a"[..]; 8];
    assert_eq!(sent_with(&mut slow, &pictures, time).unwrap(), 8);
    assert!(slow.is_waiting());
}

#[test]
fn a_worker_that_stays_and_lies_or_says_nothing_is_caught() {
    let mut hasty = played_by("honest").stay(&files()).unwrap();
    assert_eq!(sent(&mut hasty, &[b"a", b"b"]).unwrap(), 2);
    // It says that it is done, though it should stay.
    while hasty.is_waiting() {
        std::thread::yield_now();
    }
    let mut confused = played_by("out-of-order").stay(&files()).unwrap();
    let error = sent(&mut confused, &[b"a", b"b"]).unwrap_err().to_string();
    assert!(error.contains("picture 1 where 0 was due"), "{error}");
    let mut mute = played_by("mute").stay(&files()).unwrap();
    let error = sent_with(&mut mute, &[b"a"], Duration::from_secs(1));
    let error = error.unwrap_err();
    assert!(
        matches!(error, WorkerError::NoAnswer { seconds: 1 }),
        "{error}"
    );
    let silent = played_by("silent")
        .stay(&files())
        .err()
        .unwrap()
        .to_string();
    assert!(silent.contains("it said: bye"), "{silent}");
}

#[test]
fn no_words_of_a_worker_steer_a_terminal() {
    // In the name of a field, which an error about it repeats.
    let error = embed(&played_by("steering-by-a-name"), 1).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("unknown") && !text.contains(char::is_control),
        "{text:?}"
    );
    // As a second confinement, which would be told.
    let told = Arc::new(AtomicBool::new(false));
    let is_told = Arc::clone(&told);
    let worker = played_by("confined-twice");
    let worker = worker.warning_by(move |_| is_told.store(true, Ordering::Relaxed));
    let error = embed(&worker, 1).unwrap_err().to_string();
    assert!(error.contains("a confinement"), "{error}");
    assert!(!told.load(Ordering::Relaxed));
}

#[test]
fn a_worker_that_stays_is_ended() {
    let worker = played_by("sleeping");
    let limits = ProbeLimits {
        seconds: Some(1),
        memory_bytes: None,
    };
    let probes = BTreeMap::from([("probes/a.png".to_owned(), PathBuf::from("a.png"))]);
    let error = worker
        .clone()
        .with_probe_limits(limits)
        .probe(&files(), &probes)
        .unwrap_err();
    assert!(
        matches!(error, WorkerError::TimeLimit { seconds: 1 }),
        "{error}"
    );
    let stop = Arc::new(AtomicBool::new(true));
    let error = embed(&worker.stopped_by(stop), 1).unwrap_err();
    assert!(matches!(error, WorkerError::Cancelled), "{error}");
}

#[test]
fn an_incomplete_confinement_is_told_once() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    let worker =
        played_by("half-confined").warning_by(move |one| list.lock().unwrap().extend(one.gaps()));
    assert_eq!(embed(&worker, 1).unwrap(), 1);
    assert_eq!(embed(&worker.clone(), 1).unwrap(), 1);
    assert_eq!(
        *told.lock().unwrap(),
        ["it could read other files of yours (no Landlock)"]
    );
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let worker = Worker::new(RuntimeOptions::default()).with_program("/nowhere/hub".into());
    let error = embed(&worker, 1).unwrap_err();
    assert!(matches!(error, WorkerError::Start(_)), "{error}");
}
