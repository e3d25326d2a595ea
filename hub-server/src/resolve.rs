//! From a requirement to a release.

use registry_schema::digest::Digest;
use registry_schema::name::Name;
use registry_schema::reference::Requirement;
use semver::Version;

use crate::app::Hub;
use crate::database::catalogue::Shown;
use crate::database::releases::{self, ReleaseRow};
use crate::database::{Connection, DatabaseError, blobs, to_column};

/// How many releases are told when none satisfies a requirement.
const TOLD: usize = 6;

/// The newest release that satisfies the requirement, among those that the first `covered` entries
/// of the log have. A yanked release is found by its exact version only, so that those who locked it
/// still get it.
pub(crate) fn resolve(
    connection: &mut Connection,
    name: &Name,
    requirement: &Requirement,
    covered: u64,
) -> Result<ReleaseRow, ResolveError> {
    let mut rows = visible(connection, name, covered)?;
    if let Some(index) = newest(&rows, requirement)? {
        return Ok(rows.swap_remove(index));
    }
    check_known(connection, name)?;
    Err(none_satisfies(name, requirement, &rows)?)
}

/// Says which releases there are when none of them satisfies a requirement.
pub(crate) fn none_satisfies(
    name: &Name,
    requirement: &Requirement,
    rows: &[ReleaseRow],
) -> Result<ResolveError, DatabaseError> {
    let versions = rows.iter().map(|row| Ok((row.version()?, row.is_yanked)));
    let mut versions = versions.collect::<Result<Vec<_>, DatabaseError>>()?;
    versions.sort_by(|(a, _), (b, _)| b.cmp(a));
    let more = if versions.len() > TOLD { ", …" } else { "" };
    let told = versions.iter().take(TOLD).map(|(version, is_yanked)| {
        let yanked = if *is_yanked { " (yanked)" } else { "" };
        format!("{version}{yanked}")
    });
    let told = told.collect::<Vec<_>>().join(", ");
    Ok(ResolveError::NoSuchRelease {
        name: name.clone(),
        requirement: requirement.clone(),
        there: if told.is_empty() {
            told
        } else {
            format!("; the hub has {told}{more}")
        },
    })
}

/// The release with a commit, the word that clients of the Hugging Face Hub have for one.
pub(crate) fn resolve_commit(
    connection: &mut Connection,
    name: &Name,
    commit: &str,
    covered: u64,
) -> Result<ReleaseRow, ResolveError> {
    let mut rows = visible(connection, name, covered)?;
    if let Some(index) = rows.iter().position(|row| commit_of(row) == commit) {
        return Ok(rows.swap_remove(index));
    }
    check_known(connection, name)?;
    Err(ResolveError::NoSuchCommit {
        name: name.clone(),
        commit: commit.to_owned(),
    })
}

/// A release's commit: the first 40 hex digits of its statement's SHA-256, as long as a git commit
/// and as fixed as the statement.
pub(crate) fn commit_of(row: &ReleaseRow) -> &str {
    let hex = row.statement.strip_prefix("sha256:").unwrap_or_default();
    hex.get(..40).unwrap_or_default()
}

/// Refuses a name under which nothing was published.
fn check_known(connection: &mut Connection, name: &Name) -> Result<(), ResolveError> {
    if releases::revision(connection, name)? == 0 {
        return Err(ResolveError::NoSuchExtractor { name: name.clone() });
    }
    Ok(())
}

/// Which of these releases of one name is the newest that satisfies a requirement.
pub(crate) fn newest(
    rows: &[ReleaseRow],
    requirement: &Requirement,
) -> Result<Option<usize>, DatabaseError> {
    let versions = rows.iter().map(|row| Ok((row.version()?, row.is_yanked)));
    let versions = versions.collect::<Result<Vec<_>, DatabaseError>>()?;
    Ok(choose(requirement, versions))
}

/// All releases of a name that the first `covered` entries of the log have: what is not in a published
/// checkpoint is not there yet.
pub(crate) fn visible(
    connection: &mut Connection,
    name: &Name,
    covered: u64,
) -> Result<Vec<ReleaseRow>, DatabaseError> {
    let mut rows = releases::list(connection, name)?;
    let covered = to_column(covered)?;
    rows.retain(|row| row.log_index.is_some_and(|index| index < covered));
    Ok(rows)
}

/// What a search shows: what everybody can have with its proof; of a mirror, what of it is there.
pub(crate) fn shown(hub: &Hub) -> Shown {
    Shown {
        covered: hub.log.published_size(),
        with_files: hub.mirror.is_some(),
    }
}

/// Refuses a file of a release that a mirror does not show.
pub(crate) fn check_mirrored(
    connection: &mut Connection,
    name: &Name,
    digest: &Digest,
) -> Result<(), ResolveError> {
    let is_shown = blobs::size_bytes(connection, name, digest)?.is_some();
    if is_shown || !releases::has_file(connection, name, &digest.to_string())? {
        return Ok(());
    }
    Err(ResolveError::NotMirrored { name: name.clone() })
}

fn choose(requirement: &Requirement, versions: Vec<(Version, bool)>) -> Option<usize> {
    versions
        .into_iter()
        .enumerate()
        .filter(|(_, (version, is_yanked))| {
            requirement.matches(version)
                && (!is_yanked || matches!(requirement, Requirement::Exact(_)))
        })
        .max_by(|(_, (a, _)), (_, (b, _))| a.cmp(b))
        .map(|(index, _)| index)
}

/// Why a requirement leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    /// Nothing was published under the name.
    #[error("there is no extractor `{name}` on this hub")]
    NoSuchExtractor {
        /// Which name.
        name: Name,
    },
    /// Nothing fits.
    #[error("no release of `{name}` satisfies `{requirement}`{there}")]
    NoSuchRelease {
        /// Which name.
        name: Name,
        /// What was asked for.
        requirement: Requirement,
        /// The newest releases there are, in words; empty when there are none.
        there: String,
    },
    /// No release has this commit.
    #[error("no release of `{name}` has the commit {commit}")]
    NoSuchCommit {
        /// Which name.
        name: Name,
        /// What was asked for.
        commit: String,
    },
    /// The release is there, and its files are not.
    #[error("the files of `{name}` that were asked for are not in this mirror")]
    NotMirrored {
        /// Which name.
        name: Name,
    },
    /// The release has no such file.
    #[error("release {version} of `{name}` has no file `{path}`")]
    NoSuchFile {
        /// Which name.
        name: Name,
        /// Which release.
        version: String,
        /// Which path.
        path: String,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn yanked_releases_are_found_by_their_version_only() {
        let versions = || {
            [("2.0.0", false), ("2.1.0", true), ("3.0.0-rc.1", false)]
                .map(|(version, is_yanked)| (version.parse().unwrap(), is_yanked))
                .to_vec()
        };
        let choose = |text: &str| choose(&text.parse().unwrap(), versions());
        assert_eq!(choose("2"), Some(0));
        assert_eq!(choose("latest"), Some(0));
        assert_eq!(choose("2.1.0"), Some(1));
        assert_eq!(choose("2.1"), None);
        assert_eq!(choose("3"), None);
        assert_eq!(choose("3.0.0-rc.1"), Some(2));
    }
}
