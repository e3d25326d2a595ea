//! Proofs from tiles, each held against the checkpoint that it is for.

use registry_schema::digest::Digest;
use registry_schema::log::proof::{LogProof, TrustedTiles};
use registry_schema::log::tile::{Tile, TileId};

use super::{Head, LogError};
use crate::database::log::find_tile;
use crate::database::{Connection, DatabaseError};

/// An inclusion proof from the tiles at hand and those that `read` finds, all held against the
/// checkpoint.
pub(super) fn prove(
    head: &Head,
    index: u64,
    read: impl FnMut(TileId) -> Result<Tile, DatabaseError>,
) -> Result<LogProof, LogError> {
    let hashes = trusted_tiles(head, read)?
        .inclusion(index)
        .map_err(LogError::proof)?;
    Ok(LogProof {
        extra: None,
        index,
        hashes,
        checkpoint: head.note.clone(),
    })
}

/// That the log of a checkpoint continues the one of `older` entries.
pub(super) fn prove_consistency(
    connection: &mut Connection,
    head: &Head,
    older: u64,
) -> Result<Vec<Digest>, LogError> {
    trusted_tiles(head, |id| stored_tile(connection, id))?
        .consistency(older)
        .map_err(LogError::proof)
}

pub(super) fn trusted_tiles<R>(
    head: &Head,
    mut read: R,
) -> Result<TrustedTiles<impl FnMut(TileId) -> Result<Tile, DatabaseError>>, LogError>
where
    R: FnMut(TileId) -> Result<Tile, DatabaseError>,
{
    let read = move |id| head.tile(id).map_or_else(|| read(id), Ok);
    TrustedTiles::new(head.tree(), read).map_err(LogError::proof)
}

pub(super) fn stored_tile(connection: &mut Connection, id: TileId) -> Result<Tile, DatabaseError> {
    find_tile(connection, id)?.ok_or(DatabaseError::Corrupt {
        what: "a log without one of its tiles",
    })
}
