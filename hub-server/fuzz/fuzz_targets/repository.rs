//! Names of repositories and digests, as they stand in the paths of the OCI protocol.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| hub_server::fuzz::repository(text));
