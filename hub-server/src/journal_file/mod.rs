//! The access journal on the disk: who published and pulled what, and when. A thread of its own writes it, so that no
//! request waits for the disk; days that are too old go away, and so does the oldest part when there is too much.

mod export;
mod parts;

pub(crate) use export::{ExportError, Wanted, export};

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::blobs::create_private_folder;
use crate::config::DataFolder;
use parts::{day_of, part_name, parts};

/// Entries that wait to be written at most; more are lost, and counted.
const WAITING: usize = 8_192;

/// An entry is on its way to the disk after this time.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The pieces of one download within this time are one entry, and so are strangers who are refused the same.
const ONE_DOWNLOAD: Duration = Duration::from_secs(60);

/// Downloads that are remembered at most.
const DOWNLOADS: usize = 10_000;

/// Files of one day are this large, or a sixteenth of all that may be kept when that is less.
const PART_BYTES: u64 = 64 << 20;

/// One thing that somebody did. What is absent was not known, or is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When it was answered (RFC 3339, UTC).
    pub(crate) at: Timestamp,
    /// The member whose token or certificate came; nobody on a public hub.
    pub(crate) member: Option<String>,
    /// The token by its id, or `certificate`.
    pub(crate) token: Option<String>,
    /// What was done, such as `publish` or `pull`.
    pub(crate) action: String,
    /// `done`, or the code of the refusal.
    pub(crate) outcome: String,
    /// To which extractor.
    pub(crate) name: Option<String>,
    /// To which version, or to what was asked for.
    pub(crate) version: Option<String>,
    /// To which file: its digest, or its path in the release.
    pub(crate) file: Option<String>,
    /// From where, when that is kept.
    pub(crate) address: Option<String>,
    /// The request, as the server's own log names it.
    pub(crate) request_id: String,
}

/// What is kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeping {
    /// Days; the present one is one.
    pub(crate) days: u32,
    /// Bytes of all files.
    pub(crate) limit_bytes: u64,
    /// With the addresses of clients.
    pub(crate) with_addresses: bool,
}

/// The journal of a server that runs. Dropped, it writes what waits.
#[derive(Debug)]
pub(crate) struct JournalFile {
    sender: Option<SyncSender<Entry>>,
    writer: Option<JoinHandle<()>>,
    lost: Arc<AtomicU64>,
    with_addresses: bool,
}

impl JournalFile {
    /// Begins to keep a journal; `None` when none is to be kept, which removes no earlier one.
    ///
    /// # Errors
    /// When there is no folder for it, or no thread.
    pub(crate) fn open(data: &DataFolder, keeping: Keeping) -> io::Result<Option<Self>> {
        if keeping.days == 0 {
            return Ok(None);
        }
        let folder = data.journal();
        create_private_folder(&folder).map_err(io::Error::other)?;
        let (sender, receiver) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            folder,
            keeping,
            open: None,
            downloads: HashMap::new(),
            lost: Arc::clone(&lost),
        };
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Some(Self {
            sender: Some(sender),
            writer: Some(writer),
            lost,
            with_addresses: keeping.with_addresses,
        }))
    }

    /// Keeps an entry, or counts it as lost when the disk does not keep up.
    pub(crate) fn keep(&self, mut entry: Entry) {
        if !self.with_addresses {
            entry.address = None;
        }
        let Some(sender) = &self.sender else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sender.try_send(entry) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Entries that could not be written since the server started; counts on.
    pub(crate) fn lost(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost)
    }
}

impl Drop for JournalFile {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(writer) = self.writer.take() {
            // It has ended by a fault of its own when this fails; nothing waits then.
            let _ = writer.join();
        }
    }
}

/// The thread's side.
struct Writer {
    folder: PathBuf,
    keeping: Keeping,
    open: Option<Part>,
    /// When a download was written, by all of its entry but the moment.
    downloads: HashMap<Entry, Instant>,
    lost: Arc<AtomicU64>,
}

/// The file that is written.
struct Part {
    date: Date,
    number: u32,
    file: BufWriter<File>,
    size_bytes: u64,
}

impl Writer {
    fn run(mut self, entries: &Receiver<Entry>) {
        self.prune(day_of(Timestamp::now()));
        let mut due = Instant::now() + FLUSH_EVERY;
        loop {
            match entries.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(entry) => {
                    if !self.is_again(&entry, Instant::now()) {
                        let written = self.write(&entry);
                        self.tell(written, 1);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.flush(),
            }
            // Also while entries come without a pause.
            if Instant::now() >= due {
                self.flush();
                due = Instant::now() + FLUSH_EVERY;
            }
        }
    }

    /// Whether this is one more piece of a download that was written a moment ago, or one more stranger who was
    /// refused: of those the journal has few, or they could write until what members did is pushed out.
    fn is_again(&mut self, entry: &Entry, now: Instant) -> bool {
        let is_stranger = entry.member.is_none() && entry.outcome != "done";
        let key = match entry.action.as_str() {
            _ if is_stranger => Entry {
                action: entry.action.clone(),
                outcome: entry.outcome.clone(),
                ..Entry::default()
            },
            "pull" => Entry {
                at: Timestamp::UNIX_EPOCH,
                request_id: String::new(),
                ..entry.clone()
            },
            _ => return false,
        };
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < ONE_DOWNLOAD;
        if self.downloads.get(&key).is_some_and(is_recent) {
            return true;
        }
        if self.downloads.len() >= DOWNLOADS {
            self.downloads.clear();
        }
        self.downloads.insert(key, now);
        false
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let part = self.part(day_of(entry.at))?;
        part.file.write_all(&line)?;
        part.size_bytes += line.len() as u64;
        Ok(())
    }

    /// The file for a day, which is another one than before when the day has changed or it has become too large.
    fn part(&mut self, date: Date) -> io::Result<&mut Part> {
        let limit = PART_BYTES.min(self.keeping.limit_bytes / 16);
        let next = match &self.open {
            Some(part) if part.date == date && part.size_bytes < limit => None,
            Some(part) if part.date == date => Some(part.number + 1),
            _ => {
                let parts = parts(&self.folder)?;
                let last = parts
                    .iter()
                    .filter(|part| part.date == date)
                    .map(|part| part.number);
                Some(last.max().unwrap_or(0))
            }
        };
        if let Some(number) = next {
            self.flush();
            self.open = None;
            self.prune(date);
            let path = self.folder.join(part_name(date, number));
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).mode(0o600).open(path)?;
            let size_bytes = file.metadata()?.len();
            self.open = Some(Part {
                date,
                number,
                file: BufWriter::new(file),
                size_bytes,
            });
        }
        self.open
            .as_mut()
            .ok_or_else(|| io::Error::other("no file of the journal is open"))
    }

    fn flush(&mut self) {
        let flushed = match &mut self.open {
            Some(part) => part.file.flush(),
            None => Ok(()),
        };
        self.tell(flushed, 0);
    }

    /// Removes what is too old, and the oldest part while there is too much.
    fn prune(&self, today: Date) {
        let pruned = || {
            let first = today
                .checked_sub(Span::new().days(i64::from(self.keeping.days) - 1))
                .unwrap_or(Date::MIN);
            let parts = parts(&self.folder)?;
            let mut total: u64 = parts.iter().map(|part| part.size_bytes).sum();
            let limit = self.keeping.limit_bytes - self.keeping.limit_bytes / 16;
            for part in parts {
                if part.date < first || total > limit {
                    fs::remove_file(&part.path)?;
                    total -= part.size_bytes;
                }
            }
            Ok(())
        };
        self.tell(pruned(), 0);
    }

    fn tell(&self, done: io::Result<()>, entries: u64) {
        if let Err(error) = done {
            self.lost.fetch_add(entries, Ordering::Relaxed);
            tracing::error!(%error, "the access journal cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use std::path::Path;

    use super::*;

    fn entry(at: &str, action: &str) -> Entry {
        Entry {
            at: at.parse().unwrap(),
            action: action.to_owned(),
            member: Some("alpha".to_owned()),
            address: Some("192.0.2.1".to_owned()),
            ..Entry::default()
        }
    }

    fn writer(folder: &Path, days: u32, limit_bytes: u64) -> Writer {
        Writer {
            folder: folder.to_owned(),
            keeping: Keeping {
                days,
                limit_bytes,
                with_addresses: false,
            },
            open: None,
            downloads: HashMap::new(),
            lost: Arc::default(),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let parts = parts(folder).unwrap();
        parts
            .iter()
            .map(|part| part_name(part.date, part.number))
            .collect()
    }

    #[test]
    fn old_days_and_the_oldest_parts_go_away() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "stays").unwrap();
        let mut by_age = writer(folder.path(), 2, 1 << 20);
        for day in ["2026-11-26", "2026-11-27", "2026-11-28"] {
            by_age
                .write(&entry(&format!("{day}T12:00:00Z"), "publish"))
                .unwrap();
        }
        assert_eq!(
            names(folder.path()),
            ["2026-11-27.0.jsonl", "2026-11-28.0.jsonl"]
        );
        let limit = 1 << 16;
        let mut by_size = writer(folder.path(), 2, limit);
        for _ in 0..2_000 {
            by_size
                .write(&entry("2026-11-28T12:00:00Z", "publish"))
                .unwrap();
        }
        by_size.flush();
        let left = parts(folder.path()).unwrap();
        let total: u64 = left.iter().map(|part| part.size_bytes).sum();
        assert!(left.len() > 5 && total <= limit, "{total}");
        assert!(left[0].number > 0, "{left:?}");
        assert!(folder.path().join("notes.txt").exists());
        // Another start goes on in the last part.
        let last = left.last().unwrap().number;
        let mut again = writer(folder.path(), 2, limit);
        again
            .write(&entry("2026-11-28T12:00:00Z", "publish"))
            .unwrap();
        assert_eq!(again.open.unwrap().number, last);
    }

    #[test]
    fn pieces_of_a_download_are_one_entry() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path(), 1, 1 << 20);
        let (pull, start) = (entry("2026-11-28T12:00:00Z", "pull"), Instant::now());
        assert!(!writer.is_again(&pull, start));
        let piece = Entry {
            request_id: "2".to_owned(),
            at: "2026-11-28T12:00:01Z".parse().unwrap(),
            ..pull.clone()
        };
        assert!(writer.is_again(&piece, start));
        assert!(!writer.is_again(&piece, start + ONE_DOWNLOAD));
        let other = Entry {
            file: Some("other".to_owned()),
            ..pull
        };
        assert!(!writer.is_again(&other, start));
        let publish = entry("2026-11-28T12:00:00Z", "publish");
        assert!(!writer.is_again(&publish, start) && !writer.is_again(&publish, start));
    }

    #[test]
    fn strangers_do_not_push_out_what_members_did() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path(), 1, 1 << 20);
        let start = Instant::now();
        let mut written = 0;
        for number in 0..1_000 {
            let stranger = Entry {
                member: None,
                outcome: "unauthenticated".to_owned(),
                name: Some(format!("alpha/invented-{number}")),
                address: Some(format!("192.0.2.{}", number % 256)),
                ..entry("2026-11-28T12:00:00Z", "publish")
            };
            written += usize::from(!writer.is_again(&stranger, start));
        }
        assert_eq!(written, 1);
        // A member who is refused is somebody, and each time something.
        let member = Entry {
            outcome: "forbidden".to_owned(),
            ..entry("2026-11-28T12:00:00Z", "publish")
        };
        assert!(!writer.is_again(&member, start) && !writer.is_again(&member, start));
    }

    #[test]
    fn entries_reach_the_disk_while_others_come_without_a_pause() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        let keeping = Keeping {
            days: 1,
            limit_bytes: 1 << 20,
            with_addresses: false,
        };
        let now = Timestamp::now().to_string();
        let journal = JournalFile::open(&data, keeping).unwrap().unwrap();
        journal.keep(entry(&now, "publish"));
        for _ in 0..500 {
            // Pieces of one download: one entry in all.
            journal.keep(entry(&now, "pull"));
            let mut out = Vec::new();
            export(&data, &Wanted::default(), &mut out).unwrap();
            if String::from_utf8(out).unwrap().contains("publish") {
                return;
            }
            std::thread::sleep(FLUSH_EVERY / 50);
        }
        panic!("ten seconds later it is still in memory alone");
    }

    #[test]
    fn it_is_written_before_the_server_ends_and_without_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        let keeping = Keeping {
            days: 1,
            limit_bytes: 1 << 20,
            with_addresses: false,
        };
        let now = Timestamp::now().to_string();
        let journal = JournalFile::open(&data, keeping).unwrap().unwrap();
        journal.keep(entry(&now, "publish"));
        assert_eq!(journal.lost().load(Ordering::Relaxed), 0);
        drop(journal);
        let mut out = Vec::new();
        export(&data, &Wanted::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("publish") && !text.contains("192.0.2.1"),
            "{text}"
        );
        let off = Keeping { days: 0, ..keeping };
        assert!(JournalFile::open(&data, off).unwrap().is_none());
    }
}
