//! `X-Forwarded-For` and `Forwarded`: whose request it is.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|said: &[u8]| hub_server::fuzz::forwarded(said));
