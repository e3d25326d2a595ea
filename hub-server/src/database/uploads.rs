//! Uploads that are under way; their bytes are files.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use super::schema::uploads;
use super::{Connection, DatabaseError, from_column, to_column};

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = uploads)]
pub(crate) struct UploadRow {
    pub(crate) id: String,
    pub(crate) repository: String,
    pub(crate) member: String,
    pub(crate) created_at: i64,
    /// What it has taken of its member's quota, arrived or not.
    pub(crate) held_bytes: Option<i64>,
}

pub(crate) fn insert(connection: &mut Connection, row: &UploadRow) -> Result<(), DatabaseError> {
    diesel::insert_into(uploads::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

pub(crate) fn find(
    connection: &mut Connection,
    id: &str,
) -> Result<Option<UploadRow>, DatabaseError> {
    Ok(uploads::table
        .find(id)
        .select(UploadRow::as_select())
        .first(connection)
        .optional()?)
}

pub(crate) fn count_of(connection: &mut Connection, member: &str) -> Result<i64, DatabaseError> {
    Ok(uploads::table
        .filter(uploads::member.eq(member))
        .count()
        .get_result(connection)?)
}

/// What a member's uploads have taken of its quota, but for one of them.
pub(crate) fn held_bytes(
    connection: &mut Connection,
    member: &str,
    except: Option<&str>,
) -> Result<u64, DatabaseError> {
    let held: Option<i64> = uploads::table
        .filter(uploads::member.eq(member))
        .filter(uploads::id.ne(except.unwrap_or_default()))
        // A sum of `BIGINT` is another type in other databases.
        .select(sql::<Nullable<BigInt>>("CAST(SUM(held_bytes) AS BIGINT)"))
        .first(connection)?;
    from_column(held.unwrap_or(0))
}

/// Says what an upload has taken of its member's quota; nothing happens when it has ended.
pub(crate) fn set_held_bytes(
    connection: &mut Connection,
    id: &str,
    held_bytes: u64,
) -> Result<(), DatabaseError> {
    diesel::update(uploads::table.find(id))
        .set(uploads::held_bytes.eq(to_column(held_bytes)?))
        .execute(connection)?;
    Ok(())
}

/// How many there are, of all members.
pub(crate) fn count(connection: &mut Connection) -> Result<i64, DatabaseError> {
    Ok(uploads::table.count().get_result(connection)?)
}

pub(crate) fn list(connection: &mut Connection) -> Result<Vec<UploadRow>, DatabaseError> {
    Ok(uploads::table
        .select(UploadRow::as_select())
        .load(connection)?)
}

pub(crate) fn delete(connection: &mut Connection, id: &str) -> Result<(), DatabaseError> {
    diesel::delete(uploads::table.find(id)).execute(connection)?;
    Ok(())
}
