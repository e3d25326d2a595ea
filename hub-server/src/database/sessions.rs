//! Browsers that somebody has logged in. Their secrets are kept as SHA-256 only.

use diesel::prelude::*;

use super::schema::{sessions, tokens};
use super::tokens::TokenRow;
use super::{Connection, DatabaseError};

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = sessions)]
pub(crate) struct SessionRow {
    pub(crate) hash: String,
    pub(crate) token_id: String,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
}

pub(crate) fn insert(connection: &mut Connection, row: &SessionRow) -> Result<(), DatabaseError> {
    diesel::insert_into(sessions::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

/// The token of a session that has not ended at `now`.
pub(crate) fn find_token(
    connection: &mut Connection,
    hash: &str,
    now: i64,
) -> Result<Option<TokenRow>, DatabaseError> {
    let token_id: Option<String> = sessions::table
        .find(hash)
        .filter(sessions::expires_at.gt(now))
        .select(sessions::token_id)
        .first(connection)
        .optional()?;
    let Some(token_id) = token_id else {
        return Ok(None);
    };
    Ok(tokens::table
        .find(token_id)
        .select(TokenRow::as_select())
        .first(connection)
        .optional()?)
}

/// Forgets a session.
pub(crate) fn remove(connection: &mut Connection, hash: &str) -> Result<(), DatabaseError> {
    diesel::delete(sessions::table.find(hash)).execute(connection)?;
    Ok(())
}

/// Forgets the sessions that have ended, and of a token all but the newest `keep`.
pub(crate) fn tidy(
    connection: &mut Connection,
    token_id: &str,
    keep: i64,
    now: i64,
) -> Result<(), DatabaseError> {
    diesel::delete(sessions::table.filter(sessions::expires_at.le(now))).execute(connection)?;
    // SQLite wants a limit where there is an offset.
    let old: Vec<String> = sessions::table
        .filter(sessions::token_id.eq(token_id))
        .order(sessions::created_at.desc())
        .limit(1000)
        .offset(keep)
        .select(sessions::hash)
        .load(connection)?;
    for hash in old {
        remove(connection, &hash)?;
    }
    Ok(())
}
