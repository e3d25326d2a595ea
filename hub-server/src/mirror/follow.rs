//! A mirror's server looks at its folder every few seconds, and says of it what has changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use registry_schema::mirror::{LIST_FILE, LOG_FOLDER, TRUST_FOLDER};

use super::{Taken, take};
use crate::app::Hub;
use crate::cause::chain;
use crate::trust::Expired;

/// What was seen of a folder and said of it.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    seen: Option<Marks>,
    /// Files that were missing.
    missing: BTreeSet<String>,
    /// What had expired of the trust root.
    expired: Vec<Expired>,
    /// Why nothing was taken.
    error: Option<String>,
}

/// What there is to say of a folder that was taken.
#[derive(Debug, PartialEq, Eq)]
struct News {
    /// Files that have come to be missing.
    missing: Vec<String>,
    /// What has expired of the trust root since.
    expired: Vec<Expired>,
    /// Whether anything is shown that was not shown before.
    is_shown_anew: bool,
}

impl Follower {
    /// Shows what is new in the folder of a mirror; what is no good is told of, and not shown. What was told is
    /// told again only after it was otherwise.
    pub(crate) fn look(&mut self, hub: &Hub, now: Timestamp) {
        let Some(folder) = &hub.mirror else { return };
        let marks = Marks::of(folder);
        if !self.is_to_be_taken(&marks) {
            return;
        }
        let database = &hub.database;
        match database.transaction(|connection| take(connection, folder, &hub.blobs, now)) {
            Ok(taken) => {
                let missing = taken.missing.iter().cloned().collect();
                let expired = &taken.state.expired;
                self.took(marks, missing, expired).tell(&taken);
                hub.show_copy(taken.state, taken.head);
            }
            Err(error) => {
                if let Some(error) = self.failed(chain(&error)) {
                    tracing::error!(error, "the mirror goes on with what it had");
                }
            }
        }
    }

    /// Files that are on their way change no mark, and neither does a disk that can be read again.
    fn is_to_be_taken(&self, marks: &Marks) -> bool {
        let is_as_before = self.seen.as_ref() == Some(marks);
        !is_as_before || !self.missing.is_empty() || self.error.is_some()
    }

    fn took(&mut self, marks: Marks, missing: BTreeSet<String>, expired: &[Expired]) -> News {
        let is_as_before =
            self.seen.as_ref() == Some(&marks) && self.missing == missing && self.error.is_none();
        let news_of = |one: &&Expired| !self.expired.contains(one);
        let new_expired = expired.iter().filter(news_of).cloned().collect();
        let new_missing = missing.difference(&self.missing).cloned().collect();
        *self = Self {
            seen: Some(marks),
            missing,
            expired: expired.to_vec(),
            error: None,
        };
        News {
            missing: new_missing,
            expired: new_expired,
            is_shown_anew: !is_as_before,
        }
    }

    /// The error, if it is to be said.
    fn failed(&mut self, error: String) -> Option<&str> {
        let is_as_before = self.error.as_ref() == Some(&error);
        self.error = Some(error);
        self.error.as_deref().filter(|_| !is_as_before)
    }
}

impl News {
    fn tell(&self, taken: &Taken) {
        self.expired.iter().for_each(Expired::tell);
        for file in &self.missing {
            tracing::warn!(
                file,
                "the folder of the mirror should hold this and does not"
            );
        }
        if self.is_shown_anew {
            let (entries, releases) = (taken.head.checkpoint.size, taken.releases);
            tracing::info!(entries, releases, "the mirror shows its folder");
        }
    }
}

/// When the files were written that each update writes, and how long they are.
#[derive(Debug, PartialEq, Eq)]
struct Marks([Option<(SystemTime, u64)>; 3]);

impl Marks {
    fn of(folder: &Path) -> Self {
        let mark = |path: PathBuf| {
            let data = fs::metadata(path).ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        Self([
            mark(folder.join(LOG_FOLDER).join("checkpoint")),
            mark(folder.join(TRUST_FOLDER).join("metadata/timestamp.json")),
            mark(folder.join(LIST_FILE)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(size_bytes: u64) -> Marks {
        Marks([Some((SystemTime::UNIX_EPOCH, size_bytes)), None, None])
    }

    fn news(missing: &[&str], is_shown_anew: bool) -> News {
        News {
            missing: missing.iter().map(ToString::to_string).collect(),
            expired: Vec::new(),
            is_shown_anew,
        }
    }

    #[test]
    fn what_is_missing_is_told_once_until_it_comes() {
        let mut follower = Follower::default();
        assert!(follower.is_to_be_taken(&marks(1)));
        let mut took = |size_bytes: u64, missing: &[&str]| {
            let missing = missing.iter().map(ToString::to_string).collect();
            let news = follower.took(marks(size_bytes), missing, &[]);
            // While something is missing the folder is looked through, though nothing in it was marked.
            let again = follower.is_to_be_taken(&marks(size_bytes));
            (news, again)
        };
        assert_eq!(took(1, &["a", "b"]), (news(&["a", "b"], true), true));
        assert_eq!(took(1, &["b", "a"]), (news(&[], false), true));
        assert_eq!(took(1, &["b"]), (news(&[], true), true));
        assert_eq!(took(2, &["b", "c"]), (news(&["c"], true), true));
        assert_eq!(took(2, &[]), (news(&[], true), false));
        assert_eq!(took(3, &["b"]), (news(&["b"], true), true));
    }

    #[test]
    fn what_has_expired_is_told_once_while_something_is_missing() {
        let mut follower = Follower::default();
        let [timestamp, targets] = ["timestamp", "targets"].map(|role| Expired {
            role: role.to_owned(),
            expires: Timestamp::UNIX_EPOCH,
        });
        let missing = || BTreeSet::from(["a".to_owned()]);
        let mut told = |expired: &[Expired]| follower.took(marks(1), missing(), expired).expired;
        let one = [timestamp.clone()];
        assert_eq!(told(&one), one);
        assert!(told(&one).is_empty());
        assert_eq!(told(&[timestamp, targets.clone()]), [targets]);
        assert!(told(&[]).is_empty());
        assert_eq!(told(&one), one);
    }

    #[test]
    fn an_error_is_told_once_until_something_is_taken() {
        let mut follower = Follower::default();
        let _ = follower.took(marks(1), BTreeSet::new(), &[]);
        let mut failed = |error: &str| follower.failed(error.to_owned()).is_some();
        assert!(failed("no such file"));
        assert!(!failed("no such file"));
        assert!(failed("not UTF-8"));
        // Also when it is as it was before.
        assert!(follower.is_to_be_taken(&marks(1)));
        let taken = follower.took(marks(1), BTreeSet::new(), &[]);
        assert_eq!(taken, news(&[], true));
        assert!(!follower.is_to_be_taken(&marks(1)));
        assert!(follower.failed("no such file".to_owned()).is_some());
    }
}
