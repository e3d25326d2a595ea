//! The log's entries, tiles and checkpoints.

use diesel::prelude::*;
use registry_schema::digest::Digest;
use registry_schema::log::tile::{BundleId, Tile, TileId};

use super::schema::{log_checkpoints, log_entries, log_tiles};
use super::{Connection, DatabaseError, first_of_all, from_column, to_column};

/// One entry: what was signed, and what the hub noted when it came.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = log_entries)]
pub(crate) struct EntryRow {
    pub(crate) idx: i64,
    pub(crate) envelope: Vec<u8>,
    pub(crate) leaf_hash: Vec<u8>,
    pub(crate) logged_at: i64,
    pub(crate) submitted_by: String,
}

/// The newest checkpoint that the log signed.
pub(crate) const HEAD: &str = "head";

/// The newest checkpoint that enough witnesses cosigned.
pub(crate) const PUBLISHED: &str = "published";

/// A checkpoint as it is kept: the size for comparing, the note for everything else.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = log_checkpoints)]
pub(crate) struct CheckpointRow {
    pub(crate) kind: String,
    pub(crate) size: i64,
    pub(crate) note: String,
}

pub(crate) fn insert_entry(
    connection: &mut Connection,
    row: &EntryRow,
) -> Result<(), DatabaseError> {
    diesel::insert_into(log_entries::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

/// The index of the entry with a hash, and when it was logged.
pub(crate) fn find_entry(
    connection: &mut Connection,
    leaf_hash: &Digest,
) -> Result<Option<(i64, i64)>, DatabaseError> {
    Ok(log_entries::table
        .filter(log_entries::leaf_hash.eq(leaf_hash.as_bytes().as_slice()))
        .select((log_entries::idx, log_entries::logged_at))
        .first(connection)
        .optional()?)
}

/// How many entries there are.
pub(crate) fn count(connection: &mut Connection) -> Result<u64, DatabaseError> {
    let count: i64 = log_entries::table.count().get_result(connection)?;
    from_column(count)
}

/// At most `limit` entries from an index on, in their order.
pub(crate) fn entries(
    connection: &mut Connection,
    first: u64,
    limit: u64,
) -> Result<Vec<EntryRow>, DatabaseError> {
    Ok(log_entries::table
        .filter(log_entries::idx.ge(to_column(first)?))
        .order(log_entries::idx)
        .limit(to_column(limit)?)
        .select(EntryRow::as_select())
        .load(connection)?)
}

/// The envelopes of a bundle, if all of them are there.
pub(crate) fn bundle(
    connection: &mut Connection,
    id: BundleId,
) -> Result<Option<Vec<Vec<u8>>>, DatabaseError> {
    let width = u64::from(id.width());
    let Some(first) = id.number().checked_mul(256) else {
        return Ok(None);
    };
    let (Ok(first), Ok(end)) = (to_column(first), to_column(first.saturating_add(width))) else {
        return Ok(None);
    };
    let envelopes: Vec<Vec<u8>> = log_entries::table
        .filter(log_entries::idx.ge(first))
        .filter(log_entries::idx.lt(end))
        .order(log_entries::idx)
        .select(log_entries::envelope)
        .load(connection)?;
    Ok((envelopes.len() as u64 == width).then_some(envelopes))
}

/// Keeps a tile over a narrower one of the same place.
pub(crate) fn keep_tile(connection: &mut Connection, tile: &Tile) -> Result<(), DatabaseError> {
    let (level, number) = (i64::from(tile.id().level()), to_column(tile.id().number())?);
    let hashes = tile.to_bytes();
    let changed = diesel::update(log_tiles::table.find((level, number)))
        .set(log_tiles::hashes.eq(&hashes))
        .execute(connection)?;
    if changed == 0 {
        diesel::insert_into(log_tiles::table)
            .values((
                log_tiles::level.eq(level),
                log_tiles::number.eq(number),
                log_tiles::hashes.eq(&hashes),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// A tile, if it is as wide as asked for or wider.
pub(crate) fn find_tile(
    connection: &mut Connection,
    id: TileId,
) -> Result<Option<Tile>, DatabaseError> {
    let Ok(number) = to_column(id.number()) else {
        return Ok(None);
    };
    let hashes: Option<Vec<u8>> = log_tiles::table
        .find((i64::from(id.level()), number))
        .select(log_tiles::hashes)
        .first(connection)
        .optional()?;
    let bytes = usize::from(id.width()) * 32;
    let Some(prefix) = hashes.as_deref().and_then(|hashes| hashes.get(..bytes)) else {
        return Ok(None);
    };
    let tile = Tile::parse(id, prefix).map_err(|_| DatabaseError::Corrupt {
        what: "a tile of the log that is none",
    })?;
    Ok(Some(tile))
}

/// How many tiles there are.
pub(crate) fn count_tiles(connection: &mut Connection) -> Result<u64, DatabaseError> {
    let count: i64 = log_tiles::table.count().get_result(connection)?;
    from_column(count)
}

pub(crate) fn checkpoint(
    connection: &mut Connection,
    kind: &str,
) -> Result<Option<CheckpointRow>, DatabaseError> {
    Ok(log_checkpoints::table
        .find(kind)
        .select(CheckpointRow::as_select())
        .first(connection)
        .optional()?)
}

/// Those of all kinds.
pub(crate) fn checkpoints(
    connection: &mut Connection,
) -> Result<Vec<CheckpointRow>, DatabaseError> {
    Ok(log_checkpoints::table
        .select(CheckpointRow::as_select())
        .load(connection)?)
}

/// Replaces the checkpoint of a kind, which must be the one of `before` entries, or none.
///
/// # Errors
/// [`DatabaseError::Changed`] when it is not.
pub(crate) fn swap_checkpoint(
    connection: &mut Connection,
    before: Option<u64>,
    row: &CheckpointRow,
) -> Result<(), DatabaseError> {
    let Some(before) = before else {
        let inserted = diesel::insert_into(log_checkpoints::table)
            .values(row)
            .execute(connection);
        return first_of_all(inserted);
    };
    let current = log_checkpoints::table
        .find(&row.kind)
        .filter(log_checkpoints::size.eq(to_column(before)?));
    let changed = diesel::update(current)
        .set((
            log_checkpoints::size.eq(row.size),
            log_checkpoints::note.eq(&row.note),
        ))
        .execute(connection)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(DatabaseError::Changed)
    }
}

/// Forgets all entries, tiles and checkpoints: of a copy, which is then made anew.
pub(crate) fn clear(connection: &mut Connection) -> Result<(), DatabaseError> {
    diesel::delete(log_entries::table).execute(connection)?;
    diesel::delete(log_tiles::table).execute(connection)?;
    diesel::delete(log_checkpoints::table).execute(connection)?;
    Ok(())
}

/// Forgets tiles and the log's own checkpoint, which follow from the entries.
pub(crate) fn clear_derived(connection: &mut Connection) -> Result<(), DatabaseError> {
    diesel::delete(log_tiles::table).execute(connection)?;
    diesel::delete(log_checkpoints::table.find(HEAD)).execute(connection)?;
    Ok(())
}
