//! Modules import lower floors only, and each outside thing has one door.

#[path = "../../registry-schema/tests/support/layers.rs"]
mod support;

use support::{Crate, Door};

#[test]
fn modules_import_lower_floors_only() {
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_floors(&[
        &["repository"],
        &["config", "cause"],
        &["database", "blobs"],
        &["tokens", "attempts", "log", "trust"],
        &["uploads", "answers", "deltas"],
        &["app"],
        &["inspection", "resolve", "log_folder", "tls", "metrics"],
        &["publish", "oci"],
        &["yank", "attach", "members_say"],
        &["trust_change", "pages"],
        &["index", "error", "traffic"],
        &[
            "restore",
            "migrate_store",
            "mirror",
            "auth",
            "journal",
            "freshness",
        ],
        &["routes"],
        &["server", "doctor"],
        &["commands"],
    ]);
}

#[test]
fn each_outside_thing_has_one_door() {
    let doors = [
        Door {
            thing: "diesel",
            allowed: &["database/"],
        },
        Door {
            thing: "actix_web",
            allowed: &[
                "auth.rs",
                "error/",
                "freshness.rs",
                "journal.rs",
                "routes/",
                "server.rs",
                "traffic.rs",
            ],
        },
        Door {
            thing: "prometheus_client",
            allowed: &["metrics.rs"],
        },
        Door {
            thing: "std::fs",
            allowed: &[
                "app.rs",
                "blobs.rs",
                "deltas/mod.rs",
                "inspection.rs",
                "log/keys.rs",
                "trust/keys.rs",
                "log_folder.rs",
                "mirror/follow.rs",
                "mirror/mod.rs",
                "routes/download.rs",
                "server.rs",
                "tls.rs",
            ],
        },
        Door {
            thing: "sha2::",
            allowed: &["repository/digest.rs"],
        },
        Door {
            thing: "reqwest::",
            allowed: &["log/witnesses/ask.rs"],
        },
        Door {
            thing: "verify_release(",
            allowed: &["app.rs", "publish/"],
        },
    ];
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_doors(&doors);
}
