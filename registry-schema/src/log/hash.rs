//! The hashes of a Merkle tree (RFC 6962 section 2.1, SHA-256).

use crate::digest::{Digest, Hasher};

/// Hash of an entry: `SHA-256(0x00 ‖ entry)`.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[0]);
    hasher.update(entry);
    hasher.finish()
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut joined = [1; 65];
    joined[1..33].copy_from_slice(left.as_bytes());
    joined[33..].copy_from_slice(right.as_bytes());
    Digest::of(&joined)
}

/// Root of the tree without entries: `SHA-256("")`.
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// Root of the tree over some hashes, which may themselves be the roots of perfect trees of one
/// size. `None` for no hashes.
pub(super) fn root_of(hashes: &[Digest]) -> Option<Digest> {
    match hashes {
        [] => None,
        [one] => Some(*one),
        _ => {
            let (left, right) = hashes.split_at(split(hashes.len() as u64).try_into().ok()?);
            Some(node_hash(&root_of(left)?, &root_of(right)?))
        }
    }
}

/// The largest power of two below `size`, which is at least 2: where RFC 6962 splits a tree.
pub(super) fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_known_roots() {
        let leaves = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .map(|hex| leaf_hash(&crate::hex::decode(hex).unwrap()));
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (size, root) in (1..).zip(roots) {
            assert_eq!(root_of(&leaves[..size]).unwrap().to_hex(), root, "{size}");
        }
        assert!(empty_root().to_hex().starts_with("e3b0c44298fc1c14"));
    }

    #[test]
    fn splits_are_below_the_size() {
        for (size, at) in [
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 4),
            (256, 128),
            (257, 256),
            (u64::MAX, 1 << 63),
        ] {
            assert_eq!(split(size), at, "{size}");
        }
    }
}
