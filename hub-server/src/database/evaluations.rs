//! Members' evaluations, numbered for each release and member.

use diesel::prelude::*;

use super::schema::evaluations;
use super::{Connection, DatabaseError, first_of_all};

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = evaluations)]
pub(crate) struct EvaluationRow {
    pub(crate) release_statement: String,
    pub(crate) member: String,
    pub(crate) sequence: i64,
    pub(crate) statement: String,
    pub(crate) envelope: Vec<u8>,
    pub(crate) recorded_at: i64,
    pub(crate) recorded_by: String,
    pub(crate) log_index: i64,
}

/// # Errors
/// [`DatabaseError::Changed`] when the member's number is taken.
pub(crate) fn insert(
    connection: &mut Connection,
    row: &EvaluationRow,
) -> Result<(), DatabaseError> {
    let inserted = diesel::insert_into(evaluations::table)
        .values(row)
        .execute(connection);
    first_of_all(inserted)
}

/// All of a release, each member's in order.
pub(crate) fn list(
    connection: &mut Connection,
    release_statement: &str,
) -> Result<Vec<EvaluationRow>, DatabaseError> {
    Ok(evaluations::table
        .filter(evaluations::release_statement.eq(release_statement))
        .order((evaluations::member, evaluations::sequence))
        .select(EvaluationRow::as_select())
        .load(connection)?)
}

/// Removes all.
pub(crate) fn clear(connection: &mut Connection) -> Result<(), DatabaseError> {
    diesel::delete(evaluations::table).execute(connection)?;
    Ok(())
}
