//! Publishing a release, step by step. Blobs come first, by digest; this is the one short act that
//! makes them a release.

mod draft;
mod error;

pub(crate) use draft::{ReleaseDraft, distance_text};
pub(crate) use error::{OwnerError, PublishError};

use std::sync::Arc;

use jiff::Timestamp;
use registry_schema::api::Published;
use registry_schema::compatibility::{
    CompatibilityError, check_order, check_successor, compare_probes, predecessor,
};
use registry_schema::log::proof::LogProof;
use registry_schema::manifest::Predecessor;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Reference;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::verify::{Asked, VerifiedRelease, verify_release};
use semver::Version;

use crate::app::Hub;
use crate::database::releases::{self, ListingRank, ReleaseRow};
use crate::database::{Connection, DatabaseError, blobs, to_digest};
use crate::inspection::{inspect_files, read_vectors};
use crate::log::{NewEntry, Place};
use crate::quota;
use crate::trust::State;

/// How often recording starts again because something else of the same name came between.
pub(crate) const ATTEMPTS: u32 = 5;

/// Somebody wants this envelope to be a release.
#[derive(Clone, Debug)]
pub(crate) struct PublishRequest {
    pub(crate) name: Name,
    pub(crate) version: Version,
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: MemberName,
}

/// It is a release now.
#[derive(Debug)]
pub(crate) struct Recorded<T> {
    pub(crate) answer: T,
    /// False when the same envelope had been recorded before.
    pub(crate) is_new: bool,
}

/// Publishes a release.
///
/// # Errors
/// [`PublishError`] names the step that refused; nothing is recorded then, except that
/// [`crate::log::LogError::Unwitnessed`] says that it is recorded and witnesses are missing.
pub(crate) async fn publish(
    hub: Arc<Hub>,
    request: PublishRequest,
) -> Result<Recorded<Published>, PublishError> {
    let request = Arc::new(request);
    for _ in 0..ATTEMPTS {
        let trust = hub.trust_root();
        let (release, place, is_new) = match prepare(&hub, &trust, &request).await? {
            Prepared::Known(release, place) => (release, place, false),
            Prepared::New(draft) => {
                // 6. Recorded with its entry of the log, or not at all; at that place its keys must
                // count.
                let entry = NewEntry::new(request.envelope.clone(), request.member.to_string());
                let (asked, member) = (Arc::clone(&hub), request.member.clone());
                let record = move |connection: &mut Connection, place: Place| {
                    asked.check_same_trust(connection, &trust)?;
                    draft.check_signers(&trust.root, place)?;
                    draft.check_bound(connection)?;
                    quota::check_release(connection, &member, place.logged_at)?;
                    draft.record(connection, place)
                };
                match hub.log.append(entry, record).await {
                    Ok((Some(release), place)) => (release, place, true),
                    // The same, another release of this name, or another trust root came between:
                    // look again.
                    Ok((None, _)) | Err(PublishError::Database(DatabaseError::Changed)) => continue,
                    Err(other) => return Err(other),
                }
            }
        };
        // 7. The reply leaves with the proof that the log shows it to everybody.
        let proof = hub.log.covered(place.index).await?;
        // 8. Who has the release before fetches what has changed.
        let files = release.files().iter();
        hub.deltas
            .prepare(files.map(|file| (file.digest, file.size_bytes)));
        return Ok(Recorded {
            answer: answer(&release, place, &proof)?,
            is_new,
        });
    }
    Err(DatabaseError::Changed.into())
}

/// What the checks leave to do.
enum Prepared {
    /// It was recorded before.
    Known(Box<VerifiedRelease>, Place),
    /// It can be recorded, unless the name changes in the meantime.
    New(Box<ReleaseDraft>),
}

/// The checks, on a thread that may wait. They take their turn; what waits for the log does not
/// keep others from theirs.
async fn prepare(
    hub: &Arc<Hub>,
    trust: &Arc<State>,
    request: &Arc<PublishRequest>,
) -> Result<Prepared, PublishError> {
    // The turn goes with the work, which goes on when the client hangs up. The semaphore is never
    // closed, so there always is one to wait for.
    let turn = Arc::clone(&hub.publishing).acquire_owned().await.ok();
    let (hub, request) = (Arc::clone(hub), Arc::clone(request));
    let trust = Arc::clone(trust);
    let checked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        check(&hub, &trust, &request)
    });
    checked.await.map_err(|_| DatabaseError::Interrupted)?
}

fn check(hub: &Hub, trust: &State, request: &PublishRequest) -> Result<Prepared, PublishError> {
    // 1. Who asks owns the name; enough owners signed a release of this name and version.
    check_owner(hub, &request.name, &request.member)?;
    let asked = Reference::exact(request.name.clone(), request.version.clone());
    // The place is given when the entry is written; this is the first it can get.
    let next = hub.log.head().checkpoint.size;
    let asked = Asked::Reference(&asked);
    let known = hub
        .database
        .with(|connection| Known::load(connection, &request.name))?;
    let earlier = known.find(&request.version);
    if let Some(row) = earlier.filter(|row| row.envelope == request.envelope) {
        // What is recorded is, also when its key has been taken back since.
        return same_again(row, stored_release(&trust.root, &request.name, row)?);
    }
    let release = verify_release(&trust.root, &asked, &request.envelope, next)?;
    // 2. The same again is fine; anything else under this version is not.
    if let Some(row) = earlier {
        return same_again(row, release);
    }
    // 3. The version comes next and continues what its users had.
    let before = check_version(hub, &known, &release)?;
    // 4. Every file was uploaded under this name.
    check_blobs(hub, &release)?;
    // 5. The files are what they say, and the vectors keep the version's promise.
    inspect_files(&hub.blobs, &release)?;
    check_probes(hub, before.as_ref(), &release)?;
    let draft = ReleaseDraft::new(&known, release, &request.member)?;
    Ok(Prepared::New(Box::new(draft)))
}

/// Refuses a member who does not own the name, and a name that nobody owns.
pub(crate) fn check_owner(hub: &Hub, name: &Name, member: &MemberName) -> Result<(), OwnerError> {
    let next = hub.log.head().checkpoint.size;
    let ownership = hub.trust_root().root.ownership(name, next)?;
    if ownership.includes(member) {
        return Ok(());
    }
    Err(OwnerError::NotAnOwner {
        name: name.clone(),
        member: member.clone(),
        owners: ownership.member_names(),
    })
}

/// What is recorded under a name, and at which revision it was read.
pub(crate) struct Known {
    revision: i64,
    releases: Vec<(Version, ReleaseRow)>,
}

impl Known {
    pub(crate) fn load(connection: &mut Connection, name: &Name) -> Result<Self, DatabaseError> {
        // The revision first: if a release comes between the two reads, recording will notice.
        let revision = releases::revision(connection, name)?;
        let releases = releases::list(connection, name)?
            .into_iter()
            .map(|row| Ok((row.version()?, row)))
            .collect::<Result<_, DatabaseError>>()?;
        Ok(Self { revision, releases })
    }

    /// The revision to advance from.
    pub(crate) fn revision(&self) -> i64 {
        self.revision
    }

    /// The statement by which the extractor is listed when one more release is there, or the state
    /// of one has changed. `None` when that is the one by which it is listed already.
    pub(crate) fn listed_with(&self, changed: &ReleaseRow, version: &Version) -> Option<String> {
        let rank =
            |version: &Version, row: &ReleaseRow| ListingRank::new(version.clone(), row.is_yanked);
        let others = self.releases.iter().filter(|(known, _)| known != version);
        others
            .map(|(version, row)| (rank(version, row), row))
            .chain([(rank(version, changed), changed)])
            .max_by(|(a, _), (b, _)| a.cmp(b))
            .filter(|(_, row)| !row.is_listed)
            .map(|(_, row)| row.statement.clone())
    }

    /// The release of a version, if it is recorded.
    pub(crate) fn find(&self, version: &Version) -> Option<&ReleaseRow> {
        self.releases
            .iter()
            .find(|(known, _)| known == version)
            .map(|(_, row)| row)
    }
}

fn same_again(row: &ReleaseRow, release: VerifiedRelease) -> Result<Prepared, PublishError> {
    if row.envelope != release.envelope() {
        return Err(PublishError::VersionExists {
            release: Box::new(release.reference()),
            is_other_content: row.statement != release.statement_digest().to_string(),
        });
    }
    let place = Place {
        index: row.index()?,
        logged_at: row.published_at,
    };
    Ok(Prepared::Known(Box::new(release), place))
}

fn check_version(
    hub: &Hub,
    known: &Known,
    release: &VerifiedRelease,
) -> Result<Option<VerifiedRelease>, PublishError> {
    let manifest = release.manifest();
    check_order(
        &manifest.version,
        known.releases.iter().map(|(version, _)| version),
    )?;
    let current = known
        .releases
        .iter()
        .filter(|(_, row)| !row.is_yanked)
        .map(|(version, _)| version);
    let before = predecessor(&manifest.version, current).and_then(|version| known.find(version));
    let expected = before.map(named).transpose()?;
    if manifest.predecessor != expected {
        return Err(PublishError::Predecessor {
            expected: Box::new(expected),
            found: Box::new(manifest.predecessor.clone()),
        });
    }
    let Some(row) = before else { return Ok(None) };
    let before = stored_release(&hub.trust_root().root, &manifest.name, row)?;
    check_successor(before.manifest(), manifest)?;
    Ok(Some(before))
}

fn named(row: &ReleaseRow) -> Result<Predecessor, DatabaseError> {
    Ok(Predecessor {
        version: row.version()?,
        statement: to_digest(&row.statement)?,
    })
}

/// The release in an entry of the log, verified again; its key may have been taken back since.
pub(crate) fn logged_release(
    trust_root: &ConsortiumRoot,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedRelease, PublishError> {
    let recorded = trust_root.including_retired_keys();
    verify_release(&recorded, &Asked::Anything, envelope, index)
        .map_err(|source| PublishError::Stored { source })
}

/// A recorded release, verified again; its key may have been taken back since.
pub(crate) fn stored_release(
    trust_root: &ConsortiumRoot,
    name: &Name,
    row: &ReleaseRow,
) -> Result<VerifiedRelease, PublishError> {
    let statement = to_digest(&row.statement)?;
    verify_release(
        &trust_root.including_retired_keys(),
        &Asked::Statement(name, &statement),
        &row.envelope,
        row.index()?,
    )
    .map_err(|source| PublishError::Stored { source })
}

fn check_blobs(hub: &Hub, release: &VerifiedRelease) -> Result<(), PublishError> {
    let name = &release.manifest().name;
    let mut missing = Vec::new();
    for file in release.files() {
        let bound = hub
            .database
            .with(|connection| blobs::size_bytes(connection, name, &file.digest))?;
        let stored = hub.blobs.settled_bytes(&file.digest, file.size_bytes)?;
        match (bound, stored) {
            (Some(_), Some(size_bytes)) if size_bytes == file.size_bytes => {}
            (Some(_), Some(size_bytes)) => {
                return Err(PublishError::BlobSize {
                    path: file.path.clone(),
                    expected: file.size_bytes,
                    found: size_bytes,
                });
            }
            _ => missing.push(format!("`{}` ({})", file.path, file.digest)),
        }
    }
    missing_blobs(missing)
}

/// Refuses a release of which files are missing.
fn missing_blobs(mut missing: Vec<String>) -> Result<(), PublishError> {
    match missing.len() {
        0 => Ok(()),
        count => Err(PublishError::BlobMissing {
            count,
            first: missing.swap_remove(0),
        }),
    }
}

fn check_probes(
    hub: &Hub,
    before: Option<&VerifiedRelease>,
    release: &VerifiedRelease,
) -> Result<(), PublishError> {
    let vectors = read_vectors(&hub.blobs, release)?;
    let Some(before) = before else { return Ok(()) };
    for image in before.probe_images() {
        if release.file(&image.path).map(|file| file.digest) != Some(image.digest) {
            return Err(CompatibilityError::ProbeMissing {
                path: image.path.clone(),
            }
            .into());
        }
    }
    let expected = read_vectors(&hub.blobs, before)?;
    compare_probes(&expected, &vectors, before.manifest().probes)?;
    Ok(())
}

fn answer(
    release: &VerifiedRelease,
    place: Place,
    proof: &LogProof,
) -> Result<Published, DatabaseError> {
    let manifest = release.manifest();
    Ok(Published {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        statement: release.statement_digest(),
        signers: release
            .signers()
            .iter()
            .map(|signer| signer.member.clone())
            .collect(),
        published_at: time_text(place.logged_at)?,
        log_index: place.index,
        proof: proof.to_string(),
    })
}

/// Seconds since 1970 as RFC 3339.
pub(crate) fn time_text(seconds: i64) -> Result<String, DatabaseError> {
    let time = Timestamp::from_second(seconds).map_err(|_| DatabaseError::Corrupt {
        what: "a time that is none",
    })?;
    Ok(time.to_string())
}
