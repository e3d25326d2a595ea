//! What the targets share: a consortium whose keys sign what the fuzzer makes, so that it gets past the signatures.

use std::sync::LazyLock;

use jiff::Timestamp;
use registry_schema::keys::SecretKey;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::{Draft, Plan};

/// When everything happens.
pub const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// A log, its key's seed is 32 times 7, and a witness, 32 times 9.
pub const LOG_POLICY: &str =
    "log hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs
witness w1 witness.example.net/w1+63fbd762+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY
quorum w1
";

/// The key of member number `n`.
pub fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// acme (1) and beta (2), and `passport-extractor`, which both own.
pub static ROOT: LazyLock<ConsortiumRoot> = LazyLock::new(|| {
    let bundle = &*BUNDLE;
    ConsortiumRoot::verify(bundle, &bundle.anchor(), NOW)
        .expect("a bundle that was founded verifies")
});

/// The same as metadata.
pub static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let members = [("acme", 101), ("beta", 102)];
    let keys = members.map(|(name, n)| (name.parse().expect("a name"), key(n).public()));
    let plan = Plan::new(
        "fuzz",
        keys.into(),
        [].into(),
        LOG_POLICY.into(),
        key(200).public(),
    );
    let mut draft = Draft::found(&plan.expect("a plan"), NOW).expect("a draft");
    for n in [1, 2] {
        draft
            .sign(&key(100 + n), &[key(n).public()])
            .expect("a member signs");
    }
    Bundle::found(&draft, &key(200), NOW).expect("both signed")
});
