//! What members may use, and what they have sent.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use registry_schema::digest::Digest;

use super::schema::{member_blobs, oci_manifests, quotas, releases};
use super::{Connection, DatabaseError, from_column, to_column};

/// What a member may use at most; an absent limit is none.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = quotas)]
pub(crate) struct QuotaRow {
    pub(crate) member: String,
    pub(crate) stored_bytes: Option<i64>,
    pub(crate) releases_per_day: Option<i64>,
}

/// Records it in place of an earlier one.
pub(crate) fn set(connection: &mut Connection, row: &QuotaRow) -> Result<(), DatabaseError> {
    diesel::delete(quotas::table.find(&row.member)).execute(connection)?;
    diesel::insert_into(quotas::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

pub(crate) fn find(
    connection: &mut Connection,
    member: &str,
) -> Result<Option<QuotaRow>, DatabaseError> {
    Ok(quotas::table
        .find(member)
        .select(QuotaRow::as_select())
        .first(connection)
        .optional()?)
}

/// Bytes of all blobs that a member has sent, each counted once, and of the manifests that it has pushed, which are
/// kept in each of their repositories.
pub(crate) fn stored_bytes(
    connection: &mut Connection,
    member: &str,
) -> Result<u64, DatabaseError> {
    // A sum of `BIGINT` is another type in other databases.
    let sum = || sql::<Nullable<BigInt>>("CAST(SUM(size_bytes) AS BIGINT)");
    let blobs: Option<i64> = member_blobs::table
        .filter(member_blobs::member.eq(member))
        .select(sum())
        .first(connection)?;
    let manifests: Option<i64> = oci_manifests::table
        .filter(oci_manifests::pushed_by.eq(member))
        .select(sum())
        .first(connection)?;
    Ok(from_column(blobs.unwrap_or(0))?.saturating_add(from_column(manifests.unwrap_or(0))?))
}

/// Whether a member has sent a blob.
pub(crate) fn has_sent(
    connection: &mut Connection,
    member: &str,
    digest: &Digest,
) -> Result<bool, DatabaseError> {
    let sent = member_blobs::table.find((member, digest.to_string()));
    Ok(diesel::select(diesel::dsl::exists(sent)).get_result(connection)?)
}

/// Records that a member has sent a blob, which it had not.
pub(crate) fn add_sent(
    connection: &mut Connection,
    member: &str,
    digest: &Digest,
    size_bytes: u64,
) -> Result<(), DatabaseError> {
    diesel::insert_into(member_blobs::table)
        .values((
            member_blobs::member.eq(member),
            member_blobs::digest.eq(digest.to_string()),
            member_blobs::size_bytes.eq(to_column(size_bytes)?),
        ))
        .execute(connection)?;
    Ok(())
}

/// When the releases were published that a member sent after a moment, the earliest first.
pub(crate) fn published_since(
    connection: &mut Connection,
    member: &str,
    since: i64,
) -> Result<Vec<i64>, DatabaseError> {
    Ok(releases::table
        .filter(releases::published_by.eq(member))
        .filter(releases::published_at.gt(since))
        .order(releases::published_at)
        .select(releases::published_at)
        .load(connection)?)
}
