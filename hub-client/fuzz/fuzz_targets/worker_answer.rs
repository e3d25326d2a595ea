//! What a worker, which an extractor may have taken over, says over its pipe.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| hub_client::worker::fuzz_answers(bytes));
