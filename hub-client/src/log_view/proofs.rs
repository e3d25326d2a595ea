//! Proofs made here, from tiles: that an entry is in a log, that one checkpoint continues another.

use registry_schema::digest::Digest;
use registry_schema::log::proof::{
    TreeHead, consistency_tiles, inclusion_tiles, leaf_tiles, root_tiles, verify_consistency,
};

use super::LogViewError;
use super::tiles::{Keeping, Tiles};

/// How two trees of one log are related, proven from authenticated tiles of the larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The larger one continues the smaller.
    Continues,
    /// It does not: with the size of the smaller one it had another root.
    Differs {
        /// The root that the larger tree had with the size of the smaller.
        root: Digest,
        /// That the larger tree continues the one with that root (RFC 6962 section 2.1.2).
        proof: Vec<Digest>,
    },
}

/// The hashes from an entry up to the root, for `verify_inclusion`, and the entry's own hash.
pub(super) async fn inclusion(
    tiles: &Tiles,
    head: TreeHead,
    index: u64,
) -> Result<(Digest, Vec<Digest>), LogViewError> {
    check_index(index, head)?;
    let mut wanted = inclusion_tiles(index, head.size);
    wanted.extend(leaf_tiles(index, head.size));
    tiles
        .compute(head, &wanted, Keeping::Kept, |trusted| {
            Ok((trusted.leaf_hash(index)?, trusted.inclusion(index)?))
        })
        .await
}

/// The hashes for `verify_consistency` of a tree with an earlier size of it.
pub(super) async fn consistency(
    tiles: &Tiles,
    older: u64,
    newer: TreeHead,
) -> Result<Vec<Digest>, LogViewError> {
    let wanted = consistency_tiles(older, newer.size);
    tiles
        .compute(newer, &wanted, Keeping::Kept, |trusted| {
            trusted.consistency(older)
        })
        .await
}

/// Whether a tree continues a smaller one. Neither size is 0.
pub(super) async fn relation(
    tiles: &Tiles,
    older: TreeHead,
    newer: TreeHead,
) -> Result<Relation, LogViewError> {
    let mut wanted = consistency_tiles(older.size, newer.size);
    wanted.extend(root_tiles(older.size, newer.size));
    let (proof, root) = tiles
        .compute(newer, &wanted, Keeping::Kept, |trusted| {
            Ok((
                trusted.consistency(older.size)?,
                trusted.root_at(older.size)?,
            ))
        })
        .await?;
    if verify_consistency(older, newer, &proof).is_ok() {
        return Ok(Relation::Continues);
    }
    Ok(Relation::Differs { root, proof })
}

fn check_index(index: u64, head: TreeHead) -> Result<(), LogViewError> {
    if index < head.size {
        return Ok(());
    }
    Err(LogViewError::Beyond {
        index,
        size: head.size,
    })
}
