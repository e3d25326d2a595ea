//! What a witness signs (C2SP `tlog-cosignature`, `cosignature/v1`).
//!
//! The message is the time and the whole text of the checkpoint; the signature in the note carries
//! the time before the 64 bytes of Ed25519. A second kind, ML-DSA-44, has its own type byte and is
//! read as the signature of an unknown key until it is built.

/// Bytes of a cosignature after the key id: the time and an Ed25519 signature.
pub const COSIGNATURE_BYTES: usize = 8 + 64;

/// What is signed: `cosignature/v1`, the time in seconds since 1970, and the text through its last
/// line feed.
pub fn signed_message(checkpoint_text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{checkpoint_text}").into_bytes()
}

/// A cosignature's bytes in a note.
pub(super) fn encode(time: u64, signature: &[u8; 64]) -> Vec<u8> {
    [&time.to_be_bytes()[..], signature].concat()
}

/// The time and the signature; `None` for another length.
pub(super) fn decode(bytes: &[u8]) -> Option<(u64, &[u8; 64])> {
    let (time, signature) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*time), signature.try_into().ok()?))
}
