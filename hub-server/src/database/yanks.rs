//! Yank and unyank statements, numbered for each release.

use diesel::prelude::*;

use super::schema::yanks;
use super::{Connection, DatabaseError};

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = yanks)]
pub(crate) struct YankRow {
    pub(crate) release_statement: String,
    pub(crate) sequence: i64,
    pub(crate) envelope: Vec<u8>,
    pub(crate) recorded_at: i64,
    pub(crate) recorded_by: String,
    pub(crate) log_index: Option<i64>,
}

impl YankRow {
    /// Its entry in the log.
    pub(crate) fn index(&self) -> Result<u64, DatabaseError> {
        super::log_index(self.log_index)
    }
}

pub(crate) fn insert(connection: &mut Connection, row: &YankRow) -> Result<(), DatabaseError> {
    diesel::insert_into(yanks::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

/// All of a release, oldest first.
pub(crate) fn list(
    connection: &mut Connection,
    release_statement: &str,
) -> Result<Vec<YankRow>, DatabaseError> {
    Ok(yanks::table
        .filter(yanks::release_statement.eq(release_statement))
        .order(yanks::sequence)
        .select(YankRow::as_select())
        .load(connection)?)
}

/// The statements of the releases that have any.
pub(crate) fn releases(connection: &mut Connection) -> Result<Vec<String>, DatabaseError> {
    Ok(yanks::table
        .select(yanks::release_statement)
        .distinct()
        .order(yanks::release_statement)
        .load(connection)?)
}

/// Yanks of a time before there was a log, in no order.
pub(crate) fn unlogged(connection: &mut Connection) -> Result<Vec<YankRow>, DatabaseError> {
    Ok(yanks::table
        .filter(yanks::log_index.is_null())
        .select(YankRow::as_select())
        .load(connection)?)
}

/// Records which entry of the log a yank is.
pub(crate) fn set_log_index(
    connection: &mut Connection,
    yank: &YankRow,
    index: i64,
) -> Result<(), DatabaseError> {
    let key = (yank.release_statement.as_str(), yank.sequence);
    diesel::update(yanks::table.find(key))
        .set(yanks::log_index.eq(index))
        .execute(connection)?;
    Ok(())
}
