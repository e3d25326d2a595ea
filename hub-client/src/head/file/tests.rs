#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::tests::{head_with, small_head};
use super::*;

fn bytes(head: &Head) -> Vec<u8> {
    let mut bytes = Vec::new();
    head.write_to(&mut bytes).unwrap();
    bytes
}

/// A file with another body and a digest that fits it.
fn resealed(file: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let body = change(file.splitn(3, |&byte| byte == b'\n').nth(2).unwrap());
    let format = String::from_utf8_lossy(&file[..FORMAT.len()]);
    [
        format!("{format}\n{}\n", Digest::of(&body)).into_bytes(),
        body,
    ]
    .concat()
}

fn replaced(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    resealed(file, |body| {
        let at = body
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .unwrap();
        [&body[..at], to.as_bytes(), &body[at + from.len()..]].concat()
    })
}

#[test]
fn every_kind_of_head_comes_back_bit_for_bit() {
    for kind in [
        TransformKind::Standardise,
        TransformKind::CentredL2,
        TransformKind::L2,
        TransformKind::None,
    ] {
        let head = head_with(kind);
        let file = bytes(&head);
        assert_eq!(Head::read_from(file.as_slice()).unwrap(), head);
        assert_eq!(bytes(&Head::read_from(file.as_slice()).unwrap()), file);
    }
}

#[test]
fn where_a_version_comes_from_is_kept() {
    let now = "2026-05-06T07:08:09.123456789Z".parse().unwrap();
    let head = small_head().again(7, now);
    let read = Head::read_from(bytes(&head).as_slice()).unwrap();
    assert_eq!(read, head);
    assert_eq!(read.origin().unwrap().version, 7);
    // The second format does not know of it.
    let refused = Head::read_from(as_second(&bytes(&head)).as_slice()).unwrap_err();
    assert!(
        refused.to_string().contains("earlier versions"),
        "{refused}"
    );
}

#[test]
fn a_head_of_more_classes_than_are_trained_today_is_read() {
    let mut head = small_head();
    let classes = crate::head::CLASSES + 1;
    head.classes = (0..classes).map(|class| format!("class {class}")).collect();
    head.weights = Array2::ones((classes, head.weights.ncols()));
    head.bias = Array1::zeros(classes);
    head.abstention.limits.plausible_from = None;
    head.training.images_per_class = vec![1; classes];
    head.training.held_out = None;
    assert_eq!(Head::read_from(bytes(&head).as_slice()).unwrap(), head);
}

#[test]
fn any_truncation_is_found() {
    let file = bytes(&small_head());
    for length in 0..file.len() {
        assert!(Head::read_from(&file[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn any_changed_byte_is_found() {
    let file = bytes(&small_head());
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(Head::read_from(changed.as_slice()).is_err(), "byte {at}");
    }
}

#[test]
fn newer_formats_are_refused_in_words() {
    let file = bytes(&small_head());
    let newer = [b"hub-head/4", &file[FORMAT.len()..]].concat();
    let error = Head::read_from(newer.as_slice()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("newer hub in the format `hub-head/4`"),
        "{error}"
    );
    assert!(matches!(
        Head::read_from(&b"PK\x03\x04"[..]),
        Err(HeadError::NotAHead)
    ));
    assert!(matches!(
        Head::read_from(&b""[..]),
        Err(HeadError::NotAHead)
    ));
}

/// What a hub wrote that knew the first format only.
#[test]
fn the_first_format_is_still_read() {
    let head = small_head();
    let file = bytes(&head);
    let body = file.splitn(3, |&byte| byte == b'\n').nth(2).unwrap();
    let end = body.iter().position(|&byte| byte == b'\n').unwrap();
    let mut header: serde_json::Value = serde_json::from_slice(&body[..end]).unwrap();
    let remove = |value: &mut serde_json::Value, names: &[&str]| {
        for name in names {
            assert!(
                value.as_object_mut().unwrap().remove(*name).is_some(),
                "{name}"
            );
        }
    };
    remove(&mut header, &["abstention"]);
    let training = &mut header["training"];
    remove(
        training,
        &["unlabelled", "method", "suspects", "near-copies"],
    );
    remove(&mut training["settings"], &["method", "coverage"]);
    remove(
        &mut training["held-out"],
        &["reliability", "confusion", "answered"],
    );
    let last = header["tensors"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!(last[0], "references");
    let numbers = &body[end + 1..body.len() - 4 * 3 * head.abstention().references.nrows()];
    let body = [header.to_string().as_bytes(), b"\n", numbers].concat();
    let first = [
        format!("hub-head/1\n{}\n", Digest::of(&body)).as_bytes(),
        &body,
    ]
    .concat();

    let read = Head::read_from(first.as_slice()).unwrap();
    assert_eq!(read.weights(), head.weights());
    assert_eq!(read.training().method, crate::head::Method::Logistic);
    let predictions = read
        .predict(ndarray::array![[0.0_f32, 0.0, 9.0]].view(), &read.space())
        .unwrap();
    assert_eq!(predictions.plausible(0).len(), 1, "it always answers");
    assert!(!predictions.is_unlike(0));
}

/// What a hub wrote that had one limit for all classes.
#[test]
fn the_second_format_is_still_read() {
    let head = small_head_with_limits();
    let file = bytes(&head);
    let with_one = as_second(&replaced(
        &file,
        "\"plausible-from\":[0.5,0.5]",
        "\"plausible-from\":0.5",
    ));
    assert_eq!(Head::read_from(with_one.as_slice()).unwrap(), head);
    for (broken, what) in [
        (as_second(&file), "a list in the second format"),
        (
            replaced(
                &file,
                "\"plausible-from\":[0.5,0.5]",
                "\"plausible-from\":0.5",
            ),
            "a number in the third",
        ),
        (
            replaced(
                &file,
                "\"plausible-from\":[0.5,0.5]",
                "\"plausible-from\":[0.5]",
            ),
            "too few",
        ),
        (
            replaced(
                &file,
                "\"plausible-from\":[0.5,0.5]",
                "\"plausible-from\":[0.5,1.5]",
            ),
            "no share",
        ),
        (
            without_abstention(&file, FORMAT),
            "no limits in the third format",
        ),
        (
            without_abstention(&file, "hub-head/2"),
            "no limits in the second format",
        ),
    ] {
        let read = Head::read_from(broken.as_slice());
        assert!(
            matches!(read, Err(HeadError::Malformed { .. })),
            "{what}: {read:?}"
        );
    }
}

fn small_head_with_limits() -> Head {
    let mut head = small_head();
    head.abstention.limits.plausible_from = Some(vec![0.5; 2]);
    head
}

/// The same lines under the second format's name.
fn as_second(file: &[u8]) -> Vec<u8> {
    [b"hub-head/2", &file[FORMAT.len()..]].concat()
}

/// A file that does not say when its head abstains, sealed.
fn without_abstention(file: &[u8], format: &str) -> Vec<u8> {
    let changed = resealed(file, |body| {
        let end = body.iter().position(|&byte| byte == b'\n').unwrap();
        let mut header: serde_json::Value = serde_json::from_slice(&body[..end]).unwrap();
        assert!(
            header
                .as_object_mut()
                .unwrap()
                .remove("abstention")
                .is_some()
        );
        [header.to_string().as_bytes(), &body[end..]].concat()
    });
    [format.as_bytes(), &changed[FORMAT.len()..]].concat()
}

#[test]
fn well_sealed_nonsense_is_refused() {
    let file = bytes(&small_head());
    let huge = format!("[\"weights\",[2,{}]]", usize::MAX / 2);
    for (from, to) in [
        ("\"name\":", "\"novelty\":1,\"name\":"),
        ("[\"weights\",[2,3]]", huge.as_str()),
        ("[\"weights\",[2,3]]", "[\"weights\",[3,2]]"),
        ("[\"weights\",[2,3]]", "[\"bias\",[2,3]]"),
        ("[\"weights\",[2,3]]", "[\"weights\",[2,2]]"),
        ("\"name\":\"small\"", "\"name\":\"../small\""),
        ("\"transform\":\"centred-l2\"", "\"transform\":\"l2\""),
        ("\"classes\":[\"a\",\"b\"]", "\"classes\":[\"a\",\"a\"]"),
        ("\"classes\":[\"a\",\"b\"]", "\"classes\":[\"a\"]"),
        (",0]", ",7]"),
        ("\"images-per-class\":[", "\"images-per-class\":[3,"),
    ] {
        let error = Head::read_from(replaced(&file, from, to).as_slice()).unwrap_err();
        assert!(
            matches!(error, HeadError::Malformed { .. }),
            "{to}: {error}"
        );
    }
    let not_a_number = resealed(&file, |body| {
        let mut body = body.to_vec();
        let end = body.len();
        body[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        body
    });
    assert!(matches!(
        Head::read_from(not_a_number.as_slice()),
        Err(HeadError::Malformed { .. })
    ));
    let longer = resealed(&file, |body| [body, &[0; 4]].concat());
    assert!(matches!(
        Head::read_from(longer.as_slice()),
        Err(HeadError::Malformed { .. })
    ));
}
