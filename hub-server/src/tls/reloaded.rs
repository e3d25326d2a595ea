//! What is read from files, and read again when they change: what is new takes the place of the old when it is whole
//! and good; what is broken does not.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::TlsError;

/// What was read from files, and what was seen of them.
#[derive(Debug)]
pub(super) struct Reloaded<T> {
    files: Vec<PathBuf>,
    current: RwLock<Arc<T>>,
    watch: Mutex<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    /// As they were when they were read last.
    read: Option<Vec<Stamp>>,
    /// As they were at the last look, if they had changed.
    changed: Option<Vec<Stamp>>,
    changes: Changes,
}

/// How often something new was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// What was taken.
    pub(crate) taken: u64,
    /// What was refused.
    pub(crate) refused: u64,
    /// Whether the files hold what was refused.
    pub(crate) is_stale: bool,
}

/// By what two states of a file differ.
type Stamp = (i64, i64, u64, u64);

impl<T> Reloaded<T> {
    /// Reads the files for the first time.
    pub(super) fn open(
        files: &[&Path],
        read: impl FnOnce() -> Result<T, TlsError>,
    ) -> Result<Self, TlsError> {
        let stamps = stamps(files);
        Ok(Self {
            current: RwLock::new(Arc::new(read()?)),
            files: files.iter().copied().map(Path::to_owned).collect(),
            watch: Mutex::new(Watch {
                read: stamps,
                ..Watch::default()
            }),
        })
    }

    /// What counts now.
    pub(super) fn current(&self) -> Arc<T> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// How often it was changed.
    pub(super) fn changes(&self) -> Changes {
        self.watch().changes
    }

    /// Looks at the files: whether they have changed and then stayed the same for one look, so that nobody meets what is
    /// still being written.
    pub(super) fn has_settled(&self) -> bool {
        let stamps = stamps(&self.files);
        let mut watch = self.watch();
        if stamps == watch.read {
            watch.changed = None;
            return false;
        }
        let has_settled = watch.changed == stamps;
        watch.changed = stamps;
        has_settled
    }

    /// Reads the files again, now.
    ///
    /// # Errors
    /// What `read` says; the old stays then.
    pub(super) fn read_again(
        &self,
        read: impl FnOnce() -> Result<T, TlsError>,
    ) -> Result<Arc<T>, TlsError> {
        let stamps = stamps(&self.files);
        let next = read().map(Arc::new);
        let mut watch = self.watch();
        watch.read = stamps;
        watch.changes.is_stale = next.is_err();
        match &next {
            Ok(next) => {
                watch.changes.taken += 1;
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::clone(next);
            }
            Err(_) => watch.changes.refused += 1,
        }
        next
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` when one of the files cannot be looked at.
fn stamps(files: &[impl AsRef<Path>]) -> Option<Vec<Stamp>> {
    let stamp = |path: &Path| {
        let state = fs::metadata(path).ok()?;
        Some((state.mtime(), state.mtime_nsec(), state.size(), state.ino()))
    };
    files.iter().map(|path| stamp(path.as_ref())).collect()
}
