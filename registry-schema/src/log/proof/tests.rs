//! Trees, tiles and proofs against the definitions of RFC 6962 written down plainly.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::log::hash::{leaf_hash, node_hash, split};
use crate::log::tile::{Tile, TileId};
use crate::log::tree::Tree;

/// `D[n]` by its leaf hashes; everything by the recursive definitions.
struct Naive(Vec<Digest>);

impl Naive {
    fn new(size: u64) -> Self {
        Self((0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect())
    }

    /// `MTH(D[start:end])`
    fn root(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node_hash(&Self::root(left), &Self::root(right))
            }
        }
    }

    /// `PATH(m, D[n])`
    fn path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let k = split(leaves.len() as u64) as usize;
        let (left, right) = leaves.split_at(k);
        let (mut path, other) = if index < k {
            (Self::path(index, left), right)
        } else {
            (Self::path(index - k, right), left)
        };
        path.push(Self::root(other));
        path
    }

    /// `SUBPROOF(m, D[n], b)`
    fn subproof(older: usize, leaves: &[Digest], is_whole: bool) -> Vec<Digest> {
        if older == leaves.len() {
            return if is_whole {
                Vec::new()
            } else {
                vec![Self::root(leaves)]
            };
        }
        let k = split(leaves.len() as u64) as usize;
        let (left, right) = leaves.split_at(k);
        let (mut proof, other) = if older <= k {
            (Self::subproof(older, left, is_whole), right)
        } else {
            (Self::subproof(older - k, right, false), left)
        };
        proof.push(Self::root(other));
        proof
    }

    fn head(&self, size: u64) -> TreeHead {
        TreeHead {
            size,
            root: Self::root(&self.0[..size as usize]),
        }
    }
}

/// A log's tiles as a server keeps them: each as wide as it has become.
#[derive(Default)]
struct Store(BTreeMap<(u8, u64), Tile>);

impl Store {
    fn keep(&mut self, tiles: Vec<Tile>) {
        for tile in tiles {
            self.0.insert((tile.id().level(), tile.id().number()), tile);
        }
    }

    fn read(&self, id: TileId) -> Tile {
        let fullest = &self.0[&(id.level(), id.number())];
        Tile::new(id, fullest.hashes()[..usize::from(id.width())].to_vec()).unwrap()
    }
}

fn grow(leaves: &[Digest], batches: &[usize]) -> (Tree, Store) {
    let (mut tree, mut store) = (Tree::new(), Store::default());
    let mut rest = leaves;
    let mut batches = batches.iter().cycle();
    while !rest.is_empty() {
        let (batch, after) = rest.split_at((*batches.next().unwrap()).min(rest.len()));
        store.keep(tree.append(batch).unwrap());
        rest = after;
    }
    (tree, store)
}

#[test]
fn every_size_to_600_one_entry_at_a_time() {
    let naive = Naive::new(600);
    let (mut tree, mut store) = (Tree::new(), Store::default());
    assert_eq!(tree.root(), empty_root());
    for size in 1..=600u64 {
        store.keep(
            tree.append(&naive.0[size as usize - 1..size as usize])
                .unwrap(),
        );
        let head = naive.head(size);
        assert_eq!((tree.size(), tree.root()), (head.size, head.root));
        let edge: Vec<_> = Tree::edge_tiles(size).map(|id| store.read(id)).collect();
        assert_eq!(Tree::from_tiles(size, &edge).unwrap(), tree);
        assert_eq!(tree.edge(), edge);
    }
    let expected: BTreeSet<_> = [(0, 0), (0, 1), (0, 2), (1, 0)].into();
    assert_eq!(store.0.keys().copied().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn inclusion_of_every_entry_in_every_size() {
    let naive = Naive::new(600);
    let (_, store) = grow(&naive.0, &[600]);
    // Every size, with a stride through the indexes that meets every place; small sizes in full.
    for size in 1..=600u64 {
        let head = naive.head(size);
        let stride = if size < 40 { 1 } else { 29 };
        for index in (0..size).step_by(stride).chain([size - 1]) {
            let mut asked = BTreeSet::new();
            let read = |id: TileId| {
                asked.insert(id);
                Ok::<_, Infallible>(store.read(id))
            };
            let mut tiles = TrustedTiles::new(head, read).unwrap();
            let proof = tiles.inclusion(index).unwrap();
            let leaf = tiles.leaf_hash(index).unwrap();
            assert_eq!(leaf, naive.0[index as usize]);
            assert_eq!(
                proof,
                Naive::path(index as usize, &naive.0[..size as usize])
            );
            verify_inclusion(&leaf, index, size, &proof, &head.root).unwrap();
            drop(tiles);
            let mut planned = inclusion_tiles(index, size);
            planned.insert(TileId::of_tree(0, index / 256, size).unwrap());
            assert!(asked.is_subset(&planned), "{index} of {size}");
        }
    }
}

#[test]
fn consistency_of_every_pair_of_small_sizes_and_many_larger() {
    let naive = Naive::new(600);
    let (_, store) = grow(&naive.0, &[1, 7, 300]);
    let heads: Vec<_> = (0..=600).map(|size| naive.head(size)).collect();
    for size in 1..=600u64 {
        let newer = heads[size as usize];
        let stride = if size < 40 { 1 } else { 29 };
        for older in (0..=size).step_by(stride).chain([size - 1, size]) {
            let mut asked = BTreeSet::new();
            let mut tiles = TrustedTiles::new(newer, |id| {
                asked.insert(id);
                Ok::<_, Infallible>(store.read(id))
            })
            .unwrap();
            let proof = tiles.consistency(older).unwrap();
            let root = tiles.root_at(older).unwrap();
            drop(tiles);
            if older > 0 {
                assert_eq!(
                    proof,
                    Naive::subproof(older as usize, &naive.0[..size as usize], true)
                );
            }
            let head = heads[older as usize];
            assert_eq!(root, head.root);
            verify_consistency(head, newer, &proof).unwrap();
            let root_tiles = inclusion_tiles(older.saturating_sub(1), size);
            let planned = &consistency_tiles(older, size) | &root_tiles;
            assert!(asked.is_subset(&planned), "{older} of {size}");
        }
    }
}

#[test]
fn impossible_questions_are_refused() {
    let naive = Naive::new(5);
    let (_, store) = grow(&naive.0, &[5]);
    let head = naive.head(5);
    let mut tiles = TrustedTiles::new(head, |id| Ok::<_, Infallible>(store.read(id))).unwrap();
    assert!(matches!(
        tiles.inclusion(5),
        Err(MakeProofError::Beyond { .. })
    ));
    assert!(matches!(
        tiles.leaf_hash(5),
        Err(MakeProofError::Beyond { .. })
    ));
    assert!(matches!(
        tiles.consistency(6),
        Err(MakeProofError::Beyond { .. })
    ));
    assert!(matches!(
        tiles.root_at(6),
        Err(MakeProofError::Beyond { .. })
    ));
    let proof = tiles.inclusion(4).unwrap();
    let leaf = naive.0[4];
    assert!(matches!(
        verify_inclusion(&leaf, 5, 5, &proof, &head.root),
        Err(ProofError::Index { .. })
    ));
    let long = vec![leaf; 64];
    assert!(matches!(
        verify_inclusion(&leaf, 4, 5, &long, &head.root),
        Err(ProofError::TooLong { .. })
    ));
    assert!(matches!(
        verify_consistency(head, naive.head(4), &[]),
        Err(ProofError::Shrunk { older: 5, newer: 4 })
    ));
    let no_entries = TreeHead {
        size: 0,
        root: leaf,
    };
    assert!(verify_consistency(no_entries, head, &[]).is_err());
    assert!(verify_consistency(naive.head(0), no_entries, &[]).is_err());
    assert!(verify_consistency(naive.head(0), head, &[leaf]).is_err());
    assert!(verify_consistency(naive.head(0), head, &[]).is_ok());
    let fork = TreeHead {
        size: 5,
        root: leaf,
    };
    assert!(verify_consistency(head, fork, &[]).is_err());
    assert!(Tree::from_tiles(u64::MAX, &[]).is_err());
}

#[test]
fn a_changed_tile_is_noticed_wherever_it_is() {
    let naive = Naive::new(70_000);
    let (tree, store) = grow(&naive.0, &[1000]);
    let head = TreeHead {
        size: 70_000,
        root: tree.root(),
    };
    let tiles = inclusion_tiles(300, 70_000);
    // Three at the edge, then the full ones of levels 0 and 1 above entry 300.
    assert_eq!(tiles.len(), 5);
    for bad in &tiles {
        for at in [0, usize::from(bad.width()) - 1] {
            let read = |id: TileId| {
                let mut hashes = store.read(id).hashes().to_vec();
                if id == *bad {
                    hashes[at] = naive.0[0];
                    if at == 0 && id.level() == 0 && id.number() == 0 {
                        hashes[at] = naive.0[1];
                    }
                }
                Ok::<_, Infallible>(Tile::new(id, hashes).unwrap())
            };
            let outcome = TrustedTiles::new(head, read).and_then(|mut tiles| tiles.inclusion(300));
            assert!(outcome.is_err(), "{bad}");
        }
    }
    let swapped = |id: TileId| {
        let other = TileId::of_tree(id.level(), 0, 70_000).unwrap();
        Ok::<_, Infallible>(store.read(other))
    };
    assert!(TrustedTiles::new(head, swapped).is_err());
    let failing = |_: TileId| Err("no network");
    assert!(matches!(
        TrustedTiles::new(head, failing),
        Err(MakeProofError::Read("no network"))
    ));
}

#[test]
fn another_implementation_agrees() {
    use tlog_tiles::tlog;
    let hash = |digest: &Digest| tlog::Hash(*digest.as_bytes());
    let naive = Naive::new(300);
    let (_, store) = grow(&naive.0, &[300]);
    for size in [1, 2, 3, 7, 255, 256, 257, 300u64] {
        let head = naive.head(size);
        let mut tiles = TrustedTiles::new(head, |id| Ok::<_, Infallible>(store.read(id))).unwrap();
        for index in [0, size / 2, size - 1] {
            let proof: Vec<_> = tiles.inclusion(index).unwrap().iter().map(hash).collect();
            let leaf = hash(&naive.0[index as usize]);
            assert!(tlog::check_record(&proof, size, hash(&head.root), index, leaf).is_ok());
            let older = index + 1;
            let proof: Vec<_> = tiles.consistency(older).unwrap().iter().map(hash).collect();
            let old_root = hash(&naive.head(older).root);
            assert!(tlog::check_tree(&proof, size, hash(&head.root), older, old_root).is_ok());
        }
        for id in Tree::edge_tiles(size) {
            let (level, width) = (id.level(), u32::from(id.width()));
            let theirs = tlog_tiles::Tile::new(8, level, id.number(), width, false);
            assert_eq!(theirs.path().replace("tile/8/", "tile/"), id.to_string());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_larger_sizes(size in 601u64..40_000, batches in proptest::collection::vec(1usize..3000, 1..6), at in any::<prop::sample::Index>(), before in any::<prop::sample::Index>()) {
        let naive = Naive::new(size);
        let (tree, store) = grow(&naive.0, &batches);
        let head = naive.head(size);
        prop_assert_eq!(tree.root(), head.root);
        let (index, older) = (at.index(size as usize) as u64, before.index(size as usize) as u64 + 1);
        let mut tiles = TrustedTiles::new(head, |id| Ok::<_, Infallible>(store.read(id))).unwrap();
        let proof = tiles.inclusion(index).unwrap();
        prop_assert_eq!(&proof, &Naive::path(index as usize, &naive.0));
        verify_inclusion(&naive.0[index as usize], index, size, &proof, &head.root).unwrap();
        let proof = tiles.consistency(older).unwrap();
        prop_assert_eq!(&proof, &Naive::subproof(older as usize, &naive.0, true));
        verify_consistency(naive.head(older), head, &proof).unwrap();
    }

    #[test]
    fn a_changed_inclusion_proof_shows_nothing(size in 2u64..600, at in any::<prop::sample::Index>(), change in any::<prop::sample::Index>(), bit in 0usize..256) {
        let naive = Naive::new(size);
        let root = naive.head(size).root;
        let index = at.index(size as usize) as u64;
        let leaf = naive.0[index as usize];
        let good = Naive::path(index as usize, &naive.0);
        let check = |leaf: &Digest, index, size, proof: &[Digest]| verify_inclusion(leaf, index, size, proof, &root).is_ok();
        prop_assert!(check(&leaf, index, size, &good));
        let mut bad = good.clone();
        let place = change.index(bad.len());
        bad[place] = flip(&bad[place], bit);
        prop_assert!(!check(&leaf, index, size, &bad));
        prop_assert!(!check(&flip(&leaf, bit), index, size, &good));
        prop_assert!(!check(&leaf, index, size, &good[..good.len() - 1]));
        prop_assert!(!check(&leaf, index, size, &good[1..]));
        prop_assert!(!check(&leaf, index, size, &[&good[..], &[root]].concat()));
        let elsewhere = (index + 1) % size;
        prop_assert!(!check(&leaf, elsewhere, size, &good));
    }

    #[test]
    fn a_changed_consistency_proof_shows_nothing(size in 3u64..600, at in any::<prop::sample::Index>(), change in any::<prop::sample::Index>(), bit in 0usize..256) {
        let naive = Naive::new(size);
        let older = at.index(size as usize - 1) as u64 + 1;
        let good = Naive::subproof(older as usize, &naive.0, true);
        let (old, new) = (naive.head(older), naive.head(size));
        let check = |old, new, proof: &[Digest]| verify_consistency(old, new, proof).is_ok();
        prop_assert!(check(old, new, &good));
        let mut bad = good.clone();
        let place = change.index(bad.len());
        bad[place] = flip(&bad[place], bit);
        prop_assert!(!check(old, new, &bad));
        let [wrong_old, wrong_new] = [old, new].map(|head| TreeHead { root: flip(&head.root, bit), ..head });
        prop_assert!(!check(wrong_old, new, &good));
        prop_assert!(!check(old, wrong_new, &good));
        prop_assert!(!check(old, new, &good[..good.len() - 1]));
        prop_assert!(!check(old, new, &[&good[..], &[new.root]].concat()));
    }

    #[test]
    fn arbitrary_proofs_never_panic(older in any::<u64>(), newer in any::<u64>(), count in 0usize..70) {
        let hash = leaf_hash(b"x");
        let proof = vec![hash; count];
        let _ = verify_inclusion(&hash, older, newer, &proof, &hash);
        let heads = [older, newer].map(|size| TreeHead { size, root: hash });
        let _ = verify_consistency(heads[0], heads[1], &proof);
        let _ = inclusion_tiles(older % (1 << 62), 1 << 62);
        let _ = consistency_tiles(older % (1 << 62), 1 << 62);
    }
}

fn flip(hash: &Digest, bit: usize) -> Digest {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Digest::from_bytes(bytes)
}
