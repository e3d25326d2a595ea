//! A manifest that is pushed to a repository of the OCI protocol.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pushed: &[u8]| hub_server::fuzz::manifest(pushed));
