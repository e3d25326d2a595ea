//! Keys that members took back.

use diesel::prelude::*;

use super::schema::key_compromises;
use super::{Connection, DatabaseError, first_of_all};

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = key_compromises)]
pub(crate) struct KeyCompromiseRow {
    pub(crate) statement: String,
    pub(crate) member: String,
    pub(crate) key_id: String,
    pub(crate) envelope: Vec<u8>,
    pub(crate) recorded_at: i64,
    pub(crate) recorded_by: String,
    pub(crate) log_index: i64,
}

/// # Errors
/// [`DatabaseError::Changed`] when the statement is recorded.
pub(crate) fn insert(
    connection: &mut Connection,
    row: &KeyCompromiseRow,
) -> Result<(), DatabaseError> {
    let inserted = diesel::insert_into(key_compromises::table)
        .values(row)
        .execute(connection);
    first_of_all(inserted)
}

/// All of a member.
pub(crate) fn of_member(
    connection: &mut Connection,
    member: &str,
) -> Result<Vec<KeyCompromiseRow>, DatabaseError> {
    Ok(key_compromises::table
        .filter(key_compromises::member.eq(member))
        .select(KeyCompromiseRow::as_select())
        .load(connection)?)
}

/// All, oldest first.
pub(crate) fn list(connection: &mut Connection) -> Result<Vec<KeyCompromiseRow>, DatabaseError> {
    Ok(key_compromises::table
        .order(key_compromises::log_index)
        .select(KeyCompromiseRow::as_select())
        .load(connection)?)
}

/// Removes all.
pub(crate) fn clear(connection: &mut Connection) -> Result<(), DatabaseError> {
    diesel::delete(key_compromises::table).execute(connection)?;
    Ok(())
}
