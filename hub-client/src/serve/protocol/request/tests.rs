#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn with(input: &Value) -> Bytes {
    let mut image = json!({"name": "image", "shape": [1], "datatype": "BYTES"});
    let fields = image.as_object_mut().unwrap();
    fields.extend(input.as_object().unwrap().clone());
    Bytes::from(json!({"inputs": [image]}).to_string())
}

fn parsed(body: &Bytes) -> Result<Asked, RequestError> {
    parse(body, None, true)
}

#[track_caller]
fn refused(body: &Bytes, words: &str) {
    let error = parsed(body).unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    assert!(error.is_of_the_request());
}

/// A body with a binary part.
fn binary(size: usize, shape: &Value, part: &[u8]) -> (Bytes, usize) {
    let header = with(&json!({"shape": shape, "parameters": {"binary_data_size": size}}));
    (Bytes::from([&header[..], part].concat()), header.len())
}

#[test]
fn pictures_in_json_are_base64() {
    let pictures = |body: &Bytes| parsed(body).unwrap().pictures;
    let two = [Bytes::from_static(b"\xff\xd8!"), Bytes::from_static(b"ab")];
    for input in [
        json!({"shape": [2], "data": ["/9gh", "YWI="]}),
        json!({"shape": [2, 1], "data": [["/9gh"], ["YWI"]]}),
        json!({"shape": [2], "data": ["/9\ngh\n", "YWI="], "parameters": {"content_type": "base64", "headers": {}}}),
    ] {
        assert_eq!(pictures(&with(&input)), two);
    }
    // As some programs write a slash.
    let escaped = Bytes::from_static(
        br#"{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","data":["\/9gh"]}],"id":"7","model_name":"x"}"#,
    );
    let asked = parsed(&escaped).unwrap();
    assert_eq!(
        (asked.pictures, asked.id.as_deref()),
        (two[..1].to_vec(), Some("7"))
    );
}

#[test]
fn what_is_no_request_is_refused_with_the_reason() {
    refused(&Bytes::new(), "no inference request");
    refused(
        &Bytes::from_static(b"{\"inputs\": []}"),
        "one input is expected",
    );
    refused(
        &with(&json!({"name": "picture", "data": []})),
        "not `picture`",
    );
    refused(
        &with(&json!({"datatype": "UINT8", "data": []})),
        "not UINT8",
    );
    refused(&with(&json!({"data": [1, 2]})), "pictures as base64");
    refused(&with(&json!({"data": []})), "no picture");
    refused(&with(&json!({})), "neither `data` nor");
    refused(&with(&json!({"data": ["?"]})), "picture 0 is not base64");
    refused(
        &with(&json!({"data": ["YWI=", "YWI="]})),
        "not the shape of 2 pictures",
    );
    for shape in [json!([]), json!([1, 2]), json!([1, 1, 1]), json!([0, 1])] {
        refused(
            &with(&json!({"shape": shape, "data": ["YWI="]})),
            "not the shape",
        );
    }
    let kind = json!({"data": ["YWI="], "parameters": {"content_type": "pil"}});
    refused(&with(&kind), "content_type `pil`");
    let many = json!({"data": vec!["YWI="; PICTURES + 1]});
    refused(&with(&many), "more than 1024 pictures");
    let classification = json!({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["YWI="]}],
        "outputs": [{"name": "label", "parameters": {"classification": 3}}]});
    refused(&Bytes::from(classification.to_string()), "classification");
    let twice = json!({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["YWI="]}],
        "outputs": [{"name": "label"}, {"name": "state"}, {"name": "label", "parameters": {"binary_data": true}}]});
    refused(
        &Bytes::from(twice.to_string()),
        "`label` is asked for twice",
    );
}

#[test]
fn an_error_is_words_and_not_the_request() {
    let long = "x".repeat(5000);
    for input in [
        json!({"shape": long, "data": ["YWI="]}),
        json!({"shape": vec![1; 5000], "data": ["YWI="]}),
        json!({"name": long}),
        json!({"datatype": long}),
        json!({"data": ["YWI="], "parameters": {"content_type": long}}),
        json!({"data": [{long.clone(): 1}]}),
    ] {
        let error = parsed(&with(&input)).unwrap_err().to_string();
        assert!(error.len() < 400, "{error}");
    }
}

#[test]
fn pictures_in_the_binary_part_follow_their_lengths() {
    let part = b"\x02\0\0\0ab\x03\0\0\0\xff\xd8!";
    let (body, length) = binary(part.len(), &json!([2]), part);
    let asked = parse(&body, Some(length), true).unwrap();
    assert_eq!(asked.pictures, [&b"ab"[..], b"\xff\xd8!"]);
    assert!(!asked.is_binary);
    let refused = |body: &Bytes, length: usize, words: &str| {
        let error = parse(body, Some(length), true).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&body, body.len() + 1, "Inference-Header-Content-Length");
    refused(&body, length + 1, "no inference request");
    let (longer, length) = binary(part.len() + 1, &json!([2]), part);
    refused(&longer, length, "13 bytes, and 14 are announced");
    let (cut, length) = binary(8, &json!([2]), &part[..8]);
    refused(&cut, length, "picture 1");
    let (cut, length) = binary(12, &json!([2]), &part[..12]);
    refused(&cut, length, "picture 1");
    let both = with(&json!({"data": ["YWI="]}));
    let length = both.len();
    let both = Bytes::from([&both[..], b"more"].concat());
    refused(&both, length, "4 bytes, and 0 are announced");
}

#[test]
fn a_raw_request_is_one_picture() {
    for body in [&b"\xff\xd8!"[..], b"\x03\0\0\0\xff\xd8!"] {
        let asked = parse(&Bytes::from_static(body), Some(0), false).unwrap();
        assert_eq!(asked.pictures, [&b"\xff\xd8!"[..]]);
        assert!(asked.is_binary);
    }
    let asked = parse(&Bytes::from_static(b"ab"), Some(0), true).unwrap();
    assert_eq!((asked.pictures.len(), asked.is_binary), (1, false));
    let empty = parse(&Bytes::new(), Some(0), true);
    assert!(matches!(empty, Err(RequestError::NoPicture)));
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        length in proptest::option::of(0_usize..220),
    ) {
        let _ = parse(&Bytes::from(bytes), length, false);
    }

    #[test]
    fn any_binary_part_is_pictures_or_an_error(part in proptest::collection::vec(0_u8..6, 0..60)) {
        let (body, length) = binary(part.len(), &json!([1]), &part);
        if let Ok(asked) = parse(&body, Some(length), false) {
            prop_assert_eq!(asked.pictures.len(), 1);
            prop_assert_eq!(asked.pictures[0].len() + 4, part.len());
        }
    }
}
