//! A checked release as the rows that will be written for it.

use registry_schema::api::namespace;
use registry_schema::manifest::{Distance, Manifest};
use registry_schema::name::MemberName;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{VerifiedRelease, VerifyError, check_signers};

use super::{Known, PublishError, missing_blobs};
use crate::database::catalogue::input_text;
use crate::database::releases::{self, FileRow, ReleaseRow};
use crate::database::{Connection, DatabaseError, blobs, collection, to_column};
use crate::log::Place;

/// A checked release with everything that will be written for it.
pub(crate) struct ReleaseDraft {
    release: Box<VerifiedRelease>,
    revision: i64,
    row: ReleaseRow,
    files: Vec<FileRow>,
    listed: Option<String>,
}

impl ReleaseDraft {
    /// What `member` publishes under a name of which `known` is known.
    pub(crate) fn new(
        known: &Known,
        release: VerifiedRelease,
        member: &MemberName,
    ) -> Result<Self, DatabaseError> {
        let (row, files) = rows(&release, member)?;
        Ok(Self {
            revision: known.revision,
            listed: known.listed_with(&row, &release.manifest().version),
            row,
            files,
            release: Box::new(release),
        })
    }

    /// Refuses a release whose signatures do not suffice at the place that it gets: a key may have
    /// been taken back since they were verified.
    pub(crate) fn check_signers(
        &self,
        trust_root: &ConsortiumRoot,
        place: Place,
    ) -> Result<(), VerifyError> {
        let name = &self.release.manifest().name;
        check_signers(trust_root, name, self.release.signers(), place.index)
    }

    /// Refuses a release one of whose files was removed since it was looked for: what can be read
    /// under a name now is in the store as long as the transaction lasts.
    pub(crate) fn check_bound(&self, connection: &mut Connection) -> Result<(), PublishError> {
        collection::hold(connection)?;
        let name = &self.release.manifest().name;
        let mut missing = Vec::new();
        for file in self.release.files() {
            if blobs::size_bytes(connection, name, &file.digest)?.is_none() {
                missing.push(format!("`{}` ({})", file.path, file.digest));
            }
        }
        missing_blobs(missing)
    }

    /// Writes the rows of the entry at a place.
    ///
    /// # Errors
    /// [`DatabaseError::Changed`] when the name is not as it was known any more.
    pub(crate) fn record(
        mut self,
        connection: &mut Connection,
        place: Place,
    ) -> Result<Box<VerifiedRelease>, PublishError> {
        let name = &self.release.manifest().name;
        self.row.published_at = place.logged_at;
        self.row.log_index = Some(place.column()?);
        releases::advance(connection, name, self.revision)?;
        releases::insert(connection, &self.row, &self.files)?;
        if let Some(listed) = &self.listed {
            releases::set_listed(connection, name, listed)?;
        }
        Ok(self.release)
    }
}

fn rows(
    release: &VerifiedRelease,
    member: &MemberName,
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
        published_at: 0,
        published_by: member.to_string(),
        is_listed: false,
        is_yanked: false,
        yank_reason: None,
        yank_replacement: None,
        log_index: None,
        input: Some(input_text(&manifest.input)),
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
