//! Publishing a release, step by step. Blobs come first, by digest; this is the one short act that
//! makes them a release.

mod error;

pub(crate) use error::{OwnerError, PublishError};

use jiff::Timestamp;
use registry_schema::api::{Published, namespace};
use registry_schema::compatibility::{
    CompatibilityError, check_order, check_successor, compare_probes, predecessor,
};
use registry_schema::digest::Digest;
use registry_schema::manifest::{Distance, Manifest, Predecessor};
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Reference;
use registry_schema::trust_root::TrustRoot;
use registry_schema::verify::{Asked, VerifiedRelease, verify_release};
use semver::Version;

use crate::app::Hub;
use crate::database::releases::{self, FileRow, ReleaseRow};
use crate::database::{Connection, DatabaseError, blobs, to_column};
use crate::inspection::{inspect_files, read_vectors};

/// How often a publish starts again because another one of the same name came between.
const ATTEMPTS: u32 = 5;

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

/// Publishes a release. Waits for disk and database; call it on a thread that may.
///
/// # Errors
/// [`PublishError`] names the step that refused; nothing is recorded then.
pub(crate) fn publish(
    hub: &Hub,
    request: &PublishRequest,
) -> Result<Recorded<Published>, PublishError> {
    // 1. Who asks owns the name; enough owners signed a release of this name and version.
    check_owner(hub, &request.name, &request.member)?;
    let asked = Reference::exact(request.name.clone(), request.version.clone());
    let release = verify_release(&hub.policy, &Asked::Reference(&asked), &request.envelope)?;
    for _ in 0..ATTEMPTS {
        let known = hub
            .database
            .with(|connection| Known::load(connection, &request.name))?;
        // 2. The same again is fine; anything else under this version is not.
        if let Some(row) = known.find(&request.version) {
            return same_again(row, &release);
        }
        // 3. The version comes next and continues what its users had.
        let before = check_version(hub, &known, &release)?;
        // 4. Every file was uploaded under this name.
        check_blobs(hub, &release)?;
        // 5. The files are what they say, and the vectors keep the version's promise.
        inspect_files(&hub.blobs, &release)?;
        check_probes(hub, before.as_ref(), &release)?;
        // 6. Recorded at once or not at all.
        match record(hub, &known, &release, &request.member) {
            Err(PublishError::Database(DatabaseError::Changed)) => {}
            other => return other,
        }
    }
    Err(DatabaseError::Changed.into())
}

/// Refuses a member who does not own the name, and a name that nobody owns.
pub(crate) fn check_owner(hub: &Hub, name: &Name, member: &MemberName) -> Result<(), OwnerError> {
    let ownership = hub.policy.ownership(name)?;
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
struct Known {
    revision: i64,
    releases: Vec<(Version, ReleaseRow)>,
}

impl Known {
    fn load(connection: &mut Connection, name: &Name) -> Result<Self, DatabaseError> {
        // The revision first: if a release comes between the two reads, recording will notice.
        let revision = releases::revision(connection, name)?;
        let releases = releases::list(connection, name)?
            .into_iter()
            .map(|row| Ok((row.version()?, row)))
            .collect::<Result<_, DatabaseError>>()?;
        Ok(Self { revision, releases })
    }

    fn find(&self, version: &Version) -> Option<&ReleaseRow> {
        self.releases
            .iter()
            .find(|(known, _)| known == version)
            .map(|(_, row)| row)
    }
}

fn same_again(
    row: &ReleaseRow,
    release: &VerifiedRelease,
) -> Result<Recorded<Published>, PublishError> {
    if row.envelope != release.envelope() {
        return Err(PublishError::VersionExists {
            release: Box::new(release.reference()),
            is_other_content: row.statement != release.statement_digest().to_string(),
        });
    }
    Ok(Recorded {
        answer: answer(release, row.published_at)?,
        is_new: false,
    })
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
    let before = stored_release(hub, &manifest.name, row)?;
    check_successor(before.manifest(), manifest)?;
    Ok(Some(before))
}

fn named(row: &ReleaseRow) -> Result<Predecessor, DatabaseError> {
    Ok(Predecessor {
        version: row.version()?,
        statement: parse_digest(&row.statement)?,
    })
}

/// A recorded release, verified again.
pub(crate) fn stored_release(
    hub: &Hub,
    name: &Name,
    row: &ReleaseRow,
) -> Result<VerifiedRelease, PublishError> {
    let statement = parse_digest(&row.statement)?;
    verify_release(
        &hub.policy,
        &Asked::Statement(name, &statement),
        &row.envelope,
    )
    .map_err(|source| PublishError::Stored { source })
}

fn parse_digest(text: &str) -> Result<Digest, DatabaseError> {
    text.parse().map_err(|_| DatabaseError::Corrupt {
        what: "a digest that cannot be read",
    })
}

fn check_blobs(hub: &Hub, release: &VerifiedRelease) -> Result<(), PublishError> {
    let name = &release.manifest().name;
    let mut missing = Vec::new();
    for file in release.files() {
        let bound = hub
            .database
            .with(|connection| blobs::size_bytes(connection, name, &file.digest))?;
        let stored = hub.blobs.size_bytes(&file.digest)?;
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

fn record(
    hub: &Hub,
    known: &Known,
    release: &VerifiedRelease,
    member: &MemberName,
) -> Result<Recorded<Published>, PublishError> {
    let manifest = release.manifest();
    let now = Timestamp::now().as_second();
    let (row, files) = rows(release, member, now)?;
    hub.database.transaction(|connection| {
        releases::advance(connection, &manifest.name, known.revision)?;
        releases::insert(connection, &row, &files)?;
        relist(connection, &manifest.name)
    })?;
    Ok(Recorded {
        answer: answer(release, now)?,
        is_new: true,
    })
}

/// Lists an extractor by its newest stable release that is not yanked, or its newest release when
/// there is none.
pub(crate) fn relist(connection: &mut Connection, name: &Name) -> Result<(), DatabaseError> {
    let known = Known::load(connection, name)?;
    let rank = |(version, row): &(Version, ReleaseRow)| {
        (version.pre.is_empty() && !row.is_yanked, version.clone())
    };
    match known.releases.iter().max_by_key(|known| rank(known)) {
        Some((_, row)) => releases::set_listed(connection, name, &row.statement),
        None => Ok(()),
    }
}

fn rows(
    release: &VerifiedRelease,
    member: &MemberName,
    now: i64,
) -> Result<(ReleaseRow, Vec<FileRow>), DatabaseError> {
    let manifest = release.manifest();
    let statement = release.statement_digest().to_string();
    let files = release
        .files()
        .iter()
        .map(|file| {
            Ok(FileRow {
                statement: statement.clone(),
                path: file.path.clone(),
                digest: file.digest.to_string(),
                size_bytes: to_column(file.size_bytes)?,
            })
        })
        .collect::<Result<_, DatabaseError>>()?;
    let row = ReleaseRow {
        statement,
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        envelope: release.envelope().to_vec(),
        member: manifest.name.member().map(ToString::to_string),
        summary: manifest.summary.clone(),
        license: manifest.license.clone(),
        domain: manifest.domain.clone(),
        tags: format!(" {} ", manifest.tags.join(" ")),
        search_text: search_text(manifest),
        dimension: i64::from(manifest.output.dimension),
        distance: distance_text(manifest.output.distance).to_owned(),
        size_bytes: to_column(release.files().iter().map(|file| file.size_bytes).sum())?,
        changes: manifest.changes.clone(),
        signers: join(release.signers().iter().map(|signer| &signer.member)),
        published_at: now,
        published_by: member.to_string(),
        is_listed: false,
        is_yanked: false,
        yank_reason: None,
        yank_replacement: None,
    };
    Ok((row, files))
}

fn search_text(manifest: &Manifest) -> String {
    let base = manifest.name.base();
    format!(
        "{}/{base} {} {}",
        namespace(&manifest.name),
        manifest.summary,
        manifest.tags.join(" ")
    )
    .to_lowercase()
}

/// The word a manifest uses.
pub(crate) fn distance_text(distance: Distance) -> &'static str {
    match distance {
        Distance::Cosine => "cosine",
        Distance::Euclidean => "euclidean",
        Distance::Dot => "dot",
    }
}

fn join<'a>(members: impl Iterator<Item = &'a MemberName>) -> String {
    members
        .map(MemberName::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

fn answer(release: &VerifiedRelease, published_at: i64) -> Result<Published, DatabaseError> {
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
        published_at: time_text(published_at)?,
    })
}

/// Seconds since 1970 as RFC 3339.
pub(crate) fn time_text(seconds: i64) -> Result<String, DatabaseError> {
    let time = Timestamp::from_second(seconds).map_err(|_| DatabaseError::Corrupt {
        what: "a time that is none",
    })?;
    Ok(time.to_string())
}
