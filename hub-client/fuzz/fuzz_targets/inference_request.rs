//! A request to `hub serve` by the Open Inference Protocol: JSON, a binary part, or one picture.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|asked: &[u8]| hub_client::serve::fuzz_request(asked));
