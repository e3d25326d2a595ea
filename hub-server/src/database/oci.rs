//! What members keep in repositories that are no extractors, and the proofs that OCI clients were
//! shown.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::prelude::*;
use registry_schema::digest::Digest;

use super::schema::{oci_blobs, oci_manifests, oci_proofs, oci_tags, releases};
use super::{
    Connection, DatabaseError, MultiBackend, from_column, insert_unless_there, to_column, to_digest,
};

/// A blob of a repository, and where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptBlob {
    pub(crate) content: Digest,
    pub(crate) size_bytes: u64,
}

/// A manifest as it was pushed, and what a list of referrers says of it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = oci_manifests)]
pub(crate) struct ManifestRow {
    pub(crate) repository: String,
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) artifact_type: Option<String>,
    /// JSON.
    pub(crate) annotations: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) size_bytes: i64,
    pub(crate) content: Vec<u8>,
    pub(crate) pushed_at: i64,
    pub(crate) pushed_by: String,
}

/// A manifest that has a subject, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = oci_manifests)]
pub(crate) struct ReferrerRow {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: Option<String>,
    pub(crate) size_bytes: i64,
}

/// Makes a blob readable in a repository; does nothing when it is.
pub(crate) fn bind_blob(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
    blob: KeptBlob,
) -> Result<(), DatabaseError> {
    let size_bytes = to_column(blob.size_bytes)?;
    insert_unless_there(connection, |connection| {
        diesel::insert_into(oci_blobs::table)
            .values((
                oci_blobs::repository.eq(repository),
                oci_blobs::digest.eq(digest),
                oci_blobs::content.eq(blob.content.to_string()),
                oci_blobs::size_bytes.eq(size_bytes),
            ))
            .execute(connection)
    })
}

pub(crate) fn find_blob(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
) -> Result<Option<KeptBlob>, DatabaseError> {
    let found: Option<(String, i64)> = oci_blobs::table
        .find((repository, digest))
        .select((oci_blobs::content, oci_blobs::size_bytes))
        .first(connection)
        .optional()?;
    found.map(kept).transpose()
}

/// The sizes of those of some blobs that a repository holds.
pub(crate) fn sizes_of(
    connection: &mut Connection,
    repository: &str,
    digests: Vec<&str>,
) -> Result<HashMap<String, u64>, DatabaseError> {
    let found: Vec<(String, i64)> = oci_blobs::table
        .filter(oci_blobs::repository.eq(repository))
        .filter(oci_blobs::digest.eq_any(digests))
        .select((oci_blobs::digest, oci_blobs::size_bytes))
        .load(connection)?;
    let sized = found.into_iter();
    sized
        .map(|(digest, size_bytes)| Ok((digest, from_column(size_bytes)?)))
        .collect()
}

/// A blob with this digest, whatever repository it is in.
pub(crate) fn find_blob_anywhere(
    connection: &mut Connection,
    digest: &str,
) -> Result<Option<KeptBlob>, DatabaseError> {
    let found: Option<(String, i64)> = oci_blobs::table
        .filter(oci_blobs::digest.eq(digest))
        .select((oci_blobs::content, oci_blobs::size_bytes))
        .first(connection)
        .optional()?;
    found.map(kept).transpose()
}

fn kept((content, size_bytes): (String, i64)) -> Result<KeptBlob, DatabaseError> {
    Ok(KeptBlob {
        content: to_digest(&content)?,
        size_bytes: from_column(size_bytes)?,
    })
}

/// Whether there was such a blob.
pub(crate) fn delete_blob(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
) -> Result<bool, DatabaseError> {
    let row = oci_blobs::table.find((repository, digest));
    Ok(diesel::delete(row).execute(connection)? > 0)
}

/// Where the bytes of all blobs are, with their sizes.
pub(crate) fn contents(
    connection: &mut Connection,
) -> Result<BTreeMap<String, u64>, DatabaseError> {
    let contents: Vec<(String, i64)> = oci_blobs::table
        .select((oci_blobs::content, oci_blobs::size_bytes))
        .distinct()
        .load(connection)?;
    let sized = contents.into_iter();
    sized
        .map(|(content, size_bytes)| Ok((content, from_column(size_bytes)?)))
        .collect()
}

/// Keeps a manifest in place of the same one.
pub(crate) fn put_manifest(
    connection: &mut Connection,
    row: &ManifestRow,
) -> Result<(), DatabaseError> {
    let same = oci_manifests::table.find((&row.repository, &row.digest));
    diesel::delete(same).execute(connection)?;
    diesel::insert_into(oci_manifests::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

pub(crate) fn find_manifest(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
) -> Result<Option<ManifestRow>, DatabaseError> {
    Ok(oci_manifests::table
        .find((repository, digest))
        .select(ManifestRow::as_select())
        .first(connection)
        .optional()?)
}

/// Who has pushed a manifest, if it is there.
pub(crate) fn manifest_pusher(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
) -> Result<Option<String>, DatabaseError> {
    Ok(oci_manifests::table
        .find((repository, digest))
        .select(oci_manifests::pushed_by)
        .first(connection)
        .optional()?)
}

/// Those of some manifests that a repository holds.
pub(crate) fn manifests_among(
    connection: &mut Connection,
    repository: &str,
    digests: Vec<&str>,
) -> Result<HashSet<String>, DatabaseError> {
    let found: Vec<String> = oci_manifests::table
        .filter(oci_manifests::repository.eq(repository))
        .filter(oci_manifests::digest.eq_any(digests))
        .select(oci_manifests::digest)
        .load(connection)?;
    Ok(found.into_iter().collect())
}

/// Whether a repository holds a blob or a manifest.
pub(crate) fn holds_something(
    connection: &mut Connection,
    repository: &str,
) -> Result<bool, DatabaseError> {
    let blobs = oci_blobs::table.filter(oci_blobs::repository.eq(repository));
    let manifests = oci_manifests::table.filter(oci_manifests::repository.eq(repository));
    let has_blob: bool = diesel::select(diesel::dsl::exists(blobs)).get_result(connection)?;
    let has_manifest: bool =
        diesel::select(diesel::dsl::exists(manifests)).get_result(connection)?;
    Ok(has_blob || has_manifest)
}

/// Which manifests there are: repository and digest of each.
pub(super) fn manifests(
    connection: &mut Connection,
) -> Result<Vec<(String, String)>, DatabaseError> {
    Ok(oci_manifests::table
        .select((oci_manifests::repository, oci_manifests::digest))
        .load(connection)?)
}

/// Removes a manifest and the tags that lead to it; whether there was one.
pub(crate) fn delete_manifest(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
) -> Result<bool, DatabaseError> {
    let tags = oci_tags::table
        .filter(oci_tags::repository.eq(repository))
        .filter(oci_tags::digest.eq(digest));
    diesel::delete(tags).execute(connection)?;
    let row = oci_manifests::table.find((repository, digest));
    Ok(diesel::delete(row).execute(connection)? > 0)
}

/// Which manifests are asked for that refer to another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Referring<'a> {
    /// The other one's digest.
    pub(crate) subject: &'a str,
    /// Only those of this type.
    pub(crate) artifact_type: Option<&'a str>,
    /// Only those after this digest; all are after the empty text.
    pub(crate) after: &'a str,
}

/// The manifests of a repository that refer to another one, at most `limit`, in order of digests.
pub(crate) fn referrers(
    connection: &mut Connection,
    repository: &str,
    wanted: &Referring<'_>,
    limit: usize,
) -> Result<Vec<ReferrerRow>, DatabaseError> {
    let mut rows = oci_manifests::table
        .filter(oci_manifests::repository.eq(repository))
        .filter(oci_manifests::subject.eq(wanted.subject))
        .filter(oci_manifests::digest.gt(wanted.after))
        .order(oci_manifests::digest)
        .limit(to_column(limit as u64)?)
        .into_boxed::<MultiBackend>();
    if let Some(kind) = wanted.artifact_type {
        rows = rows.filter(oci_manifests::artifact_type.eq(kind));
    }
    Ok(rows.select(ReferrerRow::as_select()).load(connection)?)
}

/// Makes a tag lead to a manifest, wherever it led before.
pub(crate) fn set_tag(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
    digest: &str,
) -> Result<(), DatabaseError> {
    diesel::delete(oci_tags::table.find((repository, tag))).execute(connection)?;
    diesel::insert_into(oci_tags::table)
        .values((
            oci_tags::repository.eq(repository),
            oci_tags::tag.eq(tag),
            oci_tags::digest.eq(digest),
        ))
        .execute(connection)?;
    Ok(())
}

pub(crate) fn find_tag(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
) -> Result<Option<String>, DatabaseError> {
    Ok(oci_tags::table
        .find((repository, tag))
        .select(oci_tags::digest)
        .first(connection)
        .optional()?)
}

/// Whether there was such a tag.
pub(crate) fn delete_tag(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
) -> Result<bool, DatabaseError> {
    let row = oci_tags::table.find((repository, tag));
    Ok(diesel::delete(row).execute(connection)? > 0)
}

/// All tags of a repository, in no order.
pub(crate) fn tags(
    connection: &mut Connection,
    repository: &str,
) -> Result<Vec<String>, DatabaseError> {
    Ok(oci_tags::table
        .filter(oci_tags::repository.eq(repository))
        .select(oci_tags::tag)
        .load(connection)?)
}

/// Repositories that hold something, and names that have a release among the first `covered` entries
/// of the log: at most `limit` after `last`, in order.
pub(crate) fn repositories(
    connection: &mut Connection,
    covered: u64,
    last: &str,
    limit: i64,
) -> Result<Vec<String>, DatabaseError> {
    let mut names: Vec<String> = releases::table
        .filter(releases::log_index.lt(to_column(covered)?))
        .filter(releases::name.gt(last))
        .select(releases::name)
        .distinct()
        .order(releases::name)
        .limit(limit)
        .load(connection)?;
    let foreign: Vec<String> = oci_manifests::table
        .filter(oci_manifests::repository.gt(last))
        .select(oci_manifests::repository)
        .distinct()
        .order(oci_manifests::repository)
        .limit(limit)
        .load(connection)?;
    names.extend(foreign);
    names.sort();
    names.dedup();
    names.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(names)
}

pub(crate) fn find_proof(
    connection: &mut Connection,
    release_statement: &str,
) -> Result<Option<String>, DatabaseError> {
    Ok(oci_proofs::table
        .find(release_statement)
        .select(oci_proofs::proof)
        .first(connection)
        .optional()?)
}

/// Keeps the proof of a release, unless one is kept.
pub(crate) fn insert_proof(
    connection: &mut Connection,
    release_statement: &str,
    proof: &str,
) -> Result<(), DatabaseError> {
    insert_unless_there(connection, |connection| {
        diesel::insert_into(oci_proofs::table)
            .values((
                oci_proofs::release_statement.eq(release_statement),
                oci_proofs::proof.eq(proof),
            ))
            .execute(connection)
    })
}
