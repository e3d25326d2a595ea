//! The body of `add-checkpoint`, asked of a witness at work.
#![no_main]
use std::sync::LazyLock;

use hub_client::witness::{Witness, create};
use libfuzzer_sys::fuzz_target;

const LOG: &str = "hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

static WITNESS: LazyLock<Witness> = LazyLock::new(|| {
    let folder = tempfile::tempdir()
        .expect("a temporary folder")
        .keep()
        .join("witness");
    create(&folder, "witness.example.net/w1".parse().expect("a name")).expect("a witness");
    Witness::open(&folder, vec![LOG.parse().expect("a key")]).expect("it opens")
});

fuzz_target!(|bytes: &[u8]| {
    // Only the checkpoint of the seed is signed by the log: whatever is cosigned has its three entries.
    if WITNESS.add_checkpoint(bytes, 1_800_000_000).is_ok() {
        let text = String::from_utf8_lossy(bytes);
        assert!(
            text.contains(
                "hub.example.org/log1\n3\n1PlqgnQngUCe1KetZ9rgu/BO0Q6SBh2SwhLzGvF6n/o=\n"
            )
        );
    }
});
