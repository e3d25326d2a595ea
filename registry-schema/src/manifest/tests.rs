#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

pub(crate) const EXAMPLE: &str = r##"
name = "acme/passport-extractor"
version = "2.1.0"
summary = "Layout and text of identity documents"
license = "Apache-2.0"
tags = ["documents", "passport"]
domain = "documents"

[input]
tensor = "input"
width = 224
height = 224
alpha = "#ffffff"
resize = { mode = "exact", filter = "bicubic" }
normalize = { mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }

[output]
tensor = "features"
dimension = 1280

[provenance]
datasets = [{ name = "ImageNet-1k", license = "LicenseRef-ImageNet" }]
contributors = [{ name = "acme", gave = ["data", "compute"] }]
"##;

#[test]
fn toml_and_json_carry_the_same() {
    let manifest = Manifest::from_toml(EXAMPLE).unwrap();
    let json = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    assert_eq!(
        Manifest::from_toml(&manifest.to_toml().unwrap()).unwrap(),
        manifest
    );
    assert_eq!(
        manifest.feature_space().to_string(),
        "acme/passport-extractor@2"
    );
}

#[test]
fn mistakes_are_named() {
    let cases = [
        ("name = ", "nome = ", "nome"),
        ("\"2.1.0\"", "\"2.1\"", "version"),
        ("2.1.0", "2.1.0+x", "build metadata"),
        ("Apache-2.0", "UNKNOWN", "SPDX"),
        ("LicenseRef-ImageNet", "free", "SPDX"),
        ("[\"documents\", ", "[\"Dokumente!\", ", "Dokumente!"),
        ("dimension = 1280", "dimension = 0", "dimension"),
        (
            "dimension = 1280",
            "dimension = 2\nnames = [\"red\"]",
            "names",
        ),
        ("width = 224", "width = 224\nwitdh = 3", "witdh"),
        ("Layout and text of identity documents", "", "summary"),
        (
            "domain = \"documents\"",
            "domain = \"documents\"\nfiles = { a = 1 }",
            "remove",
        ),
        (
            "domain = \"documents\"",
            "domain = \"documents\"\nprobes = { cosine = 0.5 }",
            "tighten",
        ),
        ("#ffffff", "white", "colour"),
    ];
    for (from, to, word) in cases {
        let error = Manifest::from_toml(&EXAMPLE.replacen(from, to, 1)).unwrap_err();
        let source = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        let message = format!("{error}: {source}");
        assert!(message.contains(word), "{message} should name {word}");
    }
}

#[test]
fn paths_stay_inside_and_kinds_are_listed() {
    for good in [
        "model.onnx",
        "README.md",
        "probes/one_2-x.png",
        "a/b/c.json",
    ] {
        assert!(check_file_path(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "/model.onnx",
        "../model.onnx",
        "a/../b.png",
        "a//b.png",
        ".git/x.png",
        "a\\b.png",
        "model.so",
        "x.pt",
        "model.onnx.exe",
        "a/.hidden.png",
        "ü.png",
        "a\0.png",
        "model",
        "x.png/",
        "nul./a.png",
        "c:x.png",
    ] {
        assert!(check_file_path(bad).is_err(), "{bad:?} must be refused");
    }
}

#[test]
fn probe_vectors_are_checked() {
    let three =
        |text: &str| format!("{{\"v\":1,\"vectors\":{{\"a\":{text},\"b\":[1,2],\"c\":[1,2]}}}}");
    assert!(ProbeVectors::parse(three("[1.5,2]").as_bytes(), 2).is_ok());
    for (text, word) in [("[1]", "values"), ("[1,1e99]", "")] {
        let error = ProbeVectors::parse(three(text).as_bytes(), 2)
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(ProbeVectors::parse(b"{\"v\":1,\"vectors\":{}}", 2).is_err());
}
