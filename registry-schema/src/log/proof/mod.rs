//! Inclusion and consistency proofs (RFC 6962 sections 2.1.1 and 2.1.2), verified here and made from
//! tiles, and the `.tlog-proof` file that carries one (C2SP `tlog-proof`).

mod file;
mod make;

pub use file::{LogProof, ProofFileError};
pub use make::{
    MakeProofError, TileReader, TrustedTiles, consistency_tiles, inclusion_tiles, leaf_tiles,
    root_tiles,
};

use crate::digest::Digest;
use crate::limits;
use crate::log::hash::{empty_root, node_hash};

/// Checks that the entry with this hash is at `index` in the tree of `size` entries with this root.
/// Hashes go from the entry's sibling up to the child of the root.
///
/// # Errors
/// [`ProofError`] when it is not shown.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    check_count(proof)?;
    // RFC 9162 section 2.1.3.2, which says the same as RFC 6962 as an algorithm.
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Inclusion { index, size });
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(ProofError::Inclusion { index, size })
    }
}

/// A tree by its size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// Checks that the newer tree has the older one as its beginning. From the empty tree the proof is
/// empty, and so it is between a tree and itself.
///
/// # Errors
/// [`ProofError`] when it is not shown.
pub fn verify_consistency(
    older: TreeHead,
    newer: TreeHead,
    proof: &[Digest],
) -> Result<(), ProofError> {
    let refuse = Err(ProofError::Consistency {
        older: older.size,
        newer: newer.size,
    });
    check_count(proof)?;
    if older.size > newer.size {
        return Err(ProofError::Shrunk {
            older: older.size,
            newer: newer.size,
        });
    }
    let is_possible = |head: TreeHead| head.size > 0 || head.root == empty_root();
    if !is_possible(older) || !is_possible(newer) {
        return refuse;
    }
    if older.size == 0 || older.size == newer.size {
        let is_same = older.size == 0 || older.root == newer.root;
        return if proof.is_empty() && is_same {
            Ok(())
        } else {
            refuse
        };
    }
    match roots_of_proof(older, newer.size, proof) {
        Some(roots) if roots == (older.root, newer.root) => Ok(()),
        _ => refuse,
    }
}

/// The roots of both trees that a proof amounts to (RFC 9162 section 2.1.4.2); `None` when it has
/// too many hashes or too few. Sizes are not 0 and differ.
fn roots_of_proof(older: TreeHead, size: u64, proof: &[Digest]) -> Option<(Digest, Digest)> {
    // A whole perfect tree is not repeated in the proof.
    let (first, rest) = if older.size.is_power_of_two() {
        (older.root, proof)
    } else {
        let (first, rest) = proof.split_first()?;
        (*first, rest)
    };
    let (mut node, mut last) = (older.size - 1, size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (first, first);
    for hash in rest {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            old = node_hash(hash, &old);
            new = node_hash(hash, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some((old, new))
}

fn check_count(proof: &[Digest]) -> Result<(), ProofError> {
    if proof.len() > limits::PROOF_HASHES {
        return Err(ProofError::TooLong { count: proof.len() });
    }
    Ok(())
}

/// Why a proof shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Past [`limits::PROOF_HASHES`].
    #[error(
        "a proof of {count} hashes is longer than any tree is high ({})",
        limits::PROOF_HASHES
    )]
    TooLong {
        /// How many.
        count: usize,
    },
    /// An entry the tree does not have.
    #[error("entry {index} cannot be in a log of {size} entries")]
    Index {
        /// Which entry.
        index: u64,
        /// The log's size.
        size: u64,
    },
    /// The hashes do not lead to the root.
    #[error("the proof does not show that this is entry {index} of the log of {size} entries")]
    Inclusion {
        /// Which entry.
        index: u64,
        /// The log's size.
        size: u64,
    },
    /// Less than before.
    #[error("the log had {older} entries and now has {newer}: it was rolled back")]
    Shrunk {
        /// Entries before.
        older: u64,
        /// Entries now.
        newer: u64,
    },
    /// The hashes do not lead to both roots.
    #[error("the proof does not show that the log of {newer} entries continues the one of {older}")]
    Consistency {
        /// Entries before.
        older: u64,
        /// Entries now.
        newer: u64,
    },
}

#[cfg(test)]
mod tests;
