//! The consortium's trust root: its present state, and the files that are served of it.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::schema::{trust_files, trust_states};
use super::{Connection, DatabaseError, to_column};

/// The text of the present state's bundle.
pub(crate) fn state(connection: &mut Connection) -> Result<Option<String>, DatabaseError> {
    Ok(trust_states::table
        .select(trust_states::bundle)
        .order(trust_states::version.desc())
        .first(connection)
        .optional()?)
}

/// The file by which clients tell one state from another.
const TIMESTAMP: &str = "metadata/timestamp.json";

/// The signed timestamp of the present state, which no other state has.
pub(crate) fn timestamp(connection: &mut Connection) -> Result<Option<String>, DatabaseError> {
    file(connection, TIMESTAMP)
}

/// Puts a state in the place of the one before, with the files that are served of it. To be called
/// in a transaction.
///
/// # Errors
/// [`DatabaseError::Changed`] when version `before` is not the present one any more.
pub(crate) fn put(
    connection: &mut Connection,
    before: Option<u64>,
    version: u64,
    bundle: &str,
    files: &BTreeMap<String, String>,
) -> Result<(), DatabaseError> {
    let version = to_column(version)?;
    match before {
        None => {
            diesel::insert_into(trust_states::table)
                .values((
                    trust_states::version.eq(version),
                    trust_states::bundle.eq(bundle),
                ))
                .execute(connection)?;
        }
        Some(before) => {
            let present = trust_states::table.find(to_column(before)?);
            let changed = diesel::update(present)
                .set((
                    trust_states::version.eq(version),
                    trust_states::bundle.eq(bundle),
                ))
                .execute(connection)?;
            if changed != 1 {
                return Err(DatabaseError::Changed);
            }
        }
    }
    for (path, content) in files {
        let same = trust_files::table.find(path);
        let changed = diesel::update(same)
            .set(trust_files::content.eq(content))
            .execute(connection)?;
        if changed == 0 {
            diesel::insert_into(trust_files::table)
                .values((trust_files::path.eq(path), trust_files::content.eq(content)))
                .execute(connection)?;
        }
    }
    Ok(())
}

/// A served file.
pub(crate) fn file(
    connection: &mut Connection,
    path: &str,
) -> Result<Option<String>, DatabaseError> {
    Ok(trust_files::table
        .find(path)
        .select(trust_files::content)
        .first(connection)
        .optional()?)
}
