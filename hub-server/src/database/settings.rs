//! Facts about the hub itself, by key.

use diesel::prelude::*;

use super::schema::settings;
use super::{Connection, DatabaseError};

/// SHA-256 of the policy file that a hub of the first version was made with.
pub(crate) const POLICY_DIGEST: &str = "policy_digest";

/// The folder that this hub shows, when it is a mirror of another one.
pub(crate) const MIRROR: &str = "mirror";

/// How often something was attached to a release, which the log does not tell.
pub(crate) const ATTACHED: &str = "attached";

/// Counts one more. To be called in a transaction.
pub(crate) fn count_up(connection: &mut Connection, key: &str) -> Result<(), DatabaseError> {
    let before = find(connection, key)?.and_then(|text| text.parse::<u64>().ok());
    remove(connection, key)?;
    insert(connection, key, &(before.unwrap_or(0) + 1).to_string())
}

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

/// Those whose keys begin with a word.
pub(crate) fn list(
    connection: &mut Connection,
    prefix: &str,
) -> Result<Vec<(String, String)>, DatabaseError> {
    let all: Vec<(String, String)> = settings::table.order(settings::key).load(connection)?;
    let begins =
        |(key, value): (String, String)| Some((key.strip_prefix(prefix)?.to_owned(), value));
    Ok(all.into_iter().filter_map(begins).collect())
}

pub(crate) fn remove(connection: &mut Connection, key: &str) -> Result<(), DatabaseError> {
    diesel::delete(settings::table.find(key)).execute(connection)?;
    Ok(())
}

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
