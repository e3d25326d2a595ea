//! `WWW-Authenticate` of somebody else's registry. The module stands on its own, so the target takes its source alone.
#![no_main]
use libfuzzer_sys::fuzz_target;

#[path = "../../src/registry/blob_mirror/challenge.rs"]
mod challenge;

fuzz_target!(|header: &str| {
    if let Some(challenge::Challenge::Bearer(bearer)) = challenge::Challenge::parse(header) {
        let said = [Some(bearer.realm), bearer.service, bearer.scope];
        assert!(said.iter().flatten().all(|said| header.contains(said)));
    }
});
