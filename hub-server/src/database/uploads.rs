//! Uploads that are under way; their bytes are files.

use diesel::prelude::*;

use super::schema::uploads;
use super::{Connection, DatabaseError};

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = uploads)]
pub(crate) struct UploadRow {
    pub(crate) id: String,
    pub(crate) repository: String,
    pub(crate) member: String,
    pub(crate) created_at: i64,
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
