//! `.tlog-proof` files, inclusion and consistency.
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::digest::Digest;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::policy::Policy;
use registry_schema::log::proof::{LogProof, TreeHead, verify_consistency, verify_inclusion};
use registry_schema_fuzz::LOG_POLICY;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = LogProof::parse(bytes) {
        assert_eq!(
            LogProof::parse(proof.to_string().as_bytes()).as_ref(),
            Ok(&proof)
        );
        let leaf = leaf_hash(b"entry");
        let _ = Policy::parse(LOG_POLICY)
            .expect("a policy")
            .check_proof(&proof, &leaf);
        if let Ok(checkpoint) = Checkpoint::of_note(&proof.checkpoint) {
            let _ = proof.verify_inclusion(&leaf, &checkpoint);
        }
    }
    // Two sizes, an index, and hashes.
    let Some((numbers, rest)) = bytes.split_first_chunk::<24>() else {
        return;
    };
    let (numbers, _) = numbers.as_chunks::<8>();
    let [first, second, index] = [0, 1, 2].map(|at| u64::from_le_bytes(numbers[at]));
    let (hashes, _) = rest.as_chunks::<32>();
    let hashes: Vec<_> = hashes
        .iter()
        .map(|hash| Digest::from_bytes(*hash))
        .collect();
    let head = |size| TreeHead {
        size,
        root: leaf_hash(b"root"),
    };
    let refused = verify_consistency(head(first), head(second), &hashes);
    assert!(
        refused.is_err() || first == 0 || first == second,
        "nobody finds such hashes"
    );
    assert!(verify_inclusion(&leaf_hash(b"leaf"), index, second, &hashes, &head(0).root).is_err());
});
