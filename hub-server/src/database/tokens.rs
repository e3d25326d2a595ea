//! Tokens: who may do what until when. Their secrets are kept as SHA-256 only.

use diesel::prelude::*;

use super::schema::tokens;
use super::{Connection, DatabaseError};

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) hash: String,
    pub(crate) member: String,
    pub(crate) scope: String,
    pub(crate) label: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) revoked_at: Option<i64>,
}

pub(crate) fn insert(connection: &mut Connection, row: &TokenRow) -> Result<(), DatabaseError> {
    diesel::insert_into(tokens::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

pub(crate) fn find_by_hash(
    connection: &mut Connection,
    hash: &str,
) -> Result<Option<TokenRow>, DatabaseError> {
    Ok(tokens::table
        .filter(tokens::hash.eq(hash))
        .select(TokenRow::as_select())
        .first(connection)
        .optional()?)
}

pub(crate) fn list(connection: &mut Connection) -> Result<Vec<TokenRow>, DatabaseError> {
    Ok(tokens::table
        .order((tokens::member, tokens::created_at, tokens::id))
        .select(TokenRow::as_select())
        .load(connection)?)
}

/// Whether there was such a token that was not revoked yet.
pub(crate) fn revoke(
    connection: &mut Connection,
    id: &str,
    now: i64,
) -> Result<bool, DatabaseError> {
    let open = tokens::table.find(id).filter(tokens::revoked_at.is_null());
    let changed = diesel::update(open)
        .set(tokens::revoked_at.eq(now))
        .execute(connection)?;
    Ok(changed == 1)
}
