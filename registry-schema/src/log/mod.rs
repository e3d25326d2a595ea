//! The transparency log, by the specifications of C2SP: who was shown what, checkable by anyone.
//!
//! Every statement is an **entry** of one append-only Merkle tree (RFC 6962). The tree is published
//! as **tiles** (`tlog-tiles`), its state as a signed **checkpoint** (`tlog-checkpoint`, a
//! `signed-note`), which **witnesses** cosign (`tlog-cosignature`) after they have seen that it
//! extends what they cosigned before. A **proof** file (`tlog-proof`) shows offline that an entry is
//! in the tree of a checkpoint, and a **policy** (`tlog-policy`) says which log and how many
//! witnesses count: [`policy::Policy::check`] is the only maker of a
//! [`policy::WitnessedCheckpoint`].
//!
//! Floors, lowest first:
//!
//! | floor | modules |
//! |---|---|
//! | 1 | [`hash`], [`cosignature`], `text` |
//! | 2 | [`tile`] |
//! | 3 | [`entry`], [`note`] |
//! | 4 | [`checkpoint`], [`tree`] |
//! | 5 | [`proof`] |
//! | 6 | [`policy`] |

pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod hash;
pub mod note;
pub mod policy;
pub mod proof;
mod text;
pub mod tile;
pub mod tree;

#[cfg(test)]
mod tests;
