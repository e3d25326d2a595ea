//! A copy of a hub in a folder: its trust root, its log, and the files of the releases that were chosen, for machines
//! that do not reach the hub. `registry_schema::mirror` says how the folder is laid out.
//!
//! Everything in it was verified on its way as a pull verifies it; for that the folder is a [`Store`], too, with a
//! receipt for each release. It goes forward and never back: what is there already is not fetched again, and the
//! checkpoint is written last, so that a run may end at any time and leave what the run before it left.
//!
//! Floors, lowest first: `error` · `folder`, `known` · `log`, `releases`.

mod error;
mod folder;
mod known;
mod log;
mod releases;

pub use error::MirrorError;
pub use releases::Skipped;

use std::path::Path;

use registry_schema::mirror::{Choice, MirrorList, Wanted};
use registry_schema::reference::Reference;

use crate::log_view::LogView;
use crate::pull::ProbeCheck;
use crate::registry::{Progress, Registry};
use crate::store::Store;
use crate::trust::Kept;
use folder::MirrorFolder;
use known::Known;

/// What to copy, from where, into which folder.
#[derive(Clone, Copy, Debug)]
pub struct MirrorRequest<'a> {
    /// The folder: one that is not there, an empty one, or a mirror of the same consortium.
    pub folder: &'a Path,
    /// Which releases; what was asked for before when absent.
    pub wanted: Option<&'a Wanted>,
    /// The hub.
    pub registry: &'a Registry,
    /// The trust root, as fresh as it is to be.
    pub trust: &'a Kept,
    /// The hub's log, as of this contact.
    pub log: &'a LogView,
    /// Whether extractors are run on their probes.
    pub probes: &'a ProbeCheck,
    /// What happens to releases that are there already.
    pub known: KnownReleases,
    /// Told of bytes that arrive.
    pub progress: &'a Progress,
}

/// What happens to releases that a mirror has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownReleases {
    /// Their statements are verified again, and their files must have their sizes.
    LookedAt,
    /// They are pulled again: every file is hashed, what is damaged comes anew, and so does a `model.sig`.
    PulledAgain,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Mirrored {
    /// What the mirror has now.
    pub list: MirrorList,
    /// Entries of its log before this run, and now.
    pub entries: (u64, u64),
    /// Releases that were brought in.
    pub fetched: Vec<Reference>,
    /// Releases that were asked for and are not to be had.
    pub skipped: Vec<Skipped>,
    /// Bytes of files that came from the hub.
    pub fetched_bytes: u64,
}

/// Brings a mirror up to date.
///
/// # Errors
/// [`MirrorError`] names the check that failed. What the mirror showed before it shows then, too; files that had
/// arrived are used by the next run.
pub async fn mirror(request: &MirrorRequest<'_>) -> Result<Mirrored, MirrorError> {
    // 1. the folder is a mirror of this consortium, or none yet, and nobody else is writing it
    let folder = MirrorFolder::open(request.folder, &request.trust.anchor)?;
    // What is named makes up for a list that cannot be read.
    let before = match request.wanted {
        Some(_) => None,
        None => folder.list()?,
    };
    let wanted = request.wanted.or(before.as_ref().map(|list| &list.wanted));
    let wanted = wanted.ok_or(MirrorError::NothingWanted)?;
    // 2. trust root and log continue what it has
    folder.check_trust_root(&request.trust.bundle)?;
    let shown = log::check_continues(&folder, request.log).await?;
    // 3. every entry of the log, and what the log says of releases
    let (log, root) = (request.log, &request.trust.root);
    let known = log::copy(&folder, shown.as_ref(), log, root, request.progress).await?;
    refuse_unknown(wanted, &known)?;
    // 4. the releases that are wanted, each as a pull brings it
    let store = Store::new(request.folder.to_owned());
    let fetched = releases::fetch(request, wanted, &known, &store).await?;
    let list = releases::list(request, wanted, &known, &store).await?;
    // 5. all of it becomes what the mirror shows, the checkpoint last
    folder.write_trust_root(&request.trust.bundle)?;
    folder.write_list(&list)?;
    let newest = request.log.checkpoint();
    folder.write_checkpoint(newest.note())?;
    let (before, now) = (shown.map_or(0, |head| head.size), newest.checkpoint().size);
    folder.remove_superseded(before, now)?;
    Ok(Mirrored {
        list,
        entries: (before, now),
        fetched: fetched.releases,
        skipped: fetched.skipped,
        fetched_bytes: fetched.bytes,
    })
}

/// Fails when something that was named is not in the log.
fn refuse_unknown(wanted: &Wanted, known: &Known) -> Result<(), MirrorError> {
    let only = |choice: &Choice| Wanted {
        extractors: vec![choice.clone()],
        ..Wanted::default()
    };
    let is_known = |choice: &Choice| !known.chosen(&only(choice)).is_empty();
    match wanted.extractors.iter().find(|choice| !is_known(choice)) {
        None => Ok(()),
        Some(choice) => Err(MirrorError::NoRelease {
            choice: choice.clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
