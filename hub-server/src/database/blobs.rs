//! Under which names a blob can be read.

use std::collections::BTreeSet;

use diesel::prelude::*;
use registry_schema::digest::Digest;
use registry_schema::name::Name;

use super::schema::repository_blobs;
use super::{Connection, DatabaseError, from_column, insert_unless_there, to_column};

/// The size of a blob that can be read under this name.
pub(crate) fn size_bytes(
    connection: &mut Connection,
    repository: &Name,
    digest: &Digest,
) -> Result<Option<u64>, DatabaseError> {
    let found: Option<i64> = repository_blobs::table
        .find((repository.to_string(), digest.to_string()))
        .select(repository_blobs::size_bytes)
        .first(connection)
        .optional()?;
    found.map(from_column).transpose()
}

/// The size of a blob that can be read under some name.
pub(crate) fn size_anywhere(
    connection: &mut Connection,
    digest: &Digest,
) -> Result<Option<u64>, DatabaseError> {
    let found: Option<i64> = repository_blobs::table
        .filter(repository_blobs::digest.eq(digest.to_string()))
        .select(repository_blobs::size_bytes)
        .first(connection)
        .optional()?;
    found.map(from_column).transpose()
}

/// Forgets which blobs can be read.
pub(crate) fn clear(connection: &mut Connection) -> Result<(), DatabaseError> {
    diesel::delete(repository_blobs::table).execute(connection)?;
    Ok(())
}

/// The digests of all blobs that can be read under some name.
pub(crate) fn all(connection: &mut Connection) -> Result<BTreeSet<String>, DatabaseError> {
    let digests: Vec<String> = repository_blobs::table
        .select(repository_blobs::digest)
        .load(connection)?;
    Ok(digests.into_iter().collect())
}

/// Makes a blob readable under a name; does nothing when it is.
pub(crate) fn bind(
    connection: &mut Connection,
    repository: &Name,
    digest: &Digest,
    size_bytes: u64,
) -> Result<(), DatabaseError> {
    let size_bytes = to_column(size_bytes)?;
    insert_unless_there(connection, |connection| {
        diesel::insert_into(repository_blobs::table)
            .values((
                repository_blobs::repository.eq(repository.to_string()),
                repository_blobs::digest.eq(digest.to_string()),
                repository_blobs::size_bytes.eq(size_bytes),
            ))
            .execute(connection)
    })
}
