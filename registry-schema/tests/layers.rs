//! Modules import lower floors only, and each outside thing has one door.

#[path = "support/layers.rs"]
mod support;

use support::{Crate, Door};

#[test]
fn modules_import_lower_floors_only() {
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_floors(&[
        &["hex", "limits", "text", "interval"],
        &["digest", "name", "content"],
        &["reference", "keys", "preprocess"],
        &["manifest", "envelope", "onnx", "log"],
        &[
            "statement",
            "tuf",
            "compatibility",
            "graph",
            "model_signing",
        ],
        &["trust_root"],
        &["threshold"],
        &["verify"],
        &["receipt", "api"],
        &["mirror"],
    ]);
}

#[test]
fn parts_of_the_log_import_lower_floors_only() {
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_inner_floors(
        "log",
        &[
            &["text", "hash", "cosignature"],
            &["tile"],
            &["entry", "note"],
            &["checkpoint", "tree"],
            &["proof"],
            &["policy"],
        ],
    );
}

#[test]
fn the_schema_is_pure() {
    let doors = [
        Door {
            thing: "std::fs",
            allowed: &[],
        },
        Door {
            thing: "std::net",
            allowed: &[],
        },
        Door {
            thing: "std::time",
            allowed: &[],
        },
        Door {
            thing: "std::env",
            allowed: &[],
        },
        Door {
            thing: "async ",
            allowed: &[],
        },
        Door {
            thing: "Timestamp::now",
            allowed: &[],
        },
        // Enough signatures or too few: `threshold` says it of statements, `sigstore-tuf` of the trust
        // root; `provider` is its cryptography, `signed` only tells people who is missing.
        Door {
            thing: "verifies(",
            allowed: &[
                "keys",
                "threshold",
                "model_signing",
                "tuf/provider.rs",
                "tuf/signed.rs",
                "log/note/key.rs",
            ],
        },
        Door {
            thing: "sigstore_crypto::",
            allowed: &["tuf/provider.rs"],
        },
    ];
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_doors(&doors);
}
