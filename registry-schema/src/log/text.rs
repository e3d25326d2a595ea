//! What the log's text formats have in common: decimals without leading zeros, hashes in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::digest::Digest;

/// A decimal of digits only, without leading zeros unless it is `0`.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let is_canonical = text == "0" || !text.starts_with('0');
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_canonical && is_digits).then(|| text.parse().ok())?
}

/// 44 characters of base64 with padding.
pub(super) fn encode_hash(hash: &Digest) -> String {
    BASE64.encode(hash.as_bytes())
}

/// A hash from 44 characters of base64 with padding, in their one canonical form.
pub(super) fn decode_hash(text: &str) -> Option<Digest> {
    if text.len() != 44 {
        return None;
    }
    let bytes = BASE64.decode(text).ok()?;
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}

/// At most 80 characters of something foreign, for messages.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn decimals_and_hashes_have_one_spelling() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for bad in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "0x1",
            "18446744073709551616",
            "１",
        ] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
        let hash = Digest::of(b"x");
        let text = encode_hash(&hash);
        assert_eq!(decode_hash(&text), Some(hash));
        for bad in [
            &text[..43],
            &format!("{text}="),
            "",
            &text.replace('=', "A"),
        ] {
            assert_eq!(decode_hash(bad), None, "{bad}");
        }
    }
}
