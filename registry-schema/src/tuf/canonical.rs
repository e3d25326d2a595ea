//! The bytes that TUF signatures cover: OLPC canonical JSON.

use serde::Serialize;

use super::TufError;

/// A value as canonical JSON: keys sorted, no white space, only `"` and `\` escaped, integers only.
///
/// Implementations differ about text outside ASCII (some normalise it) and control characters, so
/// neither may be in what we sign; names, hex digits, times and paths need none.
///
/// # Errors
/// [`TufError::NotCanonical`] for such a text or a number with a fraction.
pub(super) fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, TufError> {
    let mut bytes = Vec::new();
    let formatter = olpc_cjson::CanonicalFormatter::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            &mut bytes, formatter,
        ))
        .map_err(|source| TufError::NotCanonical {
            reason: source.to_string(),
        })?;
    match bytes.iter().find(|byte| !(b' '..=b'~').contains(*byte)) {
        None => Ok(bytes),
        Some(byte) => Err(TufError::NotCanonical {
            reason: format!("byte {byte:#04x} in a text"),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn sorted_compact_and_ascii() {
        let value = json!({"b": [1, 2], "a": {"y": true, "x": "a\"b\\c/"}});
        assert_eq!(
            canonical(&value).unwrap(),
            br#"{"a":{"x":"a\"b\\c/","y":true},"b":[1,2]}"#
        );
        for refused in [
            json!({"a": 1.5}),
            json!("é"),
            json!("a\nb"),
            json!("\u{7f}"),
        ] {
            assert!(canonical(&refused).is_err(), "{refused}");
        }
    }
}
