//! Facts about the hub itself, by key.

use diesel::prelude::*;

use super::schema::settings;
use super::{Connection, DatabaseError};

/// SHA-256 of the policy file that a hub of the first version was made with.
pub(crate) const POLICY_DIGEST: &str = "policy_digest";

pub(crate) fn find(
    connection: &mut Connection,
    key: &str,
) -> Result<Option<String>, DatabaseError> {
    Ok(settings::table
        .find(key)
        .select(settings::value)
        .first(connection)
        .optional()?)
}

#[cfg(test)]
pub(crate) fn insert(
    connection: &mut Connection,
    key: &str,
    value: &str,
) -> Result<(), DatabaseError> {
    diesel::insert_into(settings::table)
        .values((settings::key.eq(key), settings::value.eq(value)))
        .execute(connection)?;
    Ok(())
}
