#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn entry(image: &str, label: Option<&str>) -> JournalEntry {
    JournalEntry::new(
        Digest::of(image.as_bytes()),
        image,
        label.map(str::to_owned),
    )
}

fn labels(journal: &LabelJournal) -> Vec<(String, String)> {
    let mut labels: Vec<_> = journal.current().into_values().collect();
    labels.sort();
    labels
}

fn pair(path: &str, label: &str) -> (String, String) {
    (path.to_owned(), label.to_owned())
}

#[test]
fn nothing_is_written_into_a_file_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let at = Timestamp::UNIX_EPOCH;
    let mut journal = LabelJournal::open(&path).unwrap();
    journal.set(vec![entry("a", Some("x"))], at).unwrap();
    journal.forget().unwrap();
    assert!(labels(&journal).is_empty() && !journal.can_undo());
    journal.set(vec![entry("a", Some("y"))], at).unwrap();
    files::remove(&path).unwrap();
    let refused = journal.set(vec![entry("b", Some("x"))], at);
    assert!(matches!(refused, Err(DatasetError::JournalReplaced { .. })));
    assert_eq!(labels(&journal), [pair("a", "y")]);
    // Another file in its place is not this one either.
    let _other = LabelJournal::open(&path).unwrap();
    assert!(matches!(
        journal.forget(),
        Err(DatasetError::JournalReplaced { .. })
    ));
}

#[test]
fn what_was_done_can_be_undone_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let at = Timestamp::UNIX_EPOCH;
    let mut journal = LabelJournal::open(&path).unwrap();
    journal
        .set(vec![entry("a", Some("x")), entry("b", Some("y"))], at)
        .unwrap();
    journal
        .set(vec![entry("a", Some("z")), entry("b", None)], at)
        .unwrap();
    assert_eq!(labels(&journal), [pair("a", "z")]);
    drop(journal);
    let mut journal = LabelJournal::open(&path).unwrap();
    let undone = journal.undo(at).unwrap().unwrap();
    assert_eq!((undone.number, undone.deed.images()), (2, 2));
    assert_eq!(labels(&journal), [pair("a", "x"), pair("b", "y")]);
    assert_eq!(journal.undo(at).unwrap().map(|one| one.number), Some(1));
    assert_eq!(journal.undo(at).unwrap(), None);
    assert_eq!(journal.set(vec![entry("c", Some("w"))], at).unwrap(), 5);
    assert_eq!(labels(&journal), [pair("c", "w")]);
}

#[test]
fn a_write_that_was_cut_off_costs_that_action_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let at = Timestamp::UNIX_EPOCH;
    let mut journal = LabelJournal::open(&path).unwrap();
    journal.set(vec![entry("a", Some("x"))], at).unwrap();
    let first = std::fs::read(&path).unwrap();
    journal.set(vec![entry("b", Some("y"))], at).unwrap();
    drop(journal);
    let both = std::fs::read(&path).unwrap();
    for cut in 0..both.len() {
        std::fs::write(&path, &both[..cut]).unwrap();
        let mut journal = LabelJournal::open(&path).unwrap();
        let expected = usize::from(cut >= first.len());
        assert_eq!(journal.current().len(), expected, "cut at {cut}");
        journal.set(vec![entry("c", Some("z"))], at).unwrap();
        drop(journal);
        assert_eq!(
            LabelJournal::open(&path).unwrap().current().len(),
            expected + 1
        );
    }
}

#[test]
fn a_journal_that_is_too_long_is_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let at = Timestamp::UNIX_EPOCH;
    let mut journal = LabelJournal::open(&path).unwrap();
    journal.set(vec![entry("a", Some("x"))], at).unwrap();
    let before = std::fs::read(&path).unwrap();
    // As if there were that much already.
    journal.whole = LABEL_FILE_BYTES - 10;
    let refused = journal.set(vec![entry("b", Some("y"))], at);
    assert!(matches!(refused, Err(DatasetError::JournalTooLong { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(journal.current().len(), 1);
    drop(journal);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(LABEL_FILE_BYTES + 1).unwrap();
    let refused = LabelJournal::open(&path);
    assert!(matches!(refused, Err(DatasetError::JournalTooLong { .. })));
    assert_eq!(file.metadata().unwrap().len(), LABEL_FILE_BYTES + 1);
}

#[test]
fn other_files_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    for (text, words) in [
        ("path,label\na.png,x\n", "is no journal of labels"),
        ("{\"hub_labels\":2}\n", "newer version"),
        ("{\"hub_labels\":1}\n{\"number\":1}\n", "line 2"),
        (
            "{\"hub_labels\":1}\n{\"number\":1,\"at\":\"2026-01-01T00:00:00Z\",\"undo\":1}\n",
            "no action that could follow",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = LabelJournal::open(&path).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
