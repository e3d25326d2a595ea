//! Which blob is the `model.sig` of a release.

use diesel::prelude::*;
use registry_schema::name::Name;

use super::schema::{model_signatures, releases};
use super::{Connection, DatabaseError};

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = model_signatures)]
pub(crate) struct ModelSignatureRow {
    pub(crate) release_statement: String,
    pub(crate) digest: String,
    pub(crate) size_bytes: i64,
}

/// Records it in place of an earlier one.
pub(crate) fn set(
    connection: &mut Connection,
    row: &ModelSignatureRow,
) -> Result<(), DatabaseError> {
    diesel::delete(model_signatures::table.find(&row.release_statement)).execute(connection)?;
    diesel::insert_into(model_signatures::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

pub(crate) fn find(
    connection: &mut Connection,
    release_statement: &str,
) -> Result<Option<ModelSignatureRow>, DatabaseError> {
    Ok(model_signatures::table
        .find(release_statement)
        .select(ModelSignatureRow::as_select())
        .first(connection)
        .optional()?)
}

/// The digests of all that are attached to releases of a name.
pub(crate) fn digests_of(
    connection: &mut Connection,
    name: &Name,
) -> Result<Vec<String>, DatabaseError> {
    let of_name = releases::table
        .filter(releases::name.eq(name.to_string()))
        .select(releases::statement);
    Ok(model_signatures::table
        .filter(model_signatures::release_statement.eq_any(of_name))
        .order(model_signatures::release_statement)
        .select(model_signatures::digest)
        .load(connection)?)
}

/// Removes all.
pub(crate) fn clear(connection: &mut Connection) -> Result<(), DatabaseError> {
    diesel::delete(model_signatures::table).execute(connection)?;
    Ok(())
}

/// All of them.
pub(crate) fn list(connection: &mut Connection) -> Result<Vec<ModelSignatureRow>, DatabaseError> {
    Ok(model_signatures::table
        .order(model_signatures::release_statement)
        .select(ModelSignatureRow::as_select())
        .load(connection)?)
}
