//! Members' advisories, numbered for each name and member, and their statements for each advisory.

use diesel::prelude::*;
use registry_schema::name::Name;

use super::schema::advisories;
use super::{Connection, DatabaseError, first_of_all};

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = advisories)]
pub(crate) struct AdvisoryRow {
    pub(crate) name: String,
    pub(crate) member: String,
    pub(crate) number: i64,
    pub(crate) sequence: i64,
    pub(crate) statement: String,
    pub(crate) envelope: Vec<u8>,
    pub(crate) recorded_at: i64,
    pub(crate) recorded_by: String,
    pub(crate) log_index: i64,
}

/// # Errors
/// [`DatabaseError::Changed`] when the numbers are taken.
pub(crate) fn insert(connection: &mut Connection, row: &AdvisoryRow) -> Result<(), DatabaseError> {
    let inserted = diesel::insert_into(advisories::table)
        .values(row)
        .execute(connection);
    first_of_all(inserted)
}

/// All about a name, each member's in order.
pub(crate) fn list(
    connection: &mut Connection,
    name: &Name,
) -> Result<Vec<AdvisoryRow>, DatabaseError> {
    Ok(advisories::table
        .filter(advisories::name.eq(name.to_string()))
        .order((advisories::member, advisories::number, advisories::sequence))
        .select(AdvisoryRow::as_select())
        .load(connection)?)
}

/// Removes all.
pub(crate) fn clear(connection: &mut Connection) -> Result<(), DatabaseError> {
    diesel::delete(advisories::table).execute(connection)?;
    Ok(())
}
