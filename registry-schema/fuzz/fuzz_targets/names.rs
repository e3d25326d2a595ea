//! Everything that is one word: names, references, versions, digests, key ids, keys.
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::digest::Digest;
use registry_schema::keys::{KeyId, PublicKey, SecretKey};
use registry_schema::model_signing::ModelPublicKey;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::{FeatureSpace, Reference, Requirement, parse_version};

fuzz_target!(|text: &str| {
    again::<Name>(text);
    again::<MemberName>(text);
    again::<Reference>(text);
    again::<Requirement>(text);
    again::<FeatureSpace>(text);
    again::<Digest>(text);
    again::<KeyId>(text);
    if let Ok(version) = parse_version(text) {
        assert_eq!(version.to_string(), text);
    }
    let _ = (
        PublicKey::from_pem(text),
        SecretKey::from_pem(text),
        ModelPublicKey::from_pem(text),
    );
});

/// What was read is written so that it is read as the same.
fn again<T: std::str::FromStr + ToString + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert!(
            value
                .to_string()
                .parse::<T>()
                .is_ok_and(|read| read == value),
            "{text}"
        );
    }
}
