//! Pictures: the check of their form, and the decoders behind it.
#![no_main]
use hub_client::runtime::decode::{DecodeLimits, Picture};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = DecodeLimits {
        pixels: 1 << 16,
        file_bytes: 1 << 20,
    };
    if let Ok(picture) = Picture::decode(bytes, "fuzz", &limits) {
        let pixels = u64::from(picture.width) * u64::from(picture.height);
        assert!(pixels <= limits.pixels);
        assert_eq!(
            picture.samples.len() as u64,
            pixels * picture.channels.count() as u64
        );
    }
});
